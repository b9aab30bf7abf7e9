"""The loom: what `weave` computes once from a train value and uses again for every setting that a search tries."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from gobelin.arrays import Array, Bool, Float32, Int64, ItemSquare
from gobelin.features.filling import Fill, filled
from gobelin.models._kernel import kernel
from gobelin.models._linear import inverse
from gobelin.values import Train

AT_ONCE = 256  # rows or columns of a square: what a core's cache holds
KEPT_BYTES = 600 * 2**20  # of kernels, grams and inverses kept for the next setting; beyond it the oldest go


class Loom:
    """Grams, kernels and inverses over the `rows` of a train value (the items that the closed form is solved for)."""

    def __init__(self, train: Train, rows: Int64[Array, " solved"]) -> None:
        self.train, self.rows = train, rows
        self.x: csr_array = train.matrix()[:, rows]
        self.counts = np.bincount(self.x.indices, minlength=len(rows)).astype(np.float32)
        self._kept: OrderedDict[tuple[object, ...], np.ndarray] = OrderedDict()
        self._holds: dict[tuple[str, Fill], Bool[Array, " solved"]] = {}  # who has a sense, once it was compared

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

    def kernel(self, sense: str, tau: float, fill: Fill) -> ItemSquare:
        """Similarity of items by one sense, zero where either lacks it. Belongs to the loom: copy it.

        fill: what an item that lacks the sense gets (`features.filling`).
        """

        fill = fill if self.lacks(sense) else "mask"  # where nobody lacks it, filling is the same as not filling

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
        fill: Fill,
    ) -> ItemSquare:
        """P = (gram + sum a K + l I)^-1; senses: name -> (a, tau). Belongs to the loom."""
        key = (
            "inverse",
            user_power,
            item_power,
            regularisation,
            tuple(sorted(senses.items())),
            fill if senses else "mask",
        )

        def made() -> ItemSquare:
            total = self.gram(user_power, item_power).copy()
            for sense, (weight, tau) in senses.items():
                kernel = self.kernel(sense, tau, fill)
                for start in range(0, len(total), AT_ONCE):  # by blocks: no third square
                    total[start : start + AT_ONCE] += np.float32(weight) * kernel[start : start + AT_ONCE]
            total[np.diag_indices(len(total))] += np.float32(regularisation)
            return inverse(total)

        return self._keep(key, made)

    def _cosine(self, sense: str, fill: Fill) -> ItemSquare:
        def made() -> ItemSquare:
            if fill == "mask":
                unit, holds = self._side(sense)
            else:
                sides = {name: self._side(name) for name in self.train.table}
                units: dict[str, Any] = {name: side[0] for name, side in sides.items()}
                present = {name: side[1] for name, side in sides.items()}
                unit, holds = filled(fill, sense, units, present, self.x)
            self._holds[sense, fill] = holds
            return cosines(unit)

        return self._keep(("cosine", sense, fill), made)

    def _side(self, sense: str) -> tuple[Float32[Array, "solved dim"] | csr_array, Bool[Array, " solved"]]:
        part = self.train.table[sense].take(self.rows)
        return part.unit(None if part.sparse else part.mean()), part.present

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
