"""MMRec's folders: one log with its split, one array of vectors a sense, ids as numbers."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gobelin.data.draft import Draft, rows_to_columns
from gobelin.data.rule import EVERY
from gobelin.errors import DatasetError
from gobelin.importers import _files, _product

PARTS = {"0": "train", "1": "validation", "2": "test"}
BLOCK = 4096  # rows of vectors at a time


@dataclass(kw_only=True)
class MMRec:
    """MMRec's data sets (Amazon Baby, Sports, Clothing, ...): NAME.inter, *_feat.npy, optional ids and metadata.

    NAME.inter has tabs between userID, itemID, rating, timestamp and x_label (0, 1, 2: train, validation, test). The
    label becomes the column `split`, so that `--split given` keeps it; row itemID of each SENSE_feat.npy becomes
    features/SENSE_feat.parquet (recipes call encoders of their own `image` and `text`). i_id_mapping.csv and
    u_id_mapping.csv give the original ids back; meta*.csv titles, texts and attributes. Every row counts as liking,
    as there: `positive` in dataset.toml says so.

    There only train is masked at test; here validation too, unless the run says `--set split.mask=train`.
    Raises DatasetError where a file or column is missing.
    Source: https://github.com/enoche/MMRec (its preprocessing notebooks and dataset configurations).
    """

    def read(self, source: Path, draft: Draft) -> None:
        log = _log(source)
        names = _files.header(log, "\t")
        user, item = _column(names, "user", log.name), _column(names, "item", log.name)
        users = _Originals.read(log.parent, "u_id_mapping.csv", user, draft)
        items = _Originals.read(log.parent, "i_id_mapping.csv", item, draft)
        ours = {user: "user_id", item: "item_id", "x_label": "split"}
        for batch in _files.batches(log, draft, delimiter="\t"):
            columns: dict[str, Any] = {ours.get(name, name): column for name, column in batch.items()}
            columns["user_id"] = users.of(batch[user])
            columns["item_id"] = items.of(batch[item])
            draft.events(_split(columns, draft))
        draft.setting(positive=EVERY)
        arrays = {path: _array(path) for path in sorted(log.parent.glob("*_feat.npy"))}
        _metadata(log.parent, item, items, draft)
        described = [items.one(row) for row in range(max(map(len, arrays.values()), default=0))]
        draft.items({"item_id": [one for one in described if not draft.was_told(one)]})
        for path, array in arrays.items():
            draft.reading(path.name, len(array))
            for start in range(0, len(array), BLOCK):
                rows = range(start, min(start + BLOCK, len(array)))
                values = np.asarray(array[start : start + BLOCK], dtype=np.float32)
                draft.vectors(path.stem, [items.one(row) for row in rows], values)


@dataclass(frozen=True)
class _Originals:
    """Original ids by the number that stands for them; a number that is not there speaks for itself."""

    names: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path, file: str, number: str, draft: Draft) -> "_Originals":
        path = folder / file
        if not path.is_file():
            return cls({})
        delimiter = "\t" if len(_files.header(path, "\t")) > 1 else ","
        columns = _files.header(path, delimiter, quoted=True)
        if len(columns) < 2:
            raise DatasetError(
                f"{file} has the one column {columns[0]}.", f"an original id and {number}.", "correct or remove it."
            )
        key = number if number in columns else columns[1]
        original = next(name for name in columns if name != key)
        names: dict[str, str] = {}
        for batch in _files.batches(path, draft, delimiter=delimiter, quoted=True):
            pairs = zip(batch[key].to_pylist(), batch[original].to_pylist(), strict=True)
            names.update((number, name) for number, name in pairs if number and name)
        return cls(names)

    def one(self, row: int) -> str:
        return self.names.get(str(row), str(row))

    def of(self, column: pa.Array) -> pa.Array:
        if not self.names:
            return column
        coded = column.dictionary_encode()
        names = [self.names.get(number, number) for number in coded.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(coded.indices)


def _log(source: Path) -> Path:
    folder = source if source.is_dir() else source.parent
    inside = sorted(folder.glob("*.inter")) if source.is_dir() else [source]
    if len(inside) != 1 or inside[0].suffix != ".inter":
        raise DatasetError(
            f"{source} has {len(inside) if source.is_dir() else 'no'} files NAME.inter; {_files.held(source)}.",
            "a folder of MMRec's with one NAME.inter and SENSE_feat.npy beside it.",
            "name the file itself." if len(inside) > 1 else "check the path, or see `gobelin parts importers`.",
        )
    return inside[0]


def _column(names: list[str], word: str, file: str) -> str:
    found = next((name for name in names if word in name.lower()), None)
    if found is None:
        told = "its fields have types: that is RecBole's format" if any(":" in n for n in names) else ""
        raise DatasetError(
            f"{file} has no column with {word!r} in its name" + (f"; {told}." if told else "."),
            f"{word}ID among the columns; it has {', '.join(names)}.",
            "use `gobelin import recbole`." if told else "check that the file is whole, with its first line.",
        )
    return found


def _split(columns: Mapping[str, Any], draft: Draft) -> Mapping[str, Any]:
    """The label in words; rows with another label are left out."""
    if "split" not in columns:
        return columns
    label = columns["split"]
    known = pc.fill_null(pc.is_in(label, pa.array(list(PARTS))), False)
    draft.leave("events whose x_label is not 0, 1 or 2", int(pc.sum(pc.invert(known)).as_py() or 0))
    kept = {name: column.filter(known) for name, column in columns.items()}
    names = pa.array(list(PARTS.values()))
    return {**kept, "split": names.take(kept["split"].cast(pa.int32()))}


def _array(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as wrong:
        raise DatasetError(
            f"{path.name} cannot be read: {wrong}.", "an array of numbers, one row an item.", "write it again."
        ) from wrong
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number):
        raise DatasetError(
            f"{path.name} holds {array.dtype} of the shape {array.shape}.",
            "an array of numbers, one row an item.",
            "write it again.",
        )
    return array


def _metadata(folder: Path, item: str, items: _Originals, draft: Draft) -> None:
    """Rows of meta*.csv with the item's number; lists in them are written as Python writes them."""
    for path in sorted(folder.glob("meta*.csv")):
        columns = _files.header(path, ",", quoted=True)
        if item not in columns:
            draft.note(f"{path.name}: not read, it has no column {item}", 1)
            continue
        for batch in _files.batches(path, draft, quoted=True):
            table = {name: column.to_pylist() for name, column in batch.items()}
            rows = []
            for place, number in enumerate(table[item]):
                record = {name: _value(values[place]) for name, values in table.items()}
                rows.append({**_product.described(record), "item_id": items.names.get(number, number)})
            draft.items(rows_to_columns(rows, _product.COLUMNS))
        draft.setting(ignore=["image_url"])


def _value(cell: str | None) -> Any:
    if cell and cell[0] in "[{":
        try:
            return ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return cell
    return cell
