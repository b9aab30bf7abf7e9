"""Bagging: models fitted on several draws of the people, averaged."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Int32, Int64, Scores
from gobelin.ensemble.bagging import draws
from gobelin.ensemble.mean import mean
from gobelin.ensemble.scales import scaled
from gobelin.fitted import remade, state_of
from gobelin.models._members import Members, MemberSpecs
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train, Vocabulary


@dataclass(kw_only=True)
class Bagging:
    """The mean of a model over draws of the people with repetition (Breiman 1996); scores of deviation 1 in each query.

    members: what is fitted on each draw, as a rule one model; with several each is drawn apart. draws: how many;
    share: people of a draw, as a share of all. Pays for models that change much with the log (long tails, small k);
    a ridge-like model has little variance to average away. Cost: draws times the members.
    """

    share: Annotated[float, Gt(0), Grid(0.5, 1.0, 2.0)] = 1.0
    members: MemberSpecs = field(default_factory=lambda: {"RP3beta": {"part": "rp3beta"}})
    draws: Annotated[int, Ge(1)] = 8
    _bags: list[Members] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        seeds = rng.integers(2**62, size=(self.draws, len(self.members)))
        drawn = draws(len(train.users), self.draws, self.share, rng)
        self._bags = [
            Members.fitted(self.members, _drawn(train, rows), seed, monitor)
            for rows, seed in zip(drawn, seeds, strict=True)
        ]
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        out = mean(np.stack([mean(scaled(bag.scores(queries), "deviation")) for bag in self._bags]))
        return np.asarray(out if candidates is None else out[:, candidates], dtype=np.float32)

    def state(self) -> State:
        return state_of(self, fitted=[bag.state() for bag in self._bags])

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._bags = [Members.from_state(model.members, one) for one in state["fitted"]]
        return model


def _drawn(train: Train, rows: Int64[Array, " drawn"]) -> Train:
    """The same items; a person who was drawn twice is two people."""
    names = Vocabulary(f"{train.users[int(row)]} {place}" for place, row in enumerate(rows))
    return replace(train, users=names, histories=train.histories.take(rows))
