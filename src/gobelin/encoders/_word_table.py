"""What `word_vectors` and `loaded_vectors` share: a table of words that pools items, finds near words, and is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gobelin.encoders._corpus import texts_of
from gobelin.encoders._pooling import Pooling
from gobelin.parts import settings_of
from gobelin.protocols import Content, State
from gobelin.values import Block


@dataclass
class WordTable:
    """Words with their vectors once they are learned, and the texts that are read by them.

    fields, max_characters: of the encoder, as in `words`. pooling: None before the encoder is fitted.
    """

    fields: tuple[str, ...]
    max_characters: int
    pooling: Pooling | None = None

    @property
    def dim(self) -> int | None:
        """Dimensions of a vector; None before `fit`."""
        return None if self.pooling is None else self.pooling.dim

    def transform(self, contents: Iterable[Content]) -> Block:
        """One row an item: the words of all its languages, pooled."""
        texts = (texts_of(content, self.fields, self.max_characters) for content in contents)
        return self._learned("transform").pool([[word for text in one for word in text] for one in texts])

    def near(self, word: str, k: int) -> list[tuple[str, float]]:
        """The k words whose vectors have the largest cosine with that of a word; none where it is not known."""
        return self._learned("near").near(word, k)

    def _learned(self, what: str) -> Pooling:
        if self.pooling is None:
            raise RuntimeError(f"fit comes before {what}")
        return self.pooling


def state_of(encoder: Any, table: WordTable) -> State:
    """Every setting of the encoder, and under "pooling" what its table holds."""
    settings = {
        name: list(value) if isinstance(value, tuple) else value for name, value in settings_of(encoder).items()
    }
    return {**settings, "pooling": None if table.pooling is None else table.pooling.state()}


def settings_in(state: State) -> dict[str, Any]:
    """The settings of a state; a store gives tuples back as lists."""
    told = {name: value for name, value in state.items() if name != "pooling"}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def pooling_in(state: State) -> Pooling | None:
    return None if state["pooling"] is None else Pooling.from_state(state["pooling"])
