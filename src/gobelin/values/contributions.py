"""Why an item scores what it scores: the score as a sum over what the person did and what the senses say."""

from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float64, Int32


@dataclass(frozen=True)
class Contributions:
    """Scores of some items for one query, taken apart; everything in float64.

    items: rows of the items. shares: how much event e of the query's history adds to the score of item i through
    each of `senses` ("log" is what people did; the others are names of the feature table). prior: what is added
    whatever the history says (popularity, in a model that smooths with it). scores = prior + the sum of shares.
    An event that says nothing (a search, a repeat that a stronger event of the same pair covers) has shares of zero.
    """

    items: Int32[Array, " items"]
    senses: tuple[str, ...]
    shares: Float64[Array, "items events senses"]
    prior: Float64[Array, " items"]

    def __post_init__(self) -> None:
        if self.shares.shape[0] != len(self.items) or self.shares.shape[2] != len(self.senses):
            raise ValueError(f"shares {self.shares.shape} for {len(self.items)} items, {len(self.senses)} senses")
        if len(self.prior) != len(self.items):
            raise ValueError(f"{len(self.prior)} priors for {len(self.items)} items")

    @property
    def by_event(self) -> Float64[Array, "items events"]:
        return np.asarray(self.shares.sum(axis=2))

    @property
    def by_sense(self) -> Float64[Array, "items senses"]:
        return np.asarray(self.shares.sum(axis=1))

    @property
    def scores(self) -> Float64[Array, " items"]:
        return np.asarray(self.prior + self.shares.sum(axis=(1, 2)))
