"""The measured part of a report as the page draws it: models, senses, slices, curves, comparisons.

Each function reads the facts of a report and returns what a template needs, or None where the report holds nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gobelin.evaluation import findings, marks, plots, words
from gobelin.evaluation.findings import Facts, Model, facts
from gobelin.evaluation.words import Measure, measure, metric_label, metric_of, number

View = dict[str, Any]
Drawing = Callable[[int], Markup]
"""A plot that can be drawn for any width."""
FEW = 30  # people below which a slice's figure is called rough


def figure(draw: Drawing, title: str, note: str = "", wide: int = plots.WIDE) -> View:
    """One plot, drawn wide and narrow; the page shows the drawing that fits."""
    return {"title": title, "wide": draw(wide), "narrow": draw(plots.NARROW), "note": note}


def role(model: Model, known: Facts) -> str:
    return words.ROLES["chosen"][0] if model is known.chosen else words.ROLES.get(model.role, (model.role, ""))[0]


def tapestry(known: Facts) -> View | None:
    own = known.value(known.chosen) if known.chosen else None
    if known.chosen is None or own is None or known.unit != "share" or not 0 <= own.value <= 1:
        return None
    theirs = known.value(known.baseline) if known.baseline else None
    rival = (known.baseline.name, theirs) if known.baseline and theirs and 0 <= theirs.value <= 1 else None
    title, name, threads = findings.tapestry_finding(known, own), known.chosen.name, known.chosen.threads
    return figure(lambda width: plots.tapestry(title, name, own, threads, rival, width), title, wide=plots.PAGE)


# --- models ------------------------------------------------------------------------------------------------------


def models(known: Facts) -> View | None:
    """The plot of all models by the metric of findings, and their tables: what is found, what lists are like."""
    shown = [model for model in known.models if model.metrics]
    if not shown:
        return None
    judged = [(model, own) for model in shown if (own := known.value(model))]
    judged.sort(key=lambda pair: (pair[0].role == "refit", -pair[1].value))
    rows = [plots.Dot(m.name, own, m.threads, role(m, known), m is known.chosen) for m, own in judged]
    title, label = findings.models_finding(known), f"{metric_label(known.metric)}, with 95 % intervals"
    order = {id(metric): at for at, metric in enumerate(words.METRICS.values())}
    keys = list(dict.fromkeys(key for model in shown for key in model.metrics))
    keys = [key for key in keys if metric_of(key)[0].group != "ratings"]
    keys.sort(key=lambda key: order.get(id(metric_of(key)[0]), len(order)))
    at_k = [key for key in keys if metric_of(key)[1] in (known.k, None)]
    found = [key for key in at_k if metric_of(key)[0].group == "found"]
    lists = [key for key in at_k if metric_of(key)[0].group == "lists"]
    drawn = next((key for key in (f"ndcg@{known.k}", known.judged) if key in found), known.metric)
    tables = [
        _table(known, shown, found, f"What the models find, among {known.k} suggestions", drawn),
        _table(known, shown, lists, f"What their lists of {known.k} are like", ""),
    ]
    more = [
        _table(known, shown, [key for key in keys if metric_of(key)[1] == k], f"Among {k} suggestions", "")
        for k in sorted({cut for _, cut in map(metric_of, keys) if cut is not None} - {known.k})
    ]
    return {
        "plot": figure(lambda width: plots.dots(title, rows, known.unit, label, width), title) if rows else None,
        "left_out": [(str(name), str(why)) for name, why in (known.report.get("left_out") or {}).items()],
        "tables": [table for table in tables if table],
        "more": [table for table in more if table],
    }


def _table(known: Facts, models: Sequence[Model], keys: Sequence[str], caption: str, drawn: str) -> View | None:
    """A row for each model; `drawn`: the metric whose intervals stand as small plots beside the names."""
    if not keys:
        return None
    best = {key: _best(models, key) for key in keys}
    values = [own for model in models if (own := model.metrics.get(drawn))]
    scale, unit = marks.axis(values, 0.0, 1.0), metric_of(drawn)[0].unit
    ends = scale.low, scale.high
    rows = [
        {
            "name": model.name,
            "strong": model is known.chosen,
            "role": role(model, known),
            "mini": plots.mini(f"{model.name}, {metric_label(drawn)}", own, ends, unit)
            if (own := model.metrics.get(drawn))
            else "",
            "cells": [cell(model.metrics.get(key), key, model.name in best[key]) for key in keys],
        }
        for model in models
    ]
    heads = [(metric_of(key)[0].label, "%" if metric_of(key)[0].unit == "share" else "") for key in keys]
    label = metric_of(drawn)[0].label if values else ""
    return {"caption": caption, "heads": heads, "rows": rows, "mini": label}


def cell(value: Measure | None, key: str, best: bool = False) -> View:
    """A figure of a table, written as its metric is."""
    if value is None:
        return {"value": "–", "span": "", "best": False}
    metric = metric_of(key)[0]
    span = words.interval(value, metric.unit, metric.digits, short=True)
    return {"value": words.figure(value.value, metric.unit, metric.digits), "span": span, "best": best}


def _best(models: Sequence[Model], key: str) -> set[str]:
    """The names of the best by value; a refit has read more than the others and does not compete."""
    better = metric_of(key)[0].better
    values = {m.name: m.metrics[key].value for m in models if key in m.metrics and m.role != "refit"}
    if better is None or len(set(values.values())) < 2:
        return set()
    top = (max if better == "higher" else min)(values.values())
    return {name for name, value in values.items() if value == top}


def ratings(report: Mapping[str, Any]) -> View | None:
    """The errors of each, the one that validation chose marked; and who was left out, and why."""
    told = report.get("ratings") or {}
    found = told.get("models") or {}
    models = facts({"models": {name: {"role": "baseline", **one} for name, one in found.items()}}).models
    keys = list(dict.fromkeys(key for model in models for key in model.metrics))
    best = {key: _best(models, key) for key in keys}
    rows = [
        {
            "name": m.name,
            "strong": m.name == told.get("chosen"),
            "cells": [cell(m.metrics.get(k), k, m.name in best[k]) for k in keys],
        }
        for m in models
        if m.metrics
    ]
    left_out = [(str(name), str(why)) for name, why in (told.get("left_out") or {}).items()]
    return {"heads": [metric_label(key) for key in keys], "rows": rows, "left_out": left_out} if rows else None


def senses(known: Facts) -> View | None:
    """The log alone, then with each sense, then with all: every ablation, and the chosen model last."""
    pool = [m for m in known.models if m.role == "ablation" and m is not known.chosen]
    if known.chosen is None or not pool:
        return None
    pool = sorted([*pool, known.chosen], key=lambda m: (len(m.threads), m is known.chosen))
    rows = [(model, own) for model in pool if (own := known.value(model))]
    if len(rows) < 2:
        return None
    base = rows[0][1].value
    names = [words.threads_in_words(model.threads) for model, _ in rows]
    clear = len(set(names)) == len(names)
    drawn = [
        plots.Dot(
            name if clear else model.name,
            own,
            model.threads,
            "" if at == 0 else f"{'+' if own.value >= base else '−'}{words.figure(abs(own.value - base), known.unit)}",
            model is known.chosen,
        )
        for at, ((model, own), name) in enumerate(zip(rows, names, strict=True))
    ]
    title = findings.senses_finding(known, rows)
    label = f"{metric_label(known.metric)}, with 95 % intervals; the hairline is {drawn[0].label}"
    return figure(lambda width: plots.dots(title, drawn, known.unit, label, width, base), title)


# --- slices ------------------------------------------------------------------------------------------------------


def families(report: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    return [(str(family), list(rows)) for family, rows in (report.get("slices") or {}).items() if rows]


def _in_slice(row: Mapping[str, Any], name: str, metric: str) -> Measure | None:
    return measure(((row.get("models") or {}).get(name) or {}).get(metric))


def trend(known: Facts, family: str, rows: Sequence[Mapping[str, Any]]) -> View | None:
    """The chosen model against the log alone (or the best baseline) along ordered slices."""
    ordered = any(word in family.lower() for word in ("popularity", "activity", "history", "length"))
    chosen, rival = known.chosen, known.alone or known.baseline
    if not ordered or chosen is None or len(rows) < 2:
        return None
    alone = "the log alone" if rival is known.alone else ""
    series = [
        (model, tuple(_in_slice(row, model.name, known.metric) for row in rows)) for model in (chosen, rival) if model
    ]
    series = [(model, values) for model, values in series if any(values)]
    if not series:
        return None
    labels = {chosen.name: chosen.name, **({rival.name: alone or rival.name} if rival else {})}
    drawn = [plots.Series(labels[m.name], values, m.threads) for m, values in reversed(series)]
    ours, theirs = series[0][1], series[-1][1]
    names = [words.ranges(str(row.get("slice"))) for row in rows]
    both = [(name, b, a) for name, a, b in zip(names, ours, theirs, strict=True) if a and b and len(series) == 2]
    title = (
        findings.slices_finding(family, chosen.name, labels[rival.name], both)
        if rival and both
        else f"{metric_label(known.metric)} {family}"
    )
    unit = "people" if "user" in family.lower() or "activity" in family.lower() else "pairs"
    sizes = [number(row.get("users" if unit == "people" else "pairs")) for row in rows]
    names, shared = _without_common_word(names)
    categories = [(name, f"{words.count(n)} {unit}" if n is not None else "")
                  for name, n in zip(names, sizes, strict=True)]  # fmt: skip
    label = f"{metric_label(known.metric)} {family}{f' ({shared})' if shared else ''}, with 95 % intervals"
    return figure(lambda width: plots.lines(title, categories, drawn, known.unit, label, width), title)


def _without_common_word(names: Sequence[str]) -> tuple[list[str], str]:
    """["0–5 events", "over 5 events"] -> (["0–5", "over 5"], "events"): said once, on the axis."""
    heads, words_ = zip(*(name.rpartition(" ")[::2] for name in names), strict=True)
    if len(set(words_)) == 1 and all(heads):
        return list(heads), words_[0]
    return list(names), ""


def slices(known: Facts, family: str, rows: Sequence[Mapping[str, Any]]) -> View | None:
    names = [m.name for m in known.models if any(_in_slice(row, m.name, known.metric) for row in rows)]
    if not names:
        return None
    body = []
    for row in rows:
        values = {name: own for name in names if (own := _in_slice(row, name, known.metric))}
        top = max((own.value for own in values.values()), default=None) if len(values) > 1 else None
        people = number(row.get("users"))
        body.append(
            {
                "name": words.ranges(str(row.get("slice"))),
                "pairs": words.scalar(row.get("pairs")),
                "users": words.scalar(row.get("users")),
                "rough": people is not None and people < FEW,
                "cells": [
                    cell(own := values.get(name), known.metric, own is not None and own.value == top) for name in names
                ],
            }
        )
    return {"caption": f"{metric_label(known.metric)} {family}", "heads": names, "rows": body, "unit": known.unit}


# --- curves and planes -------------------------------------------------------------------------------------------


def joint(known: Facts) -> View | None:
    """New items among all: what is found of them against what it costs among known ones."""
    joint = known.report.get("joint") or {}
    found = [(number(row.get("c")), warm, cold) for row in joint.get("curve") or ()
             if (warm := measure(row.get("warm"))) and (cold := measure(row.get("cold")))]  # fmt: skip
    if not found:
        return None
    full = max(warm.value for _, warm, _ in found) or 1.0
    wanted = number(joint.get("chosen_c"))
    threads = known.chosen.threads if known.chosen else ()
    points = [
        plots.Point(
            f"c = {c:g}" if c is not None else "",
            warm.shifted(full, -1 / full),
            cold,
            threads,
            c is not None and wanted is not None and abs(c - wanted) < 1e-9,
        )
        for c, warm, cold in found
    ]
    mark = next((point for point in points if point.strong), max(points, key=lambda p: p.y.value))
    title = findings.joint_finding(wanted if mark.strong else None, mark.x.value, mark.y.value)
    axes = ("share lost among known items", f"{metric_label(known.metric)} among new items")
    note = "c is the factor by which scores of new items are raised; the ring marks the one chosen on validation."
    if not any(point.y.known for point in points):
        note += " This curve was measured without intervals."
    return figure(lambda width: plots.plane(title, points, axes, width, path=True), title, note)


def learning(known: Facts) -> list[View]:
    """How the chosen network learned: its loss, and what validation said, epoch by epoch."""
    course = known.chosen.raw.get("learning") if known.chosen else None
    if known.chosen is None or not course:
        return []
    judged = str(next(iter(known.chosen.validation), ""))
    told = [(at, number(epoch.get("loss")), number(epoch.get("value"))) for at, epoch in enumerate(course, 1)]
    values = [(at, value) for at, _, value in told if value is not None]
    best = max(values, key=lambda one: (one[1], -one[0]))[0] if values else len(told)
    threads = known.chosen.threads

    def drawn(points: Sequence[tuple[int, float]], title: str, label: str, unit: str) -> View:
        marks = [
            plots.Point(f"epoch {at}" if at == best else "", Measure(at), Measure(value), threads, at == best)
            for at, value in points
        ]
        axes, units = ("epochs", label), ("count", unit)
        return figure(lambda width: plots.plane(title, marks, axes, width, path=True, units=units), title)

    losses = [(at, loss) for at, loss, _ in told if loss is not None]
    out = [drawn(losses, findings.loss_finding([loss for _, loss in losses]), "loss", "number")] if losses else []
    if values:
        title = findings.learning_finding(best, len(told))
        out.insert(0, drawn(values, title, f"{metric_label(judged)} on validation", "score"))
    return out


def lists(known: Facts) -> View | None:
    """What is found against how much of the catalogue is shown."""
    key = next((k for m in known.models for k in m.metrics
                if metric_of(k)[0].label == "Coverage" and metric_of(k)[1] in (known.k, None)), None)  # fmt: skip
    shown = [m for m in known.models if m.role == "baseline" or m in (known.chosen, known.alone)]
    rows = [(m, m.metrics[key], own) for m in shown if key in m.metrics and (own := known.value(m))] if key else []
    if len(rows) < 2 or key is None:
        return None
    title = findings.lists_finding(known, rows)
    points = [plots.Point(m.name, shown, own, m.threads, m is known.chosen) for m, shown, own in rows]
    axes = ("share of the catalogue shown", metric_label(known.metric))
    units = (metric_of(key)[0].unit, known.unit)
    return figure(lambda width: plots.plane(title, points, axes, width, units=units), title)


# --- comparisons, people, settings, cost -------------------------------------------------------------------------


def comparisons(known: Facts) -> View | None:
    return compared(known.report.get("comparisons") or ())


def compared(given: Iterable[Mapping[str, Any]]) -> View | None:
    """Paired differences, each with its interval drawn around nought; every row of a metric to the same scale."""
    found = [(row, verdict) for row in given if (verdict := findings.comparison(row))]
    steps: dict[str, list[Measure]] = {}
    for row, verdict in found:
        steps.setdefault(str(row.get("metric")), []).append(verdict.difference)
    scales = {key: marks.axis(values, 0.0, 1.0, 1.05) for key, values in steps.items()}
    rows = []
    for row, verdict in found:
        key, own = str(row.get("metric")), verdict.difference
        unit, name = metric_of(key)[0].unit, str(row.get("model"))
        digits = 2 if unit == "share" else 4
        relative, p = number(row.get("relative_low")), number(row.get("p_corrected"))
        p = number(row.get("p")) if p is None else p
        against, ends = str(row.get("against")), (scales[key].low, scales[key].high)
        rows.append(
            {
                "model": name,
                "against": against,
                "metric": metric_label(key),
                "difference": ("+" if own.value > 0 else "") + words.figure(own.value, unit, digits),
                "span": words.interval(own, unit, digits),
                "relative": words.percent(relative) if relative is not None else "–",
                "p": "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
                "verdict": ("more" if own.value > 0 else "less") if verdict.clear else "within the noise",
                "mini": plots.mini(f"{name} against {against}, {metric_label(key)}", own, ends, unit),
            }
        )
    return {"rows": rows} if rows else None


def reading(known: Facts) -> View:
    keys = list(dict.fromkeys(key for model in known.models for key in model.metrics))
    ratings = ((known.report.get("ratings") or {}).get("models") or {}).values()
    keys += [key for told in ratings for key in (told.get("metrics") or {})]
    spoken = {metric_of(str(key))[0].label: metric_of(str(key))[0].meaning for key in keys}
    metrics = {one.label: one.meaning for one in words.METRICS.values() if one.label in spoken} | spoken
    roles = {model.role for model in known.models}
    cold = (known.report.get("split") or {}).get("kind") == "cold-items"
    return {
        "ranked": "Every model ranks all of the items that were hidden for the test."
        if cold
        else "Every model ranks every item that the person did not have yet.",
        "metrics": [(label, meaning) for label, meaning in metrics.items() if meaning],
        "roles": [told for role, told in words.ROLES.items() if role in roles],
        "threads": [(t, words.THREAD_WORDS[t]) for t in words.THREADS
                    if t == "behaviour" or any(t in model.threads for model in known.models)],
        "k": known.k,
    }  # fmt: skip
