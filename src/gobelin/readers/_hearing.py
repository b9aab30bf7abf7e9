"""What readers of sounds hear, as rows of numbers: made in processes of their own, kept in the cache of vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from gobelin.encoders.spectral import RATE, rises, tempo
from gobelin.encoders.yamnet import Yamnet
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.loudness import lufs
from gobelin.protocols import Content
from gobelin.values import Block

CLASSES = 521
_CHANCE = 4.0  # times 1 / sqrt(frames): as alike as the best of some hundred shifts of sounds without a beat
_SMOOTH = (0.25, 0.5, 0.25)  # a beat that falls between two frames is still like the next one


@dataclass(kw_only=True)
class Course:
    """Length, loudness and tempo of a sound.

    seconds: what was heard. over: 1 where more follows behind `max_seconds`. lufs: `media.loudness`. tempo: beats a
    minute; clear: how far the sound is like itself a beat later beyond what noise of its length would be, 0 to 1.
    """

    modality: ClassVar[str] = "audio"
    dim: ClassVar[int] = 5
    isolated: ClassVar[bool] = True

    max_seconds: float = 60.0

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return tuple(Path(path) for path in content.fields.get("audio", ()))

    def fingerprint(self) -> str:
        return f"sound course 1; {self.max_seconds:g} s"

    def encode(self, pieces: Sequence[Path]) -> Block:
        values = np.zeros((len(pieces), self.dim), dtype=np.float32)
        reasons: list[str | None] = [None] * len(pieces)
        most = round(self.max_seconds * RATE)
        for row, path in enumerate(pieces):
            sound = open_sound(path, RATE, Limits(seconds=self.max_seconds + 0.1))
            if isinstance(sound, Unreadable):
                reasons[row] = sound.reason
                continue
            heard = sound[:most]
            climbs = np.convolve(rises(heard), _SMOOTH, "same").astype(np.float32)
            beats, alike = tempo(climbs)
            chance = min(_CHANCE / math.sqrt(max(len(climbs), 1)), 0.99)
            clear = max((alike - chance) / (1 - chance), 0.0)
            values[row] = (len(heard) / RATE, len(sound) > most, lufs(heard, RATE), beats, clear)
        return Block(values, np.array([reason is None for reason in reasons], dtype=bool), tuple(reasons))


@dataclass(kw_only=True)
class Events:
    """`Yamnet.scores` of a sound: the probability of each of its 521 events."""

    modality: ClassVar[str] = "audio"
    dim: ClassVar[int] = CLASSES
    isolated: ClassVar[bool] = True

    max_seconds: float = 60.0

    def __post_init__(self) -> None:
        self._network = Yamnet(max_seconds=self.max_seconds)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return self._network.pieces(content)

    def fingerprint(self) -> str:
        return f"sound events 1; {self._network.fingerprint()}"

    def classes(self) -> tuple[str, ...]:
        return self._network.classes()

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._network.scores(pieces)
