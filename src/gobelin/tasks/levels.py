"""Three levels at which senses become a prediction, behind one promise.

    Prior                     no sense: how often each class is, the mean of the numbers
    OneSense(sense, ...)      an estimator on one sense
    Fused(fusion, ...)        the feature level, or the data level: a fusion, then an estimator
    Decided(rule, members)    the decision level: an estimator for each sense, then a rule of `ensemble` (decisions.py)

Each tells every row: one that lacks what is read is told the prior.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Bool, Float32, Int64
from gobelin.errors import UserError
from gobelin.parts import settings_of
from gobelin.protocols import Estimator, Fusion, State
from gobelin.values import Features, FeatureTable, Target

LARGEST = 2 << 30
"""Bytes that the vectors of one sense may fill when an estimator reads them."""

Spec = Mapping[str, Any]
"""A part by name; every other key a setting of it: {"part": "logistic", "strength": 1.0}."""


@runtime_checkable
class Predictor(Protocol):
    """Senses to what is told, of any rows; a sense that the table lacks is absent everywhere."""

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]: ...

    def state(self) -> State: ...


@runtime_checkable
class Learner(Protocol):
    """A predictor that is not fitted yet. Rows that `learn` leaves out are not read."""

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target, rng: np.random.Generator
    ) -> Predictor: ...


def made(kind: str, spec: Spec) -> Any:
    return parts.bind(kind, str(spec["part"]), {name: value for name, value in spec.items() if name != "part"})


def dense(features: Features, rows: Int64[Array, " taken"]) -> Float32[Array, "taken dim"]:
    """Raises UserError where they would not fit into memory."""
    if 4 * len(rows) * features.dim > LARGEST:
        raise UserError(
            f"{features.name} of {len(rows):,} rows and {features.dim:,} columns does not fit into memory.",
            f"at most {LARGEST >> 30} GiB.",
            f"take fewer columns, e.g. --set encoders.{features.name}.max_features=5000.",
        )
    taken = features.values[rows]
    return np.asarray(taken.toarray() if features.sparse else taken, dtype=np.float32)


@dataclass
class Prior:
    """What is told without looking. most: all to the most frequent class (of labels: each by its majority)."""

    most: bool = False
    told: Float32[Array, " outputs"] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    def fit(self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target, rng: np.random.Generator) -> Self:
        self.told = prior(target, learn)
        if self.most:
            best = np.arange(len(self.told)) == self.told.argmax() if target.told == "class" else self.told > 0.5
            self.told = best.astype(np.float32)
        return self

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        return np.tile(self.told, (len(table.ids), 1))

    def state(self) -> State:
        return {"level": "prior", "most": self.most, "told": self.told}


def prior(target: Target, learn: Bool[Array, " rows"]) -> Float32[Array, " outputs"]:
    return target.values[learn & target.known].mean(axis=0, dtype=np.float64).astype(np.float32)


@dataclass
class OneSense:
    """An estimator on one sense, learned from the rows that have it."""

    sense: str
    estimator: Spec
    _estimator: Any = field(default=None, repr=False)
    _prior: Any = field(default=None, repr=False)

    def fit(self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target, rng: np.random.Generator) -> Self:
        self._prior, self._estimator = prior(target, learn), None
        if self.sense in table:
            rows = np.flatnonzero(learn & target.known & table[self.sense].present)
            if len(rows):
                part: Estimator = made("estimators", self.estimator)
                self._estimator = part.fit(dense(table[self.sense], rows), target.take(rows), rng)
        return self

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        out = np.tile(self._prior, (len(table.ids), 1))
        if self._estimator is not None and self.sense in table:
            rows = np.flatnonzero(table[self.sense].present)
            if len(rows):
                out[rows] = self._estimator.predict(dense(table[self.sense], rows))
        return out

    def state(self) -> State:
        return {"level": "sense", "sense": self.sense, "prior": self._prior} | _kept(self.estimator, self._estimator)


@dataclass
class Fused:
    """A fusion, then an estimator on what it gives; both learn from the same rows."""

    fusion: Spec
    estimator: Spec
    _fusion: Any = field(default=None, repr=False)
    _estimator: Any = field(default=None, repr=False)
    _prior: Any = field(default=None, repr=False)

    def fit(self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target, rng: np.random.Generator) -> Self:
        self._prior = prior(target, learn)
        fusion: Fusion = made("fusion", self.fusion)
        self._fusion = fusion.fit(table, learn, target, rng)
        fused = self._fusion.fuse(table)
        rows = np.flatnonzero(learn & target.known & fused.present)
        part: Estimator = made("estimators", self.estimator)
        self._estimator = part.fit(dense(fused, rows), target.take(rows), rng) if len(rows) else None
        return self

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        out = np.tile(self._prior, (len(table.ids), 1))
        if self._estimator is None or table.bare().all():
            return out
        fused = self._fusion.fuse(table)
        rows = np.flatnonzero(fused.present)
        if len(rows):
            out[rows] = self._estimator.predict(dense(fused, rows))
        return out

    def state(self) -> State:
        fusion = {"spec": {"part": self.fusion["part"], **settings_of(self._fusion)}, "state": self._fusion.state()}
        return {"level": "fused", "fusion": fusion, "prior": self._prior} | _kept(self.estimator, self._estimator)


def _kept(spec: Spec, estimator: Any) -> dict[str, Any]:
    fitted = {} if estimator is None else {"state": estimator.state()}
    return {"estimator": {"spec": dict(spec), **fitted}}


def restored(state: State) -> Predictor:
    """The predictor that a state was of."""
    if state["level"] == "prior":
        return Prior(bool(state["most"]), np.asarray(state["told"]))
    if state["level"] == "decided":
        from gobelin.tasks.decisions import Decided

        return Decided.from_state(state)
    told = state["estimator"]
    kind: Any = parts.find("estimators", told["spec"]["part"]).load()
    estimator = kind.from_state(told["state"]) if "state" in told else None
    if state["level"] == "sense":
        return OneSense(state["sense"], told["spec"], estimator, np.asarray(state["prior"]))
    made_of: Any = parts.find("fusion", state["fusion"]["spec"]["part"]).load()
    fusion = made_of.from_state(state["fusion"]["state"])
    return Fused(state["fusion"]["spec"], told["spec"], fusion, estimator, np.asarray(state["prior"]))
