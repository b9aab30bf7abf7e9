"""Mixtures by segment: who speaks for whom, e.g. behaviour for the warm and content for the cold."""

import numpy as np

from gobelin.arrays import Array, Float, Float64, Int64


def segment_of(sizes: Array, edges: tuple[float, ...]) -> Int64[Array, " sizes"]:
    """0 for sizes below the first edge, 1 from there to below the second, and so on."""
    return np.searchsorted(np.asarray(edges, dtype=np.float64), sizes, side="right").astype(np.int64)


def mixed(
    scores: Float[Array, "models rows columns"],
    weights: Float[Array, "segments models"],
    segment: Int64[Array, "_ _"],
) -> Float64[Array, "rows columns"]:
    """Each cell is the weighted sum of the models by the weights of its own segment.

    segment: (rows, columns); one of rows alone is segment[:, None] broadcast, one of columns segment[None, :].
    """
    cells = np.broadcast_to(segment, scores.shape[1:])
    out = np.zeros(scores.shape[1:])
    for place, one in enumerate(scores):
        out += weights[cells, place] * one
    return out
