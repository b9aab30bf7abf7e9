"""Every rule of the decision level equals arithmetic by hand, and what is learned is learned from unseen answers."""

import numpy as np
import pytest

from gobelin.ensemble.bagging import draws, out_of_bag
from gobelin.ensemble.borda import borda
from gobelin.ensemble.folds import folds, out_of_fold
from gobelin.ensemble.mean import mean
from gobelin.ensemble.places import places
from gobelin.ensemble.reciprocal_rank import reciprocal_rank
from gobelin.ensemble.scales import scaled, scales
from gobelin.ensemble.segments import mixed, segment_of
from gobelin.ensemble.stacking import choice_weights
from gobelin.ensemble.vote import hard_vote, soft_vote
from gobelin.ensemble.weighted import weighted

TWO = np.array([[[3.0, 1.0, 2.0]], [[0.0, 10.0, 5.0]]])  # two models, one row, three columns
NOT_LAST = np.array([[True, True, False]])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# One scale


def test_scales_by_deviation_and_by_range_are_those_of_the_row() -> None:
    shift, size = scales(TWO, "deviation")
    assert shift.tolist() == [[2], [5]]
    np.testing.assert_allclose(size, [[np.sqrt(2 / 3)], [np.sqrt(50 / 3)]])
    np.testing.assert_allclose(scaled(TWO, "range"), [[[1, 0, 1 / 2]], [[0, 1, 1 / 2]]])
    np.testing.assert_array_equal(scaled(TWO, "none"), TWO)


def test_a_column_that_does_not_count_moves_no_scale() -> None:
    np.testing.assert_allclose(scaled(TWO, "deviation", NOT_LAST), [[[1, -1, 0]], [[-1, 1, 0]]])
    np.testing.assert_allclose(scaled(TWO, "range", NOT_LAST), [[[1, 0, 0]], [[0, 1, 0]]])


def test_a_row_of_equal_scores_says_nothing_on_any_scale() -> None:
    equal = np.full((1, 1, 4), 0.1, dtype=np.float32)
    assert not scaled(equal, "range").any()
    np.testing.assert_allclose(scaled(equal, "deviation"), 0, atol=1e-6)
    with pytest.raises(ValueError, match="one of deviation"):
        scales(equal, "median")


# The rules


def test_mean_and_weighted_sum_by_hand() -> None:
    np.testing.assert_allclose(mean(TWO), [[1.5, 5.5, 3.5]])
    np.testing.assert_allclose(weighted(TWO, np.array([2.0, 0.1])), [[6, 3, 4.5]])
    np.testing.assert_allclose(weighted(TWO, np.array([2.0, 0.1]), NOT_LAST), [[6, 3, 0]])


def test_equal_scores_share_the_mean_of_their_places() -> None:
    assert places(np.array([[5.0, 7.0, 5.0, 1.0]])).tolist() == [[2.5, 1, 2.5, 4]]
    assert places(np.array([[5.0, 7.0, 5.0]]), np.array([[True, False, True]])).tolist() == [[1.5, np.inf, 1.5]]


def test_reciprocal_ranks_by_hand() -> None:
    # places: 1, 3, 2 and 3, 1, 2
    expected = [[1 / 61 + 1 / 63, 1 / 63 + 1 / 61, 2 / 62]]
    np.testing.assert_allclose(reciprocal_rank(TWO), expected)
    np.testing.assert_allclose(
        reciprocal_rank(TWO, k=1, weights=np.array([1.0, 3.0])), [[1 / 2 + 3 / 4, 1 / 4 + 3 / 2, 4 / 3]]
    )
    np.testing.assert_allclose(reciprocal_rank(TWO, k=0, allowed=NOT_LAST), [[1 + 1 / 2, 1 / 2 + 1, 0]])


def test_borda_by_hand() -> None:
    np.testing.assert_allclose(borda(TWO), [[1, 1, 1]])  # 2/2 + 0/2, 0/2 + 2/2, 1/2 + 1/2
    np.testing.assert_allclose(borda(TWO, np.array([2.0, 1.0])), [[2, 1, 1.5]])
    np.testing.assert_allclose(borda(TWO, allowed=NOT_LAST), [[1, 1, 0]])
    tied = np.array([[[1.0, 1.0, 0.0]]])
    np.testing.assert_allclose(borda(tied), [[0.75, 0.75, 0]])  # places 1.5, 1.5, 3


def test_hard_votes_by_hand_and_a_tie_shares_what_is_left() -> None:
    np.testing.assert_allclose(hard_vote(TWO), [[0.5, 0.5, 0]])
    np.testing.assert_allclose(hard_vote(TWO, best=2), [[0.5, 0.5, 1]])
    np.testing.assert_allclose(hard_vote(TWO, weights=np.array([3.0, 1.0])), [[0.75, 0.25, 0]])
    tied = np.array([[[9.0, 4.0, 4.0, 1.0]]])
    np.testing.assert_allclose(hard_vote(tied, best=2), [[1, 0.5, 0.5, 0]])
    np.testing.assert_allclose(hard_vote(TWO, best=2, allowed=NOT_LAST), [[1, 1, 0]])


def test_soft_votes_are_mean_probabilities() -> None:
    told = np.log(np.array([[[0.5, 0.25, 0.25]], [[0.1, 0.1, 0.8]]]))  # log-probabilities are taken at their word
    np.testing.assert_allclose(soft_vote(told), [[0.3, 0.175, 0.525]])
    np.testing.assert_allclose(soft_vote(told, np.array([3.0, 1.0])), [[0.4, 0.2125, 0.3875]])
    np.testing.assert_allclose(soft_vote(told, allowed=NOT_LAST), [[(2 / 3 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2, 0]])
    sharp = soft_vote(told[:1], temperature=0.5)
    np.testing.assert_allclose(sharp, [[4 / 6, 1 / 6, 1 / 6]])


def test_each_segment_has_weights_of_its_own() -> None:
    assert segment_of(np.array([0, 2, 3, 9, 10]), (3, 10)).tolist() == [0, 0, 1, 1, 2]
    weights = np.array([[1.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(mixed(TWO, weights, np.array([[0, 1, 1]])), [[3, 20, 10]])
    rows = np.concatenate([TWO, TWO], axis=1)
    np.testing.assert_allclose(mixed(rows, weights, np.array([[0], [1]])), [[3, 1, 2], [0, 20, 10]])


def test_draws_repeat_and_leave_out_about_a_third() -> None:
    drawn = draws(1000, 3, 1.0, rng())
    assert [len(one) for one in drawn] == [1000] * 3
    left = [len(out_of_bag(one, 1000)) / 1000 for one in drawn]
    np.testing.assert_allclose(left, np.exp(-1), atol=0.05)
    assert out_of_bag(np.array([0, 0, 3]), 5).tolist() == [1, 2, 4]
    assert [len(one) for one in draws(10, 2, 0.5, rng())] == [5, 5]


# What is learned


def test_a_user_is_never_parted_by_folds() -> None:
    users = rng().integers(0, 20, 200)
    fold = folds(users, 4, rng())
    assert all(len(set(fold[users == user])) == 1 for user in range(20))
    assert np.bincount([fold[users == user][0] for user in range(20)]).tolist() == [5, 5, 5, 5]


def test_every_row_is_predicted_once_by_a_model_that_did_not_see_it() -> None:
    fold = np.array([0, 1, 2, 0, 1, 2, 0])
    seen_by: list[set[int]] = []

    def fit_predict(seen, unseen):
        seen_by.append(set(unseen.tolist()))
        assert not set(seen) & set(unseen) and len(seen) + len(unseen) == 7
        return unseen * 10.0

    assert out_of_fold(fold, fit_predict).tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert seen_by == [{0, 3, 6}, {1, 4}, {2, 5}]


def test_choice_weights_are_where_the_stated_loss_is_lowest() -> None:
    random = rng()
    rows = np.repeat(np.arange(30), 5)
    scores = random.normal(size=(3, 150))
    chosen = random.random(150) < 0.3
    ridge, towards = 2.0, np.array([0.5, 0.0, 0.2])

    def loss(w):
        total = ridge * float(((w - towards) ** 2).sum()) / 2
        for row in range(30):
            value, answer = w @ scores[:, rows == row], chosen[rows == row]
            for one in value[answer]:
                total -= one - np.log(np.exp(one) + np.exp(value[~answer]).sum())
        return total

    found = choice_weights(scores, rows, chosen, ridge=ridge, towards=towards)
    lowest = loss(found)
    for _ in range(200):
        assert loss(np.maximum(found + random.normal(0, 0.05, 3), 0)) >= lowest - 1e-6


def test_choice_weights_recover_those_that_the_choices_were_drawn_by() -> None:
    random = rng()
    scores = random.normal(size=(3, 4000, 6))
    value = np.tensordot([1.5, 0.5, 0.0], scores, axes=1) + random.gumbel(size=(4000, 6))
    chosen = value == value.max(axis=1, keepdims=True)
    found = choice_weights(scores.reshape(3, -1), np.repeat(np.arange(4000), 6), chosen.ravel())
    np.testing.assert_allclose(found, [1.5, 0.5, 0.0], atol=0.1)


def test_a_model_that_is_right_less_often_than_chance_is_left_out() -> None:
    answer = np.tile([1.0, 0.0, 0.0], 50)
    found = choice_weights(np.stack([-answer]), np.repeat(np.arange(50), 3), answer > 0)
    assert found.tolist() == [0]


def test_without_answers_the_weights_stay_where_they_were() -> None:
    none = np.zeros(4, dtype=bool)
    kept = choice_weights(np.ones((2, 4)), np.zeros(4), none, towards=np.array([0.3, 0.7]))
    assert kept.tolist() == [0.3, 0.7]


def test_a_planted_leak_earns_nothing_out_of_fold() -> None:
    """A model that remembers the answers of the rows it was fitted on: worth all in sample, nothing out of fold."""
    random = rng()
    n, columns = 600, 4
    honest = random.normal(size=(n, columns))
    answers = (honest + random.gumbel(size=(n, columns))).argmax(axis=1)

    def remembers(seen, unseen):
        said = random.normal(size=(len(unseen), columns))
        known = np.isin(unseen, seen)
        said[np.flatnonzero(known), answers[unseen[known]]] += 20
        return said

    every = np.arange(n)
    rows, chosen = np.repeat(every, columns), (np.arange(columns) == answers[:, None]).ravel()

    def weights_with(leak):
        return choice_weights(np.stack([honest.ravel(), leak.ravel()]), rows, chosen)

    in_sample = weights_with(remembers(every, every))
    assert in_sample[1] > 0.3  # the leak is there to be taken
    unseen = weights_with(out_of_fold(folds(every, 5, rng()), remembers))
    assert unseen[1] < 0.1 and abs(unseen[0] - 1) < 0.2


# LambdaMART


def cells_of(answers_follow: bool):
    from gobelin.ensemble.lambda_mart import Cells

    random = rng()
    rows = np.repeat(np.arange(300), 12)
    features = random.normal(size=(len(rows), 3)).astype(np.float32)
    value = np.abs(features[:, 0]) if answers_follow else random.normal(size=len(rows))  # no weighted sum says |x|
    answers = (value.reshape(300, 12) >= np.sort(value.reshape(300, 12), axis=1)[:, -2:-1]).ravel()
    return Cells(rows, features, features[:, 0].astype(np.float64), answers)


def test_trees_learn_what_no_weighted_sum_says() -> None:
    pytest.importorskip("lightgbm")
    from gobelin.ensemble.lambda_mart import fit, ndcg

    cells = cells_of(True)
    found = fit(cells, cells.rows, rng(), trees=40, least=20, cut=5)
    assert found.trees > 0 and found.curve[found.trees] == max(found.curve) > found.curve[0] + 0.2
    added = found.added(cells)
    np.testing.assert_allclose(added.reshape(300, 12).mean(axis=1), 0, atol=1e-9)  # trees only reorder
    assert ndcg(cells, cells.base + added, 5) > 0.9


def test_no_tree_is_grown_where_none_pays() -> None:
    pytest.importorskip("lightgbm")
    from gobelin.ensemble.lambda_mart import Cells, fit

    cells = cells_of(True)
    told = Cells(cells.rows, cells.features * 0, np.where(cells.relevant, 5.0, 0.0), cells.relevant)  # base is perfect
    found = fit(told, told.rows, rng(), trees=10, least=20)
    assert (found.trees, found.text) == (0, "") and not found.added(told).any()


def test_the_same_seed_grows_the_same_trees() -> None:
    pytest.importorskip("lightgbm")
    from gobelin.ensemble.lambda_mart import fit

    cells = cells_of(True)
    one, two = (fit(cells, cells.rows, rng(), trees=5, least=20) for _ in range(2))
    assert one == two


def test_ndcg_of_cells_by_hand() -> None:
    pytest.importorskip("lightgbm")
    from gobelin.ensemble.lambda_mart import Cells, ndcg

    cells = Cells(
        np.array([4, 4, 4, 7, 7]), np.zeros((5, 1), np.float32), np.zeros(5), np.array([True, False, True, False, True])
    )
    scores = np.array([1.0, 3.0, 2.0, 1.0, 2.0])  # answers at places 3 and 2, then at 1
    first = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert ndcg(cells, scores, 3) == pytest.approx((first + 1) / 2)
    assert ndcg(cells, scores, 2) == pytest.approx((1 / np.log2(3) / (1 + 1 / np.log2(3)) + 1) / 2)
