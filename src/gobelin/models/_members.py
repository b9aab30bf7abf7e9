"""The members of an ensemble: other models by name, each with its part and settings, fitted and asked together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from gobelin import parts
from gobelin.arrays import Array, Float32, Int64
from gobelin.errors import RecipeError, UserError
from gobelin.protocols import Explains, Monitor, Recommender, State
from gobelin.values import Queries, Train


def checked(members: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Raises RecipeError where a member names no part, or a setting that its part does not take."""
    if not members:
        raise RecipeError("An ensemble without members.", "at least one.", 'say e.g. members.EASE = {part = "ease"}.')
    for name, spec in members.items():
        if not isinstance(spec.get("part"), str):
            raise RecipeError(f"The member {name!r} names no part.", 'part = "NAME".', "see `gobelin parts models`.")
        senses = spec.get("senses", [])
        if not isinstance(senses, list | tuple) or not all(isinstance(sense, str) for sense in senses):
            raise RecipeError(f"The member {name!r} hears {senses!r}.", "names of senses.", 'e.g. senses = ["image"].')
        part, settings = split(spec)
        parts.checked(parts.find("models", part).load(), settings, f"member {name!r}")
    return {name: dict(spec) for name, spec in members.items()}


MemberSpecs = Annotated[Mapping[str, Mapping[str, Any]], AfterValidator(checked)]
"""name -> {part = "ease", regularisation = 200}: a member's part, every other key a setting of that part.

senses = ["image"]: the senses that the member hears, of those that the ensemble hears; without it all of them.
"""


NO_SETTING = ("part", "senses")
"""What is said of a member that is no setting of its part."""


def split(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(part, settings) of a member."""
    return str(spec["part"]), {key: value for key, value in spec.items() if key not in NO_SETTING}


def heard(spec: Mapping[str, Any], train: Train) -> Train:
    """What a member is fitted on: the value itself where it hears every sense."""
    return train.only(*spec["senses"]) if "senses" in spec else train


def explaining(members: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every member takes its scores apart."""
    made = (parts.bind("models", *split(spec)) for spec in members.values())
    return all(isinstance(one, Explains) for one in made)


@dataclass(frozen=True)
class Members:
    """Fitted members, in the order of the settings. left_out: those that refused this train value, and why."""

    models: Mapping[str, Recommender]
    left_out: Mapping[str, str]

    @classmethod
    def fitted(
        cls,
        specs: Mapping[str, Mapping[str, Any]],
        train: Train,
        seeds: Int64[Array, " members"],
        monitor: Monitor | None = None,
        like: "Members | None" = None,
    ) -> "Members":
        """Each fitted on `train` with a generator of its own, so that leaving one out changes no other.

        A member that this train value cannot feed (it wants a sense, say) is left out; UserError where all are.
        like: members fitted on the same train value before, which may lend what they computed.
        """
        models: dict[str, Recommender] = {}
        left_out: dict[str, str] = {}
        for (name, spec), seed in zip(specs.items(), seeds.tolist(), strict=True):
            part, settings = split(spec)
            model: Any = parts.bind("models", part, settings)
            if like is not None and name in like.models and hasattr(model, "reuse"):
                model.reuse(like.models[name])
            try:
                models[name] = model.fit(heard(spec, train), np.random.default_rng(seed), monitor)
            except UserError as refusal:
                left_out[name], last = refusal.given, refusal
        if not models:
            raise last
        return cls(models, left_out)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.models)

    def only(self, *names: str) -> "Members":
        return Members({name: model for name, model in self.models.items() if name in names}, self.left_out)

    def scores(self, queries: Queries) -> Float32[Array, "members queries items"]:
        """Of all items, so that scales and places do not depend on which candidates are asked for."""
        return np.stack([np.asarray(model.score(queries), dtype=np.float32) for model in self.models.values()])

    def state(self) -> State:
        return {
            "models": {name: model.state() for name, model in self.models.items()},
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_state(cls, specs: Mapping[str, Mapping[str, Any]], state: Mapping[str, Any]) -> "Members":
        models = {}
        for name, one in state["models"].items():
            kind: Any = parts.find("models", split(specs[name])[0]).load()
            models[name] = kind.from_state(one)
        return cls(models, dict(state["left_out"]))
