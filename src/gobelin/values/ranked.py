"""The answer: for each query up to k items, best first."""

from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float32, Int32


@dataclass(frozen=True)
class Ranked:
    """items[q, r] is the row of the item at rank r + 1 for query q, -1 past the end; scores there are -inf."""

    items: Int32[Array, "queries k"]
    scores: Float32[Array, "queries k"]

    def __post_init__(self) -> None:
        if self.items.shape != self.scores.shape:
            raise ValueError(f"items {self.items.shape} and scores {self.scores.shape} differ in shape")
        if np.any(np.isnan(self.scores)):
            raise ValueError("a score is not a number")

    def __len__(self) -> int:
        return len(self.items)

    @property
    def k(self) -> int:
        return int(self.items.shape[1])
