"""RP3beta: three steps of a random walk between people and items, popular ends held back."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._linear import explain_linear, score_linear
from gobelin.models._sparse import column_sums, dense_rows, row_sums, scaled, strongest_products, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train


@dataclass(kw_only=True)
class Rp3beta:
    """Random walk user-item-user-item, ends reweighted by popularity: W = (P_iu^a P_ui^a) / d_j^b (Paudel et al. 2017).

    P_ui, P_iu: the log with rows of sum one, each transition to the power alpha. d_j: the number of users of the item
    at the end of the walk. The k strongest starts are kept for each end, which Dacrema et al. (2019) found to be a
    baseline that many networks do not reach.

    An empty history scores zero everywhere: its answer is the prior of whoever asks.
    Relations: beta 0 is P3alpha (Cooper et al. 2014).
    """

    beta: Annotated[float, Ge(0), Grid(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)] = 0.4
    alpha: Annotated[float, Ge(0), Grid(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5)] = 0.6
    k: Annotated[int, Ge(1), Grid(20, 50, 100, 200, 300, 500, 1000)] = 300
    _matrix: csr_array = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        x = train.matrix()
        degree = np.maximum(column_sums(x), 1e-12)
        to_item = self._steps(x)  # (users, items)
        to_user = self._steps(transposed(x))  # (items, users)
        held_back = degree**-self.beta

        def reweighted(rows: Array, columns: Array, values: Array) -> Array:
            return np.where(rows == columns, 0, values * held_back[rows])

        # rows are ends, columns are starts: the transpose of W, so that the strongest starts of an end lie in one row
        ends = strongest_products(transposed(to_item), transposed(to_user), self.k, reweighted)
        self._matrix = transposed(ends)
        return self

    def _steps(self, x: csr_array) -> csr_array:
        p = scaled(x, rows=1 / np.maximum(row_sums(x), 1e-12))
        return csr_array((p.data**self.alpha, p.indices, p.indptr), shape=p.shape)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        return score_linear(self._matrix, queries, candidates)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        return explain_linear(self._matrix, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return dense_rows(self._matrix, items)

    def state(self) -> State:
        return state_of(self, matrix=self._matrix)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._matrix = state["matrix"]
        return model
