"""The values of a catalogue's column told from vectors of its items: one classifier for each column and set of senses.

Kernel ridge regression on 0/1 targets, in closed form, with a Gaussian kernel over `landmarks` of the items (Nystrom:
Williams and Seeger, NIPS 2000). Width and strength are chosen by cross-validation in which the variants of one product
never stand on both sides; what it says of the products held out also turns its scores into probabilities, and states
how often it is right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit, log_softmax, softmax
from sklearn.model_selection import GroupKFold

from gobelin.arrays import Array, Bool, Float32, Float64, Int64

WIDTHS = (0.7, 1.4, 2.8)  # of the kernel, in mean squared distances of two items
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
FOLDS = 5
LANDMARKS = 1_000
LEAST = 20  # items that must have the column, from at least as many products as there are folds


@dataclass(frozen=True)
class Unit:
    """One sense's vectors centred and of unit length, as they were among the items learned from."""

    centre: Float32[Array, " dim"]

    @classmethod
    def of(cls, vectors: Float32[Array, "items dim"]) -> "Unit":
        return cls(vectors.mean(axis=0))

    def __call__(self, vectors: Float32[Array, "items dim"]) -> Float32[Array, "items dim"]:
        moved = np.asarray(vectors, dtype=np.float32) - self.centre
        return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Kernel:
    """exp(-|x - z|^2 / width) against landmarks, turned so that inner products of rows approximate the kernel."""

    landmarks: Float32[Array, "landmarks dim"]
    width: float
    root: Float64[Array, "landmarks landmarks"]  # lower triangle of the landmarks' own kernel

    @classmethod
    def over(cls, landmarks: Float32[Array, "landmarks dim"], width: float) -> "Kernel":
        own = _gaussian(landmarks, landmarks, width).astype(np.float64)
        own[np.diag_indices(len(own))] += 1e-4
        return cls(landmarks, width, np.linalg.cholesky(own))

    def __call__(self, vectors: Float32[Array, "items dim"]) -> Float32[Array, "items landmarks"]:
        seen = _gaussian(vectors, self.landmarks, self.width)
        return np.asarray(solve_triangular(self.root, seen.T, lower=True).T, dtype=np.float32)


@dataclass(frozen=True)
class Classifier:
    """many: an item may have several values (a list). right: share of held-out items told rightly; of a list, share of
    the values told (probability at least one half) that are right. loss: mean squared error of the scores of held-out
    items. chosen: (width, strength)."""

    units: tuple[Unit, ...]
    kernel: Kernel
    weights: Float32[Array, "landmarks values"]
    prior: Float64[Array, " values"]
    scale: tuple[float, float, float]
    many: bool
    right: float
    loss: float
    chosen: tuple[float, float]

    def probabilities(self, senses: Sequence[Float32[Array, "items dim"]]) -> Float64[Array, "items values"]:
        """Rows sum to one, but for a list, where each value stands for itself."""
        joined = np.hstack([unit(vectors) for unit, vectors in zip(self.units, senses, strict=True)])
        scores = self.kernel(joined) @ self.weights + self.prior
        return _probable(scores, self.prior, self.scale, self.many)


@dataclass(frozen=True)
class Column:
    """has: (items, values) 1 where the item has the value, each item at least one. many: items may have several."""

    has: csr_array
    many: bool


def learn(
    senses: Sequence[Float32[Array, "items dim"]],
    columns: Sequence[Column],
    groups: Sequence[str],
    *,
    rng: np.random.Generator,
    landmarks: int = LANDMARKS,
) -> list[Classifier] | None:
    """A classifier for each column from the vectors of the same items in some senses.

    None where the items are too few to learn from. groups: the product of each item. rng: draws the landmarks (from all
    items: vectors, never a value) and the folds.
    Settings are chosen on the products held out, so `right` is the best of 15 on them: a little kind.
    """
    products = np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(products) < LEAST or products.max() + 1 < FOLDS:
        return None
    fold = _folds(products, rng)
    units = tuple(Unit.of(np.asarray(vectors)) for vectors in senses)
    joined = np.hstack([unit(vectors) for unit, vectors in zip(units, senses, strict=True)])
    drawn = np.sort(rng.choice(len(joined), min(landmarks, len(joined)), replace=False))
    spread = max(2 * float(np.square(joined - joined.mean(axis=0)).sum(axis=1).mean()), 1e-6)
    truths = [column.has.toarray() > 0 for column in columns]
    best: list[tuple[float, float, float, Float32[Array, "items values"]]] = [
        (-np.inf, WIDTHS[0], STRENGTHS[0], np.zeros(column.has.shape, dtype=np.float32)) for column in columns
    ]
    for width in WIDTHS:
        features = Kernel.over(joined[drawn], width * spread)(joined)
        for strength, scores in _held_out(features, [column.has for column in columns], fold):
            for place, (column, truth) in enumerate(zip(columns, truths, strict=True)):
                merit = _merit(scores[place], truth, column.many)
                if merit > best[place][0] + 1e-9:
                    best[place] = merit, width, strength, scores[place]
    out = []
    for column, truth, (_, width, strength, held) in zip(columns, truths, best, strict=True):
        kernel = Kernel.over(joined[drawn], width * spread)
        features, prior = kernel(joined), truth.mean(axis=0, dtype=np.float64)
        weights = _solve(_ridge(features.T @ features, strength), _towards(features, column.has, prior))
        scale = _scaled(held, prior, truth, column.many)
        told = _probable(held, prior, scale, column.many) >= 0.5
        precision = float(truth[told].mean()) if told.any() else 0.0
        right = precision if column.many else _accuracy(held, truth)
        loss = float(np.square(held - truth).mean())
        out.append(Classifier(units, kernel, weights, prior, scale, column.many, right, loss, (width, strength)))
    return out


def _held_out(
    features: Float32[Array, "items landmarks"], columns: Sequence[csr_array], fold: Int64[Array, " items"]
) -> Iterator[tuple[float, list[Float32[Array, "items values"]]]]:
    """For each strength the scores of all items in every column, each from the folds that it is not in."""
    square = features.T @ features
    held = [np.flatnonzero(fold == one) for one in range(FOLDS)]
    known = [np.flatnonzero(fold != one) for one in range(FOLDS)]
    rests = [square - features[rows].T @ features[rows] for rows in held]
    priors = [[np.asarray(has[rows].mean(axis=0)).ravel() for has in columns] for rows in known]
    towards = [
        [_towards(features[rows], csr_array(has[rows]), prior) for has, prior in zip(columns, mine, strict=True)]
        for rows, mine in zip(known, priors, strict=True)
    ]
    for strength in STRENGTHS:
        out = [np.zeros(has.shape, dtype=np.float32) for has in columns]
        for rows, rest, aims, mine in zip(held, rests, towards, priors, strict=True):
            ridge = _ridge(rest, strength)
            for scores, aim, prior in zip(out, aims, mine, strict=True):
                scores[rows] = features[rows] @ _solve(ridge, aim) + prior
        yield strength, out


def _towards(
    features: Float32[Array, "items landmarks"], has: csr_array, prior: Float64[Array, " values"]
) -> Float64[Array, "landmarks values"]:
    return np.asarray((has.T @ features).T - np.outer(features.sum(axis=0), prior), dtype=np.float64)


def _ridge(square: Float32[Array, "landmarks landmarks"], strength: float) -> Any:
    """The factor of the square with the strength on its diagonal, for `_solve`."""
    ridge = square.astype(np.float64)
    ridge[np.diag_indices(len(ridge))] += strength
    return cho_factor(ridge, lower=True, overwrite_a=True)


def _solve(ridge: Any, towards: Float64[Array, "landmarks values"]) -> Float32[Array, "landmarks values"]:
    return np.asarray(cho_solve(ridge, towards), dtype=np.float32)


def _gaussian(
    one: Float32[Array, "items dim"], other: Float32[Array, "landmarks dim"], width: float
) -> Float32[Array, "items landmarks"]:
    away = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * (one @ other.T)
    return np.exp(-np.maximum(away, 0) / np.float32(width))


def _folds(products: Int64[Array, " items"], rng: np.random.Generator) -> Int64[Array, " items"]:
    fold = np.zeros(len(products), dtype=np.int64)
    cut = GroupKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for number, (_, held) in enumerate(cut.split(fold, groups=products)):
        fold[held] = number
    return fold


def _merit(scores: Float32[Array, "items values"], truth: Bool[Array, "items values"], many: bool) -> float:
    return -float(np.square(scores - truth).mean()) if many else _accuracy(scores, truth)


def _accuracy(scores: Float32[Array, "items values"], truth: Bool[Array, "items values"]) -> float:
    return float(truth[np.arange(len(truth)), scores.argmax(axis=1)].mean())


def _probable(
    scores: Float32[Array, "items values"], prior: Float64[Array, " values"], scale: tuple[float, float, float],
    many: bool,
) -> Float64[Array, "items values"]:  # fmt: skip
    slope, share, shift = scale
    raised = slope * scores.astype(np.float64) + share * np.log(np.maximum(prior, 1e-6)) + shift
    return np.asarray(expit(raised) if many else softmax(raised, axis=1), dtype=np.float64)


def _scaled(
    scores: Float32[Array, "items values"],
    prior: Float64[Array, " values"],
    truth: Bool[Array, "items values"],
    many: bool,
) -> tuple[float, float, float]:
    """(slope, share of the log prior, shift) with which held-out scores have the least logarithmic loss."""
    log_prior = np.log(np.maximum(prior, 1e-6))
    target = truth / truth.sum(axis=1, keepdims=True)

    def loss(told: Float64[Array, " three"]) -> float:
        raised = told[0] * scores + told[1] * log_prior
        if not many:
            return -float((target * log_softmax(raised, axis=1)).sum(axis=1).mean())
        raised = raised + told[2]
        return float((np.logaddexp(0, raised) - truth * raised).sum(axis=1).mean())

    found = minimize(loss, np.array([6.0, 0.3, 0.0]), method="Nelder-Mead", options={"maxiter": 120, "xatol": 1e-2})
    slope, share, shift = (float(value) for value in found.x)
    return slope, share, shift if many else 0.0
