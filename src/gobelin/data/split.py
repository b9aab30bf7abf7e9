"""What a split is: train's events, the pairs held out, and who they ask about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, UInt8
from gobelin.data.events import Events
from gobelin.values import FeatureTable, Histories, Kind, Train, Vocabulary

WARM, COLD_VALIDATION, COLD_TEST, COLD_ELSE, CUE = 0, 1, 2, 3, 4

Part = Literal["validation", "test"]
Mask = Literal["train+validation", "train"]
"""What a list of the test may not show. RecBole masks what was held out for validation as well, MMRec does not."""


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of user and item, sorted by user, then item. items: rows of the split's items.

    times: of the pair's first positive event. ratings: the value to predict, in a split of ratings.
    """

    users: Int32[Array, " pairs"]
    items: Int32[Array, " pairs"]
    times: Int64[Array, " pairs"] | None = None
    ratings: Float32[Array, " pairs"] | None = None

    def __len__(self) -> int:
        return len(self.users)

    def askers(self) -> Int32[Array, " askers"]:
        """Rows of the users that have a pair, rising."""
        return np.unique(self.users)

    def keep(self, mask: Bool[Array, " pairs"]) -> "Pairs":
        return Pairs(
            self.users[mask],
            self.items[mask],
            None if self.times is None else self.times[mask],
            None if self.ratings is None else self.ratings[mask],
        )

    def by_user(self, n_users: int) -> tuple[Int64[Array, " bounds"], Int32[Array, " pairs"]]:
        """(starts, items): the items of user u are items[starts[u]:starts[u + 1]]."""
        return np.searchsorted(self.users, np.arange(n_users + 1)).astype(np.int64), self.items

    def matrix(self, n_users: int, n_items: int) -> csr_array:
        """(n_users, n_items) float32, 1 for each pair."""
        starts, items = self.by_user(n_users)
        return csr_array((np.ones(len(self), dtype=np.float32), items, starts), shape=(n_users, n_items))

    def joined(self, other: "Pairs") -> "Pairs":
        """Pairs of either, without their times and ratings."""
        users, items = np.concatenate([self.users, other.users]), np.concatenate([self.items, other.items])
        both = np.unique(np.stack([users, items]), axis=1) if len(users) else np.stack([users, items])
        return Pairs(both[0], both[1])


@dataclass(frozen=True)
class Split:
    """A log in parts. Items are rows of `items`, users rows of `users` (all of the data set's).

    rows: the catalogue row of each item. train: what models see; events without an item stay.
    added: what joins train when validation is over (see `refit`). validation, test: the pairs held out.
    cold: 0 warm; 1, 2 cold in validation, in test by design (`cold-items`); 3 no train event that counts as a sign of
    liking, for another reason; 4 no item that could be shown, but a cue (`gobelin.cues`): the last ones. now, later:
    the moments at which train and validation end, in Unix seconds.
    counts: sizes, everything dropped and why. positive: the rule for liking. core: 0 where there is none.
    mask_at_test: see `seen`.
    """

    kind: str
    seed: int
    core: int
    users: Vocabulary
    items: Vocabulary
    rows: Int32[Array, " items"]
    train: Events
    added: Events
    validation: Pairs
    test: Pairs
    cold: UInt8[Array, " items"]
    counts: Mapping[str, int]
    now: int | None
    later: int | None
    positive: str
    mask_at_test: Mask = "train+validation"

    @cached_property
    def histories(self) -> Histories:
        """What each user did in train."""
        return self.train.histories(len(self.users))

    @cached_property
    def train_pairs(self) -> Pairs:
        """Distinct positive pairs of train."""
        keys, times = distinct_pairs(self.train, len(self.items))
        users, items = np.divmod(keys, max(len(self.items), 1))
        return Pairs(users.astype(np.int32), items.astype(np.int32), times)

    def train_value(self, table: FeatureTable) -> Train:
        """What models are fitted on. `table` describes the split's items (or the catalogue's: `take(rows)` is it)."""
        cues = self.cold == CUE
        cold = np.where(cues, cold_marks(self.train, np.zeros_like(self.cold)), self.cold) > 0
        return Train(self.users, self.items, self.histories, table, cold, self.now, int(cues.sum()))

    def pairs(self, part: Part) -> Pairs:
        return self.validation if part == "validation" else self.test

    def seen(self, part: Part) -> Pairs:
        """What a list of the part may not show: pairs of train, at test those of validation too (`mask_at_test`)."""
        only_train = part == "validation" or self.mask_at_test == "train"
        return self.train_pairs if only_train else self.train_pairs.joined(self.validation)

    def on_items(self, rows: Int32[Array, " chosen"]) -> "Split":
        """The same split with some of its items only; events and held-out pairs of the others are left out."""
        place = np.full(len(self.items), -1, dtype=np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        return replace(
            self,
            items=self.items.take(rows.tolist()),
            rows=self.rows[rows],
            train=_moved(self.train, place),
            added=_moved(self.added, place),
            validation=_moved_pairs(self.validation, place),
            test=_moved_pairs(self.test, place),
            cold=self.cold[rows],
        )

    def hearing(self, loudness: Mapping[str, float]) -> "Split":
        """The split with its cues as loud as said: by the kind of event ("search", "review", "trait"), times what they
        were. A cue that is not heard at all is left out."""
        first = int((self.cold != CUE).sum())
        factor = np.array([loudness.get(kind.name, 0.0) for kind in Kind], dtype=np.float32)
        train, added = (_louder(events, first, factor) for events in (self.train, self.added))
        heard = np.unique(np.concatenate([one.items[one.items >= first] for one in (train, added)]))
        rows = np.concatenate([np.arange(first), heard]).astype(np.int32)
        return replace(self, train=train, added=added).on_items(rows)

    def refit(self) -> "Split":
        """The same split with validation's events in train: for a fit on train + validation, judged on test."""
        train = _merged(self.train, self.added)
        planned = np.where(np.isin(self.cold, (COLD_TEST, CUE)), self.cold, WARM).astype(np.uint8)
        return replace(self, train=train, added=Events.none(), cold=cold_marks(train, planned), now=self.later)


def distinct_pairs(events: Events, n_items: int) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"] | None]:
    """(user * n_items + item of every positive pair, rising; the time of its first positive event)."""
    places = np.flatnonzero(events.positive)
    keys = events.users[places].astype(np.int64) * n_items + events.items[places]
    distinct, first = np.unique(keys, return_index=True)  # sorted by time within a user: the first is the earliest
    return distinct, None if events.times is None else events.times[places[first]]


def cold_marks(train: Events, planned: UInt8[Array, " items"]) -> UInt8[Array, " items"]:
    """`planned` where it is not 0, else 3 for items without a train event of positive weight."""
    signs = train.items[(train.items >= 0) & (train.weights > 0)]
    warm = np.bincount(signs, minlength=len(planned)) > 0
    return np.where(planned > 0, planned, np.where(warm, WARM, COLD_ELSE)).astype(np.uint8)


def _louder(events: Events, first: int, factor: Float32[Array, " kinds"]) -> Events:
    """Events on items from `first` on with their weights times the factor of their kind, without those of weight 0."""
    cues = events.items >= first
    weights = np.where(cues, events.weights * factor[events.kinds], events.weights)
    return replace(events, weights=weights).keep(~cues | (weights > 0))


def _moved(events: Events, place: Int32[Array, " items"]) -> Events:
    """Events on the items that have a new place; those without an item stay."""
    items = np.where(events.items >= 0, place[np.maximum(events.items, 0)], -1).astype(np.int32)
    stays = (items >= 0) | (events.items < 0)
    return replace(events.keep(stays), items=items[stays])


def _moved_pairs(pairs: Pairs, place: Int32[Array, " items"]) -> Pairs:
    """Pairs on the items that have a new place, sorted as before where places rise."""
    kept = pairs.keep(place[pairs.items] >= 0)
    return replace(kept, items=place[kept.items])


def _merged(one: Events, other: Events) -> Events:
    """The events of both, in order."""
    users = np.concatenate([one.users, other.users])
    if one.times is None or other.times is None:
        order = np.argsort(users, kind="stable")
    else:
        order = np.lexsort((np.concatenate([one.times, other.times]), users))

    def join(a: Array | None, b: Array | None) -> Array | None:
        return None if a is None or b is None else np.concatenate([a, b])[order]

    texts = None
    if one.texts is not None and other.texts is not None:
        both = [*one.texts, *other.texts]
        texts = [both[i] for i in order.tolist()]
    return Events(
        users[order],
        np.concatenate([one.items, other.items])[order],
        np.concatenate([one.kinds, other.kinds])[order],
        np.concatenate([one.positive, other.positive])[order],
        np.concatenate([one.weights, other.weights])[order],
        join(one.times, other.times),
        join(one.ratings, other.ratings),
        join(one.quantities, other.quantities),
        texts,
        join(one.part, other.part),
    )
