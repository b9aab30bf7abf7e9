"""What moves in a clip, and where to: blocks of small frames sought again in the frame before."""

from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float32, Float64, Int64, UInt8
from gobelin.media.video import Clip

RATE = 8.0
"""Frames a second that are compared: slower motion is seen as more than a pixel, faster as less than a frame."""

_BLOCK = 8  # pixels a side
_REACH = 8  # pixels a block is sought in each direction: a whole frame in a second
_TEXTURE = 4.0  # of 255: a block whose standard deviation is less could lie anywhere
_BETTER = 1.5  # of 255 a pixel: by so much a block must lie better elsewhere than where it was
_CHUNK = 64  # pairs of frames


@dataclass(frozen=True)
class Moves:
    """Motion from frame to frame, where both belong to one shot.

    times: seconds of the later frame of each pair; lasted: seconds between the two. energy: how far a pixel changes on
    average, of 1, in 3 x 3 regions. x, y: what each block moved, to the right and up, in longer sides of the frame a
    second; nan where a block lies still or has no texture. across, up: where the blocks lie, from -1 to 1.
    """

    times: Float64[Array, " pairs"]
    lasted: Float64[Array, " pairs"]
    energy: Float32[Array, "pairs 3 3"]
    x: Float32[Array, "pairs rows columns"]
    y: Float32[Array, "pairs rows columns"]
    across: Float32[Array, " columns"]
    up: Float32[Array, " rows"]


def luma(small: UInt8[Array, "frames height width 3"]) -> Float32[Array, "frames height width"]:
    """Brightness from 0 to 255 (ITU-R BT.601)."""
    return small @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def sampled(clip: Clip) -> Int64[Array, " sampled"]:
    """Frames that are shown at each eighth of a second; all of a slower clip."""
    grid = np.arange(0, clip.times[-1] + 1e-6, 1 / RATE)
    return np.unique(np.searchsorted(clip.times, grid + 1e-6, side="right") - 1)


def motion_of(clip: Clip) -> Moves:
    """Full search of blocks of 8 x 8 by their sum of absolute differences (Jain and Jain, IEEE Transactions on
    Communications 1981), each block of a frame in the frame before."""
    chosen = sampled(clip)
    shot = np.searchsorted(clip.cuts, chosen, side="right")
    pair = np.flatnonzero(shot[1:] == shot[:-1])
    before, after = chosen[pair], chosen[pair + 1]
    lasted = np.maximum(clip.times[after] - clip.times[before], 1e-3)
    height, width = clip.small.shape[1:3]
    rows, columns = height // _BLOCK, width // _BLOCK
    energy = np.zeros((len(pair), 3, 3), dtype=np.float32)
    x = np.full((len(pair), rows, columns), np.nan, dtype=np.float32)
    y = x.copy()
    for start in range(0, len(pair), _CHUNK):
        some = slice(start, start + _CHUNK)
        old, new = luma(clip.small[before[some]]), luma(clip.small[after[some]])
        energy[some] = _thirds(np.abs(new - old)) / 255
        right, down = _matched(old, new)
        scale = max(height, width) * lasted[some, None, None]
        x[some], y[some] = right / scale, -down / scale
    middle = [(np.arange(n) + 0.5) * _BLOCK / side * 2 - 1 for n, side in ((columns, width), (rows, height))]
    return Moves(clip.times[after], lasted, energy, x, y, middle[0].astype(np.float32), -middle[1].astype(np.float32))


def _thirds(values: Float32[Array, "frames height width"]) -> Float32[Array, "frames 3 3"]:
    """Means over 3 x 3 regions."""
    rows = np.linspace(0, values.shape[1], 4).astype(int)
    columns = np.linspace(0, values.shape[2], 4).astype(int)
    area = (np.diff(rows)[:, None] * np.diff(columns)[None, :]).astype(np.float32)
    return np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=1), columns[:-1], axis=2) / area


def _matched(
    old: Float32[Array, "pairs height width"], new: Float32[Array, "pairs height width"]
) -> tuple[Float32[Array, "pairs rows columns"], Float32[Array, "pairs rows columns"]]:
    """Pixels that each block moved to the right and down; nan where it lies still or has no texture."""
    pairs, height, width = new.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    new = new[:, : rows * _BLOCK, : columns * _BLOCK]
    padded = np.pad(old, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)), constant_values=np.float32(1e4))
    blocks = new.reshape(pairs, rows, _BLOCK, columns, _BLOCK)
    textured = blocks.std(axis=(2, 4)) > _TEXTURE
    # the shortest way first, so that of equal matches it stays
    steps = [(down, right) for down in range(-_REACH, _REACH + 1) for right in range(-_REACH, _REACH + 1)]
    steps.sort(key=lambda step: step[0] ** 2 + step[1] ** 2)
    least = np.full((pairs, rows, columns), np.inf, dtype=np.float32)
    at_rest = least
    x, y = np.zeros_like(least), np.zeros_like(least)
    for down, right in steps:
        top, left = _REACH - down, _REACH - right
        there = padded[:, top : top + rows * _BLOCK, left : left + columns * _BLOCK]
        lines = np.abs(new - there).reshape(pairs, rows, _BLOCK, -1).sum(axis=2)  # whole rows first: three times faster
        cost = lines.reshape(pairs, rows, columns, _BLOCK).sum(axis=3) / np.float32(_BLOCK * _BLOCK)
        if (down, right) == (0, 0):
            at_rest = cost
        better = cost < least - 1e-3
        least = np.where(better, cost, least)
        x, y = np.where(better, np.float32(right), x), np.where(better, np.float32(down), y)
    moved = textured & (at_rest - least > _BETTER) & ((x != 0) | (y != 0))
    return np.where(moved, x, np.float32(np.nan)), np.where(moved, y, np.float32(np.nan))
