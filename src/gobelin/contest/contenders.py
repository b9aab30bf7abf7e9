"""A model that competes in a run: searched on validation like every other, and fitted."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gobelin import parts
from gobelin.contest import hearing, methods, tuning
from gobelin.contest.bench import Among, Bench, Exam
from gobelin.contest.methods import Tried
from gobelin.contest.optuna_search import Judge, Tell
from gobelin.errors import UserError
from gobelin.models._members import NO_SETTING, split
from gobelin.protocols import Combines, Epoch, Journal, Learns, Recommender
from gobelin.recipe import TuneSpec
from gobelin.values import Train

Role = Literal["chosen", "ablation", "baseline"]


@dataclass(frozen=True)
class Contender:
    """A model to be searched and judged. senses: what it may read, by the names of the feature table.

    hear: how loud it hears cues (`gobelin.cues`), by kind of event, None where its search says; deaf to any other.
    """

    name: str
    role: Role
    part: str
    settings: Mapping[str, Any]
    senses: tuple[str, ...]
    hear: Mapping[str, float | None] = field(default_factory=dict)


LONGEST = 0.5  # share of a search's seconds that one training may take: a search of one is none


@dataclass(frozen=True)
class Found:
    """What the search of a contender gave: settings in full, the figure on validation, how it went; hear: how loud
    it hears cues, by kind of event.

    Of a model that is trained (`Learns`): `epochs` of the settings is where validation liked it best; curve: how that
    training went; fitted: the model of it, where it was trained on the whole train part.
    tried: every trial, in order; left_out: of one that combines others, the members that the data cannot feed, and why.
    """

    contender: Contender
    settings: Mapping[str, Any]
    validation: float
    trials: int
    ended: str
    seconds: float
    curve: tuple[Epoch, ...] = ()
    fitted: Recommender | None = None
    hear: Mapping[str, float] = field(default_factory=dict)
    tried: tuple[Tried, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def reads_senses(part: str, settings: Mapping[str, Any]) -> bool:
    """Whether a model, or one of those that it combines, has settings for each sense."""
    cls: Any = parts.find("models", part).load()
    if any(knob.sense for knob in parts.knobs(cls, ["any"])):
        return True
    made = parts.make(cls, settings, where=f"models.{part}")
    return isinstance(made, Combines) and any(reads_senses(*split(spec)) for spec in made.members.values())


def make(contender: Contender, settings: Mapping[str, Any]) -> Recommender:
    parts.check_extra("models", contender.part)
    cls = parts.find("models", contender.part).load()
    model: Recommender = parts.make(cls, settings, where=f"model {contender.name!r} ({contender.part})")
    return model


def fit(contender: Contender, settings: Mapping[str, Any], train: Train, work: Path | None = None) -> Recommender:
    """train: with these senses alone it is taken as it is, so that the model and its caller mean the same value.

    work: where a training that is killed leaves what it has, and goes on.

    Raises UserError where there is nothing to learn from: no log, and no sense that the model reads.
    """
    if not len(train.histories.items) and not (contender.senses and reads_senses(contender.part, contender.settings)):
        raise UserError(
            f"{contender.name} learns from the log, and this data set has none.",
            "interactions, or a model that reads content (weave, content_neighbours) and items that have some.",
            "add interactions.csv, or choose another recipe.",
        )
    seen = train if tuple(train.table) == contender.senses else train.only(*contender.senses)
    model = make(contender, settings)
    if isinstance(model, Learns):
        return model.fit(seen, _rng(train, contender), None, Journal(_place(work, contender, settings, seen)))
    return model.fit(seen, _rng(train, contender))


def search(
    contender: Contender,
    bench: Bench,
    tune: TuneSpec,
    progress: Callable[[int, int], None] | None = None,
    work: Path | None = None,
) -> Found:
    """Settings by validation alone: warm knobs first, then what concerns cold items, then their scale.

    A model that is trained is stopped by validation too. work: as in `fit`.

    Every contender has the same fits and seconds in all: where the two are searched apart, a quarter goes to the first;
    one that combines others has its members searched first, each as if it stood alone, with a share of them.
    """
    begun = time.monotonic()
    members = _members_searched(contender, bench, tune, progress, work)
    contender, spent, tried = members.contender, members.spent, list(members.tried)
    whole = bench
    bench = smaller(bench, tune.most_items)
    hall = hearing.Hall(bench, contender.senses)
    cls: Any = parts.find("models", contender.part).load()
    knobs = parts.knobs(cls, contender.senses)
    knobs = [k for k in knobs if k.setting not in contender.settings or k.sense is not None]
    fixed = {name: dict(v) if isinstance(v, Mapping) else v for name, v in contender.settings.items()}
    knobs = [k for k in knobs if k.sense is None or k.sense not in fixed.get(k.setting, {})]
    start = tuning.starting_point(make(contender, fixed), knobs)
    plain = getattr(cls, "plain", lambda settings, train: settings)
    start, knobs = {**hearing.start(contender.hear), **start}, [*knobs, *hearing.knobs(contender.hear)]
    cold_knobs = [k for k in knobs if k.stage == "cold"]
    warm_knobs = [k for k in knobs if k.stage == "warm"]
    last: list[Any] = []  # what was heard, and the model fitted on it
    learned: list[tuple[float, Learns]] = []  # the best so far
    count = spent

    def judge_on(among: Among) -> Judge:
        def judge(settings: Mapping[str, Any], tell: Tell) -> float:
            nonlocal count
            own, hear = hearing.apart(settings)
            heard = hall.at(hear)
            exam = heard.exam(among)
            model: Any = make(contender, own)
            if last and last[0] is heard and hasattr(model, "reuse"):
                model.reuse(last[1])
            try:
                if isinstance(model, Learns):
                    value = taught(model, own, heard, exam, tell)
                else:
                    model.fit(heard.train, _rng(heard.train, contender))
                    value = heard.bench.value(model, exam, tune.metric)
            finally:  # a training that is cut short counts too
                count += 1
                if progress:
                    progress(count, tune.trials)
            last[:] = [heard, model]
            return value

        return judge

    def taught(model: Learns, settings: Mapping[str, Any], heard: hearing.Heard, exam: Exam, tell: Tell) -> float:
        train = heard.train
        seconds = min(LONGEST * tune.seconds, max(tune.seconds - (time.monotonic() - begun), 1.0))
        # a resumed training tells nothing of the epochs that it had: what prunes by them wants all of it
        kept = work if tune.method == "walk" else None
        journal = Journal(_place(kept, contender, settings, train), seconds=seconds)

        def monitor(one: Recommender) -> float:
            value = heard.bench.value(one, exam, tune.metric)
            tell(value)
            return value

        model.fit(train, _rng(train, contender), monitor, journal)
        value = max((epoch.value for epoch in model.curve if epoch.value is not None), default=0.0)
        if not learned or value > learned[0][0]:
            learned[:] = [(value, model)]
        return value

    cold_split = bench.main == "cold"
    two_stages = cold_split and bool(cold_knobs)
    among: Among = "warm" if two_stages else bench.main
    if not len(bench.exam("validation", among)):
        own, hear = hearing.apart(start)
        found = Found(contender, own, 0.0, 0, "nothing to judge by", time.monotonic() - begun, hear=hear)
        return replace(found, tried=members.tried, left_out=members.left_out)
    share = 4 if two_stages else 1  # known items are not what this split asks for; their settings matter less
    seed = int(_rng(bench.train, contender).integers(2**31))
    first = warm_knobs if (two_stages or not cold_split) else knobs
    outcome = methods.search(
        tune.method,
        judge_on(among),
        start,
        first,
        trials=max(1, (tune.trials - spent) // share),
        seconds=max(1.0, tune.seconds - (time.monotonic() - begun)) / share,
        key=lambda settings: repr((plain(hearing.apart(settings)[0], bench.train), hearing.apart(settings)[1])),
        seed=seed,
    )
    trials = spent + len(outcome.trials)
    tried += methods.tried("known items" if two_stages else "", outcome, first)
    if two_stages:
        outcome = methods.search(
            tune.method,
            judge_on("cold"),
            outcome.best.settings,
            cold_knobs,
            trials=max(1, tune.trials - trials),  # what the first left over comes here
            seconds=max(1.0, tune.seconds - (time.monotonic() - begun)),
            seed=seed + 2,
        )
        trials += len(outcome.trials)
        tried += methods.tried("new items", outcome, cold_knobs)
    own, hear = hearing.apart(outcome.best.settings)
    found = Found(contender, own, outcome.best.value, trials, outcome.ended, time.monotonic() - begun, hear=hear)
    found = replace(found, tried=tuple(tried), left_out=members.left_out)
    if not learned or two_stages:
        return found
    model = learned[0][1]
    fitted: Any = model if bench is whole else None
    settings = {**found.settings, "epochs": model.best_epoch}
    return replace(found, settings=settings, curve=model.curve, fitted=fitted)


@dataclass(frozen=True)
class _Members:
    """A contender with its members' settings as their searches left them; spent: the fits that took."""

    contender: Contender
    spent: int = 0
    tried: tuple[Tried, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def _members_searched(
    contender: Contender,
    bench: Bench,
    tune: TuneSpec,
    progress: Callable[[int, int], None] | None,
    work: Path | None,
) -> _Members:
    """Each member of one that combines, searched as if it stood alone; one that the data cannot feed is named.

    What is left is shared evenly among the members still to come and the combination itself, those with the fewest
    knobs first, so that what they leave goes to those with more.
    """
    made = make(contender, contender.settings)
    if not isinstance(made, Combines):
        return _Members(contender)
    begun, spent = time.monotonic(), 0
    tried: list[Tried] = []
    left_out: dict[str, str] = {}
    found = {name: dict(spec) for name, spec in made.members.items()}
    alone = {
        name: Contender(f"{contender.name}: {name}", contender.role, *split(spec), _heard(spec, contender.senses))
        for name, spec in found.items()
    }
    left = sorted(alone, key=lambda name: len(parts.knobs(type(make(alone[name], {})), contender.senses)))
    while left:
        share = tune.model_copy(
            update={
                "trials": max(1, (tune.trials - spent) // (len(left) + 1)),
                "seconds": max(1.0, (tune.seconds - (time.monotonic() - begun)) / (len(left) + 1)),
            }
        )
        one = alone[name := left.pop(0)]
        try:
            outcome = search(one, bench, share, progress, work)  # deaf: all members hear what the combination hears
        except UserError as wrong:
            left_out[name] = wrong.given
            continue
        spent += outcome.trials
        tried += [replace(trial, of=f"{name}: {trial.of}" if trial.of else name) for trial in outcome.tried]
        left_out |= {f"{name}: {its}": why for its, why in outcome.left_out.items()}
        found[name] = {**{key: value for key, value in found[name].items() if key in NO_SETTING}, **outcome.settings}
    searched = replace(contender, settings={**contender.settings, "members": found})
    return _Members(searched, spent, tuple(tried), left_out)


def members_left_out(found: Found) -> dict[str, str]:
    """By "ensemble: member" why the data cannot feed it."""
    return {f"{found.contender.name}: {name}": why for name, why in found.left_out.items()}


def _heard(spec: Mapping[str, Any], senses: tuple[str, ...]) -> tuple[str, ...]:
    """The senses that a member hears, of those that are there."""
    return tuple(sense for sense in senses if sense in spec.get("senses", senses))


def smaller(bench: Bench, most: int) -> Bench:
    """The bench on its most frequent items where there are more than `most`: searching on all would take too long.

    A fifth of the places goes to items that validation holds and train lacks, so that these are judged too.
    """
    train = bench.train
    if len(train.items) <= most:
        return bench
    counts = train.counts().astype(np.int64)
    held = np.zeros(len(counts), dtype=bool)
    held[bench.split.validation.items] = True
    new = np.flatnonzero(held & (counts == 0))[: most // 5]
    by_count = np.lexsort((bench.ties, -counts))
    rows = np.sort(np.union1d(by_count[: most - len(new)], new)).astype(np.int32)
    split = bench.split.on_items(rows)
    return Bench(split, split.train_value(train.table.take(rows)))


def _place(work: Path | None, contender: Contender, settings: Mapping[str, Any], train: Train) -> Path | None:
    """Where a training of these settings on these data keeps its checkpoint."""
    if work is None:
        return None
    said = repr((contender.name, contender.part, sorted(settings.items(), key=lambda one: one[0]), train.fingerprint))
    return work / "training" / hashlib.sha256(said.encode()).hexdigest()[:32]


def _rng(train: Train, contender: Contender) -> np.random.Generator:
    """A generator of its own for each contender, so that leaving one out changes no other."""
    return np.random.default_rng([len(train.users), len(train.items), *contender.name.encode()])
