"""What a catalogue lacks is told from examples, and held-out figures are honest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from gobelin.experiment import run as run_experiment
from gobelin.readers._learned import Column, learn
from gobelin.service import Run

pytestmark = pytest.mark.usefixtures("own_cache")
RNG = np.random.default_rng


def column(labels: np.ndarray, many: bool = False) -> Column:
    return Column(csr_array(np.eye(labels.max() + 1, dtype=np.float32)[labels]), many)


def blobs(count: int, kinds: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    labels = np.arange(count) % kinds
    centres = RNG(5).normal(size=(kinds, 8))
    return (centres[labels] + rng.normal(0, noise, (count, 8))).astype(np.float32), labels


def test_clear_kinds_are_told_on_new_items_and_so_it_was_said() -> None:
    vectors, labels = blobs(300, 4, 0.4)
    (found,) = learn([vectors], [column(labels)], [str(i) for i in range(300)], rng=RNG(0)) or [None]
    assert found is not None and found.right > 0.95
    new, truth = blobs(200, 4, 0.4, seed=1)
    told = found.probabilities([new])
    assert np.allclose(told.sum(axis=1), 1)
    assert (told.argmax(axis=1) == truth).mean() > 0.95


def test_probabilities_mean_what_they_say_on_new_items() -> None:
    """Kinds that overlap: the mean confidence is the share that is right."""
    vectors, labels = blobs(800, 3, 1.8)
    (found,) = learn([vectors], [column(labels)], [str(i) for i in range(800)], rng=RNG(0)) or [None]
    new, truth = blobs(2_000, 3, 1.8, seed=1)
    assert found is not None
    told = found.probabilities([new])
    right = (told.argmax(axis=1) == truth).mean()
    assert 0.5 < right < 0.9
    assert told.max(axis=1).mean() == pytest.approx(right, abs=0.06)
    assert found.right == pytest.approx(right, abs=0.06)


def test_variants_of_one_product_do_not_flatter_the_figure() -> None:
    """Six variants share a vector, and labels are noise: only by a variant on the other side could they be told."""
    products = np.repeat(np.arange(60), 6)
    vectors = RNG(0).normal(size=(60, 8)).astype(np.float32)[products]
    labels = RNG(1).integers(0, 2, 60)[products]
    grouped = learn([vectors], [column(labels)], products.astype(str).tolist(), rng=RNG(0))
    loose = learn([vectors], [column(labels)], [str(i) for i in range(360)], rng=RNG(0))
    assert grouped is not None and loose is not None
    assert loose[0].right > 0.95 and grouped[0].right < 0.7


def test_two_senses_that_each_tell_a_half_tell_all_together() -> None:
    labels = np.arange(400) % 4
    one = (np.eye(2)[labels % 2] + RNG(0).normal(0, 0.2, (400, 2))).astype(np.float32)
    other = (np.eye(2)[labels // 2] + RNG(1).normal(0, 0.2, (400, 2))).astype(np.float32)
    groups = [str(i) for i in range(400)]
    alone, both = (
        learn([one], [column(labels)], groups, rng=RNG(0)),
        learn([one, other], [column(labels)], groups, rng=RNG(0)),
    )
    assert alone is not None and both is not None
    assert alone[0].right < 0.6 and both[0].right > 0.95


def test_values_of_a_list_stand_each_for_itself() -> None:
    rng = RNG(0)
    has = rng.random((400, 3)) < (0.5, 0.3, 0.2)
    has[~has.any(axis=1), 0] = True
    vectors = (has + rng.normal(0, 0.2, has.shape)).astype(np.float32)
    found = learn(
        [vectors], [Column(csr_array(has.astype(np.float32)), many=True)], [str(i) for i in range(400)], rng=RNG(0)
    )
    assert found is not None and found[0].right > 0.95
    told = found[0].probabilities([np.array([[1, 1, 0], [0, 0, 1]], dtype=np.float32)]) > 0.5
    assert told.tolist() == [[True, True, False], [False, False, True]]


def test_too_few_items_or_products_teach_nothing() -> None:
    vectors, labels = blobs(18, 2, 0.1)
    assert learn([vectors], [column(labels)], [str(i) for i in range(18)], rng=RNG(0)) is None
    vectors, labels = blobs(100, 2, 0.1)
    assert learn([vectors], [column(labels)], [str(i % 4) for i in range(100)], rng=RNG(0)) is None


@pytest.fixture(scope="module")
def run(small_shop: Path, tmp_path_factory: pytest.TempPathFactory, own_cache: None) -> Run:
    """A run over a shop in which the first ten items lack their brand, and `fabric` follows the words of the title."""
    import shutil

    folder = tmp_path_factory.mktemp("filling")
    shutil.copytree(small_shop, folder / "shop")
    items = pd.read_csv(folder / "shop" / "items.csv", dtype=str)
    soft = items["categories"].str.contains("Textiles|Carry")
    items["fabric"] = np.where(soft, "soft", "hard")
    items.loc[:9, ["brand", "fabric"]] = None
    items.to_csv(folder / "shop" / "items.csv", index=False)
    settings = ["tune.trials=2", "report.resamples=100", "encoders.text.part=words", "encoders.image.part=descriptors"]
    run_experiment(folder / "shop", folder / "run", recipe="fast", settings=settings, split="random", baselines=False)
    return Run.open(folder / "run")


def test_a_lacking_value_is_predicted_with_its_figure_and_a_given_one_is_left_alone(run: Run) -> None:
    filling, items = run._filling, run.served.items
    assert "product_code" not in filling.columns, "codes have no value that products share"
    truth = [
        "soft" if run.served.cards.categories[row].split("|")[0] in ("Textiles", "Carry") else "hard"
        for row in range(10)
    ]
    told = {row: one for row in range(10) for one in filling.predict(row) if one.attribute == "fabric"}
    assert len(told) >= 5
    assert np.mean([one.value == truth[row] for row, one in told.items()]) > 0.7
    assert all("right on held-out products" in one.source and one.confidence >= 0.5 for one in told.values())
    assert not [one for one in filling.predict(20) if one.attribute in ("fabric", "brand")]
    assert len(items) > 20


def test_an_item_without_any_sense_gets_no_prediction(run: Run) -> None:
    from gobelin.service.filling import Filling
    from gobelin.values import FeatureTable

    table = run.served.table
    bare = {
        name: f if f.modality == "attributes" else f.without(np.arange(len(table.ids)) == 0)
        for name, f in table.features.items()
    }
    assert Filling(replace(run.served, table=FeatureTable(table.ids, bare))).predict(0) == []


def test_a_column_that_an_encoder_reads_is_not_told_from_it(run: Run) -> None:
    """`words` reads the categories: they may be told from the picture alone."""
    filling = run._filling
    assert "categories" in filling.columns and "categories" in run.served.encoders["text"].fields
    row = int(np.flatnonzero(run.served.table["image"].present)[0])
    known = filling.columns["categories"]
    given = known.given.copy()
    given[row] = False
    filling.columns["categories"] = replace(known, given=given)
    told = [one for one in filling.predict(row, 0.0) if one.attribute == "categories"]
    assert told and all(one.source.startswith("predicted from image,") for one in told)
    filling.columns["categories"] = known


def test_attributes_of_an_item_join_the_catalogue_the_readers_and_the_predictions(run: Run) -> None:
    row = next(i for i in range(10, 160) if run.served.cards.images[i])
    found = run.attributes(run.served.items[row])
    by_source: dict[str, set[str]] = {}
    for one in found.readings:
        by_source.setdefault(one.source.split(" ")[0], set()).add(one.attribute)
    assert {"price", "categories", "fabric"} <= by_source["catalogue"]
    assert {"colour", "concept"} & by_source["image"] and all("gobelin models get" in note for note in found.notes)
    assert found.frame()["confidence"].between(0, 1).all()
    assert found.as_json()["attributes"][0].keys() == {"attribute", "value", "confidence", "source"}


def test_without_the_data_sets_folder_what_the_run_keeps_is_read_and_it_says_so(run: Run, tmp_path: Path) -> None:
    gone = Run(run.folder)
    gone.__dict__["served"] = replace(run.served, root=tmp_path / "gone")
    found = gone.attributes(run.served.items[12])
    assert "gone: only what the run keeps" in found.notes[0]
    assert found.title and not [one for one in found.readings if one.source == "catalogue"]
