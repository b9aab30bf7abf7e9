"""Small tables with a known answer: what each sense tells of a class, and what only both together do.

world = complementary()
fusion.fit(world.table, world.learn, world.target, np.random.default_rng(0))

Rows are things of some kind; half of them may be learned from, the others are asked about. Each is drawn in a few
milliseconds.
"""

from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Bool
from gobelin.values import Features, FeatureTable, Target, Vocabulary

WORDS, PICTURES = "text.words", "image.pixels"
ROWS = 600


@dataclass(frozen=True)
class FusionWorld:
    """table: two senses; target: a class, known everywhere; learn: the rows that may be learned from."""

    table: FeatureTable
    target: Target
    learn: Bool[Array, " rows"]


def complementary(seed: int = 0) -> FusionWorld:
    """A class is one of four kinds of words and one of four kinds of pictures: each sense leaves four classes open."""
    rng = np.random.default_rng(seed)
    words, pictures = rng.integers(4, size=(2, ROWS))
    return _world(4 * words + pictures, _around(words, 4, 0.35, rng), _around(pictures, 4, 0.35, rng))


def redundant(seed: int = 0) -> FusionWorld:
    """Six classes, told dimly by both senses alike, each with noise of its own."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(6, size=ROWS)
    return _world(kind, _around(kind, 6, 0.6, rng), _around(kind, 6, 0.6, rng))


def noisy(seed: int = 0) -> FusionWorld:
    """Six classes that words tell fairly well; pictures are noise alone, in 40 dimensions."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(6, size=ROWS)
    return _world(kind, _around(kind, 6, 0.45, rng), rng.normal(size=(ROWS, 40)))


def lacking(seed: int = 0) -> FusionWorld:
    """`redundant`, but half of the rows, at random, have no picture: what stands there is not a number."""
    rng = np.random.default_rng([seed, 1])
    whole = redundant(seed)
    there = rng.random(ROWS) < 0.5
    pictures = whole.table[PICTURES]
    values = pictures.values.copy()
    values[~there] = np.nan
    senses = {**whole.table.features, PICTURES: Features(PICTURES, "image", whole.table.ids, values, there)}
    return FusionWorld(FeatureTable(whole.table.ids, senses), whole.target, whole.learn)


def _world(kind: Array, words: Array, pictures: Array) -> FusionWorld:
    ids = Vocabulary(f"thing {i}" for i in range(ROWS))
    every = np.ones(ROWS, dtype=bool)
    table = FeatureTable(
        ids,
        {
            WORDS: Features(WORDS, "text", ids, words.astype(np.float32), every),
            PICTURES: Features(PICTURES, "image", ids, pictures.astype(np.float32), every),
        },
    )
    return FusionWorld(table, Target.classes("kind", [f"{one:02}" for one in kind]), np.arange(ROWS) % 2 == 0)


def _around(kind: Array, kinds: int, noise: float, rng: np.random.Generator) -> Array:
    """(rows, 2 kinds) vectors around a corner for each kind, away from the origin. noise: its standard deviation."""
    corners = np.eye(2 * kinds)[:kinds]
    return np.asarray(corners[kind] + 0.5 + rng.normal(0, noise, (len(kind), 2 * kinds)))
