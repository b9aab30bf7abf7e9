"""Sparse propagation with a gradient: A x for a fixed sparse A, and the way back by A' in rows of its own.

torch's own gradient of a sparse product makes the transpose anew at each step, or is several times slower.
"""

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor


class Propagation:
    """x -> A x. matrix: (rows, columns) float32. `back` is x -> A' x; both share what they hold."""

    def __init__(self, matrix: csr_array) -> None:
        self._there, self._back = _tensor(matrix), _tensor(csr_array(matrix.T.tocsr()))

    def __call__(self, x: Tensor) -> Tensor:
        """(columns, dim) -> (rows, dim)."""
        out: Tensor = _Product.apply(x, self._there, self._back)  # type: ignore[no-untyped-call]
        return out

    @property
    def back(self) -> "Propagation":
        other = object.__new__(Propagation)
        other._there, other._back = self._back, self._there
        return other


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.back = back
        return there @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back @ gradient, None, None


def normalised(log: csr_array) -> csr_array:
    """D_u^-1/2 X D_i^-1/2 of a log of ones (LightGCN, He et al., SIGIR 2020). (users, items)."""
    lengths = np.diff(log.indptr)
    by_user = np.maximum(lengths, 1) ** -0.5
    by_item = np.maximum(np.bincount(log.indices, minlength=log.shape[1]), 1) ** -0.5
    values = np.repeat(by_user, lengths) * by_item[log.indices]
    return csr_array((values.astype(np.float32), log.indices, log.indptr), shape=log.shape)


def _tensor(matrix: csr_array) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")  # beta, and what we use is tested
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype("int64")),
            torch.from_numpy(matrix.indices.astype("int64")),
            torch.from_numpy(matrix.data.astype("float32")),
            size=matrix.shape,
            check_invariants=False,
        )
