"""Graph filter: the log and every sense as graphs between items, and a polynomial of them, without training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32, ItemSquare, Scores
from gobelin.fitted import remade, state_of
from gobelin.models._linear import score_linear
from gobelin.models._sparse import column_sums, row_sums, scaled, strongest_dense, strongest_products, transposed
from gobelin.models._spectrum import right_vectors
from gobelin.models._transfer import nothing
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Features, Histories, Queries, Train

WEIGHT = 0.2
"""Of a sense that the settings do not name."""
WHOLE = 6_000  # items up to which the polynomial is held as one dense matrix; more are asked step by step


@dataclass(kw_only=True)
class GraphFilter:
    """Training-free filter on the graphs of log and senses: h (S + a L + C + c (S C + C S)), C = sum w_m C_m.

    h: the history. S = D_i^-p X' D_u^-2b X D_i^-p without its diagonal, brought to rows that sum to 1 on average: what
    is taken together. L = D_i^-p U U' D_i^p, U the leading right singular vectors of D_u^-b X D_i^-p: an ideal low-pass
    filter; S + a L with b = p = 1/2 is GF-CF (Shen et al., How Powerful is Graph Convolution for Recommendation? 2021).
    C_m: each item's k nearest in sense m by the cosine of centred vectors, an edge counting from either end, normalised
    by the roots of both degrees. S C + C S: what is like what was taken together, what was taken with what is alike;
    filters of the second order over graphs of several senses are those of MM-GF (Roh et al. 2025), whose exact filter
    this is not.

    weight: w_m of each sense, in units of the log (0 leaves it out). user_power, item_power: b, p. second: c.
    low_pass: a, in GF-CF .3. rank: vectors of L. k: neighbours in each sense. most: ties of an item kept in S.

    Items without events are reached through C and S C, so cold items need nothing more. An empty history scores zero
    everywhere: its answer is the prior of whoever asks. Every score is linear in the history; shares of a term that
    goes once through the log and once through a sense are halved between the two. Memory: items x (most + 2 k senses)
    sparse entries and items x rank numbers; up to 6,000 items also the whole polynomial, dense. Time: near that of a
    search for neighbours, by blocks of rows.
    Relations: no sense, a = 0 is a normalisation of `item_neighbours`; `weave` inverts what this one multiplies.
    """

    weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6)] = field(
        default_factory=dict
    )
    user_power: Annotated[float, Ge(0), Grid(0, 0.15, 0.25, 0.35, 0.5)] = 0.25
    item_power: Annotated[float, Ge(0), Grid(0, 0.1, 0.2, 0.3, 0.4, 0.5)] = 0.3
    second: Annotated[float, Ge(0), Grid(0, 0.3, 1, 2, 3, 5)] = 1.0
    k: Annotated[int, Ge(1), Grid(5, 10, 15, 20, 30, 50)] = 10
    low_pass: Annotated[float, Ge(0), Grid(0, 0.1, 0.3, 0.6, 1)] = 0.3
    rank: Annotated[int, Ge(1), Grid(32, 64, 128, 256, 512)] = 128
    most: Annotated[int, Ge(1)] = 1000
    _log: csr_array = field(init=False, repr=False, compare=False)
    _senses: dict[str, csr_array] = field(init=False, repr=False, compare=False)  # weighted graphs
    _content: csr_array = field(init=False, repr=False, compare=False)  # their sum
    _says: Float32[Array, "items rank"] = field(init=False, repr=False, compare=False)  # L = says @ hears'
    _hears: Float32[Array, "items rank"] = field(init=False, repr=False, compare=False)
    _whole: ItemSquare | None = field(init=False, repr=False, compare=False)
    _drawn: "_Drawn | None" = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        if self._drawn is None or self._drawn.train is not train:
            self._drawn = _Drawn(train)
        drawn = self._drawn
        self._log = drawn.log(self.user_power, self.item_power, self.most)
        self._says, self._hears = drawn.low_pass(
            self.user_power, self.item_power, self.rank if self.low_pass else 0, rng
        )
        self._says = np.float32(self.low_pass) * self._says
        weights = {name: self.weight.get(name, WEIGHT) for name in train.table}
        return self._hold({name: scaled_by(drawn.sense(name, self.k), w) for name, w in weights.items() if w > 0})

    def _hold(self, senses: dict[str, csr_array]) -> Self:
        self._senses = senses
        self._content = nothing(self._log.shape)
        for graph in senses.values():
            self._content = csr_array(self._content + graph)
        self._whole = self._polynomial() if self._log.shape[0] <= WHOLE else None
        return self

    def _polynomial(self) -> ItemSquare:
        log, content = self._log, self._content
        mixed = csr_array(log @ content) + csr_array(content @ log)
        total: Any = log + content + np.float32(self.second) * mixed
        return np.asarray(total.toarray() + self._says @ self._hears.T, dtype=np.float32)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        if self._whole is not None:
            return score_linear(self._whole, queries, candidates)
        log, content, hears = self._log, self._content, self._hears
        history = queries.histories.matrix(log.shape[0], now=queries.now)
        c = np.float32(self.second)
        after_log, after_content = csr_array(history @ log), csr_array(history @ content)
        if candidates is not None:
            log, content, hears = log[:, candidates], content[:, candidates], hears[candidates]
        # (h + c h C) S + (h + c h S) C
        scores: Any = (history + c * after_content) @ log + (history + c * after_log) @ content
        return np.asarray(scores.toarray() + (history @ self._says) @ hears.T, dtype=np.float32)

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """Each event's paths to each item, in float64: by the log, by each sense, and half of each mixed one."""
        told = _events(query.histories, self._log.shape[0])
        log, half = self._log.astype(np.float64), self.second / 2
        out = {"log": (told @ log[:, items]).toarray()}
        out["log"] += (told @ self._says.astype(np.float64)) @ self._hears[items].astype(np.float64).T
        after_log = told @ log
        for name, graph in self._senses.items():
            sense = graph.astype(np.float64)
            mixed = half * (after_log @ sense[:, items] + (told @ sense) @ log[:, items]).toarray()
            out["log"] += mixed
            out[name] = (told @ sense[:, items]).toarray() + mixed
        shares = np.stack([one.T for one in out.values()], axis=2)
        return Contributions(items, tuple(out), np.ascontiguousarray(shares), np.zeros(len(items)))

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return self.score(Queries.of([[int(i)] for i in items]))

    def reuse(self, other: "GraphFilter") -> None:
        """Take over the graphs that another one has drawn of the same train value (a search tries many settings)."""
        self._drawn = other._drawn

    def default(self, setting: str) -> float:
        """What a sense that is not named gets."""
        return {"weight": WEIGHT}[setting]

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """The same filter said in the simplest way: a search tries nothing twice."""
        said = dict(settings)
        said["weight"] = {s: w for s, w in dict(said["weight"]).items() if s in train.table and w > 0}
        if not said["low_pass"]:
            said.pop("rank")
        if train.table and not any(dict(settings["weight"]).get(s, WEIGHT) > 0 for s in train.table):
            said.pop("k"), said.pop("second")
        return said

    def state(self) -> State:
        return state_of(self, log=self._log, senses=self._senses, says=self._says, hears=self._hears)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._log = state["log"]
        model._says, model._hears = np.asarray(state["says"]), np.asarray(state["hears"])
        return model._hold(dict(state["senses"]))


class _Drawn:
    """Graphs of a train value, each drawn once for all settings that ask for it."""

    def __init__(self, train: Train) -> None:
        self.train, self.x = train, train.matrix()
        self._kept: dict[tuple[object, ...], Any] = {}

    def _keep(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _normal(self, user_power: float, item_power: float) -> tuple[csr_array, Float32[Array, " items"]]:
        """D_u^-b X D_i^-p, and D_i^p."""
        people = np.maximum(row_sums(self.x), 1e-9) ** -user_power
        items = np.maximum(column_sums(self.x), 1e-9) ** item_power
        return scaled(self.x, rows=people, columns=1 / items), items.astype(np.float32)

    def log(self, user_power: float, item_power: float, most: int) -> csr_array:
        def make() -> csr_array:
            y = transposed(self._normal(user_power, item_power)[0])
            ends = strongest_products(y, transposed(y), most, lambda row, column, v: np.where(row == column, 0, v))
            met = max(int(np.count_nonzero(np.diff(y.indptr))), 1)
            total = float(ends.data.sum(dtype=np.float64))
            return scaled_by(transposed(ends), met / total if total > 0 else 1.0)

        return self._keep(("log", user_power, item_power, most), make)

    def low_pass(
        self, user_power: float, item_power: float, rank: int, rng: np.random.Generator
    ) -> tuple[Float32[Array, "items rank"], Float32[Array, "items rank"]]:
        def make() -> tuple[Array, Array]:
            y, items = self._normal(user_power, item_power)
            u = right_vectors(y, rank, rng) if rank else np.zeros((y.shape[1], 0), dtype=np.float32)
            return u / items[:, None], u * items[:, None]

        return self._keep(("low pass", user_power, item_power, rank), make)

    def sense(self, name: str, k: int) -> csr_array:
        return self._keep(("sense", name, k), lambda: _near(self.train.table[name], k))


def _near(sense: Features, k: int) -> csr_array:
    """The k nearest of each item by one sense, as a normalised graph without direction."""
    unit = sense.unit(None if sense.sparse else sense.mean())

    def alike(rows: slice) -> Float32[Array, "rows items"]:
        cosine: Any = unit[rows] @ unit.T
        return np.asarray(cosine.toarray() if isinstance(cosine, csr_array) else cosine)

    nearest = strongest_dense(alike, len(sense.present), k)
    graph = csr_array(nearest.maximum(transposed(nearest)))
    degree = row_sums(graph)
    root = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1e-12)), 0).astype(np.float32)
    return scaled(graph, rows=root, columns=root)


def scaled_by(graph: csr_array, weight: float) -> csr_array:
    return csr_array((graph.data * np.float32(weight), graph.indices, graph.indptr), shape=graph.shape)


def _events(histories: Histories, n_items: int) -> csr_array:
    """(events, items): each event's weight at its item, in float64."""
    spoken = histories.spoken().astype(np.float64)
    starts = np.arange(len(spoken) + 1)
    return csr_array((spoken, np.maximum(histories.items, 0), starts), shape=(len(spoken), n_items))
