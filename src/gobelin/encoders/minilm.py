"""Sentence vectors of English texts by MiniLM."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from gobelin.arrays import Array, Float32
from gobelin.encoders._onnx import open_session
from gobelin.encoders._rows import rows_of_texts
from gobelin.encoders._tokens import Tokens
from gobelin.media.text import compose
from gobelin.protocols import Content
from gobelin.values import Block
from gobelin.weights import folder
from gobelin.weights.minilm import BUILD, MODEL, TOKENIZER
from gobelin.weights.minilm import Minilm as Weights

_TOGETHER = 16  # texts a call
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[a-zA-Z\u00c0-\u024f]")


@dataclass(kw_only=True)
class Minilm:
    """all-MiniLM-L6-v2 through ONNX Runtime: English sentence vectors of 384 numbers, no torch.

    Each language of an item gives one composed text, as in `sentence`; a text most of whose letters are not Latin
    is left out, because the model knows English alone and takes Chinese characters for unknown ones: an item with
    nothing but such texts is without this sense. (Other languages in Latin letters pass, and are read poorly.)
    The vector is the mean of the last layer over the tokens, at unit length.

    fields: what is read, in order. max_characters: of each composed text. max_tokens: those behind are cut off; the
    model was made for 256 at most.

    Six layers distilled from BERT (Wang et al., MiniLM, NeurIPS 2020), then trained on 1.17 billion pairs of English
    sentences by the sentence-transformers project (Reimers and Gurevych, Sentence-BERT, EMNLP 2019). Apache-2.0.
    Weights: `gobelin models get minilm` (91 MB); tokens by the package tokenizers: the extra `text`. About 400 titles
    of 30 characters, or 40 texts of 400, in a second of CPU; it agrees with transformers under torch to 1e-4.
    Relations: `sentence` reads 16 languages, Chinese among them, four times as fast; `hf_text` takes any other model.
    """

    modality: ClassVar[str] = "text"
    dim: ClassVar[int] = 384
    needs: ClassVar[tuple[str, ...]] = ("text",)
    weights: ClassVar[str] = "minilm"

    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 1000
    max_tokens: Annotated[int, Ge(8), Le(512)] = 256
    _network: Any = field(default=None, init=False, repr=False, compare=False)
    _tokens: Any = field(default=None, init=False, repr=False, compare=False)

    def pieces(self, content: Content) -> tuple[str, ...]:
        return tuple(text for text in compose(content, self.fields, self.max_characters) if _latin(text))

    def fingerprint(self) -> str:
        # fields and max_characters change the text, and the text is part of every key already
        return f"minilm {BUILD}; {'; '.join(Weights.files.values())}; {self.max_tokens}"

    def encode(self, pieces: Sequence[str]) -> Block:
        return rows_of_texts(pieces, self.dim, self._run, _TOGETHER)

    def _run(self, texts: Sequence[str]) -> Float32[Array, "texts dim"]:
        if self._network is None:
            self._tokens = Tokens(folder("minilm") / TOKENIZER, self.max_tokens)
            self._network = open_session(folder("minilm") / MODEL)
        tokens, mask = self._tokens(texts)
        vectors: Array = self._network.run(["vectors"], {"tokens": tokens, "mask": mask})[0]
        return vectors


def _latin(text: str) -> bool:
    """At least half of the letters are Latin; a text without letters (a number) passes."""
    return 2 * len(_LATIN.findall(text)) >= len(_LETTER.findall(text))
