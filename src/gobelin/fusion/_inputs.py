"""What a network over raw content reads of each sense: rows of content as they are, vectors brought to one size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Bool, Float32, Int64
from gobelin.errors import RecipeError, UserError
from gobelin.values import Features, FeatureTable, Layout

SQUEEZE = 64  # dimensions that a sparse sense is brought to, its first singular directions
_FLAT = 1e-6  # a column that varies by less, of the one that varies most, says nothing


@dataclass(frozen=True)
class Input:
    """One sense as it was in the fit. dim: of its rows; width: of what the network reads of them.

    Content as it is (`layout`) is read as it stands. Columns of vectors are centred and brought to deviation 1 on the
    rows of the fit, a constant one zero; a sparse sense is squeezed before (`directions`).
    """

    name: str
    dim: int
    layout: Layout | None
    directions: Float32[Array, "width dim"] | None = None
    centre: Float32[Array, " width"] | None = None
    scale: Float32[Array, " width"] | None = None

    @property
    def width(self) -> int:
        return self.dim if self.centre is None else len(self.centre)

    def read(
        self, table: FeatureTable, rows: Int64[Array, " some"]
    ) -> tuple[Float32[Array, "some width"], Bool[Array, " some"]]:
        """Zeros where the sense is absent, and which are there; an absent row is not looked at."""
        out = np.zeros((len(rows), self.width), dtype=np.float32)
        if self.name not in table:
            return out, np.zeros(len(rows), dtype=bool)
        features = table[self.name]
        if features.dim != self.dim:
            raise UserError(
                f"The sense {self.name!r} has rows of {features.dim} numbers.",
                f"{self.dim}, as in the fit of the fusion.",
                "encode it with the settings of the fit, or fit the fusion again.",
            )
        here = np.asarray(features.present[rows])
        if here.any():
            found = features.values[rows[here]]
            out[here] = self._scaled(self._squeezed(found))
        return out, here

    def _squeezed(self, found: Any) -> Array:
        if self.directions is not None:
            return np.asarray(found @ self.directions.T)
        return np.asarray(found.toarray() if isinstance(found, csr_array) else found)

    def _scaled(self, found: Array) -> Array:
        return found if self.centre is None else (found - self.centre) * self.scale

    @classmethod
    def of(
        cls, features: Features, rows: Int64[Array, " fitted"], layout: Layout | None, rng: np.random.Generator
    ) -> Self:
        """rows: of the fit, the sense present in each."""
        if layout is not None:
            return cls(features.name, features.dim, layout)
        directions = None
        k = min(SQUEEZE, len(rows) - 1, features.dim - 1)
        if features.sparse and features.dim > SQUEEZE and k >= 1:
            squeeze = TruncatedSVD(k, random_state=int(rng.integers(2**31))).fit(features.values[rows])
            directions = np.asarray(squeeze.components_, dtype=np.float32)
        plain = cls(features.name, features.dim, None, directions)
        found = plain._squeezed(features.values[rows]).astype(np.float64)
        deviation = found.std(axis=0)
        flat = deviation <= max(
            _FLAT * float(deviation.max(initial=0.0)), _FLAT * float(np.abs(found).max(initial=0.0))
        )
        scale = np.where(flat, 0, 1 / np.where(flat, 1, deviation))
        centre = found.mean(axis=0)
        return cls(features.name, features.dim, None, directions, centre.astype(np.float32), scale.astype(np.float32))

    def state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dim": self.dim,
            "layout": None if self.layout is None else str(self.layout),
            "directions": self.directions,
            "centre": self.centre,
            "scale": self.scale,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        layout = None if state["layout"] is None else Layout.of(state["layout"])
        return cls(state["name"], state["dim"], layout, state["directions"], state["centre"], state["scale"])


def inputs_of(
    table: FeatureTable, learn: Bool[Array, " rows"], layouts: Mapping[str, str], rng: np.random.Generator
) -> tuple[Input, ...]:
    """Every sense that a row of `learn` has, by name. Raises UserError where there is none.

    layouts: of senses by name, where the table does not say it of them.
    """
    found = []
    for name in sorted(table):
        features = table[name]
        rows = np.flatnonzero(features.present & learn)
        if len(rows):
            found.append(Input.of(features, rows, _layout(features, layouts), rng))
    if not found:
        raise UserError(
            "No row from which the fusion may learn has any sense.",
            "a table in which some rows have at least one.",
            "name encoders that the catalogue has content for, or learn from other rows.",
        )
    return tuple(found)


def check_layouts(layouts: Mapping[str, str]) -> None:
    """Raises RecipeError where a text is no layout."""
    for name, told in layouts.items():
        try:
            Layout.of(told)
        except ValueError as wrong:
            raise RecipeError(
                f"layouts.{name}: {wrong}.",
                'such as "picture 32x32x3", "words 48 of 4096", "sound 64x32 in 5 s", "clip 10x16x16x3 in 5 s".',
                "leave it out: a table that Gobelin encoded knows its layouts.",
            ) from None


def _layout(features: Features, layouts: Mapping[str, str]) -> Layout | None:
    if features.name not in layouts:
        return features.layout
    layout = Layout.of(layouts[features.name])
    if features.sparse or layout.dim != features.dim:
        raise UserError(
            f"The sense {features.name!r} has rows of {features.dim} numbers; {layout} would be {layout.dim}.",
            "a layout of as many.",
            f"correct layouts.{features.name}, or leave it out.",
        )
    return layout
