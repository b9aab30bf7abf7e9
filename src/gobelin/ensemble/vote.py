"""Votes of several models: hard, one for each of a row's best columns, and soft, by how sure each model is."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64
from gobelin.ensemble.places import places


def hard_vote(
    scores: Float[Array, "models rows columns"],
    best: int = 1,
    weights: Float[Array, " models"] | None = None,
    allowed: Bool[Array, "rows columns"] | None = None,
) -> Float64[Array, "rows columns"]:
    """How many models (or the sum of their weights) have a column among their `best`; divided by all votes there are.

    Columns that tie across the last place share what is left of it: two columns on one free place get half a vote.
    """
    told = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    out = np.zeros(scores.shape[1:])
    for weight, one in zip(told, scores, strict=True):
        place = places(one, allowed)
        mates = _equals(place)
        first, last = place - (mates - 1) / 2, place + (mates - 1) / 2
        share = np.clip(best - first + 1, 0, mates) / mates
        out += weight * np.where(np.isfinite(place), np.where(last <= best, 1.0, share), 0.0)
    return out / (float(told.sum()) or 1.0)


def soft_vote(
    scores: Float[Array, "models rows columns"],
    weights: Float[Array, " models"] | None = None,
    temperature: float = 1.0,
    allowed: Bool[Array, "rows columns"] | None = None,
) -> Float64[Array, "rows columns"]:
    """The weighted mean of each model's probabilities, exp(score / temperature) over its sum in the row.

    Rows sum to 1 where any column counts. Scores that are log-probabilities are taken at their word.
    """
    told = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    out = np.zeros(scores.shape[1:])
    for weight, one in zip(told, scores, strict=True):
        out += weight * probabilities(one, temperature, allowed)
    return out / (float(told.sum()) or 1.0)


def probabilities(
    scores: Float[Array, "rows columns"], temperature: float = 1.0, allowed: Bool[Array, "rows columns"] | None = None
) -> Float64[Array, "rows columns"]:
    told = np.asarray(scores, dtype=np.float64) / temperature
    if allowed is not None:
        told[~allowed] = -np.inf
    top = told.max(axis=1, keepdims=True, initial=-np.inf)
    grown = np.exp(told - np.where(np.isfinite(top), top, 0))
    return grown / np.maximum(grown.sum(axis=1, keepdims=True), 1e-300)


def _equals(place: Float64[Array, "rows columns"]) -> Float64[Array, "rows columns"]:
    """How many columns of the row share each place."""
    out = np.ones(place.shape)
    for row, one in enumerate(place):
        _, inverse, count = np.unique(one, return_inverse=True, return_counts=True)
        out[row] = count[inverse]
    return out
