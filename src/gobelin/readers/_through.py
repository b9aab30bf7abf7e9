"""Files through encoders in processes of their own that can be killed, as readers of sounds and clips want them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gobelin.features.cache import Cache
from gobelin.features.runner import NOT_GIVEN, encode_table
from gobelin.features.selection import Selection
from gobelin.protocols import Content, Encoder
from gobelin.values import FeatureTable


def through(
    encoders: Mapping[str, Encoder], kind: str, paths: Sequence[Path], workers: int = 1
) -> tuple[FeatureTable, list[dict[str, str]]]:
    """(each file's rows, and for each file by encoder why it has none). kind: the field that the files stand in.

    Through the cache of vectors, which a recipe with the same encoders shares.
    """
    cache = Cache()
    items = [Content(str(row), {kind: (path,)}) for row, path in enumerate(paths)]
    table, reports = encode_table(Selection(items), encoders, cache=cache, workers=workers)
    why: list[dict[str, str]] = [{} for _ in paths]
    for name, encoder in encoders.items():
        reasons = [reason for reason in reports[name].absent if reason != NOT_GIVEN]
        for row, item in enumerate(items):
            if not table[name].present[row]:
                if len(reasons) > 1:  # the report counts reasons; which is this one's, the file alone tells
                    _, alone = encode_table(Selection([item]), {name: encoder}, cache=cache)
                    reasons_here = list(alone[name].absent) or reasons
                else:
                    reasons_here = reasons
                why[row][name] = (reasons_here or ["broken"])[0]
    return table, why
