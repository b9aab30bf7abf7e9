"""Short vectors of items by which their like is looked for: the log and each sense, on their leading directions."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int64
from gobelin.models._strands import AT_ONCE, Strands

SAMPLE = 8_192  # rows that the directions of a sense are found from
SPARE = 8  # directions more than are kept
ROUNDS = 3

Basis = Float32[Array, "dim kept"]


def sketch(strands: Strands, directions: int, rng: np.random.Generator) -> Float32[Array, "solved dim"]:
    """(solved, up to (senses + 1) x directions): inner products are about G_ij / sqrt(G_ii G_jj), linear kernels."""
    parts = []
    if strands.scaled.nnz:
        basis = leading(strands.scaled, directions, rng)
        parts.append(np.asarray(strands.scaled @ basis))
    for sense, (weight, _) in strands.terms.senses.items():
        parts.append(np.float32(np.sqrt(weight)) * projected(strands, sense, strands.solved, directions, rng))
    whole = np.concatenate(parts, axis=1) if parts else np.zeros((len(strands.solved), 1), dtype=np.float32)
    whole /= np.sqrt(strands.diagonal())[:, None]
    return whole


def projected(
    strands: Strands, sense: str, rows: Int64[Array, " rows"], directions: int, rng: np.random.Generator
) -> Float32[Array, "rows kept"]:
    """Unit rows of a sense on its leading directions, read piece by piece."""
    held = strands.solved[strands.table[sense].present[strands.solved]]
    if len(held) > SAMPLE:
        held = np.sort(rng.choice(held, SAMPLE, replace=False))
    basis = leading(strands.unit(sense, held)[0], directions, rng)
    out = np.empty((len(rows), basis.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), AT_ONCE):
        out[start : start + AT_ONCE] = strands.unit(sense, rows[start : start + AT_ONCE])[0] @ basis
    return out


def leading(matrix: Any, directions: int, rng: np.random.Generator) -> Basis:
    """Orthonormal columns that span about the leading right singular vectors, by a randomised range finder.

    matrix: (rows, dim), dense or csr_array (Halko, Martinsson and Tropp 2011, with power iterations).
    """
    dim = matrix.shape[1]
    if not isinstance(matrix, csr_array) and dim <= directions:
        return np.eye(dim, dtype=np.float32)
    count = min(directions + SPARE, *matrix.shape)
    back = matrix.T.tocsr() if isinstance(matrix, csr_array) else matrix.T
    basis = back @ rng.standard_normal((matrix.shape[0], count), dtype=np.float32)
    for _ in range(ROUNDS):
        basis = back @ (matrix @ np.linalg.qr(basis)[0])
    basis = np.linalg.qr(basis)[0]
    seen = np.asarray(matrix @ basis)
    turn = np.linalg.eigh(seen.T @ seen)[1][:, ::-1]  # eigenvalues fall
    return np.asarray(basis @ turn[:, :directions], dtype=np.float32)
