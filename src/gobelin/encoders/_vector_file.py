"""Files of word vectors, read as a stream: GloVe text, word2vec text, word2vec binary, each also gzipped.

    glove         WORD x1 ... xD                     one line a word
    word2vec      N D, then lines as GloVe's
    binary        N D, then WORD, a space, D float32 little-endian, perhaps a line break

A word may hold spaces in text files (the last D columns are the numbers). Words are UTF-8; bytes that are not are
replaced.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NoReturn, cast

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.errors import UserError

Format = Literal["auto", "glove", "word2vec", "binary"]

_LONGEST_WORD = 2_000  # bytes
_LONGEST_LINE = 1 << 20
_LARGEST_DIM = 10_000
_CHUNK = 1 << 20

_File = io.BufferedReader  # its `peek` looks ahead
_Keep = Callable[[int, str], bool]  # (its place in the file, the word) -> whether its vector is read


class _DamagedError(Exception):
    """What is wrong, as the end of a sentence."""


def read_vectors(
    path: Path, wanted: Iterable[str], spare: int, kind: Format = "auto"
) -> tuple[list[str], Float32[Array, "words dim"]]:
    """(words, vectors) of the wanted words that the file has, and of its first `spare` words, in the file's order.

    wanted: in lower case; "Paris" gives the vector of "paris" where the file has no "paris" of its own. The file is
    read to its end and only what is kept is held. Raises UserError where it is absent, damaged or of another kind.
    """
    asked = set(wanted)
    found: dict[str, tuple[Float32[Array, " dim"], bool]] = {}  # vector; whether the file has the word in lower case
    dim = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == b"\x1f\x8b"
            file: _File = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw) if zipped else raw), _CHUNK)
            for name, vector in _entries(file, kind, lambda place, word: place < spare or word.lower() in asked):
                dim, key = len(vector), name.lower()
                if not np.isfinite(vector).all():
                    raise _DamagedError(f"the vector of {name!r} holds numbers that are not finite")
                if key not in found or (name == key and not found[key][1]):
                    found[key] = (vector, name == key)
    except OSError as wrong:
        if not isinstance(wrong, gzip.BadGzipFile):
            _refuse(path, f"it cannot be read ({wrong.strerror or wrong})")
        _refuse(path, f"its compression is broken ({wrong})")
    except (EOFError, zlib.error) as wrong:
        _refuse(path, f"its compression is broken ({wrong})")
    except _DamagedError as wrong:
        _refuse(path, str(wrong))
    if not found:
        return [], np.zeros((0, dim), dtype=np.float32)
    return list(found), np.stack([vector for vector, _ in found.values()])


def _refuse(path: Path, why: str) -> NoReturn:
    raise UserError(
        f"The word vectors {path} cannot be used: {why}.",
        "a whole file of GloVe text, word2vec text or word2vec binary.",
        "check the path, fetch the file again, or name its `format`.",
    ) from None


def _entries(file: _File, kind: Format, keep: _Keep) -> Iterator[tuple[str, Float32[Array, " dim"]]]:
    first = file.readline(_LONGEST_LINE)
    if not first:
        raise _DamagedError("it has no bytes")
    header = None if kind == "glove" else _header(first)
    if header is None:
        if kind in ("word2vec", "binary"):
            raise _DamagedError(f"it begins with {first[:40]!r} and not with a count of words and dimensions")
        return _lines(file, first, None, None, keep)
    count, dim = header
    if not 1 <= dim <= _LARGEST_DIM:
        raise _DamagedError(f"it begins with {dim:,} dimensions")
    if kind == "binary" or (kind == "auto" and not _is_line(file, dim)):
        return _records(file, count, dim, keep)
    return _lines(file, b"", count, dim, keep)


def _header(line: bytes) -> tuple[int, int] | None:
    numbers = line.split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def _is_line(file: _File, dim: int) -> bool:
    """Whether what follows is a word and `dim` numbers as text."""
    ahead = file.peek(_CHUNK)
    values = ahead.partition(b"\n")[0].rsplit(None, dim)
    try:
        return len(values) == dim + 1 and all(np.isfinite(float(value)) for value in values[1:])
    except ValueError:
        return False


def _lines(
    file: _File, first: bytes, count: int | None, dim: int | None, keep: _Keep
) -> Iterator[tuple[str, Float32[Array, " dim"]]]:
    """first: a line that was read already. dim: None where the first line tells it."""
    number, place = (0, 0) if first else (1, 0)
    line = first or file.readline(_LONGEST_LINE)
    while line:
        number += 1
        line = line.rstrip()
        if line:
            if dim is None:
                dim = line.count(b" ")
                if not 1 <= dim <= _LARGEST_DIM:
                    raise _DamagedError(f"line {number:,} is no word with numbers: {line[:40]!r}")
            spaces = line.count(b" ")
            if spaces < dim:
                raise _DamagedError(f"line {number:,} holds {spaces:,} numbers and not {dim:,}: {line[:40]!r}")
            # the usual case, without cutting the line at each number
            raw = line[: line.index(b" ")] if spaces == dim else line.rsplit(b" ", dim)[0]
            name = raw.decode("utf-8", "replace")
            if keep(place, name):
                try:
                    values = np.array([float(value) for value in line.rsplit(b" ", dim)[1:]], dtype=np.float32)
                except ValueError as wrong:
                    raise _DamagedError(f"line {number:,} holds what is no number ({wrong})") from None
                yield name, values
            place += 1
        line = file.readline(_LONGEST_LINE)
    if count is not None and place < count:
        raise _DamagedError(f"it ends after {place:,} of {count:,} words")


def _records(file: _File, count: int, dim: int, keep: _Keep) -> Iterator[tuple[str, Float32[Array, " dim"]]]:
    size = 4 * dim
    buffer, begin = b"", 0
    for place in range(count):
        if len(buffer) - begin < _LONGEST_WORD + size:
            buffer, begin = buffer[begin:] + file.read(_CHUNK + size), 0
        space = buffer.find(b" ", begin, begin + _LONGEST_WORD)
        if space < 0 and len(buffer) - begin >= _LONGEST_WORD:
            raise _DamagedError(f"word {place + 1:,} does not end within {_LONGEST_WORD:,} bytes")
        if space < 0 or len(buffer) < space + 1 + size:
            raise _DamagedError(f"it ends after {place:,} of {count:,} words")
        name = buffer[begin:space].strip(b"\n").decode("utf-8", "replace")
        if keep(place, name):
            yield name, np.frombuffer(buffer, "<f4", dim, space + 1).astype(np.float32)
        begin = space + 1 + size
