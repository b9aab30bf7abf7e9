"""What a column of raw text holds, judged by its cells alone."""

import datetime
import json
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_MOSTLY = 0.95  # share of cells that must agree
_SHARED = 0.1  # share of cells that must hold a value which other items hold too
_NUMBER = re.compile(r"[-+]?[$€£¥]?\s?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?([eE][-+]?\d+)?\s?(%|[$€£¥元])?")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?([T ]\d{1,2}:\d{2}.*)?")
_IDENTIFIER = re.compile(
    r"(^|[_\s-])(id|ids|code|sku|ean|upc|isbn|asin|url|uri|uuid|number|no)$|编号|编码", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """kind: category | list | number | date. separator: what parts a list ("|", ", ", "[]": a written list).

    values: the known values of a category or list, most frequent first. knots: quantiles of a number or date (days),
    rising. coverage: share of the items fitted on that have the column. left_out: why it gives no dimension.
    """

    name: str
    kind: str
    coverage: float
    separator: str = ""
    values: tuple[str, ...] = ()
    knots: tuple[float, ...] = ()
    left_out: str | None = None

    @property
    def width(self) -> int:
        return 0 if self.left_out else len(self.values) + len(self.knots)

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {value: place for place, value in enumerate(self.values)}

    def places(self, cell: str) -> list[tuple[int, float]]:
        """(dimension, weight) of a cell: a unit vector, or nothing where it holds nothing known."""
        if self.left_out:
            return []
        if self.knots:
            return _hat(self.knots, as_number(cell, self.kind))
        known = sorted({self._place[v] for v in split(cell, self.separator) if v in self._place})
        return [(place, 1 / math.sqrt(len(known))) for place in known]

    def names(self) -> list[str]:
        if self.left_out:
            return []
        if self.kind == "date":
            return [f"{self.name} ~ {datetime.date.fromordinal(round(knot))}" for knot in self.knots]
        return [f"{self.name} = {v}" for v in self.values] + [f"{self.name} ~ {knot:g}" for knot in self.knots]


def recognise(
    name: str,
    cells: Counter[str],
    items: int,
    *,
    categorical: bool = False,
    min_count: int = 2,
    max_values: int = 5_000,
    bins: int = 8,
) -> Column:
    """The column that these cells (raw text -> how many items have it) make up.

    A number or date: 95 % of cells read as one, and there are more distinct ones than bins. A list: cells hold "|",
    or are written as [..], or hold ", " with parts that repeat where whole cells do not. Everything else is a
    category. Left out: a column that says the same of every item that has it, one whose cells are shared by fewer
    than a tenth of the items (names, links, codes, prose), and whole numbers that look like codes.
    """
    total = sum(cells.values())
    coverage = total / items if items else 0.0
    if not categorical:
        for kind in ("date", "number"):
            numbers: Counter[float] = Counter()
            for cell, count in cells.items():
                if (number := as_number(cell, kind)) is not None:
                    numbers[number] += count
            if numbers.total() < _MOSTLY * total:
                continue
            if len(numbers) <= bins:
                break  # few numbers (stars, flags, sizes) are categories
            if kind == "number" and _codes(name, cells, total):
                return Column(name, "number", coverage, left_out="whole numbers that look like an identifier")
            return Column(name, kind, coverage, knots=_quantiles(numbers, bins))
    separator = _separator(cells, total)
    counts: Counter[str] = Counter()
    for cell, count in cells.items():
        for value in dict.fromkeys(split(cell, separator)):
            counts[value] += count
    kind = "list" if separator else "category"
    ranked = sorted(((v, c) for v, c in counts.items() if c >= min_count), key=lambda pair: (-pair[1], pair[0]))
    values = tuple(value for value, _ in ranked[:max_values])
    known = set(values)
    shared = sum(c for cell, c in cells.items() if any(v in known for v in split(cell, separator)))
    if not values or (shared < _SHARED * total and not categorical):
        return Column(name, kind, coverage, separator, left_out="nearly every item has a value of its own")
    if len(counts) == 1 and total == items:
        return Column(name, kind, coverage, separator, left_out="every item has the same value")
    return Column(name, kind, coverage, separator, values)


def split(cell: str, separator: str) -> list[str]:
    """The values of a cell, stripped, none empty."""
    if separator == "[]":
        written = _written_list(cell)
        return [cell] if written is None else written
    parts = cell.split("|") if separator == "|" else cell.split(",") if separator == ", " else [cell]
    return [part for part in map(str.strip, parts) if part]


def as_number(cell: str, kind: str) -> float | None:
    """A date as its day (proleptic ordinal), a number as it is; None where the cell reads as neither."""
    if kind == "date":
        match = _DATE.fullmatch(cell)
        if match is None:
            return None
        try:
            return float(datetime.date(*(int(part) for part in match.groups()[:3])).toordinal())
        except ValueError:
            return None
    if not any(c.isdigit() for c in cell) or _NUMBER.fullmatch(cell) is None:
        return None
    bare = re.sub(r"[,$€£¥元%\s]", "", cell)
    if len(bare) > 1 and bare[0] == "0" and bare[1].isdigit():  # a leading zero: a code
        return None
    try:
        value = float(bare)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _codes(name: str, cells: Mapping[str, int], total: int) -> bool:
    """Whole numbers, nearly each once, that are named like an identifier or are all equally long."""
    if len(cells) < 0.9 * total or not all(cell.isdigit() for cell in cells):
        return False
    lengths = {len(cell) for cell in cells}
    return bool(_IDENTIFIER.search(name)) or (len(lengths) == 1 and min(lengths) >= 5)


def _separator(cells: Mapping[str, int], total: int) -> str:
    def share(test: str) -> float:
        return sum(count for cell, count in cells.items() if test in cell) / max(total, 1)

    if sum(c for cell, c in cells.items() if _written_list(cell) is not None) >= _MOSTLY * total:
        return "[]"
    if any("|" in cell for cell in cells):
        return "|"
    if share(", ") < 0.5 or len(cells) < 0.5 * total:
        return ""  # "Womens Nightwear, Socks & Tights" is one name that many items share
    parts = Counter(part for cell in cells for part in split(cell, ", "))
    words = sum(len(part.split()) * count for part, count in parts.items()) / max(sum(parts.values()), 1)
    return ", " if words <= 4 and len(parts) < 0.8 * sum(parts.values()) else ""


def _written_list(cell: str) -> list[str] | None:
    """["a", "b"] or ['a', 'b'], as exports write lists; None where it is no list."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    try:
        values = json.loads(cell)
    except ValueError:
        values = [part.strip().strip("'\"") for part in cell[1:-1].split(",")]
    return [text for value in values if (text := str(value).strip())]


def _quantiles(numbers: Mapping[float, int], bins: int) -> tuple[float, ...]:
    """Distinct quantiles of the values, each counted as often as items have it."""
    values = np.array(sorted(numbers))
    weight = np.cumsum([numbers[v] for v in values.tolist()])
    targets = np.linspace(0, 1, bins) * (weight[-1] - 1)
    return tuple(np.unique(values[np.searchsorted(weight, targets, side="right")]).tolist())


def _hat(knots: tuple[float, ...], value: float | None) -> list[tuple[int, float]]:
    """The two knots around a value, weighted by nearness and scaled to unit length; the ends reach outwards."""
    if value is None:
        return []
    above = bisect_right(knots, value)
    if above == 0 or above == len(knots):
        return [(max(above - 1, 0), 1.0)]
    low, high = knots[above - 1], knots[above]
    t = (value - low) / (high - low)
    length = math.hypot(1 - t, t)
    return [(above - 1, (1 - t) / length), *([(above, t / length)] if t > 0 else [])]
