"""What stands around the measurements: what was asked, the data's health, people, settings, seconds and memory."""

from collections.abc import Iterable, Mapping
from typing import Any

from gobelin.evaluation import findings, plots, words
from gobelin.evaluation.findings import Facts
from gobelin.evaluation.pictures import Album, cloth_of
from gobelin.evaluation.views import View, figure, role
from gobelin.evaluation.words import metric_label, number

TILES = 12
SHOWN_TRIALS = 60  # of each search; all of them are in search.json


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
        rows.append(("Held out", f"{kind.capitalize()}. {words.SPLITS.get(kind, 'A split of its own kind.')}"))
    if split.get("mask") == "train":
        rows.append(("Lists of the test", "May show what was held out for validation, as MMRec's do."))
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


SAID = (("problems", "Problem"), ("warnings", "Warning"), ("notes", "Noted"), ("advice", "Advice"))
OPEN = ("coverage", "media")  # parts of the health that everybody should see


def data(report: Mapping[str, Any]) -> View | None:
    """The data's health: what was said, counts, what was read of the items, and all that was checked."""
    told, split = dict(report.get("dataset") or {}), report.get("split") or {}
    health = {key: value for key, value in (report.get("health") or {}).items() if key not in told}
    if told:
        health.pop("counts", None)  # the same figures again
    said = [(word, line) for key, word in SAID for line in _lines(health.pop(key, None))]
    counts = [(words.humanise(str(k)), words.scalar(v, str(k))) for k, v in told.items()
              if number(v) is not None and k not in ("first", "last")]  # fmt: skip
    kinds = told.get("kinds")
    counts += [(f"events: {k}", words.scalar(v)) for k, v in kinds.items()] if isinstance(kinds, Mapping) else []
    encoders = [_encoder(str(name), one) for name, one in (report.get("encoders") or {}).items()]
    left_out = [(words.humanise(str(k)), words.scalar(v)) for k, v in (split.get("counts") or {}).items()]
    shown = [block for key in OPEN if _nested(health.get(key)) for block in _blocks({key: health.pop(key)})]
    blocks = list(_blocks(health))
    if not (said or counts or encoders or left_out or shown or blocks):
        return None
    return {
        "said": said,
        "counts": counts,
        "encoders": encoders,
        "left_out": left_out,
        "shown": shown,
        "blocks": blocks,
    }


def _encoder(name: str, told: Mapping[str, Any]) -> View:
    seconds = number(told.get("seconds"))
    return {
        "name": name,
        "thread": words.thread_of(name, {name: told}),
        "cells": [words.scalar(told.get(key)) for key in ("items", "present", "encoded", "cached", "dim")],
        "absent": ", ".join(f"{words.scalar(n)} {why}" for why, n in (told.get("absent") or {}).items()) or "–",
        "seconds": "–" if seconds is None else words.duration(seconds),
    }


def _lines(given: object) -> list[str]:
    """Advice, warnings and notes: a text, or several, or mappings with a message."""
    if isinstance(given, Mapping):
        message = next((given[key] for key in ("message", "text", "what") if given.get(key)), None)
        return [str(message) if message else _flat(given)]
    if isinstance(given, list | tuple):
        return [line for one in given for line in _lines(one)]
    return [str(given)] if given else []


def _blocks(given: Mapping[str, Any], path: str = "") -> Iterable[View]:
    """Anything that JSON can hold as captioned tables and lists: scalars together first, then what is nested."""
    flat = [(words.humanise(str(k)), words.scalar(v, str(k))) for k, v in given.items() if not _nested(v)]
    if flat:
        yield {"caption": path or "In short", "kind": "pairs", "rows": flat}
    for key, value in given.items():
        if not _nested(value):
            continue
        name = words.humanise(str(key))
        caption = f"{path}: {name}" if path else name.capitalize()
        if isinstance(value, Mapping):
            rows = [(words.humanise(str(k)), one) for k, one in value.items()]
            if all(isinstance(one, Mapping) and not any(map(_mapping, one.values())) for _, one in rows):
                yield _grid(caption, "", rows)
            else:
                yield from _blocks(value, caption)
        elif all(isinstance(one, Mapping) for one in value):
            first = next(iter(value[0]), "")
            rows = [(_flat(one.get(first), str(first)), {k: v for k, v in one.items() if k != first}) for one in value]
            yield _grid(caption, words.humanise(str(first)), rows)
        else:
            yield {"caption": caption, "kind": "list", "rows": [_flat(one, str(key)) for one in value]}


def _grid(caption: str, corner: str, rows: list[tuple[str, Any]]) -> View:
    """A table of mappings; a column that holds words is set to the left."""
    columns = list(dict.fromkeys(str(key) for _, one in rows for key in one))
    worded = {c for c in columns if any(isinstance(one.get(c), str | list | tuple) for _, one in rows)}
    return {
        "caption": caption,
        "kind": "table",
        "corner": corner,
        "columns": [(words.humanise(c), c in worded) for c in columns],
        "rows": [(name, [(_flat(one.get(c), c), c in worded) for c in columns]) for name, one in rows],
    }


def _mapping(value: object) -> bool:
    return isinstance(value, Mapping) and len(value) > 0


def _nested(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _flat(value: object, key: str = "") -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{words.humanise(str(k))} {_flat(v, str(k))}" for k, v in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_flat(one, key) for one in value) or "–"
    return words.scalar(value, key)


def people(report: Mapping[str, Any], album: Album) -> list[View]:
    chosen, encoders = str(report.get("chosen") or "the model"), report.get("encoders") or {}
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
                        "tiles": [_tile(item, album, encoders) for item in items[:TILES]],
                        "more": max(0, len(items) - TILES),
                        "empty": empty,
                    }
                    for kind, label, items, empty in strips
                ],
            }
        )
    return shown


def _tile(item: Mapping[str, Any], album: Album, encoders: Mapping[str, Any]) -> View:
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
        **_because(item.get("because") or {}, encoders),
    }


def _because(why: Mapping[str, Any], encoders: Mapping[str, Any]) -> View:
    """The strongest reason in words, and the threads of the score as parts of its positive shares."""
    shares: dict[str, float] = {}
    for sense, share in (why.get("senses") or {}).items():
        thread = words.thread_of(str(sense), encoders)
        shares[thread] = shares.get(thread, 0.0) + max(float(share), 0.0)
    total = sum(shares.values())
    if not total:
        return {"because": "", "threads": []}
    ordered = [(thread, 100 * shares[thread] / total) for thread in words.THREADS if shares.get(thread, 0) > 0]
    told = ", ".join(f"{words.THREAD_WORDS[thread]} {share:.0f} %" for thread, share in ordered)
    return {"because": f"because of {why.get('title') or why.get('item')}: {told}", "threads": ordered}


def settings(known: Facts) -> View | None:
    models = []
    for model in known.models:
        seconds = model.raw.get("seconds") or {}
        models.append(
            {
                "name": model.name,
                "strong": model is known.chosen,
                "role": role(model, known),
                "settings": _flat({**(model.raw.get("settings") or {}), **_heard(model.raw)}),
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


def _heard(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """How loud a model heard what people say and are, where it could."""
    return {"hear": model["hear"]} if model.get("hear") else {}


def searches(known: Facts) -> list[View]:
    """The trials of each search, what validation liked best first; a page's worth of each."""
    told = known.report.get("search") or {}
    parts = [(str(name), rows) for name, rows in (told.get("models") or {}).items()]
    parts += [
        (f"{name}, predicted ratings", rows) for name, rows in ((told.get("ratings") or {}).get("models") or {}).items()
    ]
    out = []
    for name, rows in parts:
        if len(rows) < 2:
            continue
        several = any(row.get("of") for row in rows)
        ordered = sorted(
            enumerate(rows, 1), key=lambda one: (str(one[1].get("of")), -(number(one[1].get("value")) or 0))
        )
        shown = [
            {
                "at": at,
                "of": str(row.get("of") or "itself"),
                "settings": _flat(row.get("settings") or {}),
                "value": f"{value:.4f}" if (value := number(row.get("value"))) is not None else "–",
                "seconds": words.duration(s) if (s := number(row.get("seconds"))) is not None else "–",
                "pruned": bool(row.get("pruned")),
            }
            for at, row in ordered[:SHOWN_TRIALS]
        ]
        out.append(
            {"name": name, "count": len(rows), "several": several, "rows": shown, "more": len(rows) - len(shown)}
        )
    return out


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
        note = "Measured once, on this machine, so without an interval."
        if any(told for _, _, told in rows):
            note += " Beside the seconds stands the memory in use."
        if peak is not None:
            note += f" At most {words.size(peak)} were in use."
        plot = figure(lambda width: plots.bars(title, rows, words.duration, width), title, note)
    return {"plot": plot, "peak": words.size(peak) if peak is not None else "", "versions": versions}
