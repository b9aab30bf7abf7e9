"""Borda's count."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64
from gobelin.ensemble.places import places


def borda(
    scores: Float[Array, "models rows columns"],
    weights: Float[Array, " models"] | None = None,
    allowed: Bool[Array, "rows columns"] | None = None,
) -> Float64[Array, "rows columns"]:
    """sum over models of weight x (n - place) / (n - 1) with n columns that count: 1 for the first, 0 for the last.

    Borda (1781), divided by n - 1 so that rows of different length are on one scale. Only the order is read.
    """
    told = np.ones(len(scores)) if weights is None else weights
    out = np.zeros(scores.shape[1:])
    count = np.full(len(out), scores.shape[2]) if allowed is None else allowed.sum(axis=1)
    for weight, one in zip(told, scores, strict=True):
        place = places(one, allowed)
        points = (count[:, None] - place) / np.maximum(count[:, None] - 1, 1)
        out += float(weight) * np.where(np.isfinite(place), points, 0.0)
    return out
