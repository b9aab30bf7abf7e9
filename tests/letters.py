"""Encoders for the tests of the runner: light to import, since worker processes import them too."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from gobelin.features import workers
from gobelin.protocols import Content
from gobelin.values import Block


@dataclass(kw_only=True)
class Letters:
    """(count of a, count of b, length) of each text; "broken" cannot be read, "gone" only just now."""

    modality: ClassVar[str] = "text"
    dim: ClassVar[int] = 3

    version: int = 1
    log: str = ""
    _asked: list[str] = field(default_factory=list, init=False, repr=False)

    def pieces(self, content: Content) -> Sequence[str]:
        return tuple(str(text) for text in content.fields.get("title", ()))

    def fingerprint(self) -> str:
        return f"letters {self.version}"

    def encode(self, pieces: Sequence[str]) -> Block:
        self._asked.extend(pieces)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write("".join(f"{os.getpid()} {piece}\n" for piece in pieces))
        for piece in pieces:
            if piece == "killer":
                os._exit(9)
            if piece == "mistake":
                raise ZeroDivisionError("a mistake in the encoder")
        why = {"broken": "broken", "gone": "missing"}
        values = np.array([[p.count("a"), p.count("b"), len(p)] for p in pieces], dtype=np.float32).reshape(-1, 3)
        reasons = tuple(why.get(piece) for piece in pieces)
        return Block(values, np.array([reason is None for reason in reasons], dtype=bool), reasons)


@dataclass(kw_only=True)
class Stillborn(Letters):
    """Dies while a worker makes it."""

    def __post_init__(self) -> None:
        if "pytest" not in sys.modules:
            os._exit(3)


@dataclass(kw_only=True)
class Foreign(Letters):
    """Reads texts as files of strangers are read: apart, and not for long. "sleeper" never comes back,
    "hog" wants more memory than a worker may have."""

    isolated: ClassVar[bool] = True
    patience: ClassVar[float] = 0.5

    def encode(self, pieces: Sequence[str]) -> Block:
        for piece in pieces:
            if piece == "hog":
                np.empty(workers._room() + (256 << 20), dtype=np.uint8)  # untouched: without a limit it would be had
            if piece == "sleeper":
                if self.log:
                    with Path(self.log).open("a") as file:
                        file.write(f"{os.getpid()} {piece}\n")
                time.sleep(3600)
        return super().encode(pieces)
