"""Large columns of text lie in mapped files and say the same as small ones."""

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from gobelin.data import cleaning, columns, findings
from gobelin.data.columns import Column, pieces_of, spooled, texts_of
from gobelin.data.dataset import Dataset
from gobelin.data.health import check
from gobelin.errors import StoreError

TEXTS = [None if i % 7 == 3 else f"  text {i % 50} 杯子 " for i in range(300)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Columns of more than 200 bytes are large, read 20 rows at a time; the folder where their files are made."""
    monkeypatch.setattr(columns, "MAPPED", 200)
    monkeypatch.setattr(columns, "ROWS", 20)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(columns.tempfile, "tempdir", str(folder))
    return folder


def test_a_column_is_the_sequence_that_a_tuple_would_be(small: Path) -> None:
    column = texts_of(spooled(pieces_of(pa.chunked_array([TEXTS[:33], [], TEXTS[33:]], pa.string()))))
    assert isinstance(column, Column)
    assert list(column) == TEXTS and len(column) == 300
    assert [column[row] for row in (0, 19, 20, 32, 33, 299, -1, -300)] == [
        TEXTS[row] for row in (0, 19, 20, 32, 33, 299, 299, 0)
    ]
    assert column[15:45:7] == tuple(TEXTS[15:45:7]) and column[:-290] == tuple(TEXTS[:-290])
    assert TEXTS[10] in column and "no such text" not in column and column.count(None) == TEXTS.count(None)
    for row in (300, -301):
        with pytest.raises(IndexError):
            column[row]


def test_large_texts_leave_memory_and_their_file_has_no_name(small: Path) -> None:
    before = pa.total_allocated_bytes()
    kept = spooled(pa.array(["x" * 1000] * 20) for _ in range(50))  # a megabyte, a piece at a time
    assert pa.total_allocated_bytes() - before < 50_000
    assert kept.to_pylist() == ["x" * 1000] * 1000
    assert list(small.iterdir()) == []


def test_small_columns_are_tuples_in_memory() -> None:
    assert texts_of(spooled(iter([pa.array(["a", None])]))) == ("a", None)
    assert texts_of(spooled(iter([]))) == ()


def test_a_full_disk_is_told(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(columns.pa.ipc, "new_file", full)
    with pytest.raises(StoreError, match="TMPDIR"):
        spooled(pieces_of(pa.chunked_array([TEXTS], pa.string())))
    assert list(small.iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_large_data_set_reads_as_a_small_one(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    frame = pd.DataFrame({
        "item_id": [f"{i:03}" for i in range(300)],
        "title": TEXTS,
        "text": [f"Line {i % 40}\nof two. Please see our other items." for i in range(300)],
        "image": ["a.jpg" if i % 2 else "gone.jpg" for i in range(300)],
        "price": [i / 4 if i % 3 else None for i in range(300)],
        "colour": pd.Categorical(["red", "blue", None] * 100),
    })  # fmt: skip
    if kind == "csv":
        frame.to_csv(folder / "items.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    else:
        parquet.write_table(pa.Table.from_pandas(frame), folder / "items.parquet", row_group_size=70)
    plain = Dataset.read(folder)
    assert all(isinstance(values, tuple) for values in plain.catalogue.columns.values())
    monkeypatch.setattr(columns, "MAPPED", 200)
    mapped = Dataset.read(folder)
    assert all(isinstance(values, Column) for values in mapped.catalogue.columns.values())
    assert list(mapped.catalogue.contents()) == list(plain.catalogue.contents())
    assert mapped.notes == plain.notes and mapped.catalogue.titles() == plain.catalogue.titles()
    assert check(mapped).as_json() == check(plain).as_json()
    rules = cleaning.CleaningRules(boilerplate=0.5)
    counts = cleaning.clean(mapped, rules)[1]
    assert counts == cleaning.clean(plain, rules)[1] and counts["boilerplate"] == 300


def test_items_with_equal_texts_are_variants_and_repeats() -> None:
    frame = pd.DataFrame({"item_id": list("abcdef"), "title": ["x", "x", None, "x", "y", "y"], "text": [None] * 6})
    catalogue = Dataset.from_frames(frame).catalogue
    assert findings.repeated_texts(catalogue) == 3
    told = findings.variants(catalogue, None)
    assert (told["groups"], told["items"], told["largest"]) == (2, 5, 3)
