"""Parts of speech: Chinese with jieba, English with TextBlob where the extra `language` is installed; offline."""

import functools
import warnings
from collections.abc import Collection
from typing import Any, Literal

from gobelin import parts
from gobelin.media import text as texts

PartOfSpeech = Literal["noun", "verb", "adjective", "adverb", "number", "function"]

_CHINESE: dict[str, PartOfSpeech] = {
    **dict.fromkeys(("n", "t", "s", "j", "i", "l", "g", "eng"), "noun"),  # also times, places, abbreviations, idioms
    **dict.fromkeys(("v",), "verb"),
    **dict.fromkeys(("a", "b", "z"), "adjective"),
    **dict.fromkeys(("d",), "adverb"),
    **dict.fromkeys(("m", "q"), "number"),
    **dict.fromkeys(("u", "p", "c", "y", "e", "r", "f", "h", "k", "o"), "function"),
}
_ENGLISH: dict[str, PartOfSpeech] = {"NN": "noun", "VB": "verb", "JJ": "adjective", "RB": "adverb", "CD": "number"}


def tagged(text: str) -> list[tuple[str, str]]:
    """(word, tag) in order, words in lower case; runs of letters and digits are those of `media.text.words`.

    Chinese runs are cut by the tagger, whose model may cut a word outside the dictionary elsewhere. They carry jieba's
    tags (n noun, v verb, a adjective, d adverb, m number ...; `jieba.posseg`, MIT, its model inside the package).

    All other runs carry Penn Treebank tags (NN, VB, JJ, RB, CD ...) of TextBlob's PatternTagger (MIT; lexicon and rules
    inside the package, no download). It knows English alone: words of other languages are guessed at, mostly as
    nouns. It sees the words between two punctuation marks; case is kept for it, since it tells names. Not used: NLTK
    and spaCy, whose models are downloads; HanTa, whose model is a pickle.

    Raises MissingExtra where a text that is not Chinese meets no TextBlob.
    """
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    end = 0
    for run in texts.runs(text):
        between = text[end : run.start()]
        end = run.end()
        chinese = texts.is_chinese(run.group())
        if waiting and (chinese or between.strip()):
            found += _english(waiting)
            waiting = []
        if chinese:
            found += [(pair.word.lower(), pair.flag) for pair in _chinese().cut(run.group())]
        else:
            waiting.append(run.group())
    return found + (_english(waiting) if waiting else [])


def part_of_speech(tag: str) -> PartOfSpeech | None:
    """The part of speech that a tag of `tagged` stands for; None for foreign words, symbols and what is unknown."""
    if tag[:1].isupper():
        return _ENGLISH.get(tag[:2], "function")
    return _CHINESE.get(tag) or _CHINESE.get(tag[:1])


def words_that_are(text: str, kinds: Collection[PartOfSpeech]) -> list[str]:
    """The words of a text, lower case, that are of these parts of speech."""
    return [word for word, tag in tagged(text) if part_of_speech(tag) in kinds]


def _english(run: list[str]) -> list[tuple[str, str]]:
    tags = [str(tag) for _, tag in _tagger().find_tags([word.replace("’", "'") for word in run])]
    return [(word.lower(), tag) for word, tag in zip(run, tags, strict=True)]


@functools.cache
def _chinese() -> Any:
    tokenizer = texts.segmenter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as for the segmenter
        import jieba.posseg

        return jieba.posseg.POSTokenizer(tokenizer)


@functools.cache
def _tagger() -> Any:
    parts.need("language", "To tell parts of speech in text that is not Chinese")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves its lexicon's file to be closed by the collector
        from textblob.en import parser

        parser.find_tags(["ready"])  # reads the lexicon
    return parser
