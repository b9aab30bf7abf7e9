"""Columns of text, however long: a large one lies in a mapped file without a name, and is read where it is asked."""

import contextlib
import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

import pyarrow as pa

from gobelin.errors import StoreError

MAPPED = 32 << 20
"""Bytes from which a column lies in a mapped file."""

ROWS = 1 << 16  # that are brought into memory together
_AT_ONCE = 4096  # texts that are Python's at a time while a column is gone through


class Column(Sequence[str | None]):
    """The texts of a column, one for each row, None where there is none. Each is made when it is asked for."""

    def __init__(self, texts: pa.ChunkedArray) -> None:
        self._pieces = [piece for piece in texts.chunks if len(piece)]
        self._starts = list(accumulate(map(len, self._pieces), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[str | None]:
        for piece in self._pieces:
            for start in range(0, len(piece), _AT_ONCE):
                yield from piece.slice(start, _AT_ONCE).to_pylist()

    @overload
    def __getitem__(self, row: int) -> str | None: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[str | None, ...]: ...
    def __getitem__(self, row: int | slice) -> str | tuple[str | None, ...] | None:
        if isinstance(row, slice):
            return tuple(self[one] for one in range(*row.indices(len(self))))
        place = row + len(self) if row < 0 else row
        if not 0 <= place < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        number = bisect_right(self._starts, place) - 1
        text: str | None = self._pieces[number][place - self._starts[number]].as_py()
        return text


def texts_of(column: pa.ChunkedArray) -> Sequence[str | None]:
    """The texts: a tuple where they are small, a Column where they are not."""
    return Column(column) if column.nbytes > MAPPED else tuple(column.to_pylist())


def pieces_of(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """The same rows, some at a time."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), ROWS):
            yield chunk.slice(start, ROWS)


def spooled(pieces: Iterable[pa.Array]) -> pa.ChunkedArray:
    """Texts that come piece by piece: in memory, or, as soon as they are large, in a mapped file.

    Raises StoreError where the folder for temporary files is full.
    """
    waiting: list[pa.Array] = []
    size = 0
    stream = iter(pieces)
    for piece in stream:
        waiting.append(piece)
        size += piece.nbytes
        if size > MAPPED:
            return _in_file(waiting, stream)
    return pa.chunked_array(waiting, pa.string())


def _in_file(waiting: list[pa.Array], stream: Iterator[pa.Array]) -> pa.ChunkedArray:
    schema = pa.schema([("text", pa.string())])
    descriptor, name = tempfile.mkstemp(prefix="gobelin-column-")
    try:
        os.close(descriptor)
        with pa.OSFile(name, "wb") as file, pa.ipc.new_file(file, schema) as writer:
            while waiting:
                writer.write_batch(pa.record_batch([waiting.pop(0)], schema=schema))
            for piece in stream:
                writer.write_batch(pa.record_batch([piece], schema=schema))
        return pa.ipc.open_file(pa.memory_map(name)).read_all().column(0)
    except OSError as wrong:
        raise StoreError(
            f"A column does not fit into the folder for temporary files: {wrong.strerror or wrong}.",
            f"room in {tempfile.gettempdir()}.",
            "free some space, or set TMPDIR to another folder.",
        ) from wrong
    finally:
        with contextlib.suppress(OSError):  # a system that keeps mapped files named removes it later
            os.unlink(name)
