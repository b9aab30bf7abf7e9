"""The search of settings by Optuna (Akiba et al., KDD 2019; the extra `tune`), behind the signature of the walk.

Tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011) over the places of each knob's grid: numbers by their
order, words without one. The defaults are judged first. Where a setting belongs to several senses, a third of the fits
moves it for all of them together, and the rest, which knows those, each for itself. A training that stands below the
median of the others after as many epochs is cut short. The study is in memory and its sampler seeded: the same data
give the same settings, unless the clock ended it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gobelin.contest.tuning import Outcome, Settings, Trial, by_setting, placed, position, spent
from gobelin.parts import Knob, need

if TYPE_CHECKING:
    import optuna

Tell = Callable[[float], None]
"""Told of each value that validation gave while a model was trained; it may end the training by an exception."""

Judge = Callable[[Settings, Tell], float]

TOGETHER = 3  # one in so many fits moves the senses together
SETTLED = 20  # proposals in a row that were judged before: the search has nothing new to ask
UNPRUNED = 5  # trainings that are finished before any is cut short
WARM_UP = 2  # values of each training that are waited for


@dataclass(frozen=True)
class _Axis:
    """One dimension: the place on the grid of a knob, or of the same knob of several senses."""

    knobs: tuple[Knob, ...]

    @property
    def name(self) -> str:
        return self.knobs[0].name if len(self.knobs) == 1 else f"{self.knobs[0].setting}.*"

    @property
    def places(self) -> "optuna.distributions.BaseDistribution":
        from optuna.distributions import CategoricalDistribution, IntDistribution

        values = self.knobs[0].values
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return IntDistribution(0, len(values) - 1)
        return CategoricalDistribution(range(len(values)))

    def of(self, settings: Settings) -> int:
        """Where the settings stand: in the middle of the senses where these differ."""
        return sorted(position(settings, knob) for knob in self.knobs)[len(self.knobs) // 2]

    def put(self, settings: Settings, place: int) -> Settings:
        for knob in self.knobs:
            settings = placed(settings, knob, knob.values[place])
        return settings


@dataclass
class _Course:
    """What was judged, by key, and what may still be."""

    judge: Judge
    key: Callable[[Settings], str]
    deadline: float
    seen: dict[str, Trial] = field(default_factory=dict)

    def judged(self, settings: Settings, asked: "optuna.trial.Trial") -> Trial:
        import optuna

        key = self.key(settings)
        if key in self.seen:
            return self.seen[key]
        told: list[float] = []

        def tell(value: float) -> None:
            told.append(value)
            asked.report(value, len(told))
            if asked.should_prune():
                raise optuna.TrialPruned

        begun = time.monotonic()
        try:
            value, pruned = self.judge(settings, tell), False
        except optuna.TrialPruned:
            value, pruned = max(told), True
        self.seen[key] = Trial(settings, value, time.monotonic() - begun, pruned)
        return self.seen[key]

    def best(self) -> Trial:
        return max((one for one in self.seen.values() if not one.pruned), key=lambda one: one.value)


def search(
    judge: Judge,
    start: Settings,
    knobs: Sequence[Knob],
    *,
    trials: int,
    seconds: float,
    key: Callable[[Settings], str] = repr,
    seed: int = 0,
) -> Outcome:
    """Settings that `judge` (a validation figure, higher is better) likes best; as `tuning.search`, with a seed.

    The first trial is `start` as it is, on the grid or off it. Raises MissingExtra without Optuna.
    """
    need("tune", "A search by Optuna")
    course = _Course(judge, key, time.monotonic() + seconds)
    apart = [_Axis((knob,)) for knob in knobs]
    together = [_Axis(mates) for mates in by_setting(knobs)]
    ended: str = "trials"
    before: tuple[Asked, ...] = ()
    if len(together) < len(apart):
        ended, before = _ask(course, together, start, max(1, trials // TOGETHER), seed, ())
    if ended != "seconds":
        ended, _ = _ask(course, apart, start, trials, seed + 1, before)
    return Outcome(course.best(), tuple(course.seen.values()), ended)


Asked = tuple["optuna.trial.FrozenTrial", Settings]


def _ask(
    course: _Course, axes: Sequence[_Axis], start: Settings, trials: int, seed: int, before: Sequence[Asked]
) -> tuple[str, tuple[Asked, ...]]:
    """(how it ended, what was asked) of one study over these axes; before: what another one asked, told to this."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=WARM_UP),
    )
    places = {axis.name: axis.places for axis in axes}
    given = dict(enumerate(settings for _, settings in before))
    for known, settings in before:
        study.add_trial(
            optuna.trial.create_trial(
                state=known.state,
                value=known.value,
                params={axis.name: axis.of(settings) for axis in axes},
                distributions=places,
                intermediate_values=known.intermediate_values,
            )
        )
    if not given:
        study.enqueue_trial({axis.name: axis.of(start) for axis in axes})
    repeats = 0
    while not (ended := spent(course.seen, trials, course.deadline)):
        asked = study.ask(places)
        settings = start
        if given:  # the first is the start itself, which need not stand on the grid
            for axis in axes:
                settings = axis.put(settings, asked.params[axis.name])
        given[asked.number] = settings
        count = len(course.seen)
        found = course.judged(settings, asked)
        state = optuna.trial.TrialState.PRUNED if found.pruned else optuna.trial.TrialState.COMPLETE
        study.tell(asked, None if found.pruned else found.value, state=state)
        repeats = repeats + 1 if len(course.seen) == count else 0
        if repeats == SETTLED or not axes:
            ended = "settled"
            break
    return ended, tuple((one, given[one.number]) for one in study.trials if one.number in given)
