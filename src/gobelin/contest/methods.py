"""By which method settings are searched: the recipe says, and nothing else of a contest knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gobelin.contest import optuna_search, tuning
from gobelin.contest.optuna_search import Judge
from gobelin.contest.tuning import Outcome, Settings
from gobelin.parts import Knob
from gobelin.recipe import Method


@dataclass(frozen=True)
class Tried:
    """A trial of a search, as the run folder lists it. of: which search of several ("known items", a member's name),
    empty where there is one; settings: what was turned, by the names of the knobs."""

    of: str
    settings: Mapping[str, Any]
    value: float
    seconds: float
    pruned: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def tried(of: str, outcome: Outcome, knobs: Sequence[Knob]) -> list[Tried]:
    return [Tried(of, tuning.turned(one.settings, knobs), one.value, one.seconds, one.pruned) for one in outcome.trials]


def search(
    method: Method,
    judge: Judge,
    start: Settings,
    knobs: Sequence[Knob],
    *,
    trials: int,
    seconds: float,
    key: Callable[[Settings], str] = repr,
    seed: int = 0,
) -> Outcome:
    """As `tuning.search`. seed: of a method that draws; the walk does not, and lets every training end by itself."""
    if method == "optuna":
        return optuna_search.search(judge, start, knobs, trials=trials, seconds=seconds, key=key, seed=seed)
    return tuning.search(
        lambda settings: judge(settings, lambda value: None), start, knobs, trials=trials, seconds=seconds, key=key
    )
