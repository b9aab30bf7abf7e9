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
    """Events of a history in each row, oldest first, at the right; what is left over on the left is not `real`.

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
    """Positive events on items alone; the last `length` of each history."""
    log = _positive(histories)
    return _cut(log, log.starts[:-1], log.starts[1:], length)


def windows(histories: Histories, length: int, shared: int = 0) -> Padded:
    """Positive events on items alone, all of them: each history cut from its end into windows of `length`.

    Only the first window of a history may be shorter. shared: how many events before a window's own it shows as well,
    of the `length`: with 1, each event but a history's first is once the next one of another.
    """
    log = _positive(histories)
    own = length - shared
    count = np.maximum(-(-(log.lengths - shared) // own), 1)
    history = np.repeat(np.arange(len(log), dtype=np.int64), count)
    later = np.repeat(np.cumsum(count), count) - 1 - np.arange(len(history))  # windows that come after it
    return _cut(log, log.starts[:-1][history], log.starts[1:][history] - later * own, length)


def _positive(histories: Histories) -> Histories:
    return histories.keep((histories.items >= 0) & (histories.weights > 0))


def _cut(log: Histories, begins: Int64[Array, " n"], ends: Int64[Array, " n"], length: int) -> Padded:
    """Events begins:ends of the log, the last `length` of them."""
    place = ends[:, None] - length + np.arange(length)[None, :]
    real = place >= begins[:, None]
    if not len(log.items):
        nothing = np.zeros(real.shape, dtype=np.int64)
        return Padded(nothing, nothing, nothing, np.zeros(real.shape, dtype=bool))
    at = np.where(real, place, 0)
    gaps = np.zeros(len(log.items), dtype=np.int64)
    if log.times is not None:
        minutes = np.maximum(np.diff(log.times, prepend=log.times[:1]), 0) / 60
        minutes[log.starts[:-1][log.lengths > 0]] = 0
        gaps = np.minimum(np.log2(1 + minutes), GAPS - 1).astype(np.int64)
    items = np.where(real, log.items[at], 0).astype(np.int64)
    kinds = np.where(real, log.kinds[at], 0).astype(np.int64)
    return Padded(items, kinds, np.where(real, gaps[at], 0), real)


def cloze(real: Tensor, share: float, chance: torch.Generator, alone: float = 0.0) -> Tensor:
    """(n, length) places of each row that are hidden to be asked for: about that share of the real ones.

    One at least is hidden, and of two or more one at least is not. alone: share of the rows in which only the last
    place is hidden.
    """
    hidden = real & (torch.rand(real.shape, generator=chance) < share)
    last = torch.arange(real.shape[1]) == real.shape[1] - 1
    if alone > 0:
        rows = torch.rand((len(real), 1), generator=chance) < alone
        hidden = torch.where(rows, last & real, hidden)
    hidden |= last & real & ~hidden.any(-1, keepdim=True)
    first = real & (real.cumsum(-1) == 1)
    return hidden & ~(first & (hidden == real).all(-1, keepdim=True))


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
