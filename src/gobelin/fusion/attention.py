"""Attention fusion: senses look at each other, then each gets a weight of its own in every item."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Bool
from gobelin.errors import RecipeError
from gobelin.fitted import remade, state_of
from gobelin.fusion._lessons import by_target
from gobelin.fusion._trained import Course, Trained, taught
from gobelin.learning.layers import Block, linear, table
from gobelin.learning.pooling import Pooling
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target


@dataclass(kw_only=True)
class Attention:
    """Senses as tokens: they look at each other through Transformer layers, and attention makes them one vector.

    Token s is W_s x_s with a learned mark of its sense; the layer (Vaswani et al., NeurIPS 2017; across modalities,
    Tsai et al., ACL 2019) lets each sense be read in the light of the others; the fused vector is their mean weighted
    by a softmax of w' tanh(V x) (Yang et al., NAACL 2016). So the weights adapt to each item and to what is present.

    A missing sense is masked in both: nothing looks at it, it has no weight. In training whole senses are hidden
    (`hide`), so that each alone can speak.

    Learns from the target: cross-entropy for classes, binary for labels, squared error of standardised numbers; of
    the rows with a known target, where they are at least 40, a tenth is held out and says when to stop. Without a
    target it learns to give back the senses, hidden ones too, for all of `epochs`.

    dim: of a token and of the fused vector, a multiple of heads; layers: 0 leaves the weights alone. Cost: a pass over
    the learning rows for each epoch, about three times `gated`'s. Relations: `gated` weighs each number by itself.
    Raises RecipeError where the heads do not divide dim.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01)] = 0.003
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    dim: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    layers: Annotated[int, Ge(0), Grid(0, 1, 2)] = 1
    heads: Annotated[int, Ge(1)] = 2
    decay: Annotated[float, Ge(0)] = 0.01
    batch: Annotated[int, Ge(1)] = 128
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    _trained: Trained = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dim % self.heads:
            raise RecipeError(
                f"attention has {self.heads} heads for {self.dim} dimensions.",
                "a dim that is a multiple of heads.",
                "change one of the two.",
            )

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        course = Course(self.epochs, self.learning_rate, self.decay, self.batch, self.patience, self.hide)
        self._trained = taught(table, learn, self._network, by_target(learn, target, self.dim, course), course, rng)
        return self

    def _network(self, dims: Sequence[int], chance: torch.Generator) -> nn.Module:
        return _Looks(dims, self.dim, self.layers, self.heads, self.dropout, chance)

    def fuse(self, table: FeatureTable) -> Features:
        return self._trained.fuse(table)

    def state(self) -> State:
        return state_of(self, trained=self._trained.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._trained = Trained.from_state(state["trained"], fusion._network)
        return fusion


class _Looks(nn.Module):
    def __init__(
        self, dims: Sequence[int], dim: int, layers: int, heads: int, share: float, chance: torch.Generator
    ) -> None:
        super().__init__()
        self.says = nn.ModuleList([linear(one, dim, chance) for one in dims])
        self.which = table(len(dims), dim, 0.1, chance)
        self.blocks = nn.ModuleList([Block(dim, heads, share, chance, wider=2) for _ in range(layers)])
        self.last = nn.LayerNorm(dim)
        self.pool = Pooling(dim, chance)

    def forward(self, values: Sequence[Tensor], held: Tensor, chance: torch.Generator | None) -> Tensor:
        """Blocks that are zero where they are not held, (rows, senses) -> (rows, dim)."""
        x = torch.stack([map_(block) for map_, block in zip(self.says, values, strict=True)], dim=1) + self.which
        seen = held.unsqueeze(1) | torch.eye(held.shape[1], dtype=torch.bool)  # (rows, senses, senses)
        for block in self.blocks:
            x = block(x, seen, chance)
        told: Tensor = self.pool(self.last(x) * x.shape[-1] ** -0.5, held.unsqueeze(1))[:, 0]
        return told * told.shape[-1] ** 0.5
