"""A dataset folder being written, in one pass and by batches: what an importer fills.

    with Draft(folder) as draft:
        draft.events({"user_id": ["ana"], "item_id": ["007"], "rating": ["5"]})
        draft.items({"item_id": ["007"], "title": ["Goldfinger"]})
        told = draft.finish()

Memory: the ids of items and users, and one batch; a log of any length passes through.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import tomli_w
from pyarrow import parquet

from gobelin.arrays import Array, Bool, Float32
from gobelin.data.notes import several
from gobelin.data.reading import numbers, trimmed
from gobelin.errors import DatasetError

Column: TypeAlias = Sequence[str | None] | pa.Array | pa.ChunkedArray
Tell = Callable[[str, int, int], None]

NUMBERS = ("rating", "timestamp", "quantity")
"""Columns of the log that are numbers; every other one is text."""

SENSES = ("text", "image", "audio", "video", "attributes")
"""What recipes call their encoders: a sense has one name, so vectors of these names are called otherwise."""


@dataclass(frozen=True)
class Drafted:
    """What became of a source. read: rows by file. written: rows by table of the folder. left_out: rows by reason.

    notes: what was met and kept, counted.
    """

    read: Mapping[str, int]
    written: Mapping[str, int]
    left_out: Mapping[str, int]
    notes: Mapping[str, int]

    def as_json(self) -> dict[str, dict[str, int]]:
        return {name: dict(value) for name, value in vars(self).items()}


class Draft:
    """Tables that grow. folder: exists and is empty; tell: hears (file, rows read, 0) as reading goes on."""

    def __init__(self, folder: Path, tell: Tell = lambda step, done, total: None) -> None:
        self.folder, self._tell = folder, tell
        self._sheets: dict[str, _Sheet] = {}
        self._read: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._ids: dict[str, set[str]] = {}  # of each table, to see repeats
        self._asked: dict[str, None] = {}  # items of the log in order of appearance
        self._people: set[str] = set()
        self._lengths: dict[str, int] = {}  # of vectors, by name
        self._settings: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sheet in self._sheets.values():
            sheet.close()

    def reading(self, file: str, rows: int) -> None:
        """So many more rows of a file were read, broken ones among them."""
        self._read[file] += rows
        self._tell(file, self._read[file], 0)

    def leave(self, why: str, count: int = 1) -> None:
        """So many rows are left out; `why` names the file or table and the reason."""
        if count:
            self._left_out[why] += count

    def note(self, what: str, count: int) -> None:
        if count:
            self._notes[what] += count

    def setting(self, **settings: Any) -> None:
        """Lines of dataset.toml."""
        self._settings |= settings

    def was_asked(self, item: str) -> bool:
        """Whether the log, as far as it was written, has the item."""
        return item in self._asked

    def was_told(self, item: str) -> bool:
        """Whether the catalogue, as far as it was written, has the item."""
        return item in self._ids.get("items", ())

    def events(self, columns: Mapping[str, Column]) -> None:
        """Rows of the log: `user_id`, `item_id` and what else there is, every batch with the same columns.

        Left out and counted: rows without a user or an item, and those whose rating or time is not a number.
        """
        table = {name: _text(column) for name, column in columns.items()}
        kept = np.asarray(table["user_id"].is_valid().to_numpy() & table["item_id"].is_valid().to_numpy(), dtype=bool)
        self.leave("events without a user or an item", int((~kept).sum()))
        for name in NUMBERS:
            if name in table:
                values, bad = numbers(table[name])
                self.leave(f"events whose {name} is not a number", int((kept & bad).sum()))
                kept &= ~bad
                table[name] = _whole(values) if name == "timestamp" else pa.chunked_array([_numbers(values)])
        made = pa.table(table).filter(pa.array(kept))
        self._asked.update(dict.fromkeys(made["item_id"].unique().to_pylist()))
        self._people.update(made["user_id"].unique().to_pylist())
        self._sheet("interactions").add(made)

    def items(self, columns: Mapping[str, Column]) -> None:
        """Rows of the catalogue: `item_id` and what else there is. The first row of an item stands."""
        self._rows("items", "item_id", columns)

    def users(self, columns: Mapping[str, Column]) -> None:
        """Rows of the users table: `user_id` and what else there is. The first row of a user stands."""
        self._rows("users", "user_id", columns)

    def vectors(self, name: str, ids: Sequence[str | None], values: Float32[Array, "rows dim"]) -> None:
        """Rows of features/NAME.parquet. A row of noughts or with a number that is not finite is absent, and so is a
        batch of another length than the first one's.
        """
        name = re.sub(r"[^\w.-]", "_", name) or "vectors"
        if name in SENSES:
            name = f"{name}_feat"
        if self._lengths.setdefault(name, values.shape[1]) != values.shape[1]:
            self.note(f"vectors {name!r} of another length than the first: absent", len(values))
            return
        seen = self._ids.setdefault(f"features/{name}", set())
        there = np.isfinite(values).all(axis=1) & (values != 0).any(axis=1)
        self.note(f"vectors {name!r} of noughts or not finite: absent", int((~there).sum()))
        rows = []
        for row in np.flatnonzero(there).tolist():
            one = ids[row]
            if one is not None and one not in seen:
                seen.add(one)
                rows.append(row)
        kind = pa.list_(pa.float32())
        flat = pa.array(np.ascontiguousarray(values[rows], dtype=np.float32).ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, values.shape[1]).cast(kind)
        (self.folder / "features").mkdir(exist_ok=True)
        sheet = self._sheet(f"features/{name}")
        sheet.add(pa.table({"item_id": pa.array([ids[row] for row in rows], pa.string()), "vector": lists}))

    def finish(self, origin: str) -> Drafted:
        """Writes what is still due: items that only the log names, and dataset.toml. DatasetError without an event.

        origin: where all this comes from, for the first line of dataset.toml.
        """
        log = self._sheets.get("interactions")
        if log is None or not log.rows:
            reasons = "; ".join(f"{count:,} {why}" for why, count in self._left_out.items())
            raise DatasetError(
                f"{origin}: no event remains of {several(sum(self._read.values()), 'row')} read"
                + (f" ({reasons})." if reasons else "."),
                "rows with a user and an item.",
                "check that the files are whole and in this format.",
            )
        told = self._ids.setdefault("items", set())
        bare = [item for item in self._asked if item not in told]
        self.note("items that only the log names: without content", len(bare))
        if bare:
            self._sheet("items").add(pa.table({"item_id": pa.array(bare, pa.string())}))
        for sheet in self._sheets.values():
            sheet.close()
        comment = f"# From {' '.join(origin.split())}, by `gobelin import`.\n"
        (self.folder / "dataset.toml").write_text(comment + tomli_w.dumps(self._settings), encoding="utf-8")
        written = {name: sheet.rows for name, sheet in sorted(self._sheets.items())}
        written["people in the log"] = len(self._people)
        return Drafted(dict(self._read), written, dict(self._left_out), dict(self._notes))

    def _rows(self, table: str, key: str, columns: Mapping[str, Column]) -> None:
        made = pa.table({name: _text(column) for name, column in columns.items()})
        seen = self._ids.setdefault(table, set())
        kept = np.zeros(len(made), dtype=bool)
        for row, one in enumerate(made[key].to_pylist()):
            if one is None:
                self.leave(f"{table} without an id")
            elif one in seen:
                self.leave(f"{table} that stand there again: the first row counts")
            else:
                seen.add(one)
                kept[row] = True
        self._sheet(table).add(made.filter(pa.array(kept)))

    def _sheet(self, name: str) -> "_Sheet":
        if name not in self._sheets:
            self._sheets[name] = _Sheet(self.folder / f"{name}.parquet")
        return self._sheets[name]


class _Sheet:
    """One Parquet file that grows by tables; the first one states the columns, what a later one lacks is null."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema, compression="zstd")
        schema: pa.Schema = self._writer.schema
        stranger = set(table.column_names) - set(schema.names)
        if stranger:
            raise ValueError(f"{self._path.name} has no column {sorted(stranger)}")
        empty = {name: pa.nulls(len(table), schema.field(name).type) for name in schema.names}
        given = {name: table[name] for name in table.column_names}
        self._writer.write_table(pa.table({**empty, **given}, schema=schema))
        self.rows += len(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def rows_to_columns(rows: Iterable[Mapping[str, str | None]], names: Sequence[str]) -> dict[str, list[str | None]]:
    """Records as columns; what a record does not say is None."""
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            columns[name].append(row.get(name))
    return columns


def _text(column: Column) -> pa.ChunkedArray:
    if isinstance(column, pa.ChunkedArray):
        return trimmed(column)
    if isinstance(column, pa.Array):
        return trimmed(pa.chunked_array([column]))
    try:
        return trimmed(pa.chunked_array([pa.array(column, pa.string())]))
    except UnicodeEncodeError:  # half of a pair of code units, as careless JSON holds: a question mark stands for it
        whole = [None if one is None else one.encode("utf-8", "replace").decode("utf-8") for one in column]
        return trimmed(pa.chunked_array([pa.array(whole, pa.string())]))


def _numbers(values: Array) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _whole(seconds: Array) -> pa.ChunkedArray:
    missing: Bool[Array, " rows"] = np.isnan(seconds)
    return pa.chunked_array([pa.array(np.floor(np.nan_to_num(seconds)).astype(np.int64), mask=missing)])
