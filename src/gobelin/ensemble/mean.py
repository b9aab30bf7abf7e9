"""The mean of several models' scores, cell by cell."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64
from gobelin.ensemble.weighted import weighted


def mean(
    scores: Float[Array, "models rows columns"], allowed: Bool[Array, "rows columns"] | None = None
) -> Float64[Array, "rows columns"]:
    """Every model speaks alike. Relations: `weighted` with equal weights of sum 1."""
    return weighted(scores, np.full(len(scores), 1 / max(len(scores), 1)), allowed)
