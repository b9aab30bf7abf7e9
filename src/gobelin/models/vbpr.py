"""VBPR: BPR whose items are also heard through their senses."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning.layers import table
from gobelin.learning.loop import Plan, best_epoch, learn
from gobelin.learning.sampling import Negatives
from gobelin.learning.senses import dense, joined
from gobelin.models._pairwise import OTHERS, compared, triples
from gobelin.models._preferring import preferring
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train


@dataclass(kw_only=True)
class Vbpr:
    """VBPR: BPR with item vectors [y_i ; E f_i] and loudness b_i + beta'f_i, f_i what the senses say of item i.

    (He and McAuley, AAAI 2016.) The loss is bpr_mf's: -ln sigma(s_ui - s_uj) for each pair and one other item drawn
    anew each epoch, plus l/2 of the vectors of the triple. f_i joins the unit vectors of all senses and has unit
    length; those that an item lacks are left out.

    factors: length of y, which the log alone teaches; sense_factors: length of E f; regularisation: l; batch: pairs a
    step; epochs: at most, with a monitor the best is kept; patience: answers of the monitor without a better one, one
    each fifth epoch.

    An item without events is never drawn as the other one, and is told by E f alone: cold items are scored. The paper
    hears one sense (pictures) and weighs E and beta apart from the vectors; here l weighs E f itself. No user is
    stored: whoever asks gets the vector that their history wants, as in bpr_mf. Relations: without senses it is
    bpr_mf; feature_mf adds senses to y where this one sets them beside it; freedom and mgcn hear them along graphs.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003, 0.01)] = 0.003
    regularisation: Annotated[float, Ge(0), Grid(0.001, 0.003, 0.01, 0.03, 0.1)] = 0.01
    factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    sense_factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    batch: Annotated[int, Ge(1)] = 2048
    epochs: Annotated[int, Ge(1)] = 200
    patience: Annotated[int, Ge(1)] = 4
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _items: Float32[Array, "items dim"] = field(init=False, repr=False, compare=False)
    _loud: Float32[Array, " items"] = field(init=False, repr=False, compare=False)
    _others: Array = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log = train.matrix()
        known = train.counts() > 0
        said = joined(dense(train.table, known if known.any() else ~known, rng), len(known))
        self._others = rng.choice(np.flatnonzero(known if known.any() else ~known), OTHERS)
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Factors(len(train.users), known, said, self.factors, self.sense_factors, chance)
        negatives = Negatives(log, barred=None if known.all() else ~known)

        def judge() -> float:
            self._keep(network)
            return monitor(self) if monitor else 0.0

        self.curve = learn(
            network,
            lambda order: triples(log, negatives, self.batch, order),
            lambda batch, _: compared(network, batch, self.regularisation),
            Plan(self.epochs, self.learning_rate, every=5, patience=self.patience),
            rng,
            judge=judge if monitor else None,
            journal=journal,
        )
        self.best_epoch = best_epoch(self.curve)
        self._keep(network)
        return self

    @torch.no_grad()
    def _keep(self, network: "_Factors") -> None:
        vectors, loud = network.items(torch.arange(len(network.own)))
        self._items, self._loud = vectors.numpy().copy(), loud.numpy().copy()

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries dim"]:
        """(queries, factors + sense_factors + 1): the last number meets how loud an item is."""
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
    said: Tensor

    def __init__(
        self,
        users: int,
        known: Bool[Array, " items"],
        said: Float32[Array, "items dim"],
        factors: int,
        sense_factors: int,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        heard = sense_factors if said.shape[1] else 0
        small = 0.1 / (factors + heard) ** 0.5
        self.people = table(users, factors + heard, small, chance)
        self.own = table(len(known), factors, small, chance)
        self.loud = nn.Parameter(torch.zeros(len(known)))
        self.hears = table(said.shape[1], heard, small, chance)  # E
        self.liking = nn.Parameter(torch.zeros(said.shape[1]))  # beta
        self.register_buffer("said", torch.from_numpy(said), persistent=False)
        with torch.no_grad():  # nothing teaches the vector of an item without events
            self.own[torch.from_numpy(~known)] = 0

    def items(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        said = self.said[rows]  # (n, dim)
        return torch.cat([self.own[rows], said @ self.hears], dim=-1), self.loud[rows] + said @ self.liking
