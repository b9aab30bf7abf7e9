"""Second stage: several models propose, and trees that learned from answers unseen by them order the proposals."""

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Float32, Float64, Int32, Int64, Scores
from gobelin.ensemble.lambda_mart import Cells, LambdaMart, fit
from gobelin.ensemble.stacking import choice_weights
from gobelin.ensemble.weighted import weighted
from gobelin.fitted import remade, state_of
from gobelin.models._holdout import Hold, held_out
from gobelin.models._members import Members, MemberSpecs
from gobelin.models._pool import Ground, lessons, proposed
from gobelin.parts import Grid, need
from gobelin.protocols import Monitor, State
from gobelin.values import Queries, Train

RIDGE = 1.0  # of the weights, against the log-likelihood of all answers


@dataclass(frozen=True)
class _Lessons:
    """What was learned from before the trees: kept while a search turns settings that concern the trees alone.

    members: fitted on the whole of `train`; cells: what members fitted without the answers said of the candidates of
    those who lack answers; users: of each cell.
    """

    key: str
    train: Train
    members: Members
    cells: Cells
    users: Int64[Array, " cells"]


@dataclass(kw_only=True)
class SecondStage:
    """Candidates of several models in the order of LambdaMART (Burges 2010, by LightGBM, the extra `rank`).

    The model holds a part of its own train value out (`hold`, `share`, `lessons` times over), fits its members on the
    rest and learns from the answers that they did not see: first the weights of their scores, each standardised by
    query (`ensemble.stacking`), then trees on top of that sum, as many as pay for users out of fold
    (`ensemble.lambda_mart`), none where none does. Then the members are fitted anew on the whole train value. No
    validation or test data is read.

    Candidates: the `depth` best of each member that the person does not have yet. The trees read each member's score
    and place, how many propose the item, how often it and the history's items were taken, the length of the history,
    and for each sense the mean and the largest cosine to the history (in 64 dimensions). Other items, and those that
    the person has, keep the weighted sum.

    members: the models by name, each {part = ..., settings}; one that cannot be fitted on the data is left out.
    leaves, learning_rate, trees: of LambdaMART; trees is the most.
    Cost: every member 1 + lessons times; a query asks every member for all items.
    """

    needs: ClassVar[tuple[str, ...]] = ("rank",)

    depth: Annotated[int, Ge(1), Grid(20, 50, 100)] = 50
    leaves: Annotated[int, Ge(2), Grid(7, 15, 31)] = 15
    hold: Annotated[Hold, Grid("random", "last")] = "random"
    members: MemberSpecs = field(default_factory=lambda: {"weave": {"part": "weave"}, "RP3beta": {"part": "rp3beta"}})
    lessons: Annotated[int, Ge(1)] = 1
    share: Annotated[float, Gt(0)] = 0.1
    trees: Annotated[int, Ge(0)] = 100
    learning_rate: Annotated[float, Gt(0)] = 0.1
    _members: Members = field(init=False, repr=False, compare=False)
    _weights: Float64[Array, " members"] = field(init=False, repr=False, compare=False)
    _trees: LambdaMart = field(init=False, repr=False, compare=False)
    _ground: Ground = field(init=False, repr=False, compare=False)
    _lessons: _Lessons | None = field(default=None, init=False, repr=False, compare=False)

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        need("rank", "The learned second stage")
        seeds = rng.integers(2**62, size=len(self.members))
        own = rng.spawn(self.lessons + 1)
        self._ground = Ground.of(train)
        learned = self._learn(train, seeds, own[1:], monitor)
        self._members, self._lessons = learned.members, learned
        cells = learned.cells
        own_scores = cells.features[:, : 2 * len(self._members.models) : 2]
        self._weights = choice_weights(own_scores.T, cells.rows, cells.relevant, ridge=RIDGE)
        if not self._weights.any():  # nothing was learned: everyone speaks alike
            self._weights = np.full(len(self._weights), 1 / len(self._weights))
        self._trees = LambdaMart("", 0, ())
        if self.trees and cells.relevant.any():
            based = replace(cells, base=own_scores @ self._weights)
            self._trees = fit(
                based, learned.users, own[0], trees=self.trees, leaves=self.leaves, rate=self.learning_rate
            )
        return self

    def _learn(
        self, train: Train, seeds: Int64[Array, " members"], own: list[np.random.Generator], monitor: Monitor | None
    ) -> _Lessons:
        key = repr((self.members, self.depth, self.hold, self.lessons, self.share))
        before = self._lessons
        if before is not None and before.train is train and before.key == key:
            return before
        held = [held_out(train, self.hold, self.share, one) for one in own]
        inner = [Members.fitted(self.members, one.train, seeds, monitor) for one in held]
        members = Members.fitted(self.members, train, seeds, monitor, before.members if before else None)
        members = members.only(*(n for n in members.names if all(n in one.names for one in inner)))
        told = [
            lessons(fitted.only(*members.names), one, self.depth, self._ground.on(one.train))
            for one, fitted in zip(held, inner, strict=True)
        ]
        starts = np.cumsum([0, *(len(one.users) for one in held)])
        joined = Cells(
            np.concatenate([cells.rows + start for cells, start in zip(told, starts, strict=False)]),
            np.concatenate([cells.features for cells in told]),
            np.concatenate([cells.base for cells in told]),
            np.concatenate([cells.relevant for cells in told]),
        )
        users = np.concatenate([one.users for one in held])[joined.rows].astype(np.int64)
        return _Lessons(key, train, members, joined, users)

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        scores, row, column = proposed(self._members, queries, self.depth)
        out = weighted(scores, self._weights)
        if self._trees.text and len(row):
            features = self._ground.features(scores, queries, row, column, self.depth)
            out[row, column] += self._trees.added(Cells(row, features, np.zeros(len(row))))
        out = out.astype(np.float32)
        return out if candidates is None else out[:, candidates]

    def reuse(self, other: "SecondStage") -> None:
        """Take over what another one has learned from the same train value (a search tries many settings)."""
        self._lessons = other._lessons

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """What someone is shown who has that one item."""
        return self.score(Queries.of([[int(item)] for item in items]))

    def state(self) -> State:
        return state_of(
            self,
            fitted=self._members.state(),
            weights=self._weights,
            text=self._trees.text,
            curve=list(self._trees.curve),
            count=self._trees.trees,
            ground=self._ground.state(),
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, state)
        model._members = Members.from_state(model.members, state["fitted"])
        model._weights = np.asarray(state["weights"])
        model._trees = LambdaMart(state["text"], int(state["count"]), tuple(state["curve"]))
        model._ground = Ground.from_state(state["ground"])
        return model
