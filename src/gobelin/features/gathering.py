"""Room for a table of all items: in memory while it is small, in a mapped file without a name where it is large."""

from typing import IO

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32
from gobelin.features.cache import Cache
from gobelin.values import Block
from gobelin.values.features import Values

MAPPED = 256 << 20
"""Bytes from which a table lies in a mapped file."""


def room(cache: Cache, shape: tuple[int, int]) -> Float32[Array, "rows dim"]:
    """Zeros for a table: in memory, or in a mapped file where it is large."""
    return cache.scratch(shape) if shape[0] * shape[1] * 4 > MAPPED else np.zeros(shape, dtype=np.float32)


class Gathering:
    """Blocks of one sense, in the order of the items, to one table. rows: how many there are so far."""

    def __init__(self, cache: Cache, total: int) -> None:
        self.rows = 0
        self.present: Bool[Array, " items"] = np.zeros(total, dtype=bool)
        self._cache = cache
        self._dense: Float32[Array, "items dim"] | None = None
        self._sparse: _Sparse | None = None

    def add(self, block: Block) -> None:
        end = self.rows + len(block.present)
        self.present[self.rows : end] = block.present
        if isinstance(block.values, csr_array):
            self._sparse = self._sparse or _Sparse(self._cache, block.values.shape[1])
            self._sparse.add(block.values)
        else:
            if self._dense is None:
                self._dense = room(self._cache, (len(self.present), block.values.shape[1]))
            self._dense[self.rows : end] = block.values
        self.rows = end

    def values(self) -> Values:
        """(items, dim) float32 or csr_array; (0, 0) where there was no block."""
        if self._sparse is not None:
            return self._sparse.joined()
        return np.zeros((0, 0), dtype=np.float32) if self._dense is None else self._dense


class _Sparse:
    """Sparse rows as they come: weights and columns wait in two files, since nobody knows how many there will be."""

    def __init__(self, cache: Cache, dim: int) -> None:
        self.cache, self.dim = cache, dim
        self.weights, self.columns = cache.unnamed(), cache.unnamed()
        self.bounds = [np.zeros(1, dtype=np.int64)]

    def add(self, rows: csr_array) -> None:
        with self.cache.writing():
            self.weights.write(np.ascontiguousarray(rows.data, dtype=np.float32).tobytes())
            self.columns.write(np.ascontiguousarray(rows.indices, dtype=np.int32).tobytes())
        self.bounds.append(self.bounds[-1][-1] + rows.indptr[1:].astype(np.int64))

    def joined(self) -> csr_array:
        bounds = np.concatenate(self.bounds)
        stored = int(bounds[-1])
        index = np.int32 if stored < np.iinfo(np.int32).max else np.int64
        with self.weights, self.columns, self.cache.writing():
            weights = _read(self.weights, np.dtype(np.float32), stored)
            columns = _read(self.columns, np.dtype(np.int32), stored)
        return csr_array((weights, columns, bounds.astype(index)), shape=(len(bounds) - 1, self.dim))


def _read(file: IO[bytes], dtype: np.dtype, stored: int) -> Array:
    """What was written: read into memory, or mapped where it is large; the file goes when the array does."""
    file.flush()
    if stored * dtype.itemsize > MAPPED:
        return np.memmap(file, dtype=dtype, mode="r+", shape=(stored,))
    file.seek(0)
    return np.frombuffer(bytearray(file.read()), dtype=dtype)
