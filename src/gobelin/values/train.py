"""What a recommender is fitted on."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool
from gobelin.values.features import FeatureTable
from gobelin.values.histories import Histories, Queries, Weighing
from gobelin.values.vocabulary import Vocabulary


@dataclass(frozen=True)
class Train:
    """Histories of the train part (one for each user), the items that scores have as columns, what the senses say.

    cold: items whose events were held out or never happened: a model that can, scores them from content alone.
    cues: how many of the last items are none that could be shown, but what people say and are (`gobelin.cues`).
    now: the moment (Unix seconds) at which the train part ends; None without times.
    """

    users: Vocabulary
    items: Vocabulary
    histories: Histories
    table: FeatureTable
    cold: Bool[Array, " items"]
    now: int | None = None
    cues: int = 0

    def __post_init__(self) -> None:
        if len(self.histories) != len(self.users):
            raise ValueError(f"{len(self.histories)} histories for {len(self.users)} users")
        if self.table.ids != self.items:
            raise ValueError("the feature table describes other items than the train part")
        if len(self.cold) != len(self.items):
            raise ValueError(f"{len(self.cold)} marks for {len(self.items)} items")
        if len(self.histories.items) and self.histories.items.max() >= len(self.items):
            raise ValueError("an event names an item past the end of the vocabulary")

    @property
    def shown(self) -> int:
        """How many items can be shown: the first so many."""
        return len(self.items) - self.cues

    def matrix(self, weighing: Weighing | None = None) -> csr_array:
        """(users, items) float32."""
        return self.histories.matrix(len(self.items), weighing, self.now)

    def counts(self) -> Array:
        """(items,) number of users with a positive event on each item."""
        return np.bincount(self.matrix().indices, minlength=len(self.items))

    def queries(self) -> Queries:
        """Every train user, asking with their own history."""
        return Queries(np.arange(len(self.users), dtype=np.int32), self.histories, self.now)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything it holds: equal fingerprints, equal fits."""
        told = hashlib.sha256(repr((tuple(self.users), tuple(self.items), self.now, self.cues)).encode())
        columns = [
            getattr(self.histories, name) for name in ("starts", "items", "kinds", "weights", "ratings", "times")
        ]
        for name, one in self.table.features.items():
            told.update(name.encode())
            sparse = isinstance(one.values, csr_array)
            columns += [one.values.data, one.values.indices, one.values.indptr] if sparse else [one.values]
            columns.append(one.present)
        for column in [*columns, self.cold]:
            told.update(b"none" if column is None else np.ascontiguousarray(column).tobytes())
        told.update(repr(self.histories.texts).encode())
        return told.hexdigest()

    def only(self, *names: str) -> "Train":
        """The same log with some of the senses."""
        return replace(self, table=self.table.only(*names))
