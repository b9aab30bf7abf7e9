"""Contrastive fusion: projections of the senses to one space, in which the senses of an item find each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Bool
from gobelin.fitted import remade, state_of
from gobelin.fusion._blocks import Blocks
from gobelin.fusion._trained import Course, Lesson, Scaled, Trained, taught
from gobelin.learning.layers import table
from gobelin.learning.losses import info_nce
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target


@dataclass(kw_only=True)
class Contrastive:
    """A linear map of each sense to one space, taught by InfoNCE between the senses of one row, both ways.

    The loss is the mean over pairs of senses that some row has both of; the other rows of a batch are the strangers
    (van den Oord et al. 2018; Radford et al., ICML 2021; several senses, Tian et al., ECCV 2020). Where enough rows
    have two senses, a tenth of them is held out and says when to stop. No target is read.

    The fused vector is the mean of the unit projections of the senses that the item has; a missing sense is left out
    of the mean. What only one sense tells is of no use to this loss and may be lost.

    A map begins at the sense's principal axes and stays there where no row has two senses; with one sense this is
    its PCA. temperature: of the softmax; dim: of the space. Cost: a pass over the learning rows for each epoch, batch^2
    cosines for each pair of senses. Relations: `cca` asks for the same in closed form.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01)] = 0.003
    temperature: Annotated[float, Gt(0), Grid(0.05, 0.1, 0.2, 0.5)] = 0.2
    dim: Annotated[int, Ge(1), Grid(16, 32, 64, 128)] = 64
    decay: Annotated[float, Ge(0)] = 0.01
    batch: Annotated[int, Ge(2)] = 128
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    _trained: Trained = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        course = Course(self.epochs, self.learning_rate, self.decay, self.batch, self.patience)
        self._trained = taught(table, learn, self._maps, self._lesson(learn), course, rng)
        return self

    def _maps(self, dims: Sequence[int], chance: torch.Generator) -> nn.Module:
        return _Maps(dims, self.dim, chance)

    def _lesson(self, may: Bool[Array, " rows"]) -> Callable[[nn.Module, Blocks, torch.Generator], Lesson]:
        def lesson(maps: Any, blocks: Blocks, chance: torch.Generator) -> Lesson:
            return _Agrees(maps, blocks, may, self.temperature)

        return lesson

    def fuse(self, table: FeatureTable) -> Features:
        return self._trained.fuse(table)

    def state(self) -> State:
        return state_of(self, trained=self._trained.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._trained = Trained.from_state(state["trained"], fusion._maps)
        return fusion


class _Maps(nn.Module):
    def __init__(self, dims: Sequence[int], dim: int, chance: torch.Generator) -> None:
        super().__init__()
        self.maps = nn.ParameterList([table(one, dim, one**-0.5, chance) for one in dims])

    def begin(self, blocks: Blocks, may: Bool[Array, " rows"]) -> None:
        """At the principal axes of each sense, as many as the space has room for, the largest first."""
        for sense, (block, own) in enumerate(zip(blocks.values, self.maps, strict=True)):
            x = block[may & blocks.held[:, sense]].astype(np.float64)
            axes = torch.from_numpy(np.linalg.eigh(x.T @ x)[1][:, ::-1].astype(np.float32))
            kept = min(own.shape)
            with torch.no_grad():
                own.zero_()
                own[:, :kept] = axes[:, :kept]

    def project(self, values: Sequence[Tensor]) -> list[Tensor]:
        return [functional.normalize(block @ own, dim=-1) for own, block in zip(self.maps, values, strict=True)]

    def forward(self, values: Sequence[Tensor], held: Tensor, chance: torch.Generator | None) -> Tensor:
        """Blocks, (rows, senses) -> (rows, dim)."""
        said = torch.stack(self.project(values), dim=1) * held.unsqueeze(-1)
        return said.sum(1) / held.sum(-1, keepdim=True).clamp_min(1)


class _Agrees:
    monitored = True

    def __init__(self, maps: _Maps, blocks: Blocks, may: Bool[Array, " rows"], temperature: float) -> None:
        maps.begin(blocks, may)
        self.network, self.temperature = maps, temperature
        self.rows = np.flatnonzero(may & (blocks.held.sum(axis=1) >= 2))
        self.given = Scaled(blocks)

    def loss(self, rows: Tensor, chance: torch.Generator | None) -> Tensor:
        values, held = self.given.rows(rows)
        said = self.network.project(values)
        lost = [0 * said[0].sum()]
        for a, b in combinations(range(len(said)), 2):
            both = held[:, a] & held[:, b]
            if int(both.sum()) > 1:
                lost.append(info_nce(said[a][both], said[b][both], self.temperature))
        return torch.stack(lost).sum() / max(len(lost) - 1, 1)
