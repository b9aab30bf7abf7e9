"""weave_vectors: the scores of a weave in low rank, as vectors of people and items for an index."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from gobelin.arrays import Array, Float32, Int32, Int64, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._sketch import leading
from gobelin.models.weave import Weave
from gobelin.parts import make
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class WeaveVectors:
    """A weave in low rank: vectors whose inner products are about its scores, for an index.

    With M the item-item matrix of a fitted weave (of either solver, new items included) and V the leading right
    singular vectors of X M, a history h has the vector h M V and item j the row V_j: of all projections the one that
    keeps the training people's scores best (Eckart and Young 1936; the range is found by random projection). Unlike in
    M an item speaks a little for itself, which the mask of what a person had hides.

    rank: length of the vectors. woven: settings of the weave, as a run of `weave` chose them; none of its own are
    searched. NDCG@20 on test against the exact weave (`benchmarks/large.py real`, seed 0): rank 256 -11 % on hm_week,
    -4.5 % on hm_product, +1.4 % on movielens_small; hm_week loses 6 % at 512 and 2 % at 1,024. Leading directions of G
    itself, even with its diagonal mended, lose more: 6 % at 256 on movielens_small (validation), these vectors 1 %.

    Memory: that of the weave, and about five items x rank float32 arrays. An empty history scores zero everywhere.
    """

    rank: Annotated[int, Ge(1)] = 256
    woven: Mapping[str, Any] = field(default_factory=dict)
    _told: Float32[Array, "items rank"] = field(init=False, repr=False, compare=False)
    _items: Float32[Array, "items rank"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        weave: Weave = make(Weave, self.woven, where="weave_vectors.woven").fit(train, rng)
        matrix = _Whole(weave.state(), weave.cold_scale)
        people: Any = aslinearoperator(train.matrix())
        self._items = leading(people @ matrix, self.rank, rng)
        self._told = np.asarray(matrix @ self._items, dtype=np.float32)
        return self

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries rank"]:
        history = queries.histories.matrix(len(self._told), now=queries.now)
        return np.asarray(history @ self._told, dtype=np.float32)

    def item_vectors(self) -> Float32[Array, "items rank"]:
        return self._items

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def state(self) -> State:
        return state_of(self, told=self._told, items=self._items)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._told, model._items = np.asarray(state["told"]), np.asarray(state["items"])
        return model


class _Whole(LinearOperator):
    """M of a fitted weave, (items, items), rows and columns of new items by their mixtures; never made."""

    def __init__(self, state: State, cold_scale: float) -> None:
        self._solved: Int64[Array, " solved"] = state["solved"]
        self._rest: Int64[Array, " rest"] = state["rest"]
        self._matrix, self._mixture, self._base = state["matrix"], state["weaves"], state["base"]
        self._loud = np.float32(cold_scale)
        n = int(state["n_items"])
        super().__init__(np.dtype(np.float32), (n, n))  # type: ignore[call-arg]  # its stub says object's

    def _matmat(self, right: Float32[Array, "items some"]) -> Float32[Array, "items some"]:
        said = self._matrix @ right[self._solved]
        out = np.zeros(right.shape, dtype=np.float32)
        if len(self._rest):
            said = said + self._loud * (self._base @ (self._mixture.T @ right[self._rest]))
            out[self._rest] = self._mixture @ said
        out[self._solved] = said
        return out

    def _rmatmat(self, right: Float32[Array, "items some"]) -> Float32[Array, "items some"]:
        heard = right[self._solved]
        out = np.zeros(right.shape, dtype=np.float32)
        if len(self._rest):
            heard = heard + self._mixture.T @ right[self._rest]
            out[self._rest] = self._loud * (self._mixture @ (self._base.T @ heard))
        out[self._solved] = self._matrix.T @ heard
        return out
