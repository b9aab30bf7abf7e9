"""Concatenation: the senses side by side."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Bool
from gobelin.fitted import remade, state_of
from gobelin.fusion._blocks import WIDE, Senses, fused
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target


@dataclass(kw_only=True)
class Concatenation:
    """The senses side by side, [x_1, ..., x_S] / sqrt(held): each centred and of unit length, so that none is louder.

    The inner product of two items that have every sense is the mean of their cosines. A sense wider than `most`, and
    any sparse one, is brought to as many principal axes (singular directions where sparse), fitted like the means on
    the rows that may be learned from.

    A missing sense is a block of zeros, the mean of the others' rows; the rest is louder for it, so that every row
    has length 1. No target is read. Cost: the axes of wide senses, dim^2 x rows. Relations: the fusion that every
    other one has to beat; `weighting` lets the senses differ in loudness.
    """

    most: Annotated[int, Ge(1)] = WIDE
    _senses: Senses = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._senses = Senses.fit(table, learn, self.most)
        return self

    def fuse(self, table: FeatureTable) -> Features:
        blocks = self._senses.of(table)
        return fused(table, blocks.side_by_side(), blocks.present)

    def state(self) -> State:
        return state_of(self, senses=self._senses.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._senses = Senses.from_state(state["senses"])
        return fusion
