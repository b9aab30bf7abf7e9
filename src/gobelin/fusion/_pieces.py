"""Raw rows as the pieces of streams, in time or in space, described by nothing but their own numbers."""

import functools
import hashlib
from typing import Literal

import numpy as np

from gobelin.arrays import Array, Bool, Float32
from gobelin.media.alignment import Grid, align_grids
from gobelin.values import Layout

Along = Literal["time", "space"]

CELLS = 4  # down and across: how finely a frame, or a picture that stands still, is told in time
_SIGNS = 32  # numbers of a word

Pieces = tuple[Float32[Array, "rows pieces told"], Bool[Array, "rows pieces"]]


def pieces_of(rows: Float32[Array, "rows dim"], layout: Layout | None, along: Along, cells: int) -> Pieces:
    """(n, pieces, dim) and which of them are there.

    In time: frames of a sound, frames of a clip in 4 x 4 cells, words each by 32 signs of its own; one piece of a
    picture (4 x 4 cells) and of a vector. In space: cells x cells of a picture (its colours) and of a clip (their mean
    and spread over time), from the top left row by row; one piece of all else, its mean and spread over time.
    """
    if along == "space" and layout is not None and layout.kind in ("picture", "clip"):
        return _in_space(rows.reshape(len(rows), *layout.shape), cells)
    values, marks = _in_time(rows, layout)
    return (values, marks) if along == "time" else _still(values, marks)


def _in_time(rows: Float32[Array, "rows dim"], layout: Layout | None) -> Pieces:
    if layout is None:
        return rows[:, None, :], np.ones((len(rows), 1), dtype=bool)
    if layout.kind == "words":
        told = _signs(layout.ids)[np.clip(rows.astype(np.int64), 0, layout.ids - 1)]
        return told, np.asarray(rows > 0)
    shaped = rows.reshape(len(rows), *layout.shape)
    if layout.kind == "sound":
        return shaped, np.any(shaped, axis=2)
    frames = shaped if layout.kind == "clip" else shaped[:, None]
    n, count, high, wide, _ = frames.shape
    small = _in_cells(frames.reshape(n * count, high, wide, 3), CELLS)
    return small.reshape(n, count, 3 * CELLS**2), np.any(frames, axis=(2, 3, 4))


def _in_space(shaped: Array, cells: int) -> Pieces:
    if shaped.ndim == 5:  # a clip
        there = np.any(shaped, axis=(2, 3, 4), keepdims=True)
        count = np.maximum(there.sum(axis=1), 1)
        mean = (shaped * there).sum(axis=1) / count
        spread = np.sqrt(((shaped - mean[:, None]) ** 2 * there).sum(axis=1) / count)
        shaped = np.concatenate([mean, spread], axis=3)
    values = _in_cells(shaped.astype(np.float32), cells)
    return values, np.ones(values.shape[:2], dtype=bool)


def _in_cells(pictures: Float32[Array, "n high wide colours"], cells: int) -> Float32[Array, "n places colours"]:
    """Each cell the mean of the pixels that it overlaps; all pictures as one grid of many dimensions."""
    n, high, wide, colours = pictures.shape
    grid = Grid(np.ascontiguousarray(pictures.transpose(1, 2, 0, 3)).reshape(high, wide, n * colours))
    told = align_grids([grid], cells, cells).values.reshape(cells * cells, n, colours)
    return np.ascontiguousarray(told.transpose(1, 0, 2))


def _still(values: Float32[Array, "rows steps dim"], marks: Bool[Array, "rows steps"]) -> Pieces:
    if values.shape[1] > 1:
        weight = marks[:, :, None] / np.maximum(marks.sum(axis=1), 1)[:, None, None]
        mean = (values * weight).sum(axis=1)
        spread = np.sqrt(((values - mean[:, None]) ** 2 * weight).sum(axis=1))
        values = np.concatenate([mean, spread], axis=1)[:, None].astype(np.float32)
    return values, np.any(marks, axis=1, keepdims=True)


@functools.lru_cache(maxsize=4)
def _signs(ids: int) -> Float32[Array, "ids signs"]:
    """+-1 for each number of a word (random indexing, Kanerva et al., CogSci 2000), the same on every machine."""
    raw = b"".join(hashlib.shake_128(f"word {number}".encode()).digest(_SIGNS // 8) for number in range(ids))
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8)).reshape(ids, _SIGNS)
    return bits.astype(np.float32) * 2 - 1
