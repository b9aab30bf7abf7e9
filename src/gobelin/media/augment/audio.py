"""Augmentation of sound: mono samples (float32, about -1 to 1) in and out; of a spectrogram, `mask`.

Ko et al., Audio Augmentation for Speech Recognition (Interspeech 2015); Salamon and Bello, Deep Convolutional Neural
Networks and Data Augmentation for Environmental Sound Classification (2017); the phase vocoder: Flanagan and Golden
(1966), with the phases locked to their peaks as in Laroche and Dolson, Improved Phase Vocoder Time-Scale Modification
of Audio (1999); masks: Park et al., SpecAugment (Interspeech 2019).
"""

import math

import numpy as np
from scipy import signal

from gobelin.arrays import Array, Float32

Samples = Float32[Array, " samples"]

_WINDOW, _HOP = 1024, 256  # of the phase vocoder: 64 ms and 16 ms at 16 kHz


def gain(samples: Samples, rng: np.random.Generator, *, decibels: float = 6.0) -> Samples:
    """Louder or softer by up to so many decibels. Values may pass 1: they are numbers here, nothing is clipped."""
    return (samples * np.float32(10 ** (decibels * rng.uniform(-1, 1) / 20))).astype(np.float32)


def noise(samples: Samples, rng: np.random.Generator, *, snr: float = 20.0, colour: float = 0.0) -> Samples:
    """Gaussian noise so loud that the ratio of the powers of sound and noise is `snr` decibels, exactly.

    colour: the noise's power falls as 1 / frequency^colour (0 white, 1 pink, 2 brown). snr infinity, or silence,
    leaves the samples as they are.
    """
    power = float(np.mean(samples.astype(np.float64) ** 2)) if len(samples) else 0.0
    if math.isinf(snr) or power == 0:
        return samples
    drawn = rng.standard_normal(len(samples))
    if colour:
        spectrum = np.fft.rfft(drawn)
        spectrum *= np.maximum(np.arange(len(spectrum)), 1) ** (-colour / 2)
        drawn = np.fft.irfft(spectrum, len(samples))
    drawn *= math.sqrt(power / 10 ** (snr / 10) / max(float(np.mean(drawn**2)), 1e-30))
    return (samples + drawn).astype(np.float32)


def shift(samples: Samples, rng: np.random.Generator, *, share: float = 0.1) -> Samples:
    """Earlier or later by up to `share` of the length; what leaves at one end comes back at the other."""
    return np.roll(samples, round(share * float(rng.uniform(-1, 1)) * len(samples)))


def stretch(samples: Samples, rng: np.random.Generator, *, share: float = 0.1) -> Float32[Array, " stretched"]:
    """Slower or faster at the same pitch: a length of between 1 / (1 + share) and 1 + share times the old one."""
    return stretched(samples, (1 + share) ** float(rng.uniform(-1, 1)))


def stretched(samples: Samples, factor: float) -> Float32[Array, " stretched"]:
    """`factor` times as long at the same pitch, by a phase vocoder. Attacks soften; steady tones keep their frequency.

    Between the frames of a short-time Fourier transform the size of each bin is interpolated; its phase goes on by
    what it went on by there, and bins around a peak keep their phase to it, so that a tone stays one tone.
    """
    if factor <= 0:
        raise ValueError(f"a sound becomes {factor} times as long; more than 0 is needed")
    length = round(len(samples) * factor)
    if length == len(samples) or len(samples) < 2:
        return samples
    transform = signal.ShortTimeFFT(signal.windows.hann(_WINDOW, sym=False), _HOP, fs=1.0, mfft=_WINDOW)
    padded = np.pad(samples.astype(np.float64), (0, max(0, _WINDOW - len(samples))))
    frames = transform.stft(padded).T  # (frames, bins)
    steps = np.arange(0, len(frames) - 1, 1 / factor)
    expected = 2 * np.pi * _HOP * np.arange(frames.shape[1]) / _WINDOW
    phase = np.angle(frames[0])
    needed = max(len(steps), transform.p_num(max(length, _WINDOW)))
    out = np.zeros((needed, frames.shape[1]), dtype=np.complex128)
    for number, step in enumerate(steps):
        one = int(step)
        now, later = frames[one], frames[one + 1]
        size = (1 - step + one) * np.abs(now) + (step - one) * np.abs(later)
        peak = _peak_of(size)
        locked = phase[peak] + np.angle(now) - np.angle(now[peak])
        out[number] = size * np.exp(1j * locked)
        advance = np.angle(later) - np.angle(now) - expected
        phase = locked + expected + advance - 2 * np.pi * np.rint(advance / (2 * np.pi))
    made = transform.istft(out.T)[:length]
    return np.pad(made, (0, length - len(made))).astype(np.float32)


def _peak_of(size: Float32[Array, " bins"] | np.ndarray) -> np.ndarray:
    """For each bin of a frame the bin of the peak nearest to it (itself where there is no peak at all)."""
    inner = (size[1:-1] > size[:-2]) & (size[1:-1] >= size[2:])
    peaks = np.flatnonzero(inner) + 1
    if not len(peaks):
        return np.arange(len(size))
    borders = (peaks[1:] + peaks[:-1]) // 2
    return peaks[np.searchsorted(borders, np.arange(len(size)), side="left")]


def mask(
    spectrogram: Float32[Array, "frames bands"],
    rng: np.random.Generator,
    *,
    frames: int = 20,
    bands: int = 8,
    frame_masks: int = 2,
    band_masks: int = 2,
    warp: int = 0,
    most: float = 0.5,
) -> Float32[Array, "frames bands"]:
    """SpecAugment: stretches of time and of frequency become the spectrogram's mean; before, time may be warped.

    frames, bands: the widest mask of each kind (drawn evenly from 0 on; 0: none); frame_masks, band_masks: how many;
    most: the share of all frames that one mask may cover (p in the paper). warp: a frame of the middle moves by up to
    so many frames and those around it follow, linearly (W in the paper, where it helped least).
    """
    out = _warped(spectrogram, rng, warp) if warp else spectrogram.copy()
    if not spectrogram.size:
        return out
    mean = out.mean()
    long, high = spectrogram.shape
    for _ in range(frame_masks):
        width = min(int(rng.integers(frames + 1)), int(most * long))
        start = int(rng.integers(long - width + 1))
        out[start : start + width] = mean
    for _ in range(band_masks):
        width = min(int(rng.integers(bands + 1)), high)
        start = int(rng.integers(high - width + 1))
        out[:, start : start + width] = mean
    return out


def _warped(
    spectrogram: Float32[Array, "frames bands"], rng: np.random.Generator, warp: int
) -> Float32[Array, "frames bands"]:
    long = len(spectrogram)
    warp = min(warp, (long - 1) // 2 - 1)
    if warp < 1:
        return spectrogram.copy()
    middle = int(rng.integers(warp + 1, long - warp - 1))
    moved = middle + int(rng.integers(-warp, warp + 1))
    source = np.interp(np.arange(long), [0, moved, long - 1], [0, middle, long - 1])
    low = np.minimum(source.astype(np.int64), long - 2)
    part = (source - low)[:, None]
    return np.asarray((1 - part) * spectrogram[low] + part * spectrogram[low + 1], dtype=np.float32)
