"""LightGCN: vectors passed along the graph of users and items."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning import losses
from gobelin.learning.loop import Plan, best_epoch
from gobelin.models._graph import Layers, Walks, asked, askers, layered, learn_pairs, starting, weight
from gobelin.models._pairwise import Pairs
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Lightgcn:
    """LightGCN: BPR on means over layers of vectors passed along the log, y^{l+1} = R'z^l, z^{l+1} = R y^l.

    R = D_u^-1/2 X D_i^-1/2. (He, Deng, Wang, Li, Zhang, Wang, SIGIR 2020.) The loss is -ln sigma(s_ui - s_uj) for each
    pair and one other item drawn anew each epoch, plus l/2 (|y_i^0|^2 + |y_j^0|^2); the whole graph is gone along for
    each batch.

    layers: past layer 0; regularisation: l; factors: length of y; left_out: a user is compared as they would be if
    they had not taken i, as whoever asks has not taken what is to be found; batch: pairs a step; epochs: at most, with
    a monitor the best is kept; patience: answers of the monitor without a better one, one each fifth epoch.

    The paper learns z^0 of each user; here z^0 = R y^0, so no user is stored, half of the parameters is left, and
    whoever asks gets the vector that a user of the same history has. left_out is not the paper's either (False is).
    Items without events score zero. Relations: one of rank `factors` of the walks that rp3beta takes; freedom and mgcn
    hear the senses too.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.001, 0.003, 0.01, 0.03)] = 0.01
    regularisation: Annotated[float, Ge(0), Grid(0, 0.0001, 0.001, 0.01, 0.1)] = 0.001
    layers: Annotated[int, Ge(1), Grid(1, 2, 3, 4)] = 2
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
        log = train.matrix()
        walks = Walks(log)
        self._by_item = walks.by_item
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Network(walks, train.counts() > 0, self.factors, self.layers, chance)

        def loss(batch: Pairs, _: torch.Generator) -> Tensor:
            users, taken, others = batch
            told = network()
            z = askers(told, walks, walks, users, taken if self.left_out else None)  # (n, factors)
            compared = losses.bpr((z * told.vectors[taken]).sum(-1), (z * told.vectors[others]).sum(-1))
            return compared + self.regularisation / 2 * weight(network.first, batch)

        def judge() -> float:
            self._keep(network)
            return monitor(self) if monitor else 0.0

        plan = Plan(self.epochs, self.learning_rate, every=5, patience=self.patience)
        self.curve = learn_pairs(network, loss, log, self.batch, plan, rng, judge if monitor else None, journal)
        self.best_epoch = best_epoch(self.curve)
        self._keep(network)
        return self

    @torch.no_grad()
    def _keep(self, network: "_Network") -> None:
        told = network()
        self._given, self._items = (told.first + told.given).numpy().copy(), told.vectors.numpy().copy()

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


class _Network(nn.Module):
    def __init__(
        self, walks: Walks, known: Bool[Array, " items"], factors: int, layers: int, chance: torch.Generator
    ) -> None:
        super().__init__()
        self.walks, self.layers = walks, layers
        self.first = starting(known, factors, chance)

    def forward(self) -> Layers:
        return layered(self.walks, self.first, self.layers)
