"""Text vectors by any model of Hugging Face."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from annotated_types import Ge

from gobelin.arrays import Array, Float32
from gobelin.encoders._hugging import Hugging, Pooling
from gobelin.encoders._rows import rows_of_texts
from gobelin.media.text import compose
from gobelin.protocols import Content
from gobelin.values import Block

_TOGETHER = 16  # texts a call
_ENDLESS = 100_000  # a tokenizer without a limit states one beyond this


@dataclass(kw_only=True)
class HfText:
    """Any Hugging Face text model under torch: BERT, E5, BGE, the encoder of T5, the text tower of CLIP or CLAP.

    Each language of an item gives one composed text, as in `sentence`; what the model was trained on, its languages,
    licence and cost are on its own page.

    model: its name on the hub, fetched when it is first used, or a folder that `save_pretrained` wrote, which asks no
    network. revision: a branch, tag or commit of the hub. fields: what is read, in order. max_characters: of each
    composed text; max_tokens: those behind are cut off, and no more than the model takes. pooling: the "mean" over
    the text's own tokens of the last layer, or the "first" one ([CLS]), as the model's page says; a model of two
    towers gives its own text features. unit: rows at unit length.

    dim: as the model's configuration says. space: equal to that of `hf_image` or `hf_audio` with the same model of two
    towers. Safetensors only, none of the repository's code runs, float32, one thread. Raises RecipeError where
    the model cannot be read. The fingerprint holds the hub's commit, or the hashes of the folder's files.
    """

    modality: ClassVar[str] = "text"
    needs: ClassVar[tuple[str, ...]] = ("deep",)

    model: str
    revision: str | None = None
    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 1000
    max_tokens: Annotated[int, Ge(8)] = 256
    pooling: Pooling = "mean"
    unit: bool = True
    _hugging: Hugging = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._hugging = Hugging(self.model, self.revision, "text", self.pooling, self.unit)

    @property
    def dim(self) -> int:
        return self._hugging.dim

    @property
    def space(self) -> str:
        return self._hugging.space

    def pieces(self, content: Content) -> tuple[str, ...]:
        return compose(content, self.fields, self.max_characters)

    def fingerprint(self) -> str:
        return self._hugging.fingerprint(self.max_tokens)

    def encode(self, pieces: Sequence[str]) -> Block:
        return rows_of_texts(pieces, self.dim, self._run, _TOGETHER)

    def _run(self, texts: Sequence[str]) -> Float32[Array, "texts dim"]:
        tokenizer = self._hugging.preparer
        # SigLIP reads no mask: it was trained on texts filled up to its full length, and is used so
        unmasked = "attention_mask" not in tokenizer.model_input_names
        inputs = tokenizer(
            list(texts),
            padding="max_length" if unmasked else True,
            truncation=True,
            max_length=self._longest(),
            return_tensors="np",
        )
        return self._hugging.vectors(dict(inputs))

    def _longest(self) -> int:
        own = self._hugging.own_config
        told = (self._hugging.preparer.model_max_length, getattr(own, "max_position_embeddings", None))
        return min([self.max_tokens, *(n for n in told if isinstance(n, int) and 0 < n < _ENDLESS)])
