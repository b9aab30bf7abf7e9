"""Sounds for the demo shop: a few notes on one of six instruments; the instrument is the timbre, the tune says nothing.

An instrument is a set of partials (multiples of the pitch, with their loudness), how fast each fades, how a note
begins, and how much of it is breath or noise. Pitch, tune, speed and loudness are drawn for each product alone, so
that nothing but the timbre is shared by two products of a kind.
"""

import io
import wave
from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float32

RATE = 16_000  # samples a second
SECONDS = 1.0
_SCALE = (0, 2, 4, 7, 9, 12)  # semitones of a pentatonic scale


@dataclass(frozen=True)
class Timbre:
    """partials: (multiple of the pitch, loudness). fade: e-folds a second of the first partial; a higher one fades
    faster by its multiple to the power of `damping`. attack: seconds to full loudness. noise: share of breath."""

    name: str
    partials: tuple[tuple[float, float], ...]
    fade: float
    damping: float
    attack: float
    noise: float


TIMBRES = (
    Timbre("bell", ((0.56, 0.5), (0.92, 0.8), (1.19, 1.0), (1.7, 0.6), (2.0, 0.7), (2.74, 0.5), (3.76, 0.3)), 2, 0.6,
           0.002, 0),
    Timbre("flute", ((1, 1.0), (2, 0.12), (3, 0.04)), 0.4, 0, 0.07, 0.05),
    Timbre("string", tuple((n, 1 / n) for n in range(1, 13)), 3, 0.7, 0.003, 0.01),
    Timbre("drum", ((0.5, 1.0), (0.8, 0.6), (1.07, 0.4)), 14, 0.4, 0.001, 0.5),
    Timbre("reed", tuple((n, 1 / n**0.6) for n in range(1, 20, 2)), 0.3, 0, 0.04, 0.02),
    Timbre("glass", ((2, 1.0), (4.64, 0.5), (7.9, 0.3)), 4, 0.3, 0.002, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Tune:
    """One sound: the timbre, and what is the product's own: pitch in hertz, notes as steps of a scale, loudness."""

    timbre: Timbre
    pitch: float
    notes: tuple[int, ...]
    loudness: float = 0.7
    seed: int = 0  # of the breath


def play(tune: Tune) -> Float32[Array, " samples"]:
    """`SECONDS` of sound at `RATE`, between -1 and 1: the notes one after another, each until the next."""
    each = int(SECONDS * RATE / len(tune.notes))
    rng = np.random.default_rng(tune.seed)
    sound = np.concatenate([_note(tune.timbre, tune.pitch * 2 ** (_SCALE[n] / 12), each, rng) for n in tune.notes])
    return np.asarray(tune.loudness * sound / max(float(np.abs(sound).max()), 1e-9), dtype=np.float32)


def as_wav(sound: Float32[Array, " samples"]) -> bytes:
    """16-bit mono WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    return out.getvalue()


def _note(timbre: Timbre, pitch: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(samples) / RATE
    sound = np.zeros(samples)
    for multiple, loud in timbre.partials:
        if pitch * multiple < RATE / 2:
            fading = np.exp(-timbre.fade * multiple**timbre.damping * t)
            sound += loud * fading * np.sin(2 * np.pi * pitch * multiple * t)
    breath = rng.normal(0, 1, samples) * np.exp(-timbre.fade * t)
    sound = sound / max(float(np.abs(sound).max()), 1e-9) + timbre.noise * breath
    return np.asarray(sound * np.minimum(t / timbre.attack, 1) * np.minimum((t[-1] - t) / 0.02, 1))
