"""One search for every model, so that no table compares a tuned model with an untuned one.

The search walks the model's own knobs (`parts.Grid` marks, in the order of the class) from its defaults. Each round
asks every knob for a step up or down its grid, follows a direction while it pays, each stride twice the last, and keeps
what validation likes better. A setting that each sense has for itself is first moved for all senses together. A step
that lost much more than everything gained since is not tried again. The walk ends when a whole round brought nothing,
when `trials` fits were made, or when the seconds are over.
Every model gets the same trials and seconds. The walk has no chance in it: the same data give the same settings,
unless the clock ended it, which the outcome says.
"""

import time
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from gobelin.parts import Knob, settings_of

Settings = dict[str, Any]

HOPELESS = 3.0
"""A step that lost so many times what was gained since is left out of the next round. Read off the validation part of
three data sets: a fifth to a third fewer fits, and the same settings in the end."""


@dataclass(frozen=True)
class Trial:
    """pruned: the training was cut short as hopeless; the value is the best until then."""

    settings: Settings
    value: float
    seconds: float
    pruned: bool = False


@dataclass(frozen=True)
class Outcome:
    """best: the trial that validation likes best. ended: "settled" | "trials" | "seconds"."""

    best: Trial
    trials: tuple[Trial, ...]
    ended: str


@dataclass
class _Walk:
    judge: Callable[[Settings], float]
    key: Callable[[Settings], str]
    trials: int
    deadline: float
    seen: dict[str, Trial] = field(default_factory=dict)
    failed: dict[tuple[Any, int], tuple[float, float]] = field(default_factory=dict)  # (lost, the best value then)

    def spent(self) -> str | None:
        return spent(self.seen, self.trials, self.deadline)

    def hopeless(self, step: tuple[Any, int], best: Trial) -> bool:
        if step not in self.failed:
            return False
        lost, then = self.failed[step]
        return lost > HOPELESS * (best.value - then)

    def value(self, settings: Settings) -> Trial | None:
        """The trial of these settings, made if it was not; None when the budget is spent."""
        key = self.key(settings)
        if key not in self.seen:
            if self.spent():
                return None
            begun = time.monotonic()
            value = self.judge(settings)
            self.seen[key] = Trial(settings, value, time.monotonic() - begun)
        return self.seen[key]


def spent(seen: Sized, trials: int, deadline: float) -> str | None:
    """What ends a search that has seen so much, "trials" or "seconds", if anything; one trial is always made."""
    if len(seen) >= trials:
        return "trials"
    return "seconds" if len(seen) and time.monotonic() >= deadline else None


def search(
    judge: Callable[[Settings], float],
    start: Settings,
    knobs: Sequence[Knob],
    *,
    trials: int,
    seconds: float,
    key: Callable[[Settings], str] = repr,
) -> Outcome:
    """Settings that `judge` (a validation figure, higher is better) likes best.

    start: complete settings to begin from; key: settings with the same key are the same model, judged once.
    """
    walk = _Walk(judge, key, trials, time.monotonic() + seconds)
    best = walk.value(start)
    assert best is not None  # the first trial is always made
    ended = "settled"
    moved = True
    while moved:
        moved = False
        for knob in _with_joint(knobs):
            better, spent = _turn(walk, best, knob)
            if better.value > best.value:
                best, moved = better, True
            if spent:
                return Outcome(best, tuple(walk.seen.values()), walk.spent() or "trials")
    return Outcome(best, tuple(walk.seen.values()), ended)


@dataclass(frozen=True)
class _Joint:
    """One setting of several senses, moved for all of them at once."""

    knobs: tuple[Knob, ...]


def _with_joint(knobs: Sequence[Knob]) -> list[Knob | _Joint]:
    """The knobs in their order; before those of a setting that several senses have, all of them together."""
    out: list[Knob | _Joint] = []
    for mates in by_setting(knobs):
        out += [_Joint(mates), *mates] if len(mates) > 1 else mates
    return out


def by_setting(knobs: Sequence[Knob]) -> list[tuple[Knob, ...]]:
    """The knobs of each setting, one for each sense that has it for itself, as they stand together in a list."""
    return [tuple(mates) for _, mates in groupby(knobs, key=lambda knob: knob.setting)]


def _turn(walk: _Walk, best: Trial, knob: Knob | _Joint) -> tuple[Trial, bool]:
    """The best trial along one knob, by strides from where it stands; and whether the budget ended the walk."""
    for direction in (1, -1):
        stride, went = 1, False
        step = knob, direction
        if walk.hopeless(step, best):
            continue
        while (moved := _moved(best.settings, knob, direction * stride)) is not None:
            trial = walk.value(moved)
            if trial is None:
                return best, True
            if trial.value > best.value:
                best, went, stride = trial, True, 2 * stride
                continue
            walk.failed[step] = best.value - trial.value, best.value
            if stride == 1:
                break
            stride = 1  # too far: what lies between is not looked at twice
        if went:
            break  # a step up paid: the other side was left behind
    return best, False


def _moved(settings: Settings, knob: Knob | _Joint, places: int) -> Settings | None:
    """The settings with a knob some places further on its grid, as far as it goes; None where it stands at the end."""
    out = settings
    for one in knob.knobs if isinstance(knob, _Joint) else (knob,):
        here = position(settings, one)
        there = min(max(here + places, 0), len(one.values) - 1)
        if there != here:
            out = placed(out, one, one.values[there])
    return None if out is settings else out


def position(settings: Settings, knob: Knob) -> int:
    """The place on the knob's grid, the nearest one where the value stands beside it."""
    value = settings[knob.setting]
    if knob.sense is not None:
        value = value[knob.sense]
    if value in knob.values:
        return knob.values.index(value)
    numbers = [v if isinstance(v, int | float) else float("inf") for v in knob.values]
    return min(range(len(numbers)), key=lambda i: abs(numbers[i] - value))


def placed(settings: Settings, knob: Knob, value: Any) -> Settings:
    """The settings with the knob at that value."""
    if knob.sense is None:
        return {**settings, knob.setting: value}
    return {**settings, knob.setting: {**settings[knob.setting], knob.sense: value}}


def turned(settings: Settings, knobs: Sequence[Knob]) -> dict[str, Any]:
    """What a search turned, by the names of the knobs."""
    return {k.name: settings[k.setting] if k.sense is None else settings[k.setting][k.sense] for k in knobs}


def starting_point(part: Any, knobs: Sequence[Knob]) -> Settings:
    """A made part's settings in full, with an entry for each sense where a knob is one sense's.

    A sense that the settings do not name starts where the part itself would take it (its `default(setting)`, the
    middle of the grid where it states none).
    """
    start = settings_of(part)
    for knob in knobs:
        if knob.sense is not None:
            stated = dict(start.get(knob.setting) or {})
            middle = knob.values[len(knob.values) // 2]
            stated.setdefault(knob.sense, part.default(knob.setting) if hasattr(part, "default") else middle)
            start[knob.setting] = stated
    return start
