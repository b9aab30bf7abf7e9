"""What people did, as columns: the whole log as one value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Int8, Int32, Int64, UInt8
from gobelin.values import Histories

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Events:
    """The log, sorted by user, then time; events of one moment keep their order in the file.

    users, items: rows in the vocabularies; item -1: an event without one (a search). kinds: `Kind`.
    positive: what the rule calls liking; never an event without an item. weights: 1 for a positive event, else the
    strength of its kind. times: Unix seconds. ratings, quantities: NaN where none. texts: words of a search or review.
    part: the `split` column, as places in PARTS.
    """

    users: Int32[Array, " events"]
    items: Int32[Array, " events"]
    kinds: UInt8[Array, " events"]
    positive: Bool[Array, " events"]
    weights: Float32[Array, " events"]
    times: Int64[Array, " events"] | None = None
    ratings: Float32[Array, " events"] | None = None
    quantities: Float32[Array, " events"] | None = None
    texts: Sequence[str | None] | None = None
    part: Int8[Array, " events"] | None = None

    def __post_init__(self) -> None:
        if self.texts is not None and len(self.texts) != len(self.users):
            raise ValueError(f"{len(self.texts)} texts for {len(self.users)} events")
        if np.any(np.diff(self.users) < 0):
            raise ValueError("events must be sorted by user")
        if np.any(self.positive & (self.items < 0)):
            raise ValueError("an event without an item cannot be positive")

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def none(cls) -> "Events":
        """An empty log."""
        whole = np.zeros(0, dtype=np.int32)
        return cls(whole, whole, whole.astype(np.uint8), whole.astype(bool), whole.astype(np.float32))

    def take(self, index: Int64[Array, " taken"]) -> "Events":
        """Some events, by place; the places must rise, so that the order stands."""
        return Events(
            self.users[index],
            self.items[index],
            self.kinds[index],
            self.positive[index],
            self.weights[index],
            times=None if self.times is None else self.times[index],
            ratings=None if self.ratings is None else self.ratings[index],
            quantities=None if self.quantities is None else self.quantities[index],
            texts=None if self.texts is None else [self.texts[i] for i in index.tolist()],
            part=None if self.part is None else self.part[index],
        )

    def keep(self, mask: Bool[Array, " events"]) -> "Events":
        return self.take(np.flatnonzero(mask))

    def among(
        self,
        place: Int64[Array, " more"],
        users: Int32[Array, " more"],
        items: Int32[Array, " more"],
        kinds: UInt8[Array, " more"],
        weights: Float32[Array, " more"],
    ) -> "Events":
        """With more events: each behind the one at `place`, at its moment; where that is -1, before all of its user.

        None of them is positive. A user without an event has theirs at the first moment of the log.
        """
        if not len(users):
            return self
        beside = np.where(place >= 0, place, np.searchsorted(self.users, users))
        known = self.users[np.minimum(beside, len(self) - 1)] == users
        beside = np.where(known, beside, 0)
        order = np.lexsort((np.concatenate([np.arange(len(self)), place]), np.concatenate([self.users, users])))

        def join(column: Any, more: Any) -> Any:
            return None if column is None else np.concatenate([column, more]).astype(column.dtype)[order]

        nothing = np.full(len(users), np.nan)
        texts = None if self.texts is None else [*self.texts, *[None] * len(users)]
        return Events(
            join(self.users, users),
            join(self.items, items),
            join(self.kinds, kinds),
            join(self.positive, np.zeros(len(users), dtype=bool)),
            join(self.weights, weights),
            times=None
            if self.times is None
            else join(self.times, np.where(known, self.times[beside], self.times.min())),
            ratings=join(self.ratings, nothing),
            quantities=join(self.quantities, nothing),
            texts=None if texts is None else [texts[one] for one in order.tolist()],
            part=None if self.part is None else join(self.part, np.where(known, self.part[beside], 0)),
        )

    def histories(self, n_users: int) -> Histories:
        """One history for each of the n users, oldest event first."""
        starts = np.searchsorted(self.users, np.arange(n_users + 1)).astype(np.int64)
        return Histories(starts, self.items, self.kinds, self.weights, self.ratings, self.times, self.texts)
