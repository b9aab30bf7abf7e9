"""Text vectors by an ONNX file of the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge

from gobelin.arrays import Array, Float32
from gobelin.encoders._onnx import Pooling, digest, open_session, output_of, run
from gobelin.encoders._rows import rows_of_texts, unit
from gobelin.encoders._tokens import Tokens
from gobelin.errors import RecipeError
from gobelin.media.text import compose
from gobelin.protocols import Content
from gobelin.values import Block

_TOGETHER = 16  # texts a call
_TOKENS, _MASK, _TYPES, _PLACES = "input_ids", "attention_mask", "token_type_ids", "position_ids"


@dataclass(kw_only=True)
class OnnxText:
    """Any ONNX file of a text transformer with its tokenizer.json, as exporters of Hugging Face models write them.

    Each language of an item gives one composed text, as in `sentence`; what the model was trained on, its languages,
    licence and cost are the file's own.

    path: the file. tokenizer: the tokenizer.json; that beside the file where None. fields: what is read, in order.
    max_characters: of each composed text; max_tokens: those behind are cut off. output: by name; the file's first one
    otherwise. pooling: of an output with a vector a token, the "mean" over the text's own tokens, or the "first" one
    ([CLS]); an output of one vector a text is taken as it is. unit: rows at unit length.

    dim: found out on one word. Inputs it may have, all int64 (n, length): input_ids, and attention_mask,
    token_type_ids (zeros), position_ids. Raises RecipeError where the file is not there, is no ONNX, or has others.
    The fingerprint is the SHA-256 of both files and the settings. Tokens by the package tokenizers (extra `text`).
    """

    modality: ClassVar[str] = "text"
    needs: ClassVar[tuple[str, ...]] = ("text",)

    path: str
    tokenizer: str | None = None
    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 1000
    max_tokens: Annotated[int, Ge(8)] = 256
    output: str | None = None
    pooling: Pooling = "mean"
    unit: bool = True
    _session: Any = field(default=None, init=False, repr=False, compare=False)
    _output: str = field(default="", init=False, repr=False, compare=False)
    _tokens: Any = field(default=None, init=False, repr=False, compare=False)
    _digest: str | None = field(default=None, init=False, repr=False, compare=False)
    _dim: int | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def dim(self) -> int:
        if self._dim is None:
            self._dim = self._run(["one"]).shape[1]
        return self._dim

    def pieces(self, content: Content) -> tuple[str, ...]:
        return compose(content, self.fields, self.max_characters)

    def fingerprint(self) -> str:
        if self._digest is None:
            self._open()
            self._digest = f"{digest(Path(self.path))}; {self._tokens.digest}"
        return f"onnx_text 1; {self._digest}; {self.max_tokens}; {self.output}; {self.pooling}; {self.unit}"

    def encode(self, pieces: Sequence[str]) -> Block:
        return rows_of_texts(pieces, self.dim, self._run, _TOGETHER)

    def _run(self, texts: Sequence[str]) -> Float32[Array, "texts dim"]:
        self._open()
        tokens, mask = self._tokens(texts)
        places = np.broadcast_to(np.arange(tokens.shape[1], dtype=np.int64), tokens.shape)
        known = {_TOKENS: tokens, _MASK: mask, _TYPES: np.zeros_like(tokens), _PLACES: places}
        inputs = {str(one.name): known[one.name] for one in self._session.get_inputs()}
        values = run(self._session, Path(self.path), self._output, inputs)
        if values.ndim == 3:
            if self.pooling == "mean":
                shown = mask[:, :, None].astype(np.float32)
                values = (values * shown).sum(axis=1) / shown.sum(axis=1)
            else:
                values = values[:, 0]
        if values.ndim != 2:
            raise RecipeError(
                f"The output {self._output!r} of {self.path} has {values.ndim} axes.",
                "a vector a text, or one a token.",
                "set output to another one.",
            )
        return unit(values) if self.unit else values

    def _open(self) -> None:
        if self._session is not None:
            return
        path = Path(self.path)
        session = open_session(path)
        names = [str(one.name) for one in session.get_inputs()]
        strange = sorted(set(names) - {_TOKENS, _MASK, _TYPES, _PLACES})
        if strange or _TOKENS not in names or any(one.type != "tensor(int64)" for one in session.get_inputs()):
            raise RecipeError(
                f"{path} takes {', '.join(f'{one.name} {one.type}' for one in session.get_inputs())}.",
                f"{_TOKENS}, and {_MASK}, {_TYPES}, {_PLACES} where it wants them, all of int64.",
                "export the model with these inputs.",
            )
        self._output = output_of(session, path, self.output)
        self._tokens = Tokens(Path(self.tokenizer or path.with_name("tokenizer.json")), self.max_tokens)
        self._session = session
