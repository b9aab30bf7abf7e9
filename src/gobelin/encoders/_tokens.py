"""Texts to token numbers by a Hugging Face `tokenizer.json`, through the package tokenizers (no torch)."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int64
from gobelin.errors import RecipeError
from gobelin.parts import need


class Tokens:
    """A tokenizer (digest: its SHA-256) that cuts at `longest` tokens and fills a batch up to its longest text.

    Raises RecipeError where the file is none.
    """

    def __init__(self, path: Path, longest: int) -> None:
        need("text", "A tokenizer")
        import tokenizers

        try:
            raw = path.read_bytes()
            self._tokenizer: Any = tokenizers.Tokenizer.from_buffer(raw)
        except OSError as wrong:
            raise RecipeError(
                f"{path} cannot be read: {wrong.strerror or wrong}.",
                "a tokenizer.json of Hugging Face's.",
                "put it beside the model, or set tokenizer to its path.",
            ) from wrong
        except Exception as wrong:  # the package raises bare Exception
            raise RecipeError(
                f"{path} is no tokenizer: {wrong}.", "a tokenizer.json of Hugging Face's.", "check the path."
            ) from wrong
        self.digest = hashlib.sha256(raw).hexdigest()
        self._tokenizer.enable_truncation(longest)
        told = self._tokenizer.padding or {}
        self._tokenizer.enable_padding(pad_id=told.get("pad_id", 0), pad_token=told.get("pad_token", "[PAD]"))

    def __call__(self, texts: Sequence[str]) -> tuple[Int64[Array, "texts length"], Int64[Array, "texts length"]]:
        """Token numbers, and 1 where a token is no padding."""
        coded = self._tokenizer.encode_batch(list(texts))
        numbers = np.array([one.ids for one in coded], dtype=np.int64)
        return numbers, np.array([one.attention_mask for one in coded], dtype=np.int64)
