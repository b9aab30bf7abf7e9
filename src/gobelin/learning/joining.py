"""Several senses' tokens as one sequence, and one vector of it: what networks do that join senses early."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from gobelin.learning.layers import Block, Tower, linear, table
from gobelin.learning.pooling import Pooling
from gobelin.learning.recurrent import Recurrent, Windows
from gobelin.media.alignment import shares

Join = Literal["sequence", "concatenate", "mean"]
"""One after another; or side by side, or the mean, at each step of one timeline."""

Reads = Literal["attention", "mlp", "cnn", "rnn"]


class Joining(nn.Module):
    """Tokens of several senses to one sequence (n, length, width), with marks (n, length).

    lengths: tokens of each sense; seconds: over which they are spread, 0 where a sense has no time. "sequence": all
    tokens, one sense after another, each told of which sense it is. Else both lie on one timeline of `steps`
    (`media.alignment`): clips and sounds by their seconds, what has no time (words, patches row by row) from its first
    to its last, a vector everywhere; each step takes the mean of what it overlaps. What is missing is zero in
    "concatenate", which knows so by a mark, and left out of the mean.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        seconds: Sequence[float],
        width: int,
        join: Join,
        steps: int,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        self.join, self.parts = join, len(lengths)
        self.which = table(self.parts, width, 0.5, chance)
        if join == "sequence":
            return
        self.places = table(steps, width, 0.1, chance)
        self.turn = linear(self.parts * (width + 1), width, chance) if join == "concatenate" else None
        for number, one in enumerate(shares(lengths, seconds, steps)):
            self.register_buffer(f"shares{number}", torch.from_numpy(one), persistent=False)

    @property
    def groups(self) -> int:
        """Into how many runs of tokens, one a sense, the sequence falls."""
        return self.parts if self.join == "sequence" else 1

    def forward(self, tokens: Sequence[Tensor], real: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        tokens = [one + which for one, which in zip(tokens, self.which, strict=True)]
        if self.join == "sequence":
            return torch.cat(list(tokens), dim=1), torch.cat(list(real), dim=1)
        means, marks = [], []
        for number, (one, there) in enumerate(zip(tokens, real, strict=True)):
            taken = getattr(self, f"shares{number}")  # (steps, length)
            held = taken * there.unsqueeze(1)  # (n, steps, length)
            total = held.sum(-1, keepdim=True)
            means.append(held @ one / total.clamp_min(1e-9))
            marks.append(total > 1e-9)
        mark = torch.cat(marks, dim=-1)  # (n, steps, parts)
        if self.turn is not None:
            x = self.turn(torch.cat([*means, mark.to(means[0].dtype)], dim=-1))
        else:
            x = torch.stack(means).sum(0) / mark.sum(-1, keepdim=True).clamp_min(1)
        return x + self.places, mark.any(-1)


class Body(nn.Module):
    """A sequence to one vector: (n, length, width) with marks (n, length) -> (n, width).

    "mlp": the mean of each sense's tokens side by side, two layers; "cnn": filters over 1 to 4 tokens in a row, the
    strongest answer of each; "rnn": gated recurrent units, what they hold in the end; "attention": `layers` of a
    Transformer, then a weighted mean. Two layers and a norm come last.
    """

    def __init__(
        self,
        reads: Reads,
        lengths: Sequence[int],
        width: int,
        layers: int,
        heads: int,
        share: float,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        self.reads, self.lengths = reads, list(lengths)
        self.blocks = nn.ModuleList()
        self.over: nn.Module = nn.Identity()
        told = width
        if reads == "mlp":
            told = len(lengths) * width
        elif reads == "cnn":
            told = 2 * width
            self.over = Windows(width, told, (1, 2, 3, 4), chance)
        elif reads == "rnn":
            told = 2 * width
            self.over = Recurrent(width, told, chance)
        else:
            self.blocks = nn.ModuleList([Block(width, heads, share, chance, wider=2) for _ in range(layers)])
            self.over = Pooling(width, chance)
        self.tower = Tower((told, 2 * width, width), share, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, x: Tensor, real: Tensor, chance: torch.Generator | None) -> Tensor:
        if self.reads == "mlp":
            runs, marks = torch.split(x, self.lengths, dim=1), torch.split(real, self.lengths, dim=1)
            x = torch.cat([_mean(one, mark) for one, mark in zip(runs, marks, strict=True)], dim=-1)
        elif self.reads == "attention":
            allowed = real.unsqueeze(1) | torch.eye(real.shape[1], dtype=torch.bool)
            for block in self.blocks:
                x = block(x, allowed, chance)
            x = self.over(x, real.unsqueeze(1)).squeeze(1)
        else:
            x = self.over(x * real.unsqueeze(-1), real)[:, -1]
        out: Tensor = self.last(self.tower(x, chance))
        return out


def _mean(x: Tensor, real: Tensor) -> Tensor:
    """(n, length, width), (n, length) -> (n, width); zero of nothing."""
    shown = (x * real.unsqueeze(-1)).sum(1)
    return shown / real.sum(1, keepdim=True).clamp_min(1)
