"""Sounds as they are: how loud each band is, moment by moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import rows_of
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.spectrum import magnitudes, mel_filters
from gobelin.protocols import Content
from gobelin.values import Block, Layout

RATE, SIZE = 16_000, 1_024  # samples a second; samples of a frame of the Fourier transform (64 ms)
RANGE = 100.0  # dB below full scale that are told apart
_FINER = 4  # frames of the transform in one of the row


@dataclass(kw_only=True)
class LogMel:
    """The log-mel spectrogram of an item's first sound: content as it is, for a fusion that learns to hear (`early`).

    A row is frames x bands numbers, bands from low to high (40 Hz to 8 kHz, even in mel) within each frame in turn;
    the power of a frame is the mean over its time. A level of d dB against full scale is 1 + d / 100, nothing below
    zero: zero is silence, and what lies behind the sound's end. `spectral` and `yamnet` are the better senses for
    everything that reads vectors.

    max_seconds: what a row spans, from the sound's beginning. frames, bands: of the row.
    """

    modality: ClassVar[str] = "audio"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True

    max_seconds: Annotated[float, Gt(0)] = 5.0
    frames: Annotated[int, Ge(4)] = 64
    bands: Annotated[int, Ge(4)] = 32

    @property
    def row_layout(self) -> Layout:
        return Layout("sound", (self.frames, self.bands), seconds=self.max_seconds)

    @property
    def dim(self) -> int:
        return self.frames * self.bands

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("audio")[:1]

    def fingerprint(self) -> str:
        return f"log_mel 1; {self.frames} x {self.bands}; {self.max_seconds:g} s"

    def encode(self, pieces: Sequence[Path]) -> Block:
        return rows_of(pieces, self.dim, partial(open_sound, rate=RATE, limits=Limits.of(self)), self._row)

    def _row(self, sound: Float32[Array, " samples"]) -> Float32[Array, " dim"] | Unreadable:
        row = self.levels(sound).ravel()
        return row if row.any() else Unreadable("empty", "silence")

    def levels(self, sound: Float32[Array, " samples"]) -> Float32[Array, "frames bands"]:
        """Of mono samples at 16 kHz."""
        hop = max(round(self.max_seconds * RATE / (self.frames * _FINER)), 1)
        count = self.frames * _FINER
        heard = np.zeros(hop * (count - 1) + SIZE, dtype=np.float32)
        before = (SIZE - hop) // 2 if hop < SIZE else 0  # the middle of a frame's samples is the middle of its time
        kept = sound[: len(heard) - before]
        heard[before : before + len(kept)] = kept
        power = (magnitudes(heard, SIZE, hop, SIZE) / (SIZE / 4)) ** 2 @ self._filters  # a full-scale sine: about 1
        mean = power.reshape(self.frames, _FINER, self.bands).mean(axis=1)
        return np.clip(1 + 10 * np.log10(mean + 1e-20) / RANGE, 0, 1).astype(np.float32)

    @cached_property
    def _filters(self) -> Float32[Array, "bins bands"]:
        return mel_filters(self.bands, SIZE, RATE, 40.0, RATE / 2)
