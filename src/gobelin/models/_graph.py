"""What models share that pass vectors along the log's graph of users and items, with users that are their histories.

The papers learn a vector for each user (layer 0). Here it is a function of the history, the normalised sum of the
items' layer 0 (in the line of INMO, Wu et al., SIGIR 2022):

    R = D_u^-1/2 X D_i^-1/2,  z^0 = R y^0,  z^{l+1} = R y^l,  y^{l+1} = R' z^l

so that a user's mean over layers 0..L is R applied to one vector for each item, what it *gives* to those who took it.
A stranger's row of R is made of their own degree and the degrees that items had in training, and goes the same way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from gobelin.arrays import Array, Float32
from gobelin.learning import losses
from gobelin.learning.loop import Plan, learn
from gobelin.learning.propagation import Propagation
from gobelin.learning.sampling import Negatives
from gobelin.models._pairwise import Pairs, triples
from gobelin.models._sparse import scaled
from gobelin.protocols import Epoch, Journal
from gobelin.values import Queries


class Walks:
    """R of a log, to go along in both directions. log: (users, items); only which pairs there are counts."""

    def __init__(self, log: csr_array) -> None:
        by_user = np.maximum(np.diff(log.indptr), 1).astype(np.float32) ** -0.5
        self.by_item = rarity(log)
        self.by_user = torch.from_numpy(by_user)
        self.to_users = Propagation(steps(log, self.by_item))
        self.to_items = self.to_users.back

    def shares(self, users: Tensor, items: Tensor) -> Tensor:
        """(n,) entries of R at pairs of the log."""
        return self.by_user[users] * torch.from_numpy(self.by_item)[items]


def rarity(log: csr_array) -> Float32[Array, " items"]:
    """d^-1/2 of each item; 1 where nobody took it."""
    return np.asarray(np.maximum(np.bincount(log.indices, minlength=log.shape[1]), 1).astype(np.float32) ** -0.5)


def steps(log: csr_array, by_item: Float32[Array, " items"]) -> csr_array:
    """Rows of R for some histories: own degrees by rows, those of training by columns."""
    ones = csr_array((np.ones(log.nnz, dtype=np.float32), log.indices, log.indptr), shape=log.shape)
    return scaled(ones, rows=np.maximum(np.diff(log.indptr), 1).astype(np.float32) ** -0.5, columns=by_item)


def asked(queries: Queries, by_item: Float32[Array, " items"]) -> csr_array:
    """(queries, items) rows of R."""
    return steps(queries.histories.matrix(len(by_item), now=queries.now), by_item)


def layered(walks: Walks, first: Tensor, layers: int) -> tuple[Tensor, Tensor]:
    """(items, dim) what items give to their users, and their own vectors: means over the layers 0..layers.

    first: y^0. Layer l of the items is y^{2k-1} = y^{2k} = (R'R)^k y^0, because z^0 and z^1 are one.
    """
    given, vectors, now = first, first, first
    for layer in range(1, layers + 1):
        given = given + now  # z^l comes from y^{l-1}
        if layer % 2:
            now = walks.to_items(walks.to_users(now))
        vectors = vectors + now
    return given / (layers + 1), vectors / (layers + 1)


@dataclass(frozen=True)
class Met:
    """Vectors of a batch's triples, (n, dim) each: the user's as they meet the taken item and the other, and both."""

    user_near: Tensor
    user_far: Tensor
    near: Tensor
    far: Tensor

    def bpr(self) -> Tensor:
        return losses.bpr((self.user_near * self.near).sum(-1), (self.user_far * self.far).sum(-1))


def meet(walks: Walks, given: Tensor, vectors: Tensor, batch: Pairs, left_out: bool) -> Met:
    """left_out: the user as they meet the taken item are the sum of their other items."""
    users, taken, others = batch
    z = walks.to_users(given)[users]
    without = z - walks.shares(users, taken).unsqueeze(-1) * given[taken] if left_out else z
    return Met(without, z, vectors[taken], vectors[others])


class Network(Protocol):
    """A network that knows the loss of a batch of triples."""

    def loss(self, batch: Pairs, chance: torch.Generator) -> Tensor: ...


def learn_pairs(
    network: nn.Module,
    loss: Callable[[Pairs, torch.Generator], Tensor],
    log: csr_array,
    batch: int,
    plan: Plan,
    rng: np.random.Generator,
    judge: Callable[[], float] | None,
    journal: Journal | None,
    before: Callable[[np.random.Generator], None] | None = None,
) -> tuple[Epoch, ...]:
    """The loop over triples of a log. Items that nobody took are never the other one. before: each epoch."""
    taken = np.bincount(log.indices, minlength=log.shape[1]) > 0
    negatives = Negatives(log, barred=None if taken.all() else ~taken)

    def batches(order: np.random.Generator) -> Iterator[Pairs]:
        if before:
            before(order)
        return triples(log, negatives, batch, order)

    return learn(network, batches, loss, plan, rng, judge=judge, journal=journal)


def weight(first: Tensor, batch: Pairs) -> Tensor:
    """|y_i^0|^2 + |y_j^0|^2, a mean over the triples."""
    _, taken, others = batch
    return ((first[taken] ** 2).sum() + (first[others] ** 2).sum()) / len(taken)
