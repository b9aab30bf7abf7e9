"""Clips by what moves in them, without anything learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import rows_of
from gobelin.media.foreign import Limits
from gobelin.media.motion import RATE, Moves, luma, motion_of
from gobelin.media.video import Clip, open_clip
from gobelin.protocols import Content
from gobelin.values import Block

_WAYS = ("right", "right up", "up", "left up", "left", "left down", "down", "right down")
_BEATS = (0.0, 0.5, 1.0, 2.0, 3.0, RATE / 2)  # hertz: bounds of the bands of rhythm
_HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")
_NAMES = (
    *("energy", "energy spread", "energy peak", "still share", "speed", "speed spread", "moving share"),
    *(f"to {way}" for way in _WAYS),
    *("drift x", "drift y", "coherence", "zoom", "turn"),
    *(f"energy {row} {column}" for row in ("above", "middle", "below") for column in ("left", "centre", "right")),
    *(f"rhythm {low:g}-{high:g} Hz" for low, high in pairwise(_BEATS)),
    *("beat", "beat strength"),
    *("brightness", "brightness spread", "brightness change", "contrast", "flicker"),
    *("saturation", "saturation spread"),
    *(f"hue {hue}" for hue in _HUES),
    *("shots", "cuts a second", "shot seconds", "shot spread", "longest shot", "seconds"),
)
_STILL = 0.004  # mean change of a pixel, of 1, below which nothing moved: one step of 255


@dataclass(kw_only=True)
class Motion:
    """What moves in a clip and where to, its rhythm, light, colour and cuts: 55 numbers with names; nothing is learned.

    Frames are compared at 8 a second, at most 64 pixels a side, within shots (`media.motion`, `media.shots`).
    Motion: the mean change of a pixel from frame to frame (of 1), its spread, its 95th percentile and the share of
    pairs without any; the speed of blocks that move (longer sides of the frame a second) and how many do; the share of
    all motion in each of 8 directions; the mean velocity, and its length by the mean speed (1: all goes one way);
    zoom and turn: the mean of velocities outwards and counter-clockwise by the mean speed; where the change lies, as
    9 shares. Rhythm: the power of the change over time, less its mean, as shares of 5 bands; the strongest frequency
    (of 4 Hz) and its share. Light and colour: brightness (of 1), its spread over time, from first to last and within a
    frame, its mean step from frame to frame; saturation; 6 hues, each by its saturation. Cuts: log(1 + shots), cuts a
    second, log(1 + seconds) of the mean shot, the spread of shots by their mean, the longest one's share, and
    log(1 + seconds).

    max_seconds, max_frames: a longer clip is read to there. max_megapixels: of a frame, max_megabytes: of the file;
    what is larger is absent as "too large". Cost: decoding, about 3 ms a frame of 640 x 480 on one thread.
    Relations: `frames` says what is seen, this how it moves; `soundtrack` says what is heard.
    """

    modality: ClassVar[str] = "video"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True
    dim: ClassVar[int] = len(_NAMES)

    max_seconds: Annotated[float, Gt(0)] = 60.0
    max_frames: Annotated[int, Ge(1)] = 4_000
    max_megapixels: Annotated[int, Ge(1)] = 16
    max_megabytes: Annotated[int, Ge(1)] = 512

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("video")

    def fingerprint(self) -> str:
        return f"motion 1; {self.max_seconds:g} s; {self.max_frames} frames"

    def names(self) -> list[str]:
        return list(_NAMES)

    def encode(self, pieces: Sequence[Path]) -> Block:
        return rows_of(pieces, self.dim, partial(open_clip, limits=Limits.of(self)), describe)


def describe(clip: Clip) -> Float32[Array, " dim"]:
    """The numbers of one clip, in the order of the names."""
    moves = motion_of(clip)
    found = np.concatenate(
        [_amount(moves), _directions(moves), _places(moves), _rhythm(moves), _light(clip), _cuts(clip)]
    )
    return found.astype(np.float32)


def _amount(moves: Moves) -> Array:
    energy = moves.energy.mean(axis=(1, 2))
    if not len(energy):
        return np.array([0, 0, 0, 1, 0, 0, 0.0])
    speed = np.hypot(moves.x, moves.y)
    moving = speed[np.isfinite(speed)]
    return np.array(
        [
            energy.mean(),
            energy.std(),
            np.quantile(energy, 0.95),
            (energy < _STILL).mean(),
            moving.mean() if len(moving) else 0.0,
            moving.std() if len(moving) else 0.0,
            len(moving) / speed.size,
        ]
    )


def _directions(moves: Moves) -> Array:
    known = np.isfinite(moves.x)
    if not known.any():
        return np.zeros(len(_WAYS) + 5)
    x, y = moves.x[known], moves.y[known]
    speed = np.hypot(x, y)
    total = speed.sum()
    way = np.rint(np.arctan2(y, x) / (np.pi / 4)).astype(int) % 8
    shares = np.bincount(way, weights=speed, minlength=8) / total
    across = np.broadcast_to(moves.across[None, None, :], known.shape)[known]
    up = np.broadcast_to(moves.up[None, :, None], known.shape)[known]
    far = np.maximum(np.hypot(across, up), 1e-6)
    zoom = ((x * across + y * up) / far).sum() / total
    turn = ((y * across - x * up) / far).sum() / total
    return np.array([*shares, x.mean(), y.mean(), np.hypot(x.sum(), y.sum()) / total, zoom, turn])


def _places(moves: Moves) -> Array:
    sums = moves.energy.sum(axis=0).ravel()
    return sums / sums.sum() if sums.sum() > 0 else np.zeros(9)


def _rhythm(moves: Moves) -> Array:
    """The spectrum of the change a second, on an even grid of time; zeros where it is shorter than a second."""
    out = np.zeros(len(_BEATS) + 1)
    if len(moves.times) < RATE:
        return out
    grid = np.arange(moves.times[0], moves.times[-1], 1 / RATE)
    change = np.interp(grid, moves.times, moves.energy.mean(axis=(1, 2)) / moves.lasted)
    power = np.abs(np.fft.rfft((change - change.mean()) * np.hanning(len(change)))) ** 2
    power[0] = 0
    if power.sum() <= 1e-9 * len(power):
        return out
    pitch = np.fft.rfftfreq(len(grid), 1 / RATE)
    band = np.clip(np.searchsorted(_BEATS, pitch, side="right") - 1, 0, len(_BEATS) - 2)
    out[: len(_BEATS) - 1] = np.bincount(band, weights=power, minlength=len(_BEATS) - 1) / power.sum()
    best = int(power.argmax())
    out[-2:] = pitch[best] / (RATE / 2), power[max(best - 1, 0) : best + 2].sum() / power.sum()
    return out


def _light(clip: Clip) -> Array:
    chosen = clip.small[np.unique(np.linspace(0, len(clip.small) - 1, min(len(clip.small), 256)).astype(int))]
    grey = luma(chosen) / 255
    bright = grey.mean(axis=(1, 2))
    most, least = chosen.max(axis=3).astype(np.float32), chosen.min(axis=3).astype(np.float32)
    chroma = most - least
    saturation = (chroma / np.maximum(most, 1)).mean(axis=(1, 2))
    red, green, blue = (chosen[..., i].astype(np.float32) for i in range(3))
    scale = np.maximum(chroma, 1)
    hue = np.where(
        most == red,
        (green - blue) / scale % 6,
        np.where(most == green, (blue - red) / scale + 2, (red - green) / scale + 4),
    )
    shares = np.bincount((np.rint(hue).astype(int) % 6).ravel(), weights=chroma.ravel(), minlength=6)
    return np.array(
        [
            bright.mean(),
            bright.std(),
            bright[-1] - bright[0],
            grey.std(axis=(1, 2)).mean(),
            np.abs(np.diff(bright)).mean() if len(bright) > 1 else 0.0,
            saturation.mean(),
            saturation.std(),
            *(shares / (255 * chroma.size)),
        ]
    )


def _cuts(clip: Clip) -> Array:
    shots = np.diff(clip.bounds)
    return np.array(
        [
            np.log1p(len(shots)),
            len(clip.cuts) / clip.seconds,
            np.log1p(shots.mean()),
            shots.std() / shots.mean(),
            shots.max() / clip.seconds,
            np.log1p(clip.seconds),
        ]
    )
