"""A run that follows its data set: the answers of a model fitted on it with the same settings, nobody left behind."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import gobelin as gb
from gobelin import store
from gobelin.errors import UserError
from gobelin.models._change import changed_ground
from gobelin.models._exact import Exact

RECIPE = {
    "tune.trials": 3,
    "report.people": 6,
    "report.resamples": 100,
    "ablations": False,
    "encoders": {"text": {"part": "words"}, "attributes": {"part": "attributes"}},
    "baselines": {},
}


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def shop(small_shop) -> Path:
    return small_shop


@pytest.fixture(scope="module")
def run(own_cache, shop, tmp_path_factory) -> gb.Run:
    return gb.run(shop, tmp_path_factory.mktemp("runs") / "first", settings=RECIPE, split="random")


@pytest.fixture
def later(shop, tmp_path) -> Path:
    """The same shop a day later: two products gone, three new, one renamed; a new customer, two that left."""
    folder = tmp_path / "later"
    shutil.copytree(shop, folder)
    items = pd.read_csv(folder / "items.csv", dtype=str)
    new = items.iloc[:3].copy()
    new["item_id"], new["title"] = ["n1", "n2", "n3"], ["Moon Mug", "Tide Rug", "Basil Bowl"]
    items = items.drop(index=[5, 9])
    items.loc[12, ["title", "text"]] = ["Comet Plate", "It flew past the moon once."]
    pd.concat([items, new]).to_csv(folder / "items.csv", index=False)
    log = pd.read_csv(folder / "interactions.csv", dtype=str)
    log = log[~log["item_id"].isin(set(pd.read_csv(shop / "items.csv", dtype=str)["item_id"].iloc[[5, 9]]))]
    log = log[~log["user_id"].isin(["u00003", "u00007"])]
    time = str(int(log["timestamp"].astype(int).max()) + 60)
    fresh = [("nina", "n1"), ("nina", items["item_id"].iloc[0]), ("u00001", "n1"), ("u00001", "n2")]
    rows = pd.DataFrame([{"user_id": u, "item_id": i, "timestamp": time, "event": "purchase"} for u, i in fresh])
    pd.concat([log, rows]).to_csv(folder / "interactions.csv", index=False)
    users = pd.read_csv(folder / "users.csv", dtype=str) if (folder / "users.csv").is_file() else None
    if users is not None:
        users[~users["user_id"].isin(["u00003", "u00007"])].to_csv(folder / "users.csv", index=False)
    return folder


def test_the_updated_model_is_the_one_fitted_with_the_same_settings_and_scalers(run, later, tmp_path) -> None:
    done = gb.update(run, later, out=tmp_path / "second")
    store.open_folder(done.folder, kind="run", verify=True)
    counts = {k: v for k, v in done.report["updates"][-1].items() if k != "seconds"}
    assert counts == {
        "items_added": 3, "items_removed": 2, "items_described_anew": 1,
        "events": counts["events"], "people_new": 1, "people_forgotten": 2,
    }  # fmt: skip
    known = run.served.model.exactly(run.served.train)
    fresh = Exact.solved(changed_ground(known.ground, done.served.train, run.served.model.least_events, 12_000))
    served = done.served
    queries = served.train.queries().take(np.arange(20))
    told = np.stack([fresh.told(queries.histories.take(np.array([u]))).sum(axis=0) for u in range(20)])
    scores = served.model.score(queries)[:, fresh.ground.solved]
    np.testing.assert_allclose(scores, told @ fresh.matrix, atol=1e-4 * np.abs(scores).max())
    assert len(done.recommend(user="nina", k=3)) == 3
    assert "n1" in set(done.recommend(user="u00001", k=200, include_seen=True)["item_id"])
    assert run.served.encoders["text"].names() == served.encoders["text"].names(), "encoders stay as they were fitted"


def test_who_is_forgotten_is_gone_from_split_recommendations_and_samples(run, shop, tmp_path) -> None:
    sample = run.report["people"][0]["user"]
    folder = tmp_path / "without"
    shutil.copytree(shop, folder)
    for name in ("interactions.csv", "users.csv"):
        if (folder / name).is_file():
            rows = pd.read_csv(folder / name, dtype=str)
            rows[rows["user_id"] != sample].to_csv(folder / name, index=False)
    done = gb.update(run, folder, out=tmp_path / "second")
    for name in ("recommendations", "split/train", "split/validation", "split/test", "model/users"):
        assert sample in pq.read_table(run.folder / f"{name}.parquet")["user_id"].to_pylist(), name
        assert sample not in pq.read_table(done.folder / f"{name}.parquet")["user_id"].to_pylist(), name
    assert sample not in [person["user"] for person in done.report["people"]]
    for path in done.folder.rglob("*"):
        if path.suffix in (".json", ".html", ".toml"):
            assert sample not in path.read_text(encoding="utf-8"), path
    with pytest.raises(UserError):
        done.recommend(user=sample)


def test_an_update_in_place_replaces_the_folder_and_says_so_again(run, later, tmp_path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    gb.update(folder, later)
    done = gb.update(folder, later)
    first, second = json.loads((folder / "report.json").read_text(encoding="utf-8"))["updates"]
    assert first["items_added"] == 3
    assert {v for k, v in second.items() if k != "seconds"} == {0}
    assert done.report["models"] == run.report["models"], "figures stay those of the run"


def test_a_model_that_does_not_follow_changes_is_fitted_again(shop, later, tmp_path) -> None:
    ease = gb.run(shop, tmp_path / "ease", recipe="ease", settings=RECIPE, split="random")
    done = gb.update(ease, later)
    assert done.served.model.regularisation == ease.served.model.regularisation
    assert len(done.recommend(user="nina", k=3)) == 3


def test_a_data_set_without_a_sense_of_the_model_is_refused(run, later, tmp_path) -> None:
    items = pd.read_csv(later / "items.csv", dtype=str)
    items[["item_id", "product_code", "brand", "categories"]].to_csv(later / "items.csv", index=False)
    with pytest.raises(UserError, match="'text'"):
        gb.update(run, later, out=tmp_path / "second")
    assert not (tmp_path / "second").exists()
