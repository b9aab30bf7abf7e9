"""Steps of augmentation, composed: each with a chance and settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Step:
    """One function of this package, done with a probability of `chance`. settings: its keyword arguments."""

    change: Callable[..., Any]
    chance: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"a chance lies between 0 and 1; {self.chance} was given")

    def __str__(self) -> str:
        told = [f"{name}={value!r}" for name, value in sorted(self.settings.items())]
        return f"{self.change.__module__.rpartition('.')[2]}.{self.change.__name__}({', '.join(told)}) {self.chance:g}"


@dataclass(frozen=True)
class Augmentation:
    """Steps done one after the other. `str()` tells all that changes a result: part of an encoder's fingerprint."""

    steps: tuple[Step, ...]

    def once(self, content: Any, rng: np.random.Generator) -> Any:
        """One augmented content; each step draws from a generator of its own, so that none shifts the next one's."""
        for step, own in zip(self.steps, rng.spawn(len(self.steps)), strict=True):
            if own.random() < step.chance:
                content = step.change(content, own, **step.settings)
        return content

    def many(self, content: Any, n: int, rng: np.random.Generator) -> list[Any]:
        """n augmented contents; the first ones are the same whatever n."""
        return [self.once(content, own) for own in rng.spawn(n)]

    def __str__(self) -> str:
        return "; ".join(map(str, self.steps))
