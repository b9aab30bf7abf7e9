"""Streams of raw content, aligned in time or in space, joined there, told by simple statistics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Bool, Float32, Int64
from gobelin.fitted import remade, state_of
from gobelin.fusion._inputs import Input, check_layouts, inputs_of
from gobelin.fusion._pieces import Along, pieces_of
from gobelin.media.alignment import Join, shares
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target

_TOGETHER = 256  # rows that are aligned in a call
_MOST = 2_000  # rows of the fit whose pieces the axes are found on


@dataclass(kw_only=True)
class Streams:
    """Fusion at the data level without a network: raw streams on one timeline or one grid, side by side or averaged.

    Pieces of content as it is (frames of a sound, frames of a clip, words in order; in space the cells of a picture and
    of a clip) are brought to `factors` numbers by the principal axes of their own sense, of one total variance, so that
    no sense is louder and streams can be averaged. Then all lie on `steps` of one timeline, or on a grid of
    `cells` x `cells`, each taking the mean of what it overlaps (`media.alignment`): sounds and clips by their seconds,
    words from the first to the last step, what neither moves nor has places everywhere. join: "concatenate", zero (the
    mean) where a sense is missing; "mean" of those that are there. pool: "statistics", the mean and the spread over
    steps, in time also the mean size of the change from step to step; "pca", all steps side by side, `dim` principal
    axes of them.

    A vector is a stream of one piece; layouts: of senses by name, where a table does not say it. The target is not
    read. The word-aligned averages are the baseline of Tsai et al. (ACL 2019); statistics of frames as in Tzanetakis
    and Cook (2002). Relations: `early` learns what to read of the same streams; `concatenation` joins what encoders
    say of them.
    """

    level: ClassVar[str] = "data"

    along: Annotated[Along, Grid("time", "space")] = "time"
    join: Annotated[Join, Grid("concatenate", "mean")] = "concatenate"
    pool: Annotated[Literal["statistics", "pca"], Grid("statistics", "pca")] = "statistics"
    factors: Annotated[int, Ge(1), Grid(8, 16, 32)] = 16
    dim: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    steps: Annotated[int, Ge(1)] = 8
    cells: Annotated[int, Ge(1)] = 4
    layouts: Mapping[str, str] = field(default_factory=dict)
    _inputs: tuple[Input, ...] = field(default=(), init=False, repr=False, compare=False)
    _axes: tuple["_Axes", ...] = field(default=(), init=False, repr=False, compare=False)
    _last: "_Axes | None" = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_layouts(self.layouts)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._inputs = inputs_of(table, learn, self.layouts, rng)
        axes = []
        for one in self._inputs:
            rows = np.flatnonzero(learn & table[one.name].present)
            some = np.sort(rng.permutation(rows)[:_MOST])
            values, marks = pieces_of(one.read(table, some)[0], one.layout, self.along, self.cells)
            axes.append(_Axes.of(values[marks], self.factors))
        self._axes, self._last = tuple(axes), None
        if self.pool == "pca":
            rows = np.flatnonzero(learn & ~table.only(*(one.name for one in self._inputs)).bare())
            self._last = _Axes.of(self._told(table, np.sort(rng.permutation(rows)[:_MOST])), self.dim)
        return self

    def fuse(self, table: FeatureTable) -> Features:
        present = ~table.only(*(one.name for one in self._inputs)).bare()
        rows = np.flatnonzero(present)
        blocks = [self._told(table, rows[at : at + _TOGETHER]) for at in range(0, max(len(rows), 1), _TOGETHER)]
        told = np.concatenate(blocks)
        told = told if self._last is None else self._last.of_rows(told)
        values = np.zeros((len(present), told.shape[1]), dtype=np.float32)
        values[rows] = told
        return Features("fused", "fused", table.ids, values, present)

    def state(self) -> State:
        return state_of(
            self,
            inputs=[one.state() for one in self._inputs],
            axes=[vars(one) for one in self._axes],
            last=None if self._last is None else vars(self._last),
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._inputs = tuple(Input.from_state(one) for one in state["inputs"])
        fusion._axes = tuple(_Axes(**one) for one in state["axes"])
        fusion._last = None if state["last"] is None else _Axes(**state["last"])
        return fusion

    def _told(self, table: FeatureTable, rows: Int64[Array, " some"]) -> Float32[Array, "some told"]:
        """Statistics of joined streams, or all steps of them side by side."""
        values, marks = self._aligned(table, rows)  # (n, steps, senses, factors), (n, steps, senses)
        n, steps, senses, factors = values.shape
        if self.join == "concatenate":
            joined = values.reshape(n, steps, senses * factors)
        else:
            joined = values.sum(axis=2) / np.maximum(marks.sum(axis=2), 1)[:, :, None]
        if self.pool == "pca":
            return joined.reshape(n, steps * joined.shape[2]).astype(np.float32)
        mean = joined.mean(axis=1)
        told = [mean, joined.std(axis=1)]
        if self.along == "time":
            told.append(np.abs(np.diff(joined, axis=1)).mean(axis=1) if steps > 1 else np.zeros_like(mean))
        return np.concatenate(told, axis=1).astype(np.float32)

    def _aligned(
        self, table: FeatureTable, rows: Int64[Array, " some"]
    ) -> tuple[Float32[Array, "some steps senses factors"], Bool[Array, "some steps senses"]]:
        found = []
        for one, axes in zip(self._inputs, self._axes, strict=True):
            given, here = one.read(table, rows)
            values, marks = pieces_of(given, one.layout, self.along, self.cells)
            found.append((axes.of_rows(values), marks & here[:, None]))
        lengths = [values.shape[1] for values, _ in found]
        steps = self.steps if self.along == "time" else self.cells**2
        timed = [0.0 if one.layout is None or self.along == "space" else one.layout.seconds for one in self._inputs]
        out = np.zeros((len(rows), steps, len(found), self.factors), dtype=np.float32)
        held = np.zeros(out.shape[:3], dtype=bool)
        for place, ((values, marks), taken) in enumerate(zip(found, shares(lengths, timed, steps), strict=True)):
            weight = taken[None] * marks[:, None, :]  # (n, steps, length)
            total = weight.sum(axis=2)
            held[:, :, place] = total > 1e-9
            out[:, :, place] = weight @ values / np.maximum(total, 1e-9)[:, :, None]
        return out, held


@dataclass(frozen=True)
class _Axes:
    """Principal axes of some rows, zeros where there are fewer than asked for. scale: to one total variance."""

    centre: Float32[Array, " dim"]
    axes: Float32[Array, "factors dim"]
    scale: float

    @classmethod
    def of(cls, rows: Float32[Array, "rows dim"], factors: int) -> Self:
        centre = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(rows.shape[1])
        centred = rows - centre
        values, vectors = np.linalg.eigh(centred.T @ centred / max(len(rows), 1))
        axes = np.zeros((factors, rows.shape[1]))
        kept = vectors[:, ::-1].T[:factors]
        turn = np.sign(kept[np.arange(len(kept)), np.abs(kept).argmax(axis=1)])  # one sign on every machine
        axes[: len(kept)] = kept * turn[:, None]
        total = float(np.maximum(values[::-1][:factors], 0).sum())
        scale = 1 / np.sqrt(total) if total > 1e-12 * (1 + float((centre**2).sum())) else 0.0
        return cls(centre.astype(np.float32), axes.astype(np.float32), float(scale))

    def of_rows(self, rows: Any) -> Any:
        """(..., dim) -> (..., factors)."""
        return ((rows - self.centre) @ self.axes.T * np.float32(self.scale)).astype(np.float32)
