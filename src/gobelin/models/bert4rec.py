"""BERT4Rec: a Transformer that reads a history from both sides and names what is hidden in it."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.items import From
from gobelin.learning.layers import Block, dropout, linear, table
from gobelin.models import _sequential as sequential
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Bert4rec:
    """BERT4Rec: events of a history are hidden and named from both sides of it (Sun et al., CIKM 2019).

    In training a share `masked` of a history's events is hidden (the cloze task), in one history of eleven the last
    alone; a hidden event is appended to a history that is asked about, and what is said there is the answer. Layers are
    normalised first, and items have no bias, so that an index can hold them. The paper's loss is "softmax", over all
    items; "sampled_softmax" tells the hidden item from drawn ones at a fraction of the cost. Only hidden places teach,
    so it wants more epochs than sasrec.

    of: what an item is, its own vector ("ids"), its senses ("senses": new items have vectors too) or "both".
    factors: length of vectors; layers, heads: of the Transformer; length: events read with the hidden one, the last
    ones, a longer history is learned in windows; dropout: of inputs and layers; negatives: drawn for each batch;
    in_batch: share of them that are items hidden in the same batch; calibration: t of gBCE. Beside the item each place
    knows how many events ago it was, its kind and the time since the event before; a hidden one the first alone.

    The history is all there is of a user; an empty one scores zero everywhere. Items unseen in training have zero
    vectors with "ids". Relations: sasrec looks back alone; mmt with `masked` reads each sense as a token of its own.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.1, 0.2, 0.3, 0.5)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    layers: Annotated[int, Ge(1), Grid(1, 2, 3)] = 2
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 128
    masked: Annotated[float, Gt(0), Lt(1), Grid(0.15, 0.2, 0.4, 0.6)] = 0.2
    loss: sequential.Loss = "sampled_softmax"
    negatives: Annotated[int, Ge(1)] = 512
    in_batch: Annotated[float, Ge(0), Le(1)] = 0.0
    calibration: Annotated[float, Ge(0), Le(1)] = 0.75
    heads: Annotated[int, Ge(1)] = 2
    length: Annotated[int, Ge(2)] = 100
    batch: Annotated[int, Ge(1)] = 128
    decay: Annotated[float, Ge(0)] = 0.0
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _kept: sequential.Kept = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        sequential.teach(self, train, rng, monitor, journal)
        return self

    def _new_reader(self, chance: torch.Generator) -> "_BothSides":
        return _BothSides(self.factors, self.length, self.layers, self.heads, self.masked, self.dropout, chance)

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


class _BothSides(nn.Module):
    """What a Transformer that looks both ways says of the hidden places."""

    def __init__(
        self, dim: int, length: int, layers: int, heads: int, masked: float, share: float, chance: torch.Generator
    ) -> None:
        super().__init__()
        self.masked, self.share = masked, share
        self.mask = table(1, dim, 0.02, chance)  # stands where an item is hidden
        # what is hidden knows nothing but its place: places begin as loud as items, as in the paper's code
        self.inputs = sequential.Inputs(dim, length, chance, loud=1.0)
        self.blocks = nn.ModuleList([Block(dim, heads, share, chance) for _ in range(layers)])
        self.turn = linear(dim, dim, chance)
        self.last = nn.LayerNorm(dim)

    def read(self, vectors: Tensor, seen: sequential.Seen, chance: torch.Generator | None) -> Tensor:
        hidden = seen.hidden
        vectors = torch.where(hidden.unsqueeze(-1), self.mask * vectors.shape[-1] ** -0.5, vectors)
        x = self.inputs(vectors, seen.kinds.masked_fill(hidden, 0), seen.gaps.masked_fill(hidden, 0))
        x = dropout(x, self.share, chance)
        itself = torch.eye(seen.real.shape[1], dtype=torch.bool)
        allowed = seen.real.unsqueeze(1) | itself  # what is not real may look at itself alone
        for block in self.blocks:
            x = block(x, allowed, chance)
        out: Tensor = self.last(functional.gelu(self.turn(x)))
        return out
