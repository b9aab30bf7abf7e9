"""Negatives: items that a person did not take, drawn by a generator that is handed down."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int64

Law = Literal["uniform", "popularity"]
SPARSE = 16  # slots of the sieve for each pair
TRIES = 20  # draws again for those that hit a taken item; a person who took nearly everything keeps a last one


@dataclass(frozen=True)
class Negatives:
    """Items drawn by a law, those of the row's own log drawn again.

    taken: (rows, items), sorted indices: what is no negative. power: of the popularity, "popularity" alone (.75 is
    word2vec's, Mikolov et al. 2013). Items of `barred` are never drawn (items whose events were held out, say).
    """

    taken: csr_array
    law: Law = "uniform"
    power: float = 0.75
    barred: Array | None = None
    _keys: Int64[Array, " pairs"] = field(init=False, repr=False)
    _sieve: Bool[Array, " slots"] = field(init=False, repr=False)
    _sums: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_rows, n_items = self.taken.shape
        rows = np.repeat(np.arange(n_rows, dtype=np.int64), np.diff(self.taken.indptr))
        object.__setattr__(self, "_keys", np.sort(rows * n_items + self.taken.indices))
        sieve = np.zeros(1 << min(max(len(rows) * SPARSE, 2).bit_length(), 26), dtype=bool)
        sieve[_slots(self._keys, len(sieve))] = True
        object.__setattr__(self, "_sieve", sieve)
        object.__setattr__(self, "_sums", np.cumsum(self.chances, dtype=np.float64))

    @property
    def chances(self) -> Array:
        """(items,) how often each item is drawn, of 1, before anything is drawn again."""
        counts = np.bincount(self.taken.indices, minlength=self.taken.shape[1]).astype(np.float64)
        weight = np.ones_like(counts) if self.law == "uniform" else np.maximum(counts, 0.5) ** self.power
        if self.barred is not None:
            weight[self.barred] = 0
        total = weight.sum()
        return np.asarray(weight / total) if total > 0 else np.full(len(weight), 1 / max(len(weight), 1))

    def log_chances(self) -> Float32[Array, " items"]:
        return np.log(np.maximum(self.chances, 1e-12)).astype(np.float32)

    def draw(self, rows: Int64[Array, " n"], k: int, rng: np.random.Generator) -> Int64[Array, "n k"]:
        """k items for each row, none of them taken by that row."""
        n_items = self.taken.shape[1]
        out = self._any(len(rows) * k, rng)
        own = np.repeat(rows, k) * n_items
        open_ = np.arange(len(out))
        for _ in range(TRIES):
            open_ = open_[self._hit(own[open_] + out[open_])]
            if not len(open_):
                break
            out[open_] = self._any(len(open_), rng)
        return out.reshape(len(rows), k)

    def _any(self, n: int, rng: np.random.Generator) -> Int64[Array, " n"]:
        if self.law == "uniform" and self.barred is None:
            return rng.integers(0, self.taken.shape[1], n, dtype=np.int64)
        drawn = np.searchsorted(self._sums, rng.random(n) * self._sums[-1], side="right")
        return np.minimum(drawn, self.taken.shape[1] - 1).astype(np.int64)

    def _hit(self, keys: Int64[Array, " n"]) -> Array:
        """Which pairs are in the log. Few are: the sieve lets nearly all others go before anything is searched."""
        hit = self._sieve[_slots(keys, len(self._sieve))]
        left = keys[hit]
        if len(left):
            place = np.minimum(np.searchsorted(self._keys, left), len(self._keys) - 1)
            hit[hit] = self._keys[place] == left
        return np.asarray(hit)


def _slots(keys: Int64[Array, " n"], size: int) -> Array:
    """A slot of the sieve for each key (Fibonacci hashing, Knuth 1973). size: a power of two from 4 on."""
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(65 - size.bit_length())).astype(np.int64)
