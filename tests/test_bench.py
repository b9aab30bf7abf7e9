"""The search's quick figures are those of the report's table, and one ranking serves warm and cold items alike."""

import numpy as np
import pandas as pd
import pytest

from gobelin.contest import calibration
from gobelin.contest.bench import Bench, judged
from gobelin.data.dataset import Dataset
from gobelin.data.split import COLD_TEST, COLD_VALIDATION
from gobelin.data.splits import make_split
from gobelin.evaluation.metrics import evaluate
from gobelin.models.weave import Weave
from gobelin.values import Features, FeatureTable

METRICS = ("recall", "precision", "hit_rate", "ndcg", "mrr")


@pytest.fixture(scope="module", params=["random", "cold-items"])
def bench(request) -> Bench:
    """120 people who like one of four kinds of 60 items; a dense sense tells the kind."""
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(60)]})
    likes = [rng.choice(np.arange(u % 4, 60, 4), 10, replace=False) for u in range(120)]
    log = pd.DataFrame(
        [(f"u{u}", f"i{i}") for u, some in enumerate(likes) for i in some], columns=["user_id", "item_id"]
    )
    split = make_split(Dataset.from_frames(items, log), request.param, 0, 2)
    kind = np.array([int(name[1:]) % 4 for name in split.items])
    values = (np.eye(4)[kind] + rng.normal(0, 0.2, (len(kind), 4))).astype(np.float32)
    sense = Features("text", "text", split.items, values, np.ones(len(kind), dtype=bool))
    return Bench(split, split.train_value(FeatureTable(split.items, {"text": sense})))


@pytest.fixture(scope="module")
def model(bench) -> Weave:
    return Weave().fit(bench.train, np.random.default_rng(0))


@pytest.mark.parametrize("k", [1, 3, 20])
def test_quick_figures_are_those_of_the_table(bench, model, k) -> None:
    for part in ("validation", "test"):
        exam = bench.exam(part, bench.main)
        ranked = bench.top(model, exam, 20)
        means = evaluate(ranked, exam.relevant, ks=(k,)).means()
        for name in METRICS:
            assert bench.value(model, exam, f"{name}@{k}") == pytest.approx(means[f"{name}@{k}"], abs=1e-12)
        both = (means[f"recall@{k}"] * means[f"ndcg@{k}"]) ** 0.5
        assert bench.value(model, exam, f"recall+ndcg@{k}") == pytest.approx(both, abs=1e-12)


def test_the_curve_says_what_each_exam_alone_would_say(bench, model) -> None:
    for scale, warm, cold in calibration.curve(bench, model, "test"):
        model.cold_scale = scale
        for restrict, value in (("warm", warm), ("cold", cold)):
            exam = bench.exam("test", "all", restrict)
            assert value == pytest.approx(bench.value(model, exam, "recall@20"), abs=1e-12)
    model.cold_scale = 1.0


def test_the_joint_ranking_leaves_out_the_cold_items_of_the_other_part(bench) -> None:
    for part, other in (("validation", COLD_TEST), ("test", COLD_VALIDATION)):
        exam = bench.exam(part)
        shown = np.arange(len(bench.train.items)) if exam.candidates is None else exam.candidates
        assert np.array_equal(shown, np.flatnonzero(bench.split.cold != other))


def test_figures_of_ranks_by_hand() -> None:
    """Two users: the first has its two items at ranks 1 and 3, the second its one at rank 5."""
    ranks, counts = np.array([1, 3, 5]), np.array([2, 1])
    assert judged(ranks, counts, "recall@3") == (2 / 2 + 0 / 1) / 2
    assert judged(ranks, counts, "mrr@5") == (1 / 1 + 1 / 5) / 2
    ideal = 1 / np.log2(2) + 1 / np.log2(3)
    assert judged(ranks, counts, "ndcg@3") == pytest.approx((1 / np.log2(2) + 1 / np.log2(4)) / ideal / 2)
    assert judged(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), "recall@3") == 0
