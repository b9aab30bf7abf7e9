"""GRU4Rec: gated recurrent units that read a history event by event and name what comes next."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.items import From
from gobelin.learning.layers import dropout, linear
from gobelin.learning.recurrent import Recurrent
from gobelin.models import _sequential as sequential
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Gru4rec:
    """GRU4Rec: gated recurrent units over a history, each place asked for the next item (Hidasi et al., ICLR 2016).

    Losses: "sampled_softmax" (their cross-entropy over sampled items), "bpr_max" of the second paper (Hidasi and
    Karatzoglou, CIKM 2018), which the strongest negatives decide, and those of sasrec. Items are found by the vectors
    by which they are read (their "constrained embedding"); negatives are shared by a batch, `in_batch` of them items
    taken in it. Batches are of whole histories instead of sessions in parallel, so that no state is carried over.

    of: what an item is, its own vector ("ids"), its senses ("senses": new items have vectors too) or "both".
    factors: length of vectors; layers, hidden: of the units; length: events read, the last ones, a longer history is
    learned in windows; dropout: of inputs and layers; negatives: drawn for each batch; in_batch: share of them;
    penalty: of large negative scores in bpr_max; calibration: t of gBCE. Beside the item each place knows how many
    events ago it was, its kind and the time since the event before.

    The history is all there is of a user; an empty one scores zero everywhere. Items unseen in training have zero
    vectors with "ids". Relations: sasrec looks at all events at once, this carries what it read from each to the next.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.1, 0.2, 0.3, 0.5)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    layers: Annotated[int, Ge(1), Grid(1, 2)] = 1
    hidden: Annotated[int, Ge(1), Grid(64, 128, 256)] = 128
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 128
    loss: sequential.Loss = "sampled_softmax"
    negatives: Annotated[int, Ge(1)] = 512
    in_batch: Annotated[float, Ge(0), Le(1)] = 0.0
    calibration: Annotated[float, Ge(0), Le(1)] = 0.75
    penalty: Annotated[float, Ge(0)] = 0.5
    length: Annotated[int, Ge(1)] = 100
    batch: Annotated[int, Ge(1)] = 128
    decay: Annotated[float, Ge(0)] = 0.0
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 6
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _kept: sequential.Kept = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        sequential.teach(self, train, rng, monitor, journal, self.penalty)
        return self

    def _new_reader(self, chance: torch.Generator) -> "_Units":
        return _Units(self.factors, self.length, self.layers, self.hidden, self.dropout, chance)

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        return self._kept.query_vectors(queries)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._kept.vectors

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return self._kept.score(queries, candidates)

    def state(self) -> State:
        return state_of(self, **self._kept.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._kept = sequential.Kept.from_state(state, model._new_reader(torch.Generator()), model.length)
        return model


class _Units(nn.Module):
    """What recurrent units read up to each place."""

    masked = 0.0

    def __init__(self, dim: int, length: int, layers: int, hidden: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.inputs = sequential.Inputs(dim, length, chance)
        self.units = nn.ModuleList([Recurrent(hidden if layer else dim, hidden, chance) for layer in range(layers)])
        self.turn = linear(hidden, dim, chance)
        self.last = nn.LayerNorm(dim)

    def read(self, vectors: Tensor, seen: sequential.Seen, chance: torch.Generator | None) -> Tensor:
        x = self.inputs(vectors, seen.kinds, seen.gaps)
        for units in self.units:
            x = units(dropout(x, self.share, chance), seen.real)  # (n, length, hidden)
        out: Tensor = self.last(self.turn(dropout(x, self.share, chance)))
        return out
