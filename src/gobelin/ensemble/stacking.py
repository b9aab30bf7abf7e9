"""Stacking: weights of models learned from what they said of answers that they had not seen."""

import numpy as np
from scipy.optimize import minimize

from gobelin.arrays import Array, Bool, Float, Float64


def choice_weights(
    scores: Float[Array, "models cells"],
    rows: Array,
    chosen: Bool[Array, " cells"],
    *,
    ridge: float = 1.0,
    towards: Float[Array, " models"] | None = None,
) -> Float64[Array, " models"]:
    """Weights w >= 0 under which the chosen cell of each row is likeliest: P(cell) = exp(w's) over its row's sum.

    The conditional logit of McFadden (1974): for items each held-out answer is a choice among the row's cells, for
    classes the true class is. The loss, - sum log P + ridge |w - towards|^2 / 2, is convex; L-BFGS-B finds its minimum.

    scores: of the cells of all rows, out of fold and on one scale; rows: of each cell, cells of one row together;
    chosen: the answers (a row with several counts each of them against the cells that are none). towards: where the
    weights stay without evidence; 0 without it. A weight is never negative: a model that is right less often than
    chance is left out, not turned round.
    """
    n_models = len(scores)
    start = np.zeros(n_models) if towards is None else np.asarray(towards, dtype=np.float64)
    if not chosen.any():
        return start
    told = np.asarray(scores, dtype=np.float64).T  # (cells, models)
    edges = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    row = np.repeat(np.arange(len(edges)), np.diff(np.append(edges, len(rows))))
    positive = np.flatnonzero(chosen)
    rest = np.where(chosen, -np.inf, 0.0)

    def loss(w: Float64[Array, " models"]) -> tuple[float, Float64[Array, " models"]]:
        value = told @ w
        highest = np.maximum.reduceat(value, edges)
        grown = np.exp(value - highest[row] + rest)  # cells that are no answer
        others = np.add.reduceat(grown, edges)  # (rows,)
        ours = value[positive] - highest[row[positive]]
        log_sum = np.logaddexp(ours, np.log(np.maximum(others[row[positive]], 1e-300)))
        # of each answer: its own share of the sum, and how much weight the row's other cells carry
        own = np.exp(ours - log_sum)
        carried = np.bincount(row[positive], weights=np.exp(-log_sum), minlength=len(edges))
        gradient = told.T @ (grown * carried[row]) - told[positive].T @ (1 - own)
        away = w - start
        return float((log_sum - ours).sum() + ridge * (away @ away) / 2), gradient + ridge * away

    found = minimize(loss, np.maximum(start, 0.1), jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_models)
    return np.asarray(found.x)
