"""Attention that makes one vector of several."""

import torch
from torch import Tensor, nn

from gobelin.learning.layers import linear, table


class Pooling(nn.Module):
    """(n, length, dim) -> (n, asked, dim): a weighted mean of what each place that asks may look at; zero of nothing.

    Weights are the softmax of w' tanh(W x), the same whoever asks (Yang et al., NAACL 2016); even: all alike.
    """

    def __init__(self, dim: int, chance: torch.Generator, even: bool = False) -> None:
        super().__init__()
        self.asked = None if even else linear(dim, dim, chance)
        self.loud = None if even else table(dim, 1, dim**-0.5, chance)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """context: (n, asked, length)."""
        if self.asked is None or self.loud is None:
            weight = context.to(x.dtype)
            return weight @ x / weight.sum(-1, keepdim=True).clamp_min(1)
        loud = (torch.tanh(self.asked(x) * x.shape[-1] ** 0.5) @ self.loud).transpose(1, 2)  # (n, 1, length)
        loud = loud.expand(context.shape).masked_fill(~context, torch.finfo(x.dtype).min)
        return (torch.softmax(loud, dim=-1) * context) @ x
