"""A prediction: the sentence and the views of `predict.html`.

The mapping (`predict.json`): asked {dataset, target, told, folds, ...}, rows, groups, outputs, senses, notes, metric,
chosen, contenders {name: {level, senses, metrics, ...}}, comparisons, calibrated, reliability, coverage, shares;
the last four may be missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gobelin.evaluation import plots, views, words
from gobelin.evaluation.words import Measure, figure, interval, measure, metric_label, metric_of, with_unit

LEVELS = {"prior": "without looking", "sense": "one sense", "fused": "feature level", "decided": "decision level"}
MOST_ROWS = 14  # of the plot; the table has all
Rows = Sequence[Mapping[str, Any]]


def sentence(report: Mapping[str, Any]) -> str:
    """What a manager would quote, with the best single sense beside it."""
    asked, name, metric = report["asked"], report["chosen"], report["metric"]
    own = _measure(report, name, metric)
    start = f"{asked['target']} of {asked['dataset']} is told by {name}"
    if own is None:
        return f"{start}; its {metric_label(metric)} is not defined on these rows."
    unit = metric_of(metric)[0].unit
    text = f"{start} with {metric_label(metric)} {words.told(own, unit)} on rows that it had not seen"
    singles = {n: m for n in _of_level(report, "sense") if n != name and (m := _measure(report, n, metric))}
    if not singles:
        return f"{text}."
    rival = max(singles, key=lambda n: singles[n].value)
    gap = next((c for c in report["comparisons"] if c["against"] == rival and c["metric"] == metric), None)
    beyond = gap is not None and (gap["low"] > 0 or gap["high"] < 0)
    return (
        f"{text}; the best other single sense, {rival}, reaches {with_unit(singles[rival].value, unit)}, "
        f"a difference {'beyond' if beyond else 'within'} the noise."
    )


def view(report: Mapping[str, Any]) -> dict[str, Any]:
    """What `predict.html` needs."""
    asked = report["asked"]
    return {
        "asked": {"rows": _asked(report), "command": asked.get("command")},
        "notes": [note["message"] for note in report["notes"]],
        "outputs": [(name, _output(value)) for name, value in report["outputs"].items()],
        "models": _models(report),
        "comparisons": views.compared([c for c in report["comparisons"] if c["metric"] == report["metric"]]),
        "reliability": _reliability(report),
        "coverage": _coverage(report),
        "shares": _shares(report),
        "metrics": [(metric_of(k)[0].label, m) for k in _keys(report) if (m := metric_of(k)[0].meaning)],
        "versions": [(str(name), str(version)) for name, version in (report.get("versions") or {}).items()],
    }


def _asked(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    asked = report["asked"]
    what = {"class": "one class of each row", "labels": "any number of labels of each row", "numbers": "a number"}
    rows = [("Target", f"{asked['target']}: {what[asked['told']]}")]
    groups = f" in {report['groups']:,} groups of {asked['group_by']}" if asked.get("group_by") else ""
    rows.append(("Rows", f"{report['rows']:,}{groups}; {report['judged']:,} judged"))
    if asked.get("split"):
        rows.append(("Held out", f"The rows that the column {asked['split']} calls test."))
    elif asked.get("time"):
        rows.append(("Held out", f"Later stretches by {asked['time']}, each told by what came before it."))
    else:
        again = f", {asked['repeats']} times anew" if asked["repeats"] > 1 else ""
        rows.append(("Held out", f"Each of {asked['folds']} folds in turn{again}; groups are never parted."))
    said = f"At most {asked['trials']} fits for each contender in each fold, judged by 3 folds of the learned rows."
    rows.append(("Settings", said))
    rows.append(("Senses", ", ".join(f"{n} ({one['present']:,} rows)" for n, one in report["senses"].items())))
    rows.append(("Seed", str(asked["seed"])))
    return rows


def _output(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value['mean']:.4g} ± {value['deviation']:.4g}"


def _keys(report: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(k for one in report["contenders"].values() for k in one["metrics"]))


def _measure(report: Mapping[str, Any], name: str, metric: str) -> Measure | None:
    return measure(report["contenders"][name]["metrics"].get(metric))


def _of_level(report: Mapping[str, Any], level: str) -> list[str]:
    return [name for name, one in report["contenders"].items() if one["level"] == level]


def _threads(report: Mapping[str, Any], name: str) -> tuple[str, ...]:
    senses = report["contenders"][name]["senses"]
    return tuple(dict.fromkeys(words.thread_of(sense, report["senses"]) for sense in senses))


def _models(report: Mapping[str, Any]) -> dict[str, Any] | None:
    metric, chosen = report["metric"], report["chosen"]
    judged = {name: m for name in report["contenders"] if (m := _measure(report, name, metric))}
    if not judged:
        return None
    sign = -1 if metric_of(metric)[0].better == "lower" else 1
    order = sorted(judged, key=lambda name: -sign * judged[name].value)
    unit = metric_of(metric)[0].unit
    rows = [plots.Dot(n, judged[n], _threads(report, n), "", n == chosen) for n in order[:MOST_ROWS]]
    title = f"{order[0]} comes first; chosen without looking at these rows: {chosen}"
    label = f"{metric_label(metric)}, with 95 % intervals over groups"
    keys = _keys(report)
    lines = []
    for name in order:
        one = report["contenders"][name]
        cells = [_cell(measure(one["metrics"].get(k)), k) for k in keys]
        lines.append({"name": name, "role": LEVELS[one["level"]], "strong": name == chosen, "cells": cells})
        if name == chosen and report.get("calibrated"):
            cells = [_cell(measure(report["calibrated"]["metrics"].get(k)), k) for k in keys]
            lines.append({"name": name, "role": "calibrated", "strong": False, "cells": cells})
    heads = [(metric_label(k), "%" if metric_of(k)[0].unit == "share" else "") for k in keys]
    plot = views.figure(lambda width: plots.dots(title, rows, unit, label, width), title)
    return {"plot": plot, "heads": heads, "rows": lines}


def _cell(value: Measure | None, key: str) -> dict[str, Any]:
    if value is None:
        return {"value": "–", "span": "", "best": False}
    metric = metric_of(key)[0]
    return {
        "value": figure(value.value, metric.unit, metric.digits),
        "span": interval(value, metric.unit, metric.digits, short=True),
        "best": False,
    }


def _reliability(report: Mapping[str, Any]) -> dict[str, Any] | None:
    bins: Rows = (report.get("reliability") or {}).get("after") or ()
    if not bins:
        return None
    points = [
        plots.Point(
            "", Measure(b["sure"]), Measure(b["right"], b["low"], b["high"]), _threads(report, report["chosen"])
        )
        for b in bins
    ]
    error = report["calibrated"]["metrics"].get("calibration_error")
    title = "How sure it is, and how often it is right" + (
        f": {with_unit(error['value'], 'share')} apart on average" if error else ""
    )
    labels = ("how sure it is", "how often it is right")
    return views.figure(lambda width: plots.plane(title, points, labels, width, path=True), title, _RELIABILITY)


_RELIABILITY = "A calibrated answer lies where both are equal: 70 % sure, right in 70 of 100 rows."


def _coverage(report: Mapping[str, Any]) -> dict[str, Any] | None:
    told: Rows = report.get("coverage") or ()
    if not told:
        return None
    points = [
        plots.Point(
            "", Measure(c["coverage"]), Measure(c["risk"], c["low"], c["high"]), _threads(report, report["chosen"])
        )
        for c in told
    ]
    half = next(c for c in told if c["coverage"] >= 0.5)
    title = (
        f"Answering the surest half of the rows, {with_unit(half['risk'], 'share')} are told wrongly; "
        f"answering all, {with_unit(told[-1]['risk'], 'share')}"
    )
    labels = ("rows that are answered, the surest first", "of these told wrongly")
    note = f"Half of the rows are told with a confidence of {half['threshold']:.2f} or more."
    return views.figure(lambda width: plots.plane(title, points, labels, width, path=True), title, note)


def _shares(report: Mapping[str, Any]) -> dict[str, Any] | None:
    told = {sense: m for sense, given in (report.get("shares") or {}).items() if (m := measure(given))}
    if not told:
        return None
    order = sorted(told, key=lambda sense: -told[sense].value)
    unit = "plain" if report["asked"]["told"] == "numbers" else "score"
    rows = [plots.Dot(sense, told[sense], (words.thread_of(sense, report["senses"]),)) for sense in order]
    title = f"{order[0]} moves what is told most"
    label = "mean size of a sense's share (Shapley), with 95 % intervals"
    return views.figure(lambda width: plots.dots(title, rows, unit, label, width), title)
