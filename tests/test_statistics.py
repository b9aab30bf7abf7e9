"""Intervals cover what they should, p-values are counts of patterns, corrections are done by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pytest import approx

from gobelin.evaluation import (
    PerUser,
    comparisons,
    holm,
    over_seeds,
    paired_difference,
    pooled_difference,
    sign_flip_p,
    summarise,
)
from gobelin.evaluation.statistics import draws, ratios, resampled


def rng(seed=0):
    return np.random.default_rng(seed)


def per_user(**values):
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}
    return PerUser(np.arange(len(next(iter(columns.values())))), columns)


def test_each_resample_draws_as_many_users_as_there_are_and_each_alike():
    counts = np.concatenate(list(draws(50, 2000, rng())))
    assert counts.shape == (2000, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean(axis=0) == approx(np.ones(50), abs=0.12)  # sd of each mean is sqrt(.98 / 2000) = .022
    assert counts.var() == approx(1 - 1 / 50, rel=0.05)


def test_blocks_of_resamples_are_joined_whole(monkeypatch):
    monkeypatch.setattr("gobelin.evaluation.statistics._BLOCK_BYTES", 8 * 10 * 3)
    values = rng(1).random((10, 2))
    assert resampled(values, np.ones((10, 2)), rng(), 100).shape == (100, 2)


def test_the_spread_of_resampled_means_is_the_standard_error():
    values = rng(1).standard_normal(400)
    samples = resampled(values[:, None], np.ones((400, 1)), rng(), 4000)
    assert samples.std() == approx(values.std() / 20, rel=0.05)
    assert samples.mean() == approx(values.mean(), abs=0.005)


def test_a_95_percent_interval_covers_the_truth_95_times_of_100():
    worlds, truth = 400, 0.3
    covered = 0
    for seed in range(worlds):
        users = rng(seed).binomial(5, truth, size=80) / 5
        found = summarise(per_user(m=users), rng(seed + 10_000), resamples=400)["m"]
        covered += found["low"] <= truth <= found["high"]
    assert 0.91 <= covered / worlds <= 0.98  # sd of the share is .011


def test_a_wider_level_gives_a_wider_interval_around_the_mean():
    values = per_user(m=rng().random(60))
    narrow, wide = (summarise(values, rng(), level=level)["m"] for level in (0.5, 0.99))
    assert wide["low"] < narrow["low"] < narrow["value"] < narrow["high"] < wide["high"]
    assert narrow["value"] == approx(values["m"].mean())


def test_models_summarised_with_one_seed_meet_the_same_resamples():
    values = rng().random(40)
    one, other = summarise(per_user(a=values), rng(5))["a"], summarise(per_user(b=values + 1), rng(5))["b"]
    assert other == approx({part: figure + 1 for part, figure in one.items()})


def test_a_user_without_a_value_counts_neither_above_nor_below():
    found = summarise(per_user(m=[1, np.nan, 3], nobody=[np.nan] * 3), rng())
    assert found["m"]["value"] == 2
    assert (found["m"]["low"], found["m"]["high"]) == (1, 3)
    assert "nobody" not in found
    assert per_user(m=[1, np.nan, 3], nobody=[np.nan] * 3).means() == {"m": 2}


def test_a_ratio_of_sums_is_not_a_mean_of_ratios():
    found = ratios({"r": np.array([1.0, 9.0])}, {"r": np.array([1.0, 3.0])}, rng())["r"]
    assert found == {"value": 10 / 4, "low": 1, "high": 3}


def test_holm_by_hand():
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, made not to fall: .04 .06 .06 .06
    assert holm([0.04, 0.01, 0.03, 0.02]) == approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_rejects_what_the_step_down_rule_rejects(ps):
    corrected = holm(ps)
    for alpha in (0.01, 0.05, 0.2):
        rejected: set[int] = set()
        for step, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
            if ps[i] * (len(ps) - step) > alpha:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(corrected) if p <= alpha} == rejected


def test_sign_flips_of_few_users_are_counted_exactly():
    # all three positive: only +++ and --- are as extreme, 2 of 8 patterns; the tie adds nothing
    assert sign_flip_p(np.array([1.0, 2.0, 0.0, 3.0]), rng()) == 2 / 8
    assert sign_flip_p(np.array([1.0, -1.0]), rng()) == 1
    assert sign_flip_p(np.zeros(5), rng()) == 1


@given(arrays(np.float64, st.integers(1, 8), elements=st.integers(-3, 3).map(float)))
def test_sign_flips_are_the_share_of_all_patterns(gaps):
    patterns = [
        abs(sum(s * g for s, g in zip(signs, gaps, strict=True))) for signs in product((1, -1), repeat=len(gaps))
    ]
    assert sign_flip_p(gaps, rng()) == approx(np.mean(np.array(patterns) >= abs(gaps.sum())))


def test_drawn_sign_flips_come_near_the_exact_share_and_are_never_zero():
    gaps = np.array([1.0] * 11 + [-1.0] * 5)
    # |sum| >= 6 of 16 fair coins: P(heads <= 5 or >= 11) = 2 * 6885 / 65536
    assert sign_flip_p(gaps, rng(), flips=20_000) == approx(2 * 6885 / 65536, abs=0.01)
    assert sign_flip_p(np.ones(200), rng(), flips=999) == 1 / 1000


def test_p_values_of_equal_models_are_uniform():
    ps = np.array([sign_flip_p(rng(seed).standard_normal(40), rng(seed + 999), flips=400) for seed in range(300)])
    for alpha in (0.05, 0.5):
        assert np.mean(ps <= alpha) == approx(alpha, abs=4 * np.sqrt(alpha * (1 - alpha) / 300))


def test_a_paired_difference_finds_what_unpaired_intervals_hide():
    base = rng().random(300)
    ours = base + 0.01
    found = paired_difference(ours, base, rng())
    assert (found.difference, found.low, found.high) == approx((0.01, 0.01, 0.01))
    assert found.relative == approx(0.01 / base.mean())
    assert found.relative_low < found.relative < found.relative_high
    assert found.p == 1 / 5001
    apart = summarise(per_user(ours=ours, base=base), rng())
    assert apart["ours"]["low"] < apart["base"]["high"]


def test_the_relative_interval_is_that_of_the_ratio():
    found = paired_difference(np.array([2.0, 6.0]), np.array([1.0, 4.0]), rng())
    # resamples of two users: the first twice (1/1), both (3/5), the second twice (2/4)
    assert found.relative == approx(3 / 5)
    assert (found.relative_low, found.relative_high) == approx((1 / 2, 1))
    nothing = paired_difference(np.array([1.0, 0.0]), np.zeros(2), rng())
    assert nothing.relative is nothing.relative_low is None


def test_a_user_without_a_value_in_one_model_leaves_the_pair_out():
    found = paired_difference(np.array([1.0, np.nan, 3.0]), np.array([0.0, 5.0, np.nan]), rng())
    assert (found.difference, found.users) == (1, 1)
    with pytest.raises(ValueError, match="no user"):
        paired_difference(np.array([np.nan]), np.array([1.0]), rng())


def test_seeds_that_repeat_the_same_people_do_not_make_an_interval_narrower():
    ours, theirs = rng(1).random(100), rng(2).random(100)
    people = np.arange(100)
    one = paired_difference(ours, theirs, rng())
    pooled = pooled_difference([ours] * 3, [theirs] * 3, [people] * 3, rng())
    naive = paired_difference(np.tile(ours, 3), np.tile(theirs, 3), rng())
    assert pooled.difference == approx(one.difference)
    assert (pooled.low, pooled.high, pooled.p) == approx((one.low, one.high, one.p))
    assert naive.high - naive.low < 0.7 * (pooled.high - pooled.low)


def test_pooling_joins_a_user_by_id_not_by_place():
    # user 7 has +1 and -1, which cancel; user 8 has +3 once: the mean is over three rows
    found = pooled_difference(
        [np.array([1.0, 3.0]), np.array([0.0])],
        [np.array([0.0, 0.0]), np.array([1.0])],
        [np.array([7, 8]), np.array([7])],
        rng(),
    )
    assert found.difference == 1
    assert (found.low, found.high, found.users) == (0, 3, 2)  # 7 twice: 0 of 4 rows; 8 twice: 6 of 2
    assert found.p == 1  # +3 or -3


def test_comparisons_are_corrected_over_all_of_them():
    base = rng().random(200)
    models = {
        "weave": per_user(ndcg=base + rng(3).normal(0.05, 0.1, 200), recall=base + rng(4).normal(0, 0.1, 200)),
        "ease": per_user(ndcg=base, recall=base),
    }
    rows = comparisons(models, [("weave", "ease")], ["ndcg", "recall"], rng())
    assert [(row["model"], row["against"], row["metric"]) for row in rows] == [
        ("weave", "ease", "ndcg"),
        ("weave", "ease", "recall"),
    ]
    assert [row["p_corrected"] for row in rows] == holm([row["p"] for row in rows])
    assert rows[0]["low"] > 0 > rows[1]["low"]
    assert {"difference", "low", "high", "relative_low", "p", "p_corrected"} <= set(rows[0])


def test_models_judged_on_different_users_are_not_compared():
    ours = PerUser(np.array([1, 2]), {"m": np.zeros(2)})
    with pytest.raises(ValueError, match="different users"):
        comparisons({"a": ours, "b": per_user(m=[0, 0])}, [("a", "b")], ["m"], rng())


def test_over_seeds_uses_the_sample_deviation():
    assert over_seeds([1.0, 2.0, 3.0]) == {"mean": 2, "sd": 1, "seeds": 3}
    assert over_seeds([4.0]) == {"mean": 4, "sd": None, "seeds": 1}
