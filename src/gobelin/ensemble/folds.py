"""Rows dealt to folds, and predictions for each row by a model that has not seen it."""

from collections.abc import Callable

import numpy as np

from gobelin.arrays import Array, Int64

FitPredict = Callable[[Int64[Array, " seen"], Int64[Array, " unseen"]], Array]


def folds(groups: Int64[Array, " rows"], count: int, rng: np.random.Generator) -> Int64[Array, " rows"]:
    """The fold, 0 .. count - 1, of each row; rows of one group (a user) are never parted. Sizes in groups are even."""
    names, group = np.unique(groups, return_inverse=True)
    dealt = rng.permutation(len(names)) % count
    return np.asarray(dealt[group], dtype=np.int64)


def out_of_fold(fold: Int64[Array, " rows"], fit_predict: FitPredict) -> Array:
    """What `fit_predict(seen, unseen)` says of every row while it is unseen, in the order of the rows.

    Each row is predicted once, by the model fitted on the other folds, so that whoever learns from these predictions
    meets the errors that unseen rows bring (Wolpert, Stacked Generalization, 1992).
    """
    out: Array | None = None
    for one in np.unique(fold):
        unseen = np.flatnonzero(fold == one)
        said = fit_predict(np.flatnonzero(fold != one), unseen)
        if len(said) != len(unseen):
            raise ValueError(f"{len(said)} predictions for {len(unseen)} rows")
        if out is None:
            out = np.zeros((len(fold), *said.shape[1:]), dtype=said.dtype)
        out[unseen] = said
    if out is None:
        raise ValueError("there is no row to predict")
    return out
