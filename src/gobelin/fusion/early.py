"""Early fusion: towers over raw content, joined before anything is decided, trained end to end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from gobelin.arrays import Array, Bool, Float32, Int64
from gobelin.errors import RecipeError, UserError
from gobelin.fitted import remade, state_of
from gobelin.fusion._answer import Answer
from gobelin.fusion._early_network import Build, Network, hidden, parted
from gobelin.fusion._inputs import Input, check_layouts, inputs_of
from gobelin.learning.joining import Join, Reads
from gobelin.learning.loop import Plan, learn
from gobelin.learning.losses import info_nce
from gobelin.media.augment.rows import augmented
from gobelin.parts import Grid
from gobelin.protocols import Epoch, State
from gobelin.values import Features, FeatureTable, Target

_TOGETHER = 256  # rows that are fused in a call
_FEWEST = 50  # rows below which none is held out
_TEMPERATURE = 0.1
Batch = tuple[Int64[Array, " rows"], int]


@dataclass(kw_only=True)
class Early:
    """Fusion at the data level: embeddings and convolutions over raw senses, joined early, one network over all of it.

    Content as it is (`tokens`, `pixels`, `log_mel`, `filmstrip`; `Features.layout` says how a row lies) becomes a short
    sequence of tokens by a tower of its own: words by embeddings and a convolution, pictures by three convolutions,
    sounds by two over time, clips frame by frame and then over time (`learning.towers`). A sense that is a vector is
    one token. They are joined (`learning.joining`) before anything is decided, so that a word can change what a patch
    means: "sequence", one after another; "concatenate" or "mean", at each of `steps` steps of one timeline. `reads`
    makes one vector of them: "attention" (a small Transformer; Tsai et al., ACL 2019; Nagrani et al., Attention
    Bottlenecks, NeurIPS 2021), "mlp", "cnn" or "rnn" (Baltrusaitis et al., Multimodal Machine Learning, TPAMI 2019, on
    early and late).

    With a target all of it is trained to tell it: cross-entropy of a class, binary cross-entropy of labels, squared
    error of standardised numbers; `predict` is that head's own answer. agree: how much, beside the target, two views of
    an item that have different senses of it must know each other among the batch (InfoNCE), which rows without a known
    target teach too. Without a target that is all: with one sense alone the views differ by augmentation and dropout.

    augment: strength of what changes the raw rows anew in each epoch (`media.augment.rows`), 0 nothing, 1 most; hide:
    share of whole senses not seen in training, so that what is missing later is nothing new; a tenth of the rows of
    the fit is held out, the epoch that does best there is kept, and `patience` epochs without a better one end it
    (below 50 rows none is, and all epochs are run). layouts: of senses by name, as text, where a table does not say it
    ("picture 32x32x3").

    A missing sense has no tokens. Small on purpose: seconds an epoch for 1,000 items on one core. Relations: reads what
    no encoder describes, and needs thousands of rows to match one that was trained on millions; over vectors alone
    it is a network at the feature level, for which `attention` and `gated` are lighter.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)
    level: ClassVar[str] = "data"

    reads: Annotated[Reads, Grid("attention", "mlp", "cnn", "rnn")] = "attention"
    join: Annotated[Join, Grid("sequence", "concatenate", "mean")] = "sequence"
    learning_rate: Annotated[float, Gt(0), Grid(0.0005, 0.001, 0.002, 0.005)] = 0.002
    augment: Annotated[float, Ge(0), Le(1), Grid(0.0, 0.3, 0.6, 1.0)] = 0.3
    hide: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.2
    agree: Annotated[float, Ge(0), Grid(0.0, 0.1, 0.3, 1.0)] = 0.0
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.0, 0.1, 0.2, 0.4)] = 0.1
    width: Annotated[int, Ge(4), Grid(16, 32, 64)] = 32
    steps: Annotated[int, Ge(1)] = 8
    layers: Annotated[int, Ge(1)] = 1
    heads: Annotated[int, Ge(1)] = 2
    batch: Annotated[int, Ge(2)] = 64
    decay: Annotated[float, Ge(0)] = 0.01
    epochs: Annotated[int, Ge(1)] = 40
    patience: Annotated[int, Ge(1)] = 8
    layouts: Mapping[str, str] = field(default_factory=dict)
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    _inputs: tuple[Input, ...] = field(default=(), init=False, repr=False, compare=False)
    _answer: Answer | None = field(default=None, init=False, repr=False, compare=False)
    _network: Network = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_layouts(self.layouts)
        if self.width % self.heads:
            raise RecipeError(
                f"fusion.early: {self.heads} heads do not divide a width of {self.width}.",
                "a width that the heads share out evenly.",
                "set heads = 2, or another width.",
            )

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._inputs = inputs_of(table, learn, self.layouts, rng)
        speaks = learn & _any_of(table, self._inputs)
        told = np.flatnonzero(speaks if target is None else speaks & target.known)
        if not len(told):
            named = "" if target is None else f" {target.name!r}"
            raise UserError(
                f"No row from which the fusion may learn has both content and a known target{named}.",
                "some rows that have both.",
                "name another target, or leave it out.",
            )
        self._answer = None if target is None else Answer.of(target, told)
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        self._network = self._new_network(chance)
        told = rng.permutation(told)
        held = told[: len(told) // 10 if len(told) >= _FEWEST else 0]
        rows = told[len(held) :]
        if target is not None and self.agree > 0:
            rows = np.concatenate([rows, np.flatnonzero(speaks & ~target.known)])
        self._teach(table, target, rows, held, rng)
        return self

    def fuse(self, table: FeatureTable) -> Features:
        values, present = self._vectors(table)
        return Features("fused", "fused", table.ids, values, present)

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        """The head's own answer: probabilities, or numbers in the target's unit. Raises UserError without a target."""
        if self._answer is None or self._network.head is None:
            raise UserError(
                "The fusion was fitted without a target: it has vectors and no answer.",
                "a fit with a target.",
                "fit it with one, or read its vectors with an estimator.",
            )
        values, present = self._vectors(table)
        with torch.no_grad():
            said = self._answer.figures(self._network.head(torch.from_numpy(values)))
        return np.where(present[:, None], said, self._answer.mean).astype(np.float32)

    def state(self) -> State:
        return state_of(
            self,
            inputs=[one.state() for one in self._inputs],
            answer=None if self._answer is None else self._answer.state(),
            network={name: value.numpy().copy() for name, value in self._network.state_dict().items()},
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._inputs = tuple(Input.from_state(one) for one in state["inputs"])
        fusion._answer = None if state["answer"] is None else Answer.from_state(state["answer"])
        fusion._network = fusion._new_network(torch.Generator())
        fusion._network.load_state_dict({name: torch.tensor(value) for name, value in state["network"].items()})
        fusion._network.eval()
        return fusion

    def _new_network(self, chance: torch.Generator) -> Network:
        build = Build(self.reads, self.join, self.width, self.steps, self.layers, self.heads, self.dropout)
        return Network(self._inputs, build, len(self._answer.names) if self._answer else 0, chance)

    def _teach(
        self,
        table: FeatureTable,
        target: Target | None,
        rows: Int64[Array, " rows"],
        held: Int64[Array, " held"],
        rng: np.random.Generator,
    ) -> None:
        def batches(order: np.random.Generator) -> Iterable[Batch]:
            turned = order.permutation(rows)
            for start in range(0, len(turned), self.batch):
                yield turned[start : start + self.batch], int(order.integers(2**31))

        def loss(batch: Batch, chance: torch.Generator) -> Tensor:
            return self._loss(table, target, *batch, chance)

        @torch.no_grad()
        def judge() -> float:
            total = 0.0
            for start in range(0, len(held), self.batch):
                some = held[start : start + self.batch]
                total += len(some) * float(self._loss(table, target, some, start, None))
            return -total / len(held)

        plan = Plan(self.epochs, self.learning_rate, "adamw", self.decay, clip=1.0, patience=self.patience)
        self.curve = learn(self._network, batches, loss, plan, rng, judge=judge if len(held) else None)

    def _loss(
        self, table: FeatureTable, target: Target | None, rows: Int64[Array, " rows"], seed: int, chance: Any
    ) -> Tensor:
        """The mean over a batch. chance: None where it is judged: nothing is changed or hidden then."""
        network, answer = self._network, self._answer
        drawn = torch.Generator().manual_seed(seed) if chance is None else chance
        views = np.random.default_rng(seed).spawn(2)
        given, held = self._read(table, rows, views[0] if chance else None)
        tokens = network.tokens(given, chance)
        if target is None or answer is None or network.head is None:
            other, _ = self._read(table, rows, views[1] if chance else None)
            left, right = parted(held, drawn)
            return self._apart(
                network.vectors(tokens, left, chance), network.vectors(network.tokens(other, chance), right, chance)
            )
        known = torch.from_numpy(target.known[rows])
        seen = hidden(held, self.hide, chance) if chance is not None else held
        lost = answer.loss(
            network.head(network.vectors(tokens, seen, chance)), torch.from_numpy(answer.wanted(target, rows))
        )
        total = (lost * known).sum() / known.sum().clamp_min(1)
        if self.agree > 0 and chance is not None:
            both = held.sum(-1) > 1
            if int(both.sum()) > 1:
                left, right = parted(held, chance)
                sides = [network.vectors(tokens, side, chance)[both] for side in (left, right)]
                total = total + self.agree * self._apart(*sides)
        return total

    def _apart(self, left: Tensor, right: Tensor) -> Tensor:
        return info_nce(self._network.meet(left), self._network.meet(right), _TEMPERATURE)

    def _read(
        self, table: FeatureTable, rows: Int64[Array, " rows"], rng: np.random.Generator | None
    ) -> tuple[list[Tensor], Tensor]:
        """Rows of each sense, those of content as it is augmented where there is a generator; (n, senses) presence."""
        given, marks = [], []
        for one in self._inputs:
            values, here = one.read(table, rows)
            if rng is not None and one.layout is not None and here.any():
                values[here] = augmented(values[here], one.layout, self.augment, rng)
            given.append(torch.from_numpy(values))
            marks.append(torch.from_numpy(here))
        return given, torch.stack(marks, dim=1)

    @torch.no_grad()
    def _vectors(self, table: FeatureTable) -> tuple[Float32[Array, "rows width"], Bool[Array, " rows"]]:
        present = _any_of(table, self._inputs)
        out = np.zeros((len(present), self.width), dtype=np.float32)
        rows = np.flatnonzero(present)
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            given, held = self._read(table, some, None)
            out[some] = self._network.vectors(self._network.tokens(given, None), held, None).numpy()
        return out, present


def _any_of(table: FeatureTable, inputs: Iterable[Input]) -> Bool[Array, " rows"]:
    """Rows that have any of the senses."""
    return ~table.only(*(one.name for one in inputs)).bare()
