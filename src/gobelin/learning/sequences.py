"""Histories as padded rows, for networks that read them in order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gobelin.arrays import Array, Bool, Int64
from gobelin.values import Histories
from gobelin.values.histories import Kind

KINDS = len(Kind)
TOGETHER = 16  # batches among whose rows like lengths are brought together: less is padded
GAPS = 16  # steps of the time between events: 2^step minutes


@dataclass(frozen=True)
class Padded:
    """The last events of each history, oldest first, at the right; what is left over on the left is not `real`.

    items: rows of the item, 0 where not real; kinds: `Kind`; gaps: log2 of the minutes since the event before, 0 for
    the first and without times. All (n, length).
    """

    items: Int64[Array, "n length"]
    kinds: Int64[Array, "n length"]
    gaps: Int64[Array, "n length"]
    real: Bool[Array, "n length"]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Array) -> "Padded":
        return Padded(self.items[rows], self.kinds[rows], self.gaps[rows], self.real[rows])

    def shorter(self) -> "Padded":
        """Without columns in which nothing is real; one is left."""
        used = int(self.real.sum(axis=1).max(initial=1))
        some = slice(self.items.shape[1] - max(used, 1), None)
        return Padded(self.items[:, some], self.kinds[:, some], self.gaps[:, some], self.real[:, some])

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """items, kinds, gaps, real."""
        return tuple(
            torch.from_numpy(np.ascontiguousarray(one)) for one in (self.items, self.kinds, self.gaps, self.real)
        )  # type: ignore[return-value]


def padded(histories: Histories, length: int) -> Padded:
    """Positive events on items alone; the last `length` of each."""
    log = histories.keep((histories.items >= 0) & (histories.weights > 0))
    ends = log.starts[1:]
    place = ends[:, None] - length + np.arange(length)[None, :]
    real = place >= log.starts[:-1, None]
    at = np.where(real, place, 0)
    if not len(log.items):
        nothing = np.zeros((len(log), length), dtype=np.int64)
        return Padded(nothing, nothing, nothing, np.zeros((len(log), length), dtype=bool))
    gaps = np.zeros(len(log.items), dtype=np.int64)
    if log.times is not None:
        minutes = np.maximum(np.diff(log.times, prepend=log.times[:1]), 0) / 60
        minutes[log.starts[:-1][log.lengths > 0]] = 0
        gaps = np.minimum(np.log2(1 + minutes), GAPS - 1).astype(np.int64)
    items = np.where(real, log.items[at], 0).astype(np.int64)
    kinds = np.where(real, log.kinds[at], 0).astype(np.int64)
    return Padded(items, kinds, np.where(real, gaps[at], 0), real)


def shuffled(given: Padded, size: int, rng: np.random.Generator) -> Iterator[Padded]:
    """One epoch of batches: rows with two events or more, each once, in random order; like lengths come together."""
    lengths = given.real.sum(axis=1)
    rows = rng.permutation(np.flatnonzero(lengths >= 2))
    for start in range(0, len(rows), size * TOGETHER):
        some = rows[start : start + size * TOGETHER]
        some = some[np.argsort(lengths[some], kind="stable")]
        batches = [some[at : at + size] for at in range(0, len(some), size)]
        for place in rng.permutation(len(batches)).tolist():
            yield given.take(batches[place]).shorter()
