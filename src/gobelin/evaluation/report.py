"""The evaluation as a page: `report.html` of a run, `compare.html` of several, `predict.html` of a prediction.

Each is one self-contained file.

    write_report(report, folder, pictures)      # the mapping that is written as report.json; a folder of pictures
    write_compare(report, folder)               # the mapping that is written as compare.json
    write_fusions(report, folder)               # the mapping that is written as fusions.json
    write_predict(report, folder)               # the mapping that is written as predict.json
    sentence(report)                            # what a manager would quote; the terminal prints it too

Every section but the sentence may be missing. Pictures are scaled down and written into the page, plots are inline SVG,
there is no script and no address to fetch from. Words come from `words` and `findings`, drawings from `plots`,
what templates need from `views` (measured), `context` (what stands around it), `seeds` (several runs) and `fused`.
"""

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gobelin.evaluation import context, fused, marks, predictions, seeds, views, words
from gobelin.evaluation.findings import facts, sentence
from gobelin.evaluation.pictures import Album, Pictures
from gobelin.evaluation.seeds import compare_sentence
from gobelin.files import replace_file

__all__ = [
    "compare_sentence", "render", "render_compare", "render_predict", "sentence", "write_compare", "write_fusions",
    "write_predict", "write_report",
]  # fmt: skip


def write_report(report: Mapping[str, Any], folder: Path, pictures: Pictures = None) -> Path:
    """Draws `report.html` into the folder, whole or not at all; returns its path."""
    return _publish(render(report, pictures), folder / "report.html")


def write_compare(report: Mapping[str, Any], folder: Path) -> Path:
    """Draws `compare.html` into the folder, whole or not at all; returns its path. See `render_compare`."""
    return _publish(render_compare(report), folder / "compare.html")


def write_fusions(report: Mapping[str, Any], folder: Path) -> Path:
    """Draws `fusions.html` into the folder, whole or not at all; returns its path. See `fused`."""
    page = (
        _templates()
        .get_template("fusions.html")
        .render(
            name=context.name(report),
            sentence=fused.fusions_sentence(report),
            **seeds.view(report),
            **fused.fusions_view(report),
        )
    )
    return _publish(page, folder / "fusions.html")


def write_predict(report: Mapping[str, Any], folder: Path) -> Path:
    """Draws `predict.html` into the folder, whole or not at all; returns its path. See `render_predict`."""
    return _publish(render_predict(report), folder / "predict.html")


def _publish(page: str, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, page.encode())
    return target


@functools.cache
def _templates() -> jinja2.Environment:
    folder = resources.files("gobelin") / "evaluation" / "templates"

    def load(name: str) -> str | None:
        entry = folder / name
        return entry.read_text(encoding="utf-8") if entry.is_file() else None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup(load("style.css") or "")
    environment.filters["close"] = lambda text: str(text).replace(" %", "\u202f%").replace(" ±", "\u00a0±")
    return environment


def render(report: Mapping[str, Any], pictures: Pictures = None) -> str:
    """The page of one run as text. `report` is what `report.json` holds; any of its keys may be missing:

    asked, dataset, health, encoders, split, models, chosen, best_on_validation, comparisons, slices, joint, ratings,
    people, settings, seconds, memory_mb, peak_memory_mb, versions; and `search`, what search.json holds. People's
    histories are oldest first, as everywhere (drawn newest first); an item of a person may have `attribute`, whose
    value colours the cloth that stands for a missing picture. pictures: the dataset's folder, or a function from an
    item's `image` to bytes.
    """
    known = facts(report)
    families = views.families(report)
    threads = ("behaviour", *known.chosen.threads) if known.chosen else ()
    return (
        _templates()
        .get_template("report.html")
        .render(
            name=context.name(report),
            sentence=sentence(report),
            threads=[(thread, words.THREAD_WORDS[thread]) for thread in threads],
            tapestry=views.tapestry(known),
            asked=context.asked(known),
            data=context.data(report),
            models=views.models(known),
            lists=views.lists(known),
            senses=views.senses(known),
            trends=[plot for family, rows in families if (plot := views.trend(known, family, rows))],
            learning=views.learning(known),
            joint=views.joint(known),
            ratings=views.ratings(report),
            slices=[table for family, rows in families if (table := views.slices(known, family, rows))],
            comparisons=views.comparisons(known),
            people=context.people(report, Album(pictures)),
            cloths=[marks.weave(kind) for kind in range(marks.WEAVES)],
            settings=context.settings(known),
            searches=context.searches(known),
            cost=context.cost(report),
            reading=views.reading(known),
        )
    )


def render_compare(report: Mapping[str, Any]) -> str:
    """The page of `gobelin compare` as text; `seeds` says what the mapping holds."""
    return (
        _templates()
        .get_template("compare.html")
        .render(name=context.name(report), sentence=compare_sentence(report), **seeds.view(report))
    )


def render_predict(report: Mapping[str, Any]) -> str:
    """The page of `gobelin predict` as text; `predictions` says what the mapping holds."""
    return (
        _templates()
        .get_template("predict.html")
        .render(name=context.name(report), sentence=predictions.sentence(report), **predictions.view(report))
    )
