"""BPR-MF: matrix factorisation by comparing what was taken with what was not."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import nn

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.layers import table
from gobelin.learning.loop import Plan, best_epoch, learn
from gobelin.learning.row_bpr import row_bpr
from gobelin.learning.sampling import Negatives
from gobelin.models._pairwise import OTHERS, triples
from gobelin.models._preferring import preferring
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class BprMf:
    """BPR-MF: min sum over taken i, other j of -ln sigma(z_u'(y_i - y_j) + b_i - b_j) + l/2 (|z|^2 + |y|^2).

    (Rendle, Freudenthaler, Gantner, Schmidt-Thieme, UAI 2009.) For each pair one other item is drawn anew each epoch.
    Only the rows that a batch names are moved, by AdaGrad with one memory a row: epochs are quick, and many are wanted.

    factors: length of the vectors; regularisation: l; batch: pairs a step; epochs: at most, with a monitor the best is
    kept; patience: answers of the monitor without a better one, one each twentieth epoch.

    No user is stored: whoever asks gets the vector that their history wants among the learned items, by the same loss
    against 200 items that stand for the catalogue. Relations: als weighs all pairs at once and is stronger on most
    logs; vbpr hears the senses too.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.003, 0.01, 0.03, 0.1)] = 0.01
    regularisation: Annotated[float, Ge(0), Grid(0.001, 0.003, 0.01, 0.03, 0.1)] = 0.01
    factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    batch: Annotated[int, Ge(1)] = 4096
    epochs: Annotated[int, Ge(1)] = 400
    patience: Annotated[int, Ge(1)] = 4
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _loud: Float32[Array, " items"] = field(init=False, repr=False, compare=False)
    _others: Array = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log = train.matrix()
        self._others = rng.integers(0, max(len(train.items), 1), OTHERS if len(train.items) else 0)
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Factors(len(train.users), len(train.items), self.factors, chance)
        negatives = Negatives(log)

        def judge() -> float:
            self._keep(network)
            return monitor(self) if monitor else 0.0

        self.curve = learn(
            network,
            lambda order: triples(log, negatives, self.batch, order),
            lambda batch, _: row_bpr(network.people, network.vectors, network.loud, batch, self.regularisation),
            Plan(self.epochs, self.learning_rate, "rows", every=20, patience=self.patience),
            rng,
            judge=judge if monitor else None,
            journal=journal,
        )
        self.best_epoch = best_epoch(self.curve)
        self._keep(network)
        return self

    def _keep(self, network: "_Factors") -> None:
        self._items = network.vectors.detach().numpy().copy()
        self._loud = network.loud.detach().numpy().copy()

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries dim"]:
        """(queries, factors + 1): the last number meets how loud an item is."""
        log = queries.histories.matrix(len(self._items), now=queries.now)
        z = preferring(log, self._items, self._loud, self._others, self.regularisation)
        return np.hstack([z, np.ones((len(z), 1), dtype=np.float32)])

    def item_vectors(self) -> Float32[Array, "items dim"]:
        return np.hstack([self._items, self._loud[:, None]])

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self.item_vectors()
        return np.asarray(self.query_vectors(queries) @ (items if candidates is None else items[candidates]).T)

    def state(self) -> State:
        return state_of(self, items=self._items, loud=self._loud, others=self._others)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._items, model._loud, model._others = (np.asarray(state[name]) for name in ("items", "loud", "others"))
        return model


class _Factors(nn.Module):
    def __init__(self, users: int, items: int, factors: int, chance: torch.Generator) -> None:
        super().__init__()
        self.people = table(users, factors, 0.1 / factors**0.5, chance)
        self.vectors = table(items, factors, 0.1 / factors**0.5, chance)
        self.loud = nn.Parameter(torch.zeros(items))
