"""A prediction on one page: records -> target -> folds -> senses -> contenders -> figures -> model and report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gobelin import recipe as recipes
from gobelin import store
from gobelin.data.notes import Note, several
from gobelin.encoding import unread
from gobelin.errors import SplitError
from gobelin.evaluation.report import write_predict
from gobelin.meter import Meter
from gobelin.tasks import evidence, folds, targets
from gobelin.tasks.calibration import Calibration
from gobelin.tasks.competing import Arena, Effort, Entry, Known, Race
from gobelin.tasks.line_up import FUSIONS, check, line_up
from gobelin.tasks.records import Reading, narrowed, read
from gobelin.tasks.saved import Model
from gobelin.tasks.targets import Wanted
from gobelin.tasks.weaving import Tell, Weaving
from gobelin.values import Target


@dataclass(frozen=True)
class Plan:
    """How rows are parted. group_by, time, split: columns; split: one that says "test" of the rows that are judged."""

    group_by: str | None = None
    time: str | None = None
    split: str | None = None
    folds: int = 5
    repeats: int = 1
    seed: int = 0

    def kept_back(self) -> dict[str, str]:
        """Columns that are never read as content."""
        named = {"the group": self.group_by, "the time": self.time, "the split": self.split}
        return {column: what for what, column in named.items() if column is not None}


@dataclass(frozen=True)
class Lists:
    """What competes and which recipe's encoders are used; no estimator: `line_up` says."""

    estimators: tuple[str, ...] = ()
    fusions: tuple[str, ...] = FUSIONS
    recipe: str = recipes.DEFAULT
    settings: tuple[str, ...] = ()


def predict(
    folder: str | Path,
    target: Wanted,
    out: str | Path,
    *,
    reading: Reading | None = None,
    plan: Plan | None = None,
    lists: Lists | None = None,
    effort: Effort | None = None,
    workers: int | None = None,
    progress: Tell | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Writes OUT/predict.json, predict.html, predictions.parquet and model/; returns what predict.json holds.

    Every contender chooses its settings inside the rows that it learns from (3 folds, groups kept together) and is
    judged on rows that it never saw. The chosen one is chosen and fitted anew on all rows, which is the model.
    Raises UserError and its kin for what a person can mend; nothing is left half-written.
    """
    reading, plan, lists, effort = reading or Reading(), plan or Plan(), lists or Lists(), effort or Effort()
    tell = progress or (lambda step, done, total: None)
    store.ready(Path(out), kind="prediction")
    meter = Meter()
    with meter.running():
        with meter.step("read"):
            records = read(folder, reading)
            whole = targets.read_target(records.column(target.column), target)
            rows = np.flatnonzero(whole.known)
            records, truth = records.take(rows), whole.take(rows)
            check(truth.told, lists.estimators, lists.fusions)
            kept_back = plan.kept_back() | {target.column: "the target"}
            known = Known(
                truth,
                records.groups(plan.group_by) if plan.group_by else None,
                records.times(plan.time) if plan.time else None,
            )
            cut, notes = folds.plan(
                truth, folds=plan.folds, repeats=plan.repeats, seed=plan.seed, groups=known.groups, times=known.times,
                given=records.column(plan.split) if plan.split else None,
            )  # fmt: skip
            kept, recipe = narrowed(records, recipes.load(lists.recipe, lists.settings), reading, kept_back)
            notes += [*records.data.notes, *_left_out(whole), *targets.give_aways(truth, kept.data.catalogue.columns)]
        with meter.step("encode"):
            weaving = Weaving.of(kept.data, recipe, workers, tell)
            notes += [Note(**one) for one in unread(weaving.fixed.reports)]
        with meter.step("learn"):
            race = _raced(weaving, known, cut, lists, effort, plan.seed, tell)
        with meter.step("judge"):
            tell("judge", 0, 0)
            found = evidence.gathered(race, known)
        with meter.step("final fit"):
            tell("final fit", 0, 0)
            model, woven = _final(weaving, known, race.chosen, race, effort, plan.seed, recipe, reading, kept_back)
        report = {
            "asked": {
                "dataset": kept.data.name, "target": target.column, "told": truth.told, "command": command,
                **vars(plan), **vars(effort), "recipe": lists.recipe,
            },
            "rows": len(known), "outputs": evidence.outputs(truth), "senses": woven,
            "notes": [vars(note) for note in notes],
            **found.report,
        }  # fmt: skip
        with store.publish(Path(out), kind="prediction") as place:
            model.save(place / "model")
            pq.write_table(found.table(list(kept.data.items)), place / "predictions.parquet", compression="zstd")
            report |= meter.as_json()
            store.write_json(place / "predict.json", report)
            write_predict(report, place)
    return report


def _raced(
    weaving: Weaving, known: Known, plan: list[folds.Fold], lists: Lists, effort: Effort, seed: int, tell: Tell
) -> Race:
    race = Race(plan)
    for number, fold in enumerate(plan):
        table = weaving.at(fold.learn).table
        competing = line_up(table, known.target.told, lists.estimators, lists.fusions)
        arena = Arena.of(table, known, fold.learn, effort, seed, number)
        race.judged.append(table.take(fold.judge))
        for place, contender in enumerate(competing):
            tell(f"fold {number + 1} of {len(plan)}", place, len(competing))
            choice, predictor = arena.compete(contender)
            entry = race.entries.setdefault(contender.name, Entry(contender))
            entry.choices.append(choice)
            entry.fitted.append(predictor)
            entry.said.append(predictor.predict(race.judged[-1]))
    race.entries = {name: one for name, one in race.entries.items() if len(one.said) == len(plan)}
    if all(one.contender.level == "prior" for one in race.entries.values()):
        raise SplitError(
            "No sense is there in every fold.",
            "a sense that many rows have.",
            "name others with --features, or ask for fewer folds.",
        )
    return race


def _final(
    weaving: Weaving,
    known: Known,
    chosen: Entry,
    race: Race,
    effort: Effort,
    seed: int,
    recipe: recipes.Recipe,
    reading: Reading,
    kept_back: dict[str, str],
) -> tuple[Model, dict[str, Any]]:
    """The chosen contender, its settings chosen anew, fitted on all rows; and how many rows have each sense."""
    every = np.arange(len(known))
    woven = weaving.at(every)
    arena = Arena.of(woven.table, known, every, effort, seed, len(race.plan))
    contender = chosen.contender
    if contender.level == "decided":
        for other in race.entries.values():
            if other.contender.level == "sense" and other.contender.estimator == contender.estimator:
                arena.compete(other.contender)
    choice, predictor = arena.compete(contender)
    calibration = Calibration.fit(choice.unseen, known.target, choice.judged)
    model = Model(
        contender.name, known.target.told, known.target.name, known.target.names, predictor, calibration, recipe,
        woven.encoders, woven.standardisers, reading, kept_back,
    )  # fmt: skip
    senses = {
        name: {"modality": one.modality, "present": int(one.present.sum()), "dim": one.dim}
        for name, one in woven.table.features.items()
    }
    return model, senses


def _left_out(whole: Target) -> list[Note]:
    count = int((~whole.known).sum())
    return [Note("no-target", f"{several(count, 'row')} left out: {whole.name} is not known.", count)] if count else []
