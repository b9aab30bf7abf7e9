"""Transcripts join the text of their items, where every encoder of texts reads them."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gobelin.data.catalogue import Catalogue
from gobelin.features.readings import read_through
from gobelin.features.runner import NOT_GIVEN
from gobelin.media.text import is_chinese
from gobelin.protocols import Reader
from gobelin.readers._transcriber import NO_SPEECH
from gobelin.values import UNREADABLE

_TOGETHER = 256  # items that the reader sees at once


def with_transcripts(
    catalogue: Catalogue, reader: Reader, tell: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Catalogue, Mapping[str, Any]]:
    """(the catalogue whose column `text` also holds what is said in an item's sounds and clips, what the report says).

    A transcript with Chinese characters joins `text_zh` where the catalogue has Chinese columns. What was read once is
    not read again (`features.readings`).
    """
    begun, total = time.monotonic(), len(catalogue)
    chinese = any(language == "zh" for field in ("title", "text") for _, language in catalogue.field(field))
    texts: dict[str, list[str | None]] = {}
    absent: Counter[str] = Counter()
    present = 0
    for start in range(0, total, _TOGETHER):
        rows = range(start, min(start + _TOGETHER, total))
        contents = list(catalogue.contents(rows))
        for row, content, readings in zip(rows, contents, read_through(reader, contents), strict=True):
            said = [one.value for one in readings if one.attribute == "transcript"]
            if not said:
                given = any(content.fields.get(field) for field in reader.fields)
                wrong = [one.value for one in readings if one.attribute == UNREADABLE]
                absent[wrong[0] if wrong else NO_SPEECH if given else NOT_GIVEN] += 1
                continue
            present += 1
            for one in said:
                column = "text_zh" if chinese and is_chinese(one) else "text"
                cells = texts.setdefault(column, list(catalogue.columns.get(column, (None,) * total)))
                cells[row] = one if cells[row] is None else f"{cells[row]}\n{one}"
        tell(rows.stop, total)
    told = {
        "modality": "text",
        "dim": 0,
        "items": total,
        "present": present,
        "encoded": 0,
        "cached": 0,
        "absent": dict(sorted(absent.items())),
        "seconds": round(time.monotonic() - begun, 3),
    }
    return replace(catalogue, columns={**catalogue.columns, **texts}), told
