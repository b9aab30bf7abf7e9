"""ALS: implicit matrix factorisation by alternating least squares."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._factors import cosines
from gobelin.models._folding import fold
from gobelin.models._implicit import explain_folded, folded, ridged, wanted
from gobelin.models._sparse import transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train

STEPS = 2  # of conjugate gradients in each half of an iteration: they go on where the last iteration ended
ASK_EVERY = 3  # iterations between two questions to the monitor
PATIENCE = 2  # questions without a better answer that end the fit


@dataclass(kw_only=True)
class Als:
    """Implicit matrix factorisation: min sum_ui c_ui (p_ui - z_u'y_i)^2 + l (|Z|^2 + |Y|^2) (Hu, Koren, Volinsky 2008).

    p is 1 where the log has the pair and 0 elsewhere; c = `unseen` + weight where it has, `unseen` elsewhere. Halves
    are solved in turn by a few conjugate-gradient steps over all rows at once (Takács et al. 2011).

    factors: length of the vectors. regularisation: l, the same for every row. unseen: what a pair outside the log
    counts, 1 / alpha of the paper: said this way the best `regularisation` hardly moves with it (Rendle et al. 2022).
    iterations: at most; with a monitor the best of every third one is kept, and the fit ends when two questions in a
    row brought nothing better.

    No user is stored: a history is folded in by the normal equations of its row, to convergence, whoever asks.
    An empty history scores zero everywhere: its answer is the prior of whoever asks.
    """

    regularisation: Annotated[float, Gt(0), Grid(0.1, 0.3, 1, 2, 3, 5, 10, 30)] = 3.0
    unseen: Annotated[float, Gt(0), Grid(0.003, 0.01, 0.03, 0.1, 0.3, 1)] = 0.1
    factors: Annotated[int, Ge(1), Grid(32, 64, 128, 256, 512)] = 128
    iterations: Annotated[int, Ge(1)] = 15
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        x = train.matrix()
        by_item = transposed(x)
        people = np.zeros((x.shape[0], self.factors), dtype=np.float32)
        self._items = rng.standard_normal((x.shape[1], self.factors), dtype=np.float32) / np.float32(
            10 * np.sqrt(self.factors)
        )
        best, liked, since = self._items, -np.inf, 0
        for iteration in range(1, self.iterations + 1):
            people = self._half(x, self._items, people)
            self._items = self._half(by_item, people, self._items)
            if monitor is None or (iteration % ASK_EVERY and iteration != self.iterations):
                continue
            value = monitor(self)
            if value > liked:
                best, liked, since = self._items, value, 0
            else:
                since += 1
                if since == PATIENCE:
                    break
        if monitor is not None:
            self._items = best
        return self

    def _half(
        self, log: csr_array, vectors: Float32[Array, "columns factors"], start: Float32[Array, "rows factors"]
    ) -> Float32[Array, "rows factors"]:
        return fold(log, wanted(log, self.unseen), vectors, self._prior(vectors), start, steps=STEPS)

    def _prior(self, vectors: Float32[Array, "columns factors"]) -> Float32[Array, "factors factors"]:
        return ridged(vectors.T @ vectors, self.unseen, self.regularisation)

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        return folded(queries, self._items, self._prior(self._items), self.unseen)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._items

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        return explain_folded(self._items, self._prior(self._items), self.unseen, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """Cosine of the items' vectors; 0 to itself."""
        return cosines(self._items, items)

    def state(self) -> State:
        return state_of(self, items=self._items)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._items = np.asarray(state["items"])
        return model
