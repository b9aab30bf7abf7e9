"""What models share that read a history in order: inputs, the losses, how they are taught, kept and asked.

Such a model is a reader: a network that says at each place of a history what item it wants there, or next. Scores are
inner products of that with the items' vectors, so that an index can hold the items.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.learning import losses
from gobelin.learning.items import From, ItemVectors
from gobelin.learning.layers import table
from gobelin.learning.loop import Plan, best_epoch, learn
from gobelin.learning.senses import dense
from gobelin.learning.sequences import GAPS, KINDS, Padded, cloze, padded, shuffled, windows
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train

Loss = Literal["softmax", "sampled_softmax", "gbce", "bce", "bpr_max"]
AT_ONCE = 512  # histories answered at once
NEVER = -1e4  # the score of a negative that does not count


class Inputs(nn.Module):
    """What is added to an item's vector where it stands in a history: how long ago in events, its kind, the time since
    the event before. loud: of places at first, where items have 1."""

    def __init__(self, dim: int, length: int, chance: torch.Generator, loud: float = 0.02) -> None:
        super().__init__()
        self.place = table(length, dim, loud, chance)
        self.kind = table(KINDS, dim, 0.02, chance)
        self.gap = table(GAPS, dim, 0.02, chance)

    def forward(self, vectors: Tensor, kinds: Tensor, gaps: Tensor) -> Tensor:
        """vectors: (n, length, dim)."""
        places = self.place[: vectors.shape[1]].flip(0)  # 0 is the latest
        out: Tensor = vectors * vectors.shape[-1] ** 0.5 + places + self.kind[kinds] + self.gap[gaps]
        return out


@dataclass(frozen=True)
class Seen:
    """A batch of histories beside their items' vectors, all (n, length) as in `Padded`.

    hidden: places whose item is asked for. Their vectors, kinds and gaps may not be read.
    """

    kinds: Tensor
    gaps: Tensor
    real: Tensor
    hidden: Tensor


@runtime_checkable
class Reader(Protocol):
    """The network of such a model. masked: share of the places that are hidden in training and asked for, by all the
    others; 0: each place is asked for the item after it, by itself and those before."""

    masked: float

    def read(self, vectors: Tensor, seen: Seen, chance: torch.Generator | None) -> Tensor:
        """vectors: (n, length, dim) -> (n, length, dim): what is wanted at a place, or after it."""
        ...


@dataclass(frozen=True)
class Course:
    """How a sequence model is taught. negatives: drawn for each batch, shared by its rows; softmax takes all items.

    in_batch: share of the negatives that are items taken in the same batch, the rest uniform (mixed negative sampling,
    Yang et al., WWW 2020); sampled_softmax is then corrected by ln of how often an item is drawn. calibration: t of
    gbce; penalty: of bpr_max.
    """

    plan: Plan
    length: int
    batch: int
    loss: Loss
    negatives: int
    in_batch: float = 0.0
    calibration: float = 0.0
    penalty: float = 0.0


class Network(nn.Module):
    def __init__(self, items: ItemVectors, reader: nn.Module) -> None:
        super().__init__()
        self.items, self.reader = items, reader


def items_of(
    train: Train, dim: int, of: From, share: float, rng: np.random.Generator, chance: torch.Generator
) -> ItemVectors:
    known = train.counts() > 0
    senses = {} if of == "ids" else dense(train.table, known if known.any() else ~known, rng)
    return ItemVectors(known, senses, dim, chance, of=of, share=share)


@runtime_checkable
class Model(Protocol):
    """What the models of order state alike, and their reader, untaught."""

    learning_rate: float
    dropout: float
    of: From
    factors: int
    loss: Loss
    negatives: int
    in_batch: float
    calibration: float
    length: int
    batch: int
    decay: float
    epochs: int
    patience: int
    curve: tuple[Epoch, ...]
    best_epoch: int

    def _new_reader(self, chance: torch.Generator) -> nn.Module: ...


def teach(
    model: Model,
    train: Train,
    rng: np.random.Generator,
    monitor: Monitor | None,
    journal: Journal | None,
    penalty: float = 0.0,
) -> None:
    """Fits the model. penalty: see `Course`."""
    chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
    items = items_of(train, model.factors, model.of, model.dropout, rng, chance)
    network = Network(items, model._new_reader(chance))
    plan = Plan(model.epochs, model.learning_rate, "adamw", model.decay, every=2, patience=model.patience)
    course = Course(
        plan, model.length, model.batch, model.loss, model.negatives, model.in_batch, model.calibration, penalty
    )
    answers: Any = model  # a model has nothing kept before it is taught: no protocol can ask it to

    def judge() -> float:
        answers._kept = Kept.of(network, model.length)
        return monitor(answers) if monitor else 0.0

    model.curve = learn_in_order(network, train, course, rng, judge if monitor else None, journal)
    model.best_epoch = best_epoch(model.curve)
    answers._kept = Kept.of(network, model.length)


def learn_in_order(
    network: Network,
    train: Train,
    course: Course,
    rng: np.random.Generator,
    judge: Callable[[], float] | None,
    journal: Journal | None,
) -> tuple[Epoch, ...]:
    """Teach a reader to name items by the places of every history, the long ones window by window.

    Negatives are items that somebody took: what nobody could take says nothing by not being taken.
    """
    reader: Any = network.reader
    given = windows(train.histories, course.length) if reader.masked else windows(train.histories, course.length + 1, 1)
    often = np.bincount(given.items[given.real], minlength=len(train.items))
    drawn = _Drawn.of(often, course)

    def loss(batch: Padded, chance: torch.Generator) -> Tensor:
        shown, seen, asked, target = _lesson(batch, reader.masked, chance)
        target = target[asked]  # (p,) items
        others = drawn.some(target, chance)  # (k,) items
        rows, at = torch.unique(torch.cat([shown.flatten(), target, others]), return_inverse=True)
        vectors = network.items(rows, chance)  # (rows, dim): of what this batch needs, and no more
        where, own, far = at.split([shown.numel(), len(target), len(others)])
        read = reader.read(vectors[where.view(shown.shape)], seen, chance)[asked]  # (p, dim)
        positive = (read * vectors[own]).sum(-1)
        negative = (read @ vectors[far].T).masked_fill(others == target.unsqueeze(1), NEVER)  # (p, k)
        if course.loss == "bpr_max":
            return losses.bpr_max(positive, negative, course.penalty)
        if course.loss in ("gbce", "bce"):
            calibration = course.calibration if course.loss == "gbce" else 0.0
            return losses.gbce(positive, negative, len(drawn.known), calibration)
        if drawn.log_q is None:
            return losses.sampled_softmax(positive, negative)
        return losses.sampled_softmax(positive, negative, drawn.log_q[target], drawn.log_q[others])

    return learn(
        network,
        lambda order: shuffled(given, course.batch, order),
        loss,
        course.plan,
        rng,
        judge=judge,
        journal=journal,
    )


def _lesson(batch: Padded, masked: float, chance: torch.Generator) -> tuple[Tensor, Seen, Tensor, Tensor]:
    """Items that are shown, how they are seen, places that are asked for, and what is to be said there."""
    items, kinds, gaps, real = batch.tensors()
    if masked:
        hidden = cloze(real, masked, chance, alone=ALONE)
        return items, Seen(kinds, gaps, real, hidden), hidden, items
    before, after = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
    seen = Seen(kinds[before], gaps[before], real[before], torch.zeros_like(real[before]))
    return items[before], seen, real[before] & real[after], items[after]


ALONE = 1 / 11  # of the histories, only the last event hidden, as when one is asked; the paper's code: one pass of 11


@dataclass(frozen=True)
class _Drawn:
    """How negatives are drawn. known: (items that were taken,); uniform, within: how many of each sort, None: all;
    log_q: (items,) ln of how often each is drawn, None where it is the same for all."""

    known: Tensor
    uniform: int | None
    within: int
    log_q: Tensor | None

    @classmethod
    def of(cls, often: Array, course: Course) -> Self:
        known = np.flatnonzero(often)
        if course.loss == "softmax":
            return cls(torch.from_numpy(known), None, 0, None)
        size = min(course.negatives, len(known))
        within = round(course.in_batch * size)
        share = within / max(size, 1)
        q = share * often / max(often.sum(), 1) + (1 - share) / max(len(known), 1)
        log_q = torch.from_numpy(np.log(np.maximum(q, 1e-12)).astype(np.float32)) if within else None
        return cls(torch.from_numpy(known), size - within, within, log_q)

    def some(self, target: Tensor, chance: torch.Generator) -> Tensor:
        if self.uniform is None:
            return self.known
        uniform = self.known[torch.randint(0, len(self.known), (self.uniform,), generator=chance)]
        within = target[torch.randint(0, len(target), (self.within,), generator=chance)]
        return torch.cat([uniform, within])


@dataclass
class Kept:
    """A reader that was taught and the vectors of all items, (items, dim): all that answers."""

    reader: nn.Module
    length: int
    vectors: Float32[Array, "items dim"] = field(repr=False)

    @classmethod
    def of(cls, network: Network, length: int) -> Self:
        return cls(network.reader, length, network.items.all())

    @torch.no_grad()
    def query_vectors(self, queries: Queries) -> Float32[Array, "queries dim"]:
        """What each history wants next; zeros for an empty one."""
        reader: Any = self.reader
        told = torch.from_numpy(self.vectors)
        out = np.zeros((len(queries), self.vectors.shape[1]), dtype=np.float32)
        for start in range(0, len(queries), AT_ONCE):
            some = np.arange(start, min(start + AT_ONCE, len(queries)))
            given = padded(queries.histories.take(some), self.length - bool(reader.masked)).shorter()
            heard = given.real.any(axis=1)
            if heard.any():
                items, kinds, gaps, real = given.take(np.flatnonzero(heard)).tensors()
                hidden = torch.zeros_like(real)
                if reader.masked:  # one more place at the right, which is the one asked for
                    items, kinds, gaps = (nn.functional.pad(column, (0, 1)) for column in (items, kinds, gaps))
                    real, hidden = (nn.functional.pad(column, (0, 1), value=True) for column in (real, hidden))
                out[some[heard]] = reader.read(told[items], Seen(kinds, gaps, real, hidden), None)[:, -1].numpy()
        return out

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self.vectors if candidates is None else self.vectors[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def state(self) -> dict[str, Any]:
        return {"vectors": self.vectors, **state_of_network(self.reader)}

    @classmethod
    def from_state(cls, state: State, new_reader: nn.Module, length: int) -> Self:
        """new_reader: one of the same settings, untaught."""
        restore_network(new_reader, state)
        return cls(new_reader, length, np.asarray(state["vectors"]))


def state_of_network(network: nn.Module) -> dict[str, Any]:
    return {f"reader.{name}": value.detach().numpy().copy() for name, value in network.state_dict().items()}


def restore_network(network: nn.Module, state: State) -> None:
    told = {
        n.removeprefix("reader."): torch.from_numpy(np.array(v)) for n, v in state.items() if n.startswith("reader.")
    }
    network.load_state_dict(told)
    network.eval()
