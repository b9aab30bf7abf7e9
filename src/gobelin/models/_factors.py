"""What models of item vectors share: how alike two vectors are, and a user who is a weighted sum of vectors."""

import numpy as np

from gobelin.arrays import Array, Float32, Int32
from gobelin.values import Contributions, Queries


def cosines(vectors: Float32[Array, "items dim"], items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
    """Cosine of some items' vectors with those of all; 0 to itself, and where a vector is zero."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    unit = vectors / np.maximum(length, np.float32(1e-12))[:, None]
    alike = np.asarray(unit[items] @ unit.T)
    alike[np.arange(len(items)), items] = 0
    return alike


def explain_sum(
    said: Float32[Array, "items dim"],
    heard: Float32[Array, "items dim"],
    query: Queries,
    items: Int32[Array, " wanted"],
) -> Contributions:
    """Of score_j = sum over events e of w_e said_e'heard_j: each event's term, in float64."""
    met = said[np.maximum(query.histories.items, 0)].astype(np.float64)
    told = met * query.histories.spoken().astype(np.float64)[:, None]  # (events, dim)
    shares = (heard[items].astype(np.float64) @ told.T)[:, :, None]
    return Contributions(items, ("log",), shares, np.zeros(len(items)))
