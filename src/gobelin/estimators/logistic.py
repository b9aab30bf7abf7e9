"""Logistic regression."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Gt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from gobelin.arrays import Array, Float32, Float64
from gobelin.estimators._linear import Linear
from gobelin.estimators._saved import quiet
from gobelin.estimators._scaling import Scaling
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target

_NEVER = -30.0  # the log odds of a class that no row has


@dataclass(kw_only=True)
class Logistic:
    """Logistic regression: classes by softmax, labels each against the rest.

    min C sum log loss + |W|^2 / 2 (Cox 1958; L-BFGS). strength: C, on vectors of mean squared length 1.
    balanced: rows weigh inversely to how often their class is; probabilities are then those of balanced classes.
    A label that no row or every row has keeps its share, smoothed by half a row. Relations: for numbers `ridge`.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels")

    strength: Annotated[float, Gt(0), Grid(0.1, 1.0, 10.0, 100.0, 1000.0)] = 10.0
    balanced: bool = False
    _fitted: Linear | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        scaling = Scaling.of(values)
        rows, outputs = scaling(values), len(target.names)
        weights = np.zeros((rows.shape[1], outputs), dtype=np.float32)
        if target.told == "class":
            bias = np.full(outputs, _NEVER)
            seen, codes = np.unique(target.codes(), return_inverse=True)
            bias[seen] = 0.0
            if len(seen) > 1:
                found = self._solved(rows, codes)
                columns = seen if len(seen) > 2 else seen[1:]  # of two, the odds of the second against the first
                weights[:, columns] = found.coef_.T
                bias[columns] = found.intercept_
        else:
            bias = logit((target.values.sum(axis=0, dtype=np.float64) + 0.5) / (len(rows) + 1))
            told = np.flatnonzero((target.values.max(axis=0) > 0) & (target.values.min(axis=0) < 1))
            if len(told):
                weights[:, told], bias[told] = self._labels(rows, target.values[:, told], bias[told])
        self._fitted = Linear(target.told, scaling.shift, scaling.back(weights), bias)
        return self

    def _solved(self, rows: Float32[Array, "rows axes"], codes: Array) -> LogisticRegression:
        solver = LogisticRegression(
            C=self.strength, class_weight="balanced" if self.balanced else None, max_iter=300, tol=1e-4
        )
        with quiet():
            return solver.fit(rows, codes)

    def _labels(
        self, rows: Float32[Array, "rows axes"], told: Float32[Array, "rows labels"], bias: Float64[Array, " labels"]
    ) -> tuple[Float64[Array, "axes labels"], Float64[Array, " labels"]]:
        """All labels by one L-BFGS: their losses add up and share no weight, and a step is two products of matrices."""
        x, y = rows.astype(np.float64), told.astype(np.float64)
        many = y.sum(axis=0)
        loud = (
            np.where(y > 0, len(y) / (2 * many), len(y) / (2 * (len(y) - many))) if self.balanced else np.ones(y.shape)
        )
        axes, labels = x.shape[1], y.shape[1]

        def loss(flat: Float64[Array, " all"]) -> tuple[float, Float64[Array, " all"]]:
            w, b = flat[labels:].reshape(axes, labels), flat[:labels]
            z = x @ w + b
            slope = self.strength * loud * (expit(z) - y)
            value = self.strength * float((loud * (np.logaddexp(0, z) - y * z)).sum()) + float((w * w).sum()) / 2
            return value, np.concatenate([slope.sum(axis=0), (x.T @ slope + w).ravel()])

        start = np.concatenate([bias, np.zeros(axes * labels)])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-9, "gtol": 1e-3})
        return found.x[labels:].reshape(axes, labels), found.x[:labels]

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        return ready(self._fitted).predict(values)

    def state(self) -> State:
        return state_of(self, fitted=None if self._fitted is None else self._fitted.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        part = remade(cls, state)
        part._fitted = Linear.from_state(state["fitted"]) if state["fitted"] else None
        return part
