"""MGCN: a graph of behaviour and one of likeness in each sense, of which behaviour picks what it needs."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from scipy.sparse import csr_array
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning import losses
from gobelin.learning.layers import linear
from gobelin.learning.loop import Plan, best_epoch
from gobelin.learning.propagation import Propagation
from gobelin.learning.senses import Sense, dense
from gobelin.models._graph import Walks, asked, layered, learn_pairs, starting, weight
from gobelin.models._near import nearest
from gobelin.models._pairwise import Pairs
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train

CONTRASTED = 512  # users, and items, of a batch that InfoNCE tells apart: its cost grows with their square


@dataclass(kw_only=True)
class Mgcn:
    """MGCN: LightGCN's vectors plus what the senses say, purified and fused by what people do.

    (Yu, Tan, Lu, Bao, MM 2023.) Of each sense an item has p_m = y^0 * sigma(W_m f + c_m): of what it says, what
    behaviour needs. Passed along the graph S_m of the k nearest items it is v_m = S_m p_m, and R v_m for users. The
    fuser takes what the senses have in common, sum_m a_m v_m with attention a, and of what each has beside it
    as much as a gate of the behaviour lets through. Vectors are LightGCN's plus the fused ones. The loss is BPR plus
    InfoNCE between the two, for users and for items.

    layers: of behaviour, past layer 0; neighbours: k; contrast: what InfoNCE weighs; temperature: its; regularisation:
    of the y^0 of a triple; factors: length of y; left_out: a user is compared as they would be if they had not taken
    the item; batch: pairs a step; epochs: at most, with a monitor the best is kept; patience: answers of the monitor
    without a better one, one each fifth epoch.

    A sense that an item lacks takes no part in its fusion. Items without events have v_m of known neighbours: cold
    items are scored and may stand in a history. The paper learns z^0 of each user; here it is R y^0, so no user is
    stored: whoever asks gets R's row times what items give in each view, and then the fuser. In the paper an item is
    among its own neighbours, neighbours weigh by cosine, InfoNCE goes one way and over the whole batch (here both ways,
    over 512 of it), and left_out is False. Relations: lightgcn without senses; freedom adds likeness without gates.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01, 0.03)] = 0.01
    contrast: Annotated[float, Ge(0), Grid(0, 0.001, 0.01, 0.1)] = 0.01
    regularisation: Annotated[float, Ge(0), Grid(0, 0.0001, 0.001, 0.01)] = 0.001
    layers: Annotated[int, Ge(1), Grid(1, 2, 3)] = 2
    neighbours: Annotated[int, Ge(1), Grid(5, 10, 20)] = 10
    factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    temperature: Annotated[float, Gt(0)] = 0.2
    left_out: bool = True
    batch: Annotated[int, Ge(1)] = 2048
    epochs: Annotated[int, Ge(1)] = 200
    patience: Annotated[int, Ge(1)] = 4
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _given: Float32[Array, "items views"] = field(init=False, repr=False, compare=False)  # (1 + senses) x factors
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _by_item: Float32[Array, " items"] = field(init=False, repr=False, compare=False)
    _fuser: "_Fuser" = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log, known = train.matrix(), train.counts() > 0
        walks = Walks(log)
        self._by_item = walks.by_item
        senses = dense(train.table, known, rng)
        graphs = [nearest(train.table[name], known, self.neighbours) for name in senses]
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Network(walks, known, list(senses.values()), graphs, self.factors, self.layers, chance)

        def loss(batch: Pairs, _: torch.Generator) -> Tensor:
            users, taken, others = batch
            given, views = network()
            rows, place = torch.unique(torch.cat([taken, others]), return_inverse=True)
            theirs = walks.askers(given, users, taken if self.left_out else None)  # (n, views)
            asker, item = network.fuser(theirs), network.fuser(views[rows])
            z, (near, far) = asker.sum(), item.sum()[place].chunk(2)
            compared = losses.bpr((z * near).sum(-1), (z * far).sum(-1))
            if self.contrast and graphs:
                some = place[: len(taken)][:CONTRASTED].unique()
                apart = item.apart(some, self.temperature)
                apart = apart + asker.apart(torch.arange(min(len(users), CONTRASTED)), self.temperature)
                compared = compared + self.contrast * apart
            return compared + self.regularisation / 2 * weight(network.first, batch)

        @torch.no_grad()
        def keep() -> None:
            given, views = network()
            self._given, self._items = given.numpy().copy(), network.fuser(views).sum().numpy().copy()
            self._fuser = network.fuser

        def judge() -> float:
            keep()
            return monitor(self) if monitor else 0.0

        plan = Plan(self.epochs, self.learning_rate, every=5, patience=self.patience)
        self.curve = learn_pairs(network, loss, log, self.batch, plan, rng, judge if monitor else None, journal)
        self.best_epoch = best_epoch(self.curve)
        keep()
        return self

    @torch.no_grad()
    def query_vectors(self, queries: Queries) -> Float32[Array, "queries factors"]:
        views = np.asarray(asked(queries, self._by_item) @ self._given, dtype=np.float32)
        return np.asarray(self._fuser(torch.from_numpy(views)).sum().numpy())

    def item_vectors(self) -> Float32[Array, "items factors"]:
        return self._items.copy()

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self._items if candidates is None else self._items[candidates]
        return np.asarray(self.query_vectors(queries) @ items.T)

    def state(self) -> State:
        fuser = {name: value.detach().numpy() for name, value in self._fuser.state_dict().items()}
        return state_of(self, given=self._given, items=self._items, by_item=self._by_item, fuser=fuser)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._given, model._items, model._by_item = (np.asarray(state[name]) for name in ("given", "items", "by_item"))
        factors = model._items.shape[1]
        model._fuser = _Fuser(factors, model._given.shape[1] // factors - 1, torch.Generator())
        model._fuser.load_state_dict({name: torch.from_numpy(np.array(it)) for name, it in state["fuser"].items()})
        return model


@dataclass(frozen=True)
class _Fused:
    """(n, dim) each. done: LightGCN's, what people did; told: what the senses say, fused."""

    done: Tensor
    told: Tensor

    def sum(self) -> Tensor:
        return self.done + self.told

    def apart(self, rows: Tensor, temperature: float) -> Tensor:
        """InfoNCE of both sides of these rows; those that lack one (the only item of a user left out) are no row."""
        rows = rows[((self.done[rows] != 0).any(-1) & (self.told[rows] != 0).any(-1))]
        return losses.info_nce(self.told[rows], self.done[rows], temperature) if len(rows) else torch.zeros(())


class _Fuser(nn.Module):
    """Several views of users or items to one vector. The views stand side by side, behaviour first."""

    def __init__(self, factors: int, senses: int, chance: torch.Generator) -> None:
        super().__init__()
        self.factors, self.senses = factors, senses
        self.hidden = linear(factors, factors, chance)
        self.asks = linear(factors, 1, chance, bias=False)
        self.lets = nn.ModuleList([linear(factors, factors, chance) for _ in range(senses)])

    def forward(self, views: Tensor) -> _Fused:
        """views: (n, (1 + senses) factors)."""
        done = views[:, : self.factors]
        if not self.senses:
            return _Fused(done, torch.zeros_like(done))
        said = views[:, self.factors :].reshape(len(views), self.senses, self.factors)  # (n, senses, factors)
        held = (said != 0).any(-1)
        attention = self.asks(torch.tanh(self.hidden(said)))[..., 0].masked_fill(~held, -1e9).softmax(-1)
        common = (attention.unsqueeze(-1) * said).sum(1)  # (n, factors)
        let = torch.stack([torch.sigmoid(gate(done)) for gate in self.lets], dim=1)
        beside = (let * (said - common.unsqueeze(1)) * held.unsqueeze(-1)).sum(1)
        return _Fused(done, (common + beside) / (1 + held.sum(-1, keepdim=True)))


class _Network(nn.Module):
    def __init__(
        self,
        walks: Walks,
        known: Bool[Array, " items"],
        senses: list[Sense],
        graphs: list[csr_array],
        factors: int,
        layers: int,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        self.walks, self.layers = walks, layers
        self.first = starting(known, factors, chance)
        self.senses = [(torch.from_numpy(one.values), torch.from_numpy(one.present).unsqueeze(1)) for one in senses]
        self.along = [Propagation(graph) for graph in graphs]
        self.gates = nn.ModuleList([linear(values.shape[1], factors, chance) for values, _ in self.senses])
        self.fuser = _Fuser(factors, len(senses), chance)

    def forward(self) -> tuple[Tensor, Tensor]:
        """(items, views) what items give to their users, and their own."""
        told = layered(self.walks, self.first, self.layers)
        said = [
            along(self.first * torch.sigmoid(gate(values)) * present)
            for (values, present), along, gate in zip(self.senses, self.along, self.gates, strict=True)
        ]
        return torch.cat([told.first + told.given, *said], dim=1), torch.cat([told.vectors, *said], dim=1)
