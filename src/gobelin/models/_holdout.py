"""A hold-out that a model makes inside its own train value: answers that its members did not see."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Int32, Int64
from gobelin.values import Queries, Train

Hold = Literal["random", "last"]


@dataclass(frozen=True)
class Held:
    """train: without the held-out pairs; users: rows of those who lack some; answers: (users, items), the pairs;
    candidates: the items among which they are to be found, None for all."""

    train: Train
    users: Int32[Array, " users"]
    answers: csr_array
    candidates: Int64[Array, " candidates"] | None = None

    @property
    def queries(self) -> Queries:
        """These users, asking with what was left of their histories."""
        return Queries(self.users, self.train.histories.take(self.users), self.train.now)


def held_out(train: Train, how: Hold, share: float, rng: np.random.Generator) -> Held:
    """max(1, round(share x n)) of the n >= 2 positive pairs of each user, every event of them, away from train.

    how: "random" pairs, or the "last" ones (by their first event; histories are oldest first). The train value keeps
    its users, items and senses, so what is fitted on it can be asked like what is fitted on all.
    """
    log, n_items = train.histories, len(train.items)
    pairs = _shown(train)
    user = np.repeat(np.arange(len(log), dtype=np.int64), np.diff(pairs.indptr))
    key = user * n_items + pairs.indices
    count = np.diff(pairs.indptr)
    wanted = np.where(count >= 2, np.minimum(np.maximum(1, np.round(share * count)), count - 1), 0)
    draw = rng.random(len(key))
    if how == "last":
        events = np.flatnonzero((log.items >= 0) & (log.weights > 0))
        met = log.queries[events] * n_items + log.items[events]
        unique, first = np.unique(met, return_index=True)
        draw = -events[first[np.searchsorted(unique, key)]].astype(np.float64)
    order = np.lexsort((draw, user))
    place = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    chosen = np.zeros(len(key), dtype=bool)
    chosen[order] = place < np.repeat(wanted, count)
    return _without(train, np.sort(key[chosen]))


def items_held_out(train: Train, share: float, rng: np.random.Generator) -> Held:
    """round(share x n) of the items that have events, at random, made cold: all their events are held out."""
    known = np.flatnonzero(train.counts()[: train.shown] > 0)
    drawn = rng.permutation(known)[: round(share * len(known))]
    cold = train.cold.copy()
    cold[drawn] = True
    pairs = train.matrix()
    user = np.repeat(np.arange(len(train.users), dtype=np.int64), np.diff(pairs.indptr))
    away = np.isin(pairs.indices, drawn)
    return replace(
        _without(replace(train, cold=cold), np.sort(user[away] * len(train.items) + pairs.indices[away])),
        candidates=np.sort(drawn),
    )


def _shown(train: Train) -> csr_array:
    """The pairs of the train part, without those of cues: nobody is asked for these."""
    pairs = train.matrix()
    away = pairs.indices >= train.shown
    pairs.data[away] = 0
    pairs.eliminate_zeros()
    return pairs


def _without(train: Train, away: Array) -> Held:
    log, n_items = train.histories, len(train.items)
    key = log.queries.astype(np.int64) * n_items + log.items
    kept = (log.items < 0) | ~np.isin(key, away)
    whole = csr_array(
        (np.ones(len(away), dtype=np.float32), (away // max(n_items, 1), away % max(n_items, 1))),
        shape=(len(train.users), n_items),
    )
    users = np.flatnonzero(np.diff(whole.indptr)).astype(np.int32)
    return Held(replace(train, histories=log.keep(kept)), users, csr_array(whole[users]))
