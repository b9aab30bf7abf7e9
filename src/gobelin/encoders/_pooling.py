"""From the vectors of words to the vector of an item: smooth inverse frequency weighting, the common component removed.

Arora, Liang and Ma, A Simple but Tough-to-Beat Baseline for Sentence Embeddings (ICLR 2017):

    v(item) = mean over its words of a / (a + p(word)) v(word);  v(item) -= u u' v(item)

p(word): its share of the words that the fit saw; u: the first direction of the items' vectors (uncentred), estimated on
the items fitted on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import itself, rows_of
from gobelin.media.foreign import Unreadable
from gobelin.values import Block

SMOOTHING = 1e-3  # the paper's a


@dataclass(frozen=True)
class Pooling:
    """What was learned. words and their vectors; weights: a / (a + p) of each; common: u, None where it stays."""

    words: tuple[str, ...]
    vectors: Float32[Array, "words dim"]
    weights: Float32[Array, " words"]
    common: Float32[Array, " dim"] | None = None

    @classmethod
    def of(
        cls, words: Sequence[str], vectors: Float32[Array, "words dim"], counts: Array, total: float, smoothing: float
    ) -> Self:
        """counts: how often the fit saw each word (0 for a word it did not see), of `total` words."""
        share = np.asarray(counts, dtype=np.float64) / max(total, 1.0)
        return cls(tuple(words), vectors, (smoothing / (smoothing + share)).astype(np.float32))

    @cached_property
    def columns(self) -> Mapping[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def without_common(self, items: Iterable[Sequence[str]]) -> "Pooling":
        """The same with u of these items' words. Fewer items than dimensions tell nothing in common: u stays None."""
        if not self.dim:
            return self
        moment = np.zeros((self.dim, self.dim))
        seen = 0
        for words in items:
            vector = self._mean(words)
            if vector is not None:
                moment += np.outer(vector, vector)
                seen += 1
        if seen < self.dim:
            return self
        u = np.linalg.eigh(moment)[1][:, -1]
        return replace(self, common=(u * (1 if u[np.argmax(abs(u))] > 0 else -1)).astype(np.float32))

    def pool(self, items: Sequence[Sequence[str]]) -> Block:
        """One row an item, by its words. Absent: no words ("not given"), none known ("unknown words"), or nothing that
        is not common to all items ("common words")."""
        return rows_of(items, self.dim, itself, self._own)

    def _own(self, words: Sequence[str]) -> Array | Unreadable:
        vector = self._mean(words)
        if vector is None:
            return Unreadable("unknown words" if words else "not given")
        if self.common is None:
            return vector
        own = vector - (vector @ self.common) * self.common
        nothing = np.linalg.norm(own) < 1e-5 * np.linalg.norm(vector)  # rounding alone is left
        return Unreadable("common words") if nothing else own

    def state(self) -> dict[str, Any]:
        return {"words": list(self.words), "vectors": self.vectors, "weights": self.weights, "common": self.common}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        common = state["common"]
        return cls(
            tuple(state["words"]),
            np.asarray(state["vectors"], dtype=np.float32),
            np.asarray(state["weights"], dtype=np.float32),
            None if common is None else np.asarray(common, dtype=np.float32),
        )

    def _mean(self, words: Sequence[str]) -> Array | None:
        """(dim,) float64; None where no word is known."""
        rows = [row for word in words if (row := self.columns.get(word)) is not None]
        if not rows or not self.dim:
            return None
        vector = self.weights[rows].astype(np.float64) @ self.vectors[rows].astype(np.float64) / len(rows)
        return vector if vector.any() else None

    def near(self, word: str, k: int) -> list[tuple[str, float]]:
        """The k other words with the largest cosine; none where the word is not known."""
        row = self.columns.get(word)
        if row is None:
            return []
        length = np.linalg.norm(self.vectors, axis=1)
        cosine = self.vectors @ self.vectors[row] / np.maximum(length * length[row], 1e-12)
        cosine[row] = -np.inf
        return [
            (self.words[i], float(cosine[i])) for i in np.argsort(-cosine, kind="stable")[: min(k, len(cosine) - 1)]
        ]
