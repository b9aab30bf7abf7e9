"""One-hot vectors of every attribute column, each recognised for what it holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse import csr_array

from gobelin.encoders._columns import Column, recognise
from gobelin.protocols import Content, State
from gobelin.values import Block

_READ_ELSEWHERE = {"title", "text", "image", "audio", "video"}
_MOST_CELLS = 200_000  # distinct cells of a column that are looked at


@dataclass(kw_only=True)
class Attributes:
    """Every column that is no title, text or media: categories, lists, numbers, dates, recognised by what they hold.

    Each cell becomes a unit vector, so each column an item has counts alike, however many values stand in the cell: a
    category is one 1, each of k listed values 1 / sqrt(k), a number (or date) its two neighbours among the column's
    quantiles, weighted by nearness. The inner product of two items is thus the sum over columns of how far they agree.
    Values and columns not seen in `fit` are ignored; where several languages stand, the first (plain) one is read.

    categorical: columns that are categories whatever they look like (codes, years).
    ignore: columns left out. min_count: items that must share a value. max_values: the most frequent ones of a column.
    bins: quantiles of a number. `describe()` tells what became of each column, and why some were left out.
    """

    modality: ClassVar[str] = "attributes"

    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_count: Annotated[int, Ge(1)] = 2
    max_values: Annotated[int, Ge(1)] = 5_000
    bins: Annotated[int, Ge(2)] = 8
    _columns: tuple[Column, ...] | None = field(default=None, init=False, repr=False)

    @property
    def dim(self) -> int | None:
        """Values of all columns; None before `fit`."""
        return None if self._columns is None else sum(column.width for column in self._columns)

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self:
        cells: dict[str, Counter[str]] = {}
        items = 0
        for content in contents:
            items += 1
            for name, cell in _cells(content):
                seen = cells.setdefault(name, Counter())
                if cell in seen or len(seen) < _MOST_CELLS:
                    seen[cell] += 1
        self._columns = tuple(
            recognise(
                name,
                cells[name],
                items,
                categorical=name in self.categorical,
                min_count=self.min_count,
                max_values=self.max_values,
                bins=self.bins,
            )
            for name in sorted(cells)
            if name not in self.ignore
        )
        return self

    def transform(self, contents: Iterable[Content]) -> Block:
        if self._columns is None:
            raise RuntimeError("fit comes before transform")
        starts, start = {}, 0
        for column in self._columns:
            starts[column.name] = start
            start += column.width
        by_name = {column.name: column for column in self._columns if column.width}
        indices: list[int] = []
        data: list[float] = []
        bounds, reasons = [0], []
        for content in contents:
            given = False
            for name, cell in _cells(content):
                if name not in by_name:
                    continue
                given = True
                for place, weight in by_name[name].places(cell):
                    indices.append(starts[name] + place)
                    data.append(weight)
            bounds.append(len(indices))
            reasons.append(None if bounds[-1] > bounds[-2] else "unseen values" if given else "not given")
        values = csr_array(
            (np.array(data, dtype=np.float32), np.array(indices, dtype=np.int32), np.array(bounds, dtype=np.int32)),
            shape=(len(reasons), start),
        )
        values.sort_indices()
        return Block(values, np.diff(values.indptr) > 0, tuple(reasons))

    def describe(self) -> list[dict[str, Any]]:
        """A row a column: its name, what it was taken for, how many values it gives, the share of items that have it,
        and why it was left out (None: it was not)."""
        return [
            {
                "column": column.name,
                "kind": column.kind,
                "values": column.width,
                "coverage": round(column.coverage, 4),
                "left_out": column.left_out,
            }
            for column in self._columns or ()
        ]

    def names(self) -> list[str]:
        """What each dimension stands for: "colour = black", "price ~ 9.99"."""
        return [name for column in self._columns or () for name in column.names()]

    def state(self) -> State:
        return {
            "settings": {
                "categorical": list(self.categorical),
                "ignore": list(self.ignore),
                "min_count": self.min_count,
                "max_values": self.max_values,
                "bins": self.bins,
            },
            "columns": None if self._columns is None else [asdict(column) for column in self._columns],
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        settings = dict(state["settings"])
        for name in ("categorical", "ignore"):
            settings[name] = tuple(settings[name])
        encoder = cls(**settings)
        if state["columns"] is not None:
            encoder._columns = tuple(_column(one) for one in state["columns"])
        return encoder


def _cells(content: Content) -> Iterable[tuple[str, str]]:
    for name, values in content.fields.items():
        if name not in _READ_ELSEWHERE and values and (cell := str(values[0]).strip()):
            yield name, cell


def _column(plain: Mapping[str, Any]) -> Column:
    def tuples(value: Any) -> Any:
        return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value

    return Column(**{name: tuples(value) for name, value in plain.items()})
