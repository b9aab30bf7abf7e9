"""Finds parts by kind and name, lists them without importing them, binds settings, suggests spellings.

The tree is the registry. A part `rp3beta` of the kind `models` is the file `models/rp3beta.py` of any package that
declares itself under the entry point group `gobelin.parts`; Gobelin declares itself there too. The class in that file
whose name is the file's name without underscores, whatever the case (`biased_mf` -> `BiasedMf`), is the part: its
keyword arguments are its settings, the first line of its docstring is its line in lists. Files whose name begins
with an underscore are no parts. A part that wants packages of extras says so:
`needs: ClassVar[tuple[str, ...]] = ("media",)`; one that reads packaged weights: `weights: ClassVar[str] = "minilm"`.
"""

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from gobelin.errors import MissingExtra, RecipeError, UnknownName, nearest

KINDS = {
    "encoders": "content to vectors",
    "readers": "content to readings: attributes that people can read",
    "fusion": "several senses to one vector",
    "estimators": "vectors to classes, labels or numbers",
    "models": "recommenders",
    "importers": "data in another format to a dataset folder",
    "weights": "pretrained weights that `gobelin models get` brings",
}

EXTRAS = {
    "media": ("av", "soundfile", "soxr"),
    "speech": ("av", "soundfile", "soxr", "faster_whisper"),
    "deep": ("torch", "transformers"),
    "text": ("tokenizers",),
    "language": ("textblob",),
    "rank": ("lightgbm",),
    "tune": ("optuna",),
}
"""The packages by which an extra is known to be installed."""


@dataclass(frozen=True)
class Grid:
    """Marks a setting as tuned: `Annotated[float, Grid(1, 3, 10)]`. The setting's default is where a search starts.

    values: the grid in order, so that a search can step to a neighbour. On a setting that is a mapping from senses
    to values, each sense of the feature table becomes a knob of its own. stage: "warm" knobs are judged on items with
    events, "cold" ones afterwards on items without any, where the split holds such items out.
    """

    values: tuple[Any, ...]
    stage: Literal["warm", "cold"] = "warm"

    def __init__(self, *values: Any, stage: Literal["warm", "cold"] = "warm") -> None:
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "stage", stage)


@dataclass(frozen=True)
class Knob:
    """One thing that a search may turn: a setting, or one sense's entry of a setting."""

    setting: str
    values: tuple[Any, ...]
    sense: str | None = None
    stage: Literal["warm", "cold"] = "warm"

    @property
    def name(self) -> str:
        return self.setting if self.sense is None else f"{self.setting}.{self.sense}"


@dataclass(frozen=True)
class Part:
    """What a list shows of a part, read from its source without importing it."""

    kind: str
    name: str
    summary: str
    module: str
    class_name: str
    settings: Mapping[str, str]  # name -> "type = default" as written
    needs: tuple[str, ...] = ()  # the extras without which it cannot be made
    weights: str | None = None  # the part of kind `weights` without which it can do nothing
    methods: frozenset[str] = frozenset()  # the public ones: what it can do beside its kind, known without importing it

    def load(self) -> type:
        """The class itself. Raises MissingExtra where its file imports a package of an extra that is not installed."""
        try:
            return getattr(importlib.import_module(self.module), self.class_name)
        except ModuleNotFoundError:
            need(self.needs, f"The part {self.name!r}")
            raise


@functools.cache
def catalogue() -> Mapping[tuple[str, str], Part]:
    """Every part of every declared package, by (kind, name)."""
    found: dict[tuple[str, str], Part] = {}
    for package, root in _roots():
        for kind in KINDS:
            for file in sorted((root / kind).glob("[!_]*.py")):
                part = _read(kind, f"{package}.{kind}.{file.stem}", file)
                if part is not None:
                    found.setdefault((kind, part.name), part)
    return found


def named(kind: str) -> list[Part]:
    """The parts of a kind, by name; UnknownName with the nearest spelling where the kind does not exist."""
    if kind not in KINDS:
        raise UnknownName(
            f"There is no kind of part {kind!r}.{nearest(kind, KINDS)}",
            "one of " + ", ".join(KINDS) + ".",
            "run `gobelin parts` to see every part.",
        )
    return [part for (its_kind, _), part in sorted(catalogue().items()) if its_kind == kind]


def find(kind: str, name: str) -> Part:
    part = catalogue().get((kind, name))
    if part is None:
        names = [p.name for p in named(kind)]
        raise UnknownName(
            f"There is no part {name!r} among the {kind}.{nearest(name, names)}",
            "one of " + ", ".join(names) + ".",
            f"run `gobelin parts {kind}` to see them with their settings.",
        )
    return part


def bind(kind: str, name: str, settings: Mapping[str, Any]) -> Any:
    """The part made with these settings, each checked against its annotation; all mistakes are told together."""
    check_extra(kind, name)
    return make(find(kind, name).load(), settings, where=f"{kind}.{name}")


def check_extra(kind: str, name: str) -> None:
    """Raises MissingExtra where the part wants extras that are not installed: all of them are told together."""
    need(find(kind, name).needs, f"The part {name!r}")


def installed(part: Part) -> bool:
    """Whether every extra that it wants is there."""
    return all(importlib.util.find_spec(one) is not None for extra in part.needs for one in EXTRAS[extra])


def need(extras: str | tuple[str, ...], what: str) -> None:
    """Raises MissingExtra, which names the pip command, where a package of the extra, or of several, is not installed.

    what: begins the message, "Reading sounds".
    """
    several = (extras,) if isinstance(extras, str) else extras
    lacks = {extra: [one for one in EXTRAS[extra] if importlib.util.find_spec(one) is None] for extra in several}
    absent = [package for packages in lacks.values() for package in packages]
    if absent:
        wanted = [extra for extra, packages in lacks.items() if packages]
        raise MissingExtra(
            f"{what} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed.",
            f"the extra{'s' if len(wanted) > 1 else ''} {' and '.join(map(repr, wanted))}.",
            f"pip install 'gobelin[{','.join(wanted)}]'",
        )


def make(cls: Any, settings: Mapping[str, Any], where: str) -> Any:
    return cls(**checked(cls, settings, where))


def checked(cls: Any, settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings as the class takes them. `where`: how messages name the part."""
    hints = get_type_hints(cls.__init__, include_extras=True)
    known = list(inspect.signature(cls).parameters)
    mistakes, bound = [], {}
    for key, value in settings.items():
        if key not in known:
            mistakes.append(f"{where} has no setting {key!r}.{nearest(key, known)}")
            continue
        try:
            bound[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as wrong:
            told = "; ".join(e["msg"] for e in wrong.errors())
            mistakes.append(f"{where}.{key} = {value!r}: {told}.")
    if mistakes:
        raise RecipeError(
            " ".join(mistakes),
            f"settings of {where}: " + (", ".join(known) or "none") + ".",
            "correct the recipe or --set; `gobelin parts` shows types and defaults.",
        )
    return bound


def settings_of(part: Any) -> dict[str, Any]:
    """Every setting of a made part, resolved, as the recipe of the run states it."""
    out = {}
    for name in inspect.signature(type(part)).parameters:
        value = getattr(part, name)
        out[name] = dict(value) if isinstance(value, Mapping) else value
    return out


def knobs(cls: Any, senses: Sequence[str]) -> list[Knob]:
    """What a search may turn, in the order in which the class states its settings (most important first)."""
    found = []
    for name, hint in get_type_hints(cls.__init__, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        base, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, Grid):
                if get_origin(base) in (dict, Mapping):
                    found += [Knob(name, mark.values, sense, mark.stage) for sense in senses]
                else:
                    found.append(Knob(name, mark.values, None, mark.stage))
    return found


def _roots() -> Iterator[tuple[str, Path]]:
    """(package, its folder) of Gobelin and of every installed package that declares parts; none is imported."""
    packages = {"gobelin"} | {e.value for e in importlib.metadata.entry_points(group="gobelin.parts")}
    for package in sorted(packages, key=lambda p: (p != "gobelin", p)):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield package, Path(folder)


def _read(kind: str, module: str, file: Path) -> Part | None:
    wanted = file.stem.replace("_", "").lower()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name.lower() == wanted:
            doc = ast.get_docstring(node) or ""
            return Part(
                kind, file.stem, doc.split("\n")[0], module, node.name, dict(_settings(node)),
                _constants(node, "needs"), next(iter(_constants(node, "weights")), None), _methods(node),
            )  # fmt: skip
    return None


def _methods(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(one.name for one in node.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"))


def _constants(node: ast.ClassDef, name: str) -> tuple[str, ...]:
    """The text, or the tuple of texts, that a class gives that name."""
    for line in node.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.Constant(value=str(told))) if found == name:
                return (told,)
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.Tuple(elts=several)) if found == name:
                return tuple(str(one.value) for one in several if isinstance(one, ast.Constant))
    return ()


def _settings(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Annotated fields of a dataclass, as written, less those that are no argument (`field(init=False)`, ClassVar)."""
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            kind, default = ast.unparse(line.annotation), ast.unparse(line.value) if line.value else None
            if kind.startswith("ClassVar") or (default and "init=False" in default) or line.target.id.startswith("_"):
                continue
            yield line.target.id, kind if default is None else f"{kind} = {default}"
