"""Settings chosen inside the rows that are learned from: the same number of fits and seconds for every contender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Bool, Float32, Float64, Int64
from gobelin.contest.tuning import search
from gobelin.parts import Knob
from gobelin.tasks.levels import Fused, Learner, OneSense, Prior, Spec
from gobelin.values import FeatureTable, Target

Inner = Sequence[tuple[Int64[Array, " _"], Int64[Array, " _"]]]


LEAST = 1e-3
"""What a probability counts as at least, where settings are judged."""


@dataclass(frozen=True)
class Contender:
    """What competes. level: "prior", "sense", "fused" or "decided"; rule: of a decided one, whose members are the
    contenders of each sense with its estimator."""

    name: str
    level: str
    senses: tuple[str, ...] = ()
    estimator: Spec = field(default_factory=dict)
    fusion: Spec = field(default_factory=dict)
    rule: str = ""

    def make(self, settings: Mapping[str, Any]) -> Learner:
        """settings: "estimator.strength", "fusion.most", by the names of the knobs."""
        mine: dict[str, dict[str, Any]] = {"estimator": dict(self.estimator), "fusion": dict(self.fusion)}
        for name, value in settings.items():
            part, _, setting = name.partition(".")
            mine[part][setting] = value
        if self.level == "prior":
            return Prior(most=self.rule == "majority")
        if self.level == "sense":
            return OneSense(self.senses[0], mine["estimator"])
        return Fused(mine["fusion"], mine["estimator"])

    def knobs(self) -> list[Knob]:
        """Of the estimator first: it moves most."""
        found = []
        for kind, part, spec in (("estimators", "estimator", self.estimator), ("fusion", "fusion", self.fusion)):
            if spec:
                cls = parts.find(kind, str(spec["part"])).load()
                found += [
                    replace(knob, setting=f"{part}.{knob.setting}")
                    for knob in parts.knobs(cls, self.senses)
                    if knob.sense is None and knob.setting not in spec
                ]
        return found

    def start(self) -> dict[str, Any]:
        """The defaults of what a search may turn."""
        out = {}
        for knob in self.knobs():
            part, _, setting = knob.setting.partition(".")
            kind, spec = ("estimators", self.estimator) if part == "estimator" else ("fusion", self.fusion)
            plain = {name: value for name, value in spec.items() if name != "part"}
            out[knob.setting] = getattr(parts.bind(kind, str(spec["part"]), plain), setting)
        return out


@dataclass(frozen=True)
class Choice:
    """settings: those of the least loss; loss: mean over unseen rows; unseen: what was said of each row while it was
    unseen; judged: the rows that were (in time, the first stretch never is)."""

    settings: Mapping[str, Any]
    loss: float
    unseen: Float32[Array, "rows outputs"]
    judged: Bool[Array, " rows"]
    trials: int = 1
    ended: str = "settled"


def choose(
    contender: Contender,
    table: FeatureTable,
    target: Target,
    inner: Inner,
    *,
    trials: int,
    seconds: float,
    seed: Sequence[int],
) -> Choice:
    """The walk of `contest.tuning` over the contender's grids, judged by `row_losses` of rows that were not learned."""
    said: dict[str, Float32[Array, "rows outputs"]] = {}
    judged = np.zeros(len(target.known), dtype=bool)
    for _, rows in inner:
        judged[rows] = True

    def judge(settings: Mapping[str, Any]) -> float:
        out = np.zeros(target.values.shape, dtype=np.float32)
        for number, (learn, rows) in enumerate(inner):
            mask = np.zeros(len(target.known), dtype=bool)
            mask[learn] = True
            rng = np.random.default_rng([*seed, number])
            out[rows] = contender.make(settings).fit(table, mask, target, rng).predict(table.take(rows))
        said[repr(settings)] = out
        return -float(row_losses(out, target)[judged].mean())

    found = search(judge, contender.start(), contender.knobs(), trials=trials, seconds=seconds)
    best = found.best
    return Choice(best.settings, -best.value, said[repr(best.settings)], judged, len(found.trials), found.ended)


def row_losses(said: Float32[Array, "rows outputs"], target: Target) -> Float64[Array, " rows"]:
    """The surprise at the truth in nats, of classes the true one's, of labels the mean of all; of numbers the squared
    error over the variance. A probability below 1/1000 counts as that, so that one bold nought decides nothing."""
    if target.told == "numbers":
        gaps = (said.astype(np.float64) - target.values) ** 2
        return (gaps / np.maximum(target.values.var(axis=0, dtype=np.float64), 1e-12)).mean(axis=1)
    p = np.clip(said.astype(np.float64), LEAST, 1.0)
    if target.told == "class":
        return -np.log(p[np.arange(len(p)), target.codes()])
    return -np.log(np.where(target.values > 0, p, np.clip(1 - p, LEAST, 1.0))).mean(axis=1)
