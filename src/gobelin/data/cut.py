"""The one place where rows leave train: a plan of a split, carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Int8, Int64, UInt8
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.split import COLD_ELSE, COLD_TEST, Pairs, Split, cold_marks, distinct_pairs

LEAVES, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
"""Where a pair may go; LEAVES: outside the core."""


@dataclass(frozen=True)
class Pool:
    """What the makers of splits look at: the events and their distinct positive pairs, sorted by user and item."""

    events: Events
    n_users: int
    n_items: int
    item_ids: tuple[str, ...]
    keys: Int64[Array, " pairs"]  # user * n_items + item
    first: Int64[Array, " pairs"] | None  # time of the pair's first positive event

    @property
    def users(self) -> Int64[Array, " pairs"]:
        return self.keys // self.n_items

    @property
    def items(self) -> Int64[Array, " pairs"]:
        return self.keys % self.n_items


@dataclass(frozen=True)
class Plan:
    """What a maker decides.

    parts: of each pair (LEAVES: outside the core). items, users: who belongs. early: events before train's end;
    middle: events before validation's end. now, later: those two moments.
    """

    parts: Int8[Array, " pairs"]
    items: Bool[Array, " items"]
    users: Bool[Array, " users"]
    early: Bool[Array, " events"]
    middle: Bool[Array, " events"]
    now: int | None = None
    later: int | None = None
    cold: UInt8[Array, " items"] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def pool_of(dataset: Dataset) -> Pool:
    events, n_items = dataset.events, len(dataset.items)
    keys, times = distinct_pairs(events, n_items)
    return Pool(events, len(dataset.users), n_items, dataset.items.ids, keys, times)


def carry_out(dataset: Dataset, pool: Pool, plan: Plan, kind: str, seed: int, core: int) -> Split:
    """The one place where rows leave train: outside the core, of a held-out pair, of a cold item, or too late."""
    events = pool.events
    n_items = pool.n_items
    with_item = events.items >= 0
    item = np.maximum(events.items, 0)
    keys = events.users.astype(np.int64) * n_items + item
    validation_keys, test_keys = pool.keys[plan.parts == VALIDATION], pool.keys[plan.parts == TEST]
    to_validate = with_item & np.isin(keys, validation_keys)
    to_test = with_item & np.isin(keys, test_keys)
    planned = np.zeros(n_items, dtype=np.uint8) if plan.cold is None else plan.cold
    cold = np.where(with_item, planned[item], 0)
    outside = ~plan.users[events.users] | (with_item & ~plan.items[item])
    in_train = ~outside & plan.early & ~to_validate & ~to_test & (cold == 0)
    in_added = ~outside & plan.middle & ~to_test & (cold != COLD_TEST) & ~in_train

    rows = np.flatnonzero(plan.items).astype(np.int32)
    place = np.full(n_items, -1, dtype=np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    train, added = (_recoded(events.keep(mask), place) for mask in (in_train, in_added))

    def pairs(part: int) -> Pairs:
        chosen = np.flatnonzero(plan.parts == part)
        ratings = _pair_ratings(pool, chosen) if kind == "ratings" else None
        return Pairs(
            pool.users[chosen].astype(np.int32),
            place[pool.items[chosen]],
            None if pool.first is None else pool.first[chosen],
            ratings,
        )

    validation, test = pairs(VALIDATION), pairs(TEST)
    marks = cold_marks(train, planned[rows])
    active = np.bincount(train.users, minlength=pool.n_users) > 0
    counts = {
        "events": len(events),
        "train_events": len(train),
        "train": int((plan.parts == TRAIN).sum()),
        "validation": len(validation),
        "test": len(test),
        "users": int(plan.users.sum()),
        "items": len(rows),
        "users_outside": int((~plan.users).sum()),
        "items_outside": n_items - len(rows),
        "events_outside": int(outside.sum()),
        "events_of_held_out_pairs": int((~outside & plan.early & (to_validate | to_test)).sum()),
        "events_of_cold_items": int((~outside & plan.early & (cold > 0) & ~to_validate & ~to_test).sum()),
        "events_after_train": int((~outside & ~plan.early).sum()),
        "repeats": int(events.positive.sum()) - len(pool.keys),
        "cold_items": int((marks == COLD_ELSE).sum()),
        "cold_users_validation": int((~active[validation.askers()]).sum()),
        "cold_users_test": int((~active[test.askers()]).sum()),
        "cold_pairs_validation": int((marks[validation.items] > 0).sum()),
        "cold_pairs_test": int((marks[test.items] > 0).sum()),
        **plan.counts,
    }
    return Split(
        kind=kind,
        seed=seed,
        core=core,
        users=dataset.users,
        items=dataset.items.take(rows.tolist()),
        rows=rows,
        train=train,
        added=added,
        validation=validation,
        test=test,
        cold=marks,
        counts=counts,
        now=plan.now,
        later=plan.later,
        positive=dataset.positive,
    )


def _pair_ratings(pool: Pool, chosen: Int64[Array, " chosen"]) -> Float32[Array, " chosen"]:
    """Of a pool that holds one rating for each pair."""
    ratings = pool.events.ratings
    assert ratings is not None
    keys = pool.events.users.astype(np.int64) * pool.n_items + pool.events.items
    order = np.argsort(keys)
    return np.asarray(ratings[order[np.searchsorted(keys[order], pool.keys[chosen])]])


def _recoded(events: Events, place: Array) -> Events:
    items = np.where(events.items >= 0, place[np.maximum(events.items, 0)], -1).astype(np.int32)
    return replace(events, items=items)
