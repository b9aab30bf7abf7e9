"""Texts as they are: their words in order, as numbers."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import itself, rows_of
from gobelin.media.foreign import Unreadable
from gobelin.media.text import compose, words
from gobelin.protocols import Content
from gobelin.values import Block, Layout

_SPACE = re.compile(r"\s+")


@dataclass(kw_only=True)
class Tokens:
    """An item's words in order, each as a number: content as it is, for a fusion that learns to read (`early`).

    A word's number is 1 + BLAKE2b(word) mod (ids - 1), float32; what is left of the row is 0. Two words may share a
    number (feature hashing, Weinberger et al., ICML 2009); nothing has to be fitted, and a new word has a place. All
    languages of the item stand one after another. Chinese is segmented by jieba. `sentence` is the better sense for
    everything that reads vectors.

    unit: "words", or "characters" (any script, spaces as one; misspelt words still look alike). length: of the row,
    what is longer is cut. ids: at most 2^24, which float32 still counts. fields, max_characters: as in `sentence`.
    """

    modality: ClassVar[str] = "text"

    unit: Literal["words", "characters"] = "words"
    length: Annotated[int, Ge(1)] = 48
    ids: Annotated[int, Ge(16)] = 4096
    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 1000

    @property
    def row_layout(self) -> Layout:
        return Layout("words", (self.length,), ids=self.ids)

    @property
    def dim(self) -> int:
        return self.length

    def pieces(self, content: Content) -> tuple[str, ...]:
        texts = compose(content, self.fields, self.max_characters)
        return (" ".join(texts),) if texts else ()

    def fingerprint(self) -> str:
        return f"tokens 1; {self.unit} {self.length} of {self.ids}"

    def encode(self, pieces: Sequence[str]) -> Block:
        return rows_of(pieces, self.dim, itself, self._row)

    def _row(self, text: str) -> Float32[Array, " length"] | Unreadable:
        said = words(text) if self.unit == "words" else list(_SPACE.sub(" ", text.lower().strip()))
        row = np.zeros(self.length, dtype=np.float32)
        row[: len(said)] = [self._number(one) for one in said[: self.length]]
        return row if said else Unreadable("empty")

    def _number(self, word: str) -> int:
        return 1 + int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") % (self.ids - 1)
