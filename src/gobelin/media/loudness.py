"""How loud a sound is to people: loudness units below full scale (LUFS), by ITU-R BS.1770-4, of one channel."""

import math

import numpy as np

from gobelin.arrays import Array, Float32, Float64

_BLOCK, _STEP = 0.4, 0.1  # seconds of a block, and from block to block
_QUIETEST = -70.0  # LUFS: a block below it is silence
_BELOW = 10.0  # LU: a block so far below the mean of those heard is a pause

_SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)  # hertz, dB, Q: the head before the ear
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)  # hertz, Q


def lufs(sound: Float32[Array, " samples"], rate: int) -> float:
    """The integrated loudness of mono samples (full scale 1); -70 where nothing is louder than that.

    A sine of 997 Hz and full scale is -3.01; broadcasts aim at -23 (EBU R 128), streamed music at about -14, of two
    channels, which count 3 more than one. Blocks of 0.4 s each 0.1 s that are silent or 10 LU below the mean of the
    others do not count, so that pauses make nothing quiet. A shorter sound is one block.
    rate: samples a second; from about 8,000 on (below, what people hear best is cut off).
    """
    from scipy.signal import sosfilt

    heard = sosfilt(_hearing(rate), sound.astype(np.float64))
    size, step = round(_BLOCK * rate), round(_STEP * rate)
    if len(heard) < size:
        return max(_level(float(np.mean(heard * heard))), _QUIETEST)
    sums = np.concatenate([[0.0], np.cumsum(heard * heard)])
    starts = np.arange(0, len(heard) - size + 1, step)
    power = np.maximum(sums[starts + size] - sums[starts], 0) / size
    power = power[power > _power(_QUIETEST)]
    if not len(power):
        return _QUIETEST
    power = power[power > _power(_level(float(power.mean())) - _BELOW)]
    return _level(float(power.mean()))


def _level(power: float) -> float:
    return -0.691 + 10 * math.log10(power + 1e-20)


def _power(level: float) -> float:
    return float(10 ** ((level + 0.691) / 10))


def _hearing(rate: int) -> Float64[Array, "2 6"]:
    """K-weighting as two second-order sections, whose analogue form the standard's figures for 48 kHz imply."""
    hertz, gain, q = _SHELF
    k, high = math.tan(math.pi * hertz / rate), 10 ** (gain / 20)
    band = high**0.4996667741545416
    whole = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / whole, 2 * (k * k - high) / whole, (high - band * k / q + k * k) / whole,
        1, 2 * (k * k - 1) / whole, (1 - k / q + k * k) / whole,
    ]  # fmt: skip
    hertz, q = _HIGH_PASS
    k = math.tan(math.pi * hertz / rate)
    whole = 1 + k / q + k * k
    return np.array([shelf, [1, -2, 1, 1, 2 * (k * k - 1) / whole, (1 - k / q + k * k) / whole]])
