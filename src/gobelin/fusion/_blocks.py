"""What every fusion reads: each sense as dense rows of unit length around its mean, and who has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Float64
from gobelin.errors import UserError
from gobelin.features.standardise import Standardiser
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable

WIDE = 512  # dimensions to which a wider sense is brought: what a linear map of it would mostly read
_TINY = 1e-12


@dataclass(frozen=True)
class Blocks:
    """values: of each sense (rows, dim) unit rows around its mean, zero where the row lacks it or says the mean itself.

    held: (rows, senses) where a block may be read; present: rows of which any sense says anything at all.
    """

    values: tuple[Float32[Array, "rows _"], ...]
    held: Bool[Array, "rows senses"]
    present: Bool[Array, " rows"]

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(block.shape[1] for block in self.values)

    def take(self, rows: Array) -> "Blocks":
        return Blocks(tuple(block[rows] for block in self.values), self.held[rows], self.present[rows])

    def side_by_side(self, shares: Float64[Array, " senses"] | None = None) -> Float32[Array, "rows dim"]:
        """All senses in one row of length 1, however many an item has. shares: of the squared length; None: equal."""
        shares = np.ones(len(self.values)) if shares is None else shares
        whole = np.sqrt(np.maximum(self.held @ shares, _TINY))  # (rows,)
        return np.hstack(
            [
                block * (np.sqrt(share) / whole)[:, None].astype(np.float32)
                for block, share in zip(self.values, shares, strict=True)
            ]
        )


@dataclass(frozen=True)
class Senses:
    """How each sense becomes a block: fitted on learning rows, frozen. Senses stand in the order of their names.

    A dense sense is centred and brought to unit length, and, wider than `most`, to its first principal axes. A sparse
    one is brought to unit length, to its first singular directions, and then centred. A sense of which no two learning
    rows differ says nothing and is left out.
    """

    ways: Mapping[str, Standardiser]
    inputs: Mapping[str, int]

    @classmethod
    def fit(cls, table: FeatureTable, learn: Bool[Array, " rows"], most: int = WIDE) -> Self:
        """Raises UserError where no sense says anything that differs in the learning rows, or a value is not finite."""
        if len(learn) != len(table.ids):
            raise ValueError(f"{len(learn)} marks of learning for {len(table.ids)} rows")
        told = [name for name in sorted(table) if _differs(table[name], learn)]
        if not told:
            raise UserError(
                f"No sense tells the {int(learn.sum())} rows apart from which a fusion may learn.",
                "at least one sense in which two of them differ.",
                "add an encoder, or items that have content.",
            )
        ways = {name: _way(table[name], learn, most) for name in told}
        return cls(ways, {name: table[name].dim for name in told})

    def of(self, table: FeatureTable) -> Blocks:
        """Of any rows. A sense that the table lacks is absent everywhere, one that the fit did not have is not read.

        Raises UserError where a sense has another number of dimensions than it was fitted on.
        """
        rows = len(table.ids)
        values, held, present = [], [], np.zeros(rows, dtype=bool)
        for name, way in self.ways.items():
            if name not in table:
                values.append(np.zeros((rows, way.dim(self.inputs[name])), dtype=np.float32))
                held.append(np.zeros(rows, dtype=bool))
                continue
            if table[name].dim != self.inputs[name]:
                raise UserError(
                    f"The sense {name!r} has {table[name].dim} dimensions.",
                    f"{self.inputs[name]}, on which the fusion was fitted.",
                    "encode the rows with the encoders of the fit, or fit anew.",
                )
            block = way.apply(table[name])
            _check_finite(table[name], np.isfinite(block.values).all(axis=1))
            values.append(np.asarray(block.values))
            held.append(block.present)
            present |= table[name].present
        return Blocks(tuple(values), np.stack(held, axis=1), present)

    def state(self) -> State:
        return {"ways": {name: way.state() for name, way in self.ways.items()}, "inputs": dict(self.inputs)}

    @classmethod
    def from_state(cls, state: State) -> Self:
        names = sorted(state["ways"])
        ways = {name: Standardiser.from_state(state["ways"][name]) for name in names}
        return cls(ways, {name: int(state["inputs"][name]) for name in names})


def fused(table: FeatureTable, values: Array, present: Bool[Array, " rows"]) -> Features:
    """The one sense that a fusion gives; rows that lack every sense are zero and absent."""
    return Features("fused", "fused", table.ids, np.where(present[:, None], values, 0).astype(np.float32), present)


def _check_finite(features: Features, finite: Bool[Array, "..."]) -> None:
    if not finite.all():
        raise UserError(
            f"The sense {features.name!r} holds values that are not finite, in rows that are marked as present.",
            "finite numbers, or rows marked as absent.",
            "mark such rows as absent, or encode them again.",
        )


def _differs(features: Features, learn: Bool[Array, " rows"]) -> bool:
    rows = features.values[np.flatnonzero(features.present & learn)]
    if rows.shape[0] < 2:
        return False
    numbers = rows.data if isinstance(rows, csr_array) else np.asarray(rows)
    _check_finite(features, np.isfinite(numbers))
    if isinstance(rows, csr_array):
        return bool((np.asarray(rows.max(axis=0).todense()) != np.asarray(rows.min(axis=0).todense())).any())
    return bool((np.asarray(rows) != np.asarray(rows[:1])).any())


def _way(features: Features, learn: Bool[Array, " rows"], most: int) -> Standardiser:
    if features.sparse:
        steps = ["unit", f"svd:{min(most, features.dim)}", "centre", "unit"]
    else:
        steps = ["centre", "unit", *([f"pca:{most}", "unit"] if features.dim > most else [])]
    return Standardiser.fit(steps, features, np.flatnonzero(learn))
