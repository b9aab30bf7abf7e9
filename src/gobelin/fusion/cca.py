"""CCA: one space of what the senses agree on."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Bool, Float64
from gobelin.fitted import remade, state_of
from gobelin.fusion._blocks import Senses, fused
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target

MOST = 256  # dimensions of a sense before the senses meet


@dataclass(kw_only=True)
class Cca:
    """Generalised canonical correlation: a map U_s of each sense to one space, in which the senses of an item agree.

    MAXVAR with a mask for missing senses (Kettenring, Biometrika 1971; Rastogi, Van Durme, Arora, NAACL 2015): G and
    U_s minimise sum_s |K_s (G - X_s U_s)|^2 + r_s |U_s|^2, K_s the rows that have sense s, G' (sum K_s) G = I. It is
    solved through inner products of the dimensions, not of the rows. A direction is as loud as the senses agree on
    it: its eigenvalue, from 1 (all say the same) to 1 / senses (one says it alone).

    The fused vector is the mean of X_s U_s over the senses that the item has, so an item with one sense lies where
    that sense alone puts it. beside: the senses' own rows stand next to it, as in `concatenation`, for what only one of
    them tells. No target is read.

    dim: directions kept; ridge: r_s, in units of the mean variance of the sense's dimensions: the more, the less is
    made of agreement by chance, of which there is much where rows are few and dimensions many. Wide senses come in as
    at most 256 axes each. Cost: one eigensystem of the joint dimensions. Relations: `contrastive` asks for the same by
    training. With one sense it is that sense, whitened as far as the ridge lets it.
    """

    dim: Annotated[int, Ge(1), Grid(8, 16, 32, 64, 128)] = 64
    ridge: Annotated[float, Gt(0), Grid(0.01, 0.1, 1, 10)] = 0.1
    beside: Annotated[bool, Grid(False, True)] = False
    _senses: Senses = field(init=False, repr=False, compare=False)
    _maps: tuple[Float64[Array, "_ dim"], ...] = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._senses = Senses.fit(table, learn, MOST)
        blocks = self._senses.of(table)
        blocks = blocks.take(np.flatnonzero(learn & blocks.held.any(axis=1)))
        shared = 1 / np.sqrt(blocks.held.sum(axis=1))[:, None]
        white, tall = [], []  # of each sense its map to (nearly) white rows, and those rows, less where shared by many
        for block in blocks.values:
            x = block.astype(np.float64)
            size, axes = np.linalg.eigh(x.T @ x)
            white.append(axes / np.sqrt(np.maximum(size, 0) + self.ridge * size.mean()))
            tall.append(shared * (x @ white[-1]))
        joint = np.hstack(tall)
        agree, axes = np.linalg.eigh(joint.T @ joint)
        agree, axes = agree[::-1], axes[:, ::-1]
        kept = min(self.dim, max(1, int((agree > 1e-9 * agree[0]).sum())))
        loud = np.sqrt(len(joint)) * agree[:kept] ** 1.5  # sqrt(agree) is of U, agree is how loud
        parts = np.split(axes[:, :kept], np.cumsum(blocks.dims)[:-1])
        self._maps = tuple(to @ part * loud for to, part in zip(white, parts, strict=True))
        return self

    def fuse(self, table: FeatureTable) -> Features:
        blocks = self._senses.of(table)
        total = sum(block @ to for block, to in zip(blocks.values, self._maps, strict=True))
        out = np.asarray(total / np.maximum(blocks.held.sum(axis=1), 1)[:, None])
        if self.beside:
            out = np.hstack([out, blocks.side_by_side()])
        return fused(table, out, blocks.present)

    def state(self) -> State:
        return state_of(self, senses=self._senses.state(), maps=dict(zip(self._senses.ways, self._maps, strict=True)))

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._senses = Senses.from_state(state["senses"])
        fusion._maps = tuple(np.asarray(state["maps"][name]) for name in fusion._senses.ways)
        return fusion
