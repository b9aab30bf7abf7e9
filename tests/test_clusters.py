"""Clusters: of one sense, of several, described, and compared with a column."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from gobelin.cli.app import app
from gobelin.errors import UnknownName, UserError
from gobelin.tasks.agreement import agreement
from gobelin.tasks.clustering import cluster
from gobelin.tasks.clusters import METHODS, compact, grouped
from gobelin.tasks.consensus import consensus
from gobelin.tasks.describing import described
from gobelin.values import Features, Vocabulary

RNG = np.random.default_rng


def planted(rows: int = 120, k: int = 3, spread: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(0)
    truth = rng.integers(0, k, rows)
    centres = 3 * np.eye(k, 6)
    return (centres[truth] + rng.normal(0, spread, (rows, 6))).astype(np.float32), truth.astype(np.int32)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_planted_groups_and_how_many_there_are(method: str) -> None:
    values, truth = planted()
    present = np.arange(120) % 10 != 0
    values[~present] = 50  # must not be read
    found = grouped(values, present, method, (2, 3, 5), seed=0)
    assert found.k == 3 and set(found.tried) == {2, 3, 5}
    assert (found.labels[~present] == -1).all()
    assert metrics.adjusted_rand_score(truth[present], found.labels[present]) > 0.95


def test_more_clusters_than_different_rows_are_refused() -> None:
    values = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    with pytest.raises(UserError, match="3 different rows"):
        grouped(values, np.ones(15, dtype=bool), "kmeans", (4, 8), seed=0)


def test_a_wide_sense_is_read_by_its_axes_and_absent_rows_stay_absent() -> None:
    values, _ = planted()
    wide = (values @ RNG(1).normal(size=(6, 200))).astype(np.float32)
    present = np.arange(120) != 7
    small = compact(Features("x", "text", Vocabulary(str(i) for i in range(120)), wide, present), seed=0)
    assert small.values.shape == (120, 64) and not small.values[7].any()
    unit = wide[present] / np.linalg.norm(wide[present], axis=1, keepdims=True)
    centred = unit - unit.mean(axis=0)
    assert np.allclose(small.values[present] @ small.values[present].T, centred @ centred.T, atol=1e-3)


def test_a_consensus_outvotes_the_sense_that_is_noise_and_knows_rows_that_one_sense_lacks() -> None:
    rng = RNG(0)
    truth = rng.integers(0, 3, 90)
    renamed = np.array([2, 0, 1])[truth].astype(np.int32)  # the same clusters under other names
    renamed[:10] = -1
    noise = rng.integers(0, 3, 90).astype(np.int32)
    first = truth.astype(np.int32)
    first[80:] = -1
    found = consensus([noise, first, renamed])
    assert metrics.adjusted_rand_score(truth, found) > 0.95
    between = consensus([truth.astype(np.int32), noise], renamed)  # two senses, and what both together said
    assert metrics.adjusted_rand_score(truth, between) > 0.95
    nowhere = np.full(90, -1, dtype=np.int32)
    nowhere[:5] = 0
    assert consensus([nowhere, nowhere]).tolist() == [0] * 5 + [-1] * 85


def test_agreement_is_that_of_scikit_learn_and_its_interval_holds_it() -> None:
    truth = RNG(0).integers(0, 3, 200).astype(np.int32)
    labels = np.where(RNG(1).random(200) < 0.3, 0, truth).astype(np.int32)
    labels[:20] = -1
    told = agreement(labels, truth, RNG(0))
    assert told["nmi"]["value"] == pytest.approx(metrics.normalized_mutual_info_score(truth[20:], labels[20:]))
    assert all(one["low"] < one["value"] < one["high"] for one in told.values())


def test_a_cluster_is_told_by_what_is_rarer_elsewhere() -> None:
    labels = np.array([0] * 6 + [1] * 4, dtype=np.int32)
    values = np.array([[x, 0] for x in (0, 1, 2, 3, 4, 5, 9, 9, 9, 9)], dtype=np.float32)
    columns = {"colour": ["red"] * 6 + ["blue"] * 4, "sold": ["yes"] * 10}
    words = Features("words", "text", Vocabulary(map(str, range(10))), np.eye(2, dtype=np.float32)[labels], labels >= 0)
    told = described(labels, values, [f"t{i}" for i in range(10)], list(words.ids), columns, (words, ["wool", "linen"]))
    assert [one["size"] for one in told] == [6, 4]
    assert told[0]["attributes"] == [{"attribute": "colour", "value": "red", "share": 1.0, "elsewhere": 0.0}]
    assert told[0]["words"] == ["wool"] and {t["title"] for t in told[0]["typical"][:2]} == {"t2", "t3"}


def test_gobelin_cluster_writes_labels_and_never_reads_the_column_it_is_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "shop").mkdir()
    kinds = (("wool coat warm winter", "coat"), ("glass lamp light desk", "lamp"), ("rubber boots rain mud", "boots"))
    with (tmp_path / "shop" / "items.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["item_id", "title", "kind", "sort"])
        for row in range(60):
            words = [*RNG(row).permutation(kinds[row % 3][0].split()), f"no{row % 5}"]
            out.writerow([f"{row:03}", " ".join(words), kinds[row % 3][1], row % 3])
    told = [
        "cluster", str(tmp_path / "shop"), "--out", str(tmp_path / "out"), "--against", "kind",
        "--features", "words", "--clusters", "2,3,4", "--json",
    ]  # fmt: skip
    app(told, standalone_mode=False)
    report = json.loads(capsys.readouterr().out)
    only = report["clusterings"]["words: kmeans"]
    assert set(report["clusterings"]) == {"words: kmeans"} and "'sort'" in report["notes"][0]["message"]
    assert only["k"] == 3 and only["nmi"]["value"] == pytest.approx(1) and only["silhouette"]["low"] > 0
    rows = pq.read_table(tmp_path / "out" / "clusters.parquet").to_pandas()
    assert rows["item_id"].tolist()[:2] == ["000", "001"] and rows["words: kmeans"].nunique() == 3
    app(told[:-1], standalone_mode=False)
    assert "Everything" in capsys.readouterr().out
    with pytest.raises(UserError, match="--clusters two"):
        app([*told[:8], "--clusters", "two"], standalone_mode=False)
    with pytest.raises(UnknownName, match="Did you mean 'kmeans'"):
        cluster(tmp_path / "shop", tmp_path / "x", methods=("kmean",))
