"""Classical descriptors of sounds: energy by band, mel and cepstral statistics, shape, rhythm."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt

from gobelin.arrays import Array, Float32, Float64
from gobelin.encoders._rows import rows_of
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits
from gobelin.media.spectrum import magnitudes, mel_filters
from gobelin.protocols import Content
from gobelin.values import Block

RATE, SIZE, HOP = 22_050, 1_024, 512  # samples a second, of a frame (46 ms), from frame to frame (23 ms)
_BANDS, _CEPSTRA = 40, 20
_LIFTER = 2 * (1 + np.arange(_CEPSTRA)) / _BANDS**0.5  # the n-th is about n times as small as the first, in dB
_OCTAVES = (0, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 11_025.0)  # hertz: the edges of nine bands
_FLOOR = 1e-8  # of the loudest frame's power: 80 dB below it nothing counts
_RHYTHMS = (0.5, 1, 2, 4, 8, 16)  # hertz: the edges of five bands of modulation
_STILL = 0.05  # dB: movement below it is none, but rounding
_SLOWEST, _FASTEST = 30.0, 300.0  # beats a minute among which a tempo is sought


@dataclass(kw_only=True)
class Spectral:
    """What signal processing says of a sound, learned from nothing: 396 numbers in eight groups, no model, no licence.

    In dB and frames of 46 ms each 23 ms at 22,050 Hz mono; levels are relative to the loudest frame, so that only the
    group `loudness` knows how loud a recording is. Each group is brought to about unit spread a number and divided by
    the root of its size, so that groups weigh alike; what follows may centre and whiten.

    bands 18: energy in nine octaves from below 50 Hz to 11 kHz, its mean and spread over time (short-time Fourier
        transform).
    mel 240: 40 mel bands; mean, spread, 10th, 50th and 90th percentile over time, mean change from frame to frame.
    cepstra 80: 20 MFCC; mean, spread, mean change, spread of change (Davis and Mermelstein, 1980).
    shape 28: centroid, bandwidth, roll-off at 85 % of the energy, flatness, flux, zero crossings, level of a frame;
        mean, spread, 10th and 90th percentile of each (Tzanetakis and Cook, Musical genre classification of audio
        signals, 2002; Peeters, A large set of audio features for sound description, 2004).
    contrast 14: peaks against valleys in seven bands, mean and spread (Jiang et al., Music type classification by
        spectral contrast, 2002).
    rhythm 11: onset strength (mean, spread, largest), onsets a second, tempo in octaves from 120 beats a minute, how
        clear it is (autocorrelation of the onset envelope: Ellis, Beat tracking by dynamic programming, 2007), and the
        share of the envelope's movement in five bands from 0.5 to 16 Hz.
    course 3: where in time the energy lies, over which part of it, and the share of frames that are silent.
    loudness 2: of the whole, and of the loudest frame, in dB below full scale.

    max_seconds: how much of a sound is heard, from its beginning.

    About 18 ms of CPU for five seconds of sound, half of it decoding. Relations: `yamnet` knows what sounds mean;
    this one knows how they are made, also where nothing in AudioSet is like them.
    """

    modality: ClassVar[str] = "audio"
    dim: ClassVar[int] = 396
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True

    max_seconds: Annotated[float, Gt(0)] = 60.0

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("audio")

    def fingerprint(self) -> str:
        return f"spectral 1; {self.max_seconds:g} s"

    def encode(self, pieces: Sequence[Path]) -> Block:
        return rows_of(pieces, self.dim, partial(open_sound, rate=RATE, limits=Limits.of(self)), _vector)


def _vector(sound: Float32[Array, " samples"]) -> Float64[Array, " dim"]:
    return np.concatenate([group / np.sqrt(len(group)) for group in describe(sound).values()])


def describe(sound: Float32[Array, " samples"]) -> Mapping[str, Float32[Array, " numbers"]]:
    """The eight groups of a sound at 22,050 Hz, each number of about unit spread over common sounds."""
    sound = np.pad(sound, (0, max(SIZE - len(sound), 0)))
    spectra = magnitudes(sound, SIZE, HOP, SIZE)  # (frames, 513)
    power = spectra * spectra
    total = power.sum(axis=1)
    floor = max(float(total.max()) * _FLOOR, 1e-20)
    loudest = 10 * np.log10(total.max() + 1e-20)
    level = 10 * np.log10(total + floor) - loudest  # dB, 0 is the loudest frame
    heard = level > -60
    log_mel = 10 * np.log10(power @ _filters() + floor) - loudest  # (frames, 40)
    cepstra = _cosines(log_mel)[:, :_CEPSTRA] * _LIFTER
    octaves = 10 * np.log10(power @ _octaves() + floor) - loudest
    onsets = _rises(log_mel)
    shape = _shape(sound, spectra, power, total, floor, level)
    groups = {
        "bands": _join(octaves.mean(0) / 20 + 1, octaves.std(0) / 10),
        "mel": _join(
            log_mel.mean(0) / 20 + 2,
            log_mel.std(0) / 10,
            *(np.percentile(log_mel, (10, 50, 90), axis=0) / 20 + 2),
            _change(log_mel) / 5,
        ),
        "cepstra": _join(cepstra.mean(0) / 20, cepstra.std(0) / 10, _change(cepstra) / 5, _steps(cepstra).std(0) / 10),
        "shape": _join(shape.mean(0), shape.std(0) * 2, *np.percentile(shape, (10, 90), axis=0)),
        "contrast": _contrast(power, floor),
        "rhythm": _rhythm(onsets, level),
        "course": _course(total, heard),
        "loudness": _join([10 * np.log10(np.mean(sound * sound) + 1e-12) / 10 + 2.5, loudest / 10 - 2.5]),
    }
    return {name: np.asarray(group, dtype=np.float32) for name, group in groups.items()}


def rises(sound: Float32[Array, " samples"]) -> Float32[Array, " frames"]:
    """How far a sound at 22,050 Hz rises from frame to frame, in dB, the mean over the mel bands."""
    spectra = magnitudes(np.pad(sound, (0, max(SIZE - len(sound), 0))), SIZE, HOP, SIZE)
    power = spectra * spectra
    floor = max(float(power.sum(axis=1).max()) * _FLOOR, 1e-20)
    return np.asarray(_rises(10 * np.log10(power @ _filters() + floor)), dtype=np.float32)


def _rises(log_mel: Array) -> Array:
    return np.maximum(np.diff(log_mel, axis=0, prepend=log_mel[:1]), 0).mean(axis=1)


def tempo(onsets: Float32[Array, " frames"]) -> tuple[float, float]:
    """Beats a minute between 30 and 300, and how clear they are (0 to 1): the best lag of the autocorrelation.

    Lags are weighed by a bell of one octave around 120 beats a minute, where most people tap. (120, 0) where nothing
    repeats.
    """
    rate = RATE / HOP
    lags = np.arange(int(np.ceil(60 * rate / _FASTEST)), int(60 * rate / _SLOWEST) + 1)
    moved = onsets - onsets.mean()
    energy = float(moved @ moved)
    lags = lags[lags < len(onsets) // 2]
    if energy <= len(onsets) * _STILL**2 or not len(lags):
        return 120.0, 0.0
    likeness = _autocorrelation(moved)
    weighed = likeness[lags] * np.exp(-0.5 * np.log2(60 * rate / lags / 120) ** 2)
    best = int(np.argmax(weighed))
    at = float(lags[best])
    if 0 < best < len(lags) - 1:  # between the frames: the top of the parabola through three lags
        before, here, after = (float(likeness[lags[best] + step]) for step in (-1, 0, 1))
        bend = before - 2 * here + after
        at += 0.5 * (before - after) / bend if bend < 0 else 0.0
    return 60 * rate / at, float(np.clip(likeness[lags[best]] / energy, 0, 1))


def _autocorrelation(moved: Array) -> Array:
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(2 * len(moved), real=True)
    spectrum = rfft(moved, length)
    return irfft(spectrum * np.conj(spectrum), length)[: len(moved)]


def _shape(sound: Array, spectra: Array, power: Array, total: Array, floor: float, level: Array) -> Array:
    """(frames, 7): centroid, bandwidth and roll-off in octaves from 1 kHz, flatness, flux, zero crossings, level."""
    hertz = np.arange(power.shape[1], dtype=np.float32) * (RATE / SIZE)
    share = (power + floor / power.shape[1]) / (total + floor)[:, None]
    centroid = share @ hertz
    bandwidth = np.sqrt(np.maximum(share @ (hertz * hertz) - centroid**2, 1))
    roll_off = hertz[np.minimum((np.cumsum(share, axis=1) < 0.85).sum(axis=1), len(hertz) - 1)]
    flatness = np.log(share + 1e-10).mean(axis=1) - np.log(share.mean(axis=1))
    unit = spectra / np.sqrt(total + floor)[:, None]
    flux = np.sqrt((_steps(unit) ** 2).sum(axis=1)) if len(unit) > 1 else np.zeros(1)
    flux = np.concatenate([flux, np.zeros(len(unit) - len(flux))])
    framed = np.lib.stride_tricks.sliding_window_view(np.signbit(sound), SIZE)[::HOP]
    crossings = (framed[:, 1:] != framed[:, :-1]).mean(axis=1)
    octave = [np.log2((x + 50) / 1000) for x in (centroid, bandwidth, roll_off)]
    return np.stack([*octave, flatness / 3 + 1, 2 * flux, 8 * crossings, level / 20 + 1], axis=1)


def _contrast(power: Array, floor: float) -> Array:
    """Mean and spread over time of how far the strongest fifth of each band's bins stands above the weakest, in dB."""
    edges = (np.array(_OCTAVES[2:]) * SIZE / RATE).astype(int)  # from 100 Hz: below there are too few bins
    gaps = []
    for begin, end in itertools.pairwise(edges.tolist()):
        band = np.sort(power[:, begin : end + 1], axis=1)
        some = max(band.shape[1] // 5, 1)
        tops, valleys = band[:, -some:].mean(axis=1), band[:, :some].mean(axis=1)
        gaps.append(10 * np.log10((tops + floor) / (valleys + floor)))
    found = np.stack(gaps, axis=1)
    return _join(found.mean(0) / 10 - 1, found.std(0) / 5)


def _rhythm(onsets: Array, level: Array) -> Array:
    rate = RATE / HOP
    beats, clear = tempo(onsets)
    middle = onsets[1:-1]
    peaks = (middle > onsets[:-2]) & (middle >= onsets[2:]) & (middle > onsets.mean() + onsets.std() + _STILL)
    moved = level - level.mean()
    movement = np.abs(np.fft.rfft(moved * np.hanning(len(moved)))) ** 2
    at = np.fft.rfftfreq(len(moved), 1 / rate)
    whole = movement[at >= _RHYTHMS[0]].sum() + (_STILL * len(moved)) ** 2
    shares = [movement[(at >= a) & (at < b)].sum() / whole for a, b in itertools.pairwise(_RHYTHMS)]
    per_second = peaks.sum() * rate / len(onsets)
    strength = np.log1p([onsets.mean(), onsets.std(), onsets.max()])
    return _join(strength, [per_second / 2, np.log2(beats / 120), 3 * clear], 3 * np.array(shares))


def _course(total: Array, heard: Array) -> Array:
    share = total / max(float(total.sum()), 1e-20)
    time = (np.arange(len(total)) + 0.5) / len(total)
    middle = float(share @ time)
    spread = max(float(share @ (time - middle) ** 2), 0.0) ** 0.5
    return _join([4 * middle - 2, 8 * spread - 2, 2 * (1 - heard.mean())])


def _steps(values: Array) -> Array:
    return np.diff(values, axis=0) if len(values) > 1 else np.zeros_like(values)


def _change(values: Array) -> Array:
    """Mean size of the change from frame to frame."""
    return np.abs(_steps(values)).mean(axis=0)


def _cosines(log_mel: Array) -> Array:
    from scipy.fft import dct

    return dct(log_mel, axis=1, norm="ortho")


def _join(*parts: Any) -> Array:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


@cache
def _filters() -> Float32[Array, "bins bands"]:
    return mel_filters(_BANDS, SIZE, RATE, 40.0, RATE / 2)


@cache
def _octaves() -> Float32[Array, "bins bands"]:
    """Which bins lie in which of the nine bands."""
    hertz = np.arange(SIZE // 2 + 1) * RATE / SIZE
    edges = np.array(_OCTAVES)
    return ((hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])).astype(np.float32)
