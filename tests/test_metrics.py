"""List metrics as hand fractions, and against definitions written out one user at a time."""

from math import log2, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.sparse import csr_array

from gobelin.evaluation import evaluate, rating_errors, summarise
from gobelin.evaluation.metrics import found_pairs, pairs
from gobelin.values import Ranked


def lists(*rows):
    k = max(len(row) for row in rows)
    items = np.array([[*row, *[-1] * (k - len(row))] for row in rows], dtype=np.int32)
    scores = np.where(items >= 0, -np.arange(k, dtype=np.float32), -np.inf).astype(np.float32)
    return Ranked(items, scores)


def held_out(n_items, *rows):
    made = np.zeros((len(rows), n_items), dtype=np.float32)
    for q, row in enumerate(rows):
        made[q, list(row)] = 1
    return csr_array(made)


def test_every_metric_is_its_hand_fraction():
    # hits at ranks 1 and 3 of 4 places, 3 relevant items of 10
    found = evaluate(lists([7, 0, 5, 1]), held_out(10, [5, 7, 9]), ks=(4,), candidates=10)
    assert {name: column.tolist() for name, column in found.values.items()} == {
        "precision@4": [2 / 4],
        "recall@4": [approx(2 / 3)],
        "f1@4": [approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))],
        "accuracy@4": [approx((2 + 5) / 10)],  # 2 shown and relevant, 5 neither
        "hit_rate@4": [1],
        "ndcg@4": [approx((1 + 1 / log2(4)) / (1 + 1 / log2(3) + 1 / log2(4)))],
        "map@4": [approx(1 / 3 * (1 / 1 + 2 / 3))],
        "mrr@4": [1],
    }


def test_recall_divides_by_all_test_items_while_ndcg_and_map_take_an_ideal_list_of_k():
    found = evaluate(lists([0, 1]), held_out(5, [0, 1, 2, 3]), ks=(2,))
    assert found["recall@2"].tolist() == [2 / 4]
    assert found["ndcg@2"].tolist() == [approx(1)]
    assert found["map@2"].tolist() == [1]


def test_a_hit_at_the_last_place_counts_and_one_after_it_does_not():
    found = evaluate(lists([1, 2, 0, 3]), held_out(4, [0]), ks=(2, 3))
    assert [found[f"recall@{k}"][0] for k in (2, 3)] == [0, 1]
    assert [found[f"ndcg@{k}"][0] for k in (2, 3)] == [0, approx(1 / log2(4))]
    assert [found[f"mrr@{k}"][0] for k in (2, 3)] == [0, approx(1 / 3)]
    assert [found[f"map@{k}"][0] for k in (2, 3)] == [0, approx(1 / 3)]


def test_users_without_a_relevant_item_are_left_out_and_those_without_a_list_count_as_zero():
    found = evaluate(lists([0, 1], [], [1, 0]), held_out(2, [], [0], [0]), ks=(1, 2))
    assert found.rows.tolist() == [1, 2]
    assert found["recall@2"].tolist() == [0, 1]
    assert found["f1@1"].tolist() == [0, 0]


def test_padding_is_never_a_hit_not_even_on_the_last_item():
    found = evaluate(lists([], [1]), held_out(3, [2], [2]), ks=(1,))
    assert found["recall@1"].tolist() == [0, 0]


def test_accuracy_counts_the_candidates_of_each_query_and_the_places_left_empty():
    ranked = lists([0, 1], [2])
    found = evaluate(ranked, held_out(6, [0], [3]), ks=(2,), candidates=np.array([4, 3]))
    # first: 1 wrong (item 1) of 4; second: item 2 and item 3 wrong of 3
    assert found["accuracy@2"].tolist() == [approx(3 / 4), approx(1 / 3)]


def test_repeated_and_zero_entries_of_what_is_relevant_change_nothing():
    stored = csr_array(
        (np.array([1, 1, 0, 1], dtype=np.float32), np.array([2, 0, 1, 2]), np.array([0, 4])), shape=(1, 3)
    )
    assert pairs(stored).indices.tolist() == [0, 2]
    assert found_pairs(lists([1, 2, 0]), pairs(stored)).tolist() == [[-1, 1, 0]]
    assert evaluate(lists([1, 2, 0]), stored, ks=(2,))["recall@2"].tolist() == [1 / 2]


def test_lists_that_are_too_short_or_of_other_queries_are_refused():
    with pytest.raises(ValueError, match="need lists of 5"):
        evaluate(lists([0, 1]), held_out(3, [0]), ks=(5,))
    with pytest.raises(ValueError, match="rows of relevant"):
        evaluate(lists([0], [1]), held_out(3, [0]), ks=(1,))
    with pytest.raises(ValueError, match="past the 2 items"):
        evaluate(lists([2]), held_out(2, [0]), ks=(1,))


def one_user(shown, relevant, k):
    """The definitions, word by word."""
    shown, hits = shown[:k], [item in relevant for item in shown[:k]]
    dcg = sum(1 / log2(rank + 2) for rank, hit in enumerate(hits) if hit)
    ideal = sum(1 / log2(rank + 2) for rank in range(min(k, len(relevant))))
    precision, recall = sum(hits) / k, sum(hits) / len(relevant)
    ap = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit]
    return {
        f"precision@{k}": precision,
        f"recall@{k}": recall,
        f"f1@{k}": 2 * precision * recall / (precision + recall) if precision + recall else 0,
        f"hit_rate@{k}": float(any(hits)),
        f"ndcg@{k}": dcg / ideal,
        f"map@{k}": sum(ap) / min(k, len(relevant)),
        f"mrr@{k}": 1 / (hits.index(True) + 1) if any(hits) else 0,
    }


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 8), unique=True, max_size=7),
            st.sets(st.integers(0, 8), max_size=9),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_metrics_agree_with_their_definitions(users):
    shown = [row for row, _ in users]
    ranked = lists(*shown, list(range(7)))  # the last makes every list 7 long
    found = evaluate(ranked, held_out(9, *(r for _, r in users), []), ks=(1, 3, 7))
    judged = [(row, relevant) for row, relevant in users if relevant]
    assert len(found) == len(judged)
    for k in (1, 3, 7):
        expected = [one_user(row, relevant, k) for row, relevant in judged]
        for name in expected[0] if expected else ():
            assert found[name] == approx(np.array([one[name] for one in expected])), name


def test_errors_of_ratings_are_hand_fractions_over_pairs():
    rng = np.random.default_rng(0)
    users = np.array([4, 4, 9], dtype=np.int32)
    found = rating_errors(users, np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.0]), rng)
    assert found["mae"]["value"] == approx((1 + 0 + 2) / 3)
    assert found["mse"]["value"] == approx((1 + 0 + 4) / 3)
    assert found["rmse"]["value"] == approx(sqrt(5 / 3))


def test_errors_of_ratings_resample_users_not_pairs():
    # two users: resamples are user 4 twice, user 9 twice, or both
    users = np.array([4, 4, 4, 9], dtype=np.int32)
    truth, predicted = np.zeros(4), np.array([1.0, 1.0, 1.0, 3.0])
    found = rating_errors(users, truth, predicted, np.random.default_rng(0))
    assert (found["mae"]["low"], found["mae"]["high"]) == (1, 3)
    assert (found["rmse"]["low"], found["rmse"]["high"]) == (1, 3)
    assert rating_errors(users[:0], truth[:0], predicted[:0], np.random.default_rng(0)) == {}


def test_a_perfect_and_a_useless_list_have_intervals_without_width():
    relevant = held_out(6, *[[0, 1]] * 50)
    good = summarise(evaluate(lists(*[[0, 1]] * 50), relevant, ks=(2,)), np.random.default_rng(0))
    bad = summarise(evaluate(lists(*[[4, 5]] * 50), relevant, ks=(2,)), np.random.default_rng(0))
    assert good["ndcg@2"] == approx({"value": 1, "low": 1, "high": 1})
    assert bad["ndcg@2"] == {"value": 0, "low": 0, "high": 0}
