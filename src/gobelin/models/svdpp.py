"""SVD++: the rating a person would give, from what they rated and from the mere fact that they met things."""

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
from gobelin.models._sparse import blocks, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Histories, Queries, Train

PATIENCE = 4  # epochs without a better answer of the monitor that end the fit


@dataclass(kw_only=True)
class Svdpp:
    """Matrix factorisation of ratings with implicit feedback: r = m + b_u + b_i + q_i'(p_u + |N|^-1/2 sum_j in N y_j).

    Koren, Factorization Meets the Neighborhood (KDD 2008). N: the items of the user's events of any kind, rated or not;
    m: the mean of the train part. Minimises squared errors + l_b (b_u^2 + b_i^2) + l (|p|^2 + |q|^2 + |y|^2) by
    AdaGrad over blocks of users, so that a user's sum over N is made once a block: each rating of a row, and each user
    of a y_j, carries its share of the row's penalty. Predictions are held within the range of the ratings seen.

    regularisation, bias_regularisation: l, l_b. factors: length of the vectors. learning_rate: of AdaGrad. epochs: at
    most; with a monitor, asked after each, the best is kept and the fit ends after four without a better one. batch:
    ratings of a block of users, about.

    `rate` answers for known users by their row; for unknown ones (-1) by m + b_i, for unknown items m + b_u. `score`
    ranks by the predicted rating of the query: its sum over N is made from the history, then b_u and p_u are folded in
    by the ridge regression of its ratings on what is left; a history without ratings speaks by its N alone.
    Memory: (users + 2 items) x factors. Relations: y = 0 is `biased_mf`.

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
    # rows of bias and vector: the bias stands in column 0, which is empty in `_met`
    _users: Float32[Array, "users wide"] = field(init=False, repr=False, compare=False)  # p_u without the sum over N
    _items: Float32[Array, "items wide"] = field(init=False, repr=False, compare=False)
    _met: Float32[Array, "items wide"] = field(init=False, repr=False, compare=False)  # y
    _sums: Float32[Array, "users wide"] = field(init=False, repr=False, compare=False)  # |N|^-1/2 sum y of each user

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        users, items, ratings = ratings_of(train.histories)
        if not len(ratings):
            raise UserError(
                "svdpp needs ratings, and this log holds none.",
                "a `rating` column in the interactions.",
                "add one, or leave this model out.",
            )
        self._mean = float(ratings.mean())
        self._range = float(ratings.min()), float(ratings.max())
        self._users, self._items, self._met = (
            self._begin(len(rows), rng) for rows in (train.users, train.items, train.items)
        )
        met = _met(train.histories, len(train.items))
        course = _Course(
            Side(self._users, users, self._penalty()),
            Side(self._items, items, self._penalty()),
            Side(self._met, met.indices, self._penalty()),
            met,
            (ratings - np.float32(self._mean)).astype(np.float32),
        )
        starts = np.searchsorted(users, np.arange(len(train.users) + 1))
        best, liked, since = self._copies(met), -np.inf, 0
        for _ in range(self.epochs):
            order = rng.permutation(len(train.users))
            for some in blocks(np.diff(starts)[order], self.batch):
                course.step(order[some], starts, self.learning_rate)
            if monitor is None:
                continue
            self._sums = np.asarray(met @ self._met)
            value = monitor(self)
            if value > liked:
                best, liked, since = self._copies(met), value, 0
            else:
                since += 1
                if since == PATIENCE:
                    break
        if monitor is None:
            best = self._copies(met)
        self._users, self._items, self._met, self._sums = best
        return self

    def _begin(self, rows: int, rng: np.random.Generator) -> Float32[Array, "rows wide"]:
        table = rng.standard_normal((rows, 1 + self.factors), dtype=np.float32) * np.float32(0.1 / self.factors**0.5)
        table[:, 0] = 0
        return table

    def _penalty(self) -> Float32[Array, " wide"]:
        return np.array([self.bias_regularisation] + [self.regularisation] * self.factors, dtype=np.float32)

    def _copies(self, met: csr_array) -> tuple[Array, Array, Array, Array]:
        return self._users.copy(), self._items.copy(), self._met.copy(), np.asarray(met @ self._met)

    def rate(self, users: Int32[Array, " pairs"], items: Int32[Array, " pairs"]) -> Float32[Array, " pairs"]:
        p = np.where((users >= 0)[:, None], self._users[users] + self._sums[users], 0)
        q = np.where((items >= 0)[:, None], self._items[items], 0)
        r = self._mean + p[:, 0] + q[:, 0] + np.einsum("ij,ij->i", p[:, 1:], q[:, 1:])
        return np.asarray(np.clip(r, *self._range), dtype=np.float32)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        p = self._folded(queries.histories)
        return np.asarray(p @ with_bias(items).T + (np.float32(self._mean) + items[:, 0]), dtype=np.float32)

    def _folded(self, histories: Histories) -> Float32[Array, "queries wide"]:
        """Bias and vector of each query, the sum over what it met among them."""
        sums = np.asarray(_met(histories, len(self._items)) @ self._met)
        query, items, ratings = ratings_of(histories)
        starts = np.searchsorted(query, np.arange(len(histories) + 1)).astype(np.int32)
        shape = (len(histories), len(self._items))
        pairs = csr_array((np.ones(len(items), dtype=np.float32), items, starts), shape=shape)
        q = self._items[items]
        left = ratings - np.float32(self._mean) - q[:, 0] - np.einsum("ij,ij->i", q[:, 1:], sums[query][:, 1:])
        return sums + fold(pairs, left.astype(np.float32), with_bias(self._items), np.diag(self._penalty()))

    def state(self) -> State:
        return state_of(
            self,
            mean=self._mean,
            range=list(self._range),
            users=self._users,
            items=self._items,
            met=self._met,
            sums=self._sums,
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._mean, model._range = state["mean"], tuple(state["range"])
        model._users, model._items = np.asarray(state["users"]), np.asarray(state["items"])
        model._met, model._sums = np.asarray(state["met"]), np.asarray(state["sums"])
        return model


@dataclass(frozen=True)
class _Course:
    """The tables in training. met: (users, items) |N|^-1/2 where the user met the item; targets: r - m."""

    people: Side
    things: Side
    facts: Side
    met: csr_array
    targets: Float32[Array, " ratings"]

    def step(self, users: Array, starts: Array, rate: float) -> None:
        """One step on all ratings of some users; starts: where the ratings of each user begin."""
        lengths = starts[users + 1] - starts[users]
        place = np.repeat(np.arange(len(users)), lengths)  # of each rating its user among these
        some = np.repeat(starts[users] - np.cumsum(lengths) + lengths, lengths) + np.arange(len(place))
        if not len(some):
            return
        met = csr_array(self.met[users])
        sums = np.asarray(met @ self.facts.table)  # (users, wide)
        p, q = self.people.of(some) + sums[place], self.things.of(some)  # (batch, wide)
        wrong = self.targets[some] - p[:, 0] - q[:, 0] - np.einsum("ij,ij->i", p[:, 1:], q[:, 1:])
        pull = with_bias(q) * wrong[:, None]
        gather = csr_array((np.ones(len(some), np.float32), (place, np.arange(len(some)))), (len(users), len(some)))
        self._move_facts(met, gather @ pull, rate)
        self.people.move(some, pull, rate)
        self.things.move(some, with_bias(p) * wrong[:, None], rate)

    def _move_facts(self, met: csr_array, pull: Float32[Array, "users wide"], rate: float) -> None:
        touched, times = np.unique(met.indices, return_counts=True)
        way = np.asarray(transposed(met)[touched] @ pull)
        way[:, 0] = 0
        way -= times[:, None].astype(np.float32) * self.facts.share[touched] * self.facts.table[touched]
        self.facts.walk(touched, way, rate)


def _met(histories: Histories, n_items: int) -> csr_array:
    """(queries, items): |N|^-1/2 where an event of any kind names the item."""
    named = histories.items >= 0
    pairs = np.unique(histories.queries[named] * n_items + histories.items[named])
    counts = np.bincount(pairs // max(n_items, 1), minlength=len(histories))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    return csr_array((values, (pairs % n_items).astype(np.int32), starts), shape=(len(histories), n_items))
