"""Gradient boosting."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, classes, one_by_one
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Boosting:
    """Gradient boosting: small trees, each grown on what the ones before it left over.

    Friedman, Annals of Statistics 2001, on histograms of 255 bins (LightGBM, NeurIPS 2017). One tree a round for each
    class, label or number. rate: how much of a tree is taken. leaves: of a tree. rounds: trees. least: rows in a leaf.
    columns: how many a question chooses from, by chance; fewer cost less and part the trees.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    rate: Annotated[float, Gt(0), Grid(0.03, 0.1, 0.3)] = 0.1
    leaves: Annotated[int, Ge(2), Grid(4, 8, 16, 31)] = 8
    rounds: Annotated[int, Ge(1), Grid(30, 100, 300)] = 100
    least: Annotated[int, Ge(1)] = 10
    columns: Annotated[int, Ge(1)] = 64
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        told = {
            "learning_rate": self.rate,
            "max_leaf_nodes": self.leaves,
            "max_iter": self.rounds,
            "min_samples_leaf": self.least,
            "max_features": min(1.0, self.columns / values.shape[1]),
            "early_stopping": False,
            "random_state": int(rng.integers(2**31)),
        }
        if target.told == "class":
            self._fitted = classes(lambda: HistGradientBoostingClassifier(**told), values, target, None)
        else:
            kind = HistGradientBoostingRegressor if target.told == "numbers" else HistGradientBoostingClassifier
            self._fitted = one_by_one(lambda column: kind(**told), values, target, None)
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
