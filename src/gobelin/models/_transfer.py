"""From content to behaviour: items that the closed form was not solved for, as mixtures of items that it was."""

from collections.abc import Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int64
from gobelin.values import FeatureTable

DENSE_BYTES = 512 * 2**20
KEPT = 256  # weights of an item kept where a dense matrix would pass DENSE_BYTES

Mixture = Float32[Array, "rest solved"] | csr_array


class Kernels:
    """Cosines between centred unit features, summed over senses; rows that lack a sense give zero there."""

    def __init__(self, table: FeatureTable, solved: Int64[Array, " solved"], rest: Int64[Array, " rest"]) -> None:
        self.among: dict[str, np.ndarray] = {}
        self._rest: dict[str, object] = {}
        self._solved: dict[str, object] = {}
        self.shape = (len(rest), len(solved))
        self._last: tuple[object, Mixture] | None = None
        for name, features in table.features.items():
            part = features.take(solved)
            centre = None if features.sparse else part.mean()
            self._solved[name] = part.unit(centre)
            self._rest[name] = features.take(rest).unit(centre)

    def mixture(self, weights: Mapping[str, float], ridge: float) -> "Mixture":
        """As the function below; the last answer is kept."""
        key = (tuple(sorted(weights.items())), ridge)
        if self._last is None or self._last[0] != key:
            self._last = (key, mixture(self, weights, ridge))
        return self._last[1]

    def solved(self, weights: Mapping[str, float]) -> Float32[Array, "solved solved"]:
        total = np.zeros((self.shape[1], self.shape[1]), dtype=np.float32)
        for name, weight in weights.items():
            if weight:
                if name not in self.among:
                    self.among[name] = _dense(self._solved[name] @ self._solved[name].T)  # type: ignore[attr-defined]
                total += np.float32(weight) * self.among[name]
        return total

    def rest(self, weights: Mapping[str, float], start: int, stop: int) -> Float32[Array, "block solved"]:
        total = np.zeros((stop - start, self.shape[1]), dtype=np.float32)
        for name, weight in weights.items():
            if weight:
                block = self._rest[name][start:stop]  # type: ignore[index]
                total += np.float32(weight) * _dense(block @ self._solved[name].T)  # type: ignore[attr-defined]
        return total


def mixture(kernels: Kernels, weights: Mapping[str, float], ridge: float) -> Mixture:
    """R = K_rs (K_ss + ridge I)^-1, one row for each item of the rest: kernel ridge regression from content.

    A matrix M over the solved items has M R' as the regressed columns of the rest (and R M as their rows). Rows of
    items without content are zero. Past DENSE_BYTES each row keeps its KEPT largest weights.
    """
    n_rest, n_solved = kernels.shape
    if n_rest == 0 or n_solved == 0:
        return np.zeros((n_rest, n_solved), dtype=np.float32)
    total = kernels.solved(weights)
    total[np.diag_indices(n_solved)] += np.float32(ridge)
    factor = cho_factor(total, lower=True, overwrite_a=True, check_finite=False)
    dense = n_rest * n_solved * 4 <= DENSE_BYTES
    blocks = []
    step = max(1, (64 * 2**20) // (4 * n_solved))
    for start in range(0, n_rest, step):
        stop = min(start + step, n_rest)
        block = cho_solve(factor, kernels.rest(weights, start, stop).T, overwrite_b=True, check_finite=False).T
        blocks.append(np.ascontiguousarray(block, dtype=np.float32) if dense else _largest(block))
    if dense:
        return np.vstack(blocks)
    from scipy.sparse import vstack

    return csr_array(vstack(blocks), dtype=np.float32)


def _largest(block: Float32[Array, "block solved"]) -> csr_array:
    k = min(KEPT, block.shape[1])
    columns = np.argpartition(-np.abs(block), k - 1, axis=1)[:, :k]
    values = np.take_along_axis(block, columns, axis=1)
    rows = np.repeat(np.arange(len(block)), k)
    return csr_array((values.ravel().astype(np.float32), (rows, columns.ravel())), shape=block.shape)


def _dense(product: object) -> np.ndarray:
    return np.asarray(product.toarray() if isinstance(product, csr_array) else product, dtype=np.float32)
