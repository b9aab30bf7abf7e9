"""Multimodal neighbours: items near each other by the log and by what they say, show and are, in one similarity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._linear import score_linear
from gobelin.models._sparse import dense_rows, row_sums, strongest_dense, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, FeatureTable, Queries, Train

WEIGHT = 0.1
"""Of a sense that the settings do not name."""


@dataclass(kw_only=True)
class MultimodalNeighbours:
    """Item-item nearest neighbours by log and senses: S = y_i'y_j / (|y_i| |y_j| + shrink) + sum_m w_m max(cos_m, 0)^s.

    score = history x S, S with k neighbours for each target item. y: who took an item; cos_m: of the vectors of sense
    m, centred where dense; 0 where either item lacks the sense.

    weight: w_m of each sense, in units of the log's cosine (0 leaves it out). sharpness: s, the larger the more only
    the nearest speak. k: neighbours kept for each target item. shrink: pulls the log's similarities of rare items down.

    An item without events is reached by its content. An empty history scores zero everywhere: its answer is the prior
    of whoever asks. Memory: blocks of rows, then k x items. Time: items^2 x the senses' dimensions.
    Relations: `item_neighbours` and `content_neighbours` are its two ends; `multimodal_user_neighbours` compares
    people instead.
    """

    weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.03, 0.1, 0.2, 0.3, 0.6, 1, 3)] = field(
        default_factory=dict
    )
    k: Annotated[int, Ge(1), Grid(20, 50, 100, 200, 500, 1000)] = 100
    sharpness: Annotated[float, Gt(0), Grid(1, 2, 3, 4, 6, 9)] = 3.0
    shrink: Annotated[float, Ge(0), Grid(0, 1, 3, 10, 30)] = 1.0
    _matrix: csr_array = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        y = transposed(train.matrix())  # (items, users)
        length = np.sqrt(row_sums(csr_array(y * y))).astype(np.float32)
        units = _units(train.table, self._weights(train.table))

        def alike(rows: slice) -> Float32[Array, "rows items"]:
            total = (y[rows] @ transposed(y)).toarray()
            total /= np.maximum(length[rows][:, None] * length + np.float32(self.shrink), np.float32(1e-12))
            for unit, weight in units.values():
                total += np.float32(weight) * self._sharp(unit[rows] @ unit.T)
            return np.asarray(total)

        self._matrix = transposed(strongest_dense(alike, len(train.items), self.k))
        return self

    def _weights(self, table: FeatureTable) -> dict[str, float]:
        return {name: w for name in table if (w := self.weight.get(name, WEIGHT)) > 0}

    def _sharp(self, product: Any) -> Float[Array, "rows items"]:
        cosine = product.toarray() if isinstance(product, csr_array) else product
        return np.maximum(cosine, 0) ** cosine.dtype.type(self.sharpness)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return score_linear(self._matrix, queries, candidates)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """Each event's weight times the log's part and each sense's part of its likeness, of kept neighbours only."""
        histories = query.histories
        met = np.maximum(histories.items, 0)
        kept = self._matrix[met][:, items].toarray().astype(np.float64)  # (events, items)
        spoken = histories.spoken().astype(np.float64)[:, None] * (kept != 0)
        out = {"log": spoken * kept}
        for name, (unit, weight) in _units(train.table, self._weights(train.table)).items():
            out[name] = weight * spoken * self._sharp(unit[met].astype(np.float64) @ unit[items].astype(np.float64).T)
            out["log"] -= out[name]
        shares = np.stack([one.T for one in out.values()], axis=2)
        return Contributions(items, tuple(out), np.ascontiguousarray(shares), np.zeros(len(items)))

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return dense_rows(self._matrix, items)

    def default(self, setting: str) -> float:
        """What a sense that is not named gets."""
        return {"weight": WEIGHT}[setting]

    def state(self) -> State:
        return state_of(self, matrix=self._matrix)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._matrix = state["matrix"]
        return model


def _units(table: FeatureTable, weights: Mapping[str, float]) -> dict[str, tuple[Any, float]]:
    """By sense its unit rows, centred where dense, and its weight."""
    centres = {name: None if table[name].sparse else table[name].mean() for name in weights}
    return {name: (table[name].unit(centres[name]), weight) for name, weight in weights.items()}
