"""A multimodal Transformer: a history as one sequence of tokens, of each event one for each sense."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.gates import Gates
from gobelin.learning.items import From
from gobelin.learning.layers import Block, Tower, dropout, table
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.tokens import mean_held
from gobelin.models import _tokens as tokens_
from gobelin.models._sequential import Inputs
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Mmt:
    """A multimodal Transformer over a history: every event is one token for the item itself and one for each sense.

    All tokens of all events are one sequence; a token knows its event's place, kind and gap (as in sasrec) and which
    sense it is of (modal-type embeddings, as ViLT, Kim et al., ICML 2021). So what one event shows can be heard beside
    what another one says, from the first layer on (attention across modalities, Tsai et al., ACL 2019). A sense that an
    item lacks has no token. What an event comes to is the mean of its tokens.

    attention "past": tokens look at their own event and at those before, and each event foretells the next (SASRec,
    Kang and McAuley, ICDM 2018). "both": a share of the events, `masked`, are replaced by a mask, all their tokens
    together so that no sense tells another, and foretold from both sides (BERT4Rec, Sun et al., CIKM 2019); a mask is
    put after the history to ask for what comes next. Candidates are their parts, joined by gates and a layer that adds
    to them; the score is the inner product. Taught by softmax over the taken item and others drawn uniformly.

    of: what an item is, "ids", "senses" or "both"; hide: share of those parts not seen in training, so that each alone
    speaks; layers, heads: of the Transformer; length: events read, the last ones. Attention costs (length x parts)^2.

    An empty history scores zero everywhere; items without any part have zero vectors. Relations: sasrec sums an item's
    senses into one token, and is several times faster.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    of: Annotated[From, Grid("ids", "both", "senses")] = "both"
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    attention: Annotated[Literal["past", "both"], Grid("past", "both")] = "past"
    layers: Annotated[int, Ge(1), Grid(1, 2)] = 1
    masked: Annotated[float, Gt(0), Lt(1), Grid(0.2, 0.4, 0.6)] = 0.4
    factors: Annotated[int, Ge(4), Grid(64, 128, 256)] = 64
    heads: Annotated[int, Ge(1)] = 2
    negatives: Annotated[int, Ge(1)] = 512
    length: Annotated[int, Ge(1)] = 50
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
        return tokens_.Course(plan, self.length, self.batch, self.negatives, "past")

    def _new_reader(self, parts: int, chance: torch.Generator) -> "_Transformer":
        masked = self.masked if self.attention == "both" else 0.0
        return _Transformer(parts, self.factors, self.length, self.layers, self.heads, masked, self.dropout, chance)

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


class _Transformer(nn.Module):
    """What is learned beside the items' parts. masked: 0 reads what was before, more from both sides."""

    def __init__(
        self,
        parts: int,
        dim: int,
        length: int,
        layers: int,
        heads: int,
        masked: float,
        share: float,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        self.masked, self.share = masked, share
        self.part = table(parts, dim, 0.02, chance)  # which part a token is of
        self.mask = table(parts, dim, 0.02, chance) if masked else None
        self.inputs = Inputs(dim, length + 1, chance)
        self.blocks = nn.ModuleList([Block(dim, heads, share, chance) for _ in range(layers)])
        self.last = nn.LayerNorm(dim)
        self.gates = Gates(dim, chance)
        self.more = Tower((dim, 2 * dim, dim), share, chance)

    def join(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        x = self.gates(tokens, held)
        return x + self.more(x, chance)

    def read(self, seen: tokens_.Seen, chance: torch.Generator | None) -> Tensor:
        n, length, parts, dim = seen.tokens.shape
        tokens, held, real = seen.tokens, seen.held, seen.real
        kinds, gaps = seen.kinds, seen.gaps
        if self.mask is not None:
            hidden = seen.asked.unsqueeze(-1)
            tokens = torch.where(hidden.unsqueeze(-1), self.mask * dim**-0.5, tokens)
            held, real = held | hidden, real | seen.asked
            kinds, gaps = kinds.masked_fill(seen.asked, 0), gaps.masked_fill(seen.asked, 0)
        x = torch.stack([self.inputs(one, kinds, gaps) for one in tokens.unbind(2)], dim=2) + self.part
        x = dropout(x, self.share, chance).view(n, length * parts, dim)
        allowed = self._allowed(held)
        for block in self.blocks:
            x = block(x, allowed, chance)
        x = self.last(mean_held(x.view(n, length, parts, dim), held))  # (n, length, dim)
        if self.mask is not None:
            return x
        place = torch.arange(length).expand(real.shape)
        latest = torch.where(real, place, 0).cummax(-1).values  # the last real place up to each
        before = torch.cat([latest[:, :1], latest[:, :-1]], dim=1)
        return x.gather(1, before.unsqueeze(-1).expand(x.shape))

    def _allowed(self, held: Tensor) -> Tensor:
        """(n, tokens, tokens); what is not held may look at itself alone."""
        n, length, parts = held.shape
        flat = held.reshape(n, 1, length * parts)
        itself = torch.eye(length * parts, dtype=torch.bool)
        if self.mask is not None:
            return flat | itself
        event = torch.arange(length).repeat_interleave(parts)
        return ((event.unsqueeze(1) >= event) & flat) | itself
