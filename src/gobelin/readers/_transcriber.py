"""What is said in a sound, by Whisper, as a row of numbers: made in processes of their own, kept in the cache."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gobelin import weights
from gobelin.arrays import Array, Float32
from gobelin.errors import RecipeError
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits, Unreadable
from gobelin.protocols import Content
from gobelin.values import Block

NO_SPEECH = "no speech"
PACKAGED = "whisper"  # the part of kind weights

_RATE = 16_000
_A_SECOND = 30  # characters that are kept: nobody speaks faster
_FILES = ("model.bin", "config.json", "tokenizer.json")
_SILENT, _LEAST, _REPEATING = 0.6, -1.0, 2.4  # the bounds of Whisper's authors: see `spoken`


@dataclass(kw_only=True)
class Transcriber:
    """A transcript as (its confidence, the code points of its characters, 0 behind them): workers and the cache know
    numbers alone, and float32 holds every code point exactly."""

    modality: ClassVar[str] = "audio"
    isolated: ClassVar[bool] = True
    patience: ClassVar[float] = 300.0

    model: str = PACKAGED
    language: str = "auto"
    max_seconds: float = 60.0
    dim: int = field(init=False, repr=False, compare=False)
    _network: Any = field(default=None, init=False, repr=False, compare=False)
    _digest: str | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.dim = 1 + math.ceil(_A_SECOND * self.max_seconds)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return tuple(Path(path) for path in content.fields.get("audio", ()))

    def fingerprint(self) -> str:
        if self._digest is None:
            self._digest = weights.place(PACKAGED).name if self.model == PACKAGED else _digest(self.folder())
        return f"transcriber 1; {self._digest}; {self.language}; {self.max_seconds:g} s"

    def folder(self) -> Path:
        """Raises MissingExtra where the packaged weights were not got, RecipeError where a folder has no model."""
        if self.model == PACKAGED:
            return weights.folder(PACKAGED)
        folder = Path(self.model)
        lacking = [name for name in _FILES if not (folder / name).is_file()]
        if lacking:
            raise RecipeError(
                f"readers.speech: {self.model!r} holds no {' and no '.join(lacking)}.",
                f"{PACKAGED!r}, or the folder of a Whisper for CTranslate2 with its tokenizer.json.",
                "ct2-transformers-converter --model NAME --output_dir FOLDER --copy_files tokenizer.json",
            )
        return folder

    def encode(self, pieces: Sequence[Path]) -> Block:
        values = np.zeros((len(pieces), self.dim), dtype=np.float32)
        reasons: list[str | None] = [None] * len(pieces)
        for row, path in enumerate(pieces):
            sound = open_sound(path, _RATE, Limits(seconds=self.max_seconds))
            if isinstance(sound, Unreadable):
                reasons[row] = sound.reason
                continue
            said, sure = spoken(self._segments(sound))
            if said:
                values[row] = written(said, sure, self.dim)
            else:
                reasons[row] = NO_SPEECH
        return Block(values, np.array([reason is None for reason in reasons], dtype=bool), tuple(reasons))

    def _segments(self, sound: Float32[Array, " samples"]) -> Iterable[Any]:
        if self._network is None:
            from faster_whisper import WhisperModel

            # a folder with a tokenizer: nothing is asked of a hub
            self._network = WhisperModel(
                str(self.folder()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        asked = "en" if not self._network.model.is_multilingual else self.language
        segments, _ = self._network.transcribe(
            sound,
            language=None if asked == "auto" else asked,
            beam_size=1,
            temperature=0.0,  # one pass, and the same answer each time
            condition_on_previous_text=False,  # a mistake is not carried on
            vad_filter=True,
        )
        return segments


def _digest(folder: Path) -> str:
    """SHA-256 of the weights and of the tokens that they write."""
    whole = hashlib.sha256()
    for name in ("model.bin", "tokenizer.json"):
        with (folder / name).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def spoken(segments: Iterable[Any]) -> tuple[str, float]:
    """(the text of the segments that are speech, its confidence).

    A segment is left out where the network thinks it no speech (.6), is unsure of its words (mean log-probability
    below -1), or repeats itself (it can be compressed 2.4 times). confidence: e to the mean log-probability of a token,
    segments weighed by their characters.
    """
    kept = [
        (" ".join(one.text.split()), float(one.avg_logprob))
        for one in segments
        if one.no_speech_prob <= _SILENT
        and one.avg_logprob >= _LEAST
        and one.compression_ratio <= _REPEATING
        and any(character.isalnum() for character in one.text)
    ]
    if not kept:
        return "", 0.0
    sure = sum(len(said) * likely for said, likely in kept) / sum(len(said) for said, _ in kept)
    return " ".join(said for said, _ in kept), float(min(math.exp(sure), 1.0))


def written(said: str, sure: float, dim: int) -> Float32[Array, " dim"]:
    row = np.zeros(dim, dtype=np.float32)
    points = [ord(character) for character in said[: dim - 1]]
    row[0], row[1 : 1 + len(points)] = sure, points
    return row


def read_back(row: Float32[Array, " dim"]) -> tuple[str, float]:
    """(text, confidence) of a row."""
    points = row[1:][row[1:] > 0]
    return "".join(chr(int(point)) for point in points.tolist()), float(row[0])
