"""Multimodal user neighbours: what people took who had the same things, or things that are alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._sparse import blocks, row_sums, scaled, stacked, strongest, transposed
from gobelin.models._spectrum import Reduced
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train

WEIGHT = 0.3
"""Of a sense that the settings do not name."""

Profiles = dict[str, Float32[Array, "rows dims"]]


@dataclass(kw_only=True)
class MultimodalUserNeighbours:
    """User-user nearest neighbours by log and senses: likeness = cos(h, x_v) + sum_m w_m max(cos(f_m(h), f_m(x_v)), 0).

    score = sum over the k people v most alike of likeness^sharpness x_v. f_m(h): the mean of sense m over a history,
    weighted as the history is, of unit vectors that are centred where dense and turned to their `dims` leading
    directions; events of items that lack the sense are passed over.

    weight: w_m of each sense, in units of the log's cosine (0 leaves it out). k: neighbours. sharpness: how much more
    the nearest speak. A query is a history: a known user finds their own train row among the neighbours, which lifts
    only what they had.

    Items that nobody took are never suggested, but may stand in a history and say whom it is like. An empty history
    scores zero everywhere: its answer is the prior of whoever asks. State: the train log itself; a user to be
    forgotten must be taken out of it. Time of a query: users x (dims of every sense). Relations: no sense is
    `user_neighbours`.
    """

    weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.03, 0.1, 0.3, 0.6, 1, 3)] = field(
        default_factory=dict
    )
    k: Annotated[int, Ge(1), Grid(10, 20, 50, 100, 200, 500, 1000)] = 100
    sharpness: Annotated[float, Gt(0), Grid(0.5, 1, 2, 3, 4, 6)] = 2.0
    dims: Annotated[int, Ge(1)] = 64
    _log: csr_array = field(init=False, repr=False, compare=False)  # (users, items)
    _senses: Profiles = field(init=False, repr=False, compare=False)  # (items, dims), absent rows zero, weighted
    _unit: csr_array = field(init=False, repr=False, compare=False)  # the log's rows at unit length
    _people: Profiles = field(init=False, repr=False, compare=False)  # each user's profile
    _reduced: Reduced | None = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        if self._reduced is None or self._reduced.train is not train:
            self._reduced = Reduced(train)
        named = [name for name in train.table if self._weight(name) > 0]
        return self._hold(train.matrix(), {name: self._reduced.sense(name, self.dims) for name in named})

    def _weight(self, sense: str) -> float:
        return self.weight.get(sense, WEIGHT)

    def _hold(self, log: csr_array, senses: Profiles) -> Self:
        self._log, self._senses = log, senses
        self._unit, self._people = transposed(_at_unit_length(log)), self._profiles(log)
        return self

    def _profiles(self, log: csr_array) -> Profiles:
        """Of each row its mean in every sense, at unit length; zero where it has none."""
        out = {}
        for name, items in self._senses.items():
            mean = log @ items
            length = np.sqrt(np.einsum("ij,ij->i", mean, mean))
            out[name] = np.where(length[:, None] > 1e-6, mean / np.maximum(length, 1e-12)[:, None], 0).astype(
                np.float32
            )
        return out

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        history = queries.histories.matrix(self._log.shape[1], now=queries.now)
        unit, profiles = _at_unit_length(history), self._profiles(history)
        near = []
        for rows in blocks(np.full(len(queries), self._log.shape[0], dtype=np.int64)):
            alike = (unit[rows] @ self._unit).toarray()
            for name, theirs in self._people.items():
                alike += np.float32(self._weight(name)) * np.maximum(profiles[name][rows] @ theirs.T, 0)
            near.append(strongest(csr_array(alike), self.k))
        nearest = stacked(near, (len(queries), self._log.shape[0]))
        nearest.data = nearest.data ** np.float32(self.sharpness)
        log = self._log if candidates is None else self._log[:, candidates]
        return np.asarray((nearest @ log).toarray(), dtype=np.float32)

    def reuse(self, other: "MultimodalUserNeighbours") -> None:
        """Take over the leading directions that another one has found in the same senses."""
        self._reduced = other._reduced

    def default(self, setting: str) -> float:
        """What a sense that is not named gets."""
        return {"weight": WEIGHT}[setting]

    def state(self) -> State:
        return state_of(self, log=self._log, senses=self._senses)

    @classmethod
    def from_state(cls, state: State) -> Self:
        return remade(cls, state)._hold(state["log"], dict(state["senses"]))


def _at_unit_length(rows: csr_array) -> csr_array:
    return scaled(rows, rows=1 / np.sqrt(np.maximum(row_sums(csr_array(rows * rows)), 1e-12)))
