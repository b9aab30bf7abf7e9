"""Vectors on one scale before a method that measures lengths reads them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.protocols import State


@dataclass(frozen=True)
class Scaling:
    """(x - shift) @ turn / size: the training rows have mean 0 and mean squared length 1.

    One number divides all columns, so that what a fusion made loud stays loud. turn: where there are more columns than
    rows, the rows' principal axes, in which they lose nothing; a ridge or margin found there is the one of all columns
    (the representer theorem; Kimeldorf & Wahba 1971). None: no turn.
    """

    shift: Float32[Array, " dim"]
    size: float
    turn: Float32[Array, "dim axes"] | None = None

    @classmethod
    def of(cls, values: Float32[Array, "rows dim"], *, turn: bool = True, by_column: bool = False) -> Self:
        """turn: where there are more columns than rows; by_column: the columns, not the rows, have mean square 1."""
        shift = values.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = values - shift
        size = (
            float(np.sqrt(np.mean(np.einsum("ij,ij->i", centred, centred, dtype=np.float64)))) or 1.0
        )  # constant columns: all rows are nought
        axes = _axes(centred) if turn and values.shape[1] > len(values) else None
        width = values.shape[1] if axes is None else axes.shape[1]
        return cls(shift, size / np.sqrt(width) if by_column else size, axes)

    def __call__(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows axes"]:
        centred = values - self.shift
        return ((centred if self.turn is None else centred @ self.turn) / np.float32(self.size)).astype(np.float32)

    def back(self, weights: Float32[Array, "axes outputs"]) -> Float32[Array, "dim outputs"]:
        """Weights for scaled vectors as weights for (x - shift)."""
        led = weights if self.turn is None else self.turn @ weights
        return (led / np.float32(self.size)).astype(np.float32)

    def state(self) -> State:
        return {"shift": self.shift, "size": self.size} | ({} if self.turn is None else {"turn": self.turn})

    @classmethod
    def from_state(cls, state: State) -> Self:
        turn: Any = state.get("turn")
        return cls(np.asarray(state["shift"]), float(state["size"]), None if turn is None else np.asarray(turn))


def _axes(centred: Float32[Array, "rows dim"]) -> Float32[Array, "dim axes"]:
    """An orthonormal basis of the rows, from their inner products: (rows, rows) is the small side."""
    found, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    kept = found > 1e-6 * max(float(found[-1]), 1e-30)
    if not kept.any():
        return np.zeros((centred.shape[1], 1), dtype=np.float32)
    return (centred.T @ (vectors[:, kept] / np.sqrt(found[kept])).astype(np.float32)).astype(np.float32)
