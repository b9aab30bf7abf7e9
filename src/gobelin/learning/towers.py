"""Towers over content as it is: each kind of row to a short sequence of tokens, and which of them are real.

A tower is called with rows (n, dim) as their `Layout` says, and gives (n, length, width) tokens and (n, length) marks.
What is zero in a row (padding, silence, what lies behind a clip's end) is not real; its tokens must not be read.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gobelin.learning.layers import dropout, linear, table
from gobelin.values import Layout


class Convolution(nn.Module):
    """Over one or two axes, with padding that keeps the size (halves it, rounded up, where stride is 2)."""

    def __init__(
        self, inputs: int, outputs: int, size: int, chance: torch.Generator, axes: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.axes = stride, size // 2, axes
        reads = inputs * size**axes
        self.kernels = nn.Parameter(
            table(outputs, reads, math.sqrt(2 / reads), chance).detach().view(outputs, inputs, *(size,) * axes)
        )
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, ...) -> (n, outputs, ...)."""
        convolve = functional.conv1d if self.axes == 1 else functional.conv2d
        out: Tensor = convolve(x, self.kernels, self.bias, stride=self.stride, padding=self.padding)
        return out


class Words(nn.Module):
    """Embeddings of words, each with its place, and what three in a row add to them (Kim, EMNLP 2014)."""

    def __init__(self, layout: Layout, width: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share, self.length = share, layout.shape[0]
        self.words = table(layout.ids, width, 1.0, chance)
        self.places = table(self.length, width, 0.1, chance)
        self.three = Convolution(width, width, 3, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, rows: Tensor, chance: torch.Generator | None) -> tuple[Tensor, Tensor]:
        real = rows > 0
        x = dropout(self.words[rows.long().clamp(0, len(self.words) - 1)] + self.places, self.share, chance)
        x = x * real.unsqueeze(-1)  # (n, length, width)
        x = x + functional.gelu(self.three(x.transpose(1, 2)).transpose(1, 2))
        return self.last(x), real


class Picture(nn.Module):
    """Three convolutions that halve both sides (LeCun et al., 1998): of 32 x 32 pixels, 16 patches with places."""

    def __init__(self, layout: Layout, width: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.shape, self.share = layout.shape, share
        self.down, self.across = (_halved(side, 3) for side in layout.shape[:2])
        self.length = self.down * self.across
        self.see = _Eye(width, chance)
        self.places = table(self.length, width, 0.1, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, rows: Tensor, chance: torch.Generator | None) -> tuple[Tensor, Tensor]:
        x = self.see(rows.view(-1, *self.shape).permute(0, 3, 1, 2))  # (n, width, down, across)
        x = dropout(x.flatten(2).transpose(1, 2) + self.places, self.share, chance)
        return self.last(x), torch.ones(x.shape[:2], dtype=torch.bool)


class Sound(nn.Module):
    """Two convolutions over time that halve it, the bands their channels."""

    def __init__(self, layout: Layout, width: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.shape, self.share, self.length = layout.shape, share, _halved(layout.shape[0], 2)
        self.near = Convolution(layout.shape[1], 2 * width, 5, chance, stride=2)
        self.calm = nn.GroupNorm(1, 2 * width)
        self.far = Convolution(2 * width, width, 3, chance, stride=2)
        self.places = table(self.length, width, 0.1, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, rows: Tensor, chance: torch.Generator | None) -> tuple[Tensor, Tensor]:
        x = rows.view(-1, *self.shape)  # (n, frames, bands)
        real = (x > 0).any(-1)
        for _ in range(2):
            real = functional.max_pool1d(real.float().unsqueeze(1), 2, ceil_mode=True).squeeze(1) > 0
        x = functional.gelu(self.calm(self.near(2 * x.transpose(1, 2) - 1)))
        x = dropout(self.far(x).transpose(1, 2) + self.places, self.share, chance)
        return self.last(x), real


class Clip(nn.Module):
    """Each frame by the convolutions of a picture, its patches side by side; then three frames in a row."""

    def __init__(self, layout: Layout, width: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.shape, self.share, self.length = layout.shape, share, layout.shape[0]
        patches = math.prod(_halved(side, 3) for side in layout.shape[1:3])
        self.see = _Eye(width, chance)
        self.frame = linear(patches * width, width, chance)
        self.places = table(self.length, width, 0.1, chance)
        self.three = Convolution(width, width, 3, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, rows: Tensor, chance: torch.Generator | None) -> tuple[Tensor, Tensor]:
        frames = rows.view(-1, *self.shape[1:])  # (n frames, height, width, 3)
        real = (frames > 0).flatten(1).any(-1).view(-1, self.length)
        seen = self.see(frames.permute(0, 3, 1, 2)).flatten(1)
        x = dropout(self.frame(seen).view(*real.shape, -1) + self.places, self.share, chance) * real.unsqueeze(-1)
        x = x + functional.gelu(self.three(x.transpose(1, 2)).transpose(1, 2))
        return self.last(x), real


class Vector(nn.Module):
    """A sense that is a vector already: one token."""

    length = 1

    def __init__(self, dim: int, width: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.told = linear(dim, width, chance)
        self.last = nn.LayerNorm(width)

    def forward(self, rows: Tensor, chance: torch.Generator | None) -> tuple[Tensor, Tensor]:
        x = self.last(self.told(dropout(rows, self.share, chance))).unsqueeze(1)
        return x, torch.ones(x.shape[:2], dtype=torch.bool)


class _Eye(nn.Module):
    """(n, 3, height, width) of levels from 0 to 1 -> (n, width, height / 8, width / 8)."""

    def __init__(self, width: int, chance: torch.Generator) -> None:
        super().__init__()
        sizes = (3, max(width // 2, 8), width, width)
        self.steps = nn.ModuleList([Convolution(a, b, 3, chance, axes=2, stride=2) for a, b in pairwise(sizes)])
        self.calm = nn.ModuleList([nn.GroupNorm(1, size) for size in sizes[1:-1]])

    def forward(self, pictures: Tensor) -> Tensor:
        x = 2 * pictures - 1
        for number, step in enumerate(self.steps):
            x = step(x if number == 0 else functional.gelu(self.calm[number - 1](x)))
        return x


AnyTower = Words | Picture | Sound | Clip | Vector


def tower_of(layout: Layout | None, dim: int, width: int, share: float, chance: torch.Generator) -> AnyTower:
    """The tower of a row of that layout; of a vector of `dim` where it is None."""
    if layout is None:
        return Vector(dim, width, share, chance)
    kinds: dict[str, type[Words] | type[Picture] | type[Sound] | type[Clip]] = {
        "words": Words, "picture": Picture, "sound": Sound, "clip": Clip,
    }  # fmt: skip
    return kinds[layout.kind](layout, width, share, chance)


def _halved(size: int, times: int) -> int:
    for _ in range(times):
        size = (size + 1) // 2
    return size
