"""A fitted part to its state and back: its settings by name, and what it learned."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from gobelin.parts import settings_of
from gobelin.protocols import State

Made = TypeVar("Made")


def state_of(model: object, **learned: Any) -> State:
    return {**settings_of(model), **learned}


def remade(cls: type[Made], state: Mapping[str, Any]) -> Made:
    """The part with the settings of a state, nothing learned yet."""
    return cls(**{name: state[name] for name in inspect.signature(cls).parameters})


def ready(learned: Made | None) -> Made:
    """What a fit learned."""
    if learned is None:
        raise RuntimeError("fit comes before predict")
    return learned
