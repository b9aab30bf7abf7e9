"""Bytes of pictures as numbers above zero, and back: zero is left for pixels that are not there."""

import numpy as np

from gobelin.arrays import Array, Float32, UInt8


def levels(pixels: UInt8[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """(v + 1) / 256: from 1 / 256 to 1."""
    return (pixels.astype(np.float32) + 1) / np.float32(256)


def pixels(levels: Float32[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """The nearest byte of each level."""
    return np.clip(np.rint(levels * 256 - 1), 0, 255).astype(np.uint8)
