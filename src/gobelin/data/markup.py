"""Foreign text to plain text: markup, entities, control characters and repeated spaces gone."""

import html
import re
import unicodedata

_UNSAID = [  # what a page holds and does not say: where it begins, where it ends
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<script\b", re.IGNORECASE), re.compile(r"</script\s*>", re.IGNORECASE)),
    (re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style\s*>", re.IGNORECASE)),
]
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,2000}>")  # "a < b" and "<3" are no tags
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text without markup: tags and entities resolved, control characters gone, NFC, single spaces."""
    if "<" in text or "&" in text:
        # twice: shop exports often escape their tags ("&lt;br&gt;")
        for _ in range(2):
            for begins, ends in _UNSAID:
                text = _without(text, begins, ends)
            text = html.unescape(_TAG.sub(" ", text))
    text = unicodedata.normalize("NFC", text)
    text = "".join(c if c.isprintable() or c.isspace() else " " for c in text)
    return _SPACE.sub(" ", text).strip()


def _without(text: str, begins: re.Pattern[str], ends: re.Pattern[str]) -> str:
    """The text without what stands between the two. One pass: a search for an end that never comes is made once."""
    kept, place = [], 0
    while (begin := begins.search(text, place)) and (end := ends.search(text, begin.end())):
        kept += [text[place : begin.start()], " "]
        place = end.end()
    return "".join([*kept, text[place:]])
