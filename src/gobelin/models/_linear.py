"""What every item-item model shares: the closed form, and scoring a history by the rows of a matrix."""

from typing import Any

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float, Float32, Int32, ItemSquare, Scores
from gobelin.errors import UserError
from gobelin.values import Contributions, Queries, Weighing

Square = Float[Array, "items items"]


def inverse(a: Square) -> Square:
    """The inverse of a symmetric positive definite matrix by Cholesky, in its own precision; overwrites `a`.

    Raises UserError where `a` is not positive definite (a regularisation too small for its precision).
    """
    if not len(a):
        return a
    potrf, potri = (lapack.spotrf, lapack.spotri) if a.dtype == np.float32 else (lapack.dpotrf, lapack.dpotri)
    factor, failed = potrf(a.T, lower=1, overwrite_a=1, clean=0)  # a.T: Fortran order without a copy
    if failed:
        raise UserError(
            f"The item-item matrix is not positive definite in {a.dtype}.",
            "a larger regularisation.",
            "raise the model's `regularisation` tenfold, or let the search choose it.",
        )
    half, failed = potri(factor, lower=1, overwrite_c=1)
    # potri fills one triangle only: mirror it, by blocks so that no second matrix is made
    n = len(half)
    for start in range(0, n, 512):
        stop = min(start + 512, n)
        half[start:stop, stop:] = half[stop:, start:stop].T
        corner = half[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
    return half.T


def closed_form(gram: Float32[Array, "items items"], regularisation: float) -> ItemSquare:
    """B = I - P / diag(P) with P = (gram + l I)^-1: zero diagonal, B[i, j] is what item i says for item j.

    Overwrites `gram`. Steck, Embarrassingly Shallow Autoencoders for Sparse Data (WWW 2019).
    """
    gram[np.diag_indices(len(gram))] += regularisation
    p = inverse(gram)
    p /= -np.diag(p)
    p[np.diag_indices(len(p))] = 0
    return p


def weights(p: Square) -> Square:
    """B = I - P / diag(P) of an inverse P, a new array: B[i, j] is what item i says for item j; zero diagonal."""
    b = p * (-1 / np.diag(p))[None, :]
    b[np.diag_indices(len(b))] = 0
    return np.asarray(b)


def explain_linear(
    matrix: Float32[Array, "items items"] | csr_array, query: Queries, items: Int32[Array, " wanted"]
) -> Contributions:
    """The terms of the sum that `score_linear` makes: every event's weight times its row of the matrix."""
    histories = query.histories
    rows = np.maximum(histories.items, 0)
    cells: Any = matrix[rows][:, items]
    told = np.asarray(cells.toarray() if isinstance(cells, csr_array) else cells, dtype=np.float64)  # (events, items)
    shares = (histories.spoken().astype(np.float64)[:, None] * told).T[:, :, None]
    return Contributions(items, ("log",), np.ascontiguousarray(shares), np.zeros(len(items)))


def score_linear(
    matrix: Float32[Array, "items items"] | csr_array,
    queries: Queries,
    candidates: Int32[Array, " candidates"] | None = None,
    weighing: Weighing | None = None,
) -> Scores:
    """(queries, candidates) = history x matrix[:, candidates]. The matrix may be sparse."""
    h = queries.histories.matrix(matrix.shape[0], weighing, queries.now)
    b = matrix if candidates is None else matrix[:, candidates]
    scores = h @ b
    return np.asarray(scores.toarray() if isinstance(scores, csr_array) else scores, dtype=np.float32)
