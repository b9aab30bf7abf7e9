"""A wish beside a history: how what is asked for and what was done are heard together."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.protocols import Recommender
from gobelin.values import Features, FeatureTable, Queries


@dataclass(frozen=True)
class Wishing:
    """A recommender and a wish: each one's scores brought to unit largest size, then added.

    A visitor without a history is answered by the wish alone. Similarity is the mean cosine over the wish's senses,
    of features centred by the catalogue's mean; an item that lacks a sense counts zero there.
    """

    model: Recommender
    table: FeatureTable

    def fit(self, *_: Any) -> Any:
        raise TypeError("a wish is not fitted")

    def state(self) -> Any:
        raise TypeError("a wish is not stored")

    def from_state(self, *_: Any) -> Any:
        raise TypeError("a wish is not stored")

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        without = Queries(queries.users, queries.histories, queries.now)  # the model must not answer the wish as well
        scores = _unit_size(self.model.score(without, candidates))
        if queries.wish is None:
            return scores
        wanted = np.zeros(scores.shape[1], dtype=np.float32)
        for sense, vector in queries.wish.vectors.items():
            wanted += _cosine(self.table[sense], vector, candidates)
        return np.asarray(scores + _unit_size(wanted[None, :]), dtype=np.float32)


def _cosine(
    features: Features, vector: Float32[Array, " dim"], candidates: Int32[Array, " candidates"] | None
) -> Float32[Array, " candidates"]:
    centre = None if features.sparse else features.mean()
    part = features if candidates is None else features.take(candidates)
    wish = vector if centre is None else vector - centre
    wish = wish / max(float(np.linalg.norm(wish)), 1e-12)
    return np.asarray(part.unit(centre) @ wish, dtype=np.float32)


def _unit_size(scores: Scores) -> Scores:
    size = np.abs(scores).max(axis=1, keepdims=True)
    return np.asarray(scores / np.where(size > 0, size, 1), dtype=np.float32)
