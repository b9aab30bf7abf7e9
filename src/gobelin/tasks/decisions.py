"""The decision level: what an estimator of each sense says becomes one answer, by a rule of `gobelin.ensemble`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import nnls
from scipy.special import expit, logit, softmax

from gobelin.arrays import Array, Bool, Float32, Float64
from gobelin.ensemble.mean import mean
from gobelin.ensemble.stacking import choice_weights
from gobelin.ensemble.vote import hard_vote, soft_vote
from gobelin.ensemble.weighted import weighted
from gobelin.errors import UnknownName, nearest
from gobelin.protocols import State
from gobelin.tasks.levels import Predictor, prior, restored
from gobelin.values import FeatureTable, Target
from gobelin.values.target import Told

RULES: Mapping[str, tuple[str, ...]] = {
    "mean": ("class", "labels", "numbers"),
    "weighted": ("class", "labels", "numbers"),
    "hard_vote": ("class", "labels"),
    "soft_vote": ("class",),
    "stacking": ("class", "labels", "numbers"),
}
"""Each rule with what it can tell.

mean: of the members' answers. weighted: the same, each by how much of the prior's error it takes away on rows that it
had not seen. hard_vote: the share of members whose best class (or label above a half) it is. soft_vote: each member's
probabilities squared and divided by their sum, then the mean, so that the surer one speaks louder. stacking: weights
at least 0 of log probabilities (classes), log odds (labels) or distances from the mean (numbers), learned on answers
for unseen rows (Wolpert 1992; McFadden 1974 for classes, least squares for numbers).
"""

Said = Float32[Array, "members rows outputs"]
_LEAST = 1e-6


def check(rule: str, told: Told) -> None:
    if rule not in RULES or told not in RULES[rule]:
        known = [name for name, kinds in RULES.items() if told in kinds]
        raise UnknownName(
            f"No rule {rule!r} decides on {told}.{nearest(rule, known)}",
            "one of " + ", ".join(known) + ".",
            "docs/predicting.md says what each does.",
        )


@dataclass
class Decided:
    """members: by sense, each fitted. weights: of the members in their order; empty where the rule has none."""

    rule: str
    told: Told
    members: Mapping[str, Predictor]
    weights: Float64[Array, " weights"]
    prior: Float32[Array, " outputs"]

    @classmethod
    def of(cls, rule: str, members: Mapping[str, Predictor], unseen: Said, target: Target) -> Self:
        """unseen: what the members said of rows that they had not seen, of which `target` tells the truth."""
        everyone = prior(target, np.ones(len(target.known), dtype=bool))
        return cls(rule, target.told, members, learned_weights(rule, unseen, target), everyone)

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        said = np.stack([member.predict(table) for member in self.members.values()])
        there = np.stack([_present(table, sense) for sense in self.members])
        return decided(self.rule, self.told, said, there, self.weights, self.prior)

    def state(self) -> State:
        members = {sense: member.state() for sense, member in self.members.items()}
        return {
            "level": "decided", "rule": self.rule, "told": self.told, "senses": list(self.members),
            "members": members, "weights": self.weights, "prior": self.prior,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: State) -> Self:
        members = {sense: restored(state["members"][sense]) for sense in state["senses"]}
        return cls(
            state["rule"],
            state["told"],
            members,
            np.asarray(state["weights"]),
            np.asarray(state["prior"]),
        )


def _present(table: FeatureTable, sense: str) -> Bool[Array, " rows"]:
    return table[sense].present if sense in table else np.zeros(len(table.ids), dtype=bool)


def decided(
    rule: str,
    told: Told,
    said: Said,
    there: Bool[Array, "members rows"],
    weights: Float64[Array, " weights"],
    everyone: Float32[Array, " outputs"],
) -> Float32[Array, "rows outputs"]:
    """Rows that lack the same senses are told together, by the members that they have; without any, the prior."""
    out = np.tile(everyone, (said.shape[1], 1))
    patterns, of = np.unique(there, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        rows = np.flatnonzero(of.ravel() == number)
        if pattern.any():
            own = weights[pattern] if len(weights) else weights
            if len(own) and own.sum() > 0:
                own = own * weights.sum() / own.sum()  # those who speak, as loud together as all of them
            elif len(own):
                continue  # nobody who is there was worth a weight
            out[rows] = _RULES[rule](said[pattern][:, rows].astype(np.float64), own, told, everyone)
    return out


def learned_weights(rule: str, unseen: Said, target: Target) -> Float64[Array, " weights"]:
    if rule == "weighted":
        everyone = prior(target, np.ones(len(target.known), dtype=bool))
        plain = float(np.mean((everyone - target.values) ** 2))
        skill = np.array(
            [max(0.0, 1 - float(np.mean((one - target.values) ** 2)) / max(plain, 1e-12)) for one in unseen]
        )
        return skill / skill.sum() if skill.sum() > 0 else np.full(len(unseen), 1 / len(unseen))
    if rule == "stacking":
        return _stacked(unseen, target)
    return np.zeros(0)


def _stacked(unseen: Said, target: Target) -> Float64[Array, " weights"]:
    if target.told == "numbers":
        centre = target.values.mean(axis=0)
        sides = (unseen - centre).reshape(len(unseen), -1).T.astype(np.float64)
        return np.asarray(nnls(sides, (target.values - centre).ravel().astype(np.float64))[0])
    rows, outputs = target.values.shape
    if target.told == "class":
        cells = _log(unseen).reshape(len(unseen), -1)
        return choice_weights(
            cells, np.repeat(np.arange(rows), outputs), target.values.ravel() > 0, towards=_even(unseen)
        )
    odds = _odds(unseen).reshape(len(unseen), -1)  # each label of each row is a choice between yes and no
    cells = np.stack([odds / 2, -odds / 2], axis=2).reshape(len(unseen), -1)
    yes = target.values.ravel() > 0
    chosen = np.stack([yes, ~yes], axis=1).ravel()
    return choice_weights(cells, np.repeat(np.arange(rows * outputs), 2), chosen, towards=_even(unseen))


def _even(unseen: Said) -> Float64[Array, " weights"]:
    return np.full(len(unseen), 1 / len(unseen))


def _log(said: Array) -> Float64[Array, "..."]:
    return np.log(np.clip(np.asarray(said, dtype=np.float64), _LEAST, 1.0))


def _odds(said: Array) -> Float64[Array, "..."]:
    return np.asarray(logit(np.clip(np.asarray(said, dtype=np.float64), _LEAST, 1 - _LEAST)))


def _mean(said: Array, weights: Array, told: Told, everyone: Array) -> Array:
    return mean(said)


def _weighted(said: Array, weights: Array, told: Told, everyone: Array) -> Array:
    return weighted(said, weights)


def _hard(said: Array, weights: Array, told: Told, everyone: Array) -> Array:
    return hard_vote(said) if told == "class" else mean((said > 0.5).astype(np.float64))


def _soft(said: Array, weights: Array, told: Told, everyone: Array) -> Array:
    return soft_vote(_log(said), temperature=0.5)


def _stack(said: Array, weights: Array, told: Told, everyone: Array) -> Array:
    if told == "class":
        return np.asarray(softmax(weighted(_log(said), weights), axis=1))
    if told == "labels":
        return np.asarray(expit(weighted(_odds(said), weights)))
    return everyone + weighted(said - everyone, weights)


_RULES: Mapping[str, Callable[[Array, Array, Told, Array], Array]] = {
    "mean": _mean, "weighted": _weighted, "hard_vote": _hard, "soft_vote": _soft, "stacking": _stack,
}  # fmt: skip


def rules_of(names: Sequence[str], told: Told) -> list[str]:
    """Those of the names that are rules of the decision level and can tell this."""
    return [name for name in names if name in RULES and told in RULES[name]]
