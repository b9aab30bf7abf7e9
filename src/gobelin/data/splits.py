"""Splits of a log, each holding out pairs of user and item: no row of a held-out pair, of any kind, stays in train.

A pair is held out for its positive events alone. Its moment is its first positive event: later ones are repeats, which
are no targets. A user or item that train says nothing of is kept, counted, and asked for all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Int8, Int64, UInt8
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.notes import several
from gobelin.data.split import COLD_ELSE, COLD_TEST, COLD_VALIDATION, Pairs, Split, cold_marks, distinct_pairs
from gobelin.errors import SplitError, UnknownName, nearest
from gobelin.values.vocabulary import tie_hash

__all__ = ["KINDS", "Pairs", "Split", "make_split", "split_ratings"]

LEAVES, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
SHARE = 10
"""One in so many of a user's pairs is held out for validation, and for test."""

COLD_SHARE = 0.1
DISTINCT_RATINGS = 3
"""Ratings with fewer different values than this are no scale to predict."""


@dataclass(frozen=True)
class _Log:
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
class _Plan:
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


def make_split(dataset: Dataset, kind: str | None = None, seed: int = 0, core: int = 5) -> Split:
    """The split of that kind (one of KINDS); None: `time` where the log has times, else `random`.

    core: every user and item keeps at least so many positive pairs, in `random` and `cold-items`; the others have none.
    Raises SplitError where a part would be empty, UnknownName for another kind.
    """
    kind = kind or ("time" if dataset.events.times is not None else "random")
    if kind not in _MAKERS:
        raise UnknownName(
            f"There is no split {kind!r}.{nearest(kind, KINDS)}",
            "one of " + ", ".join(KINDS) + ".",
            "name one of them with --split.",
        )
    log = _log(dataset)
    if not len(log.keys):
        raise SplitError(
            f"{dataset.name} has no positive event to split.",
            "a log with events that people liked.",
            "add interactions.csv, or correct `positive` in dataset.toml.",
        )
    plan = _MAKERS[kind](log, seed, core)
    used = core if kind in CORED else 0
    split = _assemble(dataset, log, plan, kind, seed, used)
    _refuse_empty(split, used)
    return split


def _random(log: _Log, seed: int, core: int) -> _Plan:
    """Each user's core pairs in random order: test, validation, the rest train."""
    inside = _core(log, core)
    rng = np.random.default_rng(seed)
    parts = np.full(len(log.keys), LEAVES, dtype=np.int8)
    parts[inside], small = _tenths(log.users[inside], rng)
    return _timeless(log, parts, inside, {"users_too_small": small})


def _cold_items(log: _Log, seed: int, core: int) -> _Plan:
    """A tenth of the core's items is cold for validation, a tenth for test; pairs of the others as in `random`."""
    inside = _core(log, core)
    rng = np.random.default_rng(seed)
    members = np.unique(log.items[inside])
    count = round(COLD_SHARE * len(members))
    drawn = rng.permutation(members)
    cold = np.zeros(log.n_items, dtype=np.uint8)
    cold[drawn[:count]] = COLD_TEST
    cold[drawn[count : 2 * count]] = COLD_VALIDATION
    if not count:
        raise SplitError(
            f"The core holds {several(len(members), 'item')}: a tenth of them is none.",
            "at least 5 items in the core.",
            "lower --core or choose --split random.",
        )
    parts = np.full(len(log.keys), LEAVES, dtype=np.int8)
    of_pair = cold[log.items]
    warm = inside & (of_pair == 0)
    parts[warm], small = _tenths(log.users[warm], rng)
    parts[inside & (of_pair == COLD_VALIDATION)] = VALIDATION
    parts[inside & (of_pair == COLD_TEST)] = TEST
    return replace(_timeless(log, parts, inside, {"users_too_small": small}), cold=cold)


def _none(log: _Log, seed: int, core: int) -> _Plan:
    """A random tenth of each user's pairs to tune on; no test."""
    rng = np.random.default_rng(seed)
    parts, small = _tenths(log.users, rng, test=False)
    return _timeless(log, parts, np.ones(len(log.keys), dtype=bool), {"users_too_small": small}, cored=False)


def _leave_last(log: _Log, seed: int, core: int) -> _Plan:
    """Each user's last pair is test, the one before validation; pairs of one moment in the order of their hash.

    A user with two pairs has no validation, a user with one is all train.
    """
    times = _need_times(log, "leave-last")
    order = np.lexsort((tie_hash(log.item_ids, seed)[log.items], times, log.users))
    users = log.users[order]
    n = np.bincount(users, minlength=log.n_users)[users]
    from_end = np.searchsorted(users, users, side="right") - 1 - np.arange(len(users))
    ordered = np.zeros(len(order), dtype=np.int8)
    ordered[(from_end == 0) & (n >= 2)] = TEST
    ordered[(from_end == 1) & (n >= 3)] = VALIDATION
    parts = np.empty_like(ordered)
    parts[order] = ordered
    small = int((np.bincount(log.users, minlength=log.n_users) == 1).sum())
    return _timeless(log, parts, np.ones(len(parts), dtype=bool), {"users_too_small": small}, cored=False)


def _time(log: _Log, seed: int, core: int) -> _Plan:
    """Two moments for everyone: q = sorted(t)[int(p n)] of the positive events, p = .8 and .9."""
    first = _need_times(log, "time")
    times, positive = log.events.times, log.events.positive
    assert times is not None
    ordered = np.sort(times[positive])
    q80, q90 = (int(ordered[int(p * len(ordered))]) for p in (0.8, 0.9))
    parts = np.where(first < q80, TRAIN, np.where(first < q90, VALIDATION, TEST)).astype(np.int8)
    again = _pairs_of(log, positive & (times >= q90))
    early_pairs = log.keys[parts != TEST]
    middle = _pairs_of(log, positive & (times >= q80) & (times < q90))
    counts = {
        "validation_pairs_already_in_history": int(np.isin(middle, log.keys[parts == TRAIN]).sum()),
        "test_pairs_already_in_history": int(np.isin(again, early_pairs).sum()),
    }
    everyone, items = np.ones(log.n_users, dtype=bool), _seen_items(log)
    return _Plan(parts, items, everyone, times < q80, times < q90, q80, q90, counts=counts)


def _given(log: _Log, seed: int, core: int) -> _Plan:
    """The log's own `split` column; a pair that stands in several parts belongs to the first of them."""
    column = log.events.part
    if column is None:
        raise SplitError(
            "The log has no column 'split'.",
            "train, validation or test in each row.",
            "add the column, or choose another --split.",
        )
    positive = log.events.positive
    of_part = [_pairs_of(log, positive & (column == part)) for part in (TRAIN, VALIDATION, TEST)]
    parts = np.full(len(log.keys), LEAVES, dtype=np.int8)
    for part in (TEST, VALIDATION, TRAIN):
        parts[np.searchsorted(log.keys, of_part[part])] = part
    counts = {
        "validation_pairs_already_in_history": int(np.isin(of_part[VALIDATION], of_part[TRAIN]).sum()),
        "test_pairs_already_in_history": int(np.isin(of_part[TEST], np.union1d(of_part[0], of_part[1])).sum()),
    }
    everyone, items = np.ones(log.n_users, dtype=bool), _seen_items(log)
    plan = _Plan(parts, items, everyone, column == TRAIN, column <= VALIDATION, counts=counts)
    return replace(plan, now=_latest(log, plan.early), later=_latest(log, plan.middle))


_MAKERS: Mapping[str, Callable[[_Log, int, int], _Plan]] = {
    "time": _time,
    "random": _random,
    "leave-last": _leave_last,
    "cold-items": _cold_items,
    "given": _given,
    "none": _none,
}
KINDS = tuple(_MAKERS)
CORED = ("random", "cold-items")


def split_ratings(dataset: Dataset, seed: int = 0) -> Split | None:
    """Holds out rated pairs of any value, per user a tenth each; the last rating of a pair counts, others are dropped.

    Train holds rating rows alone. None where the log's ratings take fewer than three values. A user with fewer than
    three rated pairs is all train. Raises SplitError where a part would be empty.
    """
    events = dataset.events
    if events.ratings is None:
        return None
    rated = (events.items >= 0) & ~np.isnan(events.ratings)
    if len(np.unique(events.ratings[rated])) < DISTINCT_RATINGS:
        return None
    places = np.flatnonzero(rated)
    keys = events.users[places].astype(np.int64) * len(dataset.items) + events.items[places]
    _, last = np.unique(keys[::-1], return_index=True)  # sorted by time: the first from the back is the latest
    ratings = events.take(np.sort(places[len(places) - 1 - last]))
    # every rated pair takes the place of a positive one, whatever its value; its weight stays what it was
    log = _log(replace(dataset, events=replace(ratings, positive=np.ones(len(ratings), dtype=bool))))
    parts, small = _tenths(log.users, np.random.default_rng(seed))
    counts = {"users_too_small": small, "repeats": int(rated.sum()) - len(ratings)}
    plan = _timeless(log, parts, np.ones(len(parts), dtype=bool), counts, cored=False)
    split = _assemble(dataset, replace(log, events=ratings), plan, "ratings", seed, 0)
    split = replace(split, positive="every rating")
    _refuse_empty(split, 0)
    return split


def _log(dataset: Dataset) -> _Log:
    events, n_items = dataset.events, len(dataset.items)
    keys, times = distinct_pairs(events, n_items)
    return _Log(events, len(dataset.users), n_items, dataset.items.ids, keys, times)


def _core(log: _Log, least: int) -> Bool[Array, " pairs"]:
    """Pairs that remain when users and items with fewer than `least` are taken away until none is left."""
    inside = np.ones(len(log.keys), dtype=bool)
    users, items = log.users, log.items
    while True:
        enough = (np.bincount(users[inside], minlength=log.n_users) >= least)[users]
        enough &= (np.bincount(items[inside], minlength=log.n_items) >= least)[items]
        left = inside & enough
        if left.sum() == inside.sum():
            return inside
        inside = left


def _tenths(
    users: Int64[Array, " pairs"], rng: np.random.Generator, test: bool = True
) -> tuple[Int8[Array, " pairs"], int]:
    """(part of each pair, users too small to hold anything out).

    Of a user's n pairs max(1, round(n / 10)) are validation, and as many test; fewer than three (two where there is
    no test) are all train, so that everyone who is asked has a history.
    """
    order = np.lexsort((rng.random(len(users)), users))
    sorted_users = users[order]
    n = np.bincount(users, minlength=int(users.max(initial=-1)) + 1)
    held = np.maximum(1, np.rint(n / SHARE)).astype(np.int64)
    held[n < (3 if test else 2)] = 0
    starts = np.cumsum(n) - n
    place = np.arange(len(users)) - starts[sorted_users]
    mine = held[sorted_users]
    ordered = np.full(len(users), TRAIN, dtype=np.int8)
    if test:
        ordered[place < 2 * mine] = VALIDATION
        ordered[place < mine] = TEST
    else:
        ordered[place < mine] = VALIDATION
    parts = np.empty_like(ordered)
    parts[order] = ordered
    return parts, int(((n > 0) & (held == 0)).sum())


def _timeless(
    log: _Log,
    parts: Int8[Array, " pairs"],
    inside: Bool[Array, " pairs"],
    counts: Mapping[str, int],
    cored: bool = True,
) -> _Plan:
    """A plan in which events leave train for their pair alone, not for their moment."""
    always = np.ones(len(log.events), dtype=bool)
    latest = _latest(log, always)
    if not cored:
        users, items = np.ones(log.n_users, dtype=bool), _seen_items(log)
    else:
        users, items = np.zeros(log.n_users, dtype=bool), np.zeros(log.n_items, dtype=bool)
        users[log.users[inside]] = True
        items[log.items[inside]] = True
    return _Plan(parts, items, users, always, always, latest, latest, counts=counts)


def _assemble(dataset: Dataset, log: _Log, plan: _Plan, kind: str, seed: int, core: int) -> Split:
    """The one place where rows leave train: outside the core, of a held-out pair, of a cold item, or too late."""
    events = log.events
    n_items = log.n_items
    with_item = events.items >= 0
    item = np.maximum(events.items, 0)
    keys = events.users.astype(np.int64) * n_items + item
    validation_keys, test_keys = log.keys[plan.parts == VALIDATION], log.keys[plan.parts == TEST]
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
        ratings = _pair_ratings(log, chosen) if kind == "ratings" else None
        return Pairs(
            log.users[chosen].astype(np.int32),
            place[log.items[chosen]],
            None if log.first is None else log.first[chosen],
            ratings,
        )

    validation, test = pairs(VALIDATION), pairs(TEST)
    marks = cold_marks(train, planned[rows])
    active = np.bincount(train.users, minlength=log.n_users) > 0
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
        "repeats": int(events.positive.sum()) - len(log.keys),
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


def _pair_ratings(log: _Log, chosen: Int64[Array, " chosen"]) -> Float32[Array, " chosen"]:
    """Of a log that holds one rating for each pair."""
    ratings = log.events.ratings
    assert ratings is not None
    keys = log.events.users.astype(np.int64) * log.n_items + log.events.items
    order = np.argsort(keys)
    return np.asarray(ratings[order[np.searchsorted(keys[order], log.keys[chosen])]])


def _recoded(events: Events, place: Array) -> Events:
    items = np.where(events.items >= 0, place[np.maximum(events.items, 0)], -1).astype(np.int32)
    return replace(events, items=items)


def _pairs_of(log: _Log, mask: Bool[Array, " events"]) -> Int64[Array, " chosen"]:
    events = log.events
    return np.unique(events.users[mask].astype(np.int64) * log.n_items + events.items[mask])


def _seen_items(log: _Log) -> Bool[Array, " items"]:
    """Items with an event of any kind."""
    items = log.events.items
    return np.bincount(items[items >= 0], minlength=log.n_items) > 0


def _latest(log: _Log, mask: Bool[Array, " events"]) -> int | None:
    times = log.events.times
    return int(times[mask].max()) if times is not None and mask.any() else None


def _need_times(log: _Log, kind: str) -> Int64[Array, " pairs"]:
    if log.first is None:
        raise SplitError(
            f"The log has no times, so it cannot be split by {kind!r}.",
            "a column 'timestamp' in the interactions.",
            "choose --split random.",
        )
    return log.first


def _refuse_empty(split: Split, core: int) -> None:
    empty = [
        name
        for name, size in (
            ("train", split.counts["train"]),
            ("validation", len(split.validation)),
            *([] if split.kind == "none" else [("test", len(split.test))]),
        )
        if not size
    ]
    if not empty:
        return
    if split.kind == "time":
        step = "choose --split random or leave-last: too many events share one moment."
    elif core > 1:
        step = f"lower --core (it is {core}), or add events."
    else:
        step = "choose another --split, or add events."
    raise SplitError(
        f"The split {split.kind!r} leaves no pair for {' and '.join(empty)}.", "a pair in every part.", step
    )
