"""A multimodal fusion network: each sense of a history summed up alone, the summaries fused."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.gates import Gates
from gobelin.learning.items import From
from gobelin.learning.layers import Block, table
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.pooling import Pooling
from gobelin.models import _tokens as tokens_
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Mmfn:
    """A multimodal fusion network: a summary of the history in each sense, fused by attention and gates.

    Of each part of the history's items (their own vectors, each sense) attention makes a summary, with weights of its
    own: what was telling about the words need not be so about the pictures (attention over components and items as in
    ACF, Chen et al., SIGIR 2017). The summaries look at each other through one Transformer layer (attention across
    modalities, as in Tsai et al., ACL 2019), and gates make them one (Arevalo et al., ICLR workshop 2017). A
    candidate's parts go through a layer and gates of their own; the score is the inner product.

    A part that the history or the item lacks is left out of attention and gates. Taught by softmax over the taken
    item and others drawn uniformly.

    reads: what an event is foretold from, all others of its history or those before it; of: what an item is, "ids",
    "senses" or "both"; hide: share of those parts not seen in training, so that each alone speaks; heads: of the
    layers; length: events read, the last ones. Order is not read.

    An empty history scores zero everywhere; items without any part have zero vectors. Relations: two_tower fuses each
    item first and then the history; mmt fuses both at once.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    reads: Annotated[tokens_.Reads, Grid("others", "past")] = "others"
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 64
    heads: Annotated[int, Ge(1)] = 2
    negatives: Annotated[int, Ge(1)] = 512
    length: Annotated[int, Ge(1)] = 100
    batch: Annotated[int, Ge(1)] = 256
    decay: Annotated[float, Ge(0)] = 0.01
    epochs: Annotated[int, Ge(1)] = 60
    patience: Annotated[int, Ge(1)] = 5
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _kept: tokens_.Kept = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        items = tokens_.tokens_of(train, self.factors, self.of, rng, chance, share=self.dropout, hide=self.hide)
        network, course = tokens_.Network(items, self._new_reader(len(items.names), chance)), self._course()

        def judge() -> float:
            self._kept = tokens_.Kept.of(network, course)
            return monitor(self) if monitor else 0.0

        self.curve = tokens_.learn_taken(network, train, course, rng, judge if monitor else None, journal)
        self.best_epoch = best_epoch(self.curve)
        self._kept = tokens_.Kept.of(network, course)
        return self

    def _course(self) -> tokens_.Course:
        plan = Plan(self.epochs, self.learning_rate, "adamw", self.decay, every=2, patience=self.patience)
        return tokens_.Course(plan, self.length, self.batch, self.negatives, self.reads)

    def _new_reader(self, parts: int, chance: torch.Generator) -> "_Fused":
        return _Fused(parts, self.factors, self.heads, self.dropout, chance)

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        return self._kept.query_vectors(queries)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._kept.vectors

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return self._kept.score(queries, candidates)

    def represent(self, queries: Queries, by: Collection[str] | None = None) -> Float32[Array, "queries factors"]:
        return self._kept.query_vectors(queries, by)

    def state(self) -> State:
        return state_of(self, **self._kept.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        reader = model._new_reader(len(state["names"]), torch.Generator())
        model._kept = tokens_.Kept.from_state(state, reader, model._course())
        return model


class _Fusing(nn.Module):
    """(..., parts, dim), (..., parts) -> (..., dim): parts look at each other, then gates make them one."""

    def __init__(self, parts: int, dim: int, heads: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.part = table(parts, dim, 0.02, chance)  # which part it is
        self.block = Block(dim, heads, share, chance, wider=2)
        self.gates = Gates(dim, chance)

    def forward(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        flat, has = tokens.reshape(-1, *tokens.shape[-2:]), held.reshape(-1, held.shape[-1])
        itself = torch.eye(has.shape[1], dtype=torch.bool)
        seen = self.block(flat + self.part, has.unsqueeze(1) | itself, chance)
        return self.gates(seen, has).view(*tokens.shape[:-2], -1)


class _Fused(nn.Module):
    """What is learned beside the items' parts."""

    masked = 0.0

    def __init__(self, parts: int, dim: int, heads: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.pools = nn.ModuleList([Pooling(dim, chance) for _ in range(parts)])
        self.person = _Fusing(parts, dim, heads, share, chance)
        self.item = _Fusing(parts, dim, heads, share, chance)
        self.last = nn.LayerNorm(dim)

    def join(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        return self.item(tokens, held, chance)

    def read(self, seen: tokens_.Seen, chance: torch.Generator | None) -> Tensor:
        summaries, told = [], []
        for part, pool in enumerate(self.pools):
            context = seen.context & seen.held[:, :, part].unsqueeze(1)  # (n, length, length)
            summaries.append(pool(seen.tokens[:, :, part], context))
            told.append(context.any(-1))
        out: Tensor = self.last(self.person(torch.stack(summaries, dim=2), torch.stack(told, dim=2), chance))
        return out
