"""The inverse of a symmetric positive definite matrix under changes of the matrix, in place of a fresh inverse.

Each costs a few products of n x n with n x r, where an inverse costs n^3: worth it while r is a small share of n.
"""

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float64, Int64

Square = Float64[Array, "_ _"]
AT_ONCE = 1_024  # rows of the inverse changed at once


def without(p: Square, kept: Int64[Array, " kept"]) -> Square:
    """The inverse of the matrix that has only the kept rows and columns, in their order: a Schur complement in P."""
    if np.array_equal(kept, np.arange(len(p))):
        return p
    out = p[np.ix_(kept, kept)]
    gone = np.setdiff1d(np.arange(len(p)), kept)
    if not len(gone):
        return out
    side = p[np.ix_(kept, gone)]
    _subtract(out, side, np.linalg.solve(p[np.ix_(gone, gone)], side.T))
    return out


def raised(p: Square, rows: csr_array, signs: Float64[Array, " rank"]) -> Square:
    """The inverse of A + sum_k signs_k r_k r_k' for the rows r_k (Woodbury)."""
    if not rows.shape[0]:
        return p
    seen = np.unique(rows.indices)  # few items are touched by few people
    small = rows[:, seen].toarray()
    side = p[:, seen] @ small.T  # (n, rank)
    core = np.diag(1 / signs) + small @ side[seen]
    out = p.copy()
    _subtract(out, side, np.linalg.solve(core, side.T))
    return out


def bordered(p: Square, side: Square, corner: Square) -> Square:
    """The inverse of [[A, side], [side', corner]]."""
    if not len(corner):
        return p
    n, m = len(p), len(corner)
    told = p @ side
    schur = np.linalg.inv(corner - side.T @ told)
    schur = (schur + schur.T) / 2
    out = np.empty((n + m, n + m))
    out[:n, :n] = p
    _subtract(out[:n, :n], told, -schur @ told.T)
    out[:n, n:] = -told @ schur
    out[n:, :n] = out[:n, n:].T
    out[n:, n:] = schur
    return out


def _subtract(out: Square, left: Square, right: Square) -> None:
    """out -= left @ right by blocks of rows: no second square."""
    for start in range(0, len(out), AT_ONCE):
        out[start : start + AT_ONCE] -= left[start : start + AT_ONCE] @ right
