"""Cloth for the demo shop's pictures: looks (yarns and weaves), woven stitch by stitch as a Gobelin is.

A weave is a function from stitch coordinates to yarn numbers; a cloth is one repeat of it in a look's yarns, lit
thread by thread. Every weave repeats after `STITCHES` stitches, so that a piece of any size can be cut from one
cached repeat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

Rgb = tuple[int, int, int]

STITCHES = 96  # a cloth repeats after so many stitches, a multiple of every weave's period
STITCH = 5  # pixels a stitch


@dataclass(frozen=True)
class Look:
    """What only the picture tells: the yarns (the ground first) and the weave of one style."""

    name: str
    yarns: tuple[Rgb, ...]
    weave: str


LOOKS = (
    Look("indigo", ((38, 58, 110), (236, 232, 220), (88, 122, 176), (190, 204, 222)), "crosses"),
    Look("terracotta", ((192, 88, 56), (243, 220, 188), (122, 48, 40), (226, 156, 98)), "diamonds"),
    Look("moss", ((98, 116, 66), (228, 224, 196), (56, 74, 48), (168, 176, 112)), "herringbone"),
    Look("saffron", ((232, 176, 48), (250, 238, 206), (150, 92, 24), (244, 208, 116)), "dots"),
    Look("berry", ((142, 36, 72), (242, 206, 210), (84, 22, 54), (206, 98, 128)), "gingham"),
    Look("ink", ((40, 38, 40), (240, 236, 228), (116, 110, 106), (184, 178, 170)), "houndstooth"),
    Look("lagoon", ((32, 140, 136), (246, 240, 224), (240, 128, 100), (140, 206, 196)), "bands"),
    Look("lilac", ((150, 128, 190), (240, 234, 244), (98, 78, 142), (198, 212, 178)), "triangles"),
)


def _crosses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sashiko: small crosses on two offset grids, dotted lines between."""
    u, v = x % 12 - 6, y % 12 - 6
    cross = ((np.abs(u) <= 3) & (v == 0)) | ((np.abs(v) <= 3) & (u == 0))
    line = ((x % 12 == 0) & (y % 4 < 2)) | ((y % 12 == 0) & (x % 4 < 2))
    return np.where(cross, 1, np.where(line, 2, 0))


def _diamonds(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ring = (np.abs(x % 24 - 12) // 2 + np.abs(y % 24 - 12) // 2) % 12
    return np.array([2, 1, 1, 0, 0, 2, 1, 0, 0, 3, 3, 0])[ring]


def _herringbone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((np.where(x // 8 % 2 == 0, x + y, y - x - 1)) % 8 < 4, 0, np.where(x // 8 % 4 < 2, 1, 3))


def _dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    away = np.hypot((x + (y // 12 % 2) * 6) % 12 - 5.5, y % 12 - 5.5)
    return np.where(away < 2.6, 1, np.where(away < 3.8, 2, 0))


def _gingham(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([1, 3, 3, 0])[(x // 6 % 2) + 2 * (y // 6 % 2)]


def _houndstooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    over = (x + y) % 8 < 4  # the 2/2 twill, four threads of each yarn: warp shows where it lies over
    return np.where(over, x // 4 % 2, y // 4 % 2)


def _bands(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Broad bands, one of them beaded."""
    beads = np.where(x % 4 < 2, 2, 1)
    return np.where(y % 24 < 9, 0, np.where(y % 24 < 12, 3, np.where(y % 24 < 15, beads, np.where(y % 24 < 18, 3, 1))))


def _triangles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    u, v = x % 12, y % 12
    half = np.where((x // 12 + y // 12) % 2 == 0, u > v, u + v > 11)
    return np.where(half, np.where(x // 12 % 2 == 0, 0, 2), np.where(y // 12 % 2 == 0, 1, 3))


WEAVES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "crosses": _crosses,
    "diamonds": _diamonds,
    "herringbone": _herringbone,
    "dots": _dots,
    "gingham": _gingham,
    "houndstooth": _houndstooth,
    "bands": _bands,
    "triangles": _triangles,
}


@cache
def cloth(look: Look) -> np.ndarray:
    """Two by two repeats of a look's cloth, (pixels, pixels, 3) uint8: a piece of up to one repeat and a half is cut
    around its middle without wrapping. Threads catch light where they lie over."""
    side = STITCHES * STITCH
    x, y = np.meshgrid(np.arange(STITCHES), np.arange(STITCHES))
    yarn = WEAVES[look.weave](x, y).repeat(STITCH, 0).repeat(STITCH, 1)
    round_ = 0.86 + 0.16 * np.sin(np.pi * (np.arange(side) % STITCH + 0.5) / STITCH)  # across one thread
    warp_over = ((x + y) % 2 == 0).repeat(STITCH, 0).repeat(STITCH, 1)
    light = np.where(warp_over, round_[None, :], round_[:, None])
    slub = np.random.default_rng(7).normal(1, 0.025, (STITCHES, STITCHES)).repeat(STITCH, 0).repeat(STITCH, 1)
    pixels = np.array(look.yarns, np.float32)[yarn] * (light * slub)[:, :, None]
    return np.tile(np.clip(pixels, 0, 255).astype(np.uint8), (2, 2, 1))
