"""What is to be told of each row: a class, labels or numbers, and of which rows it is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Int32, Int64

Told = Literal["class", "labels", "numbers"]


@dataclass(frozen=True)
class Target:
    """One matrix for all kinds, (rows, outputs) float32.

    class: one column for each class, 1 in the row's own; labels: a column for each label, 1 where it is given, any
    number a row; numbers: a column for each number, in its own unit. names: of the columns. Rows where `known` is False
    must not be read.
    """

    name: str
    told: Told
    names: tuple[str, ...]
    values: Float32[Array, "rows outputs"]
    known: Bool[Array, " rows"]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.known), len(self.names)):
            raise ValueError(f"{self.name}: values of {self.values.shape} for {len(self.known)} rows, {self.names}")
        rows = self.values[self.known]
        if not np.isfinite(rows).all():
            raise ValueError(f"{self.name}: a known row holds a value that is not finite")
        if self.told != "numbers" and not np.isin(rows, (0, 1)).all():
            raise ValueError(f"{self.name}: classes and labels are 0 or 1")
        if self.told == "class" and not (rows.sum(axis=1) == 1).all():
            raise ValueError(f"{self.name}: a known row has one class")

    @classmethod
    def classes(cls, name: str, said: Sequence[str | None], names: Sequence[str] | None = None) -> "Target":
        """said: of each row its class, None where it is not known; names: the classes in order, else those said."""
        told = tuple(names) if names is not None else tuple(sorted({one for one in said if one is not None}))
        place = {one: column for column, one in enumerate(told)}
        values = np.zeros((len(said), len(told)), dtype=np.float32)
        for row, one in enumerate(said):
            if one is not None:
                values[row, place[one]] = 1
        return cls(name, "class", told, values, np.array([one is not None for one in said], dtype=bool))

    def codes(self) -> Int32[Array, " rows"]:
        """The column of each row's class; -1 where it is not known."""
        return np.where(self.known, self.values.argmax(axis=1), -1).astype(np.int32)

    def take(self, rows: Int64[Array, " taken"]) -> "Target":
        return Target(self.name, self.told, self.names, self.values[rows], self.known[rows])
