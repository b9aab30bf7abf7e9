"""Keys of vectors that were met before, by sixteen bytes each."""

import numpy as np

from gobelin.arrays import Array, Bool
from gobelin.features.shards import KEY, position


class KeySet:
    """A set of keys that grows: a few sorted arrays, of which the last is never half as long as the one before it.

    16 bytes a key (32 while two arrays are merged), where a set of Python's bytes takes about 110.
    """

    def __init__(self) -> None:
        self._runs: list[Array] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, keys: Array) -> Bool[Array, " keys"]:
        """Adds keys (as `shards.sortable` gives them); True for each that is new here, of equal ones for the first."""
        distinct, first = np.unique(keys, return_index=True)
        new = np.ones(len(distinct), dtype=bool)
        for run in self._runs:
            new &= position(run, distinct) < 0
        out = np.zeros(len(keys), dtype=bool)
        out[first[new]] = True
        if new.any():
            self._runs.append(distinct[new])
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]
        return out


def joined(parts: list[bytes]) -> Array:
    """(keys, KEY) uint8 of keys that stand one behind another."""
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, KEY)
