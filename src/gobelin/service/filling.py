"""What a catalogue does not say of an item, told from what the item's other senses say: by examples of the catalogue.

Each column of categories or lists gets a classifier (`readers._learned`) from the vectors that the run keeps: from the
pictures of those items that have the value to the picture of one that lacks it. Fitted when first asked, kept as long
as the run is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Float32, Int64
from gobelin.encoders.attributes import Attributes
from gobelin.readers._learned import Classifier, Column, learn
from gobelin.service.served import Served
from gobelin.values import Reading

CONFIDENT = 0.5  # below it nothing is told
MOST_ITEMS = 20_000  # learned from
MOST_VALUES = 500  # of a column, the most frequent
FEW_PRODUCTS = 3  # a value that fewer products have cannot be learned
REDUCED = 256  # dimensions of a sparse sense
_READ = (" (text)", " (image)", " (audio)", " (video)")  # columns that readers made are no truth to learn from


@dataclass(frozen=True)
class Known:
    """A column of the catalogue as the run keeps it: has[i] is empty where item i lacks it or has a rare value."""

    name: str
    many: bool
    values: tuple[str, ...]
    has: csr_array  # (items, values)
    given: Array  # (items,) whether the catalogue says anything


@dataclass
class Filling:
    """Predictions for the items of one run."""

    served: Served
    _vectors: dict[str, Float32[Array, "items dim"]] = field(default_factory=dict, init=False)
    _learned: dict[tuple[str, tuple[str, ...]], Classifier | None] = field(default_factory=dict, init=False)

    @cached_property
    def columns(self) -> dict[str, Known]:
        """Columns that can be learned, by name."""
        found: dict[str, Known] = {}
        for sense, encoder in self.served.encoders.items():
            if isinstance(encoder, Attributes) and sense in self.served.table:
                values = csr_array(self.served.table[sense].values)
                start, names = 0, encoder.names()
                for told in encoder.describe():
                    stop = start + told["values"]
                    if told["kind"] in ("category", "list") and stop > start and not told["column"].endswith(_READ):
                        column = self._known(told["column"], told["kind"] == "list", names[start:stop],
                                             csr_array(values[:, start:stop]))  # fmt: skip
                        if column is not None:
                            found.setdefault(column.name, column)
                    start = stop
        return found

    def predict(self, row: int, least: float = CONFIDENT) -> list[Reading]:
        """Values of the columns that an item lacks, each with its probability; nothing where none reaches `least`."""
        wanted = [column for column in self.columns.values() if not column.given[row]]
        by_senses: dict[tuple[str, ...], list[Known]] = {}
        for column in wanted:
            senses = tuple(sense for sense in self._dense if self.served.table[sense].present[row]
                           and column.name not in self._reads(sense))  # fmt: skip
            if senses:
                by_senses.setdefault(senses, []).append(column)
        out: list[Reading] = []
        for senses, columns in by_senses.items():
            self._learn(senses, columns)
            vectors = [self._of(sense)[[row]] for sense in senses]
            source = " and ".join(dict.fromkeys(self.served.table[sense].modality for sense in senses))
            for column in columns:
                classifier = self._learned[column.name, senses]
                if classifier is None:
                    continue
                told = classifier.probabilities(vectors)[0]
                kept = np.flatnonzero(told >= least) if column.many else np.array([int(told.argmax())])
                said = f"predicted from {source}, {classifier.right:.0%} right on held-out products"
                out += [
                    Reading(column.name, column.values[place], float(min(told[place], 1.0)), said)
                    for place in kept[np.argsort(-told[kept], kind="stable")].tolist()
                    if told[place] >= least
                ]
        return out

    @cached_property
    def _dense(self) -> tuple[str, ...]:
        """The senses to learn from: all that are no attributes."""
        table = self.served.table
        return tuple(sense for sense in table if table[sense].modality != "attributes" and table[sense].dim > 0)

    def _reads(self, sense: str) -> Sequence[str]:
        """Columns that an encoder reads itself: its vectors would tell what they were told."""
        return tuple(getattr(self.served.encoders.get(sense), "fields", ()))

    def _of(self, sense: str) -> Float32[Array, "items dim"]:
        if sense not in self._vectors:
            features = self.served.table[sense]
            size = min(REDUCED, min(features.values.shape) - 1)
            if features.sparse and size >= 1:
                values = TruncatedSVD(size, random_state=0).fit_transform(features.values)
            else:
                values = features.values.toarray() if features.sparse else features.values
            self._vectors[sense] = np.asarray(values, dtype=np.float32)
        return self._vectors[sense]

    def _learn(self, senses: tuple[str, ...], columns: Sequence[Known]) -> None:
        """Columns that the same items have are learned together, which costs little more than one of them."""
        present = np.all([self.served.table[sense].present for sense in senses], axis=0)
        by_rows: dict[bytes, list[tuple[Known, Int64[Array, " rows"]]]] = {}
        for column in columns:
            if (column.name, senses) not in self._learned:
                rows = np.flatnonzero((np.diff(column.has.indptr) > 0) & present)
                by_rows.setdefault(rows.tobytes(), []).append((column, rows))
        groups = self.served.cards.groups
        for same in by_rows.values():
            rng = np.random.default_rng(self.served.seed)
            rows = same[0][1]
            if len(rows) > MOST_ITEMS:
                rows = np.sort(rng.choice(rows, MOST_ITEMS, replace=False))
            learned = learn(
                [self._of(sense)[rows] for sense in senses],
                [Column(csr_array(column.has[rows]), column.many) for column, _ in same],
                [groups[row] or f"item {row}" for row in rows.tolist()],
                rng=rng,
            )
            for place, (column, _) in enumerate(same):
                self._learned[column.name, senses] = None if learned is None else learned[place]

    def _known(self, name: str, many: bool, names: Sequence[str], values: csr_array) -> Known | None:
        """None where fewer than two values are shared by several products, as with codes."""
        groups = self.served.cards.groups
        product = np.unique([group or f"item {row}" for row, group in enumerate(groups)], return_inverse=True)[1]
        items, places = values.nonzero()
        pairs = np.unique(np.stack([places, product[items]]), axis=1)
        shared = np.bincount(pairs[0], minlength=values.shape[1])
        kept = np.flatnonzero(shared >= FEW_PRODUCTS)
        kept = np.sort(kept[np.argsort(-shared[kept], kind="stable")[:MOST_VALUES]])
        if len(kept) < 2:
            return None
        has = csr_array(values[:, kept])
        has.data[:] = 1
        called = tuple(names[place].removeprefix(f"{name} = ") for place in kept.tolist())
        return Known(name, many, called, csr_array(has), np.diff(values.indptr) > 0)
