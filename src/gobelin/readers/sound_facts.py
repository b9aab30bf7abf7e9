"""Attributes that sounds give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from gobelin import weights
from gobelin.errors import MissingExtra
from gobelin.protocols import Content
from gobelin.readers._hearing import Course, Events
from gobelin.readers._through import through
from gobelin.values import UNREADABLE, Reading, surest

_RULES = "1"  # raised when a rule changes
_QUIET, _LOUD = -30.0, -16.0  # LUFS of one channel: below the one, from the other on
_SURE = 6.0  # LU from a bound from which there is no doubt
_NO_EVENT = "Silence"  # among AudioSet's classes
_BEAT = 0.8  # how far a tempo is to be trusted: people tap half or double of it


@dataclass(kw_only=True)
class SoundFacts:
    """Length, loudness, tempo and sound events of each sound.

    length: seconds, as "12 s", or "over 60 s" where more follows behind `max_seconds`; confidence .95. loudness: quiet
    (below -30 LUFS), moderate, or loud (from -16 LUFS on), of the mean of the channels, pauses aside (ITU-R BS.1770);
    confidence from .5 at a bound to .95 at 6 LU from it. It is how loud the recording is, not the thing in it. tempo:
    beats a minute, as "120 bpm", where the rises of the sound repeat at least `rhythmic` more clearly than noise would
    (0 to 1), which times .8 is the confidence: half and double are as right to many, and above about 170 the half is
    told. event: AudioSet's names of what YAMNet hears, with its probability, averaged over the sound; `events` at
    most, 0 leaves the network out. Without its weights (`gobelin models get yamnet`) the other three are read, and a
    reading `unreadable` says what is not.

    A file that cannot be read, and digital silence, is a reading `unreadable` with its reason. Several sounds of an
    item: each value from where it is surest. Reads in processes of their own that can be killed, through the cache of
    vectors: 15 ms of CPU for five seconds of sound, with events 45 ms.

    ESC-10, 400 clips of five seconds: a tempo for 36 of 40 clock ticks and none for rain, chainsaws or crackling fire;
    but for 8 of 40 roosters, whose one crow fills half of the clip. Short sounds have little that could repeat.
    """

    source: ClassVar[str] = "audio"
    fields: ClassVar[tuple[str, ...]] = ("audio",)
    needs: ClassVar[tuple[str, ...]] = ("media",)
    weights: ClassVar[str] = "yamnet"

    events: Annotated[int, Ge(0)] = 3
    probable: Annotated[float, Ge(0), Le(1)] = 0.1
    rhythmic: Annotated[float, Ge(0), Le(1)] = 0.4
    max_seconds: Annotated[float, Gt(0)] = 60.0

    def fingerprint(self) -> str:
        read = "; ".join(encoder.fingerprint() for encoder in self._encoders().values())
        return f"sound facts {_RULES}; {self.events}; {self.probable}; {self.rhythmic}; {read}"

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        paths = [[Path(path) for path in content.fields.get("audio", ())] for content in contents]
        flat = list(dict.fromkeys(path for some in paths for path in some))
        told = dict(zip(flat, self._hears(flat), strict=True)) if flat else {}
        return [surest(reading for path in some for reading in told[path]) for some in paths]

    def _hears(self, paths: Sequence[Path]) -> Iterator[list[Reading]]:
        encoders = self._encoders()
        table, why = through(encoders, "audio", paths)
        lacking = [] if self.events == 0 or "events" in encoders else [self._without_events()]
        for row in range(len(paths)):
            if "course" in why[row]:
                yield [Reading(UNREADABLE, why[row]["course"], 1.0, self.source)]
                continue
            readings = [*self._course(*table["course"].values[row].tolist()), *lacking]
            if "events" in encoders and "events" not in why[row]:
                readings += self._named(encoders["events"].classes(), table["events"].values[row])
            yield readings

    def _encoders(self) -> dict[str, Any]:
        encoders: dict[str, Any] = {"course": Course(max_seconds=self.max_seconds)}
        if self.events and _have("yamnet"):
            encoders["events"] = Events(max_seconds=self.max_seconds)
        return encoders

    def _course(self, seconds: float, over: float, level: float, beats: float, clear: float) -> Iterator[Reading]:
        yield Reading("length", f"over {self.max_seconds:g} s" if over else _seconds(seconds), 0.95, self.source)
        name = "quiet" if level < _QUIET else "moderate" if level < _LOUD else "loud"
        away = min(abs(level - _QUIET), abs(level - _LOUD)) / _SURE
        yield Reading("loudness", name, round(0.5 + 0.45 * min(away, 1.0), 3), self.source)
        if clear > 0 and clear >= self.rhythmic:
            yield Reading("tempo", f"{beats:.0f} bpm", round(_BEAT * clear, 3), self.source)

    def _named(self, names: Sequence[str], scores: np.ndarray) -> list[Reading]:
        likely = np.argsort(-scores, kind="stable").tolist()
        some = [place for place in likely[: self.events + 1] if names[place] != _NO_EVENT][: self.events]
        return [
            Reading("event", names[place].lower(), round(float(scores[place]), 3), self.source)
            for place in some
            if scores[place] >= self.probable
        ]

    def _without_events(self) -> Reading:
        return Reading(UNREADABLE, "events, without the weights (gobelin models get yamnet)", 1.0, self.source)


def _have(name: str) -> bool:
    try:
        weights.folder(name)
    except MissingExtra:
        return False
    return True


def _seconds(seconds: float) -> str:
    """Whole seconds, but tenths below ten: a bark and a bell differ by less than one."""
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
