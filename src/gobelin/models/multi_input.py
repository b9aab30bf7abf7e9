"""A multi-input network: a tower for each sense, a tower for the history, joined at last by an inner product."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.gates import Gates
from gobelin.learning.items import From
from gobelin.learning.layers import Tower, dropout, linear
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.pooling import Pooling
from gobelin.learning.recurrent import Recurrent, Windows
from gobelin.models import _tokens as tokens_
from gobelin.models._sequential import Inputs
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train

Kind = Literal["mlp", "cnn", "rnn"]


@dataclass(kw_only=True)
class MultiInput:
    """A multi-input network: each sense through a tower of its own, gates that join them, a tower over the history.

    An item's own vector and its senses, each through two layers, are joined by gates (softmax over those it has), and
    a small network adds to what they let through. What so becomes of the history's items is read by `tower`:
    "mlp", a mean and two layers (deep averaging, as in Covington et al., RecSys 2016); "cnn", filters over 1 to 4
    events in a row, the strongest answer of each kept (the horizontal filters of Caser, Tang and Wang, WSDM 2018);
    "rnn", gated recurrent units (as in GRU4Rec, Hidasi et al., ICLR 2016).

    Towers meet in an inner product and not in a network over both: that one would have to run for each pair of person
    and item, while this scores a catalogue in one product and lets an index hold it. Taught by softmax over the
    taken item and others drawn uniformly.

    reads: what an event is foretold from, all others of its history ("mlp" alone) or those before it; of: what an item
    is, "ids", "senses" or "both"; hide: share of those parts not seen in training, so that each alone speaks;
    hidden: width of towers; length: events read, the last ones.

    An empty history scores zero everywhere; items without any part have zero vectors. Relations: two_tower is its "mlp"
    with linear maps and the batch's items for others; mmt reads the senses of all events at once.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    tower: Annotated[Kind, Grid("mlp", "cnn", "rnn")] = "mlp"
    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    reads: Annotated[tokens_.Reads, Grid("others", "past")] = "others"
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 64
    hidden: Annotated[int, Ge(1)] = 128
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
        items = tokens_.tokens_of(
            train, self.factors, self.of, rng, chance, hidden=self.hidden, share=self.dropout, hide=self.hide
        )
        network, course = tokens_.Network(items, self._new_reader(chance)), self._course()

        def judge() -> float:
            self._kept = tokens_.Kept.of(network, course)
            return monitor(self) if monitor else 0.0

        self.curve = tokens_.learn_taken(network, train, course, rng, judge if monitor else None, journal)
        self.best_epoch = best_epoch(self.curve)
        self._kept = tokens_.Kept.of(network, course)
        return self

    def _course(self) -> tokens_.Course:
        plan = Plan(self.epochs, self.learning_rate, "adamw", self.decay, every=2, patience=self.patience)
        reads: tokens_.Reads = self.reads if self.tower == "mlp" else "past"
        return tokens_.Course(plan, self.length, self.batch, self.negatives, reads)

    def _new_reader(self, chance: torch.Generator) -> "_Joined":
        return _Joined(self.factors, self.hidden, self.tower, self.length, self.dropout, chance)

    @classmethod
    def plain(cls, settings: Mapping[str, object], train: Train) -> dict[str, object]:
        """Only a tower that reads no order may read what came later."""
        return {**settings, "reads": settings["reads"] if settings["tower"] == "mlp" else "past"}

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


class _Joined(nn.Module):
    """Gates over an item's parts, and one of the towers over the history."""

    masked = 0.0

    def __init__(self, dim: int, hidden: int, tower: Kind, length: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.gates = Gates(dim, chance)
        self.more = Tower((dim, hidden, dim), share, chance)
        self.inputs = Inputs(dim, length + 1, chance) if tower != "mlp" else None
        self.history: nn.Module
        if tower == "mlp":
            self.history = Pooling(dim, chance, even=True)
        elif tower == "cnn":
            self.history = Windows(dim, hidden, (1, 2, 3, 4), chance)
        else:
            self.history = Recurrent(dim, hidden, chance)
        self.turn = linear(hidden, dim, chance) if tower != "mlp" else nn.Identity()
        self.last = nn.LayerNorm(dim)
        self.person = Tower((dim, hidden, dim), share, chance)

    def _item(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        x = self.gates(tokens, held)
        return x + self.more(x, chance) * held.any(-1, keepdim=True)

    def join(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        return self._item(tokens, held, chance)

    def read(self, seen: tokens_.Seen, chance: torch.Generator | None) -> Tensor:
        x = self._item(seen.tokens, seen.held, chance)
        if self.inputs is None:
            x = self.history(x * x.shape[-1] ** 0.5, seen.context)
        else:
            x = dropout(self.inputs(x, seen.kinds, seen.gaps), self.share, chance)
            x = self.turn(self.history(x, seen.real))  # (n, length, dim): read up to and with each place,
            x = functional.pad(x, (0, 0, 1, 0))[:, :-1]  # which is what the next one is foretold from
        x = self.last(x)
        out: Tensor = x + self.person(x, chance)
        return out
