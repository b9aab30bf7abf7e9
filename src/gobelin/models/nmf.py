"""NMF: the log as a product of two matrices without negative numbers."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._factors import cosines
from gobelin.models._sparse import transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train

SWEEPS = 2  # over all factors, in each half of an iteration
ASK_EVERY = 5  # iterations between two questions to the monitor
PATIENCE = 2  # questions without a better answer that end the fit
SETTLED = 1e-5  # a folded row has arrived where a sweep moves it by less than this share of its largest number
LONGEST = 500  # sweeps of a fold


@dataclass(kw_only=True)
class Nmf:
    """Non-negative matrix factorisation: min |X - W H'|^2 + l (|W|^2 + |H|^2), W, H >= 0 (Lee and Seung 1999).

    Pairs outside the log count as zeros, as much as the pairs in it. Solved by hierarchical alternating least squares
    (Cichocki and Phan 2009): one factor of all rows at a time, each in closed form.

    factors: length of the vectors. regularisation: l. iterations: at most; with a monitor the best of every fifth one
    is kept, and the fit ends when two questions in a row brought nothing better.

    No user is stored: a history is folded in by the same rule with H held, to convergence, whoever asks. An empty one
    scores zero everywhere: its answer is the prior of whoever asks. An item without events has a zero vector.
    Memory: (users + items) x factors. Relations: `svd` without the sign; `als` weighs what is outside the log less.
    """

    factors: Annotated[int, Ge(1), Grid(8, 16, 32, 64, 128, 256, 512)] = 32
    regularisation: Annotated[float, Gt(0), Grid(0.03, 0.1, 0.3, 0.5, 1, 2, 4)] = 0.5
    iterations: Annotated[int, Ge(1)] = 30
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        x = train.matrix()
        by_item = transposed(x)
        level = np.float32(np.sqrt(max(float(x.data.sum()), 1e-12) / max(x.shape[0] * x.shape[1] * self.factors, 1)))
        h = level * rng.uniform(0.5, 1.5, (x.shape[1], self.factors)).astype(np.float32)
        w = np.zeros((x.shape[0], self.factors), dtype=np.float32)
        best, liked, since = h, -np.inf, 0
        for iteration in range(1, self.iterations + 1):
            w = descend(x @ h, h.T @ h, self.regularisation, w, SWEEPS)
            h = descend(by_item @ w, w.T @ w, self.regularisation, h, SWEEPS)
            self._items = h
            if monitor is None or (iteration % ASK_EVERY and iteration != self.iterations):
                continue
            value = monitor(self)
            if value > liked:
                best, liked, since = h, value, 0
            else:
                since += 1
                if since == PATIENCE:
                    break
        if monitor is not None:
            self._items = best
        return self

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        h = self._items
        goal = queries.histories.matrix(len(h), now=queries.now) @ h
        return descend(goal, h.T @ h, self.regularisation, np.zeros_like(goal), LONGEST, SETTLED)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._items

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """By event: over the factors that are not zero, the folded vector is linear in the history. In float64."""
        used = np.flatnonzero(self.query_vectors(query)[0] > 0)
        h = self._items[:, used].astype(np.float64)
        met = h[np.maximum(query.histories.items, 0)] * query.histories.spoken().astype(np.float64)[:, None]
        told = np.linalg.solve(h.T @ h + self.regularisation * np.eye(len(used)), met.T)  # (used, events)
        return Contributions(items, ("log",), (h[items] @ told)[:, :, None], np.zeros(len(items)))

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


def descend(
    goal: Float32[Array, "rows factors"],
    gram: Float32[Array, "factors factors"],
    ridge: float,
    start: Float32[Array, "rows factors"],
    sweeps: int,
    settled: float = 0.0,
) -> Float32[Array, "rows factors"]:
    """min w'(G + ridge I)w - 2 g'w over w >= 0 for every row g of `goal`, by sweeps over the factors from `start`.

    settled: ends the sweeps once none moved a row by more than this share of the row's largest number.
    """
    w, g = np.ascontiguousarray(start.T), np.ascontiguousarray(goal.T)  # (factors, rows)
    full = gram + np.float32(ridge) * np.eye(len(gram), dtype=np.float32)
    for _ in range(sweeps):
        moved = np.zeros(w.shape[1], dtype=np.float32)
        for j in range(len(w)):
            new = np.maximum(w[j] + (g[j] - full[j] @ w) / full[j, j], 0)
            if settled:
                np.maximum(moved, np.abs(new - w[j]), out=moved)
            w[j] = new
        if settled and np.all(moved <= settled * w.max(axis=0, initial=0)):
            break
    return np.ascontiguousarray(w.T)
