"""How the terminal shows things: progress on stderr, tables and stories on stdout, JSON where it is asked for."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gobelin.errors import GobelinError

# What people wrote is shown as they wrote it: no markup, no emoji codes
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
if not out.is_terminal:
    out.width = 120  # a file or a pipe has no width of its own
err = Console(stderr=True, highlight=False, markup=False, emoji=False)

Tell = Callable[[str, int, int], None]


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar for each step with its rate and the time left; silent when stderr is no terminal."""
    if not err.is_terminal:
        yield lambda step, done, total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
    )  # fmt: skip
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}
        begun: dict[str, float] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                for old in tasks.values():
                    bars.update(old, visible=False)
                tasks[step] = bars.add_task(step, total=total or None, rate="")
                begun[step] = time.monotonic()
            seconds = time.monotonic() - begun[step]
            rate = f"{done / seconds:,.0f}/s" if done and seconds > 0.5 else ""
            bars.update(tasks[step], completed=done, total=total or None, rate=rate)

        yield tell


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def frame(rows: pd.DataFrame, *, json_wanted: bool, title: str | None = None) -> None:
    if json_wanted:
        as_json(json.loads(rows.to_json(orient="records", force_ascii=False)))
        return
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in rows.columns:
        shown.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(rows[name]) else "left")
    for row in rows.itertuples(index=False):
        shown.add_row(*(_cell(value) for value in row))
    out.print(shown)


def _cell(value: Any) -> str:
    """Numbers with four places; what is absent (NaN) as a dash."""
    if not isinstance(value, float):
        return str(value)
    return "-" if value != value else f"{value:.4f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None, numeric: int = 1) -> None:
    """A plain table; columns from `numeric` on are numbers, to the right."""
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for i, name in enumerate(columns):
        shown.add_column(name, justify="right" if i >= numeric else "left")
    for row in rows:
        shown.add_row(*(str(cell) for cell in row))
    out.print(shown)


def story(report: Mapping[str, Any], folder: str) -> None:
    """What a run did, one line a step; then the table of models."""
    data, split, seconds = report["dataset"], report["split"], report["seconds"]
    lines = [
        ("read", f"{data['users']:,} people, {data['items']:,} items, {data['events']:,} events"),
        ("check", f"{len(report['health'].get('advice', []))} pieces of advice, in the report"),
        *([("hear", _heard(report["cues"]))] if report.get("cues") else []),
        ("encode", _encoded(report["encoders"])),
        (
            "split",
            f"{split['kind']}, seed {split['seed']}: {split['train']:,} pairs to learn from, "
            f"{split['validation']:,} to choose by, {split['test']:,} to judge by; {split['items']:,} items",
        ),
        (
            "search",
            f"{sum(m.get('trials', 0) for m in report['models'].values()):,} fits of {len(report['models'])} models",
        ),
        ("final fit", "the chosen settings on all events"),
    ]
    for step, told in lines:
        if step in seconds:
            out.print(Text.assemble(f"{step:<10}{told}  ", (f"{seconds[step]:,.1f} s", "dim")))
    out.print()
    metrics = [m for m in ("recall@20", "ndcg@20") if any(m in x["metrics"] for x in report["models"].values())]
    rows = []
    for name, model in _ordered(report["models"]):
        figures = [_interval(model["metrics"].get(metric)) for metric in metrics]
        rows.append(
            [name + (" *" if name == report["chosen"] else ""), *figures, f"{sum(model['seconds'].values()):,.1f}"]
        )
    table(["model", *metrics, "seconds"], rows)
    for name, why in report.get("left_out", {}).items():
        out.print(f"left out: {name}: {why}", style="dim")
    out.print()


def complain(wrong: GobelinError, *, as_json: bool) -> None:
    """A GobelinError as three short lines on stderr, or as JSON on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(wrong.as_json(), ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"{wrong.given}\n  expected: {wrong.expected}\n  next:     {wrong.next_step}\n")


def _heard(cues: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {kind}" for kind, n in cues.items() if n) + " that people say or are"


def _encoded(encoders: Mapping[str, Any]) -> str:
    told = [
        f"{n} {e['present']:,} of {e['items']:,}" + (f" ({e['encoded']:,} new)" if e["encoded"] else "")
        for n, e in encoders.items()
    ]
    return "; ".join(told) or "no sense"


def _ordered(models: Mapping[str, Any]) -> list[tuple[str, Any]]:
    place = {"chosen": 0, "refit": 1, "ablation": 2, "baseline": 3}
    return sorted(
        models.items(), key=lambda m: (place[m[1]["role"]], -m[1]["metrics"].get("recall@20", {"value": 0})["value"])
    )


def _interval(figure: Mapping[str, float] | None) -> str:
    return "-" if figure is None else f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
