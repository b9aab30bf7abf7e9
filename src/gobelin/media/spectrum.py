"""Samples to spectra over time: overlapping frames, their magnitudes, the bands of hearing (mel)."""

import numpy as np

from gobelin.arrays import Array, Float32


def magnitudes(samples: Float32[Array, " samples"], size: int, hop: int, length: int) -> Float32[Array, "frames bins"]:
    """|STFT|: frames of `size` samples each `hop`, a periodic Hann window, `length` points; length // 2 + 1 bins.

    Samples behind the last whole frame are left out; there is no frame where there are fewer than `size` samples.
    """
    if len(samples) < size:
        return np.zeros((0, length // 2 + 1), dtype=np.float32)
    from scipy.fft import rfft

    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]  # (frames, size), a view
    return np.abs(rfft(framed * window, n=length, axis=1)).astype(np.float32, copy=False)


def mel(hertz: Array) -> Array:
    """HTK's mel: 1127 ln(1 + f / 700)."""
    return 1127 * np.log1p(hertz / 700)


def mel_filters(bands: int, length: int, rate: int, low: float, high: float) -> Float32[Array, "bins bands"]:
    """Triangles that overlap by half, evenly spaced in mel from `low` to `high` hertz, straight-sided in mel.

    This is how TensorFlow draws them, and how YAMNet was trained; the bin of 0 Hz has no part in any.
    """
    bins = mel(np.arange(length // 2 + 1) * rate / length)[:, None]
    first, last = mel(np.array([low, high])).tolist()
    edges = np.linspace(first, last, bands + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters[0] = 0
    return filters
