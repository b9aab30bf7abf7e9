"""Many small least-squares problems at once: a vector for each row of a log, by conjugate gradients."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32
from gobelin.models._sparse import blocks

BLOCK = 1 << 23  # numbers gathered at once: 32 MiB of float32


def fold(
    confidence: csr_array,
    wanted: Float32[Array, " pairs"],
    vectors: Float32[Array, "columns dim"],
    prior: Float32[Array, "dim dim"],
    start: Float32[Array, "rows dim"] | None = None,
    *,
    steps: int = 50,
    tolerance: float = 1e-5,
) -> Float32[Array, "rows dim"]:
    """x_r = (K + sum_i c_ri v_i v_i')^-1 sum_i t_ri v_i for every row r of the log.

    confidence: (rows, columns) c; wanted: t, one for each stored entry of c. vectors: v. prior: K, symmetric and
    positive definite, shared by all rows. start: where to begin (zeros). steps: at most, fewer once every residual is
    below `tolerance` of its right-hand side. A row without entries is zero.

    Conjugate gradients (Takács, Pilászy and Tikk 2011), preconditioned with K^-1: a row of n entries is exact after n
    steps, because K^-1 A is then the identity plus a matrix of rank n. Rows are taken in blocks of bounded memory.
    """
    dim = vectors.shape[1]
    undo = np.linalg.inv(prior.astype(np.float64)).astype(np.float32)
    out = np.zeros((confidence.shape[0], dim), dtype=np.float32)
    lengths = np.diff(confidence.indptr).astype(np.int64)
    for rows in blocks((lengths + 1) * dim, BLOCK):
        first, last = int(confidence.indptr[rows.start]), int(confidence.indptr[rows.stop])
        some = _Rows(
            starts=confidence.indptr[rows.start : rows.stop + 1] - first,
            columns=confidence.indices[first:last],
            confidence=confidence.data[first:last],
            vectors=vectors,
            gathered=vectors[confidence.indices[first:last]],
            prior=prior,
        )
        goal = some.spread(wanted[first:last])
        begin = np.zeros_like(goal)
        if start is not None:
            begin[:] = np.where((lengths[rows] > 0)[:, None], start[rows], 0)
        out[rows] = _conjugate(some, goal, undo, begin, steps, tolerance)
    return out


@dataclass(frozen=True)
class _Rows:
    """A block of rows: what the left-hand sides A_r are made of."""

    starts: Array
    columns: Array
    confidence: Float32[Array, " pairs"]
    vectors: Float32[Array, "columns dim"]
    gathered: Float32[Array, "pairs dim"]
    prior: Float32[Array, "dim dim"]

    def spread(self, values: Float32[Array, " pairs"]) -> Float32[Array, "rows dim"]:
        """sum_i values_ri v_i for each row."""
        shape = (len(self.starts) - 1, len(self.vectors))
        return np.asarray(csr_array((values, self.columns, self.starts), shape=shape) @ self.vectors)

    def apply(self, x: Float32[Array, "rows dim"]) -> Float32[Array, "rows dim"]:
        """A_r x_r for each row."""
        along = np.repeat(x, np.diff(self.starts), axis=0)  # (pairs, dim)
        return np.asarray(x @ self.prior + self.spread(self.confidence * _dots(along, self.gathered)))


def _conjugate(
    rows: _Rows,
    goal: Float32[Array, "rows dim"],
    undo: Float32[Array, "dim dim"],
    x: Float32[Array, "rows dim"],
    steps: int,
    tolerance: float,
) -> Float32[Array, "rows dim"]:
    enough = tolerance**2 * _dots(goal, goal)
    left = goal - rows.apply(x)  # residuals
    eased = left @ undo
    way, size = eased, _dots(left, eased)
    for _ in range(steps):
        if np.all(_dots(left, left) <= enough):
            break
        steep = rows.apply(way)
        pace = _ratio(size, _dots(way, steep))
        x = x + pace * way
        left = left - pace * steep
        eased = left @ undo
        new = _dots(left, eased)
        way = eased + _ratio(new, size) * way
        size = new
    return x


def _dots(a: Float32[Array, "rows dim"], b: Float32[Array, "rows dim"]) -> Float32[Array, " rows"]:
    return np.asarray(np.einsum("ij,ij->i", a, b))


def _ratio(a: Float32[Array, " rows"], b: Float32[Array, " rows"]) -> Float32[Array, "rows 1"]:
    """a / b by row; 0 where b is: such a row has arrived."""
    return np.asarray(np.divide(a, b, out=np.zeros_like(a), where=b > 1e-30))[:, None]
