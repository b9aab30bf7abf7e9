"""EASE: the closed-form linear autoencoder on the log alone."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Gt

from gobelin.arrays import Array, Float32, Int32, ItemSquare, Scores
from gobelin.models._linear import closed_form, explain_linear, score_linear
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train


@dataclass(kw_only=True)
class Ease:
    """Closed-form item-item model of the log: min ||X - XB||^2 + l ||B||^2 with a zero diagonal (Steck 2019).

    regularisation: l, in units of the log's own weights (1 for a purchase); grows with the density of the log.
    Relations: `weave` without senses is this model. Memory: two items x items float32 arrays.
    """

    regularisation: Annotated[float, Gt(0), Grid(10, 20, 50, 100, 200, 500, 1000)] = 100.0
    _matrix: ItemSquare = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        x = train.matrix()
        gram = (x.T @ x).toarray()
        self._matrix = closed_form(gram, self.regularisation)
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return score_linear(self._matrix, queries, candidates)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        return explain_linear(self._matrix, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return self._matrix[items]

    def state(self) -> State:
        return {"regularisation": self.regularisation, "matrix": self._matrix}

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = cls(regularisation=state["regularisation"])
        model._matrix = np.asarray(state["matrix"])
        return model
