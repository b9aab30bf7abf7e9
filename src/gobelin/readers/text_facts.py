"""Attributes that titles and descriptions say."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar

from annotated_types import Ge

from gobelin.media.text import plain, words
from gobelin.protocols import Content
from gobelin.readers import _amounts
from gobelin.readers._lexicon import Entry, lexicon
from gobelin.readers._sentiment import opinions
from gobelin.values import Reading, surest

_RULES = "1"  # raised when a rule or a list changes
_HAN = re.compile(r"[\u3400-\u9fff]")
_SURE = {"title": 1.0}  # what a title names is the thing itself; other fields also speak of other things
_ELSEWHERE = 0.8


@dataclass(kw_only=True)
class TextFacts:
    """Brand, price, size, weight, material, colour, year and sentiment, by rules and word lists in English and Chinese.

    Confidence is the strength of the rule, not a measured probability: .95 a price with its sign, a year in brackets,
    a size that the text calls one, a material with its percentage; .85 the currency as a word; .8 a number with its
    unit; .75 a colour or a material that is named, .9 where the text says "made of"; .9 a brand; .6 a year after
    "since". Brand, material, colour and year outside the title count .8 of that. Sentiment: the share of its words that
    agree, less for few of them. Values are English words ("cotton" for 棉), numbers with a sign or unit ("$19.99",
    "¥199", "30 cm"); ¥ is the sign of yuan and yen alike.

    fields: what is read, all languages of each. brands: names to look for, as a catalogue's own column has them
    (`gobelin attributes` hands them down); none: no brand is read. max_characters: of each text.
    0.4 ms of CPU for a title and a description of 150 characters. What a rule cannot know: irony, colours of other
    products ("Black in 30 denier, amber in 15"), a material that is only compared with.
    """

    source: ClassVar[str] = "text"

    fields: tuple[str, ...] = ("title", "text")
    brands: tuple[str, ...] = ()
    max_characters: Annotated[int, Ge(1)] = 10_000

    def fingerprint(self) -> str:
        return f"text facts {_RULES}; {self.fields}; {sorted(self.brands)}; {self.max_characters}"

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        return [surest(self._readings(content)) for content in contents]

    def _readings(self, content: Content) -> Iterator[Reading]:
        rules: dict[str, Callable[[str], Iterable[_amounts.Found]]] = {
            "brand": self._brands,
            "price": _amounts.prices,
            "size": _amounts.sizes,
            "weight": _amounts.weights,
            "material": _materials,
            "colour": _colours,
            "year": _amounts.years,
            "sentiment": _sentiment,
        }
        texts = [
            (field, text)
            for field in self.fields
            for value in content.fields.get(field, ())
            if (text := plain(str(value))[: self.max_characters])
        ]
        for attribute, rule in rules.items():
            for field, text in texts:
                weaker = attribute in ("brand", "material", "colour", "year")
                factor = _SURE.get(field, _ELSEWHERE) if weaker else 1.0
                for value, confidence in rule(text):
                    yield Reading(attribute, value, round(confidence * factor, 3), field)

    def _brands(self, text: str) -> Iterator[_amounts.Found]:
        """Whole words, in the case in which the catalogue writes them or in capitals; the longest name first."""
        pattern = _brand_pattern(self.brands)
        for match in pattern.finditer(text) if pattern else ():
            yield next(brand for brand in self.brands if match[0] in (brand, brand.upper())), 0.9


@cache
def _brand_pattern(brands: tuple[str, ...]) -> re.Pattern[str] | None:
    if not brands:
        return None
    written = sorted({*brands, *(brand.upper() for brand in brands)}, key=len, reverse=True)
    return re.compile("|".join(_bounded(re.escape(name), name) for name in written))


def _bounded(pattern: str, word: str) -> str:
    """Latin words end where letters end; Chinese has no such ends."""
    return pattern if _HAN.search(word) else rf"(?<!\w){pattern}(?!\w)"


def _entries(kind: str) -> tuple[Entry, ...]:
    return lexicon().materials if kind == "material" else lexicon().colours


@cache
def _english(kind: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    known = {word: entry.name for entry in _entries(kind) for word in entry.english}
    longest = sorted(known, key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(map(re.escape, longest)) + r")\b", re.IGNORECASE), known


@cache
def _chinese(kind: str) -> tuple[re.Pattern[str], Mapping[str, str], Mapping[str, str]]:
    """A pattern of words of two characters and more, their values, and the values of single characters."""
    known = {word: entry.name for entry in _entries(kind) for word in entry.chinese}
    if kind == "colour":  # 黑 for 黑色
        known |= {word[0]: value for word, value in known.items() if len(word) == 2 and word[1] == "色"}
    several = sorted((word for word in known if len(word) > 1), key=len, reverse=True)
    return re.compile("|".join(several)), known, {word: value for word, value in known.items() if len(word) == 1}


def _materials(text: str) -> Iterator[_amounts.Found]:
    pattern, known = _english("material")
    cues = lexicon().made_of
    for match in pattern.finditer(text):
        before, after = text[: match.start()].lower().rstrip(), text[match.end() :].lower()
        if after.startswith(cues["denied_after"]) or any(_ends_in(before, word) for word in cues["denied"]):
            continue
        yield known[match[0].lower()], _how_sure(before, any(before.endswith(told) for told in cues["told"]))
    for word, start, value in _chinese_words("material", text):
        before = text[:start].rstrip()
        if not before.endswith(cues["denied_chinese"]):
            percent = re.match(r"\s?\d{1,3}\s?%", text[start + len(word) :])
            told = any(cue in before[-6:] for cue in cues["told_chinese"])
            yield value, 0.95 if percent else _how_sure(before, told)


def _ends_in(before: str, word: str) -> bool:
    return re.search(rf"(?<!\w){word}[\s-]*$", before) is not None


def _how_sure(before: str, told: bool) -> float:
    if re.search(r"\d{1,3}\s?%(\s(\w+\s)?)?$", before + " "):
        return 0.95
    return 0.9 if told else 0.75


def _colours(text: str) -> Iterator[_amounts.Found]:
    pattern, known = _english("colour")
    for match in pattern.finditer(text):
        if not text[match.end() :].lower().startswith(("-free", " wine", " tea", " juice", " pepper", " friday")):
            yield known[match[0].lower()], 0.75
    for word, _, value in _chinese_words("colour", text):
        yield value, 0.75 if len(word) > 1 else 0.5


def _chinese_words(kind: str, text: str) -> Iterator[tuple[str, int, str]]:
    """(word, where it starts, value). A single character counts where it is a word of its own, or before 质, 制, 布."""
    if not _HAN.search(text):
        return
    pattern, known, single = _chinese(kind)
    taken: list[tuple[int, int]] = []
    for match in pattern.finditer(text):
        taken.append(match.span())
        yield match[0], match.start(), known[match[0]]
    if not any(character in single for character in text):
        return
    place = 0
    lower = text.lower()
    for word in words(text):
        start = lower.find(word, place)
        if start < 0:
            continue
        place = start + len(word)
        bare = word[0] if len(word) == 2 and word[1] in "质制布" else word
        if bare in single and not any(begin <= start < end for begin, end in taken):
            yield word[0], start, single[bare]


def _sentiment(text: str) -> Iterator[_amounts.Found]:
    liked, disliked = opinions(text)
    if liked != disliked:
        yield "positive" if liked > disliked else "negative", max(liked, disliked) / (liked + disliked + 0.5)
