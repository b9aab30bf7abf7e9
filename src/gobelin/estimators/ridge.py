"""Ridge regression."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Gt
from sklearn.linear_model import Ridge as Solver

from gobelin.arrays import Array, Float32
from gobelin.estimators._linear import Linear
from gobelin.estimators._scaling import Scaling
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Ridge:
    """Ridge regression: numbers as a linear map with small weights.

    min |y - b - (x - m) W / s|^2 + regularisation |W|^2 (Hoerl & Kennard, Technometrics 1970), m and s the mean and
    the root mean squared length of the rows. regularisation: on vectors of mean squared length 1, so 1 weighs like one
    row. Relations: with a huge regularisation the mean. For classes and labels: `logistic`.
    """

    tells: ClassVar[tuple[str, ...]] = ("numbers",)

    regularisation: Annotated[float, Gt(0), Grid(0.01, 0.1, 1.0, 10.0, 100.0)] = 1.0
    _fitted: Linear | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        scaling = Scaling.of(values)
        solver = Solver(alpha=self.regularisation).fit(scaling(values), target.values)
        weights = scaling.back(np.asarray(solver.coef_, dtype=np.float32).reshape(len(target.names), -1).T)
        bias = np.asarray(solver.intercept_, dtype=np.float64).reshape(len(target.names))
        self._fitted = Linear("numbers", scaling.shift, weights, bias)
        return self

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        return ready(self._fitted).predict(values)

    def state(self) -> State:
        return state_of(self, fitted=None if self._fitted is None else self._fitted.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        part = remade(cls, state)
        part._fitted = Linear.from_state(state["fitted"]) if state["fitted"] else None
        return part
