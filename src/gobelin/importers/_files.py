"""What importers read with: files found by name, delimited tables as a stream of columns, lines of JSON."""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from gobelin.data.draft import Draft
from gobelin.data.notes import examples
from gobelin.errors import DatasetError

Row = TypeVar("Row")
BLOCK = 1 << 23  # bytes that are parsed at once; no line may be longer


def held(source: Path) -> str:
    """What a folder holds, for messages."""
    if source.is_file():
        return f"it is the file {source.name}"
    return f"it holds {examples(sorted(path.name for path in source.iterdir()), 8) or 'nothing'}"


def one_folder(source: Path, *names: str) -> Path:
    """`source`, or the one folder inside it, as archives unpack, where only that holds any of the names."""
    if source.is_file() or any((source / name).is_file() for name in names):
        return source
    inside = [f for f in source.iterdir() if f.is_dir() and any((f / name).is_file() for name in names)]
    return inside[0] if len(inside) == 1 else source


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read, unpacked where its name ends in .gz. A disk's or archive's fault becomes a DatasetError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as wrong:
        raise DatasetError(
            f"{path.name} cannot be read: {wrong}.", "a whole file.", "check it; a download may be cut short."
        ) from wrong


def batches(
    path: Path,
    draft: Draft,
    *,
    delimiter: str = ",",
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    quoted: bool = False,
) -> Iterator[dict[str, pa.Array]]:
    """A delimited table as columns of text, some thousand rows at a time; empty cells are null.

    names: of the columns, where the file has no first line with them. quoted: "..." holds delimiters and line breaks.
    A line with another number of columns is left out and counted. Raises DatasetError for an empty file and for text
    in another encoding.
    """
    with opened(path) as file:
        columns = list(names) if names else header(path, delimiter, encoding, quoted=quoted)
        broken = 0

        def skip(row: Any) -> str:
            nonlocal broken
            broken += 1
            return "skip"

        stream: Any = file if len(delimiter) == 1 else io.BufferedReader(_OneByte(file, delimiter.encode()), BLOCK)
        try:
            reader = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    column_names=columns, skip_rows=0 if names else 1, encoding=encoding, block_size=BLOCK
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter if len(delimiter) == 1 else _OneByte.mark.decode(),
                    quote_char='"' if quoted else False,
                    newlines_in_values=quoted,
                    invalid_row_handler=skip,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: pa.string() for name in columns}, null_values=[""], strings_can_be_null=True
                ),
            )
            for batch in reader:
                draft.reading(path.name, batch.num_rows)
                yield {name: batch.column(place) for place, name in enumerate(columns)}
        except pa.ArrowInvalid as wrong:
            if "Empty CSV file" in str(wrong):  # a first line and nothing below it
                return
            if "UTF" in str(wrong):
                raise not_in(path, encoding) from wrong
            raise DatasetError(
                f"{path.name} cannot be read: {wrong}.", f"{len(columns)} columns in every line.", "correct the file."
            ) from wrong
        finally:
            draft.reading(path.name, broken)
            draft.leave(f"{path.name}: lines with another number of columns", broken)


def header(path: Path, delimiter: str, encoding: str = "utf-8", *, quoted: bool = False) -> list[str]:
    """The names in the first line. DatasetError where the file is empty or has a name twice."""
    with opened(path) as file:
        try:
            line = file.readline(BLOCK).decode("utf-8-sig" if encoding == "utf-8" else encoding).rstrip("\r\n")
        except UnicodeDecodeError as wrong:
            raise not_in(path, encoding) from wrong
    names = next(csv.reader([line], delimiter=delimiter), []) if quoted else line.split(delimiter)
    names = [name.strip() for name in names]
    if not any(names):
        raise DatasetError(f"{path.name} is empty.", "a first line with the names of the columns.", "check the file.")
    if len(set(names)) != len(names):
        raise DatasetError(
            f"{path.name} names a column twice: {', '.join(names)}.", "each column once.", "rename one of them."
        )
    return names


def not_in(path: Path, encoding: str) -> DatasetError:
    return DatasetError(
        f"{path.name} is not {encoding.upper()} text.",
        f"a text file in {encoding.upper()}.",
        f"convert it, e.g. `iconv -f GB18030 -t UTF-8 {path.name}`.",
    )


def encoding_of(path: Path) -> str:
    """ "utf-8" where the whole file is, else "latin-1"; for small files of an older time."""
    with opened(path) as file:
        try:
            file.read().decode("utf-8")
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """The rows in lists of so many; the last may be shorter."""
    rows = iter(rows)
    while some := list(itertools.islice(rows, size)):
        yield some


class _OneByte(io.RawIOBase):
    """A file whose long delimiter ("::") becomes one byte, which the parser needs and no text has."""

    mark = b"\x1f"

    def __init__(self, file: IO[bytes], delimiter: bytes) -> None:
        super().__init__()
        self._file, self._delimiter = file, delimiter
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            raw = self._file.read(len(buffer))
            if not raw:
                return 0
            raw += self._file.readline()  # whole lines, so that no delimiter is cut
            self._rest = raw.replace(self._delimiter, self.mark)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
