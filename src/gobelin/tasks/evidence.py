"""What a race showed, as the report has it and as a table of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gobelin.arrays import Array, Float32, Int64
from gobelin.evaluation.statistics import PerUser, corrected, paired_difference, summarise
from gobelin.tasks.calibration import Calibration, coverage, reliability
from gobelin.tasks.choosing import row_losses
from gobelin.tasks.competing import Entry, Known, Race
from gobelin.tasks.figures import figures
from gobelin.tasks.judging import Answers, Judge
from gobelin.tasks.saved import told_rows
from gobelin.tasks.shares import MOST, shares
from gobelin.values import Target

Parted = tuple[Int64[Array, " _"], Float32[Array, "_ _"]]


@dataclass(frozen=True)
class Evidence:
    """report: of predict.json; table: the rows of predictions.parquet, given the ids of all rows."""

    report: dict[str, Any]
    table: Callable[[list[str]], pa.Table]


def gathered(race: Race, known: Known) -> Evidence:
    """Figures of every contender, the chosen one calibrated, its differences from the others, and what spoke for it.

    Calibrations are fitted in each fold on answers for unseen rows inside what was learned from.
    """
    truth, chosen = known.target, race.chosen
    judge = Judge(truth, known.groups if known.groups is not None else np.arange(len(known)))
    answers = {name: _answers(race, one.said) for name, one in race.entries.items()}
    samples = {name: judge.samples(one) for name, one in answers.items()}
    name, metric = chosen.contender.name, next(iter(figures(truth)))
    report: dict[str, Any] = {
        "groups": len(np.unique(judge.groups)),
        "judged": len(np.unique(np.concatenate([fold.judge for fold in race.plan]))),
        "metric": metric,
        "chosen": name,
        "contenders": {n: _told(one, judge.summary(samples[n])) for n, one in race.entries.items()},
        "comparisons": judge.differences(name, samples, metric) + _losses(race, known, judge),
    }
    calibrations = [
        Calibration.fit(choice.unseen, truth.take(fold.learn), choice.judged)
        for choice, fold in zip(chosen.choices, race.plan, strict=True)
    ]
    said = [one.apply(row) for one, row in zip(calibrations, chosen.said, strict=True)]
    if truth.told != "numbers":
        after = _answers(race, said)
        report["calibrated"] = {
            "slopes": [round(one.slope, 4) for one in calibrations],
            "metrics": judge.summary(judge.samples(after)),
        }
        report["reliability"] = {"before": reliability(answers[name], judge), "after": reliability(after, judge)}
        if truth.told == "class":
            report["coverage"] = coverage(after, judge)
    parted = _shares(race, truth)
    report["shares"] = _mean_shares(parted, chosen.contender.senses, judge)
    return Evidence(report, lambda ids: _table(race, truth, said, parted, chosen.contender.senses, ids))


def outputs(truth: Target) -> dict[str, Any]:
    """Of each class or label how many rows have it; of numbers their mean and deviation."""
    if truth.told == "numbers":
        return {truth.name: {"mean": float(truth.values.mean()), "deviation": float(truth.values.std())}}
    return {name: int(count) for name, count in zip(truth.names, truth.values.sum(axis=0), strict=True)}


def _answers(race: Race, said: list[Any]) -> Answers:
    """By repeat: the folds of one put together."""
    rows, told = [], []
    for repeat in sorted({fold.repeat for fold in race.plan}):
        mine = [(fold.judge, one) for fold, one in zip(race.plan, said, strict=True) if fold.repeat == repeat]
        rows.append(np.concatenate([judged for judged, _ in mine]))
        told.append(np.concatenate([one for _, one in mine]))
    return Answers(tuple(rows), tuple(told))


def _told(entry: Entry, metrics: dict[str, Any]) -> dict[str, Any]:
    c = entry.contender
    return {
        "level": c.level,
        "senses": list(c.senses),
        "estimator": dict(c.estimator),
        "fusion": c.fusion.get("part", c.rule) or None,
        "metrics": metrics,
        "inner_loss": entry.loss,
        "trials": [choice.trials for choice in entry.choices],
        "search_ended": [choice.ended for choice in entry.choices],
        "settings": [dict(choice.settings) for choice in entry.choices],
    }


def _losses(race: Race, known: Known, judge: Judge) -> list[dict[str, Any]]:
    """The chosen one's loss of each row less the other's, groups drawn and flipped together (evaluation.statistics)."""

    def losses(entry: Entry) -> tuple[Array, Array]:
        answers = _answers(race, entry.said)
        each = [row_losses(s, known.target.take(r)) for r, s in zip(answers.rows, answers.said, strict=True)]
        return np.concatenate(each), np.concatenate(answers.rows)

    chosen = race.chosen
    ours, rows = losses(chosen)
    out = []
    for name, entry in race.entries.items():
        if name != chosen.contender.name:
            theirs, _ = losses(entry)
            found = paired_difference(
                ours, theirs, np.random.default_rng(judge.seed), clusters=judge.groups[rows], resamples=judge.resamples,
                flips=1000,
            )  # fmt: skip
            told = {k: v for k, v in found.as_json().items() if k in ("difference", "low", "high", "p")}
            out.append({"model": chosen.contender.name, "against": name, "metric": "loss", **told})
    return corrected(out)


def _shares(race: Race, truth: Target) -> list[Parted]:
    """Of each fold of the first repeat: its rows, and the share of each sense in what was told of them.

    Of a class: in the probability of the likeliest one; of labels: of the likeliest one; of numbers: in the number.
    """
    senses = race.chosen.contender.senses
    if len(senses) > MOST:
        return []
    out = []
    for fold, table, predictor, said in zip(race.plan, race.judged, race.chosen.fitted, race.chosen.said, strict=True):
        if fold.repeat == 0:
            found, _ = shares(predictor, table, senses)
            best = said.argmax(axis=1) if truth.told != "numbers" else np.zeros(len(said), dtype=np.int64)
            out.append((fold.judge, found[:, np.arange(len(said)), best].astype(np.float32)))
    return out


def _mean_shares(parted: list[Parted], senses: tuple[str, ...], judge: Judge) -> dict[str, Any]:
    """Of each sense the mean size of its share, by groups."""
    if not parted:
        return {}
    rows, found = np.concatenate([r for r, _ in parted]), np.concatenate([s for _, s in parted], axis=1)
    _, group = np.unique(judge.groups[rows], return_inverse=True)
    counts = np.bincount(group)
    means = {s: np.bincount(group, weights=np.abs(one)) / counts for s, one in zip(senses, found, strict=True)}
    per = PerUser(np.arange(len(counts)), means)
    return dict(summarise(per, np.random.default_rng(judge.seed), resamples=judge.resamples))


def _table(
    race: Race, truth: Target, said: list[Any], parted: list[Parted], senses: tuple[str, ...], ids: list[str]
) -> pa.Table:
    """A row for each judged row of the first repeat: the truth, what was told (calibrated), shares (uncalibrated)."""
    lines: list[dict[str, Any]] = []
    share = {int(row): one for rows, found in parted for row, one in zip(rows, found.T, strict=True)}
    for number, fold in enumerate(race.plan):
        if fold.repeat:
            continue
        told = told_rows([ids[int(row)] for row in fold.judge], said[number], truth.told, truth.names)
        for row, line in zip(fold.judge.tolist(), told, strict=True):
            values = truth.values[row]
            line["truth"] = (
                float(values[0]) if truth.told == "numbers"
                else "|".join(n for n, v in zip(truth.names, values, strict=True) if v > 0)
            )  # fmt: skip
            line["fold"] = number
            line |= {f"share:{s}": float(v) for s, v in zip(senses, share.get(row, ()), strict=False)}
            lines.append(line)
    return pa.Table.from_pylist(lines)
