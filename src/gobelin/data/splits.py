"""Splits of a log, each holding out pairs of user and item: no row of a held-out pair, of any kind, stays in train.

A pair is held out for its positive events alone. Its moment is its first positive event: later ones are repeats, which
are no targets. A user or item that train says nothing of is kept, counted, and asked for all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from gobelin.arrays import Array, Bool, Int8, Int64
from gobelin.data.cut import LEAVES, TEST, TRAIN, VALIDATION, Plan, Pool, carry_out, pool_of
from gobelin.data.dataset import Dataset
from gobelin.data.notes import several
from gobelin.data.split import COLD_TEST, COLD_VALIDATION, Mask, Pairs, Split
from gobelin.errors import SplitError, UnknownName, nearest
from gobelin.values.vocabulary import tie_hash

__all__ = ["KINDS", "Pairs", "Split", "make_split", "split_ratings"]

SHARE = 10
"""One in so many of a user's pairs is held out for validation, and for test."""

COLD_SHARE = 0.1
DISTINCT_RATINGS = 3
"""Ratings with fewer different values than this are no scale to predict."""


def make_split(
    dataset: Dataset, kind: str | None = None, seed: int = 0, core: int = 5, mask: Mask = "train+validation"
) -> Split:
    """The split of that kind (one of KINDS); None or "auto": `time` where the log has times, else `random`.

    core: every user and item keeps at least so many positive pairs, in `random` and `cold-items`; the others have none.
    mask: what a list of the test may not show; "train" for figures that are to stand beside MMRec's.
    A catalogue without a log has the split "none" of nothing: every item, nobody asked.
    Raises SplitError where a part would be empty, UnknownName for another kind.
    """
    alone = not len(dataset.events) and kind in (None, "auto", "none")
    if alone:
        kind = "none"
    elif kind in (None, "auto"):
        kind = "time" if dataset.events.times is not None else "random"
    if kind not in _MAKERS:
        raise UnknownName(
            f"There is no split {kind!r}.{nearest(kind, KINDS)}",
            "one of " + ", ".join(KINDS) + ".",
            "name one of them with --split.",
        )
    pool = pool_of(dataset)
    if alone:
        return carry_out(dataset, pool, _without_log(pool), kind, seed, 0)
    if not len(pool.keys):
        raise SplitError(
            f"{dataset.name} has no positive event to split by {kind!r}.",
            "a log with events that people liked.",
            "add interactions.csv, or leave --split out to compare items by their content.",
        )
    plan = _MAKERS[kind](pool, seed, core)
    used = core if kind in CORED else 0
    split = replace(carry_out(dataset, pool, plan, kind, seed, used), mask_at_test=mask)
    _refuse_empty(split, used)
    return split


def _random(pool: Pool, seed: int, core: int) -> Plan:
    """Each user's core pairs in random order: test, validation, the rest train."""
    inside = _core(pool, core)
    rng = np.random.default_rng(seed)
    parts = np.full(len(pool.keys), LEAVES, dtype=np.int8)
    parts[inside], small = _tenths(pool.users[inside], rng)
    return _timeless(pool, parts, inside, {"users_too_small": small})


def _cold_items(pool: Pool, seed: int, core: int) -> Plan:
    """A tenth of the core's items is cold for validation, a tenth for test; pairs of the others as in `random`."""
    inside = _core(pool, core)
    rng = np.random.default_rng(seed)
    members = np.unique(pool.items[inside])
    count = round(COLD_SHARE * len(members))
    drawn = rng.permutation(members)
    cold = np.zeros(pool.n_items, dtype=np.uint8)
    cold[drawn[:count]] = COLD_TEST
    cold[drawn[count : 2 * count]] = COLD_VALIDATION
    if not count:
        raise SplitError(
            f"The core holds {several(len(members), 'item')}: a tenth of them is none.",
            "at least 5 items in the core.",
            "lower --core or choose --split random.",
        )
    parts = np.full(len(pool.keys), LEAVES, dtype=np.int8)
    of_pair = cold[pool.items]
    warm = inside & (of_pair == 0)
    parts[warm], small = _tenths(pool.users[warm], rng)
    parts[inside & (of_pair == COLD_VALIDATION)] = VALIDATION
    parts[inside & (of_pair == COLD_TEST)] = TEST
    return replace(_timeless(pool, parts, inside, {"users_too_small": small}), cold=cold)


def _none(pool: Pool, seed: int, core: int) -> Plan:
    """A random tenth of each user's pairs to tune on; no test."""
    rng = np.random.default_rng(seed)
    parts, small = _tenths(pool.users, rng, test=False)
    return _timeless(pool, parts, np.ones(len(pool.keys), dtype=bool), {"users_too_small": small}, cored=False)


def _without_log(pool: Pool) -> Plan:
    """Every item of the catalogue, no event."""
    nothing = np.zeros(0, dtype=bool)
    everyone, items = np.ones(pool.n_users, dtype=bool), np.ones(pool.n_items, dtype=bool)
    return Plan(np.zeros(0, dtype=np.int8), items, everyone, nothing, nothing)


def _leave_last(pool: Pool, seed: int, core: int) -> Plan:
    """Each user's last pair is test, the one before validation; pairs of one moment in the order of their hash.

    A user with two pairs has no validation, a user with one is all train.
    """
    times = _need_times(pool, "leave-last")
    order = np.lexsort((tie_hash(pool.item_ids, seed)[pool.items], times, pool.users))
    users = pool.users[order]
    n = np.bincount(users, minlength=pool.n_users)[users]
    from_end = np.searchsorted(users, users, side="right") - 1 - np.arange(len(users))
    ordered = np.zeros(len(order), dtype=np.int8)
    ordered[(from_end == 0) & (n >= 2)] = TEST
    ordered[(from_end == 1) & (n >= 3)] = VALIDATION
    parts = np.empty_like(ordered)
    parts[order] = ordered
    small = int((np.bincount(pool.users, minlength=pool.n_users) == 1).sum())
    return _timeless(pool, parts, np.ones(len(parts), dtype=bool), {"users_too_small": small}, cored=False)


def _time(pool: Pool, seed: int, core: int) -> Plan:
    """Two moments for everyone: q = sorted(t)[int(p n)] of the positive events, p = .8 and .9."""
    first = _need_times(pool, "time")
    times, positive = pool.events.times, pool.events.positive
    assert times is not None
    ordered = np.sort(times[positive])
    q80, q90 = (int(ordered[int(p * len(ordered))]) for p in (0.8, 0.9))
    parts = np.where(first < q80, TRAIN, np.where(first < q90, VALIDATION, TEST)).astype(np.int8)
    again = _pairs_of(pool, positive & (times >= q90))
    early_pairs = pool.keys[parts != TEST]
    middle = _pairs_of(pool, positive & (times >= q80) & (times < q90))
    counts = {
        "validation_pairs_already_in_history": int(np.isin(middle, pool.keys[parts == TRAIN]).sum()),
        "test_pairs_already_in_history": int(np.isin(again, early_pairs).sum()),
    }
    everyone, items = np.ones(pool.n_users, dtype=bool), _seen_items(pool)
    return Plan(parts, items, everyone, times < q80, times < q90, q80, q90, counts=counts)


def _given(pool: Pool, seed: int, core: int) -> Plan:
    """The log's own `split` column; a pair that stands in several parts belongs to the first of them."""
    column = pool.events.part
    if column is None:
        raise SplitError(
            "The log has no column 'split'.",
            "train, validation or test in each row.",
            "add the column, or choose another --split.",
        )
    positive = pool.events.positive
    of_part = [_pairs_of(pool, positive & (column == part)) for part in (TRAIN, VALIDATION, TEST)]
    parts = np.full(len(pool.keys), LEAVES, dtype=np.int8)
    for part in (TEST, VALIDATION, TRAIN):
        parts[np.searchsorted(pool.keys, of_part[part])] = part
    counts = {
        "validation_pairs_already_in_history": int(np.isin(of_part[VALIDATION], of_part[TRAIN]).sum()),
        "test_pairs_already_in_history": int(np.isin(of_part[TEST], np.union1d(of_part[0], of_part[1])).sum()),
    }
    everyone, items = np.ones(pool.n_users, dtype=bool), _seen_items(pool)
    plan = Plan(parts, items, everyone, column == TRAIN, column <= VALIDATION, counts=counts)
    return replace(plan, now=_latest(pool, plan.early), later=_latest(pool, plan.middle))


_MAKERS: Mapping[str, Callable[[Pool, int, int], Plan]] = {
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
    pool = pool_of(replace(dataset, events=replace(ratings, positive=np.ones(len(ratings), dtype=bool))))
    parts, small = _tenths(pool.users, np.random.default_rng(seed))
    counts = {"users_too_small": small, "repeats": int(rated.sum()) - len(ratings)}
    plan = _timeless(pool, parts, np.ones(len(parts), dtype=bool), counts, cored=False)
    split = carry_out(dataset, replace(pool, events=ratings), plan, "ratings", seed, 0)
    split = replace(split, positive="every rating")
    _refuse_empty(split, 0)
    return split


def _core(pool: Pool, least: int) -> Bool[Array, " pairs"]:
    """Pairs that remain when users and items with fewer than `least` are taken away until none is left."""
    inside = np.ones(len(pool.keys), dtype=bool)
    users, items = pool.users, pool.items
    while True:
        enough = (np.bincount(users[inside], minlength=pool.n_users) >= least)[users]
        enough &= (np.bincount(items[inside], minlength=pool.n_items) >= least)[items]
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
    pool: Pool,
    parts: Int8[Array, " pairs"],
    inside: Bool[Array, " pairs"],
    counts: Mapping[str, int],
    cored: bool = True,
) -> Plan:
    """A plan in which events leave train for their pair alone, not for their moment."""
    always = np.ones(len(pool.events), dtype=bool)
    latest = _latest(pool, always)
    if not cored:
        users, items = np.ones(pool.n_users, dtype=bool), _seen_items(pool)
    else:
        users, items = np.zeros(pool.n_users, dtype=bool), np.zeros(pool.n_items, dtype=bool)
        users[pool.users[inside]] = True
        items[pool.items[inside]] = True
    return Plan(parts, items, users, always, always, latest, latest, counts=counts)


def _pairs_of(pool: Pool, mask: Bool[Array, " events"]) -> Int64[Array, " chosen"]:
    events = pool.events
    return np.unique(events.users[mask].astype(np.int64) * pool.n_items + events.items[mask])


def _seen_items(pool: Pool) -> Bool[Array, " items"]:
    """Items with an event of any kind."""
    items = pool.events.items
    return np.bincount(items[items >= 0], minlength=pool.n_items) > 0


def _latest(pool: Pool, mask: Bool[Array, " events"]) -> int | None:
    times = pool.events.times
    return int(times[mask].max()) if times is not None and mask.any() else None


def _need_times(pool: Pool, kind: str) -> Int64[Array, " pairs"]:
    if pool.first is None:
        raise SplitError(
            f"The log has no times, so it cannot be split by {kind!r}.",
            "a column 'timestamp' in the interactions.",
            "choose --split random.",
        )
    return pool.first


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
