"""Item neighbours: what those who took this also took, by cosine, BM25 or TF-IDF."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._linear import explain_linear, score_linear
from gobelin.models._sparse import dense_rows, row_sums, scaled, strongest_products, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train


@dataclass(kw_only=True)
class ItemNeighbours:
    """Item-item nearest neighbours on the log: score = history x S, S sparse with k neighbours for each target item.

    With Y the log as items x users, weighted:
      cosine  S = Y Y' / (|y_i| |y_j| + shrink)           (Sarwar et al. 2001; shrinkage: Bell and Koren 2007)
      tfidf   the same, each user's column of Y times ln(items / (1 + items of that user))
      bm25    S = Y Y', Y weighted as BM25 weighs words in texts: an item is a text, its users are the words
              (the item-item recommender of the library `implicit`)

    k: neighbours kept for each target item. shrink: pulls similarities of rare items down; cosine and tfidf only.
    saturation, length: K1 and B of BM25: how slowly a repeated event saturates, how much an item of many users is
    pulled down; bm25 only.

    An empty history scores zero everywhere: its answer is the prior of whoever asks.
    Relations: `rp3beta` with alpha 1 is a normalisation of the same counts. Memory: blocks of rows, then k x items.
    """

    weighting: Literal["cosine", "bm25", "tfidf"] = "cosine"
    k: Annotated[int, Ge(1), Grid(20, 50, 100, 200, 500, 1000, 2000)] = 200
    shrink: Annotated[float, Ge(0), Grid(0, 1, 3, 10, 30, 100, 300)] = 0.0
    length: Annotated[float, Ge(0), Le(1), Grid(0, 0.2, 0.35, 0.5, 0.75, 1)] = 0.5
    saturation: Annotated[float, Gt(0), Grid(0.3, 0.6, 1.2, 3, 10, 100)] = 1.2
    _matrix: csr_array = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        y = self._weighted(transposed(train.matrix()))
        norms = np.sqrt(row_sums(csr_array(y * y)))
        plain = self.weighting == "bm25"

        def similarity(rows: Array, columns: Array, values: Array) -> Array:
            if not plain:
                values = values / np.maximum(norms[rows] * norms[columns] + self.shrink, 1e-12)
            return np.where(rows == columns, 0, values)

        self._matrix = transposed(strongest_products(y, transposed(y), self.k, similarity))
        return self

    def _weighted(self, y: csr_array) -> csr_array:
        """(items, users)"""
        if self.weighting == "cosine":
            return y
        items = y.shape[0]
        taken = np.bincount(y.indices, minlength=y.shape[1])
        rarity = np.log(items / (1 + taken)).astype(np.float32)
        if self.weighting == "tfidf":
            return scaled(y, columns=rarity)
        sums = row_sums(y)
        relative = sums / max(float(sums.mean()), 1e-12) if items else sums
        room = np.repeat(1 - self.length + self.length * relative, np.diff(y.indptr))
        data = y.data * (self.saturation + 1) / (self.saturation * room + y.data) * rarity[y.indices]
        return csr_array((data.astype(np.float32), y.indices, y.indptr), shape=y.shape)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return score_linear(self._matrix, queries, candidates)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        return explain_linear(self._matrix, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return dense_rows(self._matrix, items)

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """What acts under this `weighting`: a search tries nothing twice."""
        idle = ("shrink",) if settings["weighting"] == "bm25" else ("length", "saturation")
        return {name: value for name, value in settings.items() if name not in idle}

    def state(self) -> State:
        return state_of(self, matrix=self._matrix)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._matrix = state["matrix"]
        return model
