"""What a sense says of each item: vectors with a mask of presence, dense or sparse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64
from gobelin.values.layout import Layout
from gobelin.values.vocabulary import Vocabulary

Values = Any  # Float32[Array, "rows dim"] | memmap | csr_array


@dataclass(frozen=True)
class Block:
    """What an encoder returns for one batch: a row for each piece of content, and which rows hold anything.

    `reasons[i]` says in a word why row i is absent ("broken", "empty", "too large"), for the health report.
    """

    values: Values  # (rows, dim) float32 or csr_array
    present: Bool[Array, " rows"]
    reasons: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[0] != len(self.present):
            raise ValueError(f"a block of {self.values.shape} values has {len(self.present)} marks of presence")
        if self.reasons and len(self.reasons) != len(self.present):
            raise ValueError("reasons, where given, are one for each row")


@dataclass(frozen=True)
class Features:
    """One modality's vectors for a vocabulary of items. Rows where `present` is False must not be read.

    name: "image.efficientnet"; modality: the thread it belongs to ("image"), which names its colour in plots.
    values: (rows, dim) float32 array, memory map, or csr_array. layout: of rows that are content as it is; None where
    they are vectors.
    """

    name: str
    modality: str
    ids: Vocabulary
    values: Values
    present: Bool[Array, " rows"]
    layout: Layout | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise ValueError(f"{self.name}: values have {self.values.ndim} dimensions, 2 are needed")
        if not (self.values.shape[0] == len(self.ids) == len(self.present)):
            raise ValueError(
                f"{self.name}: {self.values.shape[0]} rows of values, {len(self.ids)} ids, {len(self.present)} marks"
            )
        if self.values.dtype != np.float32:
            raise ValueError(f"{self.name}: values are {self.values.dtype}, float32 is needed")
        if self.layout is not None and (self.sparse or self.layout.dim != self.dim):
            raise ValueError(f"{self.name}: {self.layout} are {self.layout.dim} dense numbers, not {self.dim}")

    @property
    def dim(self) -> int:
        return int(self.values.shape[1])

    @property
    def sparse(self) -> bool:
        return isinstance(self.values, csr_array)

    def take(self, rows: Int32[Array, " taken"] | Int64[Array, " taken"], ids: Vocabulary | None = None) -> "Features":
        """The same features for some rows, in that order. `ids`: their vocabulary, where the caller has it."""
        return replace(
            self,
            ids=self.ids.take(rows.tolist()) if ids is None else ids,
            values=self.values[rows],
            present=self.present[rows],
        )

    def without(self, rows: Bool[Array, " rows"]) -> "Features":
        """The same features with some rows made absent (for robustness studies)."""
        return replace(self, present=self.present & ~rows)

    def differs(
        self, rows: Int64[Array, " compared"], other: "Features", others: Int64[Array, " compared"]
    ) -> Bool[Array, " compared"]:
        """Whether each of some rows says something else than a row of other features of the same name."""
        out = self.present[rows] != other.present[others]
        both = np.flatnonzero(self.present[rows] & other.present[others])
        if self.dim != other.dim or self.sparse != other.sparse:
            out[both] = True
        elif self.sparse:
            gap = csr_array(self.values[rows[both]] - other.values[others[both]])
            out[both] = np.asarray(abs(gap).sum(axis=1)).ravel() > 0
        else:
            out[both] = np.any(np.asarray(self.values[rows[both]]) != np.asarray(other.values[others[both]]), axis=1)
        return out

    def unit(self, centre: Float32[Array, " dim"] | None = None) -> Values:
        """(rows, dim) rows of unit length, absent rows zero, as `Centred unit features` of the kernels.

        `centre`: subtracted before (dense only: it would fill a sparse matrix).
        """
        if self.sparse:
            scale = np.sqrt(np.asarray(self.values.multiply(self.values).sum(axis=1)).ravel())
            inverse = np.where(self.present & (scale > 0), 1 / np.maximum(scale, 1e-12), 0).astype(np.float32)
            return csr_array(self.values.multiply(inverse[:, None]).tocsr())
        out = np.zeros(self.values.shape, dtype=np.float32)
        rows = np.asarray(self.values[self.present], dtype=np.float32)
        if centre is not None:
            rows = rows - centre
        norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        out[self.present] = rows / np.maximum(norm, 1e-12)[:, None]
        return out

    def mean(self) -> Float32[Array, " dim"]:
        """Mean of the present rows; zeros where there is none."""
        if not self.present.any():
            return np.zeros(self.dim, dtype=np.float32)
        return np.asarray(self.values[self.present].mean(axis=0), dtype=np.float32).ravel()


@dataclass(frozen=True)
class FeatureTable:
    """Several Features of the same items, by name, in the order of the recipe."""

    ids: Vocabulary
    features: Mapping[str, Features]

    def __post_init__(self) -> None:
        for name, one in self.features.items():
            if one.ids != self.ids:
                raise ValueError(f"{name} describes other items than the table")

    def __iter__(self) -> Iterator[str]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Features:
        return self.features[name]

    def __contains__(self, name: object) -> bool:
        return name in self.features

    def only(self, *names: str) -> "FeatureTable":
        """The same items with some of the senses; names absent from the table are passed over."""
        return FeatureTable(self.ids, {n: f for n, f in self.features.items() if n in names})

    def take(self, rows: Int32[Array, " taken"] | Int64[Array, " taken"]) -> "FeatureTable":
        ids = self.ids.take(rows.tolist())
        return FeatureTable(ids, {name: one.take(rows, ids) for name, one in self.features.items()})

    def of(self, ids: Vocabulary) -> "FeatureTable":
        """The rows of these items, each of which it has; itself, uncopied, where it describes them and no other."""
        return self if ids == self.ids else self.take(self.ids.rows(ids))

    def without(self, rows: Mapping[str, Bool[Array, " rows"]]) -> "FeatureTable":
        """Some rows of some senses made absent."""
        return FeatureTable(self.ids, {n: f.without(rows[n]) if n in rows else f for n, f in self.features.items()})

    def bare(self) -> Bool[Array, " rows"]:
        """Items of which no sense says anything."""
        bare = np.ones(len(self.ids), dtype=bool)
        for one in self.features.values():
            bare &= ~one.present
        return bare
