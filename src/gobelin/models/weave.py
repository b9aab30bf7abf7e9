"""weave: the closed-form model that reconstructs the log and what every sense says of the items at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Float64, Int32, Int64, ItemSquare, Scores
from gobelin.features.filling import Fill
from gobelin.fitted import remade, state_of
from gobelin.models._change import changed
from gobelin.models._exact import Exact, thinned
from gobelin.models._ground import Ground, Scalers, Terms
from gobelin.models._linear import weights
from gobelin.models._loom import Loom
from gobelin.models._patch_shares import PatchShares
from gobelin.models._patchwork import Neighbourhoods, Patchwork, sewn
from gobelin.models._strands import Strands
from gobelin.models._transfer import Kernels, Mixture, nothing
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Contributions, Queries, Train

WEIGHT, TAU = 10.0, 0.5
"""Of a sense that the settings do not name."""


FEW = 10  # a tenth of the items: what is taken as few of the columns of a sparse matrix

_HOOD = ("patch", "around", "bounds")


@dataclass(frozen=True)
class _Woven:
    """A fitted weave. solved, rest: rows of the items; matrix: B between the solved ones; weaves: rest as mixtures of
    solved; base: the matrix that the rest is regressed from (the log alone); near, far: the neighbourhoods of solved
    items and of the rest, where it was solved by them: the matrices are then sparse."""

    solved: Int64[Array, " solved"]
    rest: Int64[Array, " rest"]
    matrix: ItemSquare | csr_array
    weaves: Mixture
    base: ItemSquare | csr_array
    n_items: int
    near: Neighbourhoods | None = None
    far: Neighbourhoods | None = None

    @cached_property
    def turned(self) -> Float32[Array, "solved rest"] | csr_array:
        return csr_array(self.weaves.T.tocsr()) if isinstance(self.weaves, csr_array) else self.weaves.T


@dataclass(kw_only=True)
class Weave:
    """Log and content woven in closed form: min ||X - XB||^2 + sum a_m ||F_m' - F_m' B||^2 + l ||B||^2, diag(B) = 0.

    With G = X'X + sum a_m K_m + l I and P = G^-1, B = I - P / diag(P) (EASE, Steck 2019; side information, Jeunen,
    Van Balen, Goethals 2020). A score is a sum over the history, and each column of B is linear in its right-hand
    side, so shares of events and of senses are exact. Items without events (or with fewer than `least_events`) are
    mixtures of the others by kernel ridge regression from content, as columns and as rows.

    weight: a_m of each sense, in units of the log (0 leaves it out). tau: of the kernel exp((cos - 1) / tau) of each
    sense; 0 takes the cosine itself. regularisation: l. user_power: b, a user with n events counts n^-b.
    item_power: p, X is taken as X D^-p with D the events of each item. history_power: h, an item of the history
    speaks with D^-h. head: output scale D^head, what popular items get for being popular.
    log_blend: how much of the log-only matrix of the same settings is added; it carries items that content does not
    reach. fill: what an item lacking a sense gets, from its like in the log and the other senses (`features.filling`).
    solver: "exact" inverts G whole for at most `most_items` items, the most frequent; the rest go the way of new ones.
    "neighbourhoods" solves it for every item over its neighbourhood in G (`_patchwork`): `patch` items that resemble
    one another share a solve over `around` items, and `kept` weights of each item stay. "auto" is exact up to
    `most_items` items and by neighbourhoods beyond.
    cold_*: of the kernel ridge regression by which an item's column of the log-only matrix (and its row) follows
    from content; cold_self: how much the resembled item itself counts there; cold_head: as `head`, for that matrix;
    cold_scale: how loud such columns are among all items.

    Memory: about four items x items float32 arrays where exact, items x kept x 16 bytes by neighbourhoods.
    Relations: no sense, p = head = log_blend = 0 is EASE.
    """

    head: Annotated[float, Grid(-0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4)] = 0.2
    history_power: Annotated[float, Grid(-0.1, 0, 0.05, 0.1, 0.15, 0.2, 0.3)] = 0.1
    regularisation: Annotated[float, Gt(0), Grid(10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)] = 100.0
    weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.1, 0.3, 1, 3, 10, 30, 100, 300)] = field(
        default_factory=lambda: dict[str, float]()
    )
    item_power: Annotated[float, Ge(0), Grid(0, 0.1, 0.2, 0.3)] = 0.1
    user_power: Annotated[float, Ge(0), Grid(0, 0.25, 0.5, 0.75, 1)] = 0.5
    tau: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 1, 0.5, 0.3, 0.2, 0.1)] = field(
        default_factory=lambda: dict[str, float]()
    )
    log_blend: Annotated[float, Ge(0), Grid(0, 0.2, 0.4, 0.8, 1.6)] = 0.0
    fill: Annotated[Fill, Grid("mask", "propagation")] = "propagation"
    least_events: Annotated[int, Ge(1), Grid(1, 2, 3, 5)] = 1
    solver: Literal["auto", "exact", "neighbourhoods"] = "auto"
    most_items: Annotated[int, Gt(0)] = 12_000
    around: Annotated[int, Ge(2)] = 512
    patch: Annotated[int, Ge(2)] = 64
    kept: Annotated[int, Ge(1)] = 200
    cold_tau: Annotated[float, Ge(0), Grid(0.2, 0.3, 0.5, 1, 2, 0, stage="cold")] = 0.5
    cold_ridge: Annotated[float, Gt(0), Grid(0.1, 0.2, 0.5, 1, 2, 4, 8, stage="cold")] = 1.0
    cold_weight: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.1, 0.2, 0.5, 1, 2, 4, stage="cold")] = (
        field(default_factory=lambda: dict[str, float]())
    )
    cold_self: Annotated[float, Ge(0), Grid(0, 0.2, 0.4, 0.8, 1.6, stage="cold")] = 0.4
    cold_head: Annotated[float, Grid(-0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4, stage="cold")] = 0.2
    cold_scale: Annotated[float, Ge(0)] = 1.0
    _fitted: _Woven | None = field(default=None, init=False, repr=False)
    _loom: Loom | None = field(default=None, init=False, repr=False, compare=False)
    _kernels: Kernels | None = field(default=None, init=False, repr=False, compare=False)
    _exact: Exact | None = field(default=None, init=False, repr=False, compare=False)
    _shares: tuple[Train, PatchShares] | None = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        self._exact, self._shares = None, None
        if self.solver != "exact":
            met = np.flatnonzero(np.where(train.cold, 0, train.counts()) >= self.least_events)
            if len(met) > self.most_items or (self.solver == "neighbourhoods" and len(met)):
                return self._sew(train, met, rng)
        loom = self._loom if self._loom is not None and self._loom.train is train else self._dress(train)
        senses = self._senses(train)
        matrix = self._closed(loom, senses, self.head)
        rest = np.setdiff1d(np.arange(len(train.items)), loom.rows)
        base = self._base(loom) if len(rest) else matrix
        if self._kernels is None or self._kernels.shape != (len(rest), len(loom.rows)):
            self._kernels = Kernels(train.table, loom.rows, rest)
        weaves = self._kernels.mixture(self._cold_weights(train), self.cold_tau, self.cold_ridge)
        self._fitted = _Woven(loom.rows, rest, matrix, weaves, base, len(train.items))
        return self

    def _sew(self, train: Train, solved: Int64[Array, " solved"], rng: np.random.Generator) -> Self:
        self._loom, self._kernels = None, None
        rest = np.setdiff1d(np.arange(len(train.items)), solved)
        work = sewn(self._strands(train, solved), rest, self.patch, self.around, self.kept, rng)
        base = work.matrix if work.base is None else work.base
        self._fitted = _Woven(solved, rest, work.matrix, work.mixture, base, len(train.items), work.near, work.far)
        return self

    def _strands(self, train: Train, solved: Int64[Array, " solved"]) -> Strands:
        return Strands.of(train, solved, self._terms(train))

    def _dress(self, train: Train) -> Loom:
        counts = np.where(train.cold, -1, train.counts())
        order = np.lexsort((np.arange(len(counts)), -counts))
        kept = order[: self.most_items]
        rows = np.sort(kept[counts[kept] >= self.least_events])
        if not len(train.histories.items):  # no log: the modalities alone are the sum that is inverted
            rows = np.sort(kept)
        self._kernels = None
        self._loom = Loom(train, rows.astype(np.int64))
        return self._loom

    def _senses(self, train: Train) -> dict[str, tuple[float, float]]:
        """Active senses: (a, tau)."""
        pairs = {s: (self.weight.get(s, WEIGHT), self.tau.get(s, TAU)) for s in train.table}
        return {s: pair for s, pair in pairs.items() if pair[0] > 0}

    def _cold_weights(self, train: Train) -> dict[str, float]:
        return {sense: self.cold_weight.get(sense, self.default("cold_weight")) for sense in train.table}

    def _closed(self, loom: Loom, senses: Mapping[str, tuple[float, float]], head: float) -> ItemSquare:
        b = weights(loom.inverse(self.user_power, self.item_power, self.regularisation, senses, self.fill))
        if self.log_blend and senses:
            alone = weights(loom.inverse(self.user_power, self.item_power, self.regularisation, {}, "mask"))
            b += np.float32(self.log_blend) * alone
        popular = np.maximum(loom.counts, 1)
        if self.history_power:
            b *= popular[:, None] ** np.float32(-self.history_power)
        if head:
            b *= popular[None, :] ** np.float32(head)
        return b

    def _base(self, loom: Loom) -> ItemSquare:
        """What new items are regressed from: the log-only matrix, and on its empty diagonal the item itself.

        Without the diagonal a new item would hear from the neighbours of the item that it resembles, but not from
        that item. `cold_self` is in units of the mean length of a column.
        """
        base = self._closed(loom, {}, self.cold_head)
        length = float(np.sqrt(np.einsum("ij,ij->", base, base, dtype=np.float64) / max(len(base), 1)))
        base[np.diag_indices(len(base))] = np.float32(self.cold_self * length)
        return base

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        f = self._ready()
        history = queries.histories.matrix(f.n_items, now=queries.now)
        told = self._told(history)
        if not len(f.rest):
            return _columns(told, f.matrix, candidates)
        wanted = np.arange(f.n_items) if candidates is None else candidates.astype(np.int64)
        place = np.full(f.n_items, -1, dtype=np.int64)
        place[f.solved] = np.arange(len(f.solved))
        far = np.flatnonzero(place[wanted] < 0)
        near = np.flatnonzero(place[wanted] >= 0)
        if not len(far):
            return _columns(told, f.matrix, place[wanted])
        out = np.zeros((len(queries), len(wanted)), dtype=np.float32)
        if len(near):
            out[:, near] = _columns(told, f.matrix, place[wanted[near]])
        rows = np.searchsorted(f.rest, wanted[far])
        out[:, far] = np.float32(self.cold_scale) * _columns(told @ f.base, f.turned, rows)
        return out

    def _told(self, history: csr_array) -> csr_array | Float32[Array, "queries solved"]:
        """The history in terms of solved items: any other item speaks through its mixture."""
        f = self._ready()
        if not len(f.rest):
            return history
        told = history[:, f.solved]
        others = history[:, f.rest]
        if not others.nnz:
            return told
        mixed = others @ f.weaves
        return csr_array(told + mixed) if isinstance(mixed, csr_array) else told.toarray() + mixed

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """Exact shares by event and by sense (see `_exact`). The first one solves the model in float64.

        Memory: up to three solved x solved float64 arrays, kept for the next explanation. By neighbourhoods the
        patches of the asked items are solved again (`_patch_shares`), and the scaled log is kept.
        """
        f = self._ready()
        if f.near is not None and f.far is not None:
            patches = self._patchily(train, f.near, f.far)
            shares = patches.shares(patches.told(query.histories), items.astype(np.int64))
        else:
            exact = self.exactly(train)
            shares = exact.shares(exact.told(query.histories), items.astype(np.int64))
        return Contributions(items, tuple(shares), np.stack(list(shares.values()), axis=2), np.zeros(len(items)))

    def apply(self, before: Train, after: Train) -> Self:
        """A weave that follows a change: settings, weights and scalers frozen, the arrays those of a fit on `after`.

        before: what this one was fitted on. Low rank or borders of the inverse while that is cheaper than a solve (see
        `_change`); in float64, so the first change after a fit or a load pays for one solve. Items whose mixtures were
        thinned (a very large catalogue) keep the largest weights, as in a fit. A weave by neighbourhoods is fitted
        again with its settings; its scalers are those of `after`.
        """
        if self._ready().near is not None:
            return replace(self).fit(after, np.random.default_rng(0))
        exact = changed(self.exactly(before), after, self.least_events, self.most_items)
        ground = exact.ground
        mixture = thinned(exact, ground.rest) if len(ground.rest) else nothing((0, len(ground.solved)))
        kept = mixture if isinstance(mixture, csr_array) and mixture.nnz else None
        base = exact.base if len(ground.rest) else exact.matrix
        woven = _Woven(ground.solved, ground.rest, _single(exact.matrix), mixture, _single(base), len(after.items))
        model = replace(self)
        model._fitted, model._exact = woven, replace(exact, kept=kept)
        return model

    def exactly(self, train: Train) -> Exact:
        """This model in float64; train: what it was fitted on. The last one is kept."""
        f = self._ready()
        if self._exact is None or self._exact.ground.train is not train:
            terms = self._terms(train)
            kept = f.weaves if isinstance(f.weaves, csr_array) and f.weaves.nnz else None
            scalers = Scalers.of(train, f.solved, terms)
            self._exact = Exact.solved(Ground(train, f.solved, terms, scalers), kept)
        return self._exact

    def _patchily(self, train: Train, near: Neighbourhoods, far: Neighbourhoods) -> PatchShares:
        """This model by neighbourhoods, for shares; the last one is kept."""
        if self._shares is None or self._shares[0] is not train:
            f: Any = self._ready()
            base = f.base if len(f.rest) else None
            work = Patchwork(f.matrix, near, base, f.weaves, far)
            self._shares = train, PatchShares(self._strands(train, f.solved), work, f.rest)
        return self._shares[1]

    def _terms(self, train: Train) -> Terms:
        cold = self._cold_weights(train)
        total = sum(cold.values())
        return Terms(
            senses=self._senses(train),
            user_power=self.user_power,
            item_power=self.item_power,
            regularisation=self.regularisation,
            history_power=self.history_power,
            head=self.head,
            log_blend=self.log_blend,
            fill=self.fill,
            cold_shares={sense: weight / total for sense, weight in cold.items() if weight},
            cold_tau=self.cold_tau,
            cold_ridge=self.cold_ridge,
            cold_self=self.cold_self,
            cold_head=self.cold_head,
            cold_scale=self.cold_scale,
        )

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        return self.score(Queries.of([[int(i)] for i in items]))

    def _ready(self) -> _Woven:
        assert self._fitted is not None, "fit before scoring"
        return self._fitted

    def reuse(self, other: "Weave") -> None:
        """Take over what another weave has computed from the same train value (a search tries many settings)."""
        if (self.least_events, self.most_items) == (other.least_events, other.most_items):
            self._loom, self._kernels = other._loom, other._kernels

    def default(self, setting: str) -> float:
        """What a sense that is not named gets."""
        return {"weight": WEIGHT, "tau": TAU, "cold_weight": 1.0}[setting]

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """The same model said in the simplest way: what changes nothing on this data is left at its first value."""
        said = dict(settings)
        active = {s: a for s, a in dict(said.get("weight", {})).items() if s in train.table and a > 0}
        said["weight"] = active
        said["tau"] = {s: t for s, t in dict(said.get("tau", {})).items() if s in active}
        if not active:
            said["log_blend"], said["fill"] = 0, "mask"
        warm = ~train.cold
        if all(train.table[s].present[warm].all() for s in active):
            said["fill"] = "mask"
        if not train.cold.any() and train.counts().min(initial=1) >= said.get("least_events", 1):
            said = {name: value for name, value in said.items() if not name.startswith("cold_")}
        return said

    def state(self) -> State:
        f = self._ready()
        learned = {name: getattr(f, name) for name in ("solved", "rest", "matrix", "weaves", "base", "n_items")}
        for side, hood in (("near", f.near), ("far", f.far)):
            if hood is not None:
                learned |= {f"{side}_{name}": getattr(hood, name) for name in _HOOD}
        return state_of(self, **learned)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        solved, rest = np.asarray(state["solved"]), np.asarray(state["rest"])
        near, far = (
            Neighbourhoods(*(np.asarray(state[f"{side}_{name}"]) for name in _HOOD))
            if f"{side}_patch" in state
            else None
            for side in ("near", "far")
        )
        matrix, base = (s if isinstance(s, csr_array) else np.asarray(s) for s in (state["matrix"], state["base"]))
        model._fitted = _Woven(solved, rest, matrix, state["weaves"], base, int(state["n_items"]), near, far)
        return model


def _columns(left: Any, right: Any, columns: Int32[Array, " some"] | Int64[Array, " some"] | None) -> Scores:
    """Some columns of a product. Of a large sparse matrix few are taken before, many after: taking them copies it."""
    if columns is not None and (not isinstance(right, csr_array) or FEW * len(columns) < right.shape[1]):
        right, columns = right[:, columns], None
    product = left @ right
    dense = np.asarray(product.toarray() if isinstance(product, csr_array) else product, dtype=np.float32)
    return dense if columns is None else np.ascontiguousarray(dense[:, columns])


def _single(square: Float64[Array, "_ _"]) -> ItemSquare:
    return square.astype(np.float32)
