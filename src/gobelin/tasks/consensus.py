"""One clustering out of several, each of its own sense."""

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from gobelin.arrays import Array, Int32


def consensus(labelings: Sequence[Int32[Array, " rows"]], k: int) -> Int32[Array, " rows"]:
    """The meta-clustering of Strehl & Ghosh (JMLR 2002): clusters that hold the same rows are one.

    Every cluster of every labeling is a set of rows; sets are merged by average linkage of their Jaccard distances to k
    groups; each row goes to the group that holds it most surely: the mean, over the labelings that know the row, of
    how much of the group it is in. Ties go to the larger group. -1 in a labeling: it says nothing of the row, -1 of
    the outcome: none does. Only clusters are compared, so no rows x rows numbers are made however many rows there are.
    """
    sets, of = [], []
    for number, labels in enumerate(labelings):
        for one in np.unique(labels[labels >= 0]):
            sets.append(labels == one)
            of.append(number)
    if not sets:
        return np.full(len(labelings[0]), -1, dtype=np.int32)
    member = np.stack(sets).astype(np.float32)  # (clusters, rows)
    both = member @ member.T
    size = both.diagonal()
    distance = 1 - both / np.maximum(size[:, None] + size[None, :] - both, 1)
    np.fill_diagonal(distance, 0)
    k = min(k, len(sets))
    groups = np.ones(1, dtype=int)
    if len(sets) > 1:
        groups = fcluster(linkage(squareform(distance, checks=False), "average"), k, "maxclust")
    _, groups = np.unique(groups, return_inverse=True)
    belongs = np.zeros((groups.max() + 1, member.shape[1]))
    for group in range(len(belongs)):
        belongs[group] = member[groups == group].sum(axis=0)
    order = np.argsort(-belongs.sum(axis=1), kind="stable")
    out = order[belongs[order].argmax(axis=0)].astype(np.int32)
    out[member.sum(axis=0) == 0] = -1
    return np.where(out >= 0, np.unique(out, return_inverse=True)[1] - int((out < 0).any()), -1).astype(np.int32)
