"""What the matrices of `weave` are made of, in float64: the log and the senses of solved items, scaled once.

A fit in float32 goes through the loom, which keeps what a search asks for again. This is the same arithmetic in
float64 for what must be exact: shares of a score, and a fitted model that follows a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from gobelin.arrays import Array, Bool, Float32, Float64, Int64
from gobelin.features.filling import Fill, filled
from gobelin.models._kernel import kernel
from gobelin.values import Features, Train, Vocabulary

Rows = Int64[Array, "_"]
Block = Float64[Array, "_ _"]


@dataclass(frozen=True)
class Terms:
    """The settings that a weave's matrices depend on. senses: (a, tau) of the active ones; cold_shares sum to 1."""

    senses: Mapping[str, tuple[float, float]]
    user_power: float
    item_power: float
    regularisation: float
    history_power: float
    head: float
    log_blend: float
    fill: Fill
    cold_shares: Mapping[str, float]
    cold_tau: float
    cold_ridge: float
    cold_self: float
    cold_head: float
    cold_scale: float


@dataclass(frozen=True)
class Scalers:
    """What the data of a fit fixed and a change leaves alone until the next fit.

    people: what a user's events count, d^-b times `factor`, 0 for whom nothing is fixed yet (no event on a solved
    item); factor: what brings the gram to the trace of X'X.
    counts: n of each solved item in the powers. centres: means of dense senses over the solved items.
    lent: unit rows of solved items that lack a sense, from their neighbours in the log; a row of zeros: nothing lent.
    """

    people: Float64[Array, " users"]
    factor: float
    counts: Float64[Array, " solved"]
    centres: Mapping[str, Float32[Array, " dim"]]
    lent: Mapping[str, Any]  # (solved, dim) float32 or csr_array

    @classmethod
    def of(cls, train: Train, solved: Rows, terms: Terms) -> "Scalers":
        x = train.matrix()[:, solved].astype(np.float64)
        counts = np.bincount(x.indices, minlength=len(solved)).astype(np.float64)
        people = person_weight(x, terms.user_power)
        total = float((_scaled(x, people, counts, terms.item_power).data ** 2).sum())
        factor = float((x.data**2).sum()) / total if total > 0 else 1.0
        parts = {name: one.take(solved) for name, one in train.table.features.items()}
        centres = {name: part.mean() for name, part in parts.items() if not part.sparse}
        lent = {}
        if terms.fill != "mask" and any(not parts[name].present.all() for name in terms.senses):
            units = {name: part.unit(centres.get(name)) for name, part in parts.items()}
            holds = {name: part.present for name, part in parts.items()}
            for name in terms.senses:
                if not holds[name].all():
                    lent[name] = filled(terms.fill, name, units, holds, x.astype(np.float32))[0] - units[name]
        return cls(people * factor, factor, counts, centres, lent)

    def carried(self, before: "Ground", train: Train, solved: Rows) -> "Scalers":
        """The same for a changed log and catalogue: what was fixed stays, what came later is fixed as it is now.

        An item that joins and lacks a sense is lent nothing until the next fit.
        """
        x = train.matrix()[:, solved].astype(np.float64)
        old = before.places(train.items, solved)
        users = {name: row for row, name in enumerate(before.train.users)}
        people = np.array([self.people[users[u]] if u in users else 0.0 for u in train.users], dtype=np.float64)
        people = np.where(people > 0, people, person_weight(x, before.terms.user_power) * self.factor)
        counts = np.where(old >= 0, self.counts[old], np.bincount(x.indices, minlength=len(solved)))
        lent = {}
        for name, rows in self.lent.items():
            kept = np.where((old >= 0) & ~train.table[name].present[solved], 1.0, 0.0).astype(np.float32)
            moved = rows[np.maximum(old, 0)]
            lent[name] = csr_array(diags_array(kept) @ moved) if isinstance(moved, csr_array) else moved * kept[:, None]
        return Scalers(people, self.factor, counts, self.centres, lent)


def person_weight(x: csr_array, user_power: float) -> Float64[Array, " users"]:
    """d^-b of each user by the sum d of their weights on solved items; 0 where there is none."""
    active = np.asarray(x.sum(axis=1)).ravel()
    return np.where(active > 0, np.maximum(active, 1e-9) ** -user_power, 0.0)


def _scaled(
    x: csr_array, people: Float64[Array, " users"], counts: Float64[Array, " solved"], item_power: float
) -> csr_array:
    y = diags_array(np.sqrt(people)) @ x
    return csr_array(y @ diags_array(np.maximum(counts, 1) ** -item_power) if item_power else y)


@dataclass(frozen=True)
class Ground:
    """One train value seen through scalers. solved: rows of the items that the closed form is solved for."""

    train: Train
    solved: Rows
    terms: Terms
    scalers: Scalers

    @cached_property
    def rest(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.train.items), dtype=np.int64), self.solved)

    def places(self, items: Vocabulary, rows: Rows) -> Rows:
        """The place among the solved items of each item of another vocabulary, -1 where it has none."""
        return np.array([self._place.get(items[row], -1) for row in rows.tolist()], dtype=np.int64)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {self.train.items[row]: place for place, row in enumerate(self.solved.tolist())}

    @cached_property
    def y(self) -> csr_array:
        """(users, solved) rows whose gram is the log's part of G."""
        x = self.train.matrix()[:, self.solved].astype(np.float64)
        return _scaled(x, self.scalers.people, self.scalers.counts, self.terms.item_power)

    def log(self, rows: Rows, columns: Rows) -> Block:
        """A block of the log's part of G; rows and columns are places among the solved items."""
        by_item = self._y_columns
        return np.asarray((by_item[rows] @ by_item[columns].T).toarray())

    @cached_property
    def _y_columns(self) -> csr_array:
        return csr_array(self.y.T.tocsr())

    def kernel(self, sense: str, rows: Rows, columns: Rows) -> Block:
        """A block of K of an active sense."""
        unit, present = self._woven_side(sense)
        return kernel(_dot(unit[rows], unit[columns]), present[rows], present[columns], self.terms.senses[sense][1])

    def sides(self, rows: Rows, columns: Rows) -> Mapping[str, Block]:
        """The right-hand sides: what each sense and the log say, in units of the log; their sum is G without l I."""
        out = {"log": self.log(rows, columns)}
        for sense, (weight, _) in self.terms.senses.items():
            out[sense] = weight * self.kernel(sense, rows, columns)
        return out

    def total(self, rows: Rows, columns: Rows, senses: bool) -> Block:
        """A block of G: the log's part, with the senses where asked for."""
        block = self.log(rows, columns)
        if senses:
            for sense, (weight, _) in self.terms.senses.items():
                block += weight * self.kernel(sense, rows, columns)
        return block

    def alike(self, items: Rows, columns: Rows) -> Mapping[str, Block]:
        """Resemblance of items (rows of the catalogue) to solved places, by sense, as new items are regressed by."""
        out = {}
        for sense, share in self.terms.cold_shares.items():
            unit, present = self._plain_side(sense)
            near = self.solved[columns]
            out[sense] = share * kernel(
                _dot(unit[items], unit[near]), present[items], present[near], self.terms.cold_tau
            )
        return out

    @cached_property
    def _sides(self) -> dict[tuple[str, bool], tuple[Any, Bool[Array, " items"]]]:
        return {}

    def _plain_side(self, sense: str) -> tuple[Any, Bool[Array, " items"]]:
        """Unit rows of all items."""
        if (sense, False) not in self._sides:
            features: Features = self.train.table[sense]
            self._sides[sense, False] = _double(features.unit(self.scalers.centres.get(sense))), features.present
        return self._sides[sense, False]

    def _woven_side(self, sense: str) -> tuple[Any, Bool[Array, " solved"]]:
        """Unit rows of the solved items, with what is lent to those that lack the sense."""
        if (sense, True) not in self._sides:
            unit, present = self._plain_side(sense)
            unit, present = unit[self.solved], present[self.solved]
            if sense in self.scalers.lent:
                lent = _double(self.scalers.lent[sense])
                unit = csr_array(unit + lent) if isinstance(unit, csr_array) else unit + lent
                present = present | (np.asarray((abs(lent)).sum(axis=1)).ravel() > 0)
            self._sides[sense, True] = unit, present
        return self._sides[sense, True]


def _double(values: Any) -> Any:
    return values.astype(np.float64)


def _dot(left: Any, right: Any) -> Block:
    product = left @ right.T
    return np.asarray(product.toarray() if isinstance(product, csr_array) else product)
