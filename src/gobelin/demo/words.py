"""The words of the demo shop, read from `words.toml`: pairs of English and Chinese that say the same."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Bilingual = tuple[str, str]  # (English, Chinese)


@dataclass(frozen=True)
class Theme:
    """A story that products tell: heads of titles, sentences of descriptions, searches, ends of reviews."""

    key: str
    names: tuple[Bilingual, ...]
    stories: tuple[Bilingual, ...]
    uses: tuple[Bilingual, ...]
    queries: tuple[Bilingual, ...]
    remarks: tuple[Bilingual, ...]


@dataclass(frozen=True)
class Kind:
    """What a product is, whatever its theme and look."""

    key: str
    name: Bilingual
    category: str
    price: float
    craft: tuple[Bilingual, ...]


@dataclass(frozen=True)
class Words:
    """All of `words.toml`."""

    themes: tuple[Theme, ...]
    kinds: tuple[Kind, ...]
    notes: tuple[Bilingual, ...]
    brands: tuple[str, ...]
    care: tuple[str, ...]
    cities: tuple[str, ...]
    delighted: tuple[Bilingual, ...]
    content: tuple[Bilingual, ...]
    let_down: tuple[Bilingual, ...]


@cache
def words() -> Words:
    """The shop's words, read once."""
    table = tomllib.loads(files("gobelin.demo").joinpath("words.toml").read_text("utf-8"))
    return Words(
        themes=tuple(Theme(**_frozen(theme)) for theme in table["theme"]),
        kinds=tuple(Kind(**_frozen(kind)) for kind in table["kind"]),
        **_frozen(table["common"]),
    )


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists to tuples, two levels deep, so that the values can be shared."""

    def freeze(value: object) -> object:
        return tuple(freeze(part) for part in value) if isinstance(value, list) else value

    return {name: freeze(value) for name, value in fields.items()}
