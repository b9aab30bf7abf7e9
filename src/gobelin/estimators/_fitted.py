"""Fitted scikit-learn estimators behind one `predict`: which columns of the target each of them tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.estimators._saved import quiet, restored, saved
from gobelin.estimators._scaling import Scaling
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(frozen=True)
class Fitted:
    """constant: what is said of the columns that no model tells (a label that every row has, a class that none has).

    columns: of each model. asks: "predict" (numbers, or means of indicators, in a tree's leaf the shares of the
    classes) or "predict_proba". shared: probabilities of classes that were told one by one, divided by their sum.
    """

    models: tuple[Any, ...]
    columns: tuple[tuple[int, ...], ...]
    constant: Float32[Array, " outputs"]
    asks: str
    shared: bool = False
    scaling: Scaling | None = None

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        out = np.tile(self.constant, (len(values), 1))
        if not len(values):
            return out
        rows = values if self.scaling is None else self.scaling(values)
        for model, columns in zip(self.models, self.columns, strict=True):
            said = np.asarray(getattr(model, self.asks)(rows)).reshape(len(rows), -1)
            out[:, list(columns)] = said[:, -len(columns) :]  # of two classes, no and yes, the second
        if self.shared:
            total = out.sum(axis=1, keepdims=True)
            out = np.where(total > 0, out / np.maximum(total, 1e-12), self.constant / max(self.constant.sum(), 1e-12))
        return out.astype(np.float32)

    def state(self) -> State:
        return {
            "models": saved(list(self.models)),
            "columns": [list(one) for one in self.columns],
            "constant": self.constant,
            "asks": self.asks,
            "shared": self.shared,
        } | ({} if self.scaling is None else {"scaling": self.scaling.state()})

    @classmethod
    def from_state(cls, state: State) -> Self:
        scaling = Scaling.from_state(state["scaling"]) if "scaling" in state else None
        columns = tuple(tuple(int(i) for i in one) for one in state["columns"])
        models = tuple(restored(state["models"]))
        return cls(models, columns, np.asarray(state["constant"]), state["asks"], bool(state["shared"]), scaling)


def means(model: Any, values: Float32[Array, "rows dim"], target: Target, scaling: Scaling | None = None) -> Fitted:
    """One regressor for all columns. Squared error of indicators is the Gini index, so a tree of it classifies."""
    told = target.values[:, 0] if target.values.shape[1] == 1 else target.values
    with quiet():
        model.fit(values if scaling is None else scaling(values), told)
    return Fitted((model,), (tuple(range(len(target.names))),), target.values.mean(axis=0), "predict", False, scaling)


def together(model: Any, values: Float32[Array, "rows dim"], target: Target, scaling: Scaling) -> Fitted:
    """One classifier of all labels; one that no row or every row has keeps its share."""
    constant = target.values.mean(axis=0)
    mixed = np.flatnonzero((constant > 0) & (constant < 1))
    if not len(mixed):
        return Fitted((), (), constant, "predict_proba", False, scaling)
    told = target.values[:, mixed].astype(np.int32)
    with quiet():
        model.fit(scaling(values), told[:, 0] if len(mixed) == 1 else told)
    return Fitted((model,), (tuple(int(i) for i in mixed),), constant, "predict_proba", False, scaling)


def classes(
    make: Callable[[], Any], values: Float32[Array, "rows dim"], target: Target, scaling: Scaling | None
) -> Fitted:
    """One classifier of several classes; classes that no row has are given nought."""
    seen, codes = np.unique(target.codes(), return_inverse=True)
    constant = np.zeros(len(target.names), dtype=np.float32)
    if len(seen) == 1:
        constant[seen] = 1
        return Fitted((), (), constant, "predict_proba", False, scaling)
    model = make()
    with quiet():
        model.fit(values if scaling is None else scaling(values), codes)
    return Fitted((model,), (tuple(int(i) for i in seen),), constant, "predict_proba", False, scaling)


def one_by_one(
    make: Callable[[Float32[Array, " rows"]], Any],
    values: Float32[Array, "rows dim"],
    target: Target,
    scaling: Scaling | None,
    least: int = 1,
) -> Fitted:
    """One model for each column: numbers, or one against the rest; one that fewer than `least` rows have, or all but
    fewer than that, keeps its share."""
    rows = values if scaling is None else scaling(values)
    numbers = target.told == "numbers"
    models, columns = [], []
    for column in range(len(target.names)):
        told = target.values[:, column]
        if not numbers and min(told.sum(), len(told) - told.sum()) < least:
            continue
        with quiet():
            models.append(make(told).fit(rows, told if numbers else told.astype(np.int32)))
        columns.append((column,))
    asks = "predict" if numbers else "predict_proba"
    return Fitted(tuple(models), tuple(columns), target.values.mean(axis=0), asks, target.told == "class", scaling)
