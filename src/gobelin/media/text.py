"""Foreign text to plain text, to one composed text for each language of an item, and to words."""

import functools
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from gobelin.data.markup import plain as plain
from gobelin.protocols import Content

_RUN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_ENDS = tuple(".!?…。！？;；:：")


def cut(text: str, longest: int) -> str:
    """At most `longest` characters, ending at a space where one is near."""
    if len(text) <= longest:
        return text
    kept = text[:longest]
    space = kept.rfind(" ")
    return kept[:space] if space >= longest // 2 else kept


def compose(content: Content, fields: Sequence[str], longest: int) -> tuple[str, ...]:
    """One text for each language of the item: its fields in that order, joined as sentences.

    `|`, which parts a list in the catalogue, becomes ", ". Strings of two fields belong together where their
    language is the same (`Content.languages`; without it, where their place in the field is). `longest`: characters
    kept of each composed text. Texts that say the same are given once; a language without a word is left out.

    Categories alone are no text where titles or descriptions are asked for: they would make all bare items of a
    category one and the same sentence, nearer to any short wish than every item that says something.
    """
    own = [name for name in fields if name != "categories"]
    if own and not any(plain(str(value)) for name in own for value in content.fields.get(name, ())):
        return ()
    by_language: dict[str | int | None, list[str]] = {}
    for name in fields:
        values = content.fields.get(name, ())
        languages = content.languages.get(name) or (None, *range(1, len(values)))
        for language, value in zip(languages, values, strict=False):
            said = plain(str(value).replace("|", ", "))
            if said:
                by_language.setdefault(language, []).append(said)
    return tuple(dict.fromkeys(cut(_sentences(parts), longest) for parts in by_language.values()))


def _sentences(parts: Sequence[str]) -> str:
    joined = parts[0]
    for part in parts[1:]:
        joined += (" " if joined.endswith(_ENDS) else ". ") + part
    return joined


def words(text: str) -> list[str]:
    """Words in order, lower case.

    A run of letters and digits is a word (Latin, Cyrillic, Greek, Hangul ...); one that holds Chinese characters is
    segmented with jieba, also where letters stand among them ("白色T恤": 白色, t恤).
    """
    found: list[str] = []
    for match in runs(text):
        run = match.group()
        found += [word.lower() for word in segmenter().lcut(run)] if is_chinese(run) else [run.lower()]
    return found


def runs(text: str) -> Iterator[re.Match[str]]:
    """Runs of letters and digits, with apostrophes inside, as they stand in the text."""
    return _RUN.finditer(text)


def is_chinese(run: str) -> bool:
    """Whether a run holds a Chinese character."""
    return _HAN.search(run) is not None


@functools.cache
def segmenter() -> Any:
    """jieba with its own dictionary, loaded on the first Chinese text (about a second).

    Its `initialize` keeps a cache file in the shared temporary folder, where anyone may leave one for us to read,
    and writes to stderr: the dictionary is read here instead.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is older than today's string escapes and pkg_resources
        import jieba

        tokenizer = jieba.Tokenizer()
        with tokenizer.get_dict_file() as file:
            tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(file)
    tokenizer.initialized = True
    return tokenizer
