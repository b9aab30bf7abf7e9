"""What a fuser is taught: to foretell a target, or to give back the senses where there is none."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Bool, Int64
from gobelin.errors import UserError
from gobelin.fusion._aim import columns, known_rows
from gobelin.fusion._blocks import Blocks
from gobelin.fusion._trained import Course, Lesson, Scaled
from gobelin.learning.layers import linear
from gobelin.values import Target


def by_target(
    may: Bool[Array, " rows"], target: Target | None, dim: int, course: Course
) -> Callable[[nn.Module, Blocks, torch.Generator], Lesson]:
    """The lesson of a fuser of that many dimensions: the target, or the senses themselves where there is none.

    Raises UserError where the target is known of no row that may be learned from, or of none that has a sense.
    """

    def lesson(fuser: nn.Module, blocks: Blocks, chance: torch.Generator) -> Lesson:
        speaks = may & blocks.held.any(axis=1)
        if target is None:
            return _Recalls(fuser, blocks, np.flatnonzero(speaks), dim, course.hide, chance)
        known_rows(target, may)
        rows = np.flatnonzero(speaks & target.known)
        if not len(rows):
            raise UserError(
                f"No row of which the target {target.name!r} is known has any sense.",
                "rows that have both.",
                "name another column, or add content to those rows.",
            )
        return _Foretells(fuser, blocks, target, rows, dim, course.hide, chance)

    return lesson


def hidden(held: Tensor, share: float, chance: torch.Generator | None) -> Tensor:
    """Whole senses taken away at random, at least one left (Neverova et al., TPAMI 2016); nothing where chance is
    None."""
    if share <= 0 or chance is None:
        return held
    kept = held & (torch.rand(held.shape, generator=chance) >= share)
    return torch.where(kept.any(-1, keepdim=True), kept, held)


def shown(values: Sequence[Tensor], held: Tensor) -> list[Tensor]:
    """Blocks with zero where a sense is not held."""
    return [block * held[:, s : s + 1] for s, block in enumerate(values)]


class _Foretells:
    """Cross-entropy of a class, binary cross-entropy of labels, squared error of standardised numbers."""

    monitored = True

    def __init__(
        self,
        fuser: nn.Module,
        blocks: Blocks,
        target: Target,
        rows: Int64[Array, " rows"],
        dim: int,
        hide: float,
        chance: torch.Generator,
    ) -> None:
        self.rows, self.hide, self.told = rows, hide, target.told
        self.given = Scaled(blocks)
        wanted = np.zeros(target.values.shape, dtype=np.float32)
        wanted[rows] = columns(target, rows) if target.told == "numbers" else target.values[rows]
        self.wanted = torch.from_numpy(wanted)
        self.fuser, self.head = fuser, linear(dim, len(target.names), chance)
        self.network = nn.ModuleList([fuser, self.head])

    def loss(self, rows: Tensor, chance: torch.Generator | None) -> Tensor:
        values, held = self.given.rows(rows)
        held = hidden(held, self.hide, chance)
        said, wanted = self.head(self.fuser(shown(values, held), held, chance)), self.wanted[rows]
        if self.told == "class":
            return functional.cross_entropy(said, wanted)
        if self.told == "labels":
            return functional.binary_cross_entropy_with_logits(said, wanted)
        return functional.mse_loss(said, wanted)


class _Recalls:
    """Squared error of the senses that a row has, given back from the fused vector, those hidden from it too."""

    monitored = False

    def __init__(
        self,
        fuser: nn.Module,
        blocks: Blocks,
        rows: Int64[Array, " rows"],
        dim: int,
        hide: float,
        chance: torch.Generator,
    ) -> None:
        self.rows, self.hide = rows, hide
        self.given = Scaled(blocks)
        self.fuser = fuser
        self.heads = nn.ModuleList([linear(dim, block, chance) for block in blocks.dims])
        self.network = nn.ModuleList([fuser, self.heads])

    def loss(self, rows: Tensor, chance: torch.Generator | None) -> Tensor:
        values, held = self.given.rows(rows)
        seen = hidden(held, self.hide, chance)
        vector = self.fuser(shown(values, seen), seen, chance)
        missed = torch.stack(
            [((head(vector) - block) ** 2).mean(-1) for head, block in zip(self.heads, values, strict=True)], dim=1
        )  # (rows, senses)
        return (missed * held).sum() / held.sum().clamp_min(1)
