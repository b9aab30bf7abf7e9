"""Fused: all senses made one by a fusion, read by another recommender."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge
from pydantic import AfterValidator

from gobelin import parts
from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import RecipeError
from gobelin.fitted import remade, state_of
from gobelin.models._members import checked, split
from gobelin.models._sparse import scaled
from gobelin.models._spectrum import right_vectors
from gobelin.parts import Grid
from gobelin.protocols import Fusion, Monitor, Recommender, State
from gobelin.values import Features, FeatureTable, Queries, Target, Train, Vocabulary, Wish

NAME = "fused"


def _fusion_checked(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Raises RecipeError where it names no fusion, or a setting that the fusion does not take."""
    if not isinstance(spec.get("part"), str):
        raise RecipeError("`fusion` names no part.", 'part = "NAME".', "see `gobelin parts fusion`.")
    _hears_all("fusion", spec)
    part, settings = split(spec)
    parts.checked(parts.find("fusion", part).load(), settings, f"fusion.{part}")
    return dict(spec)


def _model_checked(spec: Mapping[str, Any]) -> dict[str, Any]:
    _hears_all("model", spec)
    return checked({"model": spec})["model"]


def _hears_all(which: str, spec: Mapping[str, Any]) -> None:
    """A member of an ensemble may hear some senses alone; here `reads` says what is fused."""
    if "senses" in spec:
        raise RecipeError(f"`{which}` names senses.", "`reads`, which says what is fused.", "e.g. reads.image = false.")


@dataclass(frozen=True)
class _Made:
    """What a fit made of the senses, for another that wants the same. train: given; read: what the inner model read."""

    train: Train
    key: str
    fusion: Fusion | None
    read: Train


@dataclass(kw_only=True)
class Fused:
    """The senses of an item become one by a fusion, and another recommender reads that one beside the log.

    fusion: {part = "gated", ...}, fitted on the items with events (on all where there are none), then applied to all,
    new ones too. A fusion that reads a target is given what the log says of those items: the `factors` leading right
    singular vectors of the log, each entry over the roots of its user's and its item's events; aim "senses": no target.
    model: {part = "weave", ...}: what it does with the one sense "fused", and with items without events, is its own.

    reads: by sense whether it is fused (not named: True); with none left, or where no item with events has any, the
    model has the log alone. loudness: of the fused sense, in units of what the model itself takes for a sense, where it
    has a `weight` or `weights` and `model` does not name "fused" there. These are what a search turns; settings of the
    two parts stay as given, for as members of their own they would be searched with other senses than they then read.

    A wish in vectors of the senses is fused too. Cost: the fusion's and the model's. Relations: `weave` itself hears
    every sense with a weight and a kernel of its own, and so a sense that this one has to hear through the others.
    """

    fusion: Annotated[Mapping[str, Any], AfterValidator(_fusion_checked)] = field(
        default_factory=lambda: {"part": "concatenation"}
    )
    model: Annotated[Mapping[str, Any], AfterValidator(_model_checked)] = field(
        default_factory=lambda: {"part": "weave"}
    )
    loudness: Annotated[float, Ge(0), Grid(0, 0.1, 0.3, 1, 3, 10, 30)] = 1.0
    aim: Annotated[Literal["log", "senses"], Grid("log", "senses")] = "log"
    factors: Annotated[int, Ge(1), Grid(16, 32, 64, 128)] = 64
    reads: Annotated[Mapping[str, bool], Grid(True, False)] = field(default_factory=dict)
    _fusion: Fusion | None = field(default=None, init=False, repr=False, compare=False)
    _model: Recommender = field(init=False, repr=False, compare=False)
    _made: _Made | None = field(default=None, init=False, repr=False, compare=False)
    _lent: "Fused | None" = field(default=None, init=False, repr=False, compare=False)

    def default(self, setting: str) -> Any:
        """Of a sense that the settings do not name."""
        return True

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """The same model said in the simplest way: what changes nothing on this data is left at its first value."""
        said = dict(settings)
        said["reads"] = {name: said.get("reads", {}).get(name, True) for name in train.table}
        if said["aim"] == "senses" or not any(said["reads"].values()):
            said |= {"aim": "senses", "factors": 16}
        if not any(said["reads"].values()):
            said["loudness"] = 0
        return said

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        fusing, reading = rng.spawn(2)
        lent, self._lent = self._lent, None
        heard = tuple(name for name in sorted(train.table) if self.reads.get(name, True))
        key = repr((dict(self.fusion), heard, self.aim, self.factors))
        model: Any = self._inner()
        if lent is not None and lent._made is not None and lent._made.train is train and lent._made.key == key:
            self._made = lent._made
            if type(lent._model) is type(model) and hasattr(model, "reuse"):
                model.reuse(lent._model)
        else:
            self._made = self._fuse(train, heard, key, fusing)
        self._fusion = self._made.fusion
        self._model = model.fit(self._made.read, reading, monitor)
        return self

    def reuse(self, other: "Fused") -> None:
        """Take over what another one has made of the same senses and log (a search tries many settings)."""
        self._lent = other

    def _inner(self) -> Recommender:
        """The model, told how loud the fused sense is."""
        part, settings = split(self.model)
        plain = parts.bind("models", part, settings)
        for setting in ("weight", "weights"):
            given = getattr(plain, setting, None)
            if isinstance(given, Mapping) and NAME not in given:
                own = plain.default(setting) if hasattr(plain, "default") else 1.0
                settings = {**settings, setting: {**given, NAME: self.loudness * own}}
        model: Recommender = parts.bind("models", part, settings)
        return model

    def _fuse(self, train: Train, heard: tuple[str, ...], key: str, rng: np.random.Generator) -> _Made:
        table = train.table.only(*heard)
        met = train.counts() > 0
        learn = met if met.any() else ~met
        if not (learn & ~table.bare()).any():
            return _Made(train, key, None, replace(train, table=FeatureTable(train.items, {})))
        target = _of_log(train, self.factors, rng) if self.aim == "log" else None
        fusion: Fusion = parts.bind("fusion", *split(self.fusion)).fit(table, learn, target, rng)
        read = replace(train, table=FeatureTable(train.items, {NAME: fusion.fuse(table)}))
        return _Made(train, key, fusion, read)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return self._model.score(self._wished(queries), candidates)

    def _wished(self, queries: Queries) -> Queries:
        """The wish's vectors fused like an item's; a wish that speaks of no sense stays as it is."""
        if queries.wish is None or self._fusion is None or not queries.wish.vectors:
            return queries
        ids, there = Vocabulary(["wish"]), np.ones(1, dtype=bool)
        said = {
            name: Features(name, name.split(".")[0], ids, np.asarray(vector, dtype=np.float32)[None], there)
            for name, vector in queries.wish.vectors.items()
            if self.reads.get(name, True)
        }
        one = self._fusion.fuse(FeatureTable(ids, said))
        vectors = {NAME: np.asarray(one.values)[0]} if one.present[0] else {}
        return replace(queries, wish=Wish(vectors, queries.wish.points))

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """What someone is shown who has that one item."""
        return self.score(Queries.of([[int(item)] for item in items]))

    def state(self) -> State:
        return state_of(
            self,
            fitted={
                "model": self._model.state(),
                "fusion": None if self._fusion is None else self._fusion.state(),
            },
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        made = remade(cls, state)
        model: Any = parts.find("models", split(made.model)[0]).load()
        made._model = model.from_state(state["fitted"]["model"])
        if state["fitted"]["fusion"] is not None:
            fusion: Any = parts.find("fusion", split(made.fusion)[0]).load()
            made._fusion = fusion.from_state(state["fitted"]["fusion"])
        return made


def _of_log(train: Train, factors: int, rng: np.random.Generator) -> Target | None:
    """What people did with each item that has events, as numbers; None where nobody did anything."""
    log = train.matrix()
    users, items = np.asarray(log.sum(axis=1)).ravel(), np.asarray(log.sum(axis=0)).ravel()
    rows, columns = (1 / np.sqrt(np.maximum(degree, 1e-12)) * (degree > 0) for degree in (users, items))
    vectors = right_vectors(scaled(log, rows=rows, columns=columns), factors, rng)
    if not vectors.shape[1]:
        return None
    names = tuple(f"direction {number}" for number in range(vectors.shape[1]))
    return Target("log", "numbers", names, vectors, items > 0)
