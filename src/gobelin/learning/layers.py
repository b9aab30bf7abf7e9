"""Pieces of networks whose chance comes from a generator, where torch's own would take it from a global one."""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional

from gobelin.errors import UserError


def dropout(x: Tensor, share: float, chance: torch.Generator | None) -> Tensor:
    """Each number zero with that probability, the others louder for it; unchanged where chance is None (no training).

    (Srivastava et al., JMLR 2014.)
    """
    if share <= 0 or chance is None:
        return x
    kept = torch.rand(x.shape, generator=chance, device=x.device) >= share
    return x * kept / (1 - share)


def table(rows: int, dim: int, scale: float, chance: torch.Generator) -> nn.Parameter:
    """(rows, dim) drawn from a normal distribution of that deviation."""
    return nn.Parameter(torch.randn(rows, dim, generator=chance) * scale)


def linear(inputs: int, outputs: int, chance: torch.Generator, bias: bool = True) -> nn.Linear:
    """Xavier's start (Glorot and Bengio, AISTATS 2010), the bias zero."""
    layer = nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")  # torch's start draws globally
    bound = (6 / (inputs + outputs)) ** 0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=chance)
        if bias:
            layer.bias.zero_()
    return layer


class Tower(nn.Module):
    """Linear layers with GELU between them, dropout before each. sizes: of the input, of each layer in turn."""

    def __init__(self, sizes: Sequence[int], share: float, chance: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.layers = nn.ModuleList([linear(a, b, chance) for a, b in pairwise(sizes)])

    def forward(self, x: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """(..., sizes[0]) -> (..., sizes[-1])."""
        for number, layer in enumerate(self.layers):
            x = layer(dropout(x if number == 0 else functional.gelu(x), self.share, chance))
        return x


class Attention(nn.Module):
    """Self-attention over a padded sequence (Vaswani et al., NeurIPS 2017)."""

    def __init__(self, dim: int, heads: int, share: float, chance: torch.Generator) -> None:
        super().__init__()
        if dim % heads:
            raise UserError(
                f"{heads} heads and vectors of {dim} numbers.",
                "a number of heads that divides the numbers of a vector.",
                f"set heads to {gcd(heads, dim)}, or factors to {dim // heads * heads + heads}.",
            )
        self.heads, self.share = heads, share
        self.asked = linear(dim, 3 * dim, chance)
        self.told = linear(dim, dim, chance)

    def forward(self, x: Tensor, allowed: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """x: (n, length, dim); allowed: (n or 1, length, length), True where a row may look at a column."""
        n, length, dim = x.shape
        split = self.asked(x).view(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]  # (n, heads, length, dim / heads)
        scores = query @ key.transpose(-1, -2) / (dim // self.heads) ** 0.5  # (n, heads, length, length)
        scores = scores.masked_fill(~allowed.unsqueeze(1), torch.finfo(scores.dtype).min)
        mixed = dropout(torch.softmax(scores, dim=-1), self.share, chance) @ value
        out: Tensor = self.told(mixed.transpose(1, 2).reshape(n, length, dim))
        return out


class Block(nn.Module):
    """A Transformer layer, normalised before each half (Xiong et al., ICML 2020)."""

    def __init__(self, dim: int, heads: int, share: float, chance: torch.Generator, wider: int = 4) -> None:
        super().__init__()
        self.share = share
        self.attention = Attention(dim, heads, share, chance)
        self.tower = Tower((dim, wider * dim, dim), share, chance)
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x: Tensor, allowed: Tensor, chance: torch.Generator | None = None) -> Tensor:
        x = x + dropout(self.attention(self.first(x), allowed, chance), self.share, chance)
        return x + dropout(self.tower(self.second(x), chance), self.share, chance)


class Gated(nn.Module):
    """A Transformer layer each half of which passes a gate: x + sigma(W x) * half(norm(x)), the second half a SwiGLU.

    (LiGR, Borisyuk et al. 2025, arXiv 2502.03417; SwiGLU, Shazeer 2020; gates of what goes in, not of what comes out.)
    """

    def __init__(self, dim: int, heads: int, share: float, chance: torch.Generator, wider: int = 4) -> None:
        super().__init__()
        self.share = share
        self.attention = Attention(dim, heads, share, chance)
        self.into, self.beside = (linear(dim, wider * dim, chance, bias=False) for _ in range(2))
        self.out = linear(wider * dim, dim, chance, bias=False)
        self.gates = nn.ModuleList([linear(dim, dim, chance) for _ in range(2)])
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x: Tensor, allowed: Tensor, chance: torch.Generator | None = None) -> Tensor:
        looked = self.attention(self.first(x), allowed, chance)
        x = x + torch.sigmoid(self.gates[0](x)) * dropout(looked, self.share, chance)
        y = self.second(x)
        turned = self.out(dropout(functional.silu(self.into(y)) * self.beside(y), self.share, chance))
        return x + torch.sigmoid(self.gates[1](x)) * dropout(turned, self.share, chance)
