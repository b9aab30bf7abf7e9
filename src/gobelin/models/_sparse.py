"""Sparse item-item matrices by blocks: products and similarities of which only the strongest entries are kept."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Float32, Int64

BLOCK = 1 << 22  # numbers in a block: 16 MiB of float32, and a few times that for their places and order

Rescale = Callable[[Array, Array, Array], Array]
"""(rows, columns, values) of some entries -> their new values."""


def blocks(costs: Int64[Array, " rows"], limit: int = BLOCK) -> Iterator[slice]:
    """Runs of rows of which each costs at most `limit` together; a dearer row stands alone."""
    ends = np.cumsum(costs)
    start = 0
    while start < len(costs):
        spent = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, spent + limit, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def strongest(entries: csr_array, k: int) -> csr_array:
    """The k largest of the positive entries of each row; among equals the lower column stays. Entries are unique."""
    entries.sort_indices()
    positive = entries.data > 0
    rows = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))[positive]
    columns, values = entries.indices[positive], entries.data[positive]
    counts = np.bincount(rows, minlength=entries.shape[0])
    if len(rows) and counts.max() > k:
        if 8 * len(rows) > entries.shape[0] * entries.shape[1]:  # a filled block is quicker to part as it stands
            return csr_array(_strongest_of_block(entries.toarray(), k))
        order = np.lexsort((-values, rows))  # stable: equals stay in the order of columns
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = np.sort(order[place < k])  # back in the order of columns
        columns, values = columns[chosen], values[chosen]
        counts = np.minimum(counts, k)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return csr_array((values.astype(np.float32), columns.astype(np.int32), starts), shape=entries.shape)


def _strongest_of_block(block: Float32[Array, "rows items"], k: int) -> Float32[Array, "rows items"]:
    """The same for a dense block: all but the k largest positive entries of each row are 0."""
    block = np.maximum(block, 0)
    if k < block.shape[1]:
        least = np.partition(block, -k, axis=1)[:, -k, None]
        kept = block >= least
        for row in np.flatnonzero((kept.sum(axis=1) > k) & (least[:, 0] > 0)):  # equals in the last place
            above = block[row] > least[row]
            level = np.flatnonzero(block[row] == least[row])
            kept[row] = above
            kept[row, level[: k - int(above.sum())]] = True
        block = np.where(kept, block, 0)
    return np.asarray(block)


def strongest_products(left: csr_array, right: csr_array, k: int, rescale: Rescale) -> csr_array:
    """The k strongest entries of each row of `left @ right` after `rescale`; entries rescaled to 0 or less fall away.

    Made by blocks of rows whose multiplications are counted beforehand, so the full product is never held.
    """
    lengths = np.diff(right.indptr).astype(np.int64)
    work = np.concatenate([[0], np.cumsum(lengths[left.indices])])
    costs = work[left.indptr[1:]] - work[left.indptr[:-1]]
    kept = []
    for rows in blocks(costs):
        product = csr_array(left[rows] @ right)
        row = np.repeat(np.arange(rows.start, rows.stop), np.diff(product.indptr))
        product.data = rescale(row, product.indices, product.data)
        kept.append(strongest(product, k))
    return stacked(kept, (left.shape[0], right.shape[1]))


def strongest_dense(make: Callable[[slice], Float32[Array, "block items"]], n: int, k: int) -> csr_array:
    """(n, n) the k strongest positive entries of each row of a matrix that `make` gives by blocks of rows.

    The diagonal is left out: an item does not speak for itself.
    """
    kept = []
    for rows in blocks(np.full(n, n, dtype=np.int64)):
        block = make(rows)
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = 0
        kept.append(csr_array(_strongest_of_block(block, k)))
    return stacked(kept, (n, n))


def stacked(kept: list[csr_array], shape: tuple[int, int]) -> csr_array:
    """Blocks of rows as one csr_array of float32 with 32-bit indices."""
    if not kept:
        return csr_array(np.zeros(shape, dtype=np.float32))
    whole: Any = vstack(kept, format="csr") if len(kept) > 1 else kept[0]
    return csr_array((whole.data, whole.indices.astype(np.int32), whole.indptr.astype(np.int32)), shape=shape)


def counted(values: Array, rows: Array, columns: Array, shape: tuple[int, int]) -> csr_array:
    """(rows, columns) float32 with each value at its place; values of one place are added."""
    entries: Any = (values, (rows, columns))
    return csr_array(entries, shape=shape, dtype=np.float32)


def transposed(matrix: csr_array) -> csr_array:
    """The transpose, in rows again."""
    return csr_array(matrix.T.tocsr())


def scaled(matrix: csr_array, *, rows: Array | None = None, columns: Array | None = None) -> csr_array:
    """The matrix with each row, each column or both multiplied by a number."""
    data = matrix.data.astype(np.float32)
    if rows is not None:
        data = data * np.repeat(rows, np.diff(matrix.indptr))
    if columns is not None:
        data = data * columns[matrix.indices]
    return csr_array((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def row_sums(matrix: csr_array) -> Array:
    return np.asarray(matrix.sum(axis=1)).ravel()


def column_sums(matrix: csr_array) -> Array:
    return np.asarray(matrix.sum(axis=0)).ravel()


def dense_rows(matrix: csr_array, rows: Array) -> Float32[Array, "rows items"]:
    return np.asarray(matrix[rows].toarray(), dtype=np.float32)
