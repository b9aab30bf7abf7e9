"""The ablation that papers are made of: each sense alone, each pair, all of them, by every way to fuse them.

A cell is a set of senses and a method; the cells of one method stand in a row, and every cell is searched with the same
fits and seconds on the same split. Each is compared with the best of its senses alone (by validation) and with the
woven model of the same senses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from gobelin import parts, store
from gobelin.comparison import Whole, judged_by_recipe
from gobelin.contest.line_up import MEDIA
from gobelin.data.dataset import Dataset
from gobelin.errors import RecipeError, nearest
from gobelin.evaluation.report import write_fusions
from gobelin.experiment import Progress, resolved
from gobelin.recipe import PartSpec, Recipe

Level = Literal["log", "alone", "woven", "data", "feature", "decision"]

WOVEN = "weave"
DECISION: Mapping[str, Mapping[str, Any]] = {
    "blend": {"part": "blend", "weighing": "selected"},
    "stacking": {"part": "blend", "weighing": "learned"},
    "mean": {"part": "blend", "weighing": "equal"},
    "reciprocal rank": {"part": "rank_fusion", "rule": "reciprocal"},
    "Borda": {"part": "rank_fusion", "rule": "borda"},
    "soft vote": {"part": "rank_fusion", "rule": "soft vote"},
    "hard vote": {"part": "rank_fusion", "rule": "hard vote"},
}

RAW = {"text": "tokens", "image": "pixels", "audio": "log_mel", "video": "filmstrip"}
"""What the data level reads in the place of a modality's encoders: content as it is."""


@dataclass(frozen=True)
class Cell:
    """senses: modalities, in the order of the recipe; method: a fusion part, a rule of the decision level, or weave."""

    senses: tuple[str, ...]
    level: Level
    method: str

    @property
    def name(self) -> str:
        told = " + ".join(self.senses) or "log"
        return told if self.level in ("log", "alone") else f"{told}: {self.method}"


def fusions(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    recipe: str = WOVEN,
    senses: Sequence[str] = (),
    methods: Sequence[str] = (),
    trials: int = 12,
    split: str | None = None,
    seeds: int = 1,
    budget: float | None = None,
    settings: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Ranking by every cell; OUT/fusions.{json,html} hold it.

    senses: modalities to be fused, else all that the data set has; methods: else all that are installed. trials: fits
    of the search of each cell. Settings are searched on seed 0 and kept. What was judged before a process was killed is
    not judged again.
    """
    store.ready(Path(out), kind="fusions")
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    made = resolved(recipe, [f"tune.trials={trials}", *settings], split, budget)
    there = by_modality(made, data)
    asked = _chosen("senses", senses, list(there)) or list(there)
    if len(asked) < 2:
        raise RecipeError(
            f"{data.name} has {', '.join(asked) or 'no sense'}.", "two senses or more, to be fused.",
            "add pictures, texts or attributes to items.csv, or a recipe that reads what is there.",
        )  # fmt: skip
    known = _methods()
    told = _chosen("methods", methods, [WOVEN, *known]) or [WOVEN, *known]
    cells = {cell.name: cell for cell in line_up(asked, {name: known.get(name, "woven") for name in told})}
    with store.working(Path(out)) as work:
        result = judged_by_recipe(
            data, {name: _recipe(cell, made, there) for name, cell in cells.items()}, seeds=seeds, search_once=True,
            pairs=lambda whole: _pairs(cells, whole), workers=workers, progress=progress, command=command, work=work,
        )  # fmt: skip
        result["cells"] = {name: vars(cell) for name, cell in cells.items()}
        with store.publish(Path(out), kind="fusions") as folder:
            store.write_json(folder / "fusions.json", result)
            write_fusions(result, folder)
    return result


def line_up(senses: Sequence[str], methods: Mapping[str, Level]) -> list[Cell]:
    """The log, each sense alone, then each pair and all of them by every method."""
    sets = [*combinations(senses, 2), *([tuple(senses)] if len(senses) > 2 else [])]
    return [
        Cell((), "log", WOVEN),
        *(Cell((sense,), "alone", WOVEN) for sense in senses),
        *(Cell(some, level, method) for some in sets for method, level in methods.items()),
    ]


def by_modality(recipe: Recipe, data: Dataset) -> dict[str, tuple[str, ...]]:
    """The recipe's encoders of each modality that the catalogue has anything of."""
    fields = data.catalogue.fields
    out: dict[str, tuple[str, ...]] = {}
    for sense, spec in recipe.encoders.items():
        modality = str(getattr(parts.find("encoders", spec.part).load(), "modality", ""))
        if modality not in MEDIA or modality == "text" or modality in fields:
            out[modality] = (*out.get(modality, ()), sense)
    return out


def _methods() -> dict[str, Level]:
    """What is installed, by level."""
    out: dict[str, Level] = {}
    for part in parts.named("fusion"):
        if parts.installed(part):
            out[part.name] = getattr(part.load(), "level", "feature")
    return {**out, **dict.fromkeys(DECISION, "decision")}


def _recipe(cell: Cell, made: Recipe, there: Mapping[str, tuple[str, ...]]) -> Recipe:
    """The recipe that stands for a cell."""
    encoders = {sense: made.encoders[sense] for modality in cell.senses for sense in there[modality]}
    if cell.level == "data":
        raw = {modality: PartSpec(part=RAW[modality], optional=True) for modality in cell.senses if modality in RAW}
        encoders = {sense: spec for sense, spec in encoders.items() if not any(sense in there[m] for m in raw)} | raw
    inner = {"part": made.model.part, **made.model.settings}
    if cell.level in ("log", "alone", "woven"):
        model = made.model
    elif cell.level == "decision":
        members = {modality: {**inner, "senses": there[modality]} for modality in cell.senses}
        model = PartSpec(**DECISION[cell.method], members=members)
    else:
        model = PartSpec(part="fused", fusion={"part": cell.method}, model=inner)
    return made.model_copy(update={"name": cell.name, "encoders": encoders, "model": model})


def _pairs(cells: Mapping[str, Cell], whole: Whole) -> list[tuple[str, str]]:
    """Each cell of several senses beside the best of them alone, by validation, and beside the woven one."""
    valued = {name: whole[name][0].found.validation for name in cells}
    alone = {cell.senses[0]: name for name, cell in cells.items() if cell.level == "alone"}
    woven = {cell.senses: name for name, cell in cells.items() if cell.level == "woven"}
    out = []
    for name, cell in cells.items():
        if len(cell.senses) > 1:
            out.append((name, max((alone[sense] for sense in cell.senses), key=valued.__getitem__)))
            if cell.level != "woven" and cell.senses in woven:
                out.append((name, woven[cell.senses]))
    return out


def _chosen(what: str, asked: Sequence[str], there: Sequence[str]) -> list[str]:
    for name in asked:
        if name not in there:
            raise RecipeError(
                f"{what.capitalize()} {name!r}.{nearest(name, there)}", "one of " + ", ".join(there) + ".",
                f"correct --{what}.",
            )  # fmt: skip
    return [name for name in there if name in asked]
