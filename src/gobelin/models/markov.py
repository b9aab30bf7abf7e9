"""Markov: what people took next after what you took last."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt, Le
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Float32, Float64, Int32, Int64, Scores
from gobelin.errors import UserError
from gobelin.fitted import remade, state_of
from gobelin.models._sparse import column_sums, counted, row_sums, scaled, strongest_products, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Histories, Queries, Train


@dataclass(kw_only=True)
class Markov:
    """First-order Markov chain over moments: P(j | i) = (N_ij + s pop_j) / (N_i + s), the last moments of a history.

    A moment is all that one person took at one time: events of equal time have no order among themselves. A step from
    one moment to the next gives each taken item one count, shared among the items of the moment before; within a
    moment each item counts `together` such shares for the others. N_i is all that was counted for item i.
    The score mixes P over the last `last` moments, the newest with weight 1, each older one times `decay`.

    last, decay: how far back a history speaks. together: 0 leaves items of one moment unrelated.
    smoothing: s, in counts: how much the chain falls back on popularity (shares of all positive events).
    successors: kept for each item, the strongest.

    Where histories asked about carry no times, each event is a moment of its own, in the order given.
    An empty history is answered by popularity. Raises UserError where the log to fit on has no times.
    Relations: last 1, together 0 is the classical chain (Shani, Heckerman and Brafman 2005); a long `last` with decay 1
    is item neighbours that know what came first.
    """

    last: Annotated[int, Ge(1), Grid(1, 2, 3, 5, 10, 30, 100)] = 5
    decay: Annotated[float, Gt(0), Le(1), Grid(0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1)] = 0.9
    together: Annotated[float, Ge(0), Grid(0, 0.3, 1, 3, 10)] = 1.0
    smoothing: Annotated[float, Gt(0), Grid(0.1, 0.3, 1, 3, 10, 30, 100)] = 10.0
    successors: Annotated[int, Ge(1)] = 500
    _next: csr_array = field(init=False, repr=False, compare=False)  # (items, items) N
    _counted: Float32[Array, " items"] = field(init=False, repr=False, compare=False)  # N_i
    _popularity: Float32[Array, " items"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        if train.histories.times is None:
            raise UserError(
                "markov needs to know what came first, and this log has no times.",
                "a `timestamp` column in the interactions.",
                "add one, or leave this model out.",
            )
        taken, owner = _moments(train.histories, len(train.items))
        shared = scaled(taken, rows=1 / np.maximum(row_sums(taken), 1e-12))
        follows = owner[1:] == owner[:-1]
        # one product counts both: rows of `before` give their shares to the same rows of `after`
        before = csr_array(vstack([shared[:-1][follows], self.together * shared], format="csr"))
        after = csr_array(vstack([taken[1:][follows], taken], format="csr"))
        to_itself = self.together * column_sums(csr_array(shared * taken))

        def without_itself(rows: Array, columns: Array, values: Array) -> Array:
            return np.where(rows == columns, values - to_itself[rows] * (1 + 1e-5), values)

        self._next = strongest_products(transposed(before), after, self.successors, without_itself)
        self._counted = (before.T @ row_sums(after) - to_itself).clip(min=0).astype(np.float32)
        popularity = column_sums(train.matrix())
        self._popularity = (popularity / max(float(popularity.sum()), 1e-12)).astype(np.float32)
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        speaks = self._speaking(queries.histories)
        counted = speaks.data / (self._counted[speaks.indices] + np.float32(self.smoothing))
        speaks = csr_array((counted, speaks.indices, speaks.indptr), shape=speaks.shape)
        back = np.float32(self.smoothing) * row_sums(speaks)
        back[np.diff(speaks.indptr) == 0] = 1
        follow, popularity = self._next, self._popularity
        if candidates is not None:
            follow, popularity = follow[:, candidates], popularity[candidates]
        return np.asarray((speaks @ follow).toarray() + back[:, None] * popularity, dtype=np.float32)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """An event gives its counts, smoothed, to each item; what smoothing takes from it is the prior's."""
        histories = query.histories
        moment, owner = _moment_of(histories)
        liked = moment >= 0
        spoken = np.zeros(len(histories.items))
        if liked.any():
            size = np.bincount(moment[liked], histories.weights[liked].astype(np.float64))
            spoken[liked] = (self._weight(owner, 1) / size)[moment[liked]] * histories.weights[liked]
            spoken /= spoken.sum()
        met = np.maximum(histories.items, 0)
        spoken /= self._counted[met].astype(np.float64) + self.smoothing
        told = self._next[met][:, items].toarray().astype(np.float64)  # (events, items)
        back = float(self.smoothing * spoken.sum()) if liked.any() else 1.0
        prior = back * self._popularity[items].astype(np.float64)
        shares = (spoken[:, None] * told).T[:, :, None]
        return Contributions(items, ("log",), np.ascontiguousarray(shares), prior)

    def _weight(self, owner: Int64[Array, " moments"], n_queries: int) -> Float64[Array, " moments"]:
        """How much a moment speaks by its age, counted in moments from its query's newest."""
        newest = np.zeros(n_queries, dtype=np.int64)
        np.maximum.at(newest, owner, np.arange(len(owner)))
        age = newest[owner] - np.arange(len(owner))
        return np.where(age < self.last, self.decay ** np.minimum(age, 1_000), 0.0)

    def _speaking(self, histories: Histories) -> csr_array:
        """(queries, items) how much each item of the last moments speaks; rows of sum 1, or empty."""
        taken, owner = _moments(histories, len(self._popularity))
        weight = self._weight(owner, len(histories))
        recent = np.flatnonzero(weight > 0)
        place = counted(weight[recent], owner[recent], recent, (len(histories), taken.shape[0]))
        spoken = csr_array(place @ scaled(taken, rows=1 / np.maximum(row_sums(taken), 1e-12)))
        return scaled(spoken, rows=1 / np.maximum(row_sums(spoken), 1e-12))

    def state(self) -> State:
        return state_of(self, next=self._next, counted=self._counted, popularity=self._popularity)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._next = state["next"]
        model._counted, model._popularity = np.asarray(state["counted"]), np.asarray(state["popularity"])
        return model


def _moments(histories: Histories, n_items: int) -> tuple[csr_array, Int64[Array, " moments"]]:
    """(moments, n_items) the weights of what was taken at each moment, oldest first; and the query of each."""
    moment, owner = _moment_of(histories)
    liked = moment >= 0
    return counted(histories.weights[liked], moment[liked], histories.items[liked], (len(owner), n_items)), owner


def _moment_of(histories: Histories) -> tuple[Int64[Array, " events"], Int64[Array, " moments"]]:
    """The moment of each event, -1 for what is no sign of liking; and the query of each moment."""
    liked = np.flatnonzero((histories.items >= 0) & (histories.weights > 0))
    query = histories.queries[liked]
    new = np.ones(len(liked), dtype=bool)
    if histories.times is not None:
        times = histories.times[liked]
        new[1:] = (query[1:] != query[:-1]) | (times[1:] != times[:-1])
    moment = np.full(len(histories.items), -1, dtype=np.int64)
    moment[liked] = np.cumsum(new) - 1
    return moment, query[new]
