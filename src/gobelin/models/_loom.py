"""The loom: what `weave` computes once from a train value and uses again for every setting that a search tries."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from gobelin.arrays import Array, Bool, Float32, Int64, ItemSquare
from gobelin.models._kernel import kernel
from gobelin.models._linear import inverse
from gobelin.values import Features, Train

AT_ONCE = 256  # rows or columns of a square: what a core's cache holds
KEPT_BYTES = 600 * 2**20  # of kernels, grams and inverses kept for the next setting; beyond it the oldest go


class Loom:
    """Grams, kernels and inverses over the `rows` of a train value (the items that the closed form is solved for)."""

    def __init__(self, train: Train, rows: Int64[Array, " solved"]) -> None:
        self.train, self.rows = train, rows
        self.x: csr_array = train.matrix()[:, rows]
        self.counts = np.bincount(self.x.indices, minlength=len(rows)).astype(np.float32)
        self._kept: OrderedDict[tuple[object, ...], np.ndarray] = OrderedDict()
        self._holds: dict[tuple[str, int], Bool[Array, " solved"]] = {}  # who has a sense, once it was compared

    def gram(self, user_power: float, item_power: float) -> ItemSquare:
        """D_i^-p X' D_u^-b X D_i^-p, rescaled to the trace of X'X; b, p = 0 give X'X. Belongs to the loom: copy it."""
        key = ("gram", user_power, item_power)
        return self._keep(key, lambda: self._gram(user_power, item_power))

    def _gram(self, user_power: float, item_power: float) -> ItemSquare:
        trace = float((self.x.data.astype(np.float64) ** 2).sum())
        active = np.maximum(np.asarray(self.x.sum(axis=1)).ravel(), 1e-9)
        y = diags_array((active ** (-user_power / 2)).astype(np.float32)) @ self.x
        if item_power:
            y = y @ diags_array(np.maximum(self.counts, 1) ** np.float32(-item_power))
        gram: ItemSquare = (y.T @ y).toarray().astype(np.float32, copy=False)
        total = float(np.trace(gram, dtype=np.float64))
        if total > 0:
            gram *= np.float32(trace / total)
        return gram

    def kernel(self, sense: str, tau: float, fill: int) -> ItemSquare:
        """Similarity of items by one sense, zero where either lacks it. Belongs to the loom: copy it.

        fill: an item that lacks the sense takes the mean of its `fill` nearest neighbours in the log that have it.
        """

        fill = fill if self.lacks(sense) else 0  # where nobody lacks it, filling is the same as not filling

        def made() -> ItemSquare:
            cosine = self._cosine(sense, fill)
            if tau == 0:
                return cosine
            present = self._holds[sense, fill]
            return kernel(cosine.copy(), present, present, tau)

        return self._keep(("kernel", sense, tau, fill), made)

    def lacks(self, sense: str) -> bool:
        """Whether any solved item lacks the sense."""
        return not bool(self.train.table[sense].present[self.rows].all())

    def inverse(
        self,
        user_power: float,
        item_power: float,
        regularisation: float,
        senses: Mapping[str, tuple[float, float]],
        fill: int,
    ) -> ItemSquare:
        """P = (gram + sum a K + l I)^-1; senses: name -> (a, tau). Belongs to the loom."""
        key = ("inverse", user_power, item_power, regularisation, tuple(sorted(senses.items())), fill if senses else 0)

        def made() -> ItemSquare:
            total = self.gram(user_power, item_power).copy()
            for sense, (weight, tau) in senses.items():
                kernel = self.kernel(sense, tau, fill)
                for start in range(0, len(total), AT_ONCE):  # by blocks: no third square
                    total[start : start + AT_ONCE] += np.float32(weight) * kernel[start : start + AT_ONCE]
            total[np.diag_indices(len(total))] += np.float32(regularisation)
            return inverse(total)

        return self._keep(key, made)

    def _cosine(self, sense: str, fill: int) -> ItemSquare:
        def made() -> ItemSquare:
            unit, self._holds[sense, fill] = self._sense(sense, fill)
            return cosines(unit)

        return self._keep(("cosine", sense, fill), made)

    def _sense(self, sense: str, fill: int) -> tuple[Float32[Array, "solved dim"] | csr_array, Bool[Array, " solved"]]:
        features = self.train.table[sense]
        part = features.take(self.rows)
        unit = part.unit(None if part.sparse else part.mean())
        if not fill or part.present.all():
            return unit, part.present
        return filled(unit, part, nearest_in_log(self.x, self.counts, fill, part.present))

    def _keep(self, key: tuple[object, ...], make: Callable[[], ItemSquare]) -> ItemSquare:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = make()
        self._kept[key] = made
        while len(self._kept) > 1 and sum(a.nbytes for a in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return made


def cosines(unit: Any) -> ItemSquare:
    """(rows, rows) unit @ unit.T, dense. Sparse rows meet dense blocks: where most pairs share a dimension, a sparse
    product would be several times slower."""
    if not isinstance(unit, csr_array):
        return np.asarray(unit @ unit.T, dtype=np.float32)
    out = np.empty((unit.shape[0], unit.shape[0]), dtype=np.float32)
    for start in range(0, len(out), AT_ONCE):
        out[:, start : start + AT_ONCE] = unit @ unit[start : start + AT_ONCE].T.toarray()
    return out


def nearest_in_log(x: csr_array, counts: Float32[Array, " solved"], k: int, among: Bool[Array, " solved"]) -> csr_array:
    """(solved, solved): each item's k nearest by cosine in the log among the marked ones; weights sum to 1."""
    norm = diags_array((1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32))
    overlap = csr_array((norm @ (x.T @ x) @ norm).tocsr() @ diags_array(among.astype(np.float32)))
    overlap.eliminate_zeros()
    return nearest_rows(overlap, k)


def nearest_rows(matrix: csr_array, k: int) -> csr_array:
    """Each row's k largest entries (ties: the smaller column first), scaled to sum to 1."""
    order = np.lexsort((matrix.indices, -matrix.data, np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))))
    lengths = np.diff(matrix.indptr)
    place = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    kept = order[place < k]
    rows = np.repeat(np.arange(matrix.shape[0]), np.minimum(lengths, k))
    values = matrix.data[kept]
    total = np.bincount(rows, values, minlength=matrix.shape[0])
    shares = (values / total[rows]).astype(np.float32)
    return csr_array((shares, (rows, matrix.indices[kept])), shape=matrix.shape)


def filled(
    unit: Float32[Array, "rows dim"] | csr_array, part: Features, neighbours: csr_array
) -> tuple[Float32[Array, "rows dim"] | csr_array, Bool[Array, " rows"]]:
    """Unit features in which absent rows are the neighbours' mean (unit again), and which rows hold anything now."""
    mean: Any = neighbours @ unit
    lacking = ~part.present
    if isinstance(unit, csr_array):
        mean = csr_array(diags_array(lacking.astype(np.float32)) @ mean)
        norm = np.sqrt(np.asarray(mean.multiply(mean).sum(axis=1)).ravel())
        scaled = csr_array(diags_array((1 / np.maximum(norm, 1e-12)).astype(np.float32)) @ mean)
        return csr_array(unit + scaled), part.present | (norm > 0)
    norm = np.sqrt(np.einsum("ij,ij->i", mean, mean))
    found = lacking & (norm > 1e-6)
    out = unit.copy()
    out[found] = (mean[found] / norm[found, None]).astype(np.float32)
    return out, part.present | found
