"""Where each column stands in its row: 1 for the highest score, equal scores share the mean of their places."""

import numpy as np
from scipy.stats import rankdata

from gobelin.arrays import Array, Bool, Float, Float64


def places(
    scores: Float[Array, "rows columns"], allowed: Bool[Array, "rows columns"] | None = None
) -> Float64[Array, "rows columns"]:
    """From 1; columns that do not count stand at infinity and push nobody back."""
    shown = -np.asarray(scores, dtype=np.float64)
    if allowed is not None:
        shown[~allowed] = np.inf
    out = np.asarray(rankdata(shown, method="average", axis=1), dtype=np.float64)
    if allowed is not None:
        out[~allowed] = np.inf
    return out
