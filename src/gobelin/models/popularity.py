"""Popularity: what most people took, in all of the log, lately, or with older events fading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Gt

from gobelin.arrays import Array, Float32, Int32, Scores
from gobelin.errors import UserError
from gobelin.fitted import remade, state_of
from gobelin.models._sparse import column_sums
from gobelin.parts import Grid
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train, Weighing
from gobelin.values.histories import DAY


@dataclass(kw_only=True)
class Popularity:
    """What most people took: the same order for everyone, and the floor of every table.

    The score of an item is the sum, over users, of their strongest positive event on it (1 for a purchase).

    recency: "all" counts the whole log; "window" the last `window` days of the train part, the whole log breaking ties;
    "decay" lets an event count half after `half_life` days. Both measure from the end of the train part, also when
    asked later.
    window, half_life: days. Each acts only under its own `recency`.

    Raises UserError where recency is not "all" and the log has no times.
    Relations: the prior of the house; the answer for an empty history is the same as for any other.
    """

    recency: Literal["all", "window", "decay"] = "all"
    window: Annotated[float, Gt(0), Grid(1, 2, 3, 7, 14, 30, 90, 365)] = 7.0
    half_life: Annotated[float, Gt(0), Grid(0.25, 0.5, 1, 2, 4, 7, 14, 30, 90, 365)] = 7.0
    _scores: Float32[Array, " items"] = field(init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        histories, weighing = train.histories, Weighing()
        if self.recency != "all":
            if histories.times is None or train.now is None:
                raise UserError(
                    f"popularity with recency = {self.recency!r} needs to know when things happened, "
                    "and this log has no times.",
                    "a `timestamp` column in the interactions.",
                    'add one, or set recency = "all".',
                )
            if self.recency == "window":
                histories = histories.keep(histories.times > train.now - self.window * DAY)
            else:
                weighing = Weighing(half_life=self.half_life)
        scores = column_sums(histories.matrix(len(train.items), weighing, train.now))
        if self.recency == "window":
            ever = column_sums(train.matrix())
            scores = scores + 1e-3 * ever / max(float(ever.max(initial=0)), 1e-12)
        self._scores = scores.astype(np.float32)
        return self

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        scores = self._scores if candidates is None else self._scores[candidates]
        return np.tile(scores, (len(queries), 1))

    @classmethod
    def plain(cls, settings: Mapping[str, Any], train: Train) -> dict[str, Any]:
        """What acts under this `recency`: a search tries nothing twice."""
        acts = {"window": "window", "decay": "half_life"}.get(settings["recency"])
        return {name: value for name, value in settings.items() if name in ("recency", acts)}

    def state(self) -> State:
        return state_of(self, scores=self._scores)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._scores = np.asarray(state["scores"])
        return model
