"""Outside ids at the edge, row numbers inside: the table between the two."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gobelin.arrays import Array, Int32, Int64
from gobelin.errors import UnknownName, nearest


class Vocabulary:
    """An ordered set of text ids. Row r stands for `vocabulary[r]`; ids are text, so a leading zero survives.

    Raises ValueError where an id is repeated or is not text.
    """

    __slots__ = ("_index", "ids")

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self._index: dict[str, int] = {name: row for row, name in enumerate(self.ids)}
        if len(self._index) != len(self.ids):
            raise ValueError("ids must be unique")
        if not all(isinstance(name, str) for name in self.ids):
            raise ValueError("ids must be text")

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __getitem__(self, row: int) -> str:
        return self.ids[row]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} ids)"

    def row(self, name: str, what: str = "item") -> int:
        """The row of one id; UnknownName with the nearest spelling where there is none."""
        found = self._index.get(name)
        if found is None:
            raise UnknownName(
                f"There is no {what} {name!r} here.{nearest(name, self.ids[:20_000])}",
                f"one of the {len(self):,} {what} ids of this data set.",
                f"look the id up in the data set; ids are text, so '007' and '7' are two {what}s.",
            )
        return found

    def rows(self, names: Iterable[str]) -> Int32[Array, " rows"]:
        """Rows of many ids, -1 where an id is unknown."""
        return np.fromiter((self._index.get(name, -1) for name in names), dtype=np.int32)

    def take(self, rows: Iterable[int]) -> "Vocabulary":
        return Vocabulary(self.ids[row] for row in rows)


def tie_hash(ids: Sequence[str], seed: int) -> Int64[Array, " ids"]:
    """(ids,) a fixed pseudo-random number below 2^63 for each id: the same in every process, other for other seeds.

    Orders what would otherwise be equal: ties of scores, events of one moment.
    """
    salt = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(hashlib.blake2b(one.encode(), digest_size=8, salt=salt).digest() for one in ids)
    return (np.frombuffer(digests, dtype=np.uint64) >> np.uint64(1)).astype(np.int64)
