"""Reciprocal rank fusion."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64
from gobelin.ensemble.places import places


def reciprocal_rank(
    scores: Float[Array, "models rows columns"],
    k: float = 60.0,
    weights: Float[Array, " models"] | None = None,
    allowed: Bool[Array, "rows columns"] | None = None,
) -> Float64[Array, "rows columns"]:
    """sum over models of weight / (k + place) (Cormack, Clarke, Buettcher, SIGIR 2009, with k = 60).

    k: the larger, the less the first places stand out. Scores need no common scale: only their order is read.
    """
    told = np.ones(len(scores)) if weights is None else weights
    out = np.zeros(scores.shape[1:])
    for weight, one in zip(told, scores, strict=True):
        out += float(weight) / (k + places(one, allowed))
    return out
