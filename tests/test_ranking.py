"""Lists against a sort that anyone can read, and the promises on ties, masks, candidates and the prior."""

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gobelin import ranking
from gobelin.errors import UserError
from gobelin.ranking import NOWHERE, rank, ranks, top
from gobelin.values import Queries, Ranked
from gobelin.values.vocabulary import tie_hash


@dataclass
class Table:
    """A model whose scores are written down: query q is user q."""

    scores: np.ndarray
    asked: list[int] = field(default_factory=list)

    def score(self, queries, candidates=None):
        self.asked.append(len(queries))
        rows = self.scores[queries.users]
        return rows if candidates is None else rows[:, candidates]

    def fit(self, train, rng, monitor=None):
        return self

    def state(self):
        return {}

    @classmethod
    def from_state(cls, state):
        raise AssertionError("not needed here")


@dataclass
class Index(Table):
    """The same with a retrieval of its own that breaks ties in the wrong order: by the larger row."""

    depths: list[int] = field(default_factory=list)

    def top(self, queries, k, allowed):
        assert allowed is None
        self.depths.append(k)
        rows = self.scores[queries.users]
        order = np.argsort(-rows[:, ::-1], axis=1, kind="stable")[:, :k]
        items = (rows.shape[1] - 1 - order).astype(np.int32)
        return Ranked(items, np.take_along_axis(rows, items.astype(np.int64), axis=1))


def asking(n):
    queries = Queries.of([[]] * n)
    return Queries(np.arange(n, dtype=np.int32), queries.histories)


def by_hand(scores, k, ties, candidates=None, masked=None, prior=None):
    """One query after the other, sorted as a list of tuples."""
    lists = []
    for q, row in enumerate(scores):
        pool = [i for i in (range(len(row)) if candidates is None else candidates) if not (masked and masked[q][i])]
        flat = len({row[i] for i in pool}) == 1
        order = sorted(pool, key=lambda i: (-row[i], -prior[i] if flat and prior is not None else 0, ties[i]))
        lists.append(order)
    return [order[:k] + [-1] * (k - len(order)) for order in lists], lists


@st.composite
def worlds(draw):
    n_queries, n = draw(st.integers(1, 6)), draw(st.integers(1, 14))
    few = draw(st.sampled_from([1, 2, 3, 1000]))  # few different scores: ties everywhere
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = (rng.integers(0, few, (n_queries, n)) - few // 2).astype(np.float32)
    scores[rng.random(n_queries) < 0.2] = 0
    masked = rng.random((n_queries, n)) < draw(st.sampled_from([0, 0.3, 1]))
    candidates = None
    if draw(st.booleans()):
        candidates = rng.permutation(n)[: draw(st.integers(0, n))].astype(np.int32)
    prior = rng.integers(0, 4, n).astype(np.float32) if draw(st.booleans()) else None
    return {
        "scores": scores,
        "k": draw(st.integers(1, 16)),
        "ties": rng.permutation(n).astype(np.int64),
        "candidates": candidates,
        "masked": masked,
        "prior": prior,
        "block": draw(st.sampled_from([None, 1, 2])),
    }


@given(worlds(), st.booleans())
def test_lists_are_those_of_a_plain_sort_whatever_the_block_and_the_door(world, indexed):
    model = (Index if indexed else Table)(world["scores"])
    found = top(
        model,
        asking(len(world["scores"])),
        world["k"],
        ties=world["ties"],
        candidates=world["candidates"],
        mask=csr_array(world["masked"].astype(np.float32)),
        prior=world["prior"],
        block=world["block"],
    )
    args = (world["ties"], world["candidates"], world["masked"].tolist(), world["prior"])
    expected, _ = by_hand(world["scores"], world["k"], *args)
    assert found.items.tolist() == expected
    for q, row in enumerate(expected):
        assert found.scores[q].tolist() == [world["scores"][q, i] if i >= 0 else -np.inf for i in row]


@given(worlds())
def test_ranks_are_the_places_in_the_whole_list(world):
    n_queries, n = world["scores"].shape
    relevant = csr_array(np.ones((n_queries, n), dtype=np.float32))
    found = ranks(
        Table(world["scores"]),
        asking(n_queries),
        relevant,
        ties=world["ties"],
        candidates=world["candidates"],
        mask=csr_array(world["masked"].astype(np.float32)),
        prior=world["prior"],
        block=world["block"],
    )
    args = (world["ties"], world["candidates"], world["masked"].tolist(), world["prior"])
    _, lists = by_hand(world["scores"], 1, *args)
    expected = [[order.index(i) + 1 if i in order else NOWHERE for i in range(n)] for order in lists]
    assert found.reshape(n_queries, n).tolist() == expected


def test_ranks_follow_the_stored_order_of_the_entries():
    relevant = csr_array((np.ones(3, dtype=np.float32), np.array([2, 0, 1]), np.array([0, 2, 2, 3])), shape=(3, 3))
    scores = np.array([[3, 2, 1]] * 3, dtype=np.float32)
    found = ranks(Table(scores), asking(3), relevant, ties=np.arange(3), block=1)
    assert found.tolist() == [3, 1, 2]


def test_equal_scores_at_the_last_place_go_to_the_smaller_hash():
    scores = np.array([[5, 1, 1, 1, 1]], dtype=np.float32)
    found = rank(scores, 3, ties=np.array([9, 8, 2, 7, 3]))
    assert found.items.tolist() == [[0, 2, 4]]
    assert found.scores.tolist() == [[5, 1, 1]]


def test_many_and_few_ties_beyond_the_quick_look_are_settled_by_the_hash():
    rng = np.random.default_rng(0)
    n, k = 5000, 3
    scores = np.zeros((3, n), dtype=np.float32)
    ties = rng.permutation(n).astype(np.int64)
    late = np.argsort(ties)[[4000, 4200, 4900, 4950]]  # four equal scores, all far down the hash's order
    scores[0, late] = 1
    scores[1] = rng.random(n) < 0.5
    scores[2, late[:1]] = 2
    expected, _ = by_hand(scores.tolist(), k, ties.tolist())
    assert rank(scores, k, ties=ties).items.tolist() == expected
    assert expected[0] == late[:3].tolist()


def test_the_seed_of_the_hash_changes_the_order_of_ties_and_the_hash_is_the_same_in_every_process():
    ids = [f"item {i}" for i in range(50)]
    scores = np.zeros((1, 50), dtype=np.float32)
    first, again, other = (rank(scores, 10, ties=tie_hash(ids, seed)).items.tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_stored_zero_in_the_mask_leaves_nothing_out():
    mask = csr_array((np.array([0.0, 1.0], dtype=np.float32), np.array([0, 1]), np.array([0, 2])), shape=(1, 3))
    found = rank(np.array([[3, 2, 1]], dtype=np.float32), 3, ties=np.arange(3), mask=mask)
    assert found.items.tolist() == [[0, 2, -1]]
    assert found.scores.tolist() == [[3, 1, -np.inf]]


def test_a_query_without_signal_gets_the_prior_and_one_with_signal_does_not():
    scores = np.array([[0, 0, 0, 0], [0, 0, 1, 0]], dtype=np.float32)
    prior, ties = np.array([1, 5, 0, 5], dtype=np.float32), np.array([4, 3, 2, 1])
    found = rank(scores, 4, ties=ties, prior=prior)
    assert found.items.tolist() == [[3, 1, 0, 2], [2, 3, 1, 0]]
    assert found.scores[0].tolist() == [0, 0, 0, 0]


def test_signal_on_masked_items_alone_is_no_signal():
    scores = np.array([[7, 0, 0, 0]], dtype=np.float32)
    mask = csr_array(np.array([[1, 0, 0, 0]], dtype=np.float32))
    found = rank(scores, 2, ties=np.arange(4), mask=mask, prior=np.array([9, 1, 2, 3], dtype=np.float32))
    assert found.items.tolist() == [[3, 2]]


def test_candidates_alone_are_scored_and_answers_are_rows_of_all_items():
    scores = np.array([[1, 2, 3, 4, 5]], dtype=np.float32)
    found = top(Table(scores), asking(1), 2, ties=np.arange(5), candidates=np.array([3, 0, 1], dtype=np.int32))
    assert found.items.tolist() == [[3, 1]]


def test_an_index_is_asked_for_k_and_what_the_mask_may_take_and_scores_are_not_computed():
    rng = np.random.default_rng(0)
    model = Index(rng.random((4, 60)).astype(np.float32))
    mask = csr_array((rng.random((4, 60)) < 0.1).astype(np.float32))
    found = top(model, asking(4), 5, ties=np.arange(60), mask=mask)
    assert model.depths == [6 + int(np.diff(mask.indptr).max())]
    assert model.asked == []
    assert found.items.tolist() == top(Table(model.scores), asking(4), 5, ties=np.arange(60), mask=mask).items.tolist()


def test_an_index_whose_ties_run_past_its_answer_is_scored_in_full_for_these_queries_only():
    scores = np.tile(np.arange(50, 0, -1, dtype=np.float32), (3, 1))
    scores[1, 2:] = 0
    model = Index(scores)
    found = top(model, asking(3), 4, ties=np.arange(50)[::-1].copy())
    assert model.asked == [1]
    assert found.items[1].tolist() == [0, 1, 49, 48]
    assert found.items[2].tolist() == [0, 1, 2, 3]


def test_an_index_leaves_a_query_without_signal_to_the_prior():
    # query 0 may see items 1 to 9, all alike, and the index reaches past them, since query 1 is masked more
    scores = np.zeros((2, 12), dtype=np.float32)
    scores[0, [0, 10, 11]] = 5, -1, -1
    scores[1] = np.arange(12)
    mask = np.zeros((2, 12), dtype=np.float32)
    mask[0, [0, 10, 11]] = 1
    mask[1, :8] = 1
    prior = np.arange(12, dtype=np.float32)
    found = top(Index(scores), asking(2), 2, ties=np.arange(12), mask=csr_array(mask), prior=prior)
    assert found.items.tolist() == [[9, 8], [11, 10]]


def test_equal_best_scores_above_lower_ones_are_signal_and_keep_the_order_of_the_hash():
    scores = np.array([[1, 1, 1, 0]], dtype=np.float32)
    prior = np.array([0, 1, 2, 3], dtype=np.float32)
    for k in (1, 2, 3):
        assert rank(scores, k, ties=np.arange(4), prior=prior).items.tolist() == [[0, 1, 2][:k]]


def test_blocks_hold_no_more_scores_than_the_bound(monkeypatch):
    n_queries, n = 400, 1000
    monkeypatch.setattr(ranking, "BLOCK_BYTES", 600_000)
    row = np.random.default_rng(0).random(n).astype(np.float32)

    class Popular(Table):
        def score(self, queries, candidates=None):
            self.asked.append(len(queries))
            return np.broadcast_to(row, (len(queries), n))  # read-only: a ranking that writes into it fails

    model = Popular(row)
    mask = csr_array(np.eye(n_queries, n, dtype=np.float32))
    queries, ties = asking(n_queries), np.arange(n)
    tracemalloc.start()
    top(model, queries, 10, ties=ties, mask=mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(model.asked) * n * 12 <= 600_000
    assert sum(model.asked) == n_queries
    assert peak < 600_000 + 400_000  # lists, masks and marks of 400 queries beside the block; all scores take 1.6 MB


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ask", ["top", "ranks"])
def test_a_score_that_is_not_finite_is_refused_by_the_name_of_the_model(bad, ask):
    scores = np.ones((2, 3), dtype=np.float32)
    scores[1, 1] = bad
    with pytest.raises(UserError, match=r"Table gave 1 of 6 scores that are not finite") as caught:
        if ask == "top":
            top(Table(scores), asking(2), 2, ties=np.arange(3))
        else:
            ranks(Table(scores), asking(2), csr_array(np.ones((2, 3))), ties=np.arange(3))
    assert "learning rate" in caught.value.next_step


def test_what_does_not_fit_together_is_refused():
    scores, ties = np.ones((2, 3), dtype=np.float32), np.arange(3)
    with pytest.raises(ValueError, match="mask is"):
        top(Table(scores), asking(2), 1, ties=ties, mask=csr_array((2, 4)))
    with pytest.raises(ValueError, match="twice"):
        top(Table(scores), asking(2), 1, ties=ties, candidates=np.array([1, 1], dtype=np.int32))
    with pytest.raises(ValueError, match="outside"):
        top(Table(scores), asking(2), 1, ties=ties, candidates=np.array([3], dtype=np.int32))
    with pytest.raises(ValueError, match="k is 0"):
        top(Table(scores), asking(2), 0, ties=ties)
    with pytest.raises(ValueError, match="gave scores of shape"):
        top(Table(scores), asking(2), 1, ties=np.arange(4))
    with pytest.raises(ValueError, match="columns of scores"):
        rank(scores, 1, ties=np.arange(4))
    with pytest.raises(ValueError, match="relevant is"):
        ranks(Table(scores), asking(2), csr_array((2, 4)), ties=ties)


def test_nobody_asking_and_nothing_to_show_give_empty_lists():
    nobody = top(Table(np.ones((0, 3), dtype=np.float32)), asking(0), 2, ties=np.arange(3))
    assert nobody.items.shape == (0, 2)
    nothing = top(
        Table(np.ones((2, 3), dtype=np.float32)), asking(2), 2, ties=np.arange(3), candidates=np.zeros(0, np.int32)
    )
    assert nothing.items.tolist() == [[-1, -1]] * 2
