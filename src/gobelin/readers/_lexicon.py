"""The words of `words.toml`: colours, materials, and how people speak of what they like."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Entry:
    """english, chinese: words that mean it; the first English one is its name. looks: sRGB examples, for a colour."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]
    looks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.english[0]


@dataclass(frozen=True)
class Lexicon:
    """sentiment, made_of: lists by name, as they stand in the file."""

    colours: tuple[Entry, ...]
    materials: tuple[Entry, ...]
    sentiment: dict[str, tuple[str, ...]]
    made_of: dict[str, tuple[str, ...]]


@cache
def lexicon() -> Lexicon:
    """Read once."""
    table = tomllib.loads(files("gobelin.readers").joinpath("words.toml").read_text("utf-8"))
    return Lexicon(
        colours=tuple(Entry(**_frozen(entry)) for entry in table["colour"]),
        materials=tuple(Entry(**_frozen(entry)) for entry in table["material"]),
        sentiment=_frozen(table["sentiment"]),
        made_of=_frozen(table["made_of"]),
    )


def _frozen(lists: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in lists.items()}
