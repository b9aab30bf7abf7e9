"""FREEDOM: LightGCN with a frozen graph of items that are alike in their senses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from scipy.sparse import csr_array
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning import losses
from gobelin.learning.layers import linear
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.propagation import Propagation
from gobelin.learning.senses import Sense, dense
from gobelin.models._graph import Walks, asked, askers, layered, learn_pairs, starting, weight
from gobelin.models._near import blended
from gobelin.models._pairwise import Pairs
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Freedom:
    """FREEDOM: LightGCN on a log of which pairs are left out, plus S y^0 along a frozen graph S of items alike.

    (Zhou and Shen, MM 2023.) Item vectors are LightGCN's mean over layers plus S^h y^0; S joins the graphs of the k
    nearest items in each sense, made once. Each epoch goes along another part of the log, of which pairs are drawn
    with chance (d_u d_i)^-1/2, so that popular ones are left out first. The loss is BPR of the scores plus, for each
    sense, a BPR of z_u'W_m f_i, f_i what it says of item i.

    layers: along the log, past layer 0; item_layers: h, along S; dropout: share of pairs left out each epoch; weights:
    of the senses' graphs, by name, 1 where not named; neighbours: k; sense_loss: what a sense's BPR weighs;
    regularisation: of the y^0 of a triple; factors: length of y; left_out: a user is compared as if they had not taken
    the item; batch: pairs a step; epochs: at most, with a monitor the best is kept; patience: answers of the monitor
    without a better one, one each fifth epoch.

    Items without events have S^h y^0 alone, of known neighbours: cold items are scored, and in a history they give
    what their neighbours give. The paper learns z^0 of each user; here it is R y^0 along the whole log, so no user is
    stored (`lightgcn`). In the paper an item is among its own neighbours, and left_out is False. Relations: lightgcn
    without senses and dropout; mgcn learns how much each item hears its senses.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01, 0.03)] = 0.01
    weights: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.3, 1, 3)] = field(default_factory=dict)
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0, 0.5, 0.8, 0.9)] = 0.8
    regularisation: Annotated[float, Ge(0), Grid(0, 0.0001, 0.001, 0.01)] = 0.001
    sense_loss: Annotated[float, Ge(0), Grid(0, 0.001, 0.01, 0.1)] = 0.001
    layers: Annotated[int, Ge(1), Grid(1, 2, 3)] = 2
    item_layers: Annotated[int, Ge(1), Grid(1, 2)] = 1
    neighbours: Annotated[int, Ge(1), Grid(5, 10, 20)] = 10
    factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    left_out: bool = True
    batch: Annotated[int, Ge(1)] = 2048
    epochs: Annotated[int, Ge(1)] = 200
    patience: Annotated[int, Ge(1)] = 4
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _given: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _by_item: Float32[Array, " items"] = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log, known = train.matrix(), train.counts() > 0
        whole = kept = Walks(log)
        self._by_item = whole.by_item
        alike = blended(train.table, self.weights, known, self.neighbours)
        senses = dense(train.table, known, rng) if self.sense_loss else {}
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Network(known, alike, self.item_layers, senses, self.factors, chance)

        def thinned(order: np.random.Generator) -> None:
            nonlocal kept
            kept = Walks(thin(log, self.dropout, order)) if self.dropout else whole

        def loss(batch: Pairs, _: torch.Generator) -> Tensor:
            users, taken, others = batch
            told = layered(whole, network.first, self.layers, kept)
            vectors = told.vectors + network.alike()
            z = askers(told, whole, kept, users, taken if self.left_out else None)  # (n, factors)
            compared = losses.bpr((z * vectors[taken]).sum(-1), (z * vectors[others]).sum(-1))
            by_sense = self.sense_loss * network.by_sense(z, taken, others)
            return compared + by_sense + self.regularisation / 2 * weight(network.first, batch)

        @torch.no_grad()
        def keep() -> None:
            told = layered(whole, network.first, self.layers)
            given = (told.first + told.given).numpy().copy()
            given[~known] = (alike @ given)[~known]
            self._given, self._items = given, (told.vectors + network.alike()).numpy().copy()

        def judge() -> float:
            keep()
            return monitor(self) if monitor else 0.0

        plan = Plan(self.epochs, self.learning_rate, every=5, patience=self.patience)
        told = judge if monitor else None
        self.curve = learn_pairs(network, loss, log, self.batch, plan, rng, told, journal, before=thinned)
        self.best_epoch = best_epoch(self.curve)
        keep()
        return self

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        return np.asarray(asked(queries, self._by_item) @ self._given)

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._items.copy()

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def state(self) -> State:
        return state_of(self, given=self._given, items=self._items, by_item=self._by_item)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._given, model._items, model._by_item = (np.asarray(state[name]) for name in ("given", "items", "by_item"))
        return model


def thin(log: csr_array, share: float, rng: np.random.Generator) -> csr_array:
    """The log without that share of its pairs; a pair stays the likelier, the smaller d_u d_i is."""
    by_user = np.repeat(np.diff(log.indptr), np.diff(log.indptr)).astype(np.float64)
    by_item = np.bincount(log.indices, minlength=log.shape[1])[log.indices]
    # the largest of u^(1/w) are a weighted draw without replacement (Efraimidis and Spirakis, 2006)
    order = np.log(rng.random(log.nnz)) * np.sqrt(by_user * by_item)
    count = round(log.nnz * (1 - share))
    kept = np.zeros(log.nnz, dtype=bool)
    kept[np.argpartition(-order, count - 1)[:count] if count else []] = True
    starts = np.concatenate([[0], np.cumsum(kept)])[log.indptr]
    return csr_array((log.data[kept], log.indices[kept], starts.astype(np.int32)), shape=log.shape)


class _Network(nn.Module):
    def __init__(
        self,
        known: Bool[Array, " items"],
        alike: csr_array,
        item_layers: int,
        senses: Mapping[str, Sense],
        factors: int,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        self.along, self.item_layers = Propagation(alike), item_layers
        self.first = starting(known, factors, chance)
        self.senses = [(torch.from_numpy(one.values), torch.from_numpy(one.present)) for one in senses.values()]
        self.maps = nn.ModuleList([linear(values.shape[1], factors, chance) for values, _ in self.senses])

    def alike(self) -> Tensor:
        """S^h y^0."""
        out: Tensor = self.first
        for _ in range(self.item_layers):
            out = self.along(out)
        return out

    def by_sense(self, z: Tensor, taken: Tensor, others: Tensor) -> Tensor:
        """Sum over senses of BPR between triples of which both items have the sense."""
        out = torch.zeros(())
        for (values, present), told in zip(self.senses, self.maps, strict=True):
            both = present[taken] & present[others]
            if both.any():
                rows, place = torch.unique(torch.cat([taken[both], others[both]]), return_inverse=True)
                near, far = told(values[rows])[place].chunk(2)
                out = out + losses.bpr((z[both] * near).sum(-1), (z[both] * far).sum(-1))
        return out
