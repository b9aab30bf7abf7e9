"""The flow on one page: data -> split -> encoders -> search -> fit -> rank -> metrics -> report -> run folder."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gobelin import recipe as recipes
from gobelin import store
from gobelin.contest import calibration, contenders, evidence, kept, ratings
from gobelin.contest.bench import Bench
from gobelin.contest.calibration import Joint
from gobelin.contest.contenders import Contender, Found
from gobelin.contest.evidence import Judged, Trial
from gobelin.contest.line_up import line_up
from gobelin.cues import Cues
from gobelin.data.cleaning import clean
from gobelin.data.dataset import Dataset
from gobelin.data.health import check
from gobelin.data.splits import make_split
from gobelin.encoding import Encoded, encode, unread
from gobelin.errors import RecipeError, UserError
from gobelin.evaluation.report import write_report
from gobelin.meter import Meter
from gobelin.recipe import Recipe
from gobelin.service.run import Run
from gobelin.service.served import save_model
from gobelin.values import FeatureTable

Progress = Callable[[str, int, int], None]
"""Told of (step, done, total) as work goes on; total 0 where it is not known."""


def run(
    dataset: Dataset | str | Path,
    out: str | Path | None = None,
    *,
    recipe: str | Path | Recipe = recipes.DEFAULT,
    settings: Sequence[str] | Mapping[str, Any] = (),
    split: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    baselines: bool = True,
    refit: bool = False,
    final: bool = True,
    drop: Mapping[str, float] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Run:
    """From a raw data set to an evaluated recommender in the folder `out` (a temporary one where it is None).

    recipe, settings: a preset, a file or a Recipe, and `part.key=value` overrides; split: its kind (time with
    timestamps, random without); budget: seconds that the search of each model may take; baselines: judge them too;
    refit: judge a fit on train + validation as well; final: fit the chosen settings on all events, which is what
    recommends; drop: share of items that lose a sense, by its name or "all" (for robustness studies).

    Raises UserError and its kin for what a person can mend; nothing is left half-written.
    """
    tell = progress or (lambda step, done, total: None)
    asked_recipe = resolved(recipe, settings, split, budget)
    target = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="gobelin-")) / "run"
    store.ready(target, kind="run")
    meter = Meter()
    with meter.running(), store.working(target) as work:
        trial, woven = contest(
            dataset,
            asked_recipe,
            seed=seed,
            baselines=baselines,
            refit=refit,
            drop=drop,
            workers=workers,
            meter=meter,
            tell=tell,
            work=work,
        )
        trial.asked = {**trial.asked, "command": command}
        if baselines:
            with meter.step("ratings"):
                trial.ratings = ratings.judge(trial.dataset, seed, asked_recipe)
        with meter.step("report"):
            report = evidence.report(trial)
        with store.publish(target, kind="run") as folder:
            if final:
                with meter.step("final fit"):
                    tell("final fit", 0, 0)
                    _fit_everything(folder / "model", trial, woven, seed, work)
            evidence.write_tables(folder, trial)
            (folder / "recipe.toml").write_text(asked_recipe.as_toml(), encoding="utf-8")
            report |= meter.as_json()
            store.write_json(folder / "report.json", report)
            searches = evidence.searches(trial)
            store.write_json(folder / "search.json", searches)
            write_report({**report, "search": searches}, folder, trial.dataset.catalogue.root)
    return Run.open(target)


def contest(
    dataset: Dataset | str | Path,
    recipe: Recipe,
    *,
    seed: int,
    baselines: bool,
    refit: bool = False,
    drop: Mapping[str, float] | None = None,
    workers: int | None = None,
    meter: Meter | None = None,
    tell: Progress = lambda step, done, total: None,
    work: Path | None = None,
) -> tuple[Trial, Encoded]:
    """Everything up to the report: each contender searched on validation, fitted on train, asked once for the test.

    work: a folder in which a process that is killed leaves trainings and judged contenders, for the next call.
    """
    meter = meter or Meter()
    with meter.step("read"):
        data = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    with meter.step("check"):
        tell("check", 0, 0)
        data, cleaned = clean(data, recipe.clean)
        health = {**check(data, deep=False).as_json(), "cleaned": dict(cleaned)}
    with meter.step("split"):
        asked_split = recipe.split
        split = make_split(data, asked_split.kind, seed, asked_split.core, asked_split.mask)
    with meter.step("hear"):
        cues = Cues.of(data, recipe.hear)
    with meter.step("encode"):
        known = split.rows[split.cold == 0] if len(split.train) else split.rows  # without a log no item is better known
        catalogue = cues.catalogue(data.catalogue)
        woven = encode(replace(data, catalogue=catalogue), recipe, train_rows=known, workers=workers, progress=tell)
        health["notes"] += unread(woven.reports)
    table = _dropped(woven.table, drop, seed)
    split = cues.split(split, data)
    stage = Bench(split, split.train_value(table.take(split.rows)))
    asked = {
        "dataset": data.name,
        "command": "",
        "recipe": recipe.name,
        "split": split.kind,
        "seed": seed,
        "metric": recipe.tune.metric,
        "drop": dict(drop or {}),
    }
    trial = Trial(data, recipe, asked, health, stage.hearing({}), stage, cues, catalogue, woven.reports)
    for contender in line_up(recipe, stage.train.table, baselines=baselines, hear=cues.loudness()):
        _compete(trial, contender, meter, tell, work)
    if refit and trial.chosen.answers is not None:
        with meter.step("refit"):
            trial.refit = _refitted(trial)
    return trial, woven


def _compete(trial: Trial, contender: Contender, meter: Meter, tell: Progress, work: Path | None) -> None:
    """Search, fit and ask one contender. A baseline that this log cannot feed (no times, say) is left out and named."""
    tune = trial.recipe.tune
    place = None if work is None else kept.place(work, contender, trial.stage, tune)
    judged = None if place is None else kept.find(place, contender, trial.stage)
    if judged is not None and contender.role != "chosen":  # the chosen one's model is asked for reasons too
        trial.judged[contender.name] = judged
        trial.left_out |= contenders.members_left_out(judged.found)
        return
    before = dict(meter.seconds)
    try:
        found, joint = (judged.found, None) if judged else _searched(trial, contender, meter, tell, work)
        bench = trial.stage.hearing(found.hear)
        if contender.role == "chosen":
            trial.bench = bench
        with meter.step("fit"):
            train = bench.train.only(*contender.senses)
            model = found.fitted or contenders.fit(contender, found.settings, train, work)
        with meter.step("rank"):
            answers = judged.answers if judged else evidence.ask(bench, model)
            if contender.role == "chosen" and answers is not None:
                trial.joint = None if joint is None else joint.with_test(bench, model)
    except UserError as wrong:
        if contender.role == "chosen":
            raise
        trial.left_out[contender.name] = wrong.given
        return
    if contender.role == "chosen" and answers is not None:
        with meter.step("explain"):
            trial.people = evidence.people(trial, model, train, answers)
    trial.left_out |= contenders.members_left_out(found)
    seconds = {step: meter.seconds.get(step, 0.0) - before.get(step, 0.0) for step in ("search", "fit", "rank")}
    judged = judged or Judged(replace(found, fitted=None), seconds, answers)
    trial.judged[contender.name] = judged
    if place is not None and trial.joint is None:
        kept.keep(place, judged)


def _searched(
    trial: Trial, contender: Contender, meter: Meter, tell: Progress, work: Path | None
) -> tuple[Found, Joint | None]:
    bench, tune = trial.stage, trial.recipe.tune
    with meter.step("search"):
        found = contenders.search(contender, bench, tune, lambda i, n: tell(f"search {contender.name}", i, n), work)
        return calibration.calibrated(found, bench, tune)


def _refitted(trial: Trial) -> evidence.Answers | None:
    """The chosen settings fitted on train and validation together, asked with both as history."""
    found: Found = trial.chosen.found
    split = trial.split.refit()
    bench = Bench(split, split.train_value(trial.bench.train.table))
    return evidence.ask(bench, contenders.fit(found.contender, found.settings, bench.train))


def _fit_everything(folder: Path, trial: Trial, woven: Encoded, seed: int, work: Path) -> None:
    """The chosen settings on all events and all items of the catalogue; items without events enter by their content."""
    found = trial.chosen.found
    cues = trial.cues.at(found.hear)
    data = cues.dataset(trial.dataset)
    everything = data.train(woven.table.of(data.items), len(cues))
    model = contenders.fit(found.contender, found.settings, everything, work)
    contender = replace(found.contender, settings=found.settings)
    save_model(folder, model, everything, data, contender, woven, cues, seed=seed)


def resolved(
    recipe: str | Path | Recipe, settings: Sequence[str] | Mapping[str, Any], split: str | None, budget: float | None
) -> Recipe:
    if isinstance(recipe, Recipe):
        if settings:
            raise RecipeError("A made recipe was given with settings.", "one or the other.", "name the recipe instead.")
        resolved = recipe
    else:
        resolved = recipes.load(recipe, settings)
    if split is not None:
        resolved = resolved.with_split(split)
    return resolved if budget is None else resolved.with_budget(budget)


def _dropped(table: FeatureTable, drop: Mapping[str, float] | None, seed: int) -> FeatureTable:
    """A random share of items loses a sense, or (by the name "all") every sense at once."""
    if not drop:
        return table
    rng = np.random.default_rng([seed, 0xD20B])
    away: dict[str, np.ndarray] = {}
    for name, share in drop.items():
        if name != "all" and name not in table:
            raise UserError(
                f"--drop names {name!r}, which is no sense of this run.",
                "one of " + ", ".join([*table, "all"]) + ".",
                "name a sense of the recipe.",
            )
        if not 0 <= share <= 1:
            raise UserError(f"--drop {name}={share}.", "a share between 0 and 1.", "e.g. --drop image=0.5.")
        rows = rng.random(len(table.ids)) < share
        for sense in tuple(table) if name == "all" else (name,):
            away[sense] = away.get(sense, np.zeros(len(rows), dtype=bool)) | rows
    return table.without(away)
