"""The kernel by which `weave` compares items in one sense, among solved items and towards new ones."""

import numpy as np

from gobelin.arrays import Array, Bool, Float


def kernel(
    cosine: Float[Array, "rows columns"], rows: Bool[Array, " rows"], columns: Bool[Array, " columns"], tau: float
) -> Float[Array, "rows columns"]:
    """cos where tau = 0, exp((cos - 1) / tau) otherwise: the smaller tau, the more local. Overwrites `cosine`.

    rows, columns: which items have the sense; where either lacks it the kernel is zero.
    """
    if tau == 0:
        return cosine  # unit rows of absent items are zero, so their cosines are
    cosine -= 1
    cosine *= 1 / tau
    np.exp(cosine, out=cosine)
    cosine[~rows] = 0
    cosine[:, ~columns] = 0
    return cosine
