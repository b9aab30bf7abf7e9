"""Logistic regression."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Gt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from gobelin.arrays import Array, Float32
from gobelin.estimators._linear import Linear
from gobelin.estimators._saved import quiet
from gobelin.estimators._scaling import Scaling
from gobelin.parts import Grid, settings_of
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
            for column in range(outputs):
                told = target.values[:, column]
                if 0 < told.sum() < len(told):
                    found = self._solved(rows, told.astype(np.int32))
                    weights[:, column] = found.coef_[0]
                    bias[column] = found.intercept_[0]
        self._fitted = Linear(target.told, scaling.shift, scaling.back(weights), bias)
        return self

    def _solved(self, rows: Float32[Array, "rows axes"], codes: Array) -> LogisticRegression:
        solver = LogisticRegression(
            C=self.strength, class_weight="balanced" if self.balanced else None, max_iter=300, tol=1e-4
        )
        with quiet():
            return solver.fit(rows, codes)

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        if self._fitted is None:
            raise RuntimeError("fit comes before predict")
        return self._fitted.predict(values)

    def state(self) -> State:
        return {"settings": settings_of(self)} | ({} if self._fitted is None else {"fitted": self._fitted.state()})

    @classmethod
    def from_state(cls, state: State) -> Self:
        part = cls(**state["settings"])
        part._fitted = Linear.from_state(state["fitted"]) if "fitted" in state else None
        return part
