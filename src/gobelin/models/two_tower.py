"""Two towers: one makes vectors of people, the other of items, and only their inner product joins them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.items import From
from gobelin.learning.layers import Tower
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.pooling import Pooling
from gobelin.learning.sequences import KINDS
from gobelin.learning.tokens import mean_held
from gobelin.models import _tokens as tokens_
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class TwoTower:
    """Two towers: cosine of a vector of the history and one of the item, by softmax over items of the batch.

    (Yi et al., RecSys 2019: each score over a temperature, less ln of how often the item is taken, so that popular
    items are not punished for being in many batches. Here that is counted in the log, not estimated in a stream.)

    Item tower: the mean of the item's own vector and of a linear map of each sense, then a layer that adds to it.
    User tower: a mean of the history's items before that layer, weighed by attention, then a layer that adds to it.

    of: what an item is, "ids", "senses" or "both"; hide: share of those parts not seen in training, so that each alone
    speaks and cold items are found by senses; pool: "attention" or "mean"; reads: what an event is foretold from, all
    others of its history or those before it; correction: of the ln, 1 is the paper's; negatives: of a batch at most;
    length: events read, the last ones. Order is not read.

    An empty history scores zero everywhere; items without any part have zero vectors. Relations: sasrec reads order;
    bpr_mf is both towers without layers or senses.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003, 0.01)] = 0.003
    temperature: Annotated[float, Gt(0), Grid(0.05, 0.07, 0.1, 0.15, 0.2)] = 0.1
    correction: Annotated[float, Ge(0), Grid(0.0, 0.5, 0.75, 1.0)] = 1.0
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    reads: Annotated[tokens_.Reads, Grid("others", "past")] = "others"
    pool: Annotated[Literal["mean", "attention"], Grid("mean", "attention")] = "attention"
    factors: Annotated[int, Ge(1), Grid(64, 128, 256)] = 64
    hidden: Annotated[int, Ge(1)] = 128
    negatives: Annotated[int, Ge(1)] = 1024
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
        network, course = tokens_.Network(items, self._new_reader(chance)), self._course()

        def judge() -> float:
            self._kept = tokens_.Kept.of(network, course)
            return monitor(self) if monitor else 0.0

        self.curve = tokens_.learn_taken(network, train, course, rng, judge if monitor else None, journal)
        self.best_epoch = best_epoch(self.curve)
        self._kept = tokens_.Kept.of(network, course)
        return self

    def _course(self) -> tokens_.Course:
        return tokens_.Course(
            Plan(self.epochs, self.learning_rate, "adamw", self.decay, every=2, patience=self.patience),
            self.length,
            self.batch,
            self.negatives,
            self.reads,
            within=True,
            correction=self.correction,
            temperature=self.temperature,
        )

    def _new_reader(self, chance: torch.Generator) -> "_Towers":
        return _Towers(self.factors, self.hidden, self.pool == "mean", self.dropout, chance)

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
        model._kept = tokens_.Kept.from_state(state, model._new_reader(torch.Generator()), model._course())
        return model


class _Towers(nn.Module):
    """What is learned beside the items' parts."""

    masked = 0.0

    def __init__(self, dim: int, hidden: int, even: bool, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.pooling = Pooling(dim, chance, even)
        self.kind = nn.Parameter(torch.zeros(KINDS, dim))
        self.person = Tower((dim, hidden, dim), share, chance)
        self.item = Tower((dim, hidden, dim), share, chance)

    def join(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        x = mean_held(tokens, held)
        return x + self.item(x, chance)

    def read(self, seen: tokens_.Seen, chance: torch.Generator | None) -> Tensor:
        x = mean_held(seen.tokens, seen.held) + self.kind[seen.kinds] * seen.real.unsqueeze(-1)
        x = self.pooling(x, seen.context)
        return x + self.person(x, chance)
