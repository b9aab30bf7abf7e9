"""The kernel by which `weave` compares items in one sense, among solved items and towards new ones."""

import numpy as np

from gobelin.arrays import Array, Bool, Float

AT_ONCE = 128  # rows


def kernel(
    cosine: Float[Array, "rows columns"], rows: Bool[Array, " rows"], columns: Bool[Array, " columns"], tau: float
) -> Float[Array, "rows columns"]:
    """cos where tau = 0, exp((cos - 1) / tau) otherwise: the smaller tau, the more local. Overwrites `cosine`.

    rows, columns: which items have the sense; where either lacks it the kernel is zero.
    """
    if tau == 0:
        return cosine  # unit rows of absent items are zero, so their cosines are
    for start in range(0, len(cosine), AT_ONCE):  # what is in the cache is not fetched four times
        block = cosine[start : start + AT_ONCE]
        block -= 1
        block *= 1 / tau
        np.exp(block, out=block)
    cosine[~rows] = 0
    cosine[:, ~columns] = 0
    return cosine
