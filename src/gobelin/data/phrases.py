"""Sentences that stand in many items' texts and tell none from another: shipping, returns, "see our other items"."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gobelin.data.markup import plain

_BREAK = re.compile(
    r"(?:<|&lt;)/?(?:br|p|li|ul|ol|div|tr|td|th|table|section|h[1-6])\b[^<>&]{0,500}(?:>|&gt;)|[\r\n|•·¶]+",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？；])|\s*¶\s*")
_WORD = re.compile(r"[^\W_\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")

LEAST_WORDS = 4  # "Machine wash." says something of an item, however often it stands
LEAST_ITEMS = 5
HELD = 200_000  # different sentences counted at once: some 20 MB

Texts = Callable[[], Iterable[Sequence[str | None]]]
"""The texts of each item (one for each language), to be streamed more than once."""


@dataclass(frozen=True)
class Phrase:
    """A sentence as first met, and how many items say it."""

    sentence: str
    items: int


def sentences(text: str) -> list[str]:
    """A text as sentences without markup: cut after . ! ? …, 。！？；, at line breaks, |, bullets and block tags."""
    return [one for part in _END.split(plain(_BREAK.sub(" ¶ ", text))) if (one := part.strip())]


def key(sentence: str) -> int:
    """64 bits that name a sentence, case aside."""
    return int.from_bytes(hashlib.blake2b(sentence.casefold().encode("utf-8", "replace"), digest_size=8).digest())


def long_enough(sentence: str) -> bool:
    """At least four words; two Chinese characters are one."""
    return len(_WORD.findall(sentence)) + len(_HAN.findall(sentence)) / 2 >= LEAST_WORDS


def common_phrases(texts: Texts, share: float, held: int = HELD) -> dict[int, Phrase]:
    """{key: sentence} of those that stand in more than `share` of the items that have a text, and in at least five.

    Two passes in bounded memory: the first holds at most `held` counts and takes the same from all when they are too
    many (Misra and Gries 1982), so that a frequent sentence survives it; the second counts the survivors exactly. What
    fewer than about (sentences in all) / (held / 2) items say may be missed.
    """
    counts: Counter[int] = Counter()
    items = taken = 0
    for said in _said(texts):
        items += 1
        counts.update(said.keys())
        if len(counts) > held:
            counts, less = _thinned(counts, held // 2)
            taken += less
    least = max(share * items, LEAST_ITEMS - 1)
    exact = Counter({name: 0 for name, count in counts.items() if count + taken > least})
    shown: dict[int, str] = {}
    for said in _said(texts) if exact else ():
        for name in said.keys() & exact.keys():
            exact[name] += 1
            shown.setdefault(name, said[name])
    found = [(name, count) for name, count in exact.items() if count > least]
    return {name: Phrase(shown[name], count) for name, count in sorted(found, key=lambda one: (-one[1], shown[one[0]]))}


def without(text: str, phrases: Mapping[int, Phrase]) -> str | None:
    """The text without these sentences, a line each for what is left (None: nothing); unchanged where it has none."""
    parts = sentences(text)
    kept = [one for one in parts if key(one) not in phrases]
    return text if len(kept) == len(parts) else "\n".join(kept) or None


def _said(texts: Texts) -> Iterator[dict[int, str]]:
    """{key: sentence} of each item that has a text; what an item repeats counts once."""
    for several in texts():
        filled = [text for text in several if text]
        if filled:
            yield {key(one): one for text in filled for one in sentences(text) if long_enough(one)}


def _thinned(counts: Counter[int], most: int) -> tuple[Counter[int], int]:
    """(at most `most` counts, what was taken from all): the largest count that must go."""
    taken = sorted(counts.values(), reverse=True)[most]
    return Counter({name: count - taken for name, count in counts.items() if count > taken}), taken
