"""Augmentation of text: words left out, swapped, replaced by near ones. Content: a tuple of words, in order.

`media.text.words` makes words of a text, in English and Chinese. Wei and Zou, EDA: Easy Data Augmentation (EMNLP 2019);
word dropout: Iyyer et al., Deep Unordered Composition (ACL 2015); neighbours of word vectors as synonyms: Wang and
Yang, That's So Annoying!!! (EMNLP 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gobelin.arrays import Array, Float32

Words = tuple[str, ...]


def drop(words: Sequence[str], rng: np.random.Generator, *, share: float = 0.1) -> Words:
    """Each word is left out with a probability of `share`; one stays where all would go."""
    kept = rng.random(len(words)) >= share
    if len(words) and not kept.any():
        kept[rng.integers(len(words))] = True
    return tuple(word for word, stays in zip(words, kept.tolist(), strict=True) if stays)


def swap(words: Sequence[str], rng: np.random.Generator, *, share: float = 0.1) -> Words:
    """Of every word and the next one, with a probability of `share`, the places; no word moves further than one."""
    out = list(words)
    chosen = rng.random(max(len(out) - 1, 0)) < share
    place = 0
    while place < len(chosen):
        if chosen[place]:
            out[place], out[place + 1] = out[place + 1], out[place]
            place += 1  # both have moved
        place += 1
    return tuple(out)


@dataclass(frozen=True)
class Neighbours:
    """Words and their vectors, of an encoder that learned or loaded them. vectors: (words, dim), one row a word."""

    words: Words
    vectors: Float32[Array, "words dim"]

    def __post_init__(self) -> None:
        if len(self.words) != len(self.vectors):
            raise ValueError(f"{len(self.words)} words have {len(self.vectors)} vectors")

    @cached_property
    def _place(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _unit(self) -> Float32[Array, "words dim"]:
        size = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return np.asarray(self.vectors / np.maximum(size, 1e-12), dtype=np.float32)

    def near(self, word: str, k: int, floor: float) -> Words:
        """The k words of the highest cosine with another one, the nearest first, none below `floor`."""
        place = self._place.get(word)
        if place is None:
            return ()
        cosine = self._unit @ self._unit[place]
        cosine[place] = -np.inf
        best = np.argsort(-cosine, kind="stable")[:k]
        return tuple(self.words[i] for i in best.tolist() if cosine[i] >= floor)


def replace(
    words: Sequence[str],
    rng: np.random.Generator,
    *,
    neighbours: Neighbours,
    share: float = 0.1,
    k: int = 3,
    floor: float = 0.5,
) -> Words:
    """Each word, with a probability of `share`, becomes one of its k nearest whose cosine is at least `floor`.

    A word without a vector, or without so near a neighbour, stays. Near in vectors is not the same in meaning: "black"
    and "white" are neighbours too, so keep the share small where such words decide.
    """
    out = []
    for word, chosen, draw in zip(words, rng.random(len(words)) < share, rng.random(len(words)), strict=True):
        near = neighbours.near(word, k, floor) if chosen else ()
        out.append(near[int(draw * len(near))] if near else word)
    return tuple(out)
