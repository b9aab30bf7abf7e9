"""User neighbours: what people of a like history took."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._sparse import row_sums, strongest_products, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class UserNeighbours:
    """User-user nearest neighbours: what the k people most alike took, weighted by likeness (Resnick et al. 1994).

    score = sum over neighbours v of cos(h, x_v)^sharpness x_v, with cos(h, x) = h'x / (|h| |x| + shrink).

    k: neighbours. sharpness: how much more the nearest speak. shrink: pulls the likeness of short histories down.
    A query is a history: a known user finds their own train row among the neighbours, which lifts only what they had.

    An empty history, or one that nobody shares an item with, scores zero everywhere: its answer is the prior of
    whoever asks. State: the train log itself; a user to be forgotten must be taken out of it.
    """

    k: Annotated[int, Ge(1), Grid(10, 20, 50, 100, 200, 500, 1000)] = 100
    sharpness: Annotated[float, Gt(0), Grid(0.5, 1, 1.5, 2, 3)] = 1.5
    shrink: Annotated[float, Ge(0), Grid(0, 0.3, 1, 3, 10)] = 0.0
    _log: csr_array = field(init=False, repr=False, compare=False)  # (users, items)
    _takers: csr_array = field(init=False, repr=False, compare=False)  # (items, users), the same log
    _norms: Float32[Array, " users"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        return self._hold(train.matrix())

    def _hold(self, log: csr_array) -> Self:
        self._log, self._takers, self._norms = log, transposed(log), _norms(log)
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        h = queries.histories.matrix(self._log.shape[1], now=queries.now)
        ours = _norms(h)

        def likeness(rows: Array, columns: Array, values: Array) -> Array:
            return np.asarray(values / (ours[rows] * self._norms[columns] + self.shrink)) ** self.sharpness

        near = strongest_products(h, self._takers, self.k, likeness)  # (queries, users)
        log = self._log if candidates is None else self._log[:, candidates]
        return np.asarray((near @ log).toarray(), dtype=np.float32)

    def state(self) -> State:
        return state_of(self, log=self._log)

    @classmethod
    def from_state(cls, state: State) -> Self:
        return remade(cls, state)._hold(state["log"])


def _norms(rows: csr_array) -> Float32[Array, " rows"]:
    return np.asarray(np.sqrt(row_sums(csr_array(rows * rows))), dtype=np.float32)
