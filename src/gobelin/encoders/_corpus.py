"""The words of a catalogue in one streamed pass: numbered, counted, and kept on disk to be read again."""

import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import numpy as np

from gobelin.arrays import Array, Int32, Int64
from gobelin.media.text import compose, words
from gobelin.protocols import Content

_BLOCK = 1 << 20  # words that are read back at once
_END_TEXT, _END_ITEM = -1, -2


def texts_of(content: Content, fields: tuple[str, ...], longest: int) -> list[list[str]]:
    """The words of each composed text of an item (one for each of its languages), in order."""
    return [found for text in compose(content, fields, longest) if (found := words(text))]


class Corpus:
    """Every text of some items as numbers of words, in a temporary file (4 bytes a word); the words alone in memory."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, contents: Iterable[Content], fields: tuple[str, ...], longest: int) -> Self:
        for content in contents:
            numbers: list[int] = []
            for text in texts_of(content, fields, longest):
                for word in text:
                    number = self._numbers.get(word)
                    if number is None:
                        number = self._numbers[word] = len(self.names)
                        self.names.append(word)
                    numbers.append(number)
                numbers.append(_END_TEXT)
            if numbers:
                self._file.write(np.array([*numbers, _END_ITEM], dtype=np.int32).tobytes())
        return self

    def blocks(self) -> Iterator[Int32[Array, " words"]]:
        """The numbers in order, in large pieces that end with an item; negative ones end a text or an item."""
        self._file.seek(0)
        rest = np.zeros(0, dtype=np.int32)
        while raw := self._file.read(4 * _BLOCK):
            block = np.concatenate([rest, np.frombuffer(raw, dtype=np.int32)])
            ends = np.flatnonzero(block == _END_ITEM)
            if not len(ends):
                rest = block
                continue
            rest = block[ends[-1] + 1 :]
            yield block[: ends[-1] + 1]

    def counts(self) -> tuple[Int64[Array, " names"], Int64[Array, " names"]]:
        """(how often each word is said, how many items hold it)."""
        said = np.zeros(len(self.names), dtype=np.int64)
        holding = np.zeros(len(self.names), dtype=np.int64)
        for block in self.blocks():
            item = np.cumsum(block == _END_ITEM)[block >= 0]
            spoken = block[block >= 0].astype(np.int64)
            said += np.bincount(spoken, minlength=len(said))
            pairs = np.unique(item.astype(np.int64) * len(said) + spoken)
            holding += np.bincount(pairs % len(said), minlength=len(said))
        return said, holding

    def items(self) -> Iterator[list[str]]:
        """The words of each item, in order."""
        for block in self.blocks():
            starts = np.r_[0, np.flatnonzero(block == _END_ITEM) + 1]
            for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                yield [self.names[number] for number in block[begin:end].tolist() if number >= 0]


def most_frequent(
    said: Int64[Array, " names"], holding: Int64[Array, " names"], least: int, most: int
) -> Int64[Array, " kept"]:
    """Numbers of the words that at least `least` items hold, the most said first, at most `most`."""
    kept = np.flatnonzero(holding >= least)
    return kept[np.argsort(-said[kept], kind="stable")[:most]]
