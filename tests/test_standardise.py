"""Standardisation: each step by its formula, fitted on training items alone, carried by a run to wishes and updates."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.covariance import oas as sklearn_oas

from gobelin import recipe as recipes
from gobelin import store
from gobelin.arrays import Array, Bool, Float32
from gobelin.data.dataset import Dataset
from gobelin.encoding import encode
from gobelin.errors import RecipeError
from gobelin.experiment import run
from gobelin.features.standardise import Standardiser, Step, oas, steps_of
from gobelin.features.wish import encode_wish
from gobelin.service import Run, searching
from gobelin.updating import update
from gobelin.values import Features, Vocabulary

ROWS = np.arange(300, dtype=np.int32)


def features(values: object, present: Bool[Array, " rows"] | None = None) -> Features:
    n = values.shape[0]  # type: ignore[attr-defined]
    here = np.ones(n, dtype=bool) if present is None else present
    return Features("x", "image", Vocabulary([str(i) for i in range(n)]), values, here)


def mixed(n: int = 300, dim: int = 6, seed: int = 0) -> Float32[Array, "rows dim"]:
    """Correlated columns in different units, off zero."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim)) * 10.0 ** np.arange(dim) + 5).astype(np.float32)


def standardised(values: object, *steps: str, train: Array = ROWS) -> Features:
    table = features(values)
    return Standardiser.fit(steps, table, train).apply(table)


def test_centring_and_scaling_give_columns_of_mean_zero_and_deviation_one() -> None:
    values = mixed()
    assert np.allclose(standardised(values, "centre").values.mean(axis=0) / values.std(axis=0), 0, atol=1e-5)
    scaled = standardised(values, "scale").values
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-5)


def test_a_constant_column_becomes_zero_instead_of_its_rounding() -> None:
    values = mixed()
    values[:, 2] = np.float32(0.1)
    out = standardised(values, "scale").values
    assert not out[:, 2].any()
    assert np.isfinite(out).all()


def test_whitening_gives_uncorrelated_columns_that_stay_nearest_to_the_old_ones() -> None:
    values = standardised(mixed(), "scale").values
    white = standardised(values, "whiten:0").values.astype(np.float64)
    assert np.allclose(white.T @ white / 300, np.eye(6), atol=1e-4)
    # ZCA: the cross-covariance with the data is symmetric (Kessy et al., 2018), which no other whitening has
    across = white.T @ (values - values.mean(axis=0)) / 300
    assert np.allclose(across, across.T, atol=1e-4)
    sphere = standardised(values, "sphere:4:0").values
    assert np.allclose(sphere.T @ sphere / 300, np.eye(4), atol=1e-4)


def test_principal_axes_agree_with_a_singular_value_decomposition() -> None:
    values = mixed(dim=8)
    out = standardised(values, "pca:3").values
    centred = values.astype(np.float64) - values.astype(np.float64).mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :3] * sizes[:3]
    assert np.allclose(np.abs(out) / sizes[:3], np.abs(expected) / sizes[:3], atol=1e-4)
    assert standardised(values[:3], "pca:100", train=np.arange(3)).dim == 2, "three rows span two directions"


def test_shrinkage_by_oas_is_that_of_scikit_learn() -> None:
    values = mixed(40, 12).astype(np.float64)
    values /= values.std(axis=0)
    _, share = sklearn_oas(values)
    assert oas(np.cov(values.T, bias=True), 40) == pytest.approx(share)


def test_full_shrinkage_only_scales_all_columns_alike() -> None:
    values = standardised(mixed(), "scale").values
    out = standardised(values, "whiten:1").values
    assert np.allclose(out, values * (out[0, 0] / values[0, 0]), atol=1e-4)


def test_roots_and_unit_rows_by_hand() -> None:
    values = np.array([[4, -9, 0], [3, 0, 4]], dtype=np.float32)
    rows = np.arange(2)
    assert standardised(values, "power", train=rows).values.tolist() == [[2, -3, 0], [np.sqrt(np.float32(3)), 0, 2]]
    assert np.allclose(standardised(values, "unit", train=rows).values[1], [0.6, 0, 0.8])
    sparse = standardised(csr_array(values), "power", "unit", train=rows)
    assert sparse.sparse
    assert np.allclose(sparse.values.toarray(), standardised(values, "power", "unit", train=rows).values)


def test_idf_by_hand_and_svd_keeps_what_lies_in_its_directions() -> None:
    values = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 2]], dtype=np.float32)
    out = standardised(csr_array(values), "idf", train=np.arange(3)).values.toarray()
    assert np.allclose(out, values * [1, np.log(4 / 2) + 1, np.log(4 / 2) + 1])
    rng = np.random.default_rng(0)
    low = (rng.random((60, 3)) @ rng.random((3, 20))).astype(np.float32)  # of rank 3
    reduced = standardised(csr_array(low), "svd:5", train=np.arange(60))
    assert reduced.dim == 3, "no direction beyond the rank"
    assert np.allclose(reduced.values @ reduced.values.T, low @ low.T, atol=1e-3)


def test_rows_outside_training_and_absent_rows_are_never_read() -> None:
    values, train = mixed(), np.arange(200)
    poisoned = values.copy()
    poisoned[200:] = 1e6
    poisoned[7] = np.nan
    present = np.arange(300) != 7
    for steps in (("scale", "pca:3", "unit"), ("whiten",), ("power", "sphere:4")):
        one = Standardiser.fit(steps, features(values, present), train)
        other = Standardiser.fit(steps, features(poisoned, present), train)
        for mine, yours in zip(one.learned, other.learned, strict=True):
            assert all(np.array_equal(mine[name], yours[name]) for name in mine)
    out = one.apply(features(poisoned, present))
    assert np.isfinite(out.values[present]).all()
    assert not out.present[7]
    assert not out.values[7].any()


@hypothesis_settings(max_examples=20)
@given(st.sampled_from([("scale", "pca:4", "unit"), ("whiten", "power"), ("centre",)]), st.integers(0, 299))
def test_a_row_alone_gets_what_it_gets_among_others(steps: tuple[str, ...], row: int) -> None:
    table = features(mixed())
    fitted = Standardiser.fit(steps, table, ROWS)
    whole = fitted.apply(table)
    assert np.array_equal(fitted.apply(table.take(np.array([row]))).values[0], whole.values[row])
    assert np.allclose(fitted.vector(table.values[row]), whole.values[row], atol=1e-5)


def test_many_blocks_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    from gobelin.features import standardise

    dense, sparse = features(mixed()), features(csr_array(np.maximum(mixed(dim=5), 0)))
    for table, steps in ((dense, ("scale", "whiten", "unit")), (sparse, ("idf", "svd:3", "scale"))):
        whole = Standardiser.fit(steps, table, ROWS).apply(table)
        monkeypatch.setattr(standardise, "_AT_ONCE", 37)
        assert np.allclose(Standardiser.fit(steps, table, ROWS).apply(table).values, whole.values, atol=1e-4)
        monkeypatch.undo()


def test_a_row_that_says_nothing_any_more_is_absent() -> None:
    values = np.array([[1, 1], [1, 1], [3, 0]], dtype=np.float32)
    assert standardised(values, "centre", train=np.arange(2)).present.tolist() == [False, False, True]
    sparse = csr_array(np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32))
    assert standardised(sparse, "svd:1", train=np.arange(2)).present.tolist() == [True, True, False]


def test_without_a_training_row_columns_stay() -> None:
    table, nobody = features(mixed(5)), np.zeros(0, dtype=np.int32)
    for step in ("centre", "scale", "whiten", "pca:6", "sphere:6"):
        assert np.allclose(Standardiser.fit([step], table, nobody).apply(table).values, table.values), step
    assert Standardiser.fit(["pca:2"], table, nobody).apply(table).dim == 2


def test_a_state_brings_a_standardiser_back_from_disk(tmp_path: Path) -> None:
    dense, sparse = features(mixed()), features(csr_array(np.maximum(mixed(dim=5), 0)))
    for number, (table, steps) in enumerate(((dense, ("scale", "whiten:0.2")), (sparse, ("idf", "svd:3", "unit")))):
        fitted = Standardiser.fit(steps, table, ROWS)
        store.save_state(tmp_path / str(number), fitted.state())
        again = Standardiser.from_state(store.load_state(tmp_path / str(number)))
        assert again.steps == fitted.steps
        assert np.array_equal(again.apply(table).values, fitted.apply(table).values)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["scal"], "did you mean 'scale'"),
        (["pca"], "takes 1 to 1"),
        (["pca:0"], "whole number"),
        (["pca:x"], "numbers stand"),
        (["whiten:2"], "between 0 and 1"),
        (["power:3"], "above 0"),
        (["idf", "scale"], "for dense rows"),
        (["scale", "idf"], "for sparse rows"),
        (["svd:8", "idf"], "for sparse rows"),
    ],
)
def test_steps_that_cannot_be_are_told_when_the_recipe_is_read(steps: list[str], told: str) -> None:
    with pytest.raises(ValueError) as wrong:
        steps_of(steps)
    assert told.lower() in str(wrong.value).lower()
    with pytest.raises(RecipeError):
        recipes.load("weave", {"encoders.image.standardise": steps})
    assert [str(step) for step in steps_of(["idf", "svd:8", "sphere:4:0.5"])] == ["idf", "svd:8", "sphere:4:0.5"]
    assert Step.read("whiten").share is None


def test_steps_of_the_other_kind_are_an_error_that_names_those_that_serve() -> None:
    with pytest.raises(RecipeError, match="rows are sparse") as wrong:
        standardised(csr_array(mixed()), "scale")
    assert "svd" in wrong.value.expected
    with pytest.raises(RecipeError, match="rows are dense"):
        standardised(mixed(), "svd:3")
    with pytest.raises(RecipeError, match="no setting 'standardise'"):
        recipes.load("weave", {"model.standardise": ["unit"]})


STEPS = {
    "encoders.text.standardise": ["whiten", "unit"],
    "encoders.words.standardise": ["svd:16", "scale"],
    "encoders.attributes.standardise": ["idf", "unit"],
}


@pytest.mark.usefixtures("own_cache")
def test_a_run_carries_its_standardisers_to_wishes_and_updates(small_shop: Path, tmp_path: Path) -> None:
    settings = {**STEPS, "split.core": 2, "tune.trials": 2, "ablations": False}
    recipe = recipes.load("weave", settings)
    told = {n: s for n, s in recipe.encoders.items() if n in ("text", "words", "attributes")}
    recipe = recipe.model_copy(update={"encoders": told})
    made = run(small_shop, tmp_path / "run", recipe=recipe, baselines=False, split="random")
    table = made.served.table
    assert set(made.served.standardisers) == {"text", "words", "attributes"}
    assert (table["words"].dim, table["words"].sparse, table["attributes"].sparse) == (16, False, True)
    assert made.report["encoders"]["words"]["standardise"] == ["svd:16", "scale"]
    assert made.report["encoders"]["words"]["dim"] == 16

    # what an item says, asked as a wish, is in every sense that item's own row
    said = next(iter(Dataset.read(small_shop).catalogue.contents([3])))
    assert table.ids[3] == said.item
    for sense, encoder in made.served.encoders.items():
        row = table[sense].take(np.array([3])).values
        asked = encode_wish(sense, encoder, said)
        assert asked is not None
        assert np.allclose(made.served.standardisers[sense].vector(asked), row.toarray()[0] if table[sense].sparse else
                           row[0], atol=1e-4)  # fmt: skip
    wish = searching.wish(made.served, made._joint, text=said.fields["title"][0])
    assert wish is not None
    assert {sense: len(vector) for sense, vector in wish.vectors.items()} == {
        sense: table[sense].dim for sense in wish.vectors
    }
    assert np.allclose(np.linalg.norm(wish.vectors["text"]), 1, atol=1e-5), "the last step, unit, has been done"
    first = made.recommend(text=said.fields["title"][0], k=20)
    assert said.item in first["item_id"].tolist()
    again = Run.open(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    assert again.recommend(text=said.fields["title"][0], k=20).equals(first)

    # nothing came, so nothing may look changed: the same standardisers, the same rows
    later = update(made, small_shop, out=tmp_path / "later")
    assert later.report["updates"][0]["items_described_anew"] == 0
    for name in table:
        a, b = table[name].values, later.served.table[name].values
        assert np.array_equal(a.toarray() if table[name].sparse else a, b.toarray() if table[name].sparse else b)
    assert later.recommend(text=said.fields["title"][0], k=20)["item_id"].tolist() == first["item_id"].tolist()


@pytest.mark.usefixtures("own_cache")
def test_items_outside_training_do_not_shape_the_standardisers_of_a_run(small_shop: Path) -> None:
    data = Dataset.read(small_shop)
    recipe = recipes.load("weave", {"encoders.text.standardise": ["sphere:8"]})
    recipe = recipe.model_copy(update={"encoders": {"text": recipe.encoders["text"]}})
    train = np.arange(100, dtype=np.int32)
    woven = encode(data, recipe, train_rows=train)
    raw = encode(data, recipe.model_copy(update={"encoders": {"text": recipes.load("weave").encoders["text"]}})).table
    alone = Standardiser.fit(["sphere:8"], raw["text"].take(train), train)
    assert np.allclose(woven.standardisers["text"].learned[0]["axes"], alone.learned[0]["axes"])
    assert woven.table["text"].dim == 8
    everything = encode(data, recipe)
    assert not np.allclose(everything.table["text"].values, woven.table["text"].values, atol=1e-3)
