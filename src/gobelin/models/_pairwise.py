"""What models share that learn users' and items' vectors from compared pairs (BPR): the batches and what is asked.

A network gives (users, dim) `people`, and item vectors and how loud each item is, for all items at once or some.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from gobelin.learning import losses
from gobelin.learning.sampling import Negatives

OTHERS = 200  # items that stand for the catalogue where a history becomes a vector

Pairs = tuple[Tensor, Tensor, Tensor]


@runtime_checkable
class Compared(Protocol):
    """A network by which BPR compares."""

    people: nn.Parameter

    def items(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(n, dim) vectors and (n,) loudness of these items."""
        ...


def triples(log: csr_array, negatives: Negatives, size: int, rng: np.random.Generator) -> Iterator[Pairs]:
    """One epoch: every pair of the log once, in random order, with an item that its user did not take."""
    users = np.repeat(np.arange(log.shape[0], dtype=np.int64), np.diff(log.indptr))
    others = negatives.draw(users, 1, rng)[:, 0]  # while they are in order, which is quicker
    order = rng.permutation(len(users))
    users, taken, others = users[order], log.indices[order].astype(np.int64), others[order]
    for start in range(0, len(users), size):
        some = slice(start, start + size)
        yield torch.from_numpy(users[some]), torch.from_numpy(taken[some]), torch.from_numpy(others[some])


def compared(network: Compared, batch: Pairs, ridge: float) -> Tensor:
    """BPR of a batch, with what the vectors weigh: as in the paper, those of the batch alone."""
    users, taken, others = batch
    z = network.people[users]  # (n, dim)
    rows, place = torch.unique(torch.cat([taken, others]), return_inverse=True)
    vectors, loud = network.items(rows)
    near, far = place[: len(users)], place[len(users) :]
    positive = (z * vectors[near]).sum(-1) + loud[near]
    negative = (z * vectors[far]).sum(-1) + loud[far]
    weight = ((z**2).sum() + (vectors[near] ** 2).sum() + (vectors[far] ** 2).sum()) / len(users)
    return losses.bpr(positive, negative) + ridge / 2 * weight
