"""Rank fusion: the orders of several models joined by reciprocal ranks, Borda's count or votes; nothing is learned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Float32, Float64, Int32, Scores
from gobelin.ensemble.borda import borda
from gobelin.ensemble.reciprocal_rank import reciprocal_rank
from gobelin.ensemble.scales import scaled
from gobelin.ensemble.vote import hard_vote, soft_vote
from gobelin.fitted import remade, state_of
from gobelin.models._members import Members, MemberSpecs
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train

Rule = Literal["reciprocal", "borda", "hard vote", "soft vote"]


@dataclass(kw_only=True)
class RankFusion:
    """The orders of several models joined; no scale has to be found, and one model's loud scores drown no other's.

    rule: "reciprocal" is the sum of 1 / (k + place) (Cormack et al. 2009); "borda" Borda's count; "hard vote" how many
    members have the item among their `best`; "soft vote" the mean of their probabilities, exp of scores of deviation 1.
    told: weights by member; a member not named has 1. A member that cannot be fitted on the data is left out.
    Places are among all items, those included that the person has. Relations: `blend` reads the scores too, and learns.
    """

    rule: Annotated[Rule, Grid("reciprocal", "borda", "soft vote", "hard vote")] = "reciprocal"
    k: Annotated[float, Gt(0), Grid(5, 10, 20, 60, 200)] = 60
    members: MemberSpecs = field(default_factory=lambda: {"weave": {"part": "weave"}, "RP3beta": {"part": "rp3beta"}})
    told: Mapping[str, Annotated[float, Ge(0)]] = field(default_factory=dict)
    best: Annotated[int, Ge(1)] = 50
    _members: Members = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        self._members = Members.fitted(self.members, train, rng.integers(2**62, size=len(self.members)), monitor)
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        out = self._joined(queries)
        return np.asarray(out if candidates is None else out[:, candidates], dtype=np.float32)

    def _joined(self, queries: Queries) -> Float64[Array, "queries items"]:
        scores = self._members.scores(queries)
        weights = np.array([self.told.get(name, 1.0) for name in self._members.names])
        if self.rule == "reciprocal":
            return reciprocal_rank(scores, self.k, weights)
        if self.rule == "borda":
            return borda(scores, weights)
        if self.rule == "hard vote":
            return hard_vote(scores, self.best, weights)
        return soft_vote(scaled(scores, "deviation"), weights)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """What someone is shown who has that one item."""
        return self.score(Queries.of([[int(item)] for item in items]))

    def state(self) -> State:
        return state_of(self, fitted=self._members.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._members = Members.from_state(model.members, state["fitted"])
        return model
