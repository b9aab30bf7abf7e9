"""Nearest neighbours."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge
from sklearn.neighbors import KNeighborsRegressor

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, means
from gobelin.estimators._scaling import Scaling
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Neighbours:
    """Nearest neighbours: the mean of the k training rows that lie nearest.

    Fix & Hodges 1951; Euclidean distance, one row after the other (no tree pays in many dimensions). k: rows, at most
    those there are. nearer: whether a row weighs by one over its distance. Keeps the training rows.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    k: Annotated[int, Ge(1), Grid(3, 5, 10, 20, 50)] = 10
    nearer: bool = True
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        scaling = Scaling.of(values, turn=False)
        weights = "distance" if self.nearer else "uniform"
        near = KNeighborsRegressor(n_neighbors=min(self.k, len(values)), weights=weights, algorithm="brute")
        self._fitted = means(near, values, target, scaling)
        return self

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        return ready(self._fitted).predict(values)

    def state(self) -> State:
        return state_of(self, fitted=None if self._fitted is None else self._fitted.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        part = remade(cls, state)
        part._fitted = Fitted.from_state(state["fitted"]) if state["fitted"] else None
        return part
