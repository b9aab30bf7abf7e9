"""A recipe: which parts, with which settings, searched how. TOML in, one checked value out.

Presets lie in `recipes/*.toml`; the first line of each is the command that runs it. The name of any model part is a
recipe too: the default one with that model in the place of `weave`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gobelin import parts
from gobelin.data.cleaning import CleaningRules
from gobelin.data.split import Mask
from gobelin.errors import RecipeError, UnknownName, nearest
from gobelin.features.standardise import steps_of

DEFAULT = "weave"
EACH_SENSE = "each_sense"  # of a baseline: also one model for each sense alone
HUGGING = "hf:"  # part = "hf:NAME", for a sense whose name begins with one of these, is hf_SENSE with model = NAME
_HUGGING_SENSES = ("text", "image", "audio")


class PartSpec(BaseModel):
    """A part by name; every other key is a setting of that part.

    optional: of an encoder: without its extra or weights, or those of an encoder inside it, the run goes on without the
    sense, and says so.
    standardise: of an encoder: what becomes of its vectors, as `features.standardise` has it ("scale", "pca:64").
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    part: str
    optional: bool = False
    standardise: tuple[str, ...] = ()

    @field_validator("standardise")
    @classmethod
    def _steps(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        steps_of(value)
        return value

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSpec(_Table):
    """kind: "auto" is time with timestamps, random without. core: smallest number of positives (random, cold-items).

    mask: what a list of the test may not show, beside which figures can stand: RecBole masks train and validation,
    MMRec train alone.
    """

    kind: Literal["auto", "time", "random", "leave-last", "cold-items", "given", "none"] = "auto"
    core: int = Field(default=5, ge=1)
    mask: Mask = "train+validation"


Method = Literal["walk", "optuna"]


class TuneSpec(_Table):
    """How every model is searched: the same number of fits and the same seconds for each.

    method: "walk", from the defaults along one knob after the other, or "optuna" (the extra `tune`), which draws by
    what it has seen and cuts hopeless trainings short.

    In `cold-items`, a model with settings that concern new items alone spends a quarter of them on known items.

    metric: what validation judges by. most_items: a larger catalogue is searched on its most frequent items.
    """

    method: Method = "walk"
    metric: str = "recall+ndcg@20"
    trials: int = Field(default=100, ge=1)
    seconds: float = Field(default=300, gt=0)
    most_items: int = Field(default=4_000, ge=50)

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        names, _, k = value.partition("@")
        if not k.isdigit() or not set(names.split("+")) <= {"recall", "ndcg", "mrr", "hit_rate", "precision"}:
            raise ValueError(
                'a metric such as "recall@20", "ndcg@10" or the geometric mean of several, "recall+ndcg@20", is needed'
            )
        return value


Loudness = Annotated[float, Field(ge=0)] | Literal["auto"]


class HearSpec(_Table):
    """How loud it is in a history what people say and who they are (`gobelin.cues`), 1 being a purchase; 0: unheard.

    "auto": each model's search says, from unheard on. searches, reviews: their words; a review by how well it speaks,
    from nothing to this. traits: of the users table. most: cues of a kind, those of the most people.
    """

    searches: Loudness = "auto"
    reviews: Loudness = "auto"
    traits: Loudness = "auto"
    most: int = Field(default=1_000, ge=0)

    def by_kind(self) -> dict[str, Loudness]:
        """By the kind of event that a cue is."""
        return {"search": self.searches, "review": self.reviews, "trait": self.traits}

    def at(self, loudness: Mapping[str, float]) -> "HearSpec":
        """With the loudness of each kind of event as said, 0 where it is not."""
        search, review, trait = (loudness.get(kind, 0.0) for kind in self.by_kind())
        return HearSpec(searches=search, reviews=review, traits=trait, most=self.most)


class ReportSpec(_Table):
    """people: sample people shown. resamples: of the bootstrap behind every interval."""

    people: int = Field(default=6, ge=0)
    resamples: int = Field(default=1_000, ge=100)


class Recipe(_Table):
    """The whole of a run that is not the data.

    ablations: the chosen model also with fewer senses, each searched; or only those named ("log", "text").
    transcripts: the reader (`speech`) that writes down what is said in sounds and clips; its words join the column
    `text` before any encoder reads it.
    """

    name: str = DEFAULT
    encoders: Mapping[str, PartSpec]
    model: PartSpec
    baselines: Mapping[str, PartSpec] = Field(default_factory=dict)
    ablations: bool | tuple[str, ...] = True
    split: SplitSpec = SplitSpec()
    tune: TuneSpec = TuneSpec()
    clean: CleaningRules = CleaningRules()
    hear: HearSpec = HearSpec()
    transcripts: PartSpec | None = None
    report: ReportSpec = ReportSpec()

    @field_validator("encoders", mode="before")
    @classmethod
    def _models_by_name(cls, encoders: Any) -> Any:
        if not isinstance(encoders, Mapping):
            return encoders
        return {sense: _by_name(str(sense), spec) for sense, spec in encoders.items()}

    @model_validator(mode="after")
    def _parts_can_be_made(self) -> Self:
        """A misspelt setting is told now, not after the encoding, and a baseline's is no reason to leave it out."""
        if self.tune.method == "optuna":
            parts.need("tune", "A search by Optuna")
        named = {("encoders", f"encoders.{sense}"): spec for sense, spec in self.encoders.items()}
        named |= {("models", "model"): self.model}
        named |= {("models", f"baselines.{name}"): spec for name, spec in self.baselines.items()}
        named |= {("readers", "transcripts"): self.transcripts} if self.transcripts is not None else {}
        for (kind, where), spec in named.items():
            if spec.standardise and kind != "encoders":
                raise RecipeError(
                    f"{where} has no setting 'standardise'.", "vectors to standardise.", "say it of an encoder."
                )
            settings = {name: value for name, value in spec.settings.items() if name != EACH_SENSE}
            parts.checked(parts.find(kind, spec.part).load(), settings, where)
        return self

    def with_split(self, kind: str) -> "Recipe":
        return _checked({**self.model_dump(), "split": {**self.split.model_dump(), "kind": kind}})

    def with_budget(self, seconds: float) -> "Recipe":
        return _checked({**self.model_dump(), "tune": {**self.tune.model_dump(), "seconds": seconds}})

    def as_toml(self) -> str:
        return tomli_w.dumps(_without_none(self.model_dump(mode="json")))


def _by_name(sense: str, spec: Any) -> Any:
    """`part = "hf:NAME"` as the part and the model that it means."""
    told = spec.model_dump() if isinstance(spec, PartSpec) else spec
    part = told.get("part") if isinstance(told, Mapping) else None
    if not isinstance(part, str) or not part.startswith(HUGGING):
        return spec
    for kind in _HUGGING_SENSES:
        if sense.startswith(kind):
            return {**told, "part": f"hf_{kind}", "model": part.removeprefix(HUGGING)}
    raise RecipeError(
        f"The sense {sense!r} does not say what {part!r} reads.",
        "a name that begins with " + ", ".join(_HUGGING_SENSES) + ".",
        f"rename the sense, or set encoders.{sense}.part=hf_text and encoders.{sense}.model={part[3:]}.",
    )


def presets() -> list[str]:
    folder = resources.files("gobelin") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def summary(name: str) -> str:
    """The second line of a preset: what it is."""
    lines = (resources.files("gobelin") / "recipes" / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    return lines[1].removeprefix("#").strip()


def load(name: str | Path = DEFAULT, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """The recipe of that name or file, with `part.key=value` overrides; every mistake is one RecipeError."""
    table = _table(str(name))
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_parse(one) for one in overrides]
    for dotted, value in pairs:
        _put(table, dotted, value)
    return _checked(table)


def _table(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise RecipeError(f"There is no recipe file {name}.", "a TOML file.", "check the path.")
        table = _read(path.read_bytes(), name)
        table.setdefault("name", path.stem)
        return table
    folder = resources.files("gobelin") / "recipes"
    if name in presets():
        table = _read((folder / f"{name}.toml").read_bytes(), name)
        return {"name": name, **table}
    models = [part.name for part in parts.named("models")]
    if name in models:
        table = _read((folder / f"{DEFAULT}.toml").read_bytes(), DEFAULT)
        return {**table, "name": name, "model": {"part": name}}
    known = sorted({*presets(), *models})
    raise UnknownName(
        f"There is no recipe {name!r}.{nearest(name, known)}",
        "one of " + ", ".join(known) + ", or a .toml file.",
        "run `gobelin parts recipes` to see them.",
    )


def _read(raw: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise RecipeError(
            f"The recipe {name} is not TOML: {wrong}.", "a TOML file in UTF-8.", "correct that line."
        ) from wrong


def _parse(text: str) -> tuple[str, Any]:
    dotted, equals, value = text.partition("=")
    if not equals or not dotted.strip():
        raise RecipeError(f"--set {text!r} has no '='.", "part.key=value.", "e.g. --set model.regularisation=100.")
    try:
        return dotted.strip(), tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return dotted.strip(), value.strip()  # a bare word is text


def _put(table: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for step in path:
        below = table.setdefault(step, {})
        if not isinstance(below, dict):
            raise RecipeError(f"{dotted}: {step} is a value, not a table.", "part.key=value.", "see the recipe's keys.")
        table = below
    table[last] = value


def _checked(table: Mapping[str, Any]) -> Recipe:
    try:
        return Recipe.model_validate(table)
    except ValidationError as wrong:
        told = []
        for error in wrong.errors():
            where = ".".join(str(step) for step in error["loc"])
            if error["type"] == "extra_forbidden":
                told.append(f"there is no key {where!r}.{nearest(where.split('.')[-1], _keys())}")
            else:
                told.append(f"{where} = {error['input']!r}: {error['msg']}")
        raise RecipeError(
            "The recipe cannot be used: " + "; ".join(told) + ".",
            "the keys " + ", ".join(Recipe.model_fields) + ".",
            "correct the recipe or --set.",
        ) from wrong


def _keys() -> list[str]:
    tables = (SplitSpec, TuneSpec, HearSpec, ReportSpec, CleaningRules)
    return [*Recipe.model_fields, *(name for table in tables for name in table.model_fields)]


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value
