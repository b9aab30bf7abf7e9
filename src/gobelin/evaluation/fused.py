"""Ways to fuse senses, side by side: the sentence and the views of `fusions.html`.

The mapping (`fusions.json`) is that of `seeds`, and

    {"cells": {name: {"senses": ["text", "image"], "level": "feature", "method": "gated"}}}

for each recipe. A row of the table is a method, a column a set of senses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gobelin.evaluation import plots, seeds, views, words
from gobelin.evaluation.words import metric_label, metric_of, told

LEVELS = {
    "log": "no sense",
    "alone": "one sense",
    "woven": "woven",
    "data": "data level",
    "feature": "feature level",
    "decision": "decision level",
}

_NOTHING = "Nothing was fused, so there is nothing to compare."


def fusions_sentence(report: Mapping[str, Any]) -> str:
    """Which method comes first where all senses are fused, and what the best sense alone has."""
    found, key = _found(report), _key(report)
    unit = metric_of(key)[0].unit
    rows = _of_all(report)
    alone = [(one, senses[0]) for (senses, _), one in found.items() if len(senses) == 1 and key in one.mean]
    if not rows or not alone:
        return _NOTHING
    best, sense = max(alone, key=lambda row: row[0].mean[key].value)
    first = rows[0][0].mean[key]
    text = (
        f"{_finding(report)} with {metric_label(key)} {told(first, unit)}; "
        f"{sense} alone has {told(best.mean[key], unit)}"
    )
    near = [method for one, method in rows[1:] if one.mean[key].ends[1] >= first.ends[0]]
    if not near:
        return f"{text}."
    others = "interval of one other meets" if len(near) == 1 else f"intervals of {len(near)} others meet"
    return f"{text}. The {others} its."


def _finding(report: Mapping[str, Any]) -> str:
    rows = _of_all(report)
    if not rows:
        return _NOTHING
    return f"Of {len(rows)} ways to fuse {words.joined(_all_senses(report))}, {rows[0][1]} comes first"


def fusions_view(report: Mapping[str, Any]) -> dict[str, Any]:
    """What `fusions.html` needs beside the views of a comparison."""
    return {"grid": _grid(report), "whole": _whole(report)}


def _found(report: Mapping[str, Any]) -> dict[tuple[tuple[str, ...], str], seeds.Recipe]:
    cells = report.get("cells") or {}
    by_name = {one.name: one for one in seeds.recipes(report)}
    return {
        (tuple(cell["senses"]), str(cell["method"])): by_name[name] for name, cell in cells.items() if name in by_name
    }


def _all_senses(report: Mapping[str, Any]) -> tuple[str, ...]:
    return max((senses for senses, _ in _found(report)), key=len, default=())


def _of_all(report: Mapping[str, Any]) -> list[tuple[seeds.Recipe, str]]:
    """The methods that fuse all senses, best first."""
    whole, key = _all_senses(report), _key(report)
    rows = [(one, method) for (senses, method), one in _found(report).items() if senses == whole and key in one.mean]
    return sorted(rows, key=lambda row: -row[0].mean[key].value)


def _key(report: Mapping[str, Any]) -> str:
    return str((report.get("asked") or {}).get("metric") or "recall@20")


def _grid(report: Mapping[str, Any]) -> dict[str, Any]:
    """Methods by level as rows, sets of senses as columns; the best of each column is marked."""
    found, key = _found(report), _key(report)
    sets = list(dict.fromkeys(senses for senses, _ in found if len(senses) > 1))
    levels = {(cell["level"], str(cell["method"])): None for cell in (report.get("cells") or {}).values()}
    rows = []
    best = {
        senses: max(
            (one.mean[key].value for (s, _), one in found.items() if s == senses and key in one.mean), default=0
        )
        for senses in sets
    }
    for level, method in sorted(levels, key=lambda one: list(LEVELS).index(one[0])):
        if level in ("log", "alone"):
            continue
        cells = [
            views.cell(one.mean.get(key), key, one.mean[key].value == best[senses])
            if (one := found.get((senses, method))) and key in one.mean
            else views.cell(None, key)
            for senses in sets
        ]
        rows.append({"name": method, "role": LEVELS[level], "cells": cells, "strong": level == "woven"})
    singles = [(" + ".join(s) or "the log alone", one) for (s, _), one in found.items() if len(s) < 2]
    return {
        "caption": f"{metric_label(key)} by method and senses",
        "heads": [" + ".join(senses) if len(senses) < 4 else f"all {len(senses)}" for senses in sets],
        "rows": rows,
        "singles": [{"name": name, "cell": views.cell(one.mean.get(key), key)} for name, one in singles],
    }


def _whole(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """The most senses: every method beside each sense alone."""
    found, key = _found(report), _key(report)
    whole = _all_senses(report)
    rows: list[tuple[seeds.Recipe, str]] = [
        (one, method if senses == whole else " + ".join(senses) or "the log alone")
        for (senses, method), one in found.items()
        if (senses == whole or len(senses) < 2) and key in one.mean
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: -row[0].mean[key].value)
    title = _finding(report)
    return views.figure(_draw(rows, key, title), title)


def _draw(rows: Sequence[tuple[seeds.Recipe, str]], key: str, title: str) -> views.Drawing:
    unit = metric_of(key)[0].unit
    drawn = [plots.Dot(name, one.mean[key], one.threads, "", at == 0) for at, (one, name) in enumerate(rows)]
    return lambda width: plots.dots(title, drawn, unit, f"{metric_label(key)}, with intervals", width)
