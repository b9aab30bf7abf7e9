"""What items say, show and sound like: raw content by item, with its languages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gobelin.protocols import Content
from gobelin.values import Features, Vocabulary

TEXT_FIELDS = ("title", "text")
MEDIA_FIELDS = ("image", "audio", "video")

LONGEST_TITLE = 200  # characters that are printed of one

_CODES = (
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn "
    "ko ky lo lt lv mk ml mn mr ms mt my ne nl no pa pl ps pt ro ru rw sd si sk sl so sq sr sv sw ta te tg th tl tr uk "
    "ur uz vi yi zh zu"
)
LANGUAGES = frozenset(_CODES.split())
"""Language suffixes that are recognised (ISO 639-1): `title_zh` is the field `title` in Chinese."""

_WORDS = frozenset({"am", "be", "he", "id", "is", "it", "my", "no", "so"})  # `brand_id` is no Indonesian brand


def language_of(column: str, columns: Iterable[str]) -> tuple[str, str | None]:
    """(field, language) of a column.

    A suffix counts on title, text, categories and media; on any other column only where the plain column stands
    beside it and the suffix is no common English word or abbreviation.
    """
    name, _, suffix = column.rpartition("_")
    if suffix not in LANGUAGES or not name:
        return column, None
    if name in (*TEXT_FIELDS, *MEDIA_FIELDS, "categories") or (name in columns and suffix not in _WORDS):
        return name, suffix
    return column, None


@dataclass(frozen=True)
class Catalogue:
    """The items table.

    columns: raw text by column name as in the file (after mapping), trimmed, None where empty; `item_id` and ignored
    columns are not there; media columns hold only paths that were found inside `root`.
    root: where media paths start; None where there are no media. vectors: the user's own, by name.
    group: the variant group of each item; None where dataset.toml names no column for it.
    """

    items: Vocabulary
    columns: Mapping[str, Sequence[str | None]]
    root: Path | None = None
    vectors: Mapping[str, Features] = field(default_factory=dict)
    group: Sequence[str | None] | None = None

    def __post_init__(self) -> None:
        for name, values in self.columns.items():
            if len(values) != len(self.items):
                raise ValueError(f"{name} has {len(values)} values for {len(self.items)} items")
        if self.group is not None and len(self.group) != len(self.items):
            raise ValueError(f"{len(self.group)} groups for {len(self.items)} items")

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def fields(self) -> Mapping[str, list[tuple[str, str | None]]]:
        """field -> [(column, language)], the plain column first."""
        found: dict[str, list[tuple[str, str | None]]] = {}
        for column in self.columns:
            name, language = language_of(column, self.columns)
            found.setdefault(name, []).append((column, language))
        return {name: sorted(columns, key=lambda one: one[1] is not None) for name, columns in found.items()}

    def field(self, name: str) -> list[tuple[str, str | None]]:
        """[(column, language)] of a field, the plain column first; empty where there is none."""
        return self.fields.get(name, [])

    def content(self, row: int) -> Content:
        """Everything that one item holds; media as absolute paths, the rest as raw text, one for each language."""
        fields: dict[str, tuple[str, ...] | tuple[Path, ...]] = {}
        languages: dict[str, tuple[str | None, ...]] = {}
        for name, columns in self.fields.items():
            kept = [(lang, value) for column, lang in columns if (value := self.columns[column][row]) is not None]
            values = [value for _, value in kept]
            if not values:
                continue
            languages[name] = tuple(lang for lang, _ in kept)
            if name not in MEDIA_FIELDS:
                fields[name] = tuple(values)
            elif self.root is not None:
                fields[name] = tuple(self.root / path for value in values for path in value.split("|"))
        return Content(self.items[row], fields, languages)

    def contents(self, rows: Iterable[int] | None = None) -> Iterator[Content]:
        """Streams the content of some items, of all where rows is None."""
        for row in range(len(self.items)) if rows is None else rows:
            yield self.content(int(row))

    def categories(self) -> list[tuple[str, ...]]:
        """Categories of each item: the plain column, else the first language's; () where it has none."""
        columns = self.field("categories")
        if not columns:
            return [()] * len(self.items)
        values = self.columns[columns[0][0]]
        return [tuple(p for one in v.split("|") if (p := one.strip())) if v else () for v in values]

    def titles(self) -> list[str]:
        """A title of each item for printing, on one line: the plain column, else a language's, else the item's id."""
        columns = [self.columns[column] for column, _ in self.field("title")]
        titles = (next((t for c in columns if (t := c[row])), item) for row, item in enumerate(self.items))
        return [" ".join(title[: 2 * LONGEST_TITLE].split())[:LONGEST_TITLE] for title in titles]
