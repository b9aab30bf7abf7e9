"""A wish in words, by a picture or by attributes: content that is asked for, alone or beside a history."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import UserError
from gobelin.protocols import Content, Encoder, Recommender
from gobelin.service.served import Served
from gobelin.values import Features, FeatureTable, Queries, Wish


def encoded(content: Content, served: Served) -> Wish:
    """The wish's vector in every sense that can read it; UserError where none can."""
    vectors: dict[str, Float32[Array, " dim"]] = {}
    reasons = []
    for sense, encoder in served.encoders.items():
        if sense not in served.table:
            continue
        block = _block(encoder, content)
        if block is None or not len(block.present):
            continue
        if block.present[0]:
            row = block.values[[0]]
            vectors[sense] = np.asarray(row.toarray() if served.table[sense].sparse else row, dtype=np.float32)[0]
        elif block.reasons and block.reasons[0]:
            reasons.append(f"{sense}: {block.reasons[0]}")
    if not vectors:
        told = f" ({'; '.join(reasons)})" if reasons else ""
        raise UserError(
            f"No sense of this run can read the wish{told}.",
            f"a wish for one of its senses: {', '.join(served.table) or 'none'}.",
            "ask in another way, or run a recipe with that sense.",
        )
    return Wish(vectors)


def _block(encoder: Any, content: Content) -> Any:
    if isinstance(encoder, Encoder):
        pieces = encoder.pieces(content)
        return encoder.encode(pieces[:1]) if pieces else None
    return encoder.transform([content])


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
