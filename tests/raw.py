"""Small tables of raw rows: of every kind, and a puzzle that two senses tell together."""

import numpy as np

from gobelin.values import Features, FeatureTable, Layout, Target, Vocabulary

RNG = np.random.default_rng
PICTURE, WORDS = Layout.of("picture 16x16x3"), Layout.of("words 6 of 40")
SOUND, CLIP = Layout.of("sound 16x8 in 2 s"), Layout.of("clip 4x8x8x3 in 2 s")


def features(name: str, values: np.ndarray, layout: Layout | None, present: np.ndarray | None = None) -> Features:
    ids = Vocabulary(tuple(str(i) for i in range(len(values))))
    there = np.ones(len(values), dtype=bool) if present is None else present
    return Features(name, name, ids, values.reshape(len(values), -1).astype(np.float32), there, layout)


def table(*some: Features) -> FeatureTable:
    return FeatureTable(some[0].ids, {one.name: one for one in some})


def pictures(red: np.ndarray, rng: np.random.Generator) -> Features:
    """Red or blue, anywhere on a grey ground."""
    out = rng.uniform(0.4, 0.6, (len(red), 16, 16, 3))
    for row, is_red in enumerate(red):
        y, x = rng.integers(0, 8, 2)
        out[row, y : y + 8, x : x + 8] = (0.9, 0.1, 0.1) if is_red else (0.1, 0.1, 0.9)
    return features("image", out, PICTURE)


def texts(said: np.ndarray, rng: np.random.Generator) -> Features:
    """Word 1 or word 2, somewhere among words that tell nothing."""
    out = rng.integers(3, 40, (len(said), 6)).astype(float)
    out[:, 5] = 0
    out[np.arange(len(said)), rng.integers(0, 5, len(said))] = np.where(said, 1, 2)
    return features("text", out, WORDS)


def puzzle(n: int, seed: int = 0) -> tuple[FeatureTable, Target, np.ndarray]:
    """The class is whether colour and word agree: either alone tells nothing."""
    rng = RNG(seed)
    red, said = rng.random(n) < 0.5, rng.random(n) < 0.5
    target = Target.classes("agree", ["yes" if a == b else "no" for a, b in zip(red, said, strict=True)])
    return table(pictures(red, rng), texts(said, rng)), target, np.arange(n) < 2 * n // 3


def mixed(n: int = 48, seed: int = 0) -> FeatureTable:
    """All kinds of rows, each absent somewhere, where NaN stands; row 7 has nothing."""
    rng = RNG(seed)
    clip = rng.uniform(0.1, 1, (n, 4, 64 * 3))
    clip[::2, 3] = 0  # behind the end
    sound = rng.uniform(0, 1, (n, 16, 8))
    sound[::3, 8:] = 0
    words = rng.integers(1, 40, (n, 6)).astype(float)
    words[::2, 4:] = 0
    given = {
        "audio": (sound, SOUND), "image": (rng.uniform(0.1, 1, (n, PICTURE.dim)), PICTURE),
        "own": (rng.normal(5, 3, (n, 7)), None), "text": (words, WORDS), "video": (clip, CLIP),
    }  # fmt: skip
    some = []
    for number, (name, (values, layout)) in enumerate(given.items()):
        present = (np.arange(n) + number) % 4 != 0
        present[7] = False
        values = values.reshape(n, -1).astype(np.float32)
        values[~present] = np.nan
        some.append(features(name, values, layout, present))
    return table(*some)


def numbers(n: int = 48) -> Target:
    values = np.stack([1000.0 + 50 * np.sin(np.arange(n)), np.arange(n) % 3], axis=1).astype(np.float32)
    return Target("sizes", "numbers", ("weight", "count"), values, np.arange(n) % 5 != 0)


LEARN = np.arange(48) % 4 != 3
