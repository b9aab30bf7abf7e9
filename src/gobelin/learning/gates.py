"""Gated fusion of several vectors of one thing, any of which may be missing."""

import torch
from torch import Tensor, nn

from gobelin.learning.layers import linear, table


class Gates(nn.Module):
    """(..., parts, dim), (..., parts) -> (..., dim): sum of g_p x_p, g a softmax over what is held; zero of nothing.

    g_p hangs on what the part says, w' tanh(W x_p) (the gated multimodal unit of Arevalo et al., ICLR workshop 2017,
    for any number of senses and with a gate for each vector, not for each of its numbers).
    """

    def __init__(self, dim: int, chance: torch.Generator) -> None:
        super().__init__()
        self.asked = linear(dim, dim, chance)
        self.loud = table(dim, 1, 0.1 * dim**-0.5, chance)

    def forward(self, tokens: Tensor, held: Tensor) -> Tensor:
        loud = (torch.tanh(self.asked(tokens * tokens.shape[-1] ** 0.5)) @ self.loud)[..., 0]  # (..., parts)
        gate = torch.softmax(loud.masked_fill(~held, torch.finfo(loud.dtype).min), dim=-1) * held
        return (gate.unsqueeze(-1) * tokens).sum(-2)
