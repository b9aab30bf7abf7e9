"""What each sense gave to a prediction: Shapley's value over the senses, exact."""

from itertools import combinations
from math import factorial

import numpy as np

from gobelin.arrays import Array, Float64
from gobelin.errors import UserError
from gobelin.tasks.levels import Predictor
from gobelin.values import FeatureTable

MOST = 8
"""Senses; each further one doubles the predictions."""


def shares(
    predictor: Predictor, table: FeatureTable, senses: tuple[str, ...]
) -> tuple[Float64[Array, "senses rows outputs"], Float64[Array, "rows outputs"]]:
    """(the share of each sense, what is said without any): they sum to the prediction, in every cell.

    The predictor is asked once with every set of the senses, the others made absent (2^senses predictions), so a share
    is what the sense adds to those that spoke before it, averaged over all orders (Shapley 1953). A sense that a row
    lacks has no share of it.
    """
    if len(senses) > MOST:
        raise UserError(
            f"Shares of {len(senses)} senses take {2 ** len(senses):,} predictions of every row.",
            f"at most {MOST} senses.",
            "name the senses to read with --features.",
        )
    said = {
        some: predictor.predict(table.only(*some)).astype(np.float64)
        for size in range(len(senses) + 1)
        for some in combinations(senses, size)
    }
    n, empty = len(senses), said[()]
    out = np.zeros((n, *empty.shape))
    for place, sense in enumerate(senses):
        for some, value in said.items():
            if sense not in some:
                together = tuple(one for one in senses if one in some or one == sense)
                weight = factorial(len(some)) * factorial(n - len(some) - 1) / factorial(n)
                out[place] += weight * (said[together] - value)
    return out, empty
