"""Figures of predictions: each a function of predictions, truth and weights of rows, for all resamples at once.

Predictions and truth: (rows, outputs). Weights: (resamples, rows); the value is that of weights 1. So figures that are
no mean over rows (areas under curves, F1) can be drawn again like any other.
"""

from collections.abc import Callable

import numpy as np

from gobelin.arrays import Array, Float64
from gobelin.values import Target

Weights = Float64[Array, "resamples rows"]
Figure = Callable[[Array, Array, Weights], Float64[Array, " resamples"]]
BINS = 10  # of the calibration error
RECALLED = 5  # the first so many labels of a row
_TINY = 1e-7


# --- figures of classes ------------------------------------------------------------------------------------------


def _mean(rows: Array, w: Weights) -> Array:
    return (w @ rows) / np.maximum(w.sum(axis=1), 1e-12)


def accuracy(p: Array, y: Array, w: Weights) -> Array:
    return _mean((p.argmax(axis=1) == y.argmax(axis=1)).astype(float), w)


def _tables(p: Array, y: Array, w: Weights) -> tuple[Array, Array, Array]:
    """(hits, told, true) of each column that any row has or is told, (resamples, columns)."""
    used = (p.sum(axis=0) > 0) | (y.sum(axis=0) > 0)
    p, y = p[:, used].astype(float), y[:, used].astype(float)
    return w @ (p * y), w @ p, w @ y


def _best(p: Array) -> Array:
    return (np.arange(p.shape[1]) == p.argmax(axis=1)[:, None]).astype(float)


def _ratio(above: Array, below: Array) -> Array:
    return np.where(below > 0, above / np.maximum(below, 1e-12), 0.0)


def _macro(p: Array, y: Array, w: Weights, of: str) -> Array:
    hits, told, true = _tables(p, y, w)
    below = {"precision": told, "recall": true, "f1": (told + true) / 2}[of]
    there = true > 0 if of == "recall" else (true + told) > 0
    return np.sum(_ratio(hits, below), axis=1, where=there) / np.maximum(there.sum(axis=1), 1)


def _micro(p: Array, y: Array, w: Weights) -> Array:
    hits, told, true = _tables(p, y, w)
    return _ratio(2 * hits.sum(axis=1), (told + true).sum(axis=1))


def roc_auc(p: Array, y: Array, w: Weights) -> Array:
    """Mean over columns that some rows have and others lack; of two classes the second alone. Ties count a half."""
    return _by_column(p, y, w, _area)


def pr_auc(p: Array, y: Array, w: Weights) -> Array:
    """Average precision: the sum over thresholds of precision times what recall gains there."""
    return _by_column(p, y, w, _average_precision)


def _by_column(p: Array, y: Array, w: Weights, of: Callable[[Array, Array, Weights], Array]) -> Array:
    columns = [1] if y.shape[1] == 2 and (y.sum(axis=1) == 1).all() else range(y.shape[1])
    found = [of(p[:, c], y[:, c] > 0, w) for c in columns if 0 < y[:, c].sum() < len(y)]
    return _nanmean(np.stack(found)) if found else np.full(len(w), np.nan)


def _nanmean(found: Array) -> Array:
    there = ~np.isnan(found)
    return np.where(there.any(axis=0), np.where(there, found, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.nan)


def _steps(scores: Array, yes: Array, w: Weights) -> tuple[Array, Array]:
    """Weights of yes and of no at each distinct score, highest first: (resamples, scores)."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
    sorted_w = w[:, order]
    return (
        np.add.reduceat(sorted_w * yes[order], starts, axis=1),
        np.add.reduceat(sorted_w * ~yes[order], starts, axis=1),
    )


def _area(scores: Array, yes: Array, w: Weights) -> Array:
    up, down = _steps(scores, yes, w)
    total = up.sum(axis=1) * down.sum(axis=1)
    area = (down * (np.cumsum(up, axis=1) - up / 2)).sum(axis=1)
    return np.where(total > 0, area / np.maximum(total, 1e-12), np.nan)


def _average_precision(scores: Array, yes: Array, w: Weights) -> Array:
    up, down = _steps(scores, yes, w)
    hits = np.cumsum(up, axis=1)
    precision = _ratio(hits, hits + np.cumsum(down, axis=1))
    total = up.sum(axis=1)
    return np.where(total > 0, (up * precision).sum(axis=1) / np.maximum(total, 1e-12), np.nan)


def log_loss(p: Array, y: Array, w: Weights) -> Array:
    return _mean(-np.log(np.clip((p * y).sum(axis=1), _TINY, 1)), w)


def brier(p: Array, y: Array, w: Weights) -> Array:
    return _mean(((p - y) ** 2).sum(axis=1), w)


def calibration_error(p: Array, y: Array, w: Weights) -> Array:
    """Mean gap between how sure it is of its best class and how often that is right, in ten bins (Guo 2017)."""
    right = (p.argmax(axis=1) == y.argmax(axis=1)).astype(float)
    return _gaps(p.max(axis=1)[:, None], right[:, None], w)


def _gaps(sure: Array, right: Array, w: Weights) -> Array:
    """sure, right: (rows, answers of a row)."""
    of = np.minimum((sure * BINS).astype(int), BINS - 1)
    by_bin = np.stack([((right - sure) * (of == b)).sum(axis=1) for b in range(BINS)], axis=1)  # (rows, bins)
    return np.abs(w @ by_bin).sum(axis=1) / np.maximum(w.sum(axis=1) * sure.shape[1], 1e-12)


# --- figures of labels -------------------------------------------------------------------------------------------


def top(p: Array, k: int) -> Array:
    """1 at the k likeliest labels of each row; ties by the order of the labels."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :k]
    out = np.zeros(p.shape)
    np.put_along_axis(out, order, 1.0, axis=1)
    return out


def _recall_at(k: int) -> Figure:
    def recall(p: Array, y: Array, w: Weights) -> Array:
        own = y.sum(axis=1)
        return (w @ _ratio((top(p, k) * y).sum(axis=1), own)) / np.maximum(w @ (own > 0).astype(float), 1e-12)

    return recall


def _jaccard_at(k: int) -> Figure:
    def jaccard(p: Array, y: Array, w: Weights) -> Array:
        said = top(p, k)
        both = (said * y).sum(axis=1)
        return _mean(_ratio(both, said.sum(axis=1) + y.sum(axis=1) - both), w)

    return jaccard


def figures(target: Target) -> dict[str, Figure]:
    """What is judged, by name; the first is the one that a table is ordered by."""
    if target.told == "numbers":
        return _of_numbers()
    if target.told == "labels":
        k = max(1, round(float(target.values[target.known].sum(axis=1).mean())))
        recalled = {f"recall@{RECALLED}": _recall_at(RECALLED)} if len(target.names) > RECALLED else {}
        return recalled | {
            f"f1_micro@{k}": lambda p, y, w: _micro(top(p, k), y, w),
            f"jaccard@{k}": _jaccard_at(k),
            "f1_micro": lambda p, y, w: _micro(p > 0.5, y, w),
            "f1_macro": lambda p, y, w: _macro(p > 0.5, y, w, "f1"),
            "roc_auc": roc_auc,
            "pr_auc": pr_auc,
            "log_loss": lambda p, y, w: _mean(-np.log(np.clip(np.where(y > 0, p, 1 - p), _TINY, 1)).mean(axis=1), w),
            "brier": lambda p, y, w: _mean(((p - y) ** 2).mean(axis=1), w),
            "calibration_error": _gaps,
        }
    return {
        "roc_auc": roc_auc,
        "balanced_accuracy": lambda p, y, w: _macro(_best(p), y, w, "recall"),
        "f1_macro": lambda p, y, w: _macro(_best(p), y, w, "f1"),
        "accuracy": accuracy,
        "precision_macro": lambda p, y, w: _macro(_best(p), y, w, "precision"),
        "pr_auc": pr_auc,
        "log_loss": log_loss,
        "brier": brier,
        "calibration_error": calibration_error,
    }


def _of_numbers() -> dict[str, Figure]:
    def mse(p: Array, y: Array, w: Weights) -> Array:
        return _mean(((p - y) ** 2).mean(axis=1), w)

    def r2(p: Array, y: Array, w: Weights) -> Array:
        total = np.maximum(w.sum(axis=1, keepdims=True), 1e-12)
        spread = (w @ y**2) / total - ((w @ y) / total) ** 2
        return np.mean(1 - ((w @ (p - y) ** 2) / total) / np.maximum(spread, 1e-12), axis=1)

    return {
        "r2": r2,
        "mae": lambda p, y, w: _mean(np.abs(p - y).mean(axis=1), w),
        "rmse": lambda p, y, w: np.sqrt(mse(p, y, w)),
        "mse": mse,
    }
