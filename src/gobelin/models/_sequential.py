"""What models share that read a history in order: inputs, the next-item losses, training and answering."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.arrays import Array, Float32
from gobelin.learning import losses
from gobelin.learning.items import From, ItemVectors
from gobelin.learning.layers import table
from gobelin.learning.loop import Plan, learn
from gobelin.learning.senses import dense
from gobelin.learning.sequences import GAPS, KINDS, Padded, padded, shuffled, windows
from gobelin.protocols import Epoch, Journal, State
from gobelin.values import Queries, Train

Loss = Literal["softmax", "sampled_softmax", "gbce", "bce"]
AT_ONCE = 512  # histories answered at once


class Inputs(nn.Module):
    """What is added to an item's vector where it stands in a history: how long ago in events, its kind, the time since
    the event before."""

    def __init__(self, dim: int, length: int, chance: torch.Generator) -> None:
        super().__init__()
        self.place = table(length, dim, 0.02, chance)
        self.kind = table(KINDS, dim, 0.02, chance)
        self.gap = table(GAPS, dim, 0.02, chance)

    def forward(self, vectors: Tensor, kinds: Tensor, gaps: Tensor) -> Tensor:
        """vectors: (n, length, dim)."""
        places = self.place[: vectors.shape[1]].flip(0)  # 0 is the latest
        out: Tensor = vectors * vectors.shape[-1] ** 0.5 + places + self.kind[kinds] + self.gap[gaps]
        return out


Reader = Callable[..., Tensor]
"""(vectors, kinds, gaps, real, chance) -> (n, length, dim): what was read up to each place."""


@dataclass(frozen=True)
class Course:
    """How a sequence model is trained. negatives: drawn for each batch, shared by its rows; 0 only for softmax."""

    plan: Plan
    length: int
    batch: int
    loss: Loss
    negatives: int
    calibration: float


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


def learn_next(
    network: Network,
    train: Train,
    course: Course,
    rng: np.random.Generator,
    judge: Callable[[], float] | None,
    journal: Journal | None,
) -> tuple[Epoch, ...]:
    """Teach a causal reader to name the next item at every place of every history, the long ones window by window."""
    given = windows(train.histories, course.length + 1, shared=1)

    def loss(batch: Padded, chance: torch.Generator) -> Tensor:
        items, kinds, gaps, real = batch.tensors()
        others = _others(len(train.items), course, chance)
        rows, at = torch.unique(torch.cat([items.flatten(), others]), return_inverse=True)
        where, far = at[: items.numel()].view(items.shape), at[items.numel() :]
        vectors = network.items(rows, chance)  # (rows, dim), of what this batch needs
        read = network.reader(vectors[where[:, :-1]], kinds[:, :-1], gaps[:, :-1], real[:, :-1], chance)
        wanted = real[:, :-1] & real[:, 1:]  # a real place that has a real next one
        return next_item(read[wanted], where[:, 1:][wanted], vectors, far, len(train.items), course)

    return learn(
        network,
        lambda order: shuffled(given, course.batch, order),
        loss,
        course.plan,
        rng,
        judge=judge,
        journal=journal,
    )


def _others(n_items: int, course: Course, chance: torch.Generator) -> Tensor:
    """The items that a batch's taken ones are told from: all of them for softmax."""
    if course.loss == "softmax":
        return torch.arange(n_items)
    return torch.randint(0, n_items, (min(course.negatives, n_items),), generator=chance)


def next_item(read: Tensor, target: Tensor, vectors: Tensor, others: Tensor, n_items: int, course: Course) -> Tensor:
    """read: (n, dim); vectors: (rows, dim); target: (n,), others: (k,) rows of them.

    A drawn item that is a row's target does not count.
    """
    scores = read @ vectors[others].T  # (n, k)
    if course.loss == "softmax":
        return losses.softmax(scores, target)
    positive = (read * vectors[target]).sum(-1)
    negative = scores.masked_fill(others.unsqueeze(0) == target.unsqueeze(1), -1e4)
    if course.loss == "sampled_softmax":
        return losses.sampled_softmax(positive, negative)
    return losses.gbce(positive, negative, n_items, course.calibration if course.loss == "gbce" else 0.0)


@torch.no_grad()
def read_last(
    reader: nn.Module, vectors: Float32[Array, "items dim"], queries: Queries, length: int
) -> Float32[Array, "queries dim"]:
    """What was read up to the last event of each history; zeros of an empty one."""
    told = torch.from_numpy(vectors)
    out = np.zeros((len(queries), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(queries), AT_ONCE):
        some = np.arange(start, min(start + AT_ONCE, len(queries)))
        given = padded(queries.histories.take(some), length).shorter()
        heard = given.real.any(axis=1)
        if heard.any():
            items, kinds, gaps, real = given.take(np.flatnonzero(heard)).tensors()
            out[some[heard]] = reader(told[items], kinds, gaps, real, None)[:, -1].numpy()
    return out


def state_of_network(network: nn.Module) -> dict[str, Any]:
    return {f"reader.{name}": value.detach().numpy().copy() for name, value in network.state_dict().items()}


def restore_network(network: nn.Module, state: State) -> None:
    told = {
        n.removeprefix("reader."): torch.from_numpy(np.array(v)) for n, v in state.items() if n.startswith("reader.")
    }
    network.load_state_dict(told)
    network.eval()
