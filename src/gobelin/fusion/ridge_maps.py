"""Ridge maps: what an item lacks in one sense is foretold from the senses that it has."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Gt

from gobelin.arrays import Array, Bool, Float64
from gobelin.fitted import remade, state_of
from gobelin.fusion._blocks import Blocks, Senses, fused
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target

MOST = 256  # dimensions of a sense before the senses meet


@dataclass(kw_only=True)
class RidgeMaps:
    """The senses side by side, a missing one foretold by ridge regression from those that the item has.

    For a lacking sense t and the senses p that are there: x_t = x_p (X_p'X_p + r I)^-1 X_p'X_t over the learning rows
    that have t, in which a sense that a row lacks stands as zero, the mean. Each set of present senses has a map of
    its own, made when such an item comes, from the same sums of products. What is foretold with little confidence is
    short, and so speaks softly: it is not brought to unit length by itself; the whole row is.

    An item that has every sense is as in `concatenation`. An item that has no sense stays absent. No target is read.

    ridge: r, in units of the mean variance of the dimensions of p. Wide senses come in as at most 256 axes each.
    Cost: a sum of products of the joint dimensions for each sense, kept; one solve for each set of senses that is met.
    Relations: `features.filling` also looks at the log; `pca` fills in the scores, not the senses.
    """

    ridge: Annotated[float, Gt(0), Grid(0.01, 0.1, 1, 10)] = 0.1
    _senses: Senses = field(init=False, repr=False, compare=False)
    _moments: tuple[Float64[Array, "joint joint"], ...] = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._senses = Senses.fit(table, learn, MOST)
        blocks = self._senses.of(table).take(np.flatnonzero(learn))
        joint = np.hstack(blocks.values).astype(np.float64)
        self._moments = tuple(joint[held].T @ joint[held] for held in blocks.held.T)
        return self

    def fuse(self, table: FeatureTable) -> Features:
        blocks = self._senses.of(table)
        out = self._filled(blocks)
        length = np.sqrt((out**2).sum(axis=1))[:, None]
        return fused(table, out / np.maximum(length, 1e-12), blocks.present)

    def _filled(self, blocks: Blocks) -> Float64[Array, "rows joint"]:
        out = np.hstack(blocks.values).astype(np.float64)
        of = np.repeat(np.arange(len(blocks.dims)), blocks.dims)  # the sense of each column
        patterns, pattern = np.unique(blocks.held, axis=0, return_inverse=True)
        for number, held in enumerate(patterns):
            rows = np.flatnonzero(pattern.ravel() == number)
            there = np.flatnonzero(held[of])
            for sense in np.flatnonzero(~held) if len(there) else ():
                moments, own = self._moments[sense], np.flatnonzero(of == sense)
                gram = moments[np.ix_(there, there)]
                mean = float(np.trace(gram)) / len(there)
                if mean > 0:  # some row of the fit had both
                    ridge = self.ridge * mean * np.eye(len(there))
                    maps = np.linalg.solve(gram + ridge, moments[np.ix_(there, own)])
                    out[np.ix_(rows, own)] = out[np.ix_(rows, there)] @ maps
        return out

    def state(self) -> State:
        moments = dict(zip(self._senses.ways, self._moments, strict=True))
        return state_of(self, senses=self._senses.state(), moments=moments)

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._senses = Senses.from_state(state["senses"])
        fusion._moments = tuple(np.asarray(state["moments"][name]) for name in fusion._senses.ways)
        return fusion
