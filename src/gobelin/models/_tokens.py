"""What models share that read a history as items of several vectors (`learning.tokens`): how they are asked, taught and
kept.

Such a model is a reader: `join` makes an item's vectors the one by which it is found, `read` makes of a history the
vector that finds. Scores are inner products of the two, so that every item can be scored in one product, however large
the catalogue, and an index can hold the items.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.learning import losses
from gobelin.learning.items import From
from gobelin.learning.loop import Plan, learn
from gobelin.learning.senses import dense
from gobelin.learning.sequences import Padded, cloze, padded, shuffled
from gobelin.learning.tokens import Tokens
from gobelin.models import _sequential as sequential
from gobelin.protocols import Epoch, Journal, State
from gobelin.values import Queries, Train

Reads = Literal["others", "past"]
"""What of a history an event of it is foretold from in training: all the others, or those before it."""

AT_ONCE = 256  # histories, and items times 16, answered at once
NEVER = -1e4  # the score of a negative that does not count


@dataclass(frozen=True)
class Seen:
    """A batch of histories, and the places of them that are asked for: what a reader reads.

    tokens: (n, length, parts, dim); held: (n, length, parts); kinds, gaps, real: (n, length) as in `Padded`;
    context: (n, length, length) which places the one asked for (row) may be foretold from; asked: (n, length).
    What stands at a place that is asked for may be read only for other places whose context holds it.
    """

    tokens: Tensor
    held: Tensor
    kinds: Tensor
    gaps: Tensor
    real: Tensor
    context: Tensor
    asked: Tensor


@runtime_checkable
class Reader(Protocol):
    """The network of such a model. masked: share of the places asked for at once, the others read; 0: all of them."""

    masked: float

    def join(self, tokens: Tensor, held: Tensor, chance: torch.Generator | None) -> Tensor:
        """(rows, parts, dim), (rows, parts) -> (rows, dim)."""
        ...

    def read(self, seen: Seen, chance: torch.Generator | None) -> Tensor:
        """(n, length, dim): at each place asked for, what its context wants there."""
        ...


@dataclass(frozen=True)
class Course:
    """How such a model is taught: softmax over the taken item and `negatives` others.

    within: those others are items taken in the same batch, each score less `correction` times ln of how often an item
    is taken; or else drawn uniformly. temperature: scores are cosines over it; None: plain inner products.
    """

    plan: Plan
    length: int
    batch: int
    negatives: int
    reads: Reads = "past"
    within: bool = False
    correction: float = 1.0
    temperature: float | None = None


class Network(nn.Module):
    def __init__(self, items: Tokens, reader: nn.Module) -> None:
        super().__init__()
        self.items, self.reader = items, reader


def tokens_of(
    train: Train, dim: int, of: From, rng: np.random.Generator, chance: torch.Generator, **more: Any
) -> Tokens:
    """more: hidden, share, hide of `Tokens`."""
    known = train.counts() > 0
    senses = {} if of == "ids" else dense(train.table, known if known.any() else ~known, rng)
    return Tokens(known, senses, dim, chance, of=of, **more)


def learn_taken(
    network: Network,
    train: Train,
    course: Course,
    rng: np.random.Generator,
    judge: Callable[[], float] | None,
    journal: Journal | None,
) -> tuple[Epoch, ...]:
    """Teach a reader to name each event of every history from the rest of it."""
    given = padded(train.histories, course.length)
    often = np.bincount(given.items[given.real], minlength=len(train.items))
    log_q = torch.from_numpy(np.log(np.maximum(often, 0.5) / max(often.sum(), 1)).astype(np.float32))
    reader: Any = network.reader

    def loss(batch: Padded, chance: torch.Generator) -> Tensor:
        items, kinds, gaps, real = batch.tensors()
        real = real & network.items.held[items].any(-1)
        asked, context = _asked(items, real, course.reads, reader.masked, chance)
        row, place = torch.nonzero(asked, as_tuple=True)  # (p,) each
        if not len(row):  # events of one item alone foretell nothing
            return torch.stack([0 * one.sum() for one in network.parameters()]).sum()
        target = items[row, place]
        others = _others(target, len(log_q), course, chance)
        rows, at = torch.unique(torch.cat([items.flatten(), others]), return_inverse=True)
        tokens, held = network.items(rows, chance)
        where, far = at[: items.numel()].view(items.shape), at[items.numel() :]
        vectors = _sized(reader.join(tokens, held, chance), course)
        held = held[where] & real.unsqueeze(-1)
        read = reader.read(Seen(tokens[where], held, kinds, gaps, real, context, asked), chance)[row, place]
        read = _sized(read, course) / (course.temperature or 1.0)  # (p, dim)
        taken = torch.zeros(len(items), len(rows), dtype=torch.bool)
        taken[torch.nonzero(real, as_tuple=True)[0], where[real]] = True
        negative = (read @ vectors[far].T).masked_fill(taken[:, far][row], NEVER)  # (p, others)
        positive = (read * vectors[where[row, place]]).sum(-1)
        if not course.within:
            return losses.sampled_softmax(positive, negative)
        drawn = course.correction * log_q
        return losses.sampled_softmax(positive, negative, drawn[target], drawn[others])

    return learn(
        network,
        lambda order: shuffled(given, course.batch, order),
        loss,
        course.plan,
        rng,
        judge=judge,
        journal=journal,
    )


def _asked(items: Tensor, real: Tensor, reads: Reads, masked: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """(n, length) the places asked for, each of which has a context; (n, length, length) the contexts."""
    if not masked:
        context = _context(items, real, reads)
        return real & context.any(-1), context
    asked = cloze(real, masked, chance)
    return asked, (real & ~asked).unsqueeze(1).expand(-1, real.shape[1], -1)


def _context(items: Tensor, real: Tensor, reads: Reads) -> Tensor:
    if reads == "past":
        length = items.shape[1]
        return torch.ones(length, length, dtype=torch.bool).tril(-1) & real.unsqueeze(1)
    return real.unsqueeze(1) & (items.unsqueeze(1) != items.unsqueeze(2))


def _others(target: Tensor, n_items: int, course: Course, chance: torch.Generator) -> Tensor:
    if not course.within:
        return torch.randint(0, n_items, (min(course.negatives, n_items),), generator=chance)
    return target[torch.randperm(len(target), generator=chance)[: course.negatives]]


def _sized(vectors: Tensor, course: Course) -> Tensor:
    return vectors if course.temperature is None else functional.normalize(vectors, dim=-1, eps=1e-6)


@dataclass
class Kept:
    """A reader that was taught, and what it knows of each item: all that answers.

    tokens: (items, parts, dim), held: (items, parts), vectors: (items, dim), so `(parts + 1) x dim` numbers an item.
    """

    reader: nn.Module
    length: int
    reads: Reads
    temperature: float | None
    names: tuple[str, ...]
    tokens: Float32[Array, "items parts dim"] = field(repr=False)
    held: Bool[Array, "items parts"] = field(repr=False)
    vectors: Float32[Array, "items dim"] = field(repr=False)

    @classmethod
    @torch.no_grad()
    def of(cls, network: Network, course: Course) -> Self:
        held = network.items.held.numpy()
        dim = network.items.scale**-2
        tokens = np.zeros((*held.shape, round(dim)), dtype=np.float32)
        vectors = np.zeros((len(held), round(dim)), dtype=np.float32)
        reader: Any = network.reader
        for start in range(0, len(held), AT_ONCE * 16):
            some = slice(start, min(start + AT_ONCE * 16, len(held)))
            said, has = network.items(torch.arange(some.start, some.stop), None)
            tokens[some] = said.numpy()
            vectors[some] = _sized(reader.join(said, has, None), course).numpy()
        vectors[~held.any(axis=1)] = 0
        return cls(
            network.reader, course.length, course.reads, course.temperature, network.items.names, tokens, held, vectors
        )

    @torch.no_grad()
    def query_vectors(self, queries: Queries, by: Collection[str] | None = None) -> Float32[Array, "queries dim"]:
        """What each history wants, zeros where it tells nothing. by: names of the parts that are read; None: all."""
        own = np.array([by is None or name in by for name in self.names], dtype=bool)
        out = np.zeros((len(queries), self.vectors.shape[1]), dtype=np.float32)
        reader: Any = self.reader
        for start in range(0, len(queries), AT_ONCE):
            some = np.arange(start, min(start + AT_ONCE, len(queries)))
            given = padded(queries.histories.take(some), self.length).shorter()
            heard = (given.real & (self.held & own)[given.items].any(axis=2)).any(axis=1)
            if heard.any():
                read = reader.read(self._seen(given.take(np.flatnonzero(heard)), own), None)[:, -1]
                if self.temperature is not None:
                    read = functional.normalize(read, dim=-1, eps=1e-6) / self.temperature
                out[some[heard]] = read.numpy()
        return out

    def _seen(self, given: Padded, own: Bool[Array, " parts"]) -> Seen:
        """The histories with one more place at the right, which is the one asked for."""
        n = len(given)
        none, nothing = np.zeros((n, 1), dtype=np.int64), np.zeros((n, 1), dtype=bool)
        items = np.hstack([given.items, none])
        has = (self.held & own)[items] & np.hstack([given.real, nothing])[:, :, None]
        real = torch.from_numpy(has.any(axis=2))
        asked = torch.zeros_like(real)
        asked[:, -1] = True
        context = _context(torch.from_numpy(np.hstack([given.items, none - 1])), real, self.reads)
        told = (np.hstack([column, none]) for column in (given.kinds, given.gaps))
        kinds, gaps = (torch.from_numpy(column) for column in told)
        tokens = torch.from_numpy(self.tokens[items] * has[..., None])
        return Seen(tokens, torch.from_numpy(has), kinds, gaps, real, context, asked)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self.vectors if candidates is None else self.vectors[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def state(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "tokens": self.tokens,
            "held": self.held,
            "vectors": self.vectors,
            **sequential.state_of_network(self.reader),
        }

    @classmethod
    def from_state(cls, state: State, new_reader: nn.Module, course: Course) -> Self:
        """new_reader: one of the same settings, untaught."""
        sequential.restore_network(new_reader, state)
        tokens, held, vectors = (np.asarray(state[name]) for name in ("tokens", "held", "vectors"))
        return cls(
            new_reader,
            course.length,
            course.reads,
            course.temperature,
            tuple(state["names"]),
            tokens,
            held.astype(bool),
            vectors,
        )
