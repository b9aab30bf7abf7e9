"""Several recipes over several seeds: the sentence and the views of `compare.html`.

The mapping (`compare.json`), every key but `recipes` optional:

    {"asked": {"dataset", "command", "split", "metric": "recall@20", "seeds": [0, 1, 2]},
     "dataset": {"name", "users", "items", "events", "positive", ...},
     "recipes": {name: {"senses": ["text", "image"],
                        "seeds": {"0": {"metrics": {"recall@20": {"value", "low", "high"}, ...}}, ...},
                        "mean": {"recall@20": {"mean", "sd"}, ...}}},     # made from the seeds where it is missing
     "comparisons": [{"model", "against", "metric", "difference", "low", "high", "relative_low", "p", "p_corrected"}],
     "drops": [{"field": "all" | "image" | ..., "share": 0.3,             # where --drop was used, one entry for each
                "recipes": {name: {"recall@20": {"value", "low", "high"} or {"mean", "sd"}}}}],
     "versions": {name: version}}

With several seeds whiskers are one standard deviation over seeds, with one seed the interval over people.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gobelin.evaluation import context, plots, views, words
from gobelin.evaluation.findings import comparison, facts, step_in_words
from gobelin.evaluation.words import Measure, figure, joined, measure, metric_label, metric_of, with_unit


@dataclass(frozen=True)
class Recipe:
    """One recipe: its mean with its spread, and each seed by itself, by metric."""

    name: str
    threads: tuple[str, ...]
    mean: Mapping[str, Measure]
    runs: Mapping[str, Mapping[str, Measure]]


def recipes(report: Mapping[str, Any]) -> list[Recipe]:
    """Best first by the metric that was asked for."""
    found = []
    for name, told in (report.get("recipes") or {}).items():
        runs = {
            str(seed): {key: own for key, given in (run.get("metrics") or {}).items() if (own := measure(given))}
            for seed, run in (told.get("seeds") or {}).items()
        }
        senses = {words.thread_of(str(sense)) for sense in told.get("senses") or ()}
        threads = tuple(thread for thread in words.THREADS[1:] if thread in senses)
        found.append(Recipe(str(name), threads, _mean(told.get("mean") or {}, runs), runs))
    key = _metric(report, found)
    sign = -1 if metric_of(key)[0].better == "lower" else 1
    return sorted(found, key=lambda one: -sign * one.mean[key].value if key in one.mean else float("inf"))


def _mean(given: Mapping[str, Any], runs: Mapping[str, Mapping[str, Measure]]) -> dict[str, Measure]:
    if len(runs) == 1:
        return dict(next(iter(runs.values())))
    told = {str(key): own for key, value in given.items() if (own := measure(value))}
    for key in dict.fromkeys(key for run in runs.values() for key in run):
        values = [run[key].value for run in runs.values() if key in run]
        if key not in told and len(values) > 1:
            middle, sd = statistics.fmean(values), statistics.stdev(values)
            told[key] = Measure(middle, middle - sd, middle + sd)
    return told


def _metric(report: Mapping[str, Any], found: Sequence[Recipe]) -> str:
    asked = str((report.get("asked") or {}).get("metric") or "recall@20")
    keys = [key for one in found for key in one.mean]
    k = metric_of(asked)[1] or 20
    return next((key for key in (asked, f"recall@{k}", *keys) if key in keys), asked)


def compare_sentence(report: Mapping[str, Any]) -> str:
    """Which recipe comes first, by how much, and whether the step to the next is beyond the noise."""
    found = recipes(report)
    key = _metric(report, found)
    ranked = [(one.name, one.mean[key]) for one in found if key in one.mean]
    if not ranked:
        return "No recipe was judged, so there is nothing to compare."
    unit, seeds = metric_of(key)[0].unit, max(len(one.runs) for one in found)
    name, best = ranked[0]
    over = f"over {seeds} seeds" if seeds > 1 else "with one seed"
    data = context.name(report) if report.get("dataset") or report.get("asked") else ""
    start = f"On {data}, {over}, {name}" if data else f"{over.capitalize()}, {name}"
    text = f"{start} comes first with {metric_label(key)} {_spread(best, unit, seeds)}"
    if len(ranked) == 1:
        return f"{text}; it was compared with nothing."
    second, theirs = ranked[1]
    text = f"{text}; next is {second}, {with_unit(theirs.value, unit)}"
    for row in report.get("comparisons") or ():
        if row.get("metric") == key and {str(row.get("model")), str(row.get("against"))} == {name, second}:
            verdict = comparison(row)
            if verdict is not None:
                step = verdict.difference if str(row.get("model")) == name else verdict.difference.shifted(0.0, -1.0)
                return f"{text}: {step_in_words(step, unit)} is {'beyond' if verdict.clear else 'within'} the noise."
    near = [other for other, value in ranked[1:] if value.known and best.known and value.ends[1] >= best.ends[0]]
    return f"{text}. {joined(near)} {'lies' if len(near) == 1 else 'lie'} within the spread." if near else f"{text}."


def _spread(value: Measure, unit: str, seeds: int) -> str:
    """ "28.1 ± 0.2 %" over seeds, "28.1 % (27.2 to 29.0)" with one."""
    if seeds < 2 or not value.known:
        return words.told(value, unit)
    half = figure((value.ends[1] - value.ends[0]) / 2, unit)
    return f"{figure(value.value, unit)} ± {half}{' %' if unit == 'share' else ''}"


def view(report: Mapping[str, Any]) -> dict[str, Any]:
    """What `compare.html` needs."""
    found = recipes(report)
    key = _metric(report, found)
    keys = list(dict.fromkeys(k for one in found for k in one.mean))
    meanings = {metric_of(k)[0].label: metric_of(k)[0].meaning for k in keys}
    asked = context.asked(facts({**report, "models": {}}))
    several = (report.get("asked") or {}).get("seeds") or sorted({seed for one in found for seed in one.runs})
    if several:
        asked["rows"].append(("Seeds", ", ".join(str(seed) for seed in several)))
    return {
        "asked": asked,
        "recipes": _table(found, key, keys),
        "drops": _drops(report, found, key),
        "comparisons": views.compared(report.get("comparisons") or ()),
        "metrics": [(label, meaning) for label, meaning in meanings.items() if meaning],
        "versions": [(str(name), str(version)) for name, version in (report.get("versions") or {}).items()],
    }


def _table(found: Sequence[Recipe], key: str, keys: Sequence[str]) -> dict[str, Any] | None:
    judged = [one for one in found if key in one.mean]
    if not judged:
        return None
    seeds, unit = max(len(one.runs) for one in found), metric_of(key)[0].unit
    rows = [
        plots.Dot(
            one.name,
            one.mean[key],
            one.threads,
            f"± {figure((one.mean[key].ends[1] - one.mean[key].ends[0]) / 2, unit)}" if seeds > 1 else "",
            at == 0,
            tuple(run[key].value for run in one.runs.values() if key in run) if seeds > 1 else (),
        )
        for at, one in enumerate(judged)
    ]
    title = _finding(judged, key, seeds)
    whiskers = "small dots: each seed; whiskers: one standard deviation" if seeds > 1 else "with 95 % intervals"
    axis_label = f"{metric_label(key)}; {whiskers}"
    shown = [k for k in keys if metric_of(k)[1] in (metric_of(key)[1], None)]
    best = {k: _best(found, k) for k in shown}
    return {
        "plot": views.figure(lambda width: plots.dots(title, rows, unit, axis_label, width), title),
        "caption": f"Mean ± standard deviation over {seeds} seeds" if seeds > 1 else "One seed, 95 % intervals",
        "heads": [(metric_label(k), "%" if metric_of(k)[0].unit == "share" else "") for k in shown],
        "rows": [
            {"name": one.name, "cells": [_cell(one.mean.get(k), k, one.name in best[k], seeds) for k in shown]}
            for one in found
        ],
        "runs": [
            {"name": one.name, "seed": seed, "cells": [_cell(run.get(k), k, False, 1) for k in shown]}
            for one in found
            for seed, run in one.runs.items()
            if seeds > 1
        ],
    }


def _cell(value: Measure | None, key: str, best: bool, seeds: int) -> dict[str, Any]:
    unit = metric_of(key)[0].unit
    told = views.cell(value, key, best)
    if value is not None and value.known and seeds > 1:
        told["span"] = f"± {figure((value.ends[1] - value.ends[0]) / 2, unit)}"
    return told


def _best(found: Sequence[Recipe], key: str) -> set[str]:
    values = {one.name: one.mean[key].value for one in found if key in one.mean}
    better = metric_of(key)[0].better
    if better is None or len(values) < 2:
        return set()
    top = (max if better == "higher" else min)(values.values())
    return {name for name, value in values.items() if value == top}


def _finding(judged: Sequence[Recipe], key: str, seeds: int) -> str:
    first = judged[0]
    if len(judged) == 1:
        return f"{first.name} reaches {_spread(first.mean[key], metric_of(key)[0].unit, seeds)}"
    second = judged[1]
    if seeds > 1 and all(key in run for one in (first, second) for run in one.runs.values()):
        both = [
            (run[key].value, second.runs[seed][key].value) for seed, run in first.runs.items() if seed in second.runs
        ]
        won = sum(ours > theirs for ours, theirs in both)
        ahead = "in every seed" if won == len(both) else f"in {won} of {len(both)} seeds"
        return f"{first.name} is ahead of {second.name} {ahead}"
    return f"{first.name} comes first, {second.name} second"


def _drops(report: Mapping[str, Any], found: Sequence[Recipe], key: str) -> list[dict[str, Any]]:
    """A robustness curve for each field that was stripped; nought stripped is the mean of the recipes."""
    fields: dict[str, dict[float, Mapping[str, Any]]] = {}
    for row in report.get("drops") or ():
        share = words.number(row.get("share"))
        if share is not None:
            fields.setdefault(str(row.get("field") or "all"), {})[share] = row.get("recipes") or {}
    out = []
    for field, by_share in fields.items():
        shares = sorted(by_share)
        if shares[0] > 0:
            shares = [0.0, *shares]
        drawn = []
        for one in found:
            values = tuple(
                one.mean.get(key)
                if share == 0 and 0.0 not in by_share
                else measure((by_share[share].get(one.name) or {}).get(key))
                for share in shares
            )
            if any(value is not None for value in values[1:]):
                drawn.append(plots.Series(one.name, values, one.threads))
        if not drawn:
            continue
        what = "everything they say and show" if field == "all" else words.THREAD_WORDS.get(field, field)
        title = _drop_finding(drawn, shares, what)
        unit = metric_of(key)[0].unit
        categories = [(f"{share * 100:.0f} %", "") for share in shares]
        label = f"items stripped of {what}; {metric_label(key)} upwards, with intervals"
        places = [share / shares[-1] for share in shares] if shares[-1] > 0 else None
        out.append(views.figure(_draw(title, categories, drawn, unit, label, places), title))
    return out


def _draw(
    title: str,
    categories: Sequence[tuple[str, str]],
    drawn: Sequence[plots.Series],
    unit: str,
    label: str,
    places: Sequence[float] | None,
) -> views.Drawing:
    return lambda width: plots.lines(title, categories, drawn, unit, label, width, places)


def _drop_finding(drawn: Sequence[plots.Series], shares: Sequence[float], what: str) -> str:
    """What the best recipe loses when most is stripped, and whether anything else is then ahead of it."""
    first, others = drawn[0], drawn[1:]
    start, end = first.values[0], first.values[-1]
    if start is None or end is None or start.value <= 0:
        return f"What it costs when items lack {what}"
    lost = 1 - end.value / start.value
    kept = f"loses {words.percent(lost, 0)}" if lost > 0.005 else "loses nothing"
    text = f"{first.label} {kept} with {shares[-1] * 100:.0f} % of items stripped of {what}"
    rivals = [(value, other.label) for other in others if (value := other.values[-1]) is not None]
    if not rivals:
        return text
    best, name = max(rivals, key=lambda pair: pair[0].value)
    if best.ends[0] > end.ends[1]:
        return f"{text}, and falls behind {name}"
    return f"{text}, and stays ahead" if end.ends[0] > best.ends[1] else f"{text}, level with {name}"
