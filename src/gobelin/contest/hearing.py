"""A bench as a contender hears it: how loud cues (`gobelin.cues`) are is searched like any setting, from unheard on.

It is the last that a round of the search asks: heard while the rest is untuned, a cue that is worth little in the end
leads the walk astray (the demo shop's validation: .350 asked first, .369 unheard).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gobelin.contest.bench import Among, Bench, Exam
from gobelin.parts import Knob
from gobelin.values import Train

SETTING = "hear"
"""Among settings that are searched, the loudness of each kind of cue; no setting of a model."""

GRID = (0, 0.1, 0.3, 1, 3)
KEPT = 4  # benches at a time: each may hold a table of features of its own


def start(hear: Mapping[str, float | None]) -> dict[str, Any]:
    """What a search begins from: silence, but where the loudness is said."""
    return {SETTING: {kind: loudness or 0.0 for kind, loudness in hear.items()}} if hear else {}


def knobs(hear: Mapping[str, float | None]) -> list[Knob]:
    return [Knob(SETTING, GRID, kind) for kind, loudness in hear.items() if loudness is None]


def apart(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """(what a model is made with, how loud cues are)."""
    own = dict(settings)
    return own, own.pop(SETTING, {})


@dataclass(frozen=True)
class Heard:
    """A bench with cues of one loudness, and its train value with the senses of a contender."""

    bench: Bench
    senses: tuple[str, ...]
    exams: dict[Among, Exam] = field(default_factory=dict)

    @cached_property
    def train(self) -> Train:
        return self.bench.train.only(*self.senses)

    def exam(self, among: Among) -> Exam:
        """Of validation."""
        if among not in self.exams:
            self.exams[among] = self.bench.exam("validation", among)
        return self.exams[among]


@dataclass(frozen=True)
class Hall:
    """The benches of a search, by loudness; the last few are kept."""

    bench: Bench
    senses: tuple[str, ...]
    kept: dict[str, Heard] = field(default_factory=dict)

    def at(self, hear: Mapping[str, float]) -> Heard:
        key = repr(sorted(hear.items()))
        if key not in self.kept:
            while len(self.kept) >= KEPT:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = Heard(self.bench.hearing(hear), self.senses)
        return self.kept[key]
