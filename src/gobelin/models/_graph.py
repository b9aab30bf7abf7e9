"""What models share that pass vectors along the log's graph of users and items, with users that are their histories.

The papers learn a vector for each user (layer 0). Here it is a function of the history, the normalised sum of the
items' layer 0 (in the line of INMO, Wu et al., SIGIR 2022):

    R = D_u^-1/2 X D_i^-1/2,  z^0 = R y^0,  z^{l+1} = R y^l,  y^{l+1} = R' z^l

so that a user's mean over the layers is R applied to one vector for each item: what it *gives* to those who took it.
A stranger's row of R is made of their own degree and the degrees that items had in training, and goes the same way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from gobelin.arrays import Array, Bool, Float32
from gobelin.learning.layers import table
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
        self.degrees = np.diff(log.indptr).astype(np.float32)
        self.by_item = rarity(log)
        self.to_users = Propagation(steps(log, self.by_item))
        self.to_items = self.to_users.back
        rows = np.repeat(np.arange(log.shape[0], dtype=np.int64), np.diff(log.indptr))
        self._pairs = np.sort(rows * log.shape[1] + log.indices)

    def askers(self, given: Tensor, users: Tensor, left_out: Tensor | None = None) -> Tensor:
        """(n, dim) rows of R `given`. left_out: an item for each user; they are then as if they had not taken it.

        Where the pair is not in the log nothing is left out.
        """
        z = self.to_users(given)[users]
        if left_out is None:
            return z
        user, item = users.numpy(), left_out.numpy()
        wanted = user * len(self.by_item) + item
        place = np.minimum(np.searchsorted(self._pairs, wanted), max(len(self._pairs) - 1, 0))
        there = self._pairs[place] == wanted if len(self._pairs) else np.zeros(len(wanted), dtype=bool)
        degree = np.maximum(self.degrees[user], 1)
        share = torch.from_numpy(np.where(there, degree**-0.5 * self.by_item[item], 0).astype(np.float32))
        rest = np.where(degree > 1, (degree / np.maximum(degree - 1, 1)) ** 0.5, 0)  # of one item nothing is left
        louder = torch.from_numpy(np.where(there, rest, 1).astype(np.float32))
        return (z - share.unsqueeze(-1) * given[left_out]) * louder.unsqueeze(-1)


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


@dataclass(frozen=True)
class Layers:
    """Means over the layers 0..L, (items, dim) each.

    first: y^0 / (L + 1), which users get along the whole graph; given: what they get beside it, along the kept one;
    vectors: the items' own.
    """

    first: Tensor
    given: Tensor
    vectors: Tensor


def layered(whole: Walks, first: Tensor, layers: int, kept: Walks | None = None) -> Layers:
    """first: y^0. kept: the graph that layers past 0 go along, where some pairs are left out of the whole one."""
    kept = kept or whole
    items = [first]
    z = whole.to_users(first)
    for layer in range(1, layers + 1):
        if kept is whole and layer % 2 == 0:
            items.append(items[-1])  # z^l = z^{l-1} there, because z^0 and z^1 are one
            continue
        if layer > 1:
            z = kept.to_users(items[-2])
        items.append(kept.to_items(z))
    share = 1 / (layers + 1)
    given = torch.stack(items[:-1]).sum(0) * share
    return Layers(first * share, given, torch.stack(items).sum(0) * share)


def askers(told: Layers, whole: Walks, kept: Walks, users: Tensor, left_out: Tensor | None) -> Tensor:
    """(n, dim) vectors of some of the log's users."""
    if kept is whole:
        return whole.askers(told.first + told.given, users, left_out)
    return whole.askers(told.first, users, left_out) + kept.askers(told.given, users, left_out)


def starting(known: Bool[Array, " items"], factors: int, chance: torch.Generator) -> nn.Parameter:
    """y^0: (items, factors), zero for items without events, which nothing teaches."""
    first = table(len(known), factors, 0.1, chance)
    with torch.no_grad():
        first[torch.from_numpy(~known)] = 0
    return first


def weight(first: Tensor, batch: Pairs) -> Tensor:
    """|y_i^0|^2 + |y_j^0|^2, a mean over the triples."""
    _, taken, others = batch
    return ((first[taken] ** 2).sum() + (first[others] ** 2).sum()) / len(taken)


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
    """The loop over triples of a log. Items that nobody took are never the other one. before: asked each epoch."""
    taken = np.bincount(log.indices, minlength=log.shape[1]) > 0
    negatives = Negatives(log, barred=None if taken.all() else ~taken)

    def batches(order: np.random.Generator) -> Iterator[Pairs]:
        if before:
            before(order)
        return triples(log, negatives, batch, order)

    return learn(network, batches, loss, plan, rng, judge=judge, journal=journal)
