"""How the fusions that are networks learn, and what they keep.

A fuser is a module: (blocks of each sense, held, chance) -> (rows, dim). What it is taught by is a lesson: to foretell
a target or to give back the senses (`_lessons`), or to agree with itself (`contrastive`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Int64
from gobelin.fusion._blocks import Blocks, Senses, fused
from gobelin.learning.loop import Plan, learn
from gobelin.protocols import Epoch, State
from gobelin.values import Features, FeatureTable

HELD_OUT = 10  # one in so many rows says when to stop
LEAST = 40  # rows below which none can be spared for that
_AT_ONCE = 4096

Build = Callable[[Sequence[int], torch.Generator], nn.Module]
"""A fuser for senses of these dimensions."""


@dataclass(frozen=True)
class Course:
    """How a fuser learns. hide: share of the senses that a row's training does not see, anew each time."""

    epochs: int
    rate: float
    decay: float
    batch: int
    patience: int
    hide: float = 0.0

    def plan(self) -> Plan:
        return Plan(self.epochs, self.rate, "adamw", self.decay, every=2, patience=self.patience)


@runtime_checkable
class Lesson(Protocol):
    """What a fuser is to be good for. monitored: rows are held out that say when to stop."""

    rows: Int64[Array, " rows"]
    monitored: bool

    @property
    def network(self) -> nn.Module:
        """The fuser and whatever else is learned."""
        ...

    def loss(self, rows: Tensor, chance: torch.Generator | None) -> Tensor:
        """Of some of its rows; chance None: nothing is hidden or dropped."""
        ...


class Scaled:
    """The blocks as tensors, unit rows times the root of their dimension so that a number is about 1."""

    def __init__(self, blocks: Blocks) -> None:
        self.values = [torch.from_numpy(block * np.float32(block.shape[1] ** 0.5)) for block in blocks.values]
        self.held = torch.from_numpy(blocks.held)

    def rows(self, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        return [block[rows] for block in self.values], self.held[rows]


@dataclass(frozen=True)
class Trained:
    """A fuser that has learned, and what it reads."""

    senses: Senses
    fuser: nn.Module
    curve: tuple[Epoch, ...] = ()

    @torch.no_grad()
    def fuse(self, table: FeatureTable) -> Features:
        blocks = self.senses.of(table)
        given = Scaled(blocks)
        self.fuser.eval()
        told = []
        for start in range(0, len(blocks.present), _AT_ONCE):
            values, held = given.rows(torch.arange(start, min(start + _AT_ONCE, len(blocks.present))))
            told.append(self.fuser(values, held, None) * held.any(-1, keepdim=True))
        out = torch.cat(told) if told else self.fuser(given.values, given.held, None)
        return fused(table, out.numpy(), blocks.present)

    def state(self) -> State:
        network = {name: value.detach().numpy().copy() for name, value in self.fuser.state_dict().items()}
        return {"senses": self.senses.state(), "network": network}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], build: Build) -> Self:
        senses = Senses.from_state(state["senses"])
        dims = [way.dim(senses.inputs[name]) for name, way in senses.ways.items()]
        fuser = build(dims, torch.Generator())
        fuser.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in state["network"].items()})
        return cls(senses, fuser)


def taught(
    table: FeatureTable,
    may: Bool[Array, " rows"],
    build: Build,
    lesson: Callable[[nn.Module, Blocks, torch.Generator], Lesson],
    course: Course,
    rng: np.random.Generator,
) -> Trained:
    """may: the rows that may be learned from. Where the lesson is monitored and has `LEAST` rows, a tenth of them is
    held out, and the parameters are kept under which the loss there was lowest."""
    senses = Senses.fit(table, may)
    blocks = senses.of(table)
    chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
    fuser = build(blocks.dims, chance)
    told = lesson(fuser, blocks, chance)
    rows = rng.permutation(told.rows)
    spared = len(rows) // HELD_OUT if told.monitored and len(rows) >= LEAST else 0
    asked, known = torch.from_numpy(rows[:spared]), rows[spared:]

    def batches(order: np.random.Generator) -> list[Tensor]:
        mixed = order.permutation(known)
        return [torch.from_numpy(mixed[at : at + course.batch]) for at in range(0, len(mixed), course.batch)]

    @torch.no_grad()
    def judge() -> float:
        return -float(told.loss(asked, None))

    curve: tuple[Epoch, ...] = ()
    if len(known):
        curve = learn(told.network, batches, told.loss, course.plan(), rng, judge=judge if spared else None)
    return Trained(senses, fuser, curve)
