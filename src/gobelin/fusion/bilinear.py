"""Low-rank bilinear fusion: the senses multiply, so that a pair can mean what neither sense does."""

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
class Bilinear:
    """Low-rank multimodal fusion (Liu et al., ACL 2018): h = sum_r prod_s (1 + W_rs x_s), number by number.

    That is the outer product of all [1, x_s] under a weight tensor of so low a rank, never written out: products of
    several senses, each sense alone, and a constant are all in it. For two senses it is the low-rank bilinear pooling
    of Kim et al. (ICLR 2017). Factors begin near 1, so that training starts from the senses alone.

    A missing sense's factor is 1: what is left is the fusion of the others. In training whole senses are hidden
    (`hide`), so that each alone can speak.

    Learns from the target: cross-entropy for classes, binary for labels, squared error of standardised numbers; of
    the rows with a known target, where they are at least 40, a tenth is held out and says when to stop. Without a
    target it learns to give back the senses, hidden ones too, for all of `epochs`.

    rank: terms of the sum; dim: of the fused vector. Cost: a pass over the learning rows for each epoch. Relations:
    the others here are sums over senses; what only a pair of senses tells (neither does) is found by this one alone,
    unless what reads the fused vectors multiplies.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01)] = 0.003
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    dim: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    rank: Annotated[int, Ge(1), Grid(1, 4, 8)] = 4
    decay: Annotated[float, Ge(0)] = 0.01
    batch: Annotated[int, Ge(1)] = 128
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    _trained: Trained = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        course = Course(self.epochs, self.learning_rate, self.decay, self.batch, self.patience, self.hide)
        self._trained = taught(table, learn, self._network, by_target(learn, target, self.dim, course), course, rng)
        return self

    def _network(self, dims: Sequence[int], chance: torch.Generator) -> nn.Module:
        return _Product(dims, self.dim, self.rank, self.dropout, chance)

    def fuse(self, table: FeatureTable) -> Features:
        return self._trained.fuse(table)

    def state(self) -> State:
        return state_of(self, trained=self._trained.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._trained = Trained.from_state(state["trained"], fusion._network)
        return fusion


class _Product(nn.Module):
    def __init__(self, dims: Sequence[int], dim: int, rank: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share, self.rank, self.dim = share, rank, dim
        factors = [linear(one, rank * dim, chance) for one in dims]
        with torch.no_grad():
            for factor in factors:
                factor.weight.mul_(0.3)
        self.factors = nn.ModuleList(factors)

    def forward(self, values: Sequence[Tensor], held: Tensor, chance: torch.Generator | None) -> Tensor:
        """Blocks that are zero where they are not held, (rows, senses) -> (rows, dim)."""
        product = torch.ones(())
        for s, (factor, block) in enumerate(zip(self.factors, values, strict=True)):
            product = product * (1 + factor(dropout(block, self.share, chance)) * held[:, s : s + 1])
        return product.view(len(held), self.rank, self.dim).sum(1) / self.rank**0.5
