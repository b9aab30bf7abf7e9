"""One-hot vectors of every attribute column, each recognised for what it holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Ge, Le
from scipy.sparse import csr_array

from gobelin import parts, weights
from gobelin.encoders._columns import Column, recognise
from gobelin.features.readings import read_through
from gobelin.protocols import Content, Reader, State
from gobelin.values import UNREADABLE, Block, Reading

_READ_ELSEWHERE = {"title", "text", "image", "audio", "video"}
_TOGETHER = 256  # items that readers see at once
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

    read: readers ("picture_facts", "text_facts") whose readings become columns beside the catalogue's own, named by
    what they were read from: "colour (image) = black". Only readings of at least `confident`, each value alike however
    sure. What a reader read once it does not read again (`features.readings`); the first time it costs what the
    reader's docstring says, in this process. Raises MissingExtra where the weights of a reader were not got.
    """

    modality: ClassVar[str] = "attributes"

    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_count: Annotated[int, Ge(1)] = 2
    max_values: Annotated[int, Ge(1)] = 5_000
    bins: Annotated[int, Ge(2)] = 8
    read: tuple[str, ...] = ()
    confident: Annotated[float, Ge(0), Le(1)] = 0.5
    _columns: tuple[Column, ...] | None = field(default=None, init=False, repr=False)

    @property
    def dim(self) -> int | None:
        """Values of all columns; None before `fit`."""
        return None if self._columns is None else sum(column.width for column in self._columns)

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self:
        cells: dict[str, Counter[str]] = {}
        items = 0
        for told in self._told(contents):
            items += 1
            for name, cell in told:
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
        for told in self._told(contents):
            given = False
            for name, cell in told:
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

    def _told(self, contents: Iterable[Content]) -> Iterator[list[tuple[str, str]]]:
        """(column, cell) of each item, the catalogue's columns first; readers see some items at a time."""
        for name in self.read:
            weights.check("readers", name)
        readers: list[Reader] = [parts.bind("readers", name, {}) for name in self.read]
        stream = iter(contents)
        while some := list(islice(stream, _TOGETHER)):
            cells = [list(_cells(content)) for content in some]
            for reader in readers:
                for mine, readings in zip(cells, read_through(reader, some), strict=True):
                    mine += _read_cells(readings, reader.source, self.confident)
            yield from cells

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
                "read": list(self.read),
                "confident": self.confident,
            },
            "columns": None if self._columns is None else [asdict(column) for column in self._columns],
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        settings = dict(state["settings"])
        for name in ("categorical", "ignore", "read"):
            settings[name] = tuple(settings.get(name, ()))
        encoder = cls(**settings)
        if state["columns"] is not None:
            encoder._columns = tuple(_column(one) for one in state["columns"])
        return encoder


def _cells(content: Content) -> Iterable[tuple[str, str]]:
    for name, values in content.fields.items():
        if name not in _READ_ELSEWHERE and values and (cell := str(values[0]).strip()):
            yield name, cell


def _read_cells(readings: Sequence[Reading], source: str, confident: float) -> Iterator[tuple[str, str]]:
    """One cell for each attribute: its values joined by "|", as a catalogue lists them."""
    values: dict[str, list[str]] = {}
    for one in readings:
        if one.attribute != UNREADABLE and one.confidence >= confident:
            values.setdefault(one.attribute, []).append(one.value.replace("|", "/"))
    for attribute, cell in values.items():
        yield f"{attribute} ({source})", "|".join(cell)


def _column(plain: Mapping[str, Any]) -> Column:
    def tuples(value: Any) -> Any:
        return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value

    return Column(**{name: tuples(value) for name, value in plain.items()})
