"""Feature-combining matrix factorisation: an item is the sum of what it is and of what its senses say."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt
from scipy.sparse import csr_array, hstack
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning import losses
from gobelin.learning.layers import table
from gobelin.learning.loop import Plan, best_epoch, learn
from gobelin.learning.propagation import Propagation
from gobelin.learning.sampling import Negatives
from gobelin.learning.senses import dense, joined
from gobelin.models._pairwise import OTHERS, Pairs, triples
from gobelin.models._preferring import preferring
from gobelin.models._transfer import nothing
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import FeatureTable, Queries, Train

Loss = Literal["bpr", "softmax"]


@dataclass(kw_only=True)
class FeatureMf:
    """Matrix factorisation whose item vector is y_i + sum of its attributes' vectors + E f_i; its loudness likewise.

    (LightFM, Kula, CBRecSys 2015.) Each column of a sparse sense (an attribute, a word) has a vector and a loudness of
    its own, which an item takes by its unit row; f_i joins the unit vectors of the dense senses. Trained on each pair
    and other items drawn anew each epoch: "bpr" -ln sigma(s_ui - s_uj) against one, "softmax" the sampled softmax
    against others drawn for the whole batch, of which a user's own do not count; plus l/2 of the vectors of a triple.

    factors: length of the vectors; regularisation: l; negatives: of softmax, others drawn with a batch and shared by
    its pairs; batch: pairs a step; epochs: at most, with a monitor the best is kept; patience: answers of the monitor
    without a better one, one each fifth epoch.

    An item without events is never drawn and is told by its senses alone: cold items are scored. LightFM's users have
    features too and its WARP draws until it errs; softmax against many, which weighs
    the hardest most, stands in for it. No user is
    stored: whoever asks gets the vector that their history wants by BPR (`bpr_mf`), whatever the loss. Relations:
    bpr_mf without senses; vbpr sets what the senses say beside y, so that behaviour and senses do not share dimensions.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003, 0.01)] = 0.003
    regularisation: Annotated[float, Ge(0), Grid(0.001, 0.003, 0.01, 0.03, 0.1)] = 0.01
    loss: Annotated[Loss, Grid("bpr", "softmax")] = "bpr"
    factors: Annotated[int, Ge(1), Grid(32, 64, 128)] = 64
    negatives: Annotated[int, Ge(1)] = 256
    batch: Annotated[int, Ge(1)] = 2048
    epochs: Annotated[int, Ge(1)] = 200
    patience: Annotated[int, Ge(1)] = 4
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _items: Float32[Array, "items factors"] = field(init=False, repr=False, compare=False)
    _loud: Float32[Array, " items"] = field(init=False, repr=False, compare=False)
    _others: Array = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log, known = train.matrix(), train.counts() > 0
        self._others = rng.choice(np.flatnonzero(known if known.any() else ~known), OTHERS)
        columns, said = _columns(train.table), _dense(train.table, known, rng)
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = _Features(len(train.users), known, columns, said, self.factors, chance)
        others = Negatives(log, barred=None if known.all() else ~known)
        pool = torch.from_numpy(np.flatnonzero(known))

        def loss(batch: Pairs, chance: torch.Generator) -> Tensor:
            users, taken, far = batch
            vectors, loud = network()
            z = network.people[users]  # (n, factors)
            positive = (z * vectors[taken]).sum(-1) + loud[taken]
            if self.loss == "bpr":
                compared = losses.bpr(positive, (z * vectors[far]).sum(-1) + loud[far])
            else:
                far = pool[torch.randint(len(pool), (self.negatives,), generator=chance)]
                own = torch.from_numpy(log[users.numpy()][:, far.numpy()].toarray() > 0)
                negative = z @ vectors[far].T + loud[far]  # (n, negatives)
                compared = losses.sampled_softmax(positive, negative.masked_fill(own, -torch.inf))
            weight = (z**2).sum(-1).mean() + (vectors[taken] ** 2).sum(-1).mean() + (vectors[far] ** 2).sum(-1).mean()
            return compared + self.regularisation / 2 * weight

        def judge() -> float:
            self._keep(network)
            return monitor(self) if monitor else 0.0

        self.curve = learn(
            network,
            lambda order: triples(log, others, self.batch, order),
            loss,
            Plan(self.epochs, self.learning_rate, every=5, patience=self.patience),
            rng,
            judge=judge if monitor else None,
            journal=journal,
        )
        self.best_epoch = best_epoch(self.curve)
        self._keep(network)
        return self

    @torch.no_grad()
    def _keep(self, network: "_Features") -> None:
        vectors, loud = network()
        self._items, self._loud = vectors.numpy().copy(), loud.numpy().copy()

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


def _columns(senses: FeatureTable) -> csr_array:
    """(items, columns of all sparse senses) unit rows of each, side by side."""
    units = [one.unit() for one in senses.features.values() if one.sparse]
    if not units:
        return nothing((len(senses.ids), 0))
    return csr_array(hstack(units, format="csr"))


def _dense(senses: FeatureTable, known: Bool[Array, " items"], rng: np.random.Generator) -> Float32[Array, "items dim"]:
    told = senses.only(*(name for name, one in senses.features.items() if not one.sparse))
    return joined(dense(told, known if known.any() else ~known, rng), len(known))


class _Features(nn.Module):
    """Vectors and loudness of all items, which lie side by side: (items, factors + 1)."""

    known: Tensor
    said: Tensor

    def __init__(
        self,
        users: int,
        known: Bool[Array, " items"],
        columns: csr_array,
        said: Float32[Array, "items dim"],
        factors: int,
        chance: torch.Generator,
    ) -> None:
        super().__init__()
        small = 0.1 / factors**0.5
        self.people = table(users, factors, small, chance)
        self.own = table(len(known), factors + 1, small, chance)
        self.has = Propagation(columns)
        self.attributes = table(columns.shape[1], factors + 1, small, chance)
        self.hears = table(said.shape[1], factors + 1, small, chance)  # E
        self.register_buffer("said", torch.from_numpy(said), persistent=False)
        with torch.no_grad():  # nothing teaches what an item without events is beside its senses
            self.own[torch.from_numpy(~known)] = 0

    def forward(self) -> tuple[Tensor, Tensor]:
        """(items, factors) and (items,)."""
        whole = self.own + self.has(self.attributes) + self.said @ self.hears
        return whole[:, :-1], whole[:, -1]
