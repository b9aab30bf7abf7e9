"""What people did, as ragged arrays, and the question put to a recommender: a user *is* their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, UInt8

DAY = 86_400  # seconds


class Kind(IntEnum):
    """Kinds of event, in the spelling of the dataset contract; a trait is none of a log (see `gobelin.cues`)."""

    view = 0
    click = 1
    search = 2
    cart = 3
    purchase = 4
    rating = 5
    review = 6
    trait = 7


LOGGED = tuple(kind for kind in Kind if kind != Kind.trait)
"""Kinds that a log may hold."""


@dataclass(frozen=True)
class Weighing:
    """How a history becomes numbers.

    mode: "implicit" takes each event's `weights`; "rating" takes its rating, events without one left out.
    repeats: how several events of one pair join: the strongest ("max") or their sum on a log scale ("log": 1 + ln).
    half_life: days after which an event counts half, measured from `now`; None: time is ignored.
    """

    mode: Literal["implicit", "rating"] = "implicit"
    repeats: Literal["max", "log"] = "max"
    half_life: float | None = None


@dataclass(frozen=True)
class Histories:
    """Ragged histories: events of query q are `starts[q]:starts[q + 1]`, oldest first, repeats kept.

    items: row of the item, -1 for an event without one (a search). kinds: `Kind`.
    weights: strength of the event as a positive signal, 0 for what is no sign of liking (a low rating).
    ratings: the value given, NaN where none. times: Unix seconds. texts: words of a search or a review.
    """

    starts: Int64[Array, " bounds"]
    items: Int32[Array, " events"]
    kinds: UInt8[Array, " events"]
    weights: Float32[Array, " events"]
    ratings: Float32[Array, " events"] | None = None
    times: Int64[Array, " events"] | None = None
    texts: Sequence[str | None] | None = None

    def __post_init__(self) -> None:
        if len(self.starts) < 1 or self.starts[0] != 0 or self.starts[-1] != len(self.items):
            raise ValueError("starts must run from 0 to the number of events")
        if np.any(np.diff(self.starts) < 0):
            raise ValueError("starts must not fall")
        for name in ("kinds", "weights", "ratings", "times", "texts"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.items):
                raise ValueError(f"{name} has {len(column)} entries for {len(self.items)} events")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Int64[Array, " queries"]:
        return np.diff(self.starts)

    @property
    def queries(self) -> Int64[Array, " events"]:
        """The query of each event."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    @classmethod
    def of(cls, histories: Sequence[Sequence[int]]) -> "Histories":
        """Plain lists of item rows, every event a purchase of weight 1: for callers with nothing else."""
        lengths = np.array([len(h) for h in histories], dtype=np.int64)
        items = np.array([i for h in histories for i in h], dtype=np.int32)
        return cls(
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            items=items,
            kinds=np.full(len(items), Kind.purchase, dtype=np.uint8),
            weights=np.ones(len(items), dtype=np.float32),
        )

    def keep(self, events: Bool[Array, " events"]) -> "Histories":
        """The same queries with some of their events."""
        counts = np.bincount(self.queries[events], minlength=len(self))
        index = np.flatnonzero(events)
        return Histories(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), *self._columns(index))

    def take(self, rows: Int64[Array, " taken"] | Int32[Array, " taken"]) -> "Histories":
        """The histories of some queries, in that order."""
        lengths = self.lengths[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = np.repeat(self.starts[:-1][rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return Histories(starts, *self._columns(index))

    def _columns(self, index: Array) -> tuple[Any, ...]:
        texts = None if self.texts is None else [self.texts[i] for i in index.tolist()]
        return (
            self.items[index],
            self.kinds[index],
            self.weights[index],
            None if self.ratings is None else self.ratings[index],
            None if self.times is None else self.times[index],
            texts,
        )

    def recode(self, rows: Int32[Array, " old"]) -> "Histories":
        """Item rows rewritten through `rows` (old row -> new row, -1: not there); such events are left out.

        Events that never had an item (searches) stay.
        """
        new = np.where(self.items >= 0, rows[np.maximum(self.items, 0)], -1).astype(np.int32)
        kept = (new >= 0) | (self.items < 0)
        moved = Histories(self.starts, new, self.kinds, self.weights, self.ratings, self.times, self.texts)
        return moved.keep(kept)

    def matrix(self, n_items: int, weighing: Weighing | None = None, now: int | None = None) -> csr_array:
        """(queries, n_items) float32: one number for each pair. Pairs of weight 0 are left out."""
        weighing = weighing or Weighing()
        kept = self.items >= 0
        if weighing.mode == "rating":
            if self.ratings is None:
                raise ValueError("these histories hold no ratings")
            value = np.nan_to_num(self.ratings, nan=0.0)
        else:
            value = self.weights
        if weighing.half_life is not None and self.times is not None and len(self.times):
            latest = int(self.times.max()) if now is None else now
            age = np.maximum(latest - self.times, 0) / DAY
            value = (value * np.exp2(-age / weighing.half_life)).astype(np.float32)
        kept &= value > 0
        rows, columns, value = self.queries[kept], self.items[kept].astype(np.int64), value[kept]
        key = rows * n_items + columns
        pairs, inverse = np.unique(key, return_inverse=True)
        if weighing.repeats == "log":
            joined = np.zeros(len(pairs), dtype=np.float64)
            np.add.at(joined, inverse, value)
            joined = np.where(joined > 1, 1 + np.log(np.maximum(joined, 1)), joined)
        else:
            joined = np.zeros(len(pairs), dtype=np.float32)
            np.maximum.at(joined, inverse, value)
        indptr = np.searchsorted(pairs, np.arange(len(self) + 1, dtype=np.int64) * n_items)
        return csr_array(
            (joined.astype(np.float32), (pairs % n_items).astype(np.int32), indptr.astype(np.int32)),
            shape=(len(self), n_items),
        )

    def spoken(self) -> Float32[Array, " events"]:
        """What each event gives to its cell of `matrix()`: its weight where it is the strongest of its pair, else 0.

        Of equals the first one speaks, so the events of a row sum to the row.
        """
        out = np.zeros(len(self.items), dtype=np.float32)
        events = np.flatnonzero((self.items >= 0) & (self.weights > 0))
        if len(events):
            pair = self.queries[events] * (int(self.items.max()) + 1) + self.items[events]
            order = np.lexsort((events, -self.weights[events], pair))
            first = order[np.concatenate([[True], np.diff(pair[order]) > 0])]
            out[events[first]] = self.weights[events[first]]
        return out


@dataclass(frozen=True)
class Wish:
    """What is asked for beside the history: a vector for each named sense, e.g. {"text.sentence": (dim,)}.

    points: where the wish lies in joint spaces, by space and by the modality that it was told in.
    """

    vectors: Mapping[str, Float32[Array, " dim"]]
    points: Mapping[str, Mapping[str, Float32[Array, " place"]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Queries:
    """A batch of questions. users: row of a known user or -1; histories: what each did; now: Unix seconds."""

    users: Int32[Array, " queries"]
    histories: Histories
    now: int | None = None
    wish: Wish | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.users) != len(self.histories):
            raise ValueError(f"{len(self.users)} users, {len(self.histories)} histories")

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: Int64[Array, " taken"]) -> "Queries":
        return Queries(self.users[rows], self.histories.take(rows), self.now, self.wish, self.context)

    @classmethod
    def of(cls, histories: Sequence[Sequence[int]], now: int | None = None) -> "Queries":
        """Visitors never seen before, by plain lists of item rows."""
        return cls(np.full(len(histories), -1, dtype=np.int32), Histories.of(histories), now)
