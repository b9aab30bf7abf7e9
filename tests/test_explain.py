"""Shares of a score: they sum to it, each equals what brute force gives for its right-hand side alone, and they tell
the planted reason."""

import numpy as np
import pytest

from gobelin.models.weave import Weave
from gobelin.testing import worlds
from gobelin.values import Histories, Queries, Train

SETTINGS = [
    {},
    {"weight": {"text.words": 3.0, "image.pixels": 10.0}, "tau": {"text.words": 0.0, "image.pixels": 0.2}},
    {"log_blend": 0.8, "head": 0.3, "history_power": 0.15},
    {"solver": "exact", "most_items": 60},
    {"user_power": 0.75, "item_power": 0.3, "regularisation": 5.0},
]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def train() -> Train:
    """Two senses, a third of the items without a picture."""
    one = worlds.two_senses().train
    table = one.table.without({"image.pixels": np.arange(len(one.items)) % 3 == 0})
    return Train(one.users, one.items, one.histories, table, one.cold, one.now)


def query(train: Train, user: int) -> Queries:
    return train.queries().take(np.array([user]))


@pytest.mark.parametrize("settings", SETTINGS)
def test_shares_sum_to_the_score_in_float64(train, settings) -> None:
    model = Weave(**settings).fit(train, rng())
    exact = model.exactly(train)
    every = np.arange(len(train.items), dtype=np.int32)
    for user in range(5):
        asked = query(train, user)
        found = model.explain(asked, every, train)
        told = exact.told(asked.histories).sum(axis=0)
        scores = np.zeros(len(every))
        scores[exact.ground.solved] = told @ exact.matrix
        rest = exact.ground.rest
        scores[rest] = exact.ground.terms.cold_scale * (exact.mixture(rest) @ (told @ exact.base))
        np.testing.assert_allclose(found.scores, scores, rtol=1e-9, atol=1e-12 * np.abs(scores).max())
        np.testing.assert_allclose(found.scores, model.score(asked)[0], rtol=1e-3, atol=1e-5)
        assert found.shares.shape == (len(every), len(asked.histories.items), len(found.senses))


@pytest.mark.parametrize("settings", SETTINGS[:2])
def test_the_share_of_a_sense_is_the_score_with_its_right_hand_side_alone(train, settings) -> None:
    """b = argmin with b_j = 0 solved for one right-hand side g: (A without row and column j)^-1 g, by brute force."""
    model = Weave(**settings).fit(train, rng())
    ground = model.exactly(train).ground
    every = np.arange(len(ground.solved), dtype=np.int64)
    sides = ground.sides(every, every)
    total = sum(sides.values()) + model.regularisation * np.eye(len(every))
    counts = np.maximum(ground.scalers.counts, 1)
    asked = query(train, 3)
    history = asked.histories.matrix(len(train.items)).toarray()[0][ground.solved].astype(np.float64)
    history *= counts**-model.history_power
    for place in (0, 7, 20):
        item = int(ground.solved[place])
        found = model.explain(asked, np.array([item], dtype=np.int32), train)
        others = np.delete(every, place)
        for name, share in zip(found.senses, found.by_sense[0], strict=True):
            alone = np.linalg.solve(total[np.ix_(others, others)], sides[name][others, place])
            assert share == pytest.approx(history[others] @ alone * counts[place] ** model.head, rel=1e-9, abs=1e-14)


def test_a_new_items_share_of_a_sense_is_its_kernel_alone() -> None:
    train = worlds.cold().train
    model = Weave(cold_weight=dict.fromkeys(train.table, 1.0)).fit(train, rng())
    exact = model.exactly(train)
    new = exact.ground.rest[:3]
    asked = query(train, 2)
    found = model.explain(asked, new.astype(np.int32), train)
    told = asked.histories.matrix(len(train.items)).toarray()[0][exact.ground.solved].astype(np.float64)
    every = np.arange(len(exact.ground.solved), dtype=np.int64)
    for name, like in exact.ground.alike(new, every).items():
        brute = told @ exact.base @ (like @ exact.alike).T
        np.testing.assert_allclose(found.by_sense[:, found.senses.index(name)], brute, rtol=1e-9)
    assert np.all(found.by_sense[:, found.senses.index("log")] == 0), "nobody met them: the log says nothing directly"


def test_of_a_repeated_pair_the_strongest_event_speaks() -> None:
    histories = Histories(
        starts=np.array([0, 4, 5]),
        items=np.array([2, 2, -1, 2, 2], dtype=np.int32),
        kinds=np.zeros(5, dtype=np.uint8),
        weights=np.array([0.2, 1.0, 1.0, 1.0, 0.3], dtype=np.float32),
    )
    assert histories.spoken().tolist() == pytest.approx([0, 1, 0, 0, 0.3])
    matrix = histories.matrix(3).toarray()
    assert matrix[:, 2].tolist() == pytest.approx([1, 0.3])


def test_an_event_that_is_taken_away_takes_its_share_along(train) -> None:
    model = Weave().fit(train, rng())
    asked = query(train, 1)
    item = np.array([4], dtype=np.int32)
    found = model.explain(asked, item, train)
    for event in range(3):
        row = asked.histories.items[event]
        rest = Queries(asked.users, asked.histories.keep(asked.histories.items != row), asked.now)
        without = model.explain(rest, item, train)
        assert found.scores[0] - without.scores[0] == pytest.approx(found.by_event[0, event], rel=1e-9, abs=1e-14)
