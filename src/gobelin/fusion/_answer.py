"""The answer that a network trained end to end gives to a target: its loss, and its figures as the target's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gobelin.arrays import Array, Float32, Int64
from gobelin.values import Target
from gobelin.values.target import Told


@dataclass(frozen=True)
class Answer:
    """mean: of the target's columns in the fit; deviation: of numbers, 1 for classes and labels."""

    told: Told
    names: tuple[str, ...]
    mean: Float32[Array, " outputs"]
    deviation: Float32[Array, " outputs"]

    @classmethod
    def of(cls, target: Target, rows: Int64[Array, " fitted"]) -> Self:
        values = target.values[rows].astype(np.float64)
        deviation = values.std(axis=0) if target.told == "numbers" else np.ones(values.shape[1])
        deviation[deviation < 1e-9] = 1
        return cls(target.told, target.names, values.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    def wanted(self, target: Target, rows: Int64[Array, " some"]) -> Float32[Array, "some outputs"]:
        """What `loss` wants of these rows; zeros where the target is not known."""
        out = np.zeros((len(rows), len(self.names)), dtype=np.float32)
        known = target.known[rows]
        values = target.values[rows[known]]
        out[known] = (values - self.mean) / self.deviation if self.told == "numbers" else values
        return out

    def loss(self, said: Tensor, wanted: Tensor) -> Tensor:
        """(n,): cross-entropy of a class, binary cross-entropy of labels, squared error of standardised numbers."""
        if self.told == "class":
            return -(functional.log_softmax(said, dim=-1) * wanted).sum(-1)
        if self.told == "labels":
            return functional.binary_cross_entropy_with_logits(said, wanted, reduction="none").mean(-1)
        return ((said - wanted) ** 2).mean(-1)

    def figures(self, said: Tensor) -> Float32[Array, "rows outputs"]:
        """Probabilities, or numbers in their own unit."""
        if self.told == "class":
            return np.asarray(torch.softmax(said, dim=-1).numpy())
        if self.told == "labels":
            return np.asarray(torch.sigmoid(said).numpy())
        return np.asarray(said.numpy() * self.deviation + self.mean, dtype=np.float32)

    def state(self) -> dict[str, Any]:
        return {"told": self.told, "names": list(self.names), "mean": self.mean, "deviation": self.deviation}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["told"], tuple(state["names"]), state["mean"], state["deviation"])
