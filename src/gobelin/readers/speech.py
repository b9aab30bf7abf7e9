"""What is said in sounds and clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Gt

from gobelin.errors import MissingExtra
from gobelin.protocols import Content
from gobelin.readers._through import through
from gobelin.readers._transcriber import NO_SPEECH, PACKAGED, Transcriber, read_back
from gobelin.values import UNREADABLE, Reading, surest

_RULES = "1"  # raised when a rule changes
_NOTHING_SAID = {NO_SPEECH, "no sound", "empty"}


@dataclass(kw_only=True)
class Speech:
    """Transcripts of what is said in each sound, and in the sound track of each clip, by Whisper.

    transcript: the words, as the network writes them in the language that is spoken; confidence e to the mean
    log-probability of a token. Where nobody speaks there is none: a detector of voices (Silero, in faster-whisper)
    hands over what sounds like speech, and a segment is left out that the network takes for no speech (probability
    above .6), is unsure of (mean log-probability below -1) or that repeats itself: Whisper invents sentences on noise
    and music, and these are the bounds by which its authors find them. Singing may be written down.

    model: "whisper", the packaged base model (74 million parameters, `gobelin models get whisper`, MIT), or the folder
    of any Whisper in the format of CTranslate2: a larger one hears better. language: "auto", told from the first half
    minute, or a code such as "en" or "zh", where all is in one. max_seconds: how much is heard, from the beginning.

    Computes in int8 on one thread, greedily, in processes of its own that can be killed, and each file once (the cache
    of vectors). Without weights a reading `unreadable` says so. Radford et al., Robust speech recognition via
    large-scale weak supervision (2022): 680,000 hours of sound with transcripts from the web, two thirds English.
    With `[transcripts] part = "speech"` in a recipe the transcript joins the text that encoders read.
    """

    source: ClassVar[str] = "audio"
    fields: ClassVar[tuple[str, ...]] = ("audio", "video")
    needs: ClassVar[tuple[str, ...]] = ("speech",)
    weights: ClassVar[str] = "whisper"

    model: str = PACKAGED
    language: str = "auto"
    max_seconds: Annotated[float, Gt(0)] = 60.0

    def fingerprint(self) -> str:
        return f"speech {_RULES}; {self._transcriber().fingerprint()}"

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        given = [[(kind, Path(path)) for kind in self.fields for path in one.fields.get(kind, ())] for one in contents]
        paths = list(dict.fromkeys(path for some in given for _, path in some))
        if not paths:
            return [[] for _ in contents]
        transcriber = self._transcriber()
        try:
            transcriber.folder()
        except MissingExtra as wrong:
            lacking = Reading(UNREADABLE, f"transcript, without the weights ({wrong.next_step})", 1.0, self.source)
            return [[lacking] if some else [] for some in given]
        table, why = through({"said": transcriber}, "audio", paths)
        out: list[list[Reading]] = []
        rows = {path: row for row, path in enumerate(paths)}
        for some in given:
            readings = []
            for kind, path in some:
                row = rows[path]
                if (reason := why[row].get("said")) is None:
                    said, sure = read_back(table["said"].values[row])
                    readings.append(Reading("transcript", said, round(sure, 3), kind))
                elif reason not in _NOTHING_SAID:
                    readings.append(Reading(UNREADABLE, reason, 1.0, kind))
            out.append(surest(readings))
        return out

    def _transcriber(self) -> Transcriber:
        return Transcriber(model=self.model, language=self.language, max_seconds=self.max_seconds)
