"""What lists are like, by hand and against loops over pairs."""

from itertools import combinations
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.sparse import csr_array

from gobelin.evaluation.beyond import (
    beyond,
    category_diversity,
    content_diversity,
    exposure,
    gini,
    history_popularity,
    novelty,
    popularity,
)
from gobelin.values import Features, FeatureTable, Ranked, Vocabulary


def rng(seed=0):
    return np.random.default_rng(seed)


def shown(*rows):
    return np.array(rows, dtype=np.int32)


def features(name, values, present=None):
    ids = Vocabulary(f"i{i}" for i in range(values.shape[0]))
    marks = np.ones(values.shape[0], dtype=bool) if present is None else np.array(present, dtype=bool)
    return Features(name, name, ids, values, marks)


def one_sense(values, present=None):
    sense = features("text", values, present)
    return FeatureTable(sense.ids, {"text": sense})


def test_novelty_is_the_mean_surprise_in_bits():
    # of 7 users 3 had item 0, one had item 1, none item 2: p = 4/8, 2/8, 1/8
    counts = np.array([3, 1, 0])
    assert novelty(shown([0, 1], [2, -1]), counts, 7).tolist() == [(1 + 2) / 2, 3]


def test_popularity_is_compared_with_what_people_chose():
    counts = np.array([10, 20, 30])
    histories = csr_array(np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=np.float32))
    assert popularity(shown([2, -1], [0, 1], [1, 2]), counts).tolist() == [30, 15, 25]
    assert history_popularity(histories, counts) == approx([15, np.nan, 10], nan_ok=True)
    ranked = Ranked(shown([2], [0], [1]), np.zeros((3, 1), dtype=np.float32))
    found = beyond(ranked, counts, 40, rng(), k=1, histories=histories)
    assert found["popularity@1"]["value"] == approx((30 + 10 + 20) / 3)
    assert found["popularity_bias@1"]["value"] == approx((30 + 20) / (15 + 10) - 1)  # the one without history: left out
    assert found["popularity_bias@1"]["low"] == approx(30 / 15 - 1)


def test_category_diversity_is_the_share_of_pairs_without_a_common_category():
    categories = [("a",), ("a", "b"), ("b",), (), ("c",)]
    # 0-1 share a, 1-2 share b, 0-2 do not; the item without categories and the padding are passed over
    found = category_diversity(shown([0, 1, 2, -1], [0, 3, 4, -1], [0, 3, -1, -1]), categories)
    assert found == approx([1 / 3, 1, np.nan], nan_ok=True)
    assert np.isnan(category_diversity(shown([0, 1]), [(), ()])).all()


@given(st.integers(0, 2**32))
def test_category_diversity_agrees_with_a_loop_over_pairs(seed):
    world = rng(seed)
    categories = [tuple(c for c in "abcde" if world.random() < 0.3) for _ in range(12)]
    lists = np.stack([world.permutation(12)[:5] for _ in range(4)]).astype(np.int32)
    lists[world.random(lists.shape) < 0.2] = -1
    found = category_diversity(lists, categories)
    for row, value in zip(lists.tolist(), found, strict=True):
        pairs = [(set(categories[i]), set(categories[j])) for i, j in combinations(row, 2) if min(i, j) >= 0]
        apart = [not (a & b) for a, b in pairs if a and b]
        assert value == approx(np.mean(apart) if apart else np.nan, nan_ok=True)


@given(st.integers(0, 2**32), st.booleans())
def test_content_diversity_agrees_with_a_loop_over_pairs(seed, sparse):
    world = rng(seed)
    values = world.standard_normal((10, 4)).astype(np.float32)
    present = world.random(10) < 0.7
    values[~present] = np.nan  # must not be read
    lists = np.stack([world.permutation(10)[:5] for _ in range(4)]).astype(np.int32)
    lists[world.random(lists.shape) < 0.2] = -1
    found = content_diversity(lists, one_sense(csr_array(values) if sparse else values, present))
    for row, value in zip(lists.tolist(), found, strict=True):
        there = [values[i].astype(float) for i in row if i >= 0 and present[i]]
        cosines = [a @ b / np.sqrt(a @ a * (b @ b)) for a, b in combinations(there, 2)]
        assert value == approx(1 - np.mean(cosines) if cosines else np.nan, nan_ok=True, abs=1e-5)


def test_content_diversity_is_the_mean_of_the_senses_that_know_two_items():
    same = features("text", np.ones((3, 2), dtype=np.float32))
    right = features("image", np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32), [True, True, False])
    both = FeatureTable(same.ids, {"text": same, "image": right})
    assert content_diversity(shown([0, 1], [0, 2]), both) == approx([(0 + 1) / 2, 0], abs=1e-6)


def test_gini_is_zero_for_equal_shares_and_near_one_for_a_monopoly():
    assert gini(np.array([[2.0, 2.0, 2.0]]), 3)[0] == 0
    assert gini(np.array([[7.0]]), 4)[0] == approx(3 / 4)  # (n - 1) / n
    assert gini(np.array([[1.0, 3.0]]), 2)[0] == approx(1 / 4)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_gini_is_half_the_relative_mean_difference_and_zeros_may_be_left_out(times):
    if not any(times):
        return
    x = np.array(times, dtype=np.float64)
    expected = np.abs(x[:, None] - x).mean() / (2 * x.mean())
    assert gini(x[None, :], len(x))[0] == approx(expected)
    assert gini(x[None, x > 0], len(x))[0] == approx(expected)


def test_coverage_counts_candidates_and_its_interval_holds_the_figure():
    lists = rng().integers(0, 40, (200, 5)).astype(np.int32)
    coverage, inequality = exposure(lists, 80, rng())
    assert coverage["value"] == len(np.unique(lists)) / 80
    assert coverage["low"] <= coverage["value"] <= coverage["high"]
    assert 0 <= inequality["low"] < inequality["value"] < inequality["high"] <= 1
    alone, monopoly = exposure(shown([3], [3]), 4, rng())
    assert alone == {"value": 1 / 4, "low": 1 / 4, "high": 1 / 4}
    assert monopoly == {"value": 3 / 4, "low": 3 / 4, "high": 3 / 4}


def test_every_figure_is_there_where_its_data_is_and_only_then():
    items = 15 + np.stack([rng(q).permutation(15)[:12] for q in range(20)]).astype(np.int32)
    ranked = Ranked(items, np.zeros(items.shape, dtype=np.float32))
    counts = np.arange(30)
    plain = beyond(ranked, counts, 40, rng(), k=10)
    assert set(plain) == {"novelty@10", "popularity@10", "coverage@10", "gini@10"}
    full = beyond(
        ranked,
        counts,
        40,
        rng(),
        k=10,
        candidates=np.arange(15, 30, dtype=np.int32),
        histories=csr_array(np.eye(20, 30, 1, dtype=np.float32)),
        categories=[("a",) if i % 2 else ("b",) for i in range(30)],
        table=one_sense(rng().random((30, 3)).astype(np.float32)),
    )
    assert set(full) - set(plain) == {"popularity_bias@10", "diversity_category@10", "diversity_content@10"}
    assert all(one["low"] <= one["value"] <= one["high"] for one in full.values())
    with pytest.raises(ValueError, match="not among the candidates"):
        beyond(ranked, counts, 40, rng(), k=10, candidates=np.arange(16, 30, dtype=np.int32))
    with pytest.raises(ValueError, match="need lists of 20"):
        beyond(ranked, counts, 40, rng(), k=20)


def test_lists_that_are_all_empty_have_no_figures():
    nothing = Ranked(np.full((2, 3), -1, dtype=np.int32), np.full((2, 3), -np.inf, dtype=np.float32))
    assert beyond(nothing, np.ones(4, dtype=np.int64), 5, rng(), k=3) == {}


def test_surprise_of_an_item_that_nobody_had_is_finite():
    assert novelty(shown([0]), np.array([0]), 1023).tolist() == [log2(1024)]
