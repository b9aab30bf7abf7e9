"""The user's own vectors, a modality like any other: `features/NAME.parquet` with `item_id` and `vector`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from gobelin.arrays import Array, Float32
from gobelin.data.notes import Notebook, examples, several
from gobelin.data.reading import Table, from_frame, refuse_repeats
from gobelin.errors import DatasetError
from gobelin.values import Features, Vocabulary

MODALITY = "own vectors"

Given = Features | pd.DataFrame | Mapping[str, Sequence[Any] | Array]
"""Own vectors in Python: features, a frame with `item_id` and `vector`, or a mapping from item id to vector."""


def read_vectors(folder: Path, items: Vocabulary, notes: Notebook) -> dict[str, Features]:
    """Every file of `folder/features`, by its name without the ending."""
    return {
        path.stem: _checked(path.stem, parquet_columns(path), items, notes)
        for path in sorted((folder / "features").glob("*.parquet"))
    }


def parquet_columns(path: Path) -> tuple[list[str | None], Sequence[Any]]:
    """(item ids, vectors) of one file; DatasetError where it lacks either."""
    try:
        refuse_repeats(parquet.read_schema(path).names, f"features/{path.name}")
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as wrong:
        raise DatasetError(
            f"features/{path.name} cannot be read: {wrong}.", "a Parquet file.", "write it again; it may be cut short."
        ) from wrong
    return _columns(table.to_pandas(), f"features/{path.name}")


def given_vectors(given: Mapping[str, Given], items: Vocabulary, notes: Notebook) -> dict[str, Features]:
    out = {}
    for name, one in given.items():
        if isinstance(one, Features):
            present = np.flatnonzero(one.present)
            columns: tuple[list[str | None], Sequence[Any]] = (
                [one.ids[row] for row in present.tolist()],
                [_dense(one.values[[row]]) for row in present.tolist()],
            )
        elif isinstance(one, pd.DataFrame):
            columns = _columns(one, f"The vectors {name!r}")
        else:
            columns = (list(one), list(one.values()))
        out[name] = _checked(name, columns, items, notes)
    return out


def _dense(row: Any) -> Array:
    return np.asarray(row.toarray() if hasattr(row, "toarray") else row).ravel()


def _columns(frame: pd.DataFrame, name: str) -> tuple[list[str | None], Sequence[Any]]:
    vectors = frame["vector"].tolist() if "vector" in frame.columns else None
    table: Table = from_frame(frame[[c for c in frame.columns if c != "vector"]], name)
    ids = table.need("item_id").to_pylist()
    if vectors is None:
        raise DatasetError(
            f"{name} has no column 'vector'.", "columns item_id and vector (a list of numbers).", "write it so."
        )
    return ids, vectors


def _checked(
    name: str, columns: tuple[list[str | None], Sequence[Any]], items: Vocabulary, notes: Notebook
) -> Features:
    ids, vectors = columns
    seen = [one for one in ids if one is not None]
    if len(set(seen)) != len(seen):
        repeated = sorted({one for one in seen if seen.count(one) > 1})[:3] if len(seen) < 10_000 else []
        raise DatasetError(
            f"The vectors {name!r} hold an item more than once" + (f" ({examples(repeated)})." if repeated else "."),
            "one vector for each item.",
            "keep one of them, or join them (their mean).",
        )
    rows = items.rows("" if one is None else one for one in ids)
    unknown = int((rows < 0).sum())
    notes.add("vectors-unknown-item", f"{several(unknown, 'vector')} of {name!r} for items that do not exist.", unknown)
    filled = [n for n, v in enumerate(vectors) if rows[n] >= 0 and v is not None and np.ndim(v) == 1 and len(v)]
    sizes = {len(vectors[n]) for n in filled}
    if len(sizes) > 1:
        raise DatasetError(
            f"The vectors {name!r} differ in length: {', '.join(str(s) for s in sorted(sizes)[:5])}.",
            "vectors of one length.",
            "write them with one model.",
        )
    if not filled:
        raise DatasetError(
            f"The vectors {name!r} describe no item of the catalogue.",
            "item ids as in the items table.",
            "compare the ids; they are text, so '007' and '7' are two items.",
        )
    values = np.zeros((len(items), sizes.pop()), dtype=np.float32)
    taken = rows[filled]
    values[taken] = _stack(name, [vectors[n] for n in filled])
    finite = np.isfinite(values).all(axis=1)
    present = np.zeros(len(items), dtype=bool)
    present[taken] = True
    broken = int((present & ~finite).sum())
    notes.add(
        "vectors-not-finite",
        f"{several(broken, 'vector')} of {name!r} with a number that is not finite: absent.",
        broken,
    )
    present &= finite
    values[~present] = 0
    return Features(name, MODALITY, items, values, present)


def _stack(name: str, vectors: Iterable[Any]) -> Float32[Array, "rows dim"]:
    try:
        with np.errstate(over="ignore"):  # what passes float32 becomes infinite and is counted
            return np.array([np.asarray(v, dtype=np.float64) for v in vectors]).astype(np.float32)
    except (TypeError, ValueError) as wrong:
        raise DatasetError(
            f"The vectors {name!r} hold something that is no number.", "lists of numbers.", "write them again."
        ) from wrong
