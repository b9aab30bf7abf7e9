"""Amazon's reviews and metadata as lines of JSON, of 2014, 2018 and 2023."""

import ast
import itertools
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt

from gobelin.data.draft import Draft, rows_to_columns
from gobelin.errors import DatasetError
from gobelin.features.cache import default_folder
from gobelin.importers import _files, _product
from gobelin.importers._pictures import Pictures

ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
EVENTS = ("user_id", "item_id", "rating", "timestamp", "text")
BATCH = 20_000  # reviews at a time
FEW = 2_000  # products at a time
MILLISECONDS = 10**11  # a time at least this large is in milliseconds
LOOKED_AT = 200  # lines by which a file is known


@dataclass(kw_only=True)
class Amazon:
    """Amazon reviews and metadata: .json or .jsonl files, also .gz, in the layouts of 2014, 2018 and 2023.

    Which file holds reviews and which metadata is seen from what is in them; several of each are joined. A review
    becomes an event with its rating, time and words; a product its title, text, categories, brand and price. The
    addresses of its pictures stand in the column image_url, which is ignored. A line that is neither JSON nor, as in
    the metadata of 2014, a Python literal is left out and counted; nothing in it is executed.

    reviewed_only: leave out products that no review names (metadata covers whole departments).
    pictures: fetch the pictures, into images/. What was fetched once, by this or an earlier import, is taken from
    Gobelin's cache. each: pictures of a product at most. megabytes, seconds: what one picture may take.
    Raises DatasetError where no file holds reviews.
    Sources: https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html, https://amazon-reviews-2023.github.io.
    """

    reviewed_only: bool = False
    pictures: bool = False
    each: Annotated[int, Ge(1)] = 1
    megabytes: Annotated[float, Gt(0)] = 5.0
    seconds: Annotated[float, Gt(0)] = 20.0

    def read(self, source: Path, draft: Draft) -> None:
        reviews, metadata = _sorted_out(source, draft)
        for path in reviews:
            for some in _files.chunks(_records(path, draft), BATCH):
                draft.events(rows_to_columns(map(_event, some), EVENTS))
        fetcher = None
        if self.pictures:
            cache = default_folder() / "pictures"
            fetcher = Pictures(draft.folder, cache, most_bytes=int(self.megabytes * 2**20), seconds=self.seconds)
        for path in metadata:
            for some in _files.chunks(_records(path, draft), FEW):
                rows = [_product.described(record) for record in some]
                if self.reviewed_only:
                    known = [row for row in rows if row["item_id"] and draft.was_asked(row["item_id"])]
                    draft.leave("items that no review names", len(rows) - len(known))
                    rows = known
                if fetcher is not None:
                    fetcher.add(rows, self.each)
                draft.items(rows_to_columns(rows, _product.COLUMNS))
        draft.setting(event="review", **({"ignore": ["image_url"]} if metadata else {}))
        if fetcher is not None:
            for what, count in fetcher.counts.items():
                draft.note(f"pictures {what}", count)


def _sorted_out(source: Path, draft: Draft) -> tuple[list[Path], list[Path]]:
    """(files of reviews, files of metadata)."""
    inside = [source] if source.is_file() else sorted(p for p in source.iterdir() if p.is_file())
    reviews, metadata = [], []
    for path in inside:
        if not path.name.endswith(ENDINGS):
            continue
        record = next(_good(path), None)
        if record is None:
            draft.note(f"{path.name}: not read, its first {LOOKED_AT} lines hold no record", 1)
        elif "reviewerID" in record or "user_id" in record:
            reviews.append(path)
        elif "asin" in record or "parent_asin" in record:
            metadata.append(path)
        else:
            draft.note(f"{path.name}: not read, neither reviews nor metadata", 1)
    if not reviews:
        raise DatasetError(
            f"{source} has no file with reviews; {_files.held(source)}.",
            "lines of JSON with reviewerID, asin, overall (2014, 2018) or user_id, parent_asin, rating (2023).",
            "add the file of reviews (.json, .jsonl, .gz), or name another format: `gobelin parts importers`.",
        )
    return reviews, metadata


def _good(path: Path) -> Iterator[Mapping[str, Any]]:
    with _files.opened(path) as file:
        for line in itertools.islice(file, LOOKED_AT):
            record = _record(line)
            if record is not None:
                yield record


def _records(path: Path, draft: Draft) -> Iterator[Mapping[str, Any]]:
    """Every record of a file; lines that are none are counted and left out, empty ones passed over."""
    told = 0
    with _files.opened(path) as file:
        for line in file:
            if not line.strip():
                continue
            told += 1
            if told == BATCH:
                draft.reading(path.name, told)
                told = 0
            record = _record(line)
            if record is None:
                draft.leave(f"{path.name}: lines that are no record")
            else:
                yield record
    draft.reading(path.name, told)


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        text = line.decode("utf-8-sig").strip()
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            with warnings.catch_warnings(action="ignore"):  # of backslashes in it
                value = ast.literal_eval(text)
    except (UnicodeDecodeError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) else None


def _event(record: Mapping[str, Any]) -> dict[str, str | None]:
    old = "reviewerID" in record
    title, words = ("summary", "reviewText") if old else ("title", "text")
    said = [text.strip() for name in (title, words) if isinstance(text := record.get(name), str) and text.strip()]
    return {
        "user_id": _text(record.get("reviewerID" if old else "user_id")),
        "item_id": _text(record.get("asin") if old else record.get("parent_asin") or record.get("asin")),
        "rating": _text(record.get("overall" if old else "rating")),
        "timestamp": _seconds(record.get("unixReviewTime" if old else "timestamp")),
        "text": "\n".join(said) or None,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _seconds(value: Any) -> str | None:
    if isinstance(value, int | float) and value >= MILLISECONDS:
        return str(int(value) // 1000)
    return _text(value)
