"""Where colour terms lie among the colours that a picture can show."""

import functools

import numpy as np

from gobelin.arrays import Array, Float32, Float64, Int64
from gobelin.readers._lexicon import lexicon

_D65 = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb: Array) -> Float64[Array, "... 3"]:
    """sRGB (..., 3) of 0 to 255 in CIELAB under D65: L* 0 to 100, a* and b* about -100 to 100."""
    light = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _D65
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@functools.cache
def _anchors() -> tuple[Float32[Array, "looks 3"], Int64[Array, " looks"]]:
    looks = [(number, look) for number, colour in enumerate(lexicon().colours) for look in colour.looks]
    rgb = np.array([[int(look[i : i + 2], 16) for i in (0, 2, 4)] for _, look in looks])
    return _space(lab(rgb)), np.array([number for number, _ in looks])


def _space(points: Float64[Array, "points 3"]) -> Float32[Array, "points 3"]:
    """Lightness counts half: a shaded cloth keeps the name of its hue."""
    return np.asarray(points * (0.5, 1.0, 1.0), dtype=np.float32)


def nearest(points: Float64[Array, "points 3"]) -> Int64[Array, " points"]:
    """The place among the lexicon's colours of the term whose examples lie nearest to each CIELAB point."""
    anchors, owner = _anchors()
    spots = _space(points)
    away = np.square(spots).sum(axis=1)[:, None] - 2 * spots @ anchors.T + np.square(anchors).sum(axis=1)
    return np.asarray(owner[away.argmin(axis=1)], dtype=np.int64)
