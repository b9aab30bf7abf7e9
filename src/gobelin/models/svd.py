"""Truncated SVD of the log: PureSVD, and its kin that hold popular items back."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._factors import cosines, explain_sum
from gobelin.models._sparse import scaled
from gobelin.models._spectrum import right_vectors
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train


@dataclass(frozen=True)
class _Found:
    """Vectors of a log, most important first, kept for fewer `factors`."""

    train: Train
    popularity: float
    wanted: int
    vectors: Float32[Array, "items rank"]


@dataclass(kw_only=True)
class Svd:
    """Truncated SVD of the log: score = x V V', V its leading right singular vectors (PureSVD, Cremonesi et al. 2010).

    Pairs outside the log count as zeros, as much as the pairs in it. factors: how many vectors, at most half of the
    log's smaller side. popularity: V is taken of X D^(popularity - 1), D the length of each item's column (EigenRec,
    Nikolakopoulos et al. 2019): 1 is PureSVD, 0 the spectrum of the items' cosines, in which all items weigh alike.

    A user is x V, so any history is answered; an empty one scores zero everywhere: its answer is the prior of whoever
    asks. An item without events has a zero vector. Time: ARPACK, near factors x entries of the log a round. Memory:
    items x factors. Relations: `ease` keeps all of the spectrum and shrinks it; with `unseen` = 1 `als` regularises
    the same loss.
    """

    factors: Annotated[int, Ge(1), Grid(8, 16, 32, 64, 96, 128, 192, 256, 384, 512)] = 64
    popularity: Annotated[float, Ge(0), Grid(0, 0.2, 0.4, 0.6, 0.8, 1)] = 1.0
    _items: Float32[Array, "items rank"] = field(init=False, repr=False, compare=False)
    _found: _Found | None = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        found = self._found
        if found is None or found.train is not train or found.popularity != self.popularity:
            found = None
        if found is None or found.wanted < self.factors:
            self._found = _Found(train, self.popularity, self.factors, self._vectors(train, rng))
            found = self._found
        self._items = np.ascontiguousarray(found.vectors[:, : self.factors])
        return self

    def _vectors(self, train: Train, rng: np.random.Generator) -> Float32[Array, "items rank"]:
        x = train.matrix()
        if self.popularity != 1:
            length = np.sqrt(np.bincount(x.indices, x.data.astype(np.float64) ** 2, x.shape[1]))
            x = scaled(x, columns=np.where(length > 0, np.maximum(length, 1e-12) ** (self.popularity - 1), 0))
        return right_vectors(x, self.factors, rng)

    def reuse(self, other: "Svd") -> None:
        """Take over the vectors that another one has found in the same log (a search tries many `factors`)."""
        self._found = other._found

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries rank"]:
        log = queries.histories.matrix(len(self._items), now=queries.now)
        return np.asarray(log @ self._items)

    def item_vectors(self) -> Float32[Array, "items rank"]:
        return self._items

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        return explain_sum(self._items, self._items, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """Cosine of the items' vectors; 0 to itself."""
        return cosines(self._items, items)

    def state(self) -> State:
        return state_of(self, items=self._items)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._items = np.asarray(state["items"])
        return model
