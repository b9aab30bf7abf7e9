"""PCA: one space of the directions in which the senses together vary most."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Bool, Float64
from gobelin.fitted import remade, state_of
from gobelin.fusion._blocks import Blocks, Senses, fused
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target

MOST = 256  # dimensions of a sense before the senses meet


@dataclass(kw_only=True)
class Pca:
    """The first principal axes V of the senses side by side, each sense centred and of unit length.

    The covariance of two senses is taken over the rows that have both. What is told by several senses alike varies
    along one axis of them all, so it comes first; what one sense tells alone comes later, and noise of few dimensions
    is as loud as what is meant.

    A row has the scores z that are likeliest given the senses that it has: (V'V + s D^-1) z = V'x over their columns, D
    the variances along the axes and s the mean variance of the axes left out (probabilistic PCA, Tipping and Bishop,
    JRSS B 1999). A missing sense so makes a row less sure, not something else. No target is read.

    dim: axes kept, fewer where there are fewer. Wide senses come in as at most 256 axes each. Cost: one eigensystem of
    the joint dimensions. Relations: `cca` looks for what senses share, not for what is large.
    """

    dim: Annotated[int, Ge(1), Grid(16, 32, 64, 128, 256)] = 128
    _senses: Senses = field(init=False, repr=False, compare=False)
    _axes: Float64[Array, "joint dim"] = field(init=False, repr=False, compare=False)
    _variance: Float64[Array, " dim"] = field(init=False, repr=False, compare=False)
    _noise: float = field(default=0.0, init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._senses = Senses.fit(table, learn, MOST)
        variance, axes = np.linalg.eigh(_covariance(self._senses.of(table).take(np.flatnonzero(learn))))
        variance, axes = variance[::-1], axes[:, ::-1]  # the largest first
        kept = min(self.dim, max(1, int((variance > 1e-9 * variance[0]).sum())))
        self._axes, self._variance = np.ascontiguousarray(axes[:, :kept]), variance[:kept].copy()
        rest = np.maximum(variance[kept:], 0)
        self._noise = max(float(rest.mean()) if len(rest) else 0.0, 1e-6 * float(variance[0]))
        return self

    def fuse(self, table: FeatureTable) -> Features:
        blocks = self._senses.of(table)
        joint = np.hstack(blocks.values).astype(np.float64)
        of = np.repeat(np.arange(len(blocks.dims)), blocks.dims)  # the sense of each column
        out = np.zeros((len(joint), self._axes.shape[1]))
        patterns, pattern = np.unique(blocks.held, axis=0, return_inverse=True)
        for number, held in enumerate(patterns):
            rows = np.flatnonzero(pattern.ravel() == number)
            axes = self._axes[held[of]]
            sure = axes.T @ axes + np.diag(self._noise / self._variance)
            out[rows] = np.linalg.solve(sure, axes.T @ joint[rows][:, held[of]].T).T
        return fused(table, out, blocks.present)

    def state(self) -> State:
        told = {"axes": self._axes, "variance": self._variance, "noise": self._noise}
        return state_of(self, senses=self._senses.state(), **told)

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._senses = Senses.from_state(state["senses"])
        fusion._axes, fusion._variance = np.asarray(state["axes"]), np.asarray(state["variance"])
        fusion._noise = float(state["noise"])
        return fusion


def _covariance(blocks: Blocks) -> Float64[Array, "joint joint"]:
    values = [block.astype(np.float64) for block in blocks.values]
    together = blocks.held.T.astype(np.float64) @ blocks.held  # (senses, senses) rows that have both
    return np.block(
        [
            [a.T @ b / max(together[i, j], 1) for j, b in enumerate(values)]
            for i, a in enumerate(values)
        ]
    )  # fmt: skip
