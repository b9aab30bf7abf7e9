"""One contender in one fold: its settings chosen inside the rows that it learns from, then fitted on all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32, Int64
from gobelin.errors import SplitError
from gobelin.tasks import folds
from gobelin.tasks.choosing import Choice, Contender, Inner, choose, row_losses
from gobelin.tasks.decisions import Decided, decided, learned_weights
from gobelin.tasks.levels import Predictor
from gobelin.values import FeatureTable, Target

INNER = 3
"""Folds in which settings are chosen."""


@dataclass(frozen=True)
class Effort:
    """Of the choice of settings, the same for each contender in each fold: fits, and seconds after which it ends."""

    trials: int = 6
    seconds: float = 60.0


@dataclass(frozen=True)
class Known:
    """What stands beside the senses of each row: the target, all of it known, and how rows may be parted."""

    target: Target
    groups: Int64[Array, " rows"] | None = None
    times: Array | None = None

    def __len__(self) -> int:
        return len(self.target.known)

    def take(self, rows: Int64[Array, " taken"]) -> "Known":
        return Known(
            self.target.take(rows),
            None if self.groups is None else self.groups[rows],
            None if self.times is None else self.times[rows],
        )

    def inner(self, seed: Sequence[int]) -> Inner:
        """Folds like the outer ones, at most as many as groups; rows by themselves where one group is all."""
        if self.times is not None:
            try:
                made, _ = folds.plan(self.target, folds=INNER, repeats=1, seed=0, groups=self.groups, times=self.times)
                return [(fold.learn, fold.judge) for fold in made]
            except SplitError:
                pass  # one time only: the folds that follow
        many = len(self) if self.groups is None else len(np.unique(self.groups))
        groups = self.groups if many > 1 else None
        return folds.split(self.target, max(2, min(INNER, many)), groups, np.random.default_rng(seed))


@dataclass(frozen=True)
class Arena:
    """The rows of one fold that are learned from, and what has competed on them."""

    table: FeatureTable
    known: Known
    inner: Inner
    effort: Effort
    seed: tuple[int, ...]
    choices: dict[str, Choice] = field(default_factory=dict)
    fitted: dict[str, Predictor] = field(default_factory=dict)

    @classmethod
    def of(cls, table: FeatureTable, known: Known, rows: Int64[Array, " rows"], effort: Effort, *seed: int) -> "Arena":
        own = known.take(rows)
        return cls(table.take(rows), own, own.inner([*seed, 0x1B]), effort, seed)

    def compete(self, contender: Contender) -> tuple[Choice, Predictor]:
        choice, predictor = self._decided(contender) if contender.level == "decided" else self._learned(contender)
        self.choices[contender.name], self.fitted[contender.name] = choice, predictor
        return choice, predictor

    def _learned(self, contender: Contender) -> tuple[Choice, Predictor]:
        target = self.known.target
        choice = choose(
            contender, self.table, target, self.inner,
            trials=self.effort.trials, seconds=self.effort.seconds, seed=self.seed,
        )  # fmt: skip
        rng = np.random.default_rng([*self.seed, 0xF1])
        everything = np.ones(len(self.known), dtype=bool)
        return choice, contender.make(choice.settings).fit(self.table, everything, target, rng)

    def _decided(self, contender: Contender) -> tuple[Choice, Predictor]:
        """From what its members said of unseen rows: no fit of its own. Its own unseen answers come from weights that
        were learned on the other inner folds."""
        names = {sense: f"{sense}: {contender.estimator['part']}" for sense in contender.senses}
        said = np.stack([self.choices[name].unseen for name in names.values()])
        target, judged = self.known.target, self.choices[next(iter(names.values()))].judged
        members: Mapping[str, Any] = {sense: self.fitted[name] for sense, name in names.items()}
        rows = np.flatnonzero(judged)
        predictor = Decided.of(contender.rule, members, said[:, rows], target.take(rows))
        unseen = np.zeros(target.values.shape, dtype=np.float32)
        there = np.stack([self.table[sense].present for sense in names])
        for _, own in self.inner:
            others = np.setdiff1d(rows, own)
            learned = others if len(others) else rows
            weights = learned_weights(contender.rule, said[:, learned], target.take(learned))
            unseen[own] = decided(contender.rule, target.told, said[:, own], there[:, own], weights, predictor.prior)
        loss = float(row_losses(unseen, target)[judged].mean())
        fits = sum(self.choices[name].trials for name in names.values())
        return Choice({}, loss, unseen, judged, fits), predictor


@dataclass
class Entry:
    """One contender over all folds: its choice, its predictor and what it said of the rows that were judged."""

    contender: Contender
    choices: list[Choice] = field(default_factory=list)
    fitted: list[Predictor] = field(default_factory=list)
    said: list[Float32[Array, "_ outputs"]] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Of rows that were unseen inside what was learned from: what the choice among contenders goes by."""
        return float(np.mean([choice.loss for choice in self.choices]))


@dataclass
class Race:
    """All that happened: the folds, what competed in each, and the senses of the rows that each judged."""

    plan: list[folds.Fold]
    entries: dict[str, Entry] = field(default_factory=dict)
    judged: list[FeatureTable] = field(default_factory=list)

    @property
    def chosen(self) -> Entry:
        """The one whose unseen rows inside the learned ones were told best: no judged row has a say."""
        return min((one for one in self.entries.values() if one.contender.level != "prior"), key=lambda one: one.loss)
