"""Biased matrix factorisation: the rating a person would give, learned by minibatch gradient descent."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import UserError
from gobelin.fitted import remade, state_of
from gobelin.models._folding import fold
from gobelin.models._rated import Side, ratings_of, with_bias
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Histories, Queries, Train

PATIENCE = 4  # epochs without a better answer of the monitor that end the fit


@dataclass(kw_only=True)
class BiasedMf:
    """Biased matrix factorisation of ratings: r = m + b_u + b_i + p_u'q_i, by minibatches (Koren et al. 2009).

    Minimises sum (r - r^)^2 + l_b (b_u^2 + b_i^2) + l (|p_u|^2 + |q_i|^2) by AdaGrad, l_b = `bias_regularisation`,
    l = `regularisation`: each rating of a row carries its share of the row's penalty. m is the mean of the train part.
    Every rating event counts, a repeated one again; predictions are held within the range of the ratings seen.

    factors: length of the vectors. learning_rate: of AdaGrad, one step size for each row. epochs: at most; with a
    monitor, asked after each, the best is kept and the fit ends after four without a better one. batch: ratings a step.

    `rate` answers for known users by their learned row; for unknown ones (-1) by m + b_i, for unknown items m + b_u.
    `score` ranks by the predicted rating of the query: its ratings are folded in by the same ridge regression, and a
    history without ratings is answered by m + b_i. A ranker by predicted rating knows nothing of what people choose
    to look at: expect little of it in top-k tables.

    Raises UserError where the log holds no ratings.
    """

    regularisation: Annotated[float, Gt(0), Grid(3, 5, 8, 12, 20, 30)] = 12.0
    factors: Annotated[int, Ge(1), Grid(8, 16, 32, 64, 128)] = 32
    bias_regularisation: Annotated[float, Gt(0), Grid(1, 3, 5, 10, 20)] = 5.0
    learning_rate: Annotated[float, Gt(0), Grid(0.02, 0.05, 0.1, 0.2)] = 0.1
    epochs: Annotated[int, Ge(1)] = 30
    batch: Annotated[int, Ge(1)] = 1024
    _mean: float = field(init=False, repr=False, compare=False)
    _range: tuple[float, float] = field(init=False, repr=False, compare=False)
    # rows of bias and vector: the bias stands in column 0
    _users: Float32[Array, "users wide"] = field(init=False, repr=False, compare=False)
    _items: Float32[Array, "items wide"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        users, items, ratings = ratings_of(train.histories)
        if not len(ratings):
            raise UserError(
                "biased_mf needs ratings, and this log holds none.",
                "a `rating` column in the interactions.",
                "add one, or leave this model out.",
            )
        self._mean = float(ratings.mean())
        self._range = float(ratings.min()), float(ratings.max())
        self._users, self._items = (self._begin(len(v), rng) for v in (train.users, train.items))
        targets = (ratings - np.float32(self._mean)).astype(np.float32)
        people, things = Side(self._users, users, self._penalty()), Side(self._items, items, self._penalty())
        best, liked, since = (self._users.copy(), self._items.copy()), -np.inf, 0
        for _ in range(self.epochs):
            order = rng.permutation(len(targets))
            for start in range(0, len(order), self.batch):
                self._step(people, things, targets, order[start : start + self.batch])
            if monitor is None:
                continue
            value = monitor(self)
            if value > liked:
                best, liked, since = (self._users.copy(), self._items.copy()), value, 0
            else:
                since += 1
                if since == PATIENCE:
                    break
        if monitor is not None:
            self._users, self._items = best
        return self

    def _begin(self, rows: int, rng: np.random.Generator) -> Float32[Array, "rows wide"]:
        table = rng.standard_normal((rows, 1 + self.factors), dtype=np.float32) * np.float32(0.1 / self.factors**0.5)
        table[:, 0] = 0
        return table

    def _penalty(self) -> Float32[Array, " wide"]:
        return np.array([self.bias_regularisation] + [self.regularisation] * self.factors, dtype=np.float32)

    def _step(self, people: Side, things: Side, targets: Float32[Array, " ratings"], some: Array) -> None:
        p, q = people.of(some), things.of(some)  # (batch, 1 + factors)
        wrong = targets[some] - p[:, 0] - q[:, 0] - np.einsum("ij,ij->i", p[:, 1:], q[:, 1:])
        people.move(some, with_bias(q) * wrong[:, None], self.learning_rate)
        things.move(some, with_bias(p) * wrong[:, None], self.learning_rate)

    def rate(self, users: Int32[Array, " pairs"], items: Int32[Array, " pairs"]) -> Float32[Array, " pairs"]:
        p = np.where((users >= 0)[:, None], self._users[users], 0)
        q = np.where((items >= 0)[:, None], self._items[items], 0)
        r = self._mean + p[:, 0] + q[:, 0] + np.einsum("ij,ij->i", p[:, 1:], q[:, 1:])
        return np.asarray(np.clip(r, *self._range), dtype=np.float32)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        p = self._folded(queries.histories)
        return np.asarray(p @ with_bias(items).T + (np.float32(self._mean) + items[:, 0]), dtype=np.float32)

    def _folded(self, histories: Histories) -> Float32[Array, "queries wide"]:
        """Bias and vector of each query: the ridge regression that a user's row solves, items held."""
        query, items, ratings = ratings_of(histories)
        starts = np.searchsorted(query, np.arange(len(histories) + 1)).astype(np.int32)
        shape = (len(histories), len(self._items))
        pairs = csr_array((np.ones(len(items), dtype=np.float32), items, starts), shape=shape)
        left = (ratings - np.float32(self._mean) - self._items[items, 0]).astype(np.float32)
        return fold(pairs, left, with_bias(self._items), np.diag(self._penalty()))

    def state(self) -> State:
        return state_of(self, mean=self._mean, range=list(self._range), users=self._users, items=self._items)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._mean, model._range = state["mean"], tuple(state["range"])
        model._users, model._items = np.asarray(state["users"]), np.asarray(state["items"])
        return model
