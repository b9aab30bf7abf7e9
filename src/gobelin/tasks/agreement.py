"""How far clusters and a column of classes say the same: NMI and ARI, with intervals over rows."""

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from gobelin.arrays import Array, Int32
from gobelin.evaluation.statistics import Estimate, interval

RESAMPLES = 200


def agreement(
    labels: Int32[Array, " rows"], classes: Int32[Array, " rows"], rng: np.random.Generator
) -> dict[str, Estimate]:
    """nmi: mutual information over the mean of both entropies; ari: agreement of pairs, corrected for chance.

    Rows where either is -1 are left out. The bootstrap draws rows, the clusters stay as they are.
    """
    both = np.flatnonzero((labels >= 0) & (classes >= 0))
    ours, theirs = labels[both], classes[both]
    if not len(both):
        return {}
    drawn = [rng.integers(0, len(both), len(both)) for _ in range(RESAMPLES)]
    out: dict[str, Estimate] = {}
    for name, of in (("nmi", normalized_mutual_info_score), ("ari", adjusted_rand_score)):
        low, high = interval(np.array([[of(theirs[rows], ours[rows])] for rows in drawn]))
        out[name] = Estimate(value=float(of(theirs, ours)), low=float(low[0]), high=float(high[0]))
    return out
