"""Things that are nearly the same, among those looked at."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int64


@dataclass(frozen=True)
class Near:
    """looked: how many were compared; near: those of them that nearly repeat an earlier one, without being equal to it.

    pair: places of one such pair among those given, the earlier first; None where there is none. share: how alike that
    pair is, 0..1.
    """

    looked: int
    near: int = 0
    pair: tuple[int, int] | None = None
    share: float = 0.0

    def as_json(self, names: Any) -> dict[str, Any]:
        """names: of what was given, by place."""
        told = None if self.pair is None else [str(names[place]) for place in self.pair]
        return {"looked": self.looked, "near": self.near, "pair": told, "share": round(self.share, 3)}


def sample(count: int, most: int) -> Int64[Array, " drawn"]:
    """All places, or `most` of them drawn without a favourite and always the same, in order."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False)).astype(np.int64)


def runs(band: Array) -> list[Int64[Array, " run"]]:
    """Places with equal values, at least two together, each in order."""
    order = np.argsort(band, kind="stable")
    bounds = np.flatnonzero(np.diff(band[order]) != 0) + 1
    starts, ends = np.r_[0, bounds], np.r_[bounds, len(order)]
    return [order[begin:end] for begin, end in zip(starts.tolist(), ends.tolist(), strict=True) if end - begin > 1]
