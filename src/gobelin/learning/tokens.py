"""An item as several vectors: one of its own, one for each sense, each of which may be missing."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.arrays import Array, Bool
from gobelin.learning.items import From
from gobelin.learning.layers import Tower, table
from gobelin.learning.senses import Sense

OWN = "log"  # the name of the vector that the log alone has taught an item


class Tokens(nn.Module):
    """(rows, parts, dim): of each item its own vector, where training knows it, then what each sense's tower says.

    names: of the parts. held: (items, parts) which of them an item has. hidden: width of a sense's tower between its
    two layers; 0: one linear map. hide: share of the parts that training does not see, anew each time, at least one
    left (modality dropout, Neverova et al., TPAMI 2016; of items' own vectors, DropoutNet, Volkovs et al., NeurIPS
    2017): so that each part alone can speak.
    """

    held: Tensor

    def __init__(
        self,
        known: Bool[Array, " items"],
        senses: Mapping[str, Sense],
        dim: int,
        chance: torch.Generator,
        *,
        of: From = "both",
        hidden: int = 0,
        share: float = 0.0,
        hide: float = 0.0,
    ) -> None:
        super().__init__()
        told = {} if of == "ids" else senses
        self.scale, self.hide = dim**-0.5, hide
        self.own = table(len(known), dim, self.scale, chance) if of != "senses" or not told else None
        self.towers = nn.ModuleList(
            [
                Tower((sense.values.shape[1], *([hidden] if hidden else []), dim), share, chance)
                for sense in told.values()
            ]
        )
        for number, sense in enumerate(told.values()):
            self.register_buffer(f"sense{number}", torch.from_numpy(sense.values), persistent=False)
        self.names = (*([OWN] if self.own is not None else []), *told)
        marks = [*([known] if self.own is not None else []), *(sense.present for sense in told.values())]
        self.register_buffer("held", torch.from_numpy(np.stack(marks, axis=1)), persistent=False)

    def forward(self, rows: Tensor, chance: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """(rows, parts, dim) and (rows, parts): what is not held is zero."""
        said = [] if self.own is None else [self.own[rows]]
        for number, tower in enumerate(self.towers):
            said.append(self.scale * tower(getattr(self, f"sense{number}")[rows], chance))
        held = self.held[rows]
        if self.hide > 0 and chance is not None:
            kept = held & (torch.rand(held.shape, generator=chance, device=held.device) >= self.hide)
            held = torch.where(kept.any(-1, keepdim=True), kept, held)
        return torch.stack(said, dim=1) * held.unsqueeze(-1), held


def mean_held(tokens: Tensor, held: Tensor) -> Tensor:
    """(..., parts, dim), (..., parts) -> (..., dim): the mean of what is held, zero where nothing is."""
    shown = (tokens * held.unsqueeze(-1)).sum(-2)
    return shown / held.sum(-1, keepdim=True).clamp_min(1)
