"""Several streams on one timeline, or on one grid of a picture, as padded arrays with masks.

In time: the frames of a clip, the patches of its sound, the words of its transcript. In space: the patches of one
picture as seen by networks with different grids. Each step (or cell) takes the mean of what it overlaps, weighed by
how far it overlaps; a stream that says nothing there is masked, and its zeros must not be read.

    heard = Stream.at(sound_patches, seconds, lasts=0.96)
    said = Stream.at(word_vectors, word_seconds, lasts=0.0)
    align([seen, heard, said], rate=2.0).values      # (steps, dims of all)

The cross-modal transformers that read such arrays: Tsai et al., Multimodal Transformer for Unaligned Multimodal
Language Sequences (ACL 2019), whose word-aligned baseline averages each stream over the span of a word as is done here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Float64, Int64

Join = Literal["concatenate", "mean"]
"""Side by side, zeros where a stream is masked; or the mean over the streams that are there (all of one dim)."""

_INSTANT = 1e-6  # seconds that a moment is taken to last, so that it has a weight


@dataclass(frozen=True)
class Stream:
    """Vectors over time. values: (pieces, dim); starts, ends: (pieces,) seconds from the beginning, start <= end.

    Pieces may overlap, lie apart and come in any order. A sense that an item lacks is a stream without pieces.
    """

    values: Float32[Array, "pieces dim"]
    starts: Float64[Array, " pieces"]
    ends: Float64[Array, " pieces"]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not len(self.values) == len(self.starts) == len(self.ends):
            raise ValueError(
                f"a stream of {self.values.shape} values has {len(self.starts)} starts and {len(self.ends)} ends"
            )
        if not (np.isfinite(self.starts).all() and np.isfinite(self.ends).all() and (self.starts <= self.ends).all()):
            raise ValueError("a piece of a stream ends before it starts, or has no time")

    @classmethod
    def at(
        cls,
        values: Float32[Array, "pieces dim"],
        seconds: Float64[Array, " pieces"] | Sequence[float],
        lasts: float | None = None,
    ) -> Self:
        """Pieces that begin at these seconds. lasts: how long each goes on; 0 for moments.

        None: until the next one begins, as a frame stays on the screen; the last as long as the one before it (a
        single piece is a moment). The times must then rise.
        """
        starts = np.asarray(seconds, dtype=np.float64)
        if lasts is not None:
            return cls(values, starts, starts + lasts)
        gaps = np.diff(starts)
        last = gaps[-1:] if len(gaps) else np.zeros(min(1, len(starts)))
        return cls(values, starts, starts + np.concatenate([gaps, last]))

    @classmethod
    def none(cls, dim: int) -> Self:
        """A sense that is not there."""
        nothing = np.zeros(0, dtype=np.float64)
        return cls(np.zeros((0, dim), dtype=np.float32), nothing, nothing)


@dataclass(frozen=True)
class Aligned:
    """Streams on one timeline. values: (steps, dim); mask: (steps, streams), whether a stream says anything in a step.

    edges: (steps + 1,) seconds; step i lasts from edges[i] to edges[i + 1].
    """

    values: Float32[Array, "steps dim"]
    mask: Bool[Array, "steps streams"]
    edges: Float64[Array, " edges"]


def align(
    streams: Sequence[Stream],
    *,
    steps: int | None = None,
    rate: float | None = None,
    span: tuple[float, float] | None = None,
    join: Join = "concatenate",
) -> Aligned:
    """One of: steps, into which the span is divided evenly; rate, steps a second (the last may reach past the end).

    span: seconds from and to; None: from the first start to the last end of all streams (a second, where that is one
    moment). What lies outside is left out.
    Raises ValueError where streams of different dims are to be averaged, or neither or both of steps and rate are
    given.
    """
    _check(streams, [stream.values.shape[1] for stream in streams], join)
    begin, end = span or _span(streams)
    if end < begin:
        raise ValueError(f"the span ends at {end} s, before it begins at {begin} s")
    if (steps is None) == (rate is None):
        raise ValueError("either steps or rate is needed")
    if rate is not None:
        steps = max(1, math.ceil((end - begin) * rate - 1e-6))
        edges = begin + np.arange(steps + 1) / rate
    else:
        edges = np.linspace(begin, end if end > begin else begin + 1, int(steps or 0) + 1)
    found = [_mean(_starts(stream, float(edges[-1])), stream.ends, edges, stream.values) for stream in streams]
    values, mask = _joined([v for v, _ in found], [m for _, m in found], join)
    return Aligned(values, mask, edges)


def shares(lengths: Sequence[int], seconds: Sequence[float], steps: int) -> list[Float32[Array, "steps _"]]:
    """How much of each piece of a stream each of so many steps takes, (steps, length) a stream; rows sum to 1, or to 0.

    For streams of evenly spread pieces, the same of every item: what `align` makes of pieces that are the unit vectors,
    so that `shares @ values` aligns many items at once. seconds: over which a stream's pieces are spread from 0 on; 0:
    it has no time, and lies over all of it, which is as long as the longest.
    """
    whole = max(seconds) or 1.0
    out = []
    for length, own in zip(lengths, seconds, strict=True):
        edges = np.arange(length + 1) * ((own or whole) / length)
        stream = Stream(np.eye(length, dtype=np.float32), edges[:-1], edges[1:])
        out.append(align([stream], steps=steps, span=(0.0, whole)).values)
    return out


@dataclass(frozen=True)
class Padded:
    """Several items together. values: (items, steps, dim); mask: (items, steps, streams); padding is masked zeros.

    lengths: (items,) steps that each item has of its own.
    """

    values: Float32[Array, "items steps dim"]
    mask: Bool[Array, "items steps streams"]
    lengths: Int64[Array, " items"]


def pad(items: Sequence[Aligned], steps: int | None = None) -> Padded:
    """Items of the same streams, padded at the end to the longest, or brought to `steps` (what is longer is cut)."""
    if not items:
        raise ValueError("at least one item is needed: its arrays say how many dims and streams there are")
    shapes = {(item.values.shape[1], item.mask.shape[1]) for item in items}
    if len(shapes) > 1:
        raise ValueError(f"items of different dims and streams cannot be put together: {sorted(shapes)}")
    dim, streams = shapes.pop()
    longest = max(len(item.values) for item in items) if steps is None else steps
    values = np.zeros((len(items), longest, dim), dtype=np.float32)
    mask = np.zeros((len(items), longest, streams), dtype=bool)
    lengths = np.array([min(len(item.values), longest) for item in items], dtype=np.int64)
    for place, (item, length) in enumerate(zip(items, lengths.tolist(), strict=True)):
        values[place, :length] = item.values[:length]
        mask[place, :length] = item.mask[:length]
    return Padded(values, mask, lengths)


@dataclass(frozen=True)
class Grid:
    """Vectors of the patches of a whole picture. values: (down, across, dim), from the top left.

    present: (down, across), None where all are there.
    """

    values: Float32[Array, "down across dim"]
    present: Bool[Array, "down across"] | None = None


@dataclass(frozen=True)
class AlignedGrid:
    """Grids on one grid. values: (down, across, dim); mask: (down, across, streams)."""

    values: Float32[Array, "down across dim"]
    mask: Bool[Array, "down across streams"]


def align_grids(grids: Sequence[Grid], down: int, across: int, *, join: Join = "concatenate") -> AlignedGrid:
    """Each cell of the new grid is the mean of the present patches that it overlaps, weighed by the common area."""
    _check(grids, [grid.values.shape[2] for grid in grids], join)
    values, masks = [], []
    for grid in grids:
        high, wide, dim = grid.values.shape
        rows, columns = _shares(high, down), _shares(wide, across)  # (down, high), (across, wide)
        here = np.ones((high, wide)) if grid.present is None else grid.present.astype(np.float64)
        shown = np.where(here[:, :, None] > 0, grid.values, 0).astype(np.float64)
        total = np.einsum("dh,aw,hwk->dak", rows, columns, shown, optimize=True)
        weight = rows @ here @ columns.T
        mean = np.where(weight[:, :, None] > 0, total / np.maximum(weight, 1e-300)[:, :, None], 0)
        values.append(mean.astype(np.float32).reshape(down * across, dim))
        masks.append((weight > 0).ravel())
    joined, mask = _joined(values, masks, join)
    return AlignedGrid(joined.reshape(down, across, joined.shape[1]), mask.reshape(down, across, len(grids)))


def _check(streams: Sequence[object], dims: Sequence[int], join: Join) -> None:
    if not streams:
        raise ValueError("at least one stream is needed")
    if join == "mean" and len(set(dims)) > 1:
        raise ValueError(f"streams of {list(dims)} dims cannot be averaged: project them to one dim, or concatenate")


def _span(streams: Sequence[Stream]) -> tuple[float, float]:
    starts = [float(stream.starts.min()) for stream in streams if len(stream.starts)]
    ends = [float(stream.ends.max()) for stream in streams if len(stream.ends)]
    return (min(starts), max(ends)) if starts else (0.0, 0.0)


def _starts(stream: Stream, edge: float) -> Float64[Array, " pieces"]:
    """A moment at the very end of the last step belongs to it."""
    last = (stream.starts == stream.ends) & (np.abs(stream.starts - edge) < _INSTANT)
    return np.where(last, edge - _INSTANT, stream.starts)


def _mean(
    starts: Float64[Array, " pieces"],
    ends: Float64[Array, " pieces"],
    edges: Float64[Array, " edges"],
    values: Float32[Array, "pieces dim"],
) -> tuple[Float32[Array, "steps dim"], Bool[Array, " steps"]]:
    """The mean of the pieces in each step by seconds in common, and whether there is one."""
    weight = _overlap(starts, np.maximum(ends, starts + _INSTANT), edges)
    weight[weight < _INSTANT * 1e-3] = 0  # a rounding of times is nothing in common
    total = weight.sum(axis=1)
    mean = weight @ values.astype(np.float64) / np.maximum(total, 1e-300)[:, None]
    return np.where(total[:, None] > 0, mean, 0).astype(np.float32), total > 0


def _overlap(
    starts: Float64[Array, " pieces"], ends: Float64[Array, " pieces"], edges: Float64[Array, " edges"]
) -> Float64[Array, "steps pieces"]:
    """How much of each piece lies in each step."""
    common = np.minimum(ends[None, :], edges[1:, None]) - np.maximum(starts[None, :], edges[:-1, None])
    return np.asarray(np.maximum(common, 0))


def _shares(old: int, new: int) -> Float64[Array, "new old"]:
    """How much of each of `old` equal parts of a side lies in each of `new`."""
    bounds = np.arange(old + 1) / old
    shares = _overlap(bounds[:-1], bounds[1:], np.arange(new + 1) / new)
    shares[shares < 1e-12] = 0
    return shares


def _joined(
    values: Sequence[Float32[Array, "steps _"]], masks: Sequence[Bool[Array, " steps"]], join: Join
) -> tuple[Float32[Array, "steps dim"], Bool[Array, "steps streams"]]:
    mask = np.stack(masks, axis=1)
    if join == "concatenate":
        return np.concatenate(values, axis=1), mask
    total = np.sum(values, axis=0, dtype=np.float64)  # what is masked is zero
    return (total / np.maximum(mask.sum(axis=1), 1)[:, None]).astype(np.float32), mask
