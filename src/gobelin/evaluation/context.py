"""What stands around the measurements: what was asked, the data's health, people, settings, seconds and memory."""

from collections.abc import Iterable, Mapping
from typing import Any

from gobelin.evaluation import findings, plots, words
from gobelin.evaluation.findings import Facts
from gobelin.evaluation.pictures import Album, cloth_of
from gobelin.evaluation.views import View, figure, role
from gobelin.evaluation.words import metric_label, number

TILES = 12


def name(report: Mapping[str, Any]) -> str:
    """Of the data set, for titles."""
    return str((report.get("dataset") or {}).get("name") or (report.get("asked") or {}).get("dataset") or "data set")


def asked(known: Facts) -> View:
    report = known.report
    asked, split = report.get("asked") or {}, report.get("split") or {}
    data = {**(report.get("dataset") or {})}
    kind = str(split.get("kind") or asked.get("split") or "")
    rows = []
    if data:
        size = [
            f"{words.count(value)} {what}" for what in ("users", "items", "events") if (value := number(data.get(what)))
        ]
        rows.append(("Data set", ", ".join(size) + ("." if size else "")))
    if data.get("positive"):
        rows.append(("What counts as a choice", str(data["positive"])))
    if data.get("first") is not None and data.get("last") is not None:
        rows.append(("Time", f"{words.day(data['first'])} to {words.day(data['last'])}"))
    if kind:
        rows.append(("Held out", f"{kind}: {words.SPLITS.get(kind, 'a split of its own kind.')}"))
    parts = [f"{words.count(v)} for {w}" for k, w in
             (("train", "learning"), ("validation", "validation"), ("test", "the test"))
             if (v := number(split.get(k)))]  # fmt: skip
    if parts:
        rows.append(("Pairs of person and item", ", ".join(parts)))
    rows.append(
        ("Chosen by", f"{metric_label(known.judged)} on validation; the test was looked at once, for this page")
    )
    if asked.get("recipe"):
        rows.append(("Recipe", str(asked["recipe"])))
    if (seed := asked.get("seed", split.get("seed"))) is not None:
        rows.append(("Seed", str(seed)))
    return {"rows": rows, "command": asked.get("command")}


def data(report: Mapping[str, Any]) -> View | None:
    health = dict(report.get("health") or {})
    data, split = dict(report.get("dataset") or {}), report.get("split") or {}
    said = {}
    for key in ("advice", "warnings", "problems"):
        found = health.pop(key, None)
        said[key] = (
            [_line(one) for one in found] if isinstance(found, list | tuple) else [_line(found)] if found else []
        )
    counted = [(words.humanise(str(k)), words.scalar(v, str(k))) for k, v in data.items()
               if isinstance(v, int | float) and not isinstance(v, bool) and k not in ("first", "last")]  # fmt: skip
    kinds = data.get("kinds")
    if isinstance(kinds, Mapping):
        counted += [(f"events: {k}", words.scalar(v)) for k, v in kinds.items()]
    encoders = [
        {
            "name": name,
            "thread": (thread := words.thread_of(str(name), {str(name): told})),
            "word": words.THREAD_WORDS[thread],
            "cells": [words.scalar(told.get(key)) for key in ("items", "present", "encoded", "cached", "dim")],
            "absent": ", ".join(f"{words.scalar(n)} {why}" for why, n in (told.get("absent") or {}).items()) or "–",
            "seconds": words.duration(s) if (s := number(told.get("seconds"))) is not None else "–",
        }
        for name, told in (report.get("encoders") or {}).items()
    ]
    left_out = [(words.humanise(str(k)), words.scalar(v)) for k, v in (split.get("counts") or {}).items()]
    if not (health or counted or encoders or left_out or any(said.values())):
        return None
    return {**said, "counts": counted, "encoders": encoders, "left_out": left_out, "blocks": list(_blocks(health))}


def _line(told: object) -> str:
    """A piece of advice or a warning, given as text or as a mapping with a message."""
    if isinstance(told, Mapping):
        for key in ("message", "text", "advice", "what"):
            if told.get(key):
                return str(told[key])
        return "; ".join(f"{words.humanise(str(k))}: {words.scalar(v, str(k))}" for k, v in told.items())
    return str(told)


def _blocks(given: Mapping[str, Any], path: str = "") -> Iterable[View]:
    """Anything that JSON can hold as captioned tables and lists: scalars together first, then what is nested."""
    flat = [(words.humanise(str(k)), words.scalar(v, str(k))) for k, v in given.items() if not _nested(v)]
    if flat:
        yield {"caption": path or "in short", "kind": "pairs", "rows": flat}
    for key, value in given.items():
        caption = f"{path}: {words.humanise(str(key))}" if path else words.humanise(str(key))
        if isinstance(value, Mapping) and value:
            below = list(value.values())
            if all(isinstance(one, Mapping) and not any(map(_nested, one.values())) for one in below):
                columns = list(dict.fromkeys(str(k) for one in below for k in one))
                rows = [(words.humanise(str(name)), [words.scalar(one.get(c), c) for c in columns])
                        for name, one in value.items()]  # fmt: skip
                yield {
                    "caption": caption,
                    "kind": "table",
                    "columns": [words.humanise(c) for c in columns],
                    "rows": rows,
                }
            else:
                yield from _blocks(value, caption)
        elif isinstance(value, list | tuple) and value:
            if all(isinstance(one, Mapping) for one in value):
                columns = list(dict.fromkeys(str(k) for one in value for k in one))
                rows = [(_flat(one.get(columns[0]), columns[0]), [_flat(one.get(c), c) for c in columns[1:]])
                        for one in value]  # fmt: skip
                named = [words.humanise(c) for c in columns]
                yield {"caption": caption, "kind": "table", "columns": named[1:], "corner": named[0], "rows": rows}
            else:
                yield {"caption": caption, "kind": "list", "rows": [_flat(one, str(key)) for one in value]}


def _nested(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _flat(value: object, key: str = "") -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{words.humanise(str(k))} {_flat(v, str(k))}" for k, v in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_flat(one, key) for one in value) or "–"
    return words.scalar(value, key)


def people(report: Mapping[str, Any], album: Album) -> list[View]:
    chosen = str(report.get("chosen") or "the model")
    shown = []
    for person in report.get("people") or ():
        history = list(person.get("history") or ())[::-1]
        recommended, held_out = list(person.get("recommended") or ()), list(person.get("held_out") or ())
        hits = sum(bool(item.get("hit")) for item in recommended)
        strips = [
            ("had", "What they had, newest first", history, "No history: the list is the stated prior."),
            ("suggested", f"What {chosen} suggests", recommended, "Nothing was suggested."),
            ("next", "What they chose next", held_out, "Nothing was held out."),
        ]
        shown.append(
            {
                "user": str(person.get("user")),
                "hits": "no hit" if hits == 0 else f"{hits} hit{'s' if hits > 1 else ''}",
                "strips": [
                    {
                        "kind": kind,
                        "label": label,
                        "tiles": [_tile(item, album) for item in items[:TILES]],
                        "more": max(0, len(items) - TILES),
                        "empty": empty,
                    }
                    for kind, label, items, empty in strips
                ],
            }
        )
    return shown


def _tile(item: Mapping[str, Any], album: Album) -> View:
    name, attribute = str(item.get("item")), item.get("attribute")
    weave, colour = cloth_of(name, str(attribute) if attribute else None)
    kind = item.get("kind")
    kind = str(getattr(kind, "name", kind)) if kind is not None else ""
    uri = album.uri(item.get("image"))
    return {
        "title": str(item.get("title") or name),
        "item": name,
        "picture": uri,
        "weave": weave,
        "colour": colour,
        "mark": "hit" if item.get("hit") else "variant" if item.get("variant") else "",
        "kind": "" if kind in ("purchase", "") else kind,
    }


def settings(known: Facts) -> View | None:
    models = []
    for model in known.models:
        seconds = model.raw.get("seconds") or {}
        models.append(
            {
                "name": model.name,
                "strong": model is known.chosen,
                "role": role(model, known),
                "settings": _flat(model.raw.get("settings") or {}),
                "trials": words.scalar(model.raw.get("trials")),
                "judged": f"{own:.4f}" if (own := known.judgement(model)) is not None else "–",
                "seconds": [words.duration(s) if (s := number(seconds.get(step))) is not None else "–"
                            for step in ("search", "fit", "score")],
            }
        )  # fmt: skip
    recipe = list(_dotted(known.report.get("settings") or {}))
    if not models and not recipe:
        return None
    return {"models": models, "recipe": recipe, "judged": metric_label(known.judged)}


def _dotted(given: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, str]]:
    for key, value in given.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and value:
            yield from _dotted(value, name)
        else:
            yield name, _flat(value, name)


def cost(report: Mapping[str, Any]) -> View | None:
    memory = report.get("memory_mb") or {}
    steps = [(str(step), s) for step, told in (report.get("seconds") or {}).items() if (s := number(told)) is not None]
    steps = [(step, s) for step, s in steps if step not in ("total", "all")]
    rows = [(words.humanise(step), s, words.size(mb) if (mb := number(memory.get(step))) is not None else "")
            for step, s in steps]  # fmt: skip
    peak = number(report.get("peak_memory_mb"))
    versions = [(str(name), str(version)) for name, version in (report.get("versions") or {}).items()]
    if not rows and peak is None and not versions:
        return None
    plot = None
    if rows:
        title = findings.time_finding([(name, s) for name, s, _ in rows])
        note = (
            "Measured once on this machine, so without an interval; beside the seconds, the memory at the step’s end."
        )
        plot = figure(lambda width: plots.bars(title, rows, words.duration, width), title, note)
    return {"plot": plot, "peak": words.size(peak) if peak is not None else "", "versions": versions}
