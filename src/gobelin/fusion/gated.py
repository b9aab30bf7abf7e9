"""Gated fusion: for each number of the fused vector, gates say which sense it is taken from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Bool
from gobelin.fitted import remade, state_of
from gobelin.fusion._lessons import by_target
from gobelin.fusion._trained import Course, Trained, taught
from gobelin.learning.layers import dropout, linear
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target


@dataclass(kw_only=True)
class Gated:
    """A gated multimodal unit (Arevalo et al., ICLR workshop 2017): h = sum_s z_s * tanh(W_s x_s), number by number.

    z is a softmax over the senses of what all of them say and of which are there, for each number of h by itself; for
    two senses that is the sigmoid of the paper. So weights adapt to each item.

    A missing sense gets no gate, and the others share what it would have had. In training whole senses are hidden
    (`hide`), so that each alone can speak.

    Learns from the target: cross-entropy for classes, binary for labels, squared error of standardised numbers; of
    the rows with a known target, where they are at least 40, a tenth is held out and says when to stop. Without a
    target it learns to give back the senses, hidden ones too, for all of `epochs`.

    dim: of the fused vector. Cost: a pass over the learning rows for each epoch. Relations: `attention` has one weight
    for a whole sense; `learning.gates` is the same for parts of a history.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01)] = 0.003
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    dim: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    decay: Annotated[float, Ge(0)] = 0.01
    batch: Annotated[int, Ge(1)] = 128
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    _trained: Trained = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        course = Course(self.epochs, self.learning_rate, self.decay, self.batch, self.patience, self.hide)
        self._trained = taught(table, learn, self._unit, by_target(learn, target, self.dim, course), course, rng)
        return self

    def _unit(self, dims: Sequence[int], chance: torch.Generator) -> nn.Module:
        return _Unit(dims, self.dim, self.dropout, chance)

    def fuse(self, table: FeatureTable) -> Features:
        return self._trained.fuse(table)

    def state(self) -> State:
        return state_of(self, trained=self._trained.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._trained = Trained.from_state(state["trained"], fusion._unit)
        return fusion


class _Unit(nn.Module):
    def __init__(self, dims: Sequence[int], dim: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.says = nn.ModuleList([linear(one, dim, chance) for one in dims])
        self.gates = linear(sum(dims) + len(dims), dim * len(dims), chance)

    def forward(self, values: Sequence[Tensor], held: Tensor, chance: torch.Generator | None) -> Tensor:
        """Blocks that are zero where they are not held, (rows, senses) -> (rows, dim)."""
        values = [dropout(block, self.share, chance) for block in values]
        said = torch.stack([torch.tanh(map_(x)) for map_, x in zip(self.says, values, strict=True)], dim=1)
        loud = self.gates(torch.cat([*values, held.to(said.dtype)], dim=-1)).view(said.shape)  # (rows, senses, dim)
        loud = loud.masked_fill(~held.unsqueeze(-1), torch.finfo(loud.dtype).min)
        return (torch.softmax(loud, dim=1) * held.unsqueeze(-1) * said).sum(1)
