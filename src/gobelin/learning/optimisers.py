"""Optimisers by name, from torch, and one that moves only the rows that a batch names."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

Name = Literal["sgd", "adam", "adamw", "rows"]


def make(name: Name, parameters: Iterable[nn.Parameter], rate: float, decay: float) -> Optimizer:
    """decay: L2 added to the gradient; with adamw taken from the weights themselves (Loshchilov and Hutter, ICLR 2019).

    adam: Kingma and Ba, ICLR 2015; sgd: without momentum, as the factor models of the field use it; rows: RowAdagrad,
    for losses with sparse gradients.

    Raises ValueError where rows are to decay: those that no batch names would not.
    """
    given = [one for one in parameters if one.requires_grad]
    if name == "rows":
        if decay:
            raise ValueError(f"decay is {decay}; by rows nothing decays, write its weight into the loss")
        return RowAdagrad(given, rate)
    if name == "sgd":
        return SGD(given, lr=rate, weight_decay=decay)
    return (Adam if name == "adam" else AdamW)(given, lr=rate, weight_decay=decay)


class RowAdagrad(Optimizer):
    """AdaGrad with one memory for each row of a table (Duchi, Hazan, Singer, JMLR 2011): w_r -= rate / sqrt(G_r) g.

    G_r: the sum, over all times that a gradient named row r, of the mean square of its numbers. Gradients are sparse
    along rows; a row named several times in a batch moves by the sum. A step uses the gradients up.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is None:
                    continue
                rows, way = one.grad._indices()[0], one.grad._values()  # uncoalesced: no sorting
                state = self.state[one]
                if not state:
                    state["size"] = torch.zeros(len(one), dtype=one.dtype)
                size, wide = state["size"], way.dim() == 2
                square = torch.linalg.vector_norm(way, dim=-1) ** 2 / way.shape[-1] if wide else way**2  # (n,)
                size.scatter_add_(0, rows, square)
                pace = (size[rows] + 1e-12).rsqrt_().mul_(-group["lr"])
                if wide:
                    rows, pace = rows.unsqueeze(-1).expand_as(way), pace.unsqueeze(-1)
                one.scatter_add_(0, rows, way.mul_(pace))
