"""ALS for ratings: the rating a person would give, by alternating least squares with weighted regularisation."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import UserError
from gobelin.fitted import remade, state_of
from gobelin.models._folding import fold
from gobelin.models._rated import ratings_of, with_bias
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Histories, Queries, Train

PATIENCE = 3  # iterations without a better answer of the monitor that end the fit


@dataclass(kw_only=True)
class AlsRatings:
    """Explicit matrix factorisation: min sum (r - m - b_u - b_i - p_u'q_i)^2 + l sum n (b^2 + |v|^2), v the p and q.

    ALS with weighted-lambda regularisation (Zhou et al., Large-scale Parallel Collaborative Filtering for the Netflix
    Prize, 2008): n is the number of ratings of the user or item, so that one l serves long and short rows; the biases
    are of Koren et al. (2009). m is the mean of the train part. Each half solves the normal equations of every row.
    Every rating event counts, a repeated one again; predictions are held within the range of the ratings seen.

    regularisation: l, .065 in the paper. factors: length of the vectors. iterations: at most; with a monitor, asked
    after each, the best is kept and the fit ends after three without a better one.

    `rate` answers for known users by their row; for unknown ones (-1) by m + b_i, for unknown items m + b_u. `score`
    ranks by the predicted rating of the query, whose ratings are folded in by the normal equations of its row; one
    without ratings is answered by m + b_i. Relations: the loss of `biased_mf` otherwise regularised and solved; `als`
    is for what people choose, this one for what they think of it.

    Raises UserError where the log holds no ratings.
    """

    regularisation: Annotated[float, Gt(0), Grid(0.02, 0.04, 0.065, 0.1, 0.15, 0.2, 0.3)] = 0.1
    factors: Annotated[int, Ge(1), Grid(4, 8, 16, 32, 64, 128)] = 32
    iterations: Annotated[int, Ge(1)] = 15
    _mean: float = field(init=False, repr=False, compare=False)
    _range: tuple[float, float] = field(init=False, repr=False, compare=False)
    # rows of bias and vector: the bias stands in column 0
    _users: Float32[Array, "users wide"] = field(init=False, repr=False, compare=False)
    _items: Float32[Array, "items wide"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        users, items, ratings = ratings_of(train.histories)
        if not len(ratings):
            raise UserError(
                "als_ratings needs ratings, and this log holds none.",
                "a `rating` column in the interactions.",
                "add one, or leave this model out.",
            )
        self._mean = float(ratings.mean())
        self._range = float(ratings.min()), float(ratings.max())
        centred = (ratings - np.float32(self._mean)).astype(np.float32)
        drawn = rng.standard_normal((len(train.items), 1 + self.factors), dtype=np.float32)
        self._items = drawn * np.float32(0.1 / self.factors**0.5)
        self._items[:, 0] = 0
        self._users = np.zeros((len(train.users), 1 + self.factors), dtype=np.float32)
        best, liked, since = (self._users, self._items), -np.inf, 0
        for _ in range(self.iterations):
            self._users = self._half(users, items, centred, self._items, len(train.users))
            self._items = self._half(items, users, centred, self._users, len(train.items))
            if monitor is None:
                continue
            value = monitor(self)
            if value > liked:
                best, liked, since = (self._users, self._items), value, 0
            else:
                since += 1
                if since == PATIENCE:
                    break
        if monitor is not None:
            self._users, self._items = best
        return self

    def _half(
        self,
        rows: Int32[Array, " ratings"],
        others: Int32[Array, " ratings"],
        centred: Float32[Array, " ratings"],
        vectors: Float32[Array, "others wide"],
        count: int,
    ) -> Float32[Array, "rows wide"]:
        """Bias and vector of each row, the other side held: A/n x = g/n, so that l is shared by all rows."""
        order = np.argsort(rows, kind="stable")
        rows, others, centred = rows[order], others[order], centred[order]
        counts = np.bincount(rows, minlength=count)
        share = (1 / np.maximum(counts, 1)).astype(np.float32)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        pairs = csr_array((share, others, starts), shape=(count, len(vectors)))
        prior = np.float32(self.regularisation) * np.eye(vectors.shape[1], dtype=np.float32)
        return fold(pairs, share * (centred - vectors[others, 0]), with_bias(vectors), prior)

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
        query, items, ratings = ratings_of(histories)
        centred = (ratings - np.float32(self._mean)).astype(np.float32)
        return self._half(query, items, centred, self._items, len(histories))

    def state(self) -> State:
        return state_of(self, mean=self._mean, range=list(self._range), users=self._users, items=self._items)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._mean, model._range = state["mean"], tuple(state["range"])
        model._users, model._items = np.asarray(state["users"]), np.asarray(state["items"])
        return model
