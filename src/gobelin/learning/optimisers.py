"""Optimisers by name, from torch."""

from collections.abc import Iterable
from typing import Literal

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

Name = Literal["sgd", "adam", "adamw"]


def make(name: Name, parameters: Iterable[nn.Parameter], rate: float, decay: float) -> Optimizer:
    """decay: L2 added to the gradient; with adamw taken from the weights themselves (Loshchilov and Hutter, ICLR 2019).

    adam: Kingma and Ba, ICLR 2015; sgd: without momentum, as the factor models of the field use it.
    """
    given = [one for one in parameters if one.requires_grad]
    if name == "sgd":
        return SGD(given, lr=rate, weight_decay=decay)
    return (Adam if name == "adam" else AdamW)(given, lr=rate, weight_decay=decay)
