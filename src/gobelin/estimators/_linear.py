"""A linear map with what its outputs mean: what logistic and ridge regression come down to."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit, softmax

from gobelin.arrays import Array, Float32, Float64
from gobelin.protocols import State


@dataclass(frozen=True)
class Linear:
    """(x - shift) @ weights + bias, read as numbers, as the odds of each label, or as those of classes."""

    told: str
    shift: Float32[Array, " dim"]
    weights: Float32[Array, "dim outputs"]
    bias: Float64[Array, " outputs"]

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        said = ((values - self.shift) @ self.weights).astype(np.float64) + self.bias
        if self.told == "class":
            said = softmax(said, axis=1)
        elif self.told == "labels":
            said = expit(said)
        return said.astype(np.float32)

    def state(self) -> State:
        return {"told": self.told, "shift": self.shift, "weights": self.weights, "bias": self.bias}

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(str(state["told"]), *(np.asarray(state[name]) for name in ("shift", "weights", "bias")))
