"""Blend: the weighted sum of several models, its weights learned from answers that they did not see, equal, or told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self, cast

import numpy as np
from annotated_types import Ge, Gt

from gobelin.arrays import Array, Bool, Float32, Float64, Int32, Int64, Scores
from gobelin.ensemble.scales import scaled, scales
from gobelin.ensemble.segments import mixed, segment_of
from gobelin.ensemble.selection import selected
from gobelin.ensemble.stacking import choice_weights
from gobelin.fitted import remade, state_of
from gobelin.models._holdout import Held, Hold, held_out, items_held_out
from gobelin.models._members import Members, MemberSpecs, explaining, heard
from gobelin.models._pool import lessons
from gobelin.parts import Grid
from gobelin.protocols import Explains, Monitor, State
from gobelin.values import Contributions, Queries, Train

DEPTH = 50  # candidates of each member from which weights are learned
RIDGE = 1.0  # of the weights, against the log-likelihood of all answers
SEGMENT_RIDGE = 100.0  # holds a segment's weights to those of all, until it has answers enough of its own

Explaining = Callable[[Queries, Int32[Array, " wanted"], Train], Contributions]
Weights = Float64[Array, "segments members"]


@dataclass(kw_only=True)
class Blend:
    """sum over members of weight x score, each member's scores brought to one scale in each query.

    weighing: members fitted without a part of the train value (`hold`, `share`) are asked for the answers that they did
    not see, and weights learned there are kept for members fitted on all of it: "selected" begins with the best member
    and takes in what helps (`ensemble.selection`), "learned" is stacking, the weights under which the answers are
    likeliest (`ensemble.stacking`); "equal" is the mean. told: weights by member instead (a member not named gets 0).
    scale: "deviation" (mean 0, deviation 1), "range" (0 to 1) or "none"; learned weights are of deviations.
    edges: lengths of history at which another segment begins, each with learned weights of its own, held to those of
    all. cold_share: where the train value has items without events, that share of the others is held out whole and
    weights for such items are learned from it, so that content speaks for the cold and behaviour for the warm; 0: one
    set of weights for both. cold_scale: how loud items without events are among all.

    Scores are linear in the members' scores, so where every member explains, this model does, exactly.
    A member that cannot be fitted on the data is left out. Cost: every member twice, three times with cold items.
    Relations: `rank_fusion` reads orders alone; `second_stage` adds trees to this sum.
    """

    weighing: Annotated[Literal["selected", "learned", "equal"], Grid("selected", "learned", "equal")] = "selected"
    scale: Literal["deviation", "range", "none"] = "deviation"
    hold: Annotated[Hold, Grid("random", "last")] = "random"
    members: MemberSpecs = field(default_factory=lambda: {"weave": {"part": "weave"}, "RP3beta": {"part": "rp3beta"}})
    told: Mapping[str, Annotated[float, Ge(0)]] = field(default_factory=dict)
    edges: tuple[Annotated[float, Gt(0)], ...] = ()
    share: Annotated[float, Gt(0)] = 0.1
    cold_share: Annotated[float, Ge(0), Grid(0, 0.1, stage="cold")] = 0.1
    cold_scale: Annotated[float, Ge(0)] = 1.0
    explain: Explaining = field(init=False, repr=False, compare=False)  # not there where a member does not explain
    _members: Members = field(init=False, repr=False, compare=False)
    _weights: Weights = field(init=False, repr=False, compare=False)  # rows: histories by length, then the same, cold
    _cold: Bool[Array, " items"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if explaining(self.members):  # a capability of what it was made of, not of every blend
            self.explain = self._explained

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self:
        seeds = rng.integers(2**62, size=len(self.members))
        warm_draw, cold_draw = rng.spawn(2)
        self._members = Members.fitted(self.members, train, seeds, monitor)
        self._cold = train.counts() == 0
        names, segments = self._members.names, len(self.edges) + 1
        if self.told or self.weighing == "equal":
            one = np.array([self.told.get(n, 0.0) if self.told else 1 / len(names) for n in names])
            self._weights = np.tile(one, (2 * segments, 1))
            return self
        held = held_out(train, self.hold, self.share, warm_draw)
        warm = self._learned(held, Members.fitted(self.members, held.train, seeds, monitor), names)
        cold = warm
        if self.cold_share and self._cold.any() and not self._cold.all():
            held = items_held_out(train, self.cold_share, cold_draw)
            cold = self._learned(held, Members.fitted(self.members, held.train, seeds, monitor), names)
        self._weights = np.concatenate([warm, cold])
        return self

    def _learned(self, held: Held, inner: Members, names: tuple[str, ...]) -> Weights:
        """(segments of history, members); a member that was left out on either side has weight 0."""
        cells = lessons(inner, held, DEPTH)
        length = np.diff(held.queries.histories.matrix(held.answers.shape[1]).indptr)
        segment = segment_of(length, self.edges)[cells.rows]
        scores = cells.features.T
        whole = self._weigh(scores, cells.rows, cells.relevant, RIDGE)
        if not whole.any():  # nothing was learned: everyone speaks alike
            whole = np.full(len(whole), 1 / len(whole))
        out = np.zeros((len(self.edges) + 1, len(names)))
        for one in range(len(out)):
            there = segment == one
            own = whole
            if self.edges and there.any():
                own = self._weigh(scores[:, there], cells.rows[there], cells.relevant[there], SEGMENT_RIDGE, whole)
            for name, weight in zip(inner.names, own, strict=True):
                if name in names:
                    out[one, names.index(name)] = weight
        return out

    def _weigh(
        self,
        scores: Float32[Array, "members cells"],
        rows: Int64[Array, " cells"],
        relevant: Bool[Array, " cells"],
        ridge: float,
        towards: Float64[Array, " members"] | None = None,
    ) -> Float64[Array, " members"]:
        if self.weighing == "selected":
            return selected(scores, rows, relevant, towards=towards)
        return choice_weights(scores, rows, relevant, ridge=ridge, towards=towards)

    def _segments(self, queries: Queries) -> Int64[Array, "queries items"]:
        """Which row of the weights speaks for each cell."""
        length = np.diff(queries.histories.matrix(len(self._cold), now=queries.now).indptr)
        return np.asarray(segment_of(length, self.edges)[:, None] + (len(self.edges) + 1) * self._cold[None, :])

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        scores = scaled(self._members.scores(queries), self.scale)
        out = mixed(scores, self._weights, self._segments(queries))
        if self.cold_scale != 1:
            out[:, self._cold] *= self.cold_scale
        return np.asarray(out if candidates is None else out[:, candidates], dtype=np.float32)

    def _explained(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """The members' shares, each divided by its scale in this query and times its weight.

        The shift of each scale, the same for every item, goes to the prior.
        """
        shift, size = scales(self._members.scores(query), self.scale)  # (members, 1)
        weights = self._weights[self._segments(query)[0, items]]  # (wanted, members)
        weights = weights * np.where(self._cold[items], self.cold_scale, 1.0)[:, None] / size[:, 0]
        prior = -(weights @ shift[:, 0])
        told: dict[str, Float64[Array, "wanted events"]] = {}
        for place, (name, model) in enumerate(self._members.models.items()):
            found = cast(Explains, model).explain(query, items, heard(self.members[name], train))
            prior += weights[:, place] * found.prior
            for sense, shares in zip(found.senses, np.moveaxis(found.shares, 2, 0), strict=True):
                told[sense] = told.get(sense, 0) + weights[:, place, None] * shares
        return Contributions(items, tuple(told), np.stack(list(told.values()), axis=2), prior)

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]:
        """What someone is shown who has that one item."""
        return self.score(Queries.of([[int(item)] for item in items]))

    def state(self) -> State:
        return state_of(self, fitted=self._members.state(), learned=self._weights, without=self._cold)

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = remade(cls, {**state, "edges": tuple(state["edges"])})  # a list in JSON
        model._members = Members.from_state(model.members, state["fitted"])
        model._weights, model._cold = np.asarray(state["learned"]), np.asarray(state["without"])
        return model
