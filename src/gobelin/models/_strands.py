"""What `weave` is made of at any size: the log's rows and the senses of the solved items, and G among any few of them.

The exact solver holds G whole (`_loom`, `_ground`). Here nothing of items x items is made; a few hundred items are
looked up, and their part of G is the same sum: what the log and each sense say of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float, Float32, Float64, Int64
from gobelin.features.filling import filled
from gobelin.models._ground import Terms, person_weight
from gobelin.models._kernel import kernel
from gobelin.models._loom import cosines
from gobelin.values import Features, FeatureTable, Train

AT_ONCE = 1 << 14  # rows of features read at once

Rows = Int64[Array, "_"]
Side = tuple[Any, Bool[Array, "_"]]
"""Unit rows (dense or csr_array), zero where the sense is absent, and which are present."""


@dataclass(frozen=True)
class Strands:
    """solved: rows of the catalogue; places count among them. bare, scaled: (solved, users) the log, as it is and as
    its gram enters G. counts: events of each solved item. centres: means of the dense senses over the solved items."""

    table: FeatureTable
    solved: Rows
    terms: Terms
    bare: csr_array
    scaled: csr_array
    counts: Float64[Array, " solved"]
    centres: Mapping[str, Float32[Array, " dim"]]

    @classmethod
    def of(cls, train: Train, solved: Rows, terms: Terms) -> "Strands":
        x = train.matrix()
        if len(solved) < x.shape[1]:
            x = x[:, solved]
        counts = np.bincount(x.indices, minlength=len(solved)).astype(np.float64)
        people = np.sqrt(person_weight(x.astype(np.float64), terms.user_power))
        bare = csr_array(x.T.tocsr())
        data = bare.data * people[bare.indices]
        data *= np.repeat(np.maximum(counts, 1) ** -terms.item_power, np.diff(bare.indptr))
        trace, total = float((x.data.astype(np.float64) ** 2).sum()), float((data**2).sum())
        if total > 0:
            data *= np.sqrt(trace / total)
        scaled = csr_array((data.astype(np.float32), bare.indices, bare.indptr), shape=bare.shape)
        names = dict.fromkeys([*terms.senses, *terms.cold_shares])
        centres = {s: centre(train.table[s], solved) for s in names if not train.table[s].sparse}
        return cls(train.table, solved, terms, bare, scaled, counts, centres)

    def unit(self, sense: str, rows: Rows) -> Side:
        """Unit rows of a sense for some rows of the catalogue."""
        return unit_rows(self.table[sense], rows, self.centres.get(sense))

    def sides(self, places: Rows, precision: type = np.float32) -> dict[str, Float[Array, "few few"]]:
        """By "log" and by sense what each says of some solved items, in units of the log; with l I their sum is G."""
        y = narrowed(self.scaled[places])[1].astype(precision)
        out: dict[str, Any] = {"log": np.asarray((y @ y.T).toarray(), dtype=precision)}
        if not self.terms.senses:
            return out
        for sense, (unit, present) in self._filled(places).items():
            weight, tau = self.terms.senses[sense]
            some = unit.astype(precision)
            cosine = cosines(some) if precision is np.float32 else _dot(some, some)
            out[sense] = kernel(cosine, present, present, tau)
            out[sense] *= precision(weight)
        return out

    def _filled(self, places: Rows) -> dict[str, Side]:
        """Active senses of some items; what is lacking is lent by its like among them."""
        fill = self.terms.fill
        every = {s: self.unit(s, self.solved[places]) for s in (self.terms.senses if fill == "mask" else self.table)}
        active = {sense: every[sense] for sense in self.terms.senses}
        if fill == "mask" or all(present.all() for _, present in active.values()):
            return active
        units = {sense: unit for sense, (unit, _) in every.items()}
        holds = {sense: present for sense, (_, present) in every.items()}
        log = csr_array(narrowed(self.bare[places])[1].T.tocsr())
        return {sense: filled(fill, sense, units, holds, log) for sense in active}

    def alike(self, rows: Rows, columns: Rows, precision: type = np.float32) -> dict[str, Float[Array, "rows columns"]]:
        """Resemblance of items (both rows of the catalogue) by sense, as new items are regressed by."""
        out = {}
        for sense, share in self.terms.cold_shares.items():
            (left, here), (right, there) = self.unit(sense, rows), self.unit(sense, columns)
            sides = (left.astype(precision), here), (right.astype(precision), there)
            out[sense] = precision(share) * likeness(*sides, self.terms.cold_tau)
        return out

    def diagonal(self) -> Float32[Array, " solved"]:
        """Of G: what an item says of itself."""
        places = np.repeat(np.arange(len(self.solved)), np.diff(self.scaled.indptr))
        own = np.bincount(places, self.scaled.data.astype(np.float64) ** 2, minlength=len(self.solved))
        for sense, (weight, _) in self.terms.senses.items():
            own += weight * self.table[sense].present[self.solved]
        return (own + self.terms.regularisation).astype(np.float32)


def unit_rows(features: Features, rows: Rows, centre: Float32[Array, " dim"] | None) -> Side:
    """`Features.unit` of some rows, without a vocabulary of them."""
    present = features.present[rows]
    values: Any = features.values[rows]
    if isinstance(values, csr_array):
        length = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
        scale = np.where(present & (length > 0), 1 / np.maximum(length, 1e-12), 0).astype(np.float32)
        data = values.data * np.repeat(scale, np.diff(values.indptr))
        return csr_array((data, values.indices, values.indptr), shape=values.shape), present
    out = np.zeros(values.shape, dtype=np.float32)
    some = np.asarray(values[present], dtype=np.float32)
    if centre is not None:
        some = some - centre
    out[present] = some / np.maximum(np.sqrt(np.einsum("ij,ij->i", some, some)), 1e-12)[:, None]
    return out, present


def centre(features: Features, rows: Rows) -> Float32[Array, " dim"]:
    """The mean of the present ones of some rows, read piece by piece."""
    total, count = np.zeros(features.dim), 0
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        some = some[features.present[some]]
        total += np.asarray(features.values[some]).sum(axis=0, dtype=np.float64)
        count += len(some)
    return (total / max(count, 1)).astype(np.float32)


def narrowed(matrix: csr_array) -> tuple[Rows, csr_array]:
    """Which columns hold anything, and the matrix of these alone: what follows costs nothing for the others."""
    held, place = np.unique(matrix.indices, return_inverse=True)
    data: Any = (matrix.data, place.astype(np.int32), matrix.indptr)
    return held.astype(np.int64), csr_array(data, shape=(matrix.shape[0], len(held)))


def likeness(left: Side, right: Side, tau: float) -> Float[Array, "rows columns"]:
    """The kernel between two sides of a sense, in their precision."""
    return kernel(_dot(left[0], right[0]), left[1], right[1], tau)


def _dot(left: Any, right: Any) -> Float[Array, "rows columns"]:
    product = left @ right.T
    return np.asarray(product.toarray() if isinstance(product, csr_array) else product)
