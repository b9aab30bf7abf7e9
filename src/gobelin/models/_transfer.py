"""From content to behaviour: items that the closed form was not solved for, as mixtures of items that it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Bool, Float, Float32, Int64
from gobelin.models._kernel import kernel
from gobelin.values import FeatureTable

DENSE_BYTES = 512 * 2**20
KEPT = 256  # weights of an item kept where a dense matrix would pass DENSE_BYTES

Mixture = Float32[Array, "rest solved"] | csr_array


class Kernels:
    """Similarities between the rest and the solved items, summed over senses; a row that lacks a sense is zero there.

    Of each sense cos of centred unit features where tau = 0, exp((cos - 1) / tau) otherwise; weights sum to 1.
    """

    def __init__(self, table: FeatureTable, solved: Int64[Array, " solved"], rest: Int64[Array, " rest"]) -> None:
        self.shape = (len(rest), len(solved))
        self._sides: dict[str, tuple[_Side, _Side]] = {}  # sense -> (rest, solved)
        self._cosines: dict[str, Float32[Array, "solved solved"]] = {}
        self._last: tuple[object, Mixture] | None = None
        for name, features in table.features.items() if len(rest) else ():  # without a rest nothing is compared
            part = features.take(solved)
            centre = None if features.sparse else part.mean()
            far = features.take(rest)
            self._sides[name] = (_Side(far.unit(centre), far.present), _Side(part.unit(centre), part.present))

    def mixture(self, weights: Mapping[str, float], tau: float, ridge: float) -> Mixture:
        """R = K_rs (K_ss + ridge I)^-1, one row for each item of the rest: kernel ridge regression from content.

        A matrix M over the solved items has M R' as the regressed columns of the rest (and R M as their rows). Rows of
        items without content are zero. Past DENSE_BYTES each row keeps its KEPT largest weights. The last answer is
        kept.
        """
        key = (tuple(sorted(weights.items())), tau, ridge)
        if self._last is None or self._last[0] != key:
            self._last = (key, self._mixture(weights, tau, ridge))
        return self._last[1]

    def _mixture(self, weights: Mapping[str, float], tau: float, ridge: float) -> Mixture:
        n_rest, n_solved = self.shape
        total = sum(weights.values())
        if n_rest == 0 or n_solved == 0 or total == 0:
            return nothing(self.shape)
        shares = {name: np.float32(weight / total) for name, weight in weights.items() if weight}
        among = np.zeros((n_solved, n_solved), dtype=np.float32)
        for name, share in shares.items():
            solved = self._sides[name][1]
            if name not in self._cosines:
                self._cosines[name] = _dense(solved.unit @ solved.unit.T)
            among += share * kernel(self._cosines[name].copy(), solved.present, solved.present, tau)
        among[np.diag_indices(n_solved)] += np.float32(ridge)
        factor = cho_factor(among, lower=True, overwrite_a=True, check_finite=False)
        dense = n_rest * n_solved * 4 <= DENSE_BYTES
        blocks: list[Any] = []
        step = max(1, (64 * 2**20) // (4 * n_solved))
        for start in range(0, n_rest, step):
            right = np.zeros((min(step, n_rest - start), n_solved), dtype=np.float32)
            for name, share in shares.items():
                far, solved = self._sides[name]
                some = slice(start, start + len(right))
                cosine = _dense(far.unit[some] @ solved.unit.T)
                right += share * kernel(cosine, far.present[some], solved.present, tau)
            block = cho_solve(factor, right.T, overwrite_b=True, check_finite=False).T
            blocks.append(np.ascontiguousarray(block, dtype=np.float32) if dense else largest(block))
        return np.vstack(blocks) if dense else csr_array(vstack(blocks))


@dataclass(frozen=True)
class _Side:
    unit: Any  # (rows, dim) float32 or csr_array
    present: Bool[Array, " rows"]


def nothing(shape: tuple[int, int]) -> csr_array:
    """A sparse float32 matrix of zeros."""
    return csr_array((np.zeros(0, np.float32), (np.zeros(0, np.int32), np.zeros(0, np.int32))), shape=shape)


def largest(block: Float[Array, "block solved"]) -> csr_array:
    k = min(KEPT, block.shape[1])
    columns = np.argpartition(-np.abs(block), k - 1, axis=1)[:, :k]
    values = np.take_along_axis(block, columns, axis=1)
    rows = np.repeat(np.arange(len(block)), k)
    return csr_array((values.ravel().astype(np.float32), (rows, columns.ravel())), shape=block.shape)


def _dense(product: object) -> np.ndarray:
    return np.asarray(product.toarray() if isinstance(product, csr_array) else product, dtype=np.float32)
