"""Probabilities that mean what they say, and saying nothing where they mean little."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax

from gobelin.arrays import Array, Bool, Float32
from gobelin.evaluation.statistics import draws, interval
from gobelin.protocols import State
from gobelin.tasks.figures import BINS
from gobelin.tasks.judging import Answers, Judge
from gobelin.values import Target
from gobelin.values.target import Told

_LEAST = 1e-6
SHARES = tuple(np.round(np.linspace(0.1, 1.0, 10), 2).tolist())


@dataclass(frozen=True)
class Calibration:
    """softmax(slope log p) of classes (a temperature, Guo et al. 2017), expit(slope logit p + shift) of labels (Platt).

    Fitted on what was said of rows that had not been seen. Numbers pass as they are.
    """

    told: Told
    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, unseen: Float32[Array, "rows outputs"], target: Target, judged: Bool[Array, " rows"]) -> Self:
        if target.told == "numbers" or not judged.any():
            return cls(target.told)
        said, truth = unseen[judged], target.values[judged].astype(np.float64)

        def loss(x: Array) -> float:
            applied = cls(target.told, float(np.exp(x[0])), float(x[1])).apply(said).astype(np.float64)
            p = np.clip(applied, _LEAST, 1 - _LEAST)
            gain = np.log(p) * truth + (0 if target.told == "class" else np.log1p(-p) * (1 - truth))
            return -float(gain.sum(axis=1).mean()) + 1e-3 * float(x @ x)

        found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
        slope = float(np.clip(np.exp(found.x[0]), 0.05, 20))
        return cls(target.told, slope, 0.0 if target.told == "class" else float(found.x[1]))

    def apply(self, said: Float32[Array, "rows outputs"]) -> Float32[Array, "rows outputs"]:
        told = np.clip(said.astype(np.float64), _LEAST, 1 - _LEAST)
        if self.told == "class":
            return softmax(self.slope * np.log(told), axis=1).astype(np.float32)
        if self.told == "labels":
            return expit(self.slope * logit(told) + self.shift).astype(np.float32)
        return said

    def state(self) -> State:
        return {"told": self.told, "slope": self.slope, "shift": self.shift}

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(state["told"], float(state["slope"]), float(state["shift"]))


def reliability(answers: Answers, judge: Judge) -> list[dict[str, float]]:
    """Of each tenth of confidence that occurs: its mean, how often it was right with the interval over groups, rows.

    Classes: of the best class of each row; labels: of every label. Rows of all repeats are one row each.
    """
    sure, right, group = _certainties(answers, judge)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    out = []
    for one in np.unique(bins):
        here = bins == one
        low, high = _interval(right[here], group[here], judge)
        out.append({
            "sure": float(sure[here].mean()), "right": float(right[here].mean()), "low": low, "high": high,
            "count": int(here.sum()),
        })  # fmt: skip
    return out


def coverage(answers: Answers, judge: Judge) -> list[dict[str, float]]:
    """The share of wrong answers among the surest share of rows: what is gained by not answering the rest.

    threshold: the confidence from which that share is answered (El-Yaniv & Wiener, JMLR 2010). Classes only: of the
    best class of each row.
    """
    sure, right, group = _certainties(answers, judge)
    order = np.argsort(-sure, kind="stable")
    out = []
    for share in SHARES:
        kept = order[: max(1, round(share * len(order)))]
        low, high = _interval(1 - right[kept], group[kept], judge)
        out.append({
            "coverage": share, "risk": float(1 - right[kept].mean()), "low": low, "high": high,
            "threshold": float(sure[kept[-1]]),
        })  # fmt: skip
    return out


def _certainties(answers: Answers, judge: Judge) -> tuple[Array, Array, Array]:
    sure, right, group = [], [], []
    for rows, said in zip(answers.rows, answers.said, strict=True):
        truth = judge.target.values[rows]
        if judge.target.told == "class":
            sure.append(said.max(axis=1))
            right.append((said.argmax(axis=1) == truth.argmax(axis=1)).astype(float))
            group.append(judge.groups[rows])
        else:
            sure.append(said.ravel())
            right.append(truth.ravel().astype(float))
            group.append(np.repeat(judge.groups[rows], said.shape[1]))
    return np.concatenate(sure).astype(np.float64), np.concatenate(right), np.concatenate(group)


def _interval(values: Array, group: Array, judge: Judge) -> tuple[float, float]:
    _, of = np.unique(group, return_inverse=True)
    sums, counts = np.bincount(of, weights=values), np.bincount(of).astype(float)
    rng = np.random.default_rng(judge.seed)
    drawn = np.concatenate([(w @ sums) / np.maximum(w @ counts, 1e-12) for w in draws(len(sums), judge.resamples, rng)])
    low, high = interval(drawn[:, None])
    return float(low[0]), float(high[0])
