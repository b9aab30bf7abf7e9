"""A support vector machine."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Gt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, one_by_one
from gobelin.estimators._scaling import Scaling
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Svm:
    """A support vector machine: a wide margin between each class or label and the rest.

    Cortes & Vapnik 1995. Probabilities: a sigmoid of the margin (Platt 1999), fitted on margins of rows that the
    machine had not seen (3 folds); those of classes are divided by their sum. Numbers: support vector regression
    (Drucker et al. 1996) on their deviations from the mean.
    kernel: "rbf", exp(-gamma |x - y|^2), or "linear". gamma, strength (C): on vectors of mean squared length 1. Memory
    and time grow with the square of the rows.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    strength: Annotated[float, Gt(0), Grid(0.1, 1.0, 10.0, 100.0)] = 1.0
    kernel: Annotated[Literal["rbf", "linear"], Grid("rbf", "linear")] = "rbf"
    gamma: Annotated[float, Gt(0), Grid(0.1, 0.3, 1.0, 3.0)] = 1.0
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        seed = int(rng.integers(2**31))
        told = {"C": self.strength, "kernel": self.kernel, "gamma": self.gamma}

        def machine(column: Float32[Array, " rows"]) -> Any:
            if target.told == "numbers":
                return TransformedTargetRegressor(SVR(**told), transformer=StandardScaler())
            fewest = int(min(column.sum(), len(column) - column.sum()))
            folds = StratifiedKFold(min(3, fewest), shuffle=True, random_state=seed)
            return CalibratedClassifierCV(SVC(**told), cv=folds, ensemble=False)

        self._fitted = one_by_one(machine, values, target, Scaling.of(values), least=2)
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
