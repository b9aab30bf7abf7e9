"""Where colour terms lie among the colours that a picture can show."""

import functools

import numpy as np

from gobelin.arrays import Array, Float32, Float64, Int64
from gobelin.encoders._descriptors import lab
from gobelin.readers._lexicon import lexicon


@functools.cache
def _anchors() -> tuple[Float32[Array, "looks 3"], Int64[Array, " looks"]]:
    looks = [(number, look) for number, colour in enumerate(lexicon().colours) for look in colour.looks]
    rgb = np.array([[int(look[i : i + 2], 16) for i in (0, 2, 4)] for _, look in looks], dtype=np.uint8)
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
