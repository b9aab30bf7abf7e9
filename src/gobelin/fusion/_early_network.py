"""The network of early fusion: a tower for each sense, their tokens joined, one body over all, heads."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gobelin.fusion._inputs import Input
from gobelin.learning.joining import Body, Join, Joining, Reads
from gobelin.learning.layers import linear
from gobelin.learning.towers import tower_of


@dataclass(frozen=True)
class Build:
    """How large: width of a token and of the vector; steps of the timeline; layers, heads of a Transformer."""

    reads: Reads
    join: Join
    width: int
    steps: int
    layers: int
    heads: int
    dropout: float


class Network(nn.Module):
    """outputs: of the head; 0 where there is no target."""

    def __init__(self, inputs: Sequence[Input], build: Build, outputs: int, chance: torch.Generator) -> None:
        super().__init__()
        width, share = build.width, build.dropout
        towers = [tower_of(one.layout, one.width, width, share, chance) for one in inputs]
        lengths = [tower.length for tower in towers]
        self.towers = nn.ModuleList(towers)
        seconds = [0.0 if one.layout is None else one.layout.seconds for one in inputs]
        self.joining = Joining(lengths, seconds, width, build.join, build.steps, chance)
        runs = lengths if build.join == "sequence" else [build.steps]
        self.body = Body(build.reads, runs, width, build.layers, build.heads, share, chance)
        self.head = linear(width, outputs, chance) if outputs else None
        self.meet = linear(width, width, chance)  # where views of one item are compared (Chen et al., ICML 2020)

    def tokens(self, rows: Sequence[Tensor], chance: torch.Generator | None) -> list[tuple[Tensor, Tensor]]:
        """rows: of each sense (n, its width). Of each its tokens and which of them are real."""
        return [tower(one, chance) for tower, one in zip(self.towers, rows, strict=True)]

    def vectors(self, tokens: Sequence[tuple[Tensor, Tensor]], held: Tensor, chance: torch.Generator | None) -> Tensor:
        """held: (n, senses), which may be read. (n, width)."""
        real = [mark & held[:, number : number + 1] for number, (_, mark) in enumerate(tokens)]
        joined, marks = self.joining(
            [one * mark.unsqueeze(-1) for (one, _), mark in zip(tokens, real, strict=True)], real
        )
        out: Tensor = self.body(joined * marks.unsqueeze(-1), marks, chance)
        return out


def hidden(held: Tensor, share: float, chance: torch.Generator) -> Tensor:
    """Whole senses taken away at random, at least one left (Neverova et al., TPAMI 2016)."""
    kept = held & (torch.rand(held.shape, generator=chance) >= share)
    return torch.where(kept.any(-1, keepdim=True), kept, held)


def parted(held: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """The senses of each row dealt out to two views, at least one to each; both get it where there is one alone."""
    drawn = torch.rand(held.shape, generator=chance).masked_fill(~held, 2.0)
    place = drawn.argsort(-1).argsort(-1)
    coin = torch.rand(held.shape, generator=chance) < 0.5
    left = held & ((place == 0) | ((place > 1) & coin))
    right = held & ((place == 1) | ((place > 1) & ~coin))
    alone = held.sum(-1, keepdim=True) < 2
    return left | (held & alone), right | (held & alone)
