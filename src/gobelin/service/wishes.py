"""A wish beside a history: how what is asked for and what was done are heard together."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int32, Scores
from gobelin.features.likeness import Shared, likeness
from gobelin.protocols import Recommender
from gobelin.values import FeatureTable, Queries


@dataclass(frozen=True)
class Wishing:
    """A recommender and a wish: each one's scores brought to unit largest size, then added.

    A visitor without a history is answered by the wish alone. How near an item is to the wish: `features.likeness`.
    """

    model: Recommender
    table: FeatureTable
    joint: Shared

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
        wanted = likeness(self.table, self.joint, queries.wish).scores
        if candidates is not None:
            wanted = wanted[candidates]
        return np.asarray(scores + _unit_size(wanted[None, :]), dtype=np.float32)


def _unit_size(scores: Scores) -> Scores:
    size = np.abs(scores).max(axis=1, keepdims=True)
    return np.asarray(scores / np.where(size > 0, size, 1), dtype=np.float32)
