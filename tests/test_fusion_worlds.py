"""Where each way of fusing wins, holds and loses, as theory says, in worlds whose answer is known.

`EXPECTED` was written down before anything was measured. Where a measurement said otherwise, the bounds of that method
stand in `OTHERWISE` with what is so instead; nothing was tuned to make theory right, but for one: `contrastive` fell
below the single sense in "redundant" (-.03), for it stopped while its loss still fell. Its rate, batch and patience
were then set by its own held-out loss on a draw that no test asks about (seed 5), and it was measured again.

A method is judged by a logistic regression on its vectors, learned on half of the rows and asked about the other; its
value is a difference of accuracies, whose deviation from world to world is about .03 (.05 where half of the rows are
asked).
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gobelin import parts
from gobelin.ensemble.folds import folds, out_of_fold
from gobelin.ensemble.stacking import choice_weights
from gobelin.testing import fusion_worlds
from gobelin.testing.fusion_worlds import PICTURES, WORDS, FusionWorld

# What theory takes for granted: a space of fewer dimensions than the senses have together, else all is kept as it is
FEW = {"dim": 8}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "concatenation": {},
    "weighting": {},
    "weighting, exponential": {"form": "exponential"},
    "ridge_maps": {},
    "pca": FEW,
    "cca": FEW,
    "contrastive": FEW,
    "gated": {},
    "attention": {},
    "bilinear": {},
    "early": {},
    "streams": {},
    "mean of answers": {},
    "stacking": {},
}


class Said(NamedTuple):
    """Bounds of a value, both included, and the reason."""

    low: float
    high: float
    why: str


BOTH = Said(0.4, 1.0, "each sense leaves four classes open, both together leave one")
LEARNED = Said(0.3, 1.0, "both senses are needed and both are heard; a network learns it from few rows less well")
APART = Said(-0.05, 0.4, "nothing is shared: what is kept is agreement by chance, and what is told is averaged away")
TWICE = Said(0.03, 0.3, "two measurements are better than one")
HOLDS = Said(0.0, 0.3, "two measurements are better than one, learned from few rows")
NEAR = Said(-0.04, 0.2, "it keeps what both tell and leaves what each has for itself: no worse than side by side")
AS_WORDS = Said(-0.08, 0.08, "a row without a picture has its words, told in fewer dimensions than a row with both")

EXPECTED: Mapping[str, Mapping[str, Said]] = {
    # accuracy less that of the better sense alone
    "complementary": {
        "concatenation": BOTH, "weighting": BOTH, "weighting, exponential": BOTH, "ridge_maps": BOTH,
        "pca": Said(0.3, 1.0, "what the kinds tell varies most: six directions of the eight"),
        "cca": APART, "contrastive": APART,
        "gated": LEARNED, "attention": LEARNED, "bilinear": LEARNED, "early": LEARNED,
        "streams": BOTH,
        "mean of answers": Said(0.3, 1.0, "probabilities of four classes each: their mean is highest where they meet"),
        "stacking": BOTH,
    },
    "redundant": {
        "concatenation": TWICE, "weighting": TWICE, "weighting, exponential": TWICE, "ridge_maps": TWICE,
        "pca": TWICE, "cca": TWICE, "contrastive": HOLDS,
        "gated": HOLDS, "attention": HOLDS, "bilinear": HOLDS, "early": HOLDS,
        "streams": TWICE,
        "mean of answers": TWICE, "stacking": TWICE,
    },
    # accuracy less that of concatenation
    "redundant, beside concatenation": {"pca": NEAR, "cca": NEAR, "mean of answers": NEAR, "stacking": NEAR},
    # accuracy less that of words alone
    "noisy": {
        "concatenation": Said(-0.3, -0.01, "40 dimensions of noise are as loud as the words"),
        "ridge_maps": Said(-0.3, -0.01, "as concatenation: no row lacks a sense"),
        "weighting": Said(-0.02, 0.02, "noise is aligned with no target by more than chance"),
        "weighting, exponential": Said(-0.05, 0.02, "noise keeps a small share"),
        "pca": Said(-0.15, 0.03, "the noise is spread over many directions, the kinds over few"),
        "cca": Said(-0.6, -0.05, "what words share with noise is chance"),
        "contrastive": Said(-0.6, -0.05, "what words share with noise is chance"),
        "gated": Said(-0.1, 0.03, "gates learn not to listen, from few rows"),
        "attention": Said(-0.1, 0.03, "weights learn not to listen, from few rows"),
        "bilinear": Said(-0.2, 0.03, "a factor must learn to be 1 everywhere"),
        "early": Said(-0.2, 0.03, "a token must learn not to be looked at, from few rows"),
        "streams": Said(-0.3, 0.0, "as concatenation, with fewer axes of noise"),
        "mean of answers": Said(-0.15, 0.02, "answers by noise are near the prior, and unsure"),
        "stacking": Said(-0.03, 0.02, "its weight is learned to be nothing"),
    },
    # of the rows that lack a picture, accuracy less that of words alone
    "lacking, without": dict.fromkeys(METHODS, AS_WORDS) | {
        "mean of answers": Said(0.0, 0.0, "the mean of one answer"),
        "gated": Said(-0.1, 0.08, "hiding whole senses has taught it to do with one"),
        "attention": Said(-0.1, 0.08, "hiding whole senses has taught it to do with one"),
        "bilinear": Said(-0.1, 0.08, "hiding whole senses has taught it to do with one"),
        "early": Said(-0.1, 0.08, "hiding whole senses has taught it to do with one"),
        "contrastive": Said(-0.12, 0.08, "its maps are learned from 150 pairs"),
    },
    # of the rows that have one
    "lacking, with": dict.fromkeys(METHODS, Said(0.02, 0.35, "the picture is heard where it is there")) | {
        "gated": Said(-0.03, 0.35, "learned from half of the pictures"),
        "attention": Said(-0.03, 0.35, "learned from half of the pictures"),
        "bilinear": Said(-0.03, 0.35, "learned from half of the pictures"),
        "early": Said(-0.03, 0.35, "learned from half of the pictures"),
        "contrastive": Said(-0.05, 0.35, "learned from half of the pictures"),
    },
}  # fmt: skip

# Measured on the world of the test, then on two more draws of it
OTHERWISE: Mapping[tuple[str, str], Said] = {
    ("complementary", "cca"): Said(
        0.3, 0.55, "the 8 of 16 directions that agree by chance still hold much of what the kinds tell (.46, .39, .38)"
    ),
    ("complementary", "mean of answers"): Said(
        0.15,
        0.35,
        "each answer guesses among the four classes it leaves open, and a mean adds the guesses; where "
        "logarithms are added, as in stacking, the other sense rules them out (.24, .23, .20)",
    ),
    ("lacking, without", "cca"): Said(
        -0.15,
        0.05,
        "one projection alone lies farther out than the mean of two, on which the judge learned (-.09, -.02, -.08)",
    ),
    ("lacking, without", "early"): Said(
        -0.15,
        0.05,
        "what it says of words alone moves when the picture is gone, hidden in training or not (-.11, -.06, -.05)",
    ),
    ("lacking, with", "contrastive"): Said(
        -0.15, 0.15, "15 held-out pairs stop it: by chance before the maps of both senses meet (-.09, .09, .09)"
    ),
}


@functools.cache
def drawn(world: str) -> FusionWorld:
    return {
        "complementary": fusion_worlds.complementary,
        "redundant": fusion_worlds.redundant,
        "noisy": fusion_worlds.noisy,
        "lacking": fusion_worlds.lacking,
    }[world]()


def judge(values: np.ndarray, world: FusionWorld, learn: np.ndarray) -> np.ndarray:
    """(rows, classes) probabilities by a logistic regression on numbers of size 1, learned on those rows."""
    values = values / np.sqrt((values[learn] ** 2).mean())
    model = LogisticRegression(max_iter=500).fit(values[learn], world.target.codes()[learn])
    told = np.zeros((len(values), len(world.target.names)))
    told[:, model.classes_] = model.predict_proba(np.nan_to_num(values))
    return told


@functools.cache
def right(method: str, world: str) -> np.ndarray:
    """Of each row that was not learned from, whether its class is told; a sense's name is that sense alone."""
    one = drawn(world)
    if method in ("mean of answers", "stacking"):
        told = decided(one, learned=method == "stacking")
    elif method in one.table:
        told = alone(one, method, one.learn)
    else:
        fusion = parts.bind("fusion", method.split(",")[0], METHODS[method])
        fusion.fit(one.table, one.learn, one.target, np.random.default_rng(0))
        told = judge(fusion.fuse(one.table).values, one, one.learn)
    return (told.argmax(axis=1) == one.target.codes())[~one.learn]


def alone(world: FusionWorld, sense: str, learn: np.ndarray) -> np.ndarray:
    """Probabilities by one sense, the classes' shares where a row lacks it."""
    given = world.table[sense]
    values = np.where(given.present[:, None], given.values, 0)
    told = judge(values - values[given.present & learn].mean(axis=0), world, learn & given.present)
    told[~given.present] = world.target.values[learn].mean(axis=0)
    return told


def decided(world: FusionWorld, *, learned: bool) -> np.ndarray:
    """The decision level: the mean of the senses' probabilities, or their logarithms weighed by out-of-fold answers."""
    senses = list(world.table)
    told = np.stack([alone(world, sense, world.learn) for sense in senses])  # (senses, rows, classes)
    held = np.stack([world.table[sense].present for sense in senses])
    if not learned:
        return np.einsum("srk,sr->rk", told, held) / held.sum(axis=0)[:, None]
    rows = np.flatnonzero(world.learn)
    fold = folds(rows, 5, np.random.default_rng(0))

    def fit_predict(seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
        may = np.zeros(len(world.learn), dtype=bool)
        may[rows[seen]] = True
        return np.stack([alone(world, sense, may)[rows[unseen]] for sense in senses], axis=1)

    said = out_of_fold(fold, fit_predict)  # (rows, senses, classes)
    n_classes = said.shape[2]
    cells = np.log(np.maximum(said, 1e-9)).transpose(1, 0, 2).reshape(len(senses), -1)
    chosen = world.target.values[rows].astype(bool).ravel()
    weights = choice_weights(cells, np.repeat(np.arange(len(rows)), n_classes), chosen)
    return np.einsum("s,srk->rk", weights, np.log(np.maximum(told, 1e-9)))


def measured(method: str, world: str) -> float:
    world, _, which = world.partition(", ")
    ours = right(method, world)
    if which == "beside concatenation":
        return float(ours.mean() - right("concatenation", world).mean())
    if world in ("complementary", "redundant"):
        return float(ours.mean() - max(right(sense, world).mean() for sense in (WORDS, PICTURES)))
    among = np.ones(len(ours), dtype=bool)
    if which:
        there = drawn(world).table[PICTURES].present[~drawn(world).learn]
        among = there if which == "with" else ~there
    return float(ours[among].mean() - right(WORDS, world)[among].mean())


def deep(method: str) -> bool:
    return method.isidentifier() and method != "stacking" and "deep" in parts.find("fusion", method).needs


@pytest.mark.parametrize(
    ("method", "world"),
    [
        pytest.param(method, world, marks=[pytest.mark.long] if deep(method) else [], id=f"{world}-{method}")
        for world, said in EXPECTED.items()
        for method in said
    ],
)
def test_a_fusion_does_as_theory_says(method: str, world: str) -> None:
    said = OTHERWISE.get((world, method)) or EXPECTED[world][method]
    value = measured(method, world)
    assert said.low <= value <= said.high, f"{value:.3f} is not {said.low} to {said.high}: {said.why}"


def test_the_senses_alone_are_as_the_worlds_say() -> None:
    """Chance is 1/16 or 1/6; a sense that tells half of a pair leaves one in four."""
    for sense in (WORDS, PICTURES):
        assert 0.15 < right(sense, "complementary").mean() < 0.35
        assert 0.35 < right(sense, "redundant").mean() < 0.75
    assert right(WORDS, "noisy").mean() > 0.6
    assert right(PICTURES, "noisy").mean() < 0.3


def test_every_fusion_is_expected_in_every_world() -> None:
    here = {part.name for part in parts.named("fusion")} & {one.split(",")[0] for one in METHODS}
    lost = {part.name for part in parts.named("fusion") if part.module.startswith("gobelin.fusion")} - here
    assert not lost, f"{lost} have no expectation in tests/test_fusion_worlds.py"
