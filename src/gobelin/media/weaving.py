"""Cloth for the demo shop's pictures: looks (yarns and weaves), woven stitch by stitch as a Gobelin is.

A weave is a function from stitch coordinates to yarn numbers; a cloth is one repeat of it in a look's yarns, lit thread by
thread. Every weave repeats after `STITCHES` stitches, so that a piece of any size can be cut from one cached repeat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Rgb = tuple[int, int, int]

STITCHES = 96  # a cloth repeats after so many stitches, a multiple of every weave's period
STITCH = 5  # pixels a stitch


@dataclass(frozen=True)
class Look:
    """What only the picture tells: the yarns and the weaves of one style. The first yarn is the ground."""

    name: str
    yarns: tuple[Rgb, ...]
    weaves: tuple[str, ...]


LOOKS = (
    Look("indigo", ((38, 58, 110), (236, 232, 220), (88, 122, 176), (190, 204, 222)), ("waves", "crosses")),
    Look("terracotta", ((192, 88, 56), (243, 220, 188), (122, 48, 40), (226, 156, 98)), ("pyramids", "diamonds")),
    Look("moss", ((98, 116, 66), (228, 224, 196), (56, 74, 48), (168, 176, 112)), ("herringbone", "twill")),
    Look("saffron", ((232, 176, 48), (250, 238, 206), (150, 92, 24), (244, 208, 116)), ("dots", "petals")),
    Look("berry", ((142, 36, 72), (242, 206, 210), (84, 22, 54), (206, 98, 128)), ("gingham", "plaid")),
    Look("ink", ((40, 38, 40), (240, 236, 228), (116, 110, 106), (184, 178, 170)), ("houndstooth", "zigzag")),
    Look("lagoon", ((32, 140, 136), (246, 240, 224), (240, 128, 100), (140, 206, 196)), ("stripes", "bands")),
    Look("lilac", ((150, 128, 190), (240, 234, 244), (98, 78, 142), (198, 212, 178)), ("triangles", "bricks")),
)


def _waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Seigaiha: overlapping scales of concentric arcs; of the scales that cover a stitch the lowest one shows."""
    yarn = np.zeros_like(x)
    rings = np.array([1, 1, 0, 0, 3, 3, 0, 0, 2, 2, 0, 1, 1])
    for row in range(-1, 18):
        away = np.hypot((x + (row % 2) * 12) % 24 - 11.5, row * 6 + 6 - y)
        yarn = np.where((away < 12.6) & (y <= row * 6 + 6), rings[np.minimum(away, 12).astype(int)], yarn)
    return yarn


def _crosses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sashiko: small crosses on two offset grids, dotted lines between."""
    u, v = x % 12 - 6, y % 12 - 6
    cross = ((np.abs(u) <= 3) & (v == 0)) | ((np.abs(v) <= 3) & (u == 0))
    line = ((x % 12 == 0) & (y % 4 < 2)) | ((y % 12 == 0) & (x % 4 < 2))
    return np.where(cross, 1, np.where(line, 2, 0))


def _pyramids(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kilim steps: pyramids of two-stitch blocks, point up and point down."""
    u, v = np.abs(x % 24 - 12) // 2, (y % 16) // 2
    return np.where(y % 16 < 1, 2, np.where(u + v < 4, 2, np.where(u + v < 6, 1, np.where(u + v < 8, 0, 3))))


def _diamonds(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ring = (np.abs(x % 24 - 12) // 2 + np.abs(y % 24 - 12) // 2) % 12
    return np.array([2, 1, 1, 0, 0, 2, 1, 0, 0, 3, 3, 0])[ring]


def _herringbone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((np.where(x // 8 % 2 == 0, x + y, y - x - 1)) % 8 < 4, 0, np.where(x // 8 % 4 < 2, 1, 3))


def _twill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    step = (x + y) % 16
    return np.where(step < 7, 0, np.where(step < 9, 1, np.where(step < 14, 2, 1)))


def _dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    away = np.hypot((x + (y // 12 % 2) * 6) % 12 - 5.5, y % 12 - 5.5)
    return np.where(away < 2.6, 1, np.where(away < 3.8, 2, 0))


def _petals(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five-stitch flowers on a half-drop repeat."""
    u, v = (x + (y // 12 % 2) * 8) % 16 - 8, y % 12 - 6
    petal = (np.hypot(np.abs(u) - 2.2, np.abs(v) - 2.2) < 2.1) | (np.hypot(u, v) < 2)
    return np.where(np.hypot(u, v) < 1.3, 2, np.where(petal, 1, np.where((u == -8) & (np.abs(v) < 2), 2, 0)))


def _gingham(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([1, 3, 3, 0])[(x // 6 % 2) + 2 * (y // 6 % 2)]


def _plaid(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    band = np.array([0] * 7 + [2] * 3 + [0] * 2 + [1] + [0] * 2 + [2] * 3 + [0] * 6)
    across, down = band[x % 24], band[y % 24]
    return np.where((x + y) % 2 == 0, across, down)


def _houndstooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    over = (x + y) % 8 < 4  # the 2/2 twill, four threads of each yarn: warp shows where it lies over
    return np.where(over, x // 4 % 2, y // 4 % 2)


def _zigzag(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([0, 0, 0, 1, 1, 1, 0, 0, 2, 1, 1, 3])[(y + np.abs(x % 12 - 6)) % 12]


def _stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([0] * 8 + [1] * 2 + [2] * 3 + [1] * 3)[y % 16]


def _bands(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Broad bands, one of them beaded."""
    beads = np.where(x % 4 < 2, 2, 1)
    return np.where(y % 24 < 9, 0, np.where(y % 24 < 12, 3, np.where(y % 24 < 15, beads, np.where(y % 24 < 18, 3, 1))))


def _triangles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    u, v = x % 12, y % 12
    half = np.where((x // 12 + y // 12) % 2 == 0, u > v, u + v > 11)
    return np.where(half, np.where(x // 12 % 2 == 0, 0, 2), np.where(y // 12 % 2 == 0, 1, 3))


def _bricks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    u = (x + (y // 6 % 2) * 6) % 12
    brick = (x + (y // 6 % 2) * 6) // 12 + y // 6
    return np.where((u == 0) | (y % 6 == 0), 1, np.array([0, 2, 0, 3])[brick % 4])


WEAVES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "waves": _waves, "crosses": _crosses, "pyramids": _pyramids, "diamonds": _diamonds, "herringbone": _herringbone,
    "twill": _twill, "dots": _dots, "petals": _petals, "gingham": _gingham, "plaid": _plaid, "houndstooth": _houndstooth,
    "zigzag": _zigzag, "stripes": _stripes, "bands": _bands, "triangles": _triangles, "bricks": _bricks,
}  # fmt: skip


@lru_cache(maxsize=None)
def cloth(look: Look, weave: str) -> np.ndarray:
    """Two by two repeats of a look's cloth, (pixels, pixels, 3) uint8: a piece of up to one repeat and a half is cut
    around its middle without wrapping. Threads catch light where they lie over."""
    side = STITCHES * STITCH
    x, y = np.meshgrid(np.arange(STITCHES), np.arange(STITCHES))
    yarn = WEAVES[weave](x, y).repeat(STITCH, 0).repeat(STITCH, 1)
    round_ = 0.86 + 0.16 * np.sin(np.pi * (np.arange(side) % STITCH + 0.5) / STITCH)  # across one thread
    warp_over = ((x + y) % 2 == 0).repeat(STITCH, 0).repeat(STITCH, 1)
    light = np.where(warp_over, round_[None, :], round_[:, None])
    slub = np.random.default_rng(7).normal(1, 0.025, (STITCHES, STITCHES)).repeat(STITCH, 0).repeat(STITCH, 1)
    pixels = np.array(look.yarns, np.float32)[yarn] * (light * slub)[:, :, None]
    return np.tile(np.clip(pixels, 0, 255).astype(np.uint8), (2, 2, 1))
