"""Bagging: the same model on several draws of the rows, averaged (Breiman, Bagging Predictors, 1996)."""

import numpy as np

from gobelin.arrays import Array, Int64


def draws(rows: int, count: int, share: float, rng: np.random.Generator) -> list[Int64[Array, " drawn"]]:
    """`count` draws with repetition of round(share x rows) rows, each sorted; at least one row of any."""
    size = max(1, round(share * rows)) if rows else 0
    return [np.sort(rng.integers(0, rows, size)) if rows else np.zeros(0, dtype=np.int64) for _ in range(count)]


def out_of_bag(drawn: Int64[Array, " drawn"], rows: int) -> Int64[Array, " left"]:
    """The rows that a draw left out: about 37 % with share 1."""
    return np.flatnonzero(np.bincount(drawn, minlength=rows) == 0).astype(np.int64)
