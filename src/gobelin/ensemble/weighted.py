"""A weighted sum of several models' scores."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64


def weighted(
    scores: Float[Array, "models rows columns"],
    weights: Float[Array, " models"],
    allowed: Bool[Array, "rows columns"] | None = None,
) -> Float64[Array, "rows columns"]:
    """sum over models of weight x score, in float64. Bring the scores to one scale first (`scales`)."""
    out = np.zeros(scores.shape[1:])
    for weight, one in zip(weights, scores, strict=True):
        out += float(weight) * one
    return out if allowed is None else np.where(allowed, out, 0.0)
