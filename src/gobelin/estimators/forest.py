"""A random forest."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt, Le
from sklearn.ensemble import RandomForestRegressor

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, means
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Forest:
    """A random forest: the mean of many deep trees, each on a draw of rows and columns.

    Breiman, Random Forests, 2001; leaves hold the shares of the classes, as in `tree`. trees: how many. least: rows in
    a leaf. columns: the share of columns that each question may choose from; None: their square root.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    trees: Annotated[int, Ge(1)] = 200
    least: Annotated[int, Ge(1), Grid(1, 3, 10)] = 3
    columns: Annotated[float | None, Gt(0), Le(1)] = None
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        forest = RandomForestRegressor(
            n_estimators=self.trees,
            min_samples_leaf=self.least,
            max_features=self.columns or "sqrt",
            random_state=int(rng.integers(2**31)),
        )
        self._fitted = means(forest, values, target)
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
