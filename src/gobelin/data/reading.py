"""Tables as text: CSV, Parquet and frames come in alike, every cell text or nothing, so that '007' stays '007'."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from gobelin.arrays import Array, Bool, Float64, Int32, Int64
from gobelin.data.columns import ROWS, pieces_of, spooled
from gobelin.data.notes import Notebook, several
from gobelin.errors import DatasetError, nearest

ALIASES: Mapping[str, Mapping[str, str]] = {
    "items": {
        "商品编号": "item_id",
        "商品id": "item_id",
        "物品编号": "item_id",
        "标题": "title",
        "商品名称": "title",
        "名称": "title",
        "描述": "text",
        "商品描述": "text",
        "简介": "text",
        "类别": "categories",
        "分类": "categories",
        "类目": "categories",
        "图片": "image",
        "音频": "audio",
        "视频": "video",
    },
    "interactions": {
        "用户编号": "user_id",
        "用户id": "user_id",
        "商品编号": "item_id",
        "商品id": "item_id",
        "物品编号": "item_id",
        "时间": "timestamp",
        "时间戳": "timestamp",
        "评分": "rating",
        "行为": "event",
        "事件": "event",
        "数量": "quantity",
        "评论": "text",
    },
    "users": {"用户编号": "user_id", "用户id": "user_id"},
}
"""Chinese column names that are recognised without a mapping."""

NOTHING = ("nan", "na", "n/a", "null", "none")  # how exports spell a missing number
_LARGEST = float(np.finfo(np.float32).max)
_BLOCK = 64 << 20  # bytes of a CSV file parsed at a time; a row may not be longer


@dataclass(frozen=True)
class Table:
    """name: for messages ("items.csv"); columns: text by name, trimmed, null where empty."""

    name: str
    columns: Mapping[str, pa.ChunkedArray]
    rows: int

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def need(self, column: str) -> pa.ChunkedArray:
        """The column; DatasetError with the nearest name where it is missing."""
        if column not in self.columns:
            raise DatasetError(
                f"{self.name} has no column {column!r}.{nearest(column, self.columns)}",
                f"a column {column!r}; it has " + (", ".join(self.columns) or "none") + ".",
                f'rename it, or map it in dataset.toml: [columns] "THEIR NAME" = "{column}".',
            )
        return self.columns[column]

    def texts(self, column: str) -> list[str | None]:
        return list(self.columns[column].to_pylist())

    def take(self, index: Int64[Array, " taken"]) -> "Table":
        """Some rows, in that order."""
        columns = {name: column.take(pa.array(index)) for name, column in self.columns.items()}
        return replace(self, columns=columns, rows=len(index))


def read_table(folder: Path, stem: str) -> Table | None:
    """`stem.csv` or `stem.parquet` of the folder; None where there is neither, DatasetError where there are both."""
    found = [path for path in (folder / f"{stem}.csv", folder / f"{stem}.parquet") if path.is_file()]
    if len(found) == 2:
        raise DatasetError(
            f"{folder} holds both {stem}.csv and {stem}.parquet.", "one of them.", "remove or rename the older one."
        )
    if not found:
        return None
    return _read_csv(found[0]) if found[0].suffix == ".csv" else _read_parquet(found[0])


def from_frame(frame: pd.DataFrame, name: str) -> Table:
    """A pandas frame as a table; an index that is named like a missing column becomes that column."""
    if frame.index.name and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    names = [str(column) for column in frame.columns]
    refuse_repeats(names, name)
    columns = {}
    for place, column in enumerate(names):
        values = frame.iloc[:, place]
        try:
            array = pa.chunked_array([pa.array(values, from_pandas=True)])
        except (pa.ArrowException, ValueError, TypeError, OverflowError):  # several types in one column, or a rare one
            array = _spelled(values, f"The column {column!r} of {name}")
        columns[column] = _as_text(array)
    return Table(name, columns, len(frame))


def rename(table: Table, file: str, mapping: Mapping[str, str], notes: Notebook) -> Table:
    """The table under our column names: `mapping` first, then Chinese names that are recognised."""
    new: dict[str, str] = {}
    recognised = []
    for column in table.columns:
        if column in mapping:
            new[column] = mapping[column]
            continue
        ours = ALIASES[file].get(column.lower())
        if ours and ours not in table.columns and ours not in mapping.values() and ours not in new.values():
            new[column] = ours
            recognised.append(f"{column} as {ours}")
        else:
            new[column] = column
    names = list(new.values())
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        theirs = [column for column, name in new.items() if name == doubled[0]]
        raise DatasetError(
            f"{table.name}: the columns {' and '.join(theirs)} would both become {doubled[0]!r}.",
            "one column for each name.",
            "correct [columns] in dataset.toml.",
        )
    message = f"{table.name}: {several(len(recognised), 'column')} recognised by name: " + ", ".join(recognised) + "."
    notes.add("columns-recognised", message, len(recognised))
    return replace(table, columns={new[column]: values for column, values in table.columns.items()})


def factorise(column: pa.ChunkedArray) -> tuple[Int32[Array, " rows"], list[str]]:
    """(code of each row, -1 where empty; the distinct texts in order of first appearance)."""
    if len(column) == 0:
        return np.zeros(0, dtype=np.int32), []
    coded = column.combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, list(coded.dictionary.to_pylist())


def numbers(column: pa.ChunkedArray) -> tuple[Float64[Array, " rows"], Bool[Array, " rows"]]:
    """(values, NaN where empty or unreadable; True where a text is no number, or none that float32 holds)."""
    try:
        values = _floats(pc.cast(column, pa.float64()))
        bad = np.zeros(len(values), dtype=bool)
    except pa.ArrowInvalid:
        codes, texts = factorise(column)
        distinct = np.array([_number(text) for text in texts] + [np.nan], dtype=np.float64)
        is_text = np.array([text.lower() not in NOTHING for text in texts] + [False], dtype=bool)
        values = distinct[codes]
        bad = is_text[codes] & np.isnan(values)
    beyond = np.abs(values) > _LARGEST
    values[beyond] = np.nan
    return values, bad | beyond


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _floats(column: pa.ChunkedArray) -> Float64[Array, " rows"]:
    return np.array(column.to_numpy(), dtype=np.float64)  # null becomes NaN; a copy, so that it can be written


def _read_csv(path: Path) -> Table:
    try:
        with path.open("rb") as file:
            return _read_open_csv(file, path)
    except OSError as wrong:
        raise DatasetError(
            f"{path.name} cannot be read: {wrong.strerror or wrong}.", "a file that may be read.", "look at its rights."
        ) from wrong


def _read_open_csv(file: BinaryIO, path: Path) -> Table:
    names = _header(file, path)
    refuse_repeats([name for name in names if name], path.name)
    unique = [name or f"unnamed {place}" for place, name in enumerate(names)]
    try:
        table = arrow_csv.read_csv(
            file,
            read_options=arrow_csv.ReadOptions(column_names=unique, skip_rows_after_names=1, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in unique}, null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as wrong:
        if "UTF8" in str(wrong) or "UTF-8" in str(wrong):
            raise _not_utf8(path) from wrong
        raise DatasetError(
            f"{path.name} cannot be read: {wrong}.",
            f"{len(names)} columns in every row, as in its first line.",
            "correct that row; a value that holds a comma or a line break needs double quotes around it.",
        ) from wrong
    columns = {name: trimmed(table.column(place)) for place, name in enumerate(names) if name}
    return Table(path.name, columns, table.num_rows)


def _header(file: BinaryIO, path: Path) -> list[str]:
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        names = [name.strip() for name in next(csv.reader(lines), [])]
    except UnicodeDecodeError as wrong:
        raise _not_utf8(path) from wrong
    except csv.Error as wrong:
        raise DatasetError(f"{path.name} cannot be read: {wrong}.", "a CSV file.", "write it again as CSV.") from wrong
    finally:
        lines.detach()
        file.seek(0)
    if not any(names):
        raise DatasetError(f"{path.name} is empty.", "a first line with the names of the columns.", "write it again.")
    for separator, word in (("\t", "tabs"), (";", "semicolons")):
        if len(names) == 1 and separator in names[0]:
            raise DatasetError(
                f"The columns of {path.name} are separated by {word}.",
                "a CSV file with commas.",
                "write it again with commas, or as Parquet.",
            )
    return names


def _not_utf8(path: Path) -> DatasetError:
    return DatasetError(
        f"{path.name} is not UTF-8 text.",
        "a CSV file in UTF-8.",
        f"convert it, e.g. `iconv -f GB18030 -t UTF-8 {path.name}`, or save it as 'CSV UTF-8'.",
    )


def _read_parquet(path: Path) -> Table:
    try:
        with parquet.ParquetFile(path) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            refuse_repeats(names, path.name)
            columns = {name: _column(file, name) for name in names}
    except (pa.ArrowException, OSError) as wrong:
        raise DatasetError(
            f"{path.name} cannot be read: {wrong}.", "a Parquet file.", "write it again; it may be cut short."
        ) from wrong
    return Table(path.name, columns, rows)


def _column(file: parquet.ParquetFile, name: str) -> pa.ChunkedArray:
    """One column as trimmed text; one of text comes some rows at a time, so that it need not fit into memory."""
    if file.schema_arrow.field(name).type == pa.string() and file.metadata.num_rows:
        batches = file.iter_batches(ROWS, columns=[name])
        return spooled(_trimmed(batch.column(name)) for batch in batches)
    return _as_text(file.read(columns=[name]).column(name))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Any column as trimmed text: lists joined by '|', whole floats without their point (a pandas id with gaps)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        joined = ["|".join(str(one) for one in row if one is not None) if row else None for row in column.to_pylist()]
        return trimmed(pa.chunked_array([pa.array(joined, pa.string())]))
    if pa.types.is_floating(kind):
        values = _floats(column.cast(pa.float64()))
        known = values[np.isfinite(values)]
        missing = pa.array(np.isnan(values))
        if np.all(known == np.floor(known)) and np.all(np.abs(known) < 2**53) and not np.isinf(values).any():
            column = pa.chunked_array([pa.array(np.nan_to_num(values).astype(np.int64), mask=np.isnan(values))])
        else:
            column = pc.if_else(missing, None, column)
    try:
        return trimmed(column.cast(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a structure, a duration, bytes that are no text
        return trimmed(_spelled(column.to_pylist(), "A column"))


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts without space around them; null where nothing is left."""
    if len(column) == 0:
        return pa.chunked_array([pa.array([], pa.string())])
    return spooled(_trimmed(piece) for piece in pieces_of(column))


def _trimmed(texts: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def refuse_repeats(names: list[str], file: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DatasetError(
            f"{file} has the column {repeated[0]!r} more than once.",
            "each column once.",
            "remove or rename the others.",
        )


def _spelled(values: Iterable[Any], where: str) -> pa.ChunkedArray:
    """Each value as Python writes it."""
    try:
        return pa.chunked_array([pa.array([None if _is_null(v) else str(v) for v in values], pa.string())])
    except UnicodeEncodeError as wrong:
        raise DatasetError(f"{where} holds text that is no Unicode: {wrong}.", "text.", "write it again.") from wrong


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
