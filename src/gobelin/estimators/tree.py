"""A decision tree."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge
from sklearn.tree import DecisionTreeRegressor

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, means
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Tree:
    """A decision tree: classes, labels and numbers as the means of its leaves.

    Squared error over the indicators of classes is the Gini index (Breiman et al., CART, 1984), so one tree tells all
    columns. depth: questions on the longest path. least: rows in a leaf. Scale and shift of a column change nothing.
    Relations: many of them, each on a draw of the rows: `forest`.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    depth: Annotated[int, Ge(1), Grid(2, 4, 8, 16)] = 8
    least: Annotated[int, Ge(1), Grid(1, 5, 20)] = 5
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        seed = int(rng.integers(2**31))
        tree = DecisionTreeRegressor(max_depth=self.depth, min_samples_leaf=self.least, random_state=seed)
        self._fitted = means(tree, values, target)
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
