"""One clustering out of several, each of its own sense."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from gobelin.arrays import Array, Float64, Int32

ROUNDS = 10


def consensus(
    labelings: Sequence[Int32[Array, " rows"]], reference: Int32[Array, " rows"] | None = None
) -> Int32[Array, " rows"]:
    """Cumulative voting (Ayad & Kamel, TPAMI 2008): a cluster votes for those of the reference that its rows are in.

    The reference, where none is given, is the labeling that has most in common with the others (mean NMI); then it is
    the consensus itself, until nothing changes. Of two labelings either would outvote the other: give a third as the
    reference. Each cluster of each labeling gives its rows the shares p(reference cluster | cluster), so one that says
    nothing gives all clusters alike, and senses may have different numbers of clusters. -1 in a labeling: it says
    nothing of the row; -1 of the outcome: none does. Cost: rows x clusters x labelings; no rows x rows numbers are
    made, which the co-association matrix of Strehl & Ghosh (JMLR 2002), whose aim this is, would ask for.
    """
    if reference is None:
        reference = labelings[_middle(labelings)]
    told = np.any([labels >= 0 for labels in labelings], axis=0)
    for _ in range(ROUNDS):
        votes = np.sum([_votes(labels, reference) for labels in labelings], axis=0)
        found = np.where(told, votes.argmax(axis=1), -1).astype(np.int32)
        if np.array_equal(found, reference):
            break
        reference = found
    kept, names = np.unique(reference[told], return_inverse=True)
    out = np.full(len(told), -1, dtype=np.int32)
    out[told] = names if len(kept) else -1
    return out


def _middle(labelings: Sequence[Int32[Array, " rows"]]) -> int:
    def common(one: Int32[Array, " rows"], other: Int32[Array, " rows"]) -> float:
        both = (one >= 0) & (other >= 0)
        return float(normalized_mutual_info_score(one[both], other[both])) if both.any() else 0.0

    return int(np.argmax([sum(common(one, other) for other in labelings if other is not one) for one in labelings]))


def _votes(labels: Int32[Array, " rows"], reference: Int32[Array, " rows"]) -> Float64[Array, "rows clusters"]:
    """(rows, clusters of the reference): nought where the labeling says nothing."""
    both = (labels >= 0) & (reference >= 0)
    table = np.zeros((int(labels.max()) + 1, int(reference.max()) + 1))
    np.add.at(table, (labels[both], reference[both]), 1)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return np.where((labels >= 0)[:, None], shares[labels], 0.0)
