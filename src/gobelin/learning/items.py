"""An item as a network sees it: a vector of its own, what its senses say, or both."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32
from gobelin.learning.layers import dropout, linear, table
from gobelin.learning.senses import Sense

From = Literal["ids", "senses", "both"]
FAINT = 0.02  # of own vectors at first: an item that is hardly ever met stays near nothing, not somewhere at random


class ItemVectors(nn.Module):
    """(items, dim): an embedding for each item that training knows, plus a linear map of each sense that it has.

    known: items with an embedding of their own; to any other its senses alone speak. A sense that an item lacks adds
    nothing, and what the others say is made louder for it, so that lacking one is no sign of its own.
    """

    present: Tensor
    known: Tensor

    def __init__(
        self,
        known: Bool[Array, " items"],
        senses: Mapping[str, Sense],
        dim: int,
        chance: torch.Generator,
        *,
        of: From = "both",
        share: float = 0.0,
    ) -> None:
        super().__init__()
        told = {} if of == "ids" else senses
        self.share, self.scale = share, dim**-0.5
        self.own = table(len(known), dim, FAINT, chance) if of != "senses" or not told else None
        self.maps = nn.ModuleList([linear(sense.values.shape[1], dim, chance, bias=False) for sense in told.values()])
        for number, sense in enumerate(told.values()):
            self.register_buffer(f"sense{number}", torch.from_numpy(sense.values), persistent=False)
        marks = [sense.present for sense in told.values()]
        present = np.stack(marks, axis=1) if marks else np.zeros((len(known), 0), dtype=bool)
        self.register_buffer("present", torch.from_numpy(present.astype(np.float32)), persistent=False)
        self.register_buffer("known", torch.from_numpy(known.astype(np.float32)), persistent=False)

    def forward(self, rows: Tensor | None = None, chance: torch.Generator | None = None) -> Tensor:
        """Vectors of some items, or of all."""
        every = slice(None) if rows is None else rows
        out = 0 if self.own is None else self.own[every] * self.known[every].unsqueeze(-1)
        if len(self.maps):
            held = self.present[every]  # (n, senses)
            louder = len(self.maps) / held.sum(-1, keepdim=True).clamp_min(1)
            said = [
                held[:, number : number + 1] * told(dropout(getattr(self, f"sense{number}")[every], self.share, chance))
                for number, told in enumerate(self.maps)
            ]
            out = out + torch.stack(said).sum(0) * louder * (self.scale / len(self.maps))  # a length of about 1
        assert isinstance(out, Tensor)
        return out

    @torch.no_grad()
    def all(self) -> Float32[Array, "items dim"]:
        return np.asarray(self().detach().numpy()).copy()
