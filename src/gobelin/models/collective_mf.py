"""Collective matrix factorisation: one vector of each item explains the log and every sense at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._factors import cosines
from gobelin.models._folding import fold
from gobelin.models._implicit import explain_folded, folded, ridged, wanted
from gobelin.models._sparse import transposed
from gobelin.models._spectrum import Reduced
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train

WEIGHT = 10.0
"""Of a sense that the settings do not name."""
STEPS = 2  # of conjugate gradients in each half of an iteration: they go on where the last iteration ended
ASK_EVERY = 3  # iterations between two questions to the monitor
PATIENCE = 2  # questions without a better answer that end the fit


@dataclass(kw_only=True)
class CollectiveMf:
    """Log and senses factorised together: min sum c (p - z'y)^2 + sum a_m |F_m - Y A_m|^2 + l (|Z|^2 + |Y|^2 + |A|^2).

    Singh and Gordon, Relational Learning via Collective Matrix Factorization (2008), with the log weighted as in `als`
    (Hu, Koren, Volinsky 2008): p is 1 where the log has the pair, c = `unseen` + weight there, `unseen` elsewhere.
    F_m: unit vectors of sense m, centred where dense, by their `dims` leading directions; an item that lacks the sense
    is no row of that term. Z, each A_m and Y are solved in turn, Y and Z by a few conjugate-gradient steps.

    weight: a_m of each sense, in units of an event (0 leaves it out). regularisation: l. unseen: what a pair outside
    the log counts. factors: length of the vectors. dims: directions of a sense. iterations: at most; with a monitor the
    best of every third one is kept, and the fit ends when two questions in a row brought nothing better.

    An item without events is no column of the log: its vector is the ridge regression of its content on the A_m, so
    cold items are scored and may stand in a history. No user is stored: a history is folded in by the normal equations
    of its row. An empty history scores zero everywhere: its answer is the prior of whoever asks.
    Memory: items x (factors + dims of every sense). Relations: without senses this is `als`.
    """

    weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.3, 1, 3, 10, 30, 100)] = field(
        default_factory=dict
    )
    regularisation: Annotated[float, Gt(0), Grid(0.1, 0.3, 1, 2, 3, 5, 10, 30)] = 3.0
    unseen: Annotated[float, Gt(0), Grid(0.003, 0.01, 0.03, 0.1, 0.3, 1)] = 0.1
    factors: Annotated[int, Ge(1), Grid(32, 64, 128, 256, 512)] = 256
    dims: Annotated[int, Ge(1)] = 128
    iterations: Annotated[int, Ge(1)] = 15
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _gram: Float32[Array, "factors factors"] = field(init=False, repr=False, compare=False)  # of items with events
    _reduced: Reduced | None = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        if self._reduced is None or self._reduced.train is not train:
            self._reduced = Reduced(train)
        x = train.matrix()
        met = np.bincount(x.indices, minlength=x.shape[1]) > 0
        work = _Work(x, transposed(x), met, self._senses(train))
        people = np.zeros((x.shape[0], self.factors), dtype=np.float32)
        self._set(self._begin(x.shape[1], rng), met)
        best, liked, since = self._items, -np.inf, 0
        for iteration in range(1, self.iterations + 1):
            prior = ridged(self._gram, self.unseen, self.regularisation)
            people = fold(x, wanted(x, self.unseen), self._items, prior, people, steps=STEPS)
            self._set(self._half(work, people), met)
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
            self._set(best, met)
        return self

    def _begin(self, items: int, rng: np.random.Generator) -> Float32[Array, "items factors"]:
        drawn = rng.standard_normal((items, self.factors), dtype=np.float32)
        return np.asarray(drawn / np.float32(10 * np.sqrt(self.factors)))

    def _set(self, items: Float32[Array, "items factors"], met: Bool[Array, " items"]) -> None:
        self._items, self._gram = items, items[met].T @ items[met]

    def _senses(self, train: Train) -> list["_Sense"]:
        assert self._reduced is not None
        weights = {name: self.weight.get(name, WEIGHT) for name in train.table}
        return [
            _Sense(np.float32(weight), train.table[name].present, self._reduced.sense(name, self.dims))
            for name, weight in weights.items()
            if weight > 0
        ]

    def _half(self, work: "_Work", people: Float32[Array, "users factors"]) -> Float32[Array, "items factors"]:
        """Y given Z: A_m of the Y before, then each item's own problem, by groups that have the same senses.

        Content moves where an item starts from: with K y0 = sum a_m A_m f, the rest of y solves a problem of the log.
        """
        out = self._items.copy()
        bridges = [one.bridge(self._items, self.regularisation) for one in work.senses]
        told = np.zeros_like(out)
        for one, a in zip(work.senses, bridges, strict=True):
            told += one.weight * (one.values @ a.T)  # absent rows are zero
        log = ridged(people.T @ people, self.unseen, self.regularisation)
        alone = ridged(np.zeros_like(log), 0, self.regularisation)
        for rows in work.groups:
            prior = (log if work.met[rows[0]] else alone).copy()
            for one, a in zip(work.senses, bridges, strict=True):
                if one.present[rows[0]]:
                    prior += one.weight * (a @ a.T)
            start = np.linalg.solve(prior.astype(np.float64), told[rows].T.astype(np.float64)).T.astype(np.float32)
            entries = csr_array(work.by_item[rows])
            row = np.repeat(np.arange(len(rows)), np.diff(entries.indptr))
            explained = np.einsum("ij,ij->i", people[entries.indices], start[row])
            left = wanted(entries, self.unseen) - entries.data * explained
            out[rows] = start + fold(entries, left, people, prior, self._items[rows] - start, steps=STEPS)
        return out

    def _prior(self) -> Float32[Array, "factors factors"]:
        return ridged(self._gram, self.unseen, self.regularisation)

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        return folded(queries, self._items, self._prior(), self.unseen)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._items

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """By event, exactly; what each sense gave to an item's vector cannot be told from what the log gave."""
        return explain_folded(self._items, self._prior(), self.unseen, query, items)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """Cosine of the items' vectors; 0 to itself."""
        return cosines(self._items, items)

    def reuse(self, other: "CollectiveMf") -> None:
        """Take over the leading directions that another one has found in the same senses."""
        self._reduced = other._reduced

    def default(self, setting: str) -> float:
        """What a sense that is not named gets."""
        return {"weight": WEIGHT}[setting]

    def state(self) -> State:
        return state_of(self, items=self._items, gram=self._gram)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._items, model._gram = np.asarray(state["items"]), np.asarray(state["gram"])
        return model


@dataclass(frozen=True)
class _Sense:
    """One sense's term. values: (items, dims), absent rows zero."""

    weight: np.float32
    present: Bool[Array, " items"]
    values: Float32[Array, "items dims"]

    def bridge(self, items: Float32[Array, "items factors"], ridge: float) -> Float32[Array, "factors dims"]:
        """A = (Y'Y + l / a I)^-1 Y'F over the items that have the sense."""
        y = items[self.present].astype(np.float64)
        normal = y.T @ y + ridge / float(self.weight) * np.eye(y.shape[1])
        return np.linalg.solve(normal, y.T @ self.values[self.present]).astype(np.float32)


class _Work:
    """What stays the same through a fit. groups: rows of items that have the same senses, and events or none."""

    def __init__(self, log: csr_array, by_item: csr_array, met: Bool[Array, " items"], senses: list[_Sense]) -> None:
        self.log, self.by_item, self.met, self.senses = log, by_item, met, senses
        holds = np.stack([met, *(one.present for one in senses)], axis=1)
        _, group = np.unique(holds, axis=0, return_inverse=True)
        self.groups: list[Int64[Array, " rows"]] = [
            np.flatnonzero(group.ravel() == g) for g in range(int(group.max(initial=-1)) + 1)
        ]
