"""SASRec: a causal Transformer that reads a history and names what comes next."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.items import From
from gobelin.learning.layers import Block, Gated, dropout
from gobelin.models import _sequential as sequential
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train

Form = Literal["plain", "gated"]


@dataclass(kw_only=True)
class Sasrec:
    """SASRec: self-attention over a history, each place asked for the next item (Kang and McAuley, ICDM 2018).

    Trained by softmax over the taken item and drawn ones (Klenitskiy and Vasilev, RecSys 2023: with it SASRec is ahead
    of BERT4Rec), layers normalised first; loss "gbce" and "bce" are to be had, "softmax" takes the whole catalogue.

    form: of the layers, "gated" has gates and SwiGLU (LiGR) and with the loss that is the default makes eSASRec
    (Tikhonovich et al., RecSys 2025). of: what an item is, its own vector ("ids"), its senses ("senses": new items have
    vectors too) or "both". factors: length of vectors; layers, heads: of the Transformer; length: events read, the last
    ones, a longer history is learned in windows; dropout: of inputs and layers; negatives: drawn for each batch;
    in_batch: share of them that are items taken in the same batch, the rest uniform, by which the softmax is corrected
    (mixed negatives, Yang et al., WWW 2020); calibration: t of gBCE. Beside the item each place knows how many events
    ago it was, its kind and the time since the event before.

    The history is all there is of a user; an empty one scores zero everywhere. Items unseen in training have zero
    vectors with "ids". Relations: markov is the same question by counting, and wins on short logs.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.1, 0.2, 0.3, 0.5)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    form: Form = "plain"
    layers: Annotated[int, Ge(1), Grid(1, 2, 3)] = 2
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 128
    loss: sequential.Loss = "sampled_softmax"
    negatives: Annotated[int, Ge(1)] = 512
    in_batch: Annotated[float, Ge(0), Le(1)] = 0.0
    calibration: Annotated[float, Ge(0), Le(1)] = 0.75
    heads: Annotated[int, Ge(1)] = 2
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
        sequential.teach(self, train, rng, monitor, journal)
        return self

    def _new_reader(self, chance: torch.Generator) -> "_Causal":
        return _Causal(self.form, self.factors, self.length, self.layers, self.heads, self.dropout, chance)

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


class _Causal(nn.Module):
    """What a Transformer that looks back read up to each place."""

    masked = 0.0

    def __init__(
        self, form: Form, dim: int, length: int, layers: int, heads: int, share: float, chance: torch.Generator
    ) -> None:
        super().__init__()
        self.share = share
        self.inputs = sequential.Inputs(dim, length, chance)
        layer = Gated if form == "gated" else Block
        self.blocks = nn.ModuleList([layer(dim, heads, share, chance) for _ in range(layers)])
        self.last = nn.LayerNorm(dim)

    def read(self, vectors: Tensor, seen: sequential.Seen, chance: torch.Generator | None) -> Tensor:
        x = dropout(self.inputs(vectors, seen.kinds, seen.gaps), self.share, chance)
        length = seen.real.shape[1]
        past = torch.ones(length, length, dtype=torch.bool).tril()
        itself = torch.eye(length, dtype=torch.bool)
        allowed = past & (seen.real.unsqueeze(1) | itself)  # what is not real may look at itself alone
        for block in self.blocks:
            x = block(x, allowed, chance)
        out: Tensor = self.last(x)
        return out
