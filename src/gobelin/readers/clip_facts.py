"""Attributes that clips show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from gobelin.encoders.efficientnet import Efficientnet, probabilities
from gobelin.encoders.frames import Frames
from gobelin.encoders.motion import Motion
from gobelin.features.cache import Cache
from gobelin.features.runner import NOT_GIVEN, encode_table
from gobelin.protocols import Content
from gobelin.readers._given import Given
from gobelin.values import UNREADABLE, Reading

_RULES = "1"  # raised when a rule changes
_STILL, _LIVELY = 0.004, 0.03  # mean change of a pixel from frame to frame, of 1
_COUNTED = 0.9  # how far a count of cuts is to be trusted: fades are missed, flashes may be cuts


@dataclass(kw_only=True)
class ClipFacts:
    """Shots, length, motion and ImageNet concepts of each clip.

    shots: how many; confidence .9, a bound on what cuts can be told by. length: seconds, as "12 s", of what was read.
    motion: still, calm or lively, by the mean change of a pixel from frame to frame (below .004, below .03, of 1);
    confidence from .5 at a bound to .95 far from it. concept: classes of EfficientNet-Lite0 on the mean of the frames
    that stand for the clip, with the network's probability; `concepts` at most, 0 leaves the network out.

    Reads by the encoders `motion` and `frames`, in processes of their own that can be killed, through the cache of
    vectors, which a recipe with the same encoders shares. Several clips of an item: the mean of their numbers.
    """

    source: ClassVar[str] = "video"
    fields: ClassVar[tuple[str, ...]] = ("video",)
    needs: ClassVar[str] = "media"

    concepts: Annotated[int, Ge(0)] = 3
    probable: Annotated[float, Ge(0), Le(1)] = 0.1
    max_seconds: Annotated[float, Gt(0)] = 60.0

    def fingerprint(self) -> str:
        read = "; ".join(encoder.fingerprint() for encoder in self._encoders().values())
        return f"clip facts {_RULES}; {self.concepts}; {self.probable}; {read}"

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        rows = [row for row, content in enumerate(contents) if content.fields.get("video")]
        out: list[list[Reading]] = [[] for _ in contents]
        if not rows:
            return out
        some = Given([replace(contents[row], item=str(row)) for row in rows])
        table, reports = encode_table(some, self._encoders(), cache=Cache())
        reasons = " or ".join(why for why in reports["motion"].absent if why != NOT_GIVEN)
        for place, row in enumerate(rows):
            if not table["motion"].present[place]:
                out[row] = [Reading(UNREADABLE, reasons or "broken", 1.0, self.source)]
                continue
            out[row] = list(self._moves(table["motion"].values[place]))
            if "frames" in table and table["frames"].present[place]:
                out[row] += self._sees(table["frames"].values[place])
        return out

    def _encoders(self) -> dict[str, Any]:
        encoders: dict[str, Any] = {"motion": Motion(max_seconds=self.max_seconds)}
        return encoders | ({"frames": Frames(max_seconds=self.max_seconds)} if self.concepts else {})

    def _moves(self, numbers: np.ndarray) -> Iterator[Reading]:
        told = dict(zip(Motion().names(), numbers.tolist(), strict=True))
        yield Reading("shots", f"{np.expm1(told['shots']):.0f}", _COUNTED, self.source)
        yield Reading("length", f"{np.expm1(told['seconds']):.0f} s", 0.95, self.source)
        energy = max(told["energy"], 1e-6)
        name = "still" if energy < _STILL else "calm" if energy < _LIVELY else "lively"
        away = min(abs(np.log(energy / _STILL)), abs(np.log(energy / _LIVELY)))
        yield Reading("motion", name, round(float(min(0.5 + 0.45 * away, 0.95)), 3), self.source)

    def _sees(self, numbers: np.ndarray) -> list[Reading]:
        network = Efficientnet()
        scores = probabilities(np.asarray(numbers[None, : network.dim], dtype=np.float32))[0]
        best = np.argsort(-scores, kind="stable")[: self.concepts].tolist()
        names = network.classes()
        return [
            Reading("concept", names[place].lower(), round(float(scores[place]), 3), self.source)
            for place in best
            if scores[place] >= self.probable
        ]
