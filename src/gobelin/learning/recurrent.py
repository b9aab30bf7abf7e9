"""Readers of padded sequences in order, that give at each place what was read up to it, however much is padded."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gobelin.learning.layers import table


class Recurrent(nn.Module):
    """Gated recurrent units (Cho et al., EMNLP 2014). (n, length, dim) -> (n, length, hidden)."""

    def __init__(self, dim: int, hidden: int, chance: torch.Generator) -> None:
        super().__init__()
        units = nn.GRU(dim, hidden, batch_first=True, device="meta").to_empty(
            device="cpu"
        )  # torch's own start is global
        bound = hidden**-0.5
        with torch.no_grad():
            for name, weight in units.named_parameters():
                weight.zero_() if "bias" in name else weight.uniform_(-bound, bound, generator=chance)
        self.units = units

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """At a place that is not real stands what was read before it; zeros before the first real one."""
        order = torch.sort((~real).to(torch.int8), dim=-1, stable=True).indices  # what is real first, in its order
        read, _ = self.units(x.gather(1, order.unsqueeze(-1).expand(x.shape)))
        count = real.cumsum(-1)
        place = (count - 1).clamp_min(0).unsqueeze(-1)
        out: Tensor = read.gather(1, place.expand(*place.shape[:2], read.shape[2]))
        return out * (count > 0).unsqueeze(-1)


class Windows(nn.Module):
    """Filters over so many places in a row, of each the strongest answer so far (Kim, EMNLP 2014).

    (n, length, dim) -> (n, length, hidden). What is not real counts as zero, before the first place too.
    """

    def __init__(self, dim: int, hidden: int, widths: tuple[int, ...], chance: torch.Generator) -> None:
        super().__init__()
        shares = [hidden // len(widths) + (number < hidden % len(widths)) for number in range(len(widths))]
        self.filters = nn.ParameterList(
            [
                nn.Parameter(table(filters, dim * width, (dim * width) ** -0.5, chance).view(filters, dim, width))
                for filters, width in zip(shares, widths, strict=True)
            ]
        )

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        x = (x * real.unsqueeze(-1)).transpose(1, 2)  # (n, dim, length)
        told = [functional.conv1d(functional.pad(x, (one.shape[2] - 1, 0)), one) for one in self.filters]
        heard = functional.relu(torch.cat(told, dim=1)) * real.unsqueeze(1)  # (n, hidden, length)
        return torch.cummax(heard, dim=2).values.transpose(1, 2)
