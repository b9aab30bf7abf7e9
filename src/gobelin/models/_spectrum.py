"""The leading directions of a log and of senses."""

from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from gobelin.arrays import Array, Float32
from gobelin.values import Features, Train

MOST = 6_000  # columns of which a dense gram is taken apart whole
FEW = 12  # where more than one in so many vectors is wanted, that is quicker than looking for each


def right_vectors(log: csr_array, wanted: int, rng: np.random.Generator) -> Float32[Array, "columns rank"]:
    """V of the `wanted` largest singular values of a log (rows, columns), largest first.

    At most half of the log's smaller side: all of them would give every history back as it is. Vectors of a singular
    value of zero are left out, so there may be fewer, or none. rng: draws where an iteration begins. A few vectors of
    many are found by ARPACK in float64; more of them, or of few columns, by taking the dense gram apart in float32.
    """
    least, columns = min(log.shape), log.shape[1]
    rank = min(wanted, max(1, least // 2))
    if not log.nnz:
        return np.zeros((columns, 0), dtype=np.float32)
    if least < 3 or columns <= min(FEW * rank, MOST):
        gram = (log.T @ log).toarray()
        squares, v = eigh(gram, overwrite_a=True, check_finite=False)
        sizes = np.sqrt(np.maximum(squares[::-1][:rank], 0))
        v = v[:, ::-1][:, :rank]
    else:
        _, sizes, rows = svds(log.astype(np.float64), k=rank, v0=rng.standard_normal(least))
        order = np.argsort(-sizes, kind="stable")
        sizes, v = sizes[order], rows[order].T
    return np.ascontiguousarray(v[:, sizes > 1e-3 * sizes[0]], dtype=np.float32)


class Reduced:
    """The leading directions of each sense of a train value, found once for all settings."""

    def __init__(self, train: Train) -> None:
        self.train = train
        self._kept: dict[tuple[str, int], Float32[Array, "items dims"]] = {}

    def sense(self, name: str, dims: int) -> Float32[Array, "items dims"]:
        if (name, dims) not in self._kept:
            self._kept[name, dims] = leading(self.train.table[name], dims)
        return self._kept[name, dims]


def leading(sense: Features, dims: int) -> Float32[Array, "items dims"]:
    """Unit rows of a sense, turned to their `dims` leading directions; absent rows are zero."""
    unit: Any = sense.unit(None if sense.sparse else sense.mean())
    if sense.dim <= dims:
        return np.asarray(unit.toarray() if isinstance(unit, csr_array) else unit, dtype=np.float32)
    if isinstance(unit, csr_array):  # too wide for a gram; any beginning leads to the same directions
        return np.asarray(unit @ right_vectors(unit, dims, np.random.default_rng(0)), dtype=np.float32)
    gram = unit.T @ unit
    wide = len(gram)
    _, v = eigh(gram, subset_by_index=(wide - dims, wide - 1), overwrite_a=True, check_finite=False)
    return np.asarray(unit @ np.ascontiguousarray(v[:, ::-1]), dtype=np.float32)
