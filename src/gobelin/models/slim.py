"""SLIM: a sparse, non-negative linear model of the log, each item from its neighbours."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, Int64, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._linear import explain_linear, score_linear
from gobelin.models._sparse import blocks, dense_rows, row_sums, strongest_products, transposed
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train

SWEEPS = 100  # at most, over all coordinates
DENSE = 6_000  # items up to which the gram is held as it stands
ENOUGH = 1e-4  # a sweep that moves no weight of a column by more than this ends it

Gram = csr_array | Float32[Array, "items items"]


@dataclass(kw_only=True)
class Slim:
    """Sparse linear model: min 1/2 ||x_j - X w_j||^2 + l2/2 ||w_j||^2 + l1 |w_j|, w_j >= 0, w_jj = 0 for every item j.

    Ning and Karypis, SLIM: Sparse Linear Methods for Top-N Recommender Systems (ICDM 2011), in its form fsSLIM: the
    weights of an item are sought among its k nearest by cosine. Where k is no less than the number of items that
    share more than l1 with it, that is SLIM itself: a weight between items that share less is 0 at the optimum.
    Solved by coordinate descent over many items at once, until no weight moves by more than 1e-4.

    l2: keeps weights small, alike for all. l1: empties them. k: neighbours that are tried. Both in units of the log's
    own weights (1 for a purchase).

    An empty history scores zero everywhere: its answer is the prior of whoever asks; so does an item without events.
    Memory: the log's gram in sparse form, and a block of columns, each k x k. Time: near items x k^2 a sweep.
    Relations: `ease` lets weights be negative, has no l1 and solves all at once.
    """

    l2: Annotated[float, Gt(0), Grid(0.5, 1, 2, 5, 10, 20, 50, 100, 200)] = 20.0
    l1: Annotated[float, Ge(0), Grid(0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)] = 0.1
    k: Annotated[int, Ge(1), Grid(50, 100, 200, 400)] = 100
    _matrix: csr_array = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        y = transposed(train.matrix())  # (items, users)
        product = csr_array(y @ transposed(y))
        gram = product.toarray() if len(train.items) <= DENSE else product
        length = np.sqrt(row_sums(csr_array(y * y)))

        def cosine(rows: Array, columns: Array, values: Array) -> Array:
            alike = values / np.maximum(length[rows] * length[columns], 1e-12)
            return np.where((rows == columns) | (values <= self.l1), 0, alike)

        near = strongest_products(y, transposed(y), self.k, cosine)
        self._matrix = transposed(self._columns(gram, near))
        return self

    def _columns(self, gram: Gram, near: csr_array) -> csr_array:
        """(items, items) the weights of each item, in its row."""
        counts = np.diff(near.indptr).astype(np.int64)
        order = np.argsort(counts, kind="stable")  # items of like many neighbours share a block
        weights = np.zeros(near.nnz, dtype=np.float32)
        for some in blocks(counts[order] ** 2 + 1):
            items = order[some]
            width = int(counts[items[-1]])
            if not width:
                continue
            place = near.indptr[items][:, None] + np.arange(width)
            real = np.arange(width) < counts[items][:, None]
            place = np.where(real, place, 0)
            among = np.where(real, near.indices[place], -1)  # (block, width)
            solved = descend(*_parts(gram, items, among), self.l1, self.l2)
            weights[place[real]] = solved[real]
        out = csr_array((weights, near.indices, near.indptr), shape=near.shape)
        out.eliminate_zeros()
        return out

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


def descend(
    gram: Float32[Array, "problems width width"], goal: Float32[Array, "problems width"], l1: float, l2: float
) -> Float32[Array, "problems width"]:
    """min 1/2 w'Gw - g'w + l2/2 w'w + l1 sum(w) over w >= 0, for many problems at once, by coordinate descent."""
    problems, width = goal.shape
    w = np.zeros((problems, width), dtype=np.float32)
    steep = np.ascontiguousarray((np.einsum("pii->pi", gram) + np.float32(l2)).T)  # (width, problems)
    left = goal - np.float32(l1)  # g - l1 - G w
    active = np.arange(problems)
    for _ in range(SWEEPS):
        moved = np.zeros(len(active), dtype=np.float32)
        for i in range(width):
            here = w[:, i]
            new = np.maximum(here + (left[:, i] - np.float32(l2) * here) / steep[i], 0)
            step = new - here
            if not step.any():
                continue
            moved = np.maximum(moved, np.abs(step))
            left -= step[:, None] * gram[:, i]
            w[:, i] = new
        if moved.max(initial=0) <= ENOUGH:
            break
    return w


def _parts(
    gram: Gram, items: Int64[Array, " block"], among: Array
) -> tuple[Float32[Array, "block width width"], Float32[Array, "block width"]]:
    """Of each item's problem the gram among its neighbours and towards itself; zero where `among` is -1."""
    real = among >= 0
    squares = np.zeros((*among.shape, among.shape[1]), dtype=np.float32)
    goal = np.zeros(among.shape, dtype=np.float32)
    for row, item in enumerate(items):
        mine = among[row][real[row]]
        n = len(mine)
        if isinstance(gram, csr_array):
            mine = np.append(mine, item)
            whole = gram[mine][:, mine].toarray()
            squares[row, :n, :n], goal[row, :n] = whole[:-1, :-1], whole[-1, :-1]
        else:
            squares[row, :n, :n], goal[row, :n] = gram[mine[:, None], mine], gram[item, mine]
    return squares, goal
