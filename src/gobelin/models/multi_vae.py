"""Mult-VAE: a network that gives whole histories back, through a narrow and noisy middle."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.fitted import remade, state_of
from gobelin.learning import losses
from gobelin.learning.layers import dropout, linear, table
from gobelin.learning.loop import Plan, best_epoch, learn
from gobelin.models._sequential import restore_network, state_of_network
from gobelin.parts import Grid
from gobelin.protocols import Epoch, Journal, Monitor, State
from gobelin.values import Queries, Train

ROOM = 1 << 25  # scores of a step at most: 128 MiB, of which a step holds about four


@dataclass(kw_only=True)
class MultiVae:
    """Mult-VAE: min -sum_i x_i ln softmax(decode(z))_i + b KL(z | N(0, I)), z drawn around what the encoder says of x.

    (Liang, Krishnan, Hoffman, Jebara, WWW 2018.) x: the history, unit length, items dropped at random; b rises from 0
    to `divergence` over `anneal` steps. form "denoising" is the paper's Mult-DAE: z is what the encoder says, b = 0,
    and `decay` holds the weights. Both layers around the middle have `hidden` tanh units.

    factors: of z; dropout: of a history's items. The scores are inner products of the decoder's last layer and a
    vector of each item, so an index can hold them.

    Memory: two tables of items x hidden, each five times while training; a step has fewer people than `batch` where
    people x items would pass 2^25. At 1,000,000 items and 600 hidden units the tables alone take 24 GB: take fewer
    units. An empty history scores zero everywhere; items without events are never foretold. Relations: ease has no
    middle and is solved, not trained; no senses are read.
    """

    needs: ClassVar[tuple[str, ...]] = ("deep",)

    divergence: Annotated[float, Ge(0), Grid(0.0, 0.05, 0.1, 0.2, 0.5, 1.0)] = 0.2
    dropout: Annotated[float, Ge(0), Lt(1), Grid(0.1, 0.3, 0.5, 0.7)] = 0.5
    learning_rate: Annotated[float, Gt(0), Grid(0.0003, 0.001, 0.003)] = 0.001
    factors: Annotated[int, Ge(1), Grid(64, 128, 200, 300)] = 200
    hidden: Annotated[int, Ge(1), Grid(200, 400, 600)] = 600
    form: Annotated[Literal["variational", "denoising"], Grid("variational", "denoising")] = "variational"
    decay: Annotated[float, Ge(0), Grid(0.0, 0.01, 0.1, 1.0)] = 0.0
    anneal: Annotated[int, Ge(1)] = 1000
    batch: Annotated[int, Ge(1)] = 500
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 5
    curve: tuple[Epoch, ...] = field(default=(), init=False, repr=False, compare=False)
    best_epoch: int = field(default=0, init=False, repr=False, compare=False)
    _network: "_Autoencoder" = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self:
        log = train.matrix()
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = self._network = self._new_network(len(train.items), chance)
        most = max(ROOM // max(len(train.items), 1), 1)
        plan = Plan(self.epochs, self.learning_rate, "adamw", self.decay, every=2, patience=self.patience)

        def loss(some: csr_array, chance: torch.Generator) -> Tensor:
            mean, log_variance = network.encode(some, chance, self.dropout)
            if self.form == "denoising":
                return losses.multinomial(network.decode(mean), _dense(some))
            z = mean + torch.randn(mean.shape, generator=chance) * (0.5 * log_variance).exp()
            network.steps += 1
            weight = self.divergence * float(torch.clamp(network.steps / self.anneal, max=1))
            told = losses.multinomial(network.decode(z), _dense(some))
            return told + weight * losses.normal_divergence(mean, log_variance)

        self.curve = learn(
            network,
            lambda order: _batches(log, min(self.batch, most), order),
            loss,
            plan,
            rng,
            judge=(lambda: monitor(self)) if monitor else None,
            journal=journal,
        )
        self.best_epoch = best_epoch(self.curve)
        return self

    def _new_network(self, items: int, chance: torch.Generator) -> "_Autoencoder":
        return _Autoencoder(items, self.hidden, self.factors, chance)

    @torch.no_grad()
    def query_vectors(self, queries: Queries) -> Float32[Array, "queries dim"]:
        """(queries, hidden + 1): the last number meets how loud an item is; zeros of an empty history."""
        log = queries.histories.matrix(self._network.loud.shape[0], now=queries.now)
        mean, _ = self._network.encode(log, None, 0.0)
        out = np.hstack([self._network.widen(mean).numpy(), np.ones((len(queries), 1), dtype=np.float32)])
        out[np.diff(log.indptr) == 0] = 0
        return out

    def item_vectors(self) -> Float32[Array, "items dim"]:
        told = self._network.out.detach().numpy(), self._network.loud.detach().numpy()[:, None]
        return np.hstack(told)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        items = self.item_vectors()
        return np.asarray(self.query_vectors(queries) @ (items if candidates is None else items[candidates]).T)

    def state(self) -> State:
        return state_of(self, items=self._network.loud.shape[0], **state_of_network(self._network))

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._network = model._new_network(int(state["items"]), torch.Generator())
        restore_network(model._network, state)
        return model


class _Autoencoder(nn.Module):
    """steps: taken in training, so that a killed one goes on with the same weight of the divergence."""

    steps: Tensor

    def __init__(self, items: int, hidden: int, factors: int, chance: torch.Generator) -> None:
        super().__init__()
        bound = (2 / (items + hidden)) ** 0.5  # Xavier's deviation
        self.into = table(items, hidden, bound, chance)
        self.into_bias = nn.Parameter(torch.zeros(hidden))
        self.middle = linear(hidden, 2 * factors, chance)
        self.wide = linear(factors, hidden, chance)
        self.out = table(items, hidden, bound, chance)
        self.loud = nn.Parameter(torch.zeros(items))
        self.register_buffer("steps", torch.zeros(()))

    def encode(self, log: csr_array, chance: torch.Generator | None, share: float) -> tuple[Tensor, Tensor]:
        """(n, items) -> mean and log variance of z, (n, factors) each. Rows of `into` are summed, never a dense log."""
        length = np.sqrt(np.asarray(log.multiply(log).sum(axis=1)).ravel())
        weight = log.data / np.repeat(np.maximum(length, 1e-12), np.diff(log.indptr))
        given = dropout(torch.from_numpy(weight).to(self.into.dtype), share, chance)
        place, start = (torch.from_numpy(part.astype(np.int64)) for part in (log.indices, log.indptr[:-1]))
        summed = functional.embedding_bag(place, self.into, start, mode="sum", per_sample_weights=given)
        mean, log_variance = self.middle(torch.tanh(summed + self.into_bias)).chunk(2, dim=-1)
        return mean, log_variance

    def widen(self, z: Tensor) -> Tensor:
        return torch.tanh(self.wide(z))

    def decode(self, z: Tensor) -> Tensor:
        """(n, factors) -> (n, items)."""
        return self.widen(z) @ self.out.T + self.loud


def _batches(log: csr_array, size: int, rng: np.random.Generator) -> Iterator[csr_array]:
    """One epoch: everyone with a history once, in random order."""
    rows = rng.permutation(np.flatnonzero(np.diff(log.indptr)))
    for start in range(0, len(rows), size):
        yield csr_array(log[rows[start : start + size]])


def _dense(log: csr_array) -> Tensor:
    return torch.from_numpy(log.toarray())
