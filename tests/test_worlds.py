"""The worlds are what they say: drawn quickly, the same for a seed, and with an answer that can be found."""

import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from gobelin.testing import worlds
from gobelin.testing.worlds import World
from gobelin.values import Histories

DRAWN = {
    "checkerboard": worlds.checkerboard,
    "two senses": worlds.two_senses,
    "spare sense, again": partial(worlds.spare_sense, "again"),
    "spare sense, noise": partial(worlds.spare_sense, "nothing"),
    "popular": worlds.popular,
    "chain": worlds.chain,
    "habits": worlds.habits,
    "cold": worlds.cold,
    "rated": worlds.rated,
}
WITH_ANSWERS = [name for name in DRAWN if name != "rated"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_world_is_drawn_in_a_moment_and_the_same_for_its_seed(name: str) -> None:
    first = DRAWN[name](seed=3)
    begun = time.process_time()
    again, other = DRAWN[name](seed=3), DRAWN[name](seed=4)
    assert time.process_time() - begun < 1.0  # two of them, shapes checked, on a busy machine
    assert np.array_equal(first.train.histories.items, again.train.histories.items)
    assert not np.array_equal(first.train.histories.times, other.train.histories.times) or not np.array_equal(
        first.train.histories.items, other.train.histories.items
    )


@pytest.mark.parametrize("name", WITH_ANSWERS)
def test_no_answer_is_in_the_history_and_an_oracle_finds_them_all(name: str) -> None:
    world: World = DRAWN[name]()
    answers = world.answers.toarray()
    had = world.train.matrix().toarray()
    assert answers.sum(axis=1).min() >= 1
    assert not np.any((had > 0) & (answers > 0))
    assert worlds.found_in(answers, world, k=1) == 1
    assert worlds.found_in(-answers, world, k=1) == 0
    assert worlds.found_in(np.zeros_like(answers), world, k=1) == 0  # a tie is no find


def test_found_counts_the_places_that_other_items_take() -> None:
    world = worlds.chain(items=30, users=60, steps=8)
    scores = world.answers.toarray()
    free = (world.train.matrix().toarray() == 0) & (scores == 0)
    for user in range(30):  # for half of the users two free items stand ahead of the answer
        scores[user, np.flatnonzero(free[user])[:2]] = 2
    assert worlds.found_in(scores, world, k=2) == 1 / 2
    assert worlds.found_in(scores, world, k=3) == 1


def test_the_checkerboard_is_half_of_a_board_without_its_diagonal() -> None:
    world = worlds.checkerboard(6)
    expected = (np.add.outer(np.arange(6), np.arange(6)) % 2 == 0) & ~np.eye(6, dtype=bool)
    assert np.array_equal(world.train.matrix().toarray() > 0, expected)
    assert np.array_equal(world.answers.toarray(), np.eye(6))
    assert np.ptp(world.train.counts()) == 0  # popularity knows nothing


def test_on_the_chain_each_item_has_one_successor() -> None:
    world = worlds.chain()
    successors: dict[int, set[int]] = {}
    starts, items = world.train.histories.starts, world.train.histories.items
    for user in range(len(world.train.users)):
        walk = [*items[starts[user] : starts[user + 1]].tolist(), int(world.answers.indices[user])]
        for before, after in pairwise(walk):
            successors.setdefault(before, set()).add(after)
    assert all(len(after) == 1 for after in successors.values())
    assert sorted(successors) == list(range(30))


def test_habits_in_random_order_are_the_same_people_with_the_same_answers() -> None:
    ordered, shuffled = worlds.habits(), worlds.habits(ordered=False)
    assert np.array_equal(ordered.train.matrix().toarray(), shuffled.train.matrix().toarray())
    assert np.array_equal(ordered.answers.toarray(), shuffled.answers.toarray())
    called = {}
    for world in (ordered, shuffled):
        last = world.train.histories.items[world.train.histories.starts[1:] - 1]
        called[world is ordered] = len(set(zip(last.tolist(), world.answers.indices.tolist(), strict=True)))
    assert called[True] == 48  # each last item has one answer
    assert called[False] > 2 * 48


def test_a_spare_sense_tells_dimly_or_nothing_and_the_rest_is_the_same() -> None:
    taste = np.repeat(np.arange(16), 9)
    nearest = {}
    for tells in ("again", "nothing"):
        table = worlds.spare_sense(tells).train.table
        for name in table:
            unit = table[name].unit(table[name].mean())
            alike = unit @ unit.T - 9 * np.eye(len(unit))
            nearest[tells, name] = float((taste[alike.argmax(axis=1)] == taste).mean())
    assert nearest["again", "text.words"] == nearest["nothing", "text.words"] > 0.7
    assert nearest["nothing", "image.pixels"] < 0.15 < nearest["again", "image.pixels"] < 0.5


def test_popular_items_are_taken_by_their_law_and_it_finds_the_most() -> None:
    world = worlds.popular()
    counts = world.train.counts()
    assert counts[0] > 2 * counts[10] > 4 * counts[50]
    law, people = -np.arange(60, dtype=np.float32), len(world.train.users)
    best = worlds.found_in(np.tile(law, (people, 1)), world, 5)
    other = np.random.default_rng(0).permuted(np.tile(law, (people, 1)), axis=1)
    assert best > 0.4 > 0.15 > worlds.found_in(other.astype(np.float32), world, 5)


def test_cold_items_have_no_event_and_each_is_the_answer_of_its_taste() -> None:
    world = worlds.cold()
    assert world.train.counts()[world.train.cold].sum() == 0
    assert np.array_equal(world.candidates, np.flatnonzero(world.train.cold))
    assert world.answers.sum() == 40 * 2


def test_held_out_ratings_are_of_the_pairs_that_are_not_in_the_log() -> None:
    world = worlds.rated(users=20, items=15)
    log: Histories = world.train.histories
    known = set(zip(log.queries.tolist(), log.items.tolist(), strict=True))
    held = set(zip(world.users.tolist(), world.items.tolist(), strict=True))
    assert not known & held
    assert len(known) + len(held) == 20 * 15
