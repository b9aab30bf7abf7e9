"""The rows of a prediction: a dataset folder (items.csv), or a folder with one table, records.csv, and its media."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gobelin.arrays import Array, Float64, Int64
from gobelin.data.catalogue import Catalogue, language_of
from gobelin.data.dataset import Dataset
from gobelin.data.reading import Table, numbers, read_table
from gobelin.errors import DatasetError, UnknownName, UserError, nearest
from gobelin.recipe import Recipe

IDS = ("item_id", "record_id", "id")
"""Columns that are the id of a record where none is named, in this order; else rows are numbered from 1."""


@dataclass(frozen=True)
class Reading:
    """Which column is what. text: columns joined to one text; image: the column of the pictures' paths.

    features: senses of the recipe, or columns (all others are then left out); empty: all. ignore: columns left out.
    """

    id: str | None = None
    text: tuple[str, ...] = ()
    image: str | None = None
    features: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Reading":
        return cls(state["id"], tuple(state["text"]), state["image"], tuple(state["features"]), tuple(state["ignore"]))


@dataclass(frozen=True)
class Records:
    """data: what may be read of them (`but` leaves out columns that may not); columns: every column, as text."""

    data: Dataset
    columns: Mapping[str, Sequence[str | None]]

    def __len__(self) -> int:
        return len(self.data.items)

    def column(self, name: str) -> Sequence[str | None]:
        """UnknownName with the nearest name where there is no such column."""
        if name not in self.columns:
            raise UnknownName(
                f"{self.data.name} has no column {name!r}.{nearest(name, self.columns)}",
                "one of " + ", ".join(self.columns) + ".",
                "write the column as the table does.",
            )
        return self.columns[name]

    def groups(self, name: str) -> Int64[Array, " rows"]:
        """A number for each row, equal where the column is; a row whose cell is empty is a group of its own."""
        codes: dict[str, int] = {}
        told = [f"={cell}" if cell is not None else f"row {row}" for row, cell in enumerate(self.column(name))]
        return np.array([codes.setdefault(one, len(codes)) for one in told], dtype=np.int64)

    def times(self, name: str) -> Float64[Array, " rows"]:
        """Numbers, or dates as days since 1970; DatasetError where a row has none."""
        cells = self.column(name)
        values, bad = numbers(pa.chunked_array([pa.array(list(cells), pa.string())]))
        if bad.any():
            values = np.array([_day(cell) for cell in cells])
        if np.isnan(values).any():
            raise DatasetError(
                f"{int(np.isnan(values).sum())} rows of {name!r} tell no time.",
                "a number, or a date such as 2020-03-31, in every row.",
                "leave those rows out of the table, or name another column.",
            )
        return values

    def take(self, rows: Int64[Array, " taken"]) -> "Records":
        c = self.data.catalogue
        ids = c.items.take(rows.tolist())
        catalogue = Catalogue(
            ids,
            {name: [values[int(row)] for row in rows] for name, values in c.columns.items()},
            c.root,
            {name: one.take(rows, ids) for name, one in c.vectors.items()},
        )
        columns = {name: [values[int(row)] for row in rows] for name, values in self.columns.items()}
        return Records(_with(self.data, catalogue), columns)

    def but(self, away: Iterable[str], only: Sequence[str] = ()) -> "Records":
        """Without the columns that may not be read; only: columns (or fields) that may, all where it is empty."""
        c, away = self.data.catalogue, set(away)
        wanted = {n for n in c.columns if not only or n in only or language_of(n, c.columns)[0] in only}
        names = [name for name in c.columns if name in wanted - away]
        catalogue = replace(c, columns={name: c.columns[name] for name in names})
        return Records(_with(self.data, catalogue), self.columns)


def read(folder: str | Path, how: Reading) -> Records:
    """Raises DatasetError where there is neither table, UnknownName where a named column is in none."""
    folder = Path(folder)
    table = read_table(folder, "records") if folder.is_dir() else None
    if table is None:
        if folder.is_dir() and _no_items(folder):
            raise DatasetError(
                f"{folder} holds neither items.csv nor records.csv.",
                "a dataset folder, or a folder with one table records.csv (or .parquet) and its media.",
                "check the path.",
            )
        if how.image or how.id:
            raise UserError(
                "--image and --id are for records.csv; items.csv names its media and ids itself.",
                "item_id, image, audio and video as column names.",
                "leave the option away, or rename the columns.",
            )
        data = Dataset.read(folder)
        columns = dict(data.catalogue.columns)
        return Records(_with(data, _one_text(data.catalogue, how.text, data.name)), columns)
    named = {column: table.texts(column) for column in table.columns}
    for option in (how.id, how.image, *how.text):
        if option is not None:
            table.need(option)
    data = Dataset.of_table(_as_items(table, how), folder.resolve().name, folder)
    return Records(_with(data, _one_text(data.catalogue, how.text, data.name)), named)


def _no_items(folder: Path) -> bool:
    return not any((folder / f"items.{kind}").is_file() for kind in ("csv", "parquet"))


def narrowed(
    records: Records, recipe: Recipe, how: Reading, kept_back: Mapping[str, str], *, new: bool = False
) -> tuple[Records, Recipe]:
    """The columns and the senses that may be read.

    kept_back: columns that are never read, with what each of them is ("the target"). Names of `features` are senses
    where all of them are, columns where any is none: "title,image" reads these two columns alone, by every sense.
    new: records that a saved model reads: columns that they lack are absent, not misspelt.
    """
    for name in how.features:
        if name in kept_back:
            raise UserError(
                f"--features names {name!r}, which is {kept_back[name]}.", "what is known beforehand.", "leave it away."
            )
    for name in () if new else how.ignore:
        records.column(name)
    away = {*kept_back, *how.ignore}
    senses = {*recipe.encoders, *records.data.catalogue.vectors}
    if not how.features or set(how.features) <= senses:
        chosen = set(how.features) or senses
        encoders = {sense: spec for sense, spec in recipe.encoders.items() if sense in chosen}
        c = records.data.catalogue
        own = {name: one for name, one in c.vectors.items() if name in chosen}
        kept = Records(_with(records.data, replace(c, vectors=own)), records.columns)
        return kept.but(away), recipe.model_copy(update={"encoders": encoders})
    fields = {*records.columns, *records.data.catalogue.columns, *records.data.catalogue.fields}
    for name in () if new else how.features:
        if name not in fields | senses:
            raise UnknownName(
                f"--features names {name!r}, which is no column and no sense.{nearest(name, fields | senses)}",
                f"columns ({', '.join(sorted(fields))}) or senses ({', '.join(sorted(senses))}).",
                "write the name as the table or the recipe does.",
            )
    only = [*how.features, *(["text"] if set(how.features) & set(how.text) else [])]
    return records.but(away, only), recipe


def _as_items(table: Table, how: Reading) -> Table:
    """The table with `item_id`, and `image` where its column is named."""
    columns = dict(table.columns)
    named = how.id or next((one for one in IDS if one in columns), None)
    if named is None:
        columns["item_id"] = pa.chunked_array([pa.array([str(row + 1) for row in range(table.rows)], pa.string())])
    else:
        columns = {"item_id": columns[named], **{n: c for n, c in columns.items() if n not in (named, "item_id")}}
    if how.image is not None and how.image != "image":
        columns = {n: c for n, c in columns.items() if n != "image"}
        columns["image"] = columns.pop(how.image)
    return replace(table, columns=columns)


def _one_text(catalogue: Catalogue, text: tuple[str, ...], name: str) -> Catalogue:
    """The columns of `text` joined, a line each, as the column "text"."""
    if not text:
        return catalogue
    for column in text:
        if column not in catalogue.columns:
            raise UnknownName(
                f"{name} has no column {column!r}.{nearest(column, catalogue.columns)}",
                "one of " + ", ".join(catalogue.columns) + ".",
                "write the column as the table does.",
            )
    rows = zip(*(catalogue.columns[column] for column in text), strict=True)
    joined = ["\n".join(cell for cell in row if cell is not None) or None for row in rows]
    plain = {n: c for n, c in catalogue.columns.items() if n not in text and n not in ("title", "text")}
    return replace(catalogue, columns={**plain, "text": joined})


def _with(data: Dataset, catalogue: Catalogue) -> Dataset:
    return Dataset.without_log(data.name, catalogue, data.settings, data.notes)


def _day(cell: str | None) -> float:
    try:
        return float("nan") if cell is None else float(np.datetime64(cell, "s").astype(np.int64)) / 86_400
    except ValueError:
        return float("nan")
