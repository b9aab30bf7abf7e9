"""Content neighbours: what is like the things you had, by what it says, shows and is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import UserError
from gobelin.fitted import remade, state_of
from gobelin.models._linear import score_linear
from gobelin.models._sparse import strongest_dense, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train, Wish


@dataclass(kw_only=True)
class ContentNeighbours:
    """Item-item nearest neighbours by content: similarity = sum over senses of weight x cosine of centred vectors.

    It needs no events, so items that nobody took yet are scored like any other.

    weights: of each sense, by its name in the feature table ("text.sentence"); a sense not named weighs 1, a name
    that the table lacks is passed over. k: neighbours kept for each target item, among all items.
    An item that lacks a sense is at similarity 0 in that sense; one that lacks all of them scores 0.
    Dense senses are centred on the mean of their present rows (otherwise everything is like everything);
    sparse ones are not (it would fill them).

    Scores are history x S. A wish is scored by its similarity to every item, not only to neighbours, with the same
    centring and weights; beside a history it weighs as much as the whole history: wish + history x S / sum(history).
    An empty history without a wish scores zero everywhere: its answer is the prior of whoever asks.

    Raises UserError where the table holds no sense, and for a wish in vectors that the model does not know.
    """

    weights: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.3, 1, 3)] = field(default_factory=dict)
    k: Annotated[int, Ge(1), Grid(20, 50, 100, 200, 500, 1000)] = 200
    _matrix: csr_array = field(init=False, repr=False, compare=False)
    _units: dict[str, Any] = field(init=False, repr=False, compare=False)  # (items, dim) of each sense, unit rows
    _centres: dict[str, Float32[Array, " dim"]] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        if not len(train.table):
            raise UserError(
                "content_neighbours has nothing to compare: the feature table holds no sense.",
                "at least one encoder in the recipe.",
                'add one, e.g. [encoders.text] part = "sentence", or leave this model out.',
            )
        senses = {name: one for name, one in train.table.features.items() if self._weight(name) > 0}
        self._centres = {name: one.mean() for name, one in senses.items() if not one.sparse}
        self._units = {name: one.unit(self._centres.get(name)) for name, one in senses.items()}
        n = len(train.items)
        self._matrix = transposed(strongest_dense(lambda rows: self._similar(rows, n), n, self.k))
        return self

    def _weight(self, sense: str) -> float:
        return self.weights.get(sense, 1.0)

    def _similar(self, rows: slice | Array, items: int) -> Float32[Array, "rows items"]:
        """Similarity of some items to all `items`; 0 where every sense has the weight 0."""
        count = len(range(items)[rows]) if isinstance(rows, slice) else len(rows)
        total = np.zeros((count, items), dtype=np.float32)
        for name, unit in self._units.items():
            alike: Any = unit[rows] @ unit.T
            total += np.float32(self._weight(name)) * (alike.toarray() if isinstance(alike, csr_array) else alike)
        return total

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        scores = score_linear(self._matrix, queries, candidates)
        if queries.wish is None:
            return scores
        wanted = self._wanted(queries.wish)
        wanted = wanted if candidates is None else wanted[candidates]
        given = queries.histories.matrix(self._matrix.shape[0], now=queries.now).sum(axis=1)
        return np.asarray(scores / np.maximum(given, 1e-12)[:, None] + wanted, dtype=np.float32)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """Each event's weight times its cosine in each sense, where the two items are kept neighbours. No wish."""
        histories = query.histories
        met = np.maximum(histories.items, 0)
        near = (self._matrix[met][:, items]).toarray() != 0  # (events, items)
        spoken = histories.spoken().astype(np.float64)[:, None] * near
        senses = tuple(self._units)
        shares = np.zeros((len(items), len(met), len(senses)))
        for place, name in enumerate(senses):
            unit = self._units[name]
            alike: Any = unit[met].astype(np.float64) @ unit[items].astype(np.float64).T
            cosine = alike.toarray() if isinstance(alike, csr_array) else alike
            shares[:, :, place] = (self._weight(name) * spoken * cosine).T
        return Contributions(items, senses, shares, np.zeros(len(items)))

    def _wanted(self, wish: Wish) -> Float32[Array, " items"]:
        """Similarity of every item to the wish."""
        known = [name for name in wish.vectors if name in self._units]
        if not known:
            raise UserError(
                f"The wish speaks of {', '.join(wish.vectors) or 'nothing'}, which this model was not fitted on.",
                f"vectors of {', '.join(self._units) or 'no sense'}.",
                "encode the wish with an encoder of the fitted recipe.",
            )
        total = np.zeros(self._matrix.shape[0], dtype=np.float32)
        for name in known:
            unit, vector = self._units[name], np.asarray(wish.vectors[name], dtype=np.float32)
            if vector.shape != (unit.shape[1],):
                raise UserError(
                    f"The wish's vector of {name} has the shape {vector.shape}.",
                    f"({unit.shape[1]},), as the items have.",
                    "encode the wish with the same encoder and settings as the items.",
                )
            if name in self._centres:
                vector = vector - self._centres[name]
            vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
            total += np.float32(self._weight(name)) * (unit @ vector)
        return total

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """Of the content itself, not only of the k neighbours kept; 0 to itself."""
        alike = self._similar(items, self._matrix.shape[0])
        alike[np.arange(len(items)), items] = 0
        return alike

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """Only the proportions of the weights change an order: a search tries nothing twice."""
        weights = {sense: float(settings["weights"].get(sense, 1.0)) for sense in train.table}
        most = max(weights.values(), default=0) or 1
        return {**settings, "weights": {sense: round(weight / most, 6) for sense, weight in weights.items()}}

    def state(self) -> State:
        return state_of(self, matrix=self._matrix, units=self._units, centres=self._centres)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._matrix = state["matrix"]
        model._units, model._centres = dict(state["units"]), dict(state["centres"])
        return model
