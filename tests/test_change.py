"""A weave that follows a change has the arrays of a fit with the same settings and scalers on the changed data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gobelin.models import _change
from gobelin.models._change import changed, changed_ground
from gobelin.models._exact import Exact
from gobelin.models._update import bordered, raised, without
from gobelin.models.weave import Weave
from gobelin.testing import worlds
from gobelin.values import Features, FeatureTable, Histories, Train, Vocabulary

SETTINGS = [
    {},
    {"log_blend": 0.4, "fill": "neighbours"},
    {"least_events": 2},
    {"weight": {"text.words": 0.0}, "user_power": 0.0},
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def world() -> Train:
    """144 items with two senses, some without one, two that nobody met."""
    one = worlds.two_senses().train
    lacks = {"image.pixels": np.arange(len(one.items)) % 5 == 1, "text.words": np.arange(len(one.items)) % 7 == 2}
    histories = one.histories.keep(~np.isin(one.histories.items, [3, 11]))
    return train_of(one, histories, one.table.without(lacks))


def train_of(one: Train, histories: Histories, table: FeatureTable, users: Vocabulary | None = None) -> Train:
    met = np.zeros(len(table.ids), dtype=bool)
    met[histories.items[histories.items >= 0]] = True
    return Train(users or one.users, table.ids, histories, table, ~met, one.now)


def lists(train: Train) -> dict[str, list[int]]:
    bounds = train.histories.starts
    return {u: train.histories.items[bounds[i] : bounds[i + 1]].tolist() for i, u in enumerate(train.users)}


def with_events(train: Train, took: dict[str, list[int]]) -> Train:
    return train_of(train, Histories.of(list(took.values())), train.table, Vocabulary(took))


def with_items(train: Train, order: list[int], new: int = 0, seed: int = 5) -> Train:
    """Items in another order, without some, and with new ones of random content at the end."""
    draw = rng(seed)
    ids = Vocabulary([*(train.items[i] for i in order), *(f"new{i}" for i in range(new))])
    features = {}
    for name in train.table:
        one = train.table[name]
        values = np.vstack([np.asarray(one.values)[order], draw.normal(size=(new, one.dim)).astype(np.float32)])
        present = np.concatenate([one.present[order], draw.random(new) < 0.8])
        features[name] = Features(name, one.modality, ids, values, present)
    place = np.full(len(train.items), -1, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return train_of(train, train.histories.recode(place), FeatureTable(ids, features))


def assert_the_arrays_of_a_fit(model: Weave, before: Train, after: Train) -> None:
    ground = changed_ground(model.exactly(before).ground, after, model.least_events, model.most_items)
    fresh = Exact.solved(ground)
    found = changed(model.exactly(before), after, model.least_events, model.most_items)
    assert np.array_equal(found.ground.solved, ground.solved)
    for name in ("woven", "alone", "alike", "matrix", "base"):
        one, other = getattr(found, name), getattr(fresh, name)
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * np.abs(other).max(), err_msg=name)
    applied = model.apply(before, after)
    queries = after.queries()
    scores = applied.score(queries)
    assert scores.shape == (len(after.users), len(after.items)) and np.isfinite(scores).all()
    told = np.stack([fresh.told(queries.histories.take(np.array([u]))).sum(axis=0) for u in range(4)])
    np.testing.assert_allclose(scores[:4][:, ground.solved], told @ fresh.matrix, atol=1e-4 * np.abs(scores).max())
    if len(ground.rest):
        far = fresh.ground.terms.cold_scale * (told @ fresh.base) @ fresh.mixture(ground.rest).T
        np.testing.assert_allclose(scores[:4][:, ground.rest], far, atol=1e-4 * np.abs(scores).max())


@pytest.fixture(params=SETTINGS, ids=str)
def model(request) -> tuple[Weave, Train]:
    train = world()
    return Weave(**request.param).fit(train, rng()), train


@pytest.fixture(autouse=True)
def always_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds are small: without this every change would be a solve."""
    monkeypatch.setattr(_change, "cheap", lambda rank, solved: True)


def test_events_are_added(model) -> None:
    weave, train = model
    took = lists(train)
    took["user 0"] = [*took["user 0"], 5, 9]
    took["user 3"] = [*took["user 3"], 2]
    took["somebody new"] = [1, 4, 8]
    assert_the_arrays_of_a_fit(weave, train, with_events(train, took))


def test_an_item_that_nobody_met_joins_with_its_first_events(model) -> None:
    weave, train = model
    took = lists(train)
    for user in ("user 0", "user 1", "user 2", "user 3", "user 5"):
        took[user] = [*took[user], 3]
    after = with_events(train, took)
    assert_the_arrays_of_a_fit(weave, train, after)
    assert 3 in weave.apply(train, after).exactly(after).ground.solved


def test_people_are_forgotten(model) -> None:
    weave, train = model
    took = lists(train)
    for user in ("user 1", "user 4", "user 7"):
        del took[user]
    assert_the_arrays_of_a_fit(weave, train, with_events(train, took))


def test_items_are_added_removed_and_reordered(model) -> None:
    weave, train = model
    order = [i for i in range(len(train.items)) if i not in (0, 6, 7)]
    assert_the_arrays_of_a_fit(weave, train, with_items(train, order, new=4))
    assert_the_arrays_of_a_fit(weave, train, with_items(train, order[::-1], new=2))


def test_an_item_is_described_anew(model) -> None:
    weave, train = model
    one = train.table["text.words"]
    values = np.array(one.values)
    values[4], values[3] = values[4][::-1], 1.0
    text = Features(one.name, one.modality, one.ids, values, one.present | (np.arange(len(one.ids)) == 9))
    table = FeatureTable(train.items, {**train.table.features, "text.words": text})
    assert_the_arrays_of_a_fit(weave, train, train_of(train, train.histories, table))


def test_changes_follow_each_other(model) -> None:
    weave, train = model
    took = lists(train)
    took["user 0"] = [*took["user 0"], 3]
    second = with_events(train, took)
    once = weave.apply(train, second)
    third = with_items(second, [i for i in range(len(second.items)) if i != 5], new=2)
    assert_the_arrays_of_a_fit(once, second, third)


def test_a_change_of_nothing_changes_nothing(model) -> None:
    weave, train = model
    again = weave.apply(train, train_of(train, train.histories, train.table))
    np.testing.assert_allclose(again.score(train.queries()), weave.score(train.queries()), rtol=1e-3, atol=1e-5)


def test_a_large_change_is_solved_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert _change.cheap(1_590, 3_186) and not _change.cheap(1_600, 3_186)


@given(st.data())
def test_any_change_gives_the_arrays_of_a_fit(data: st.DataObject) -> None:
    """Random logs of ten people on eight items, then people, events and items come and go, all at once."""
    draw = rng(data.draw(st.integers(0, 2**32 - 1)))
    table = FeatureTable(
        ids := Vocabulary(f"i{i}" for i in range(8)),
        {"text": Features("text", "text", ids, draw.normal(size=(8, 3)).astype(np.float32), draw.random(8) < 0.8)},
    )
    took = {f"u{u}": draw.choice(8, draw.integers(0, 6), replace=False).tolist() for u in range(10)}
    users = Vocabulary(took)
    histories = Histories.of(list(took.values()))
    before = train_of(Train(users, ids, histories, table, np.zeros(8, dtype=bool)), histories, table)
    weave = Weave(regularisation=5.0, least_events=data.draw(st.sampled_from([1, 2]))).fit(before, rng())
    for user in data.draw(st.lists(st.sampled_from(list(took)), max_size=4)):
        took[user] = draw.choice(8, draw.integers(0, 6), replace=False).tolist()
    for user in data.draw(st.sets(st.sampled_from(list(took)), max_size=3)):
        del took[user]
    took |= {f"new{n}": draw.choice(8, 3).tolist() for n in range(data.draw(st.integers(0, 2)))}
    order = data.draw(st.permutations(range(8)))[: data.draw(st.integers(3, 8))]
    after = with_items(with_events(before, took), list(order), data.draw(st.integers(0, 2)))
    ground = changed_ground(weave.exactly(before).ground, after, weave.least_events, weave.most_items)
    fresh = Exact.solved(ground)
    found = changed(weave.exactly(before), after, weave.least_events, weave.most_items)
    for name in ("matrix", "base"):
        np.testing.assert_allclose(getattr(found, name), getattr(fresh, name), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.mixture(ground.rest), fresh.mixture(ground.rest), rtol=0, atol=1e-8)


@given(st.data())
def test_inverses_follow_any_change(data: st.DataObject) -> None:
    n, rank = data.draw(st.integers(2, 12)), data.draw(st.integers(0, 4))
    draw = rng(data.draw(st.integers(0, 2**32 - 1)))
    root = draw.normal(size=(n, n))
    a = root @ root.T + np.eye(n)
    p = np.linalg.inv(a)
    rows = draw.normal(size=(rank, n)) * (draw.random((rank, n)) < 0.5)
    np.testing.assert_allclose(
        raised(p, csr_array(rows), np.ones(rank)), np.linalg.inv(a + rows.T @ rows), rtol=1e-6, atol=1e-8
    )
    split = data.draw(st.integers(1, n))
    np.testing.assert_allclose(without(p, np.arange(split)), np.linalg.inv(a[:split, :split]), rtol=1e-6, atol=1e-8)
    inner = np.linalg.inv(a[:split, :split])
    np.testing.assert_allclose(bordered(inner, a[:split, split:], a[split:, split:]), p, rtol=1e-6, atol=1e-8)
