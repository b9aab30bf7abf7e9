"""Augmentation of rows that are content as it is: strength 0 changes nothing, and rows change as their content does."""

import numpy as np
import pytest
from PIL import Image

from gobelin.encoders.log_mel import RATE, LogMel
from gobelin.encoders.pixels import Pixels
from gobelin.media.augment import audio, image
from gobelin.media.augment.rows import DECIBELS, augmented, pictures
from gobelin.values import Layout

RNG = np.random.default_rng
LAYOUTS = {
    kind: Layout.of(told)
    for kind, told in {
        "picture": "picture 16x16x3",
        "words": "words 20 of 100",
        "sound": "sound 32x16 in 2 s",
        "clip": "clip 6x8x8x3 in 2 s",
    }.items()
}


def drawn(kind: str, n: int = 12) -> np.ndarray:
    layout, rng = LAYOUTS[kind], RNG(0)
    if kind == "words":
        rows = rng.integers(1, layout.ids, (n, layout.dim)).astype(np.float32)
        rows[:, 15:] = 0
        return rows
    rows = np.repeat(np.repeat(rng.uniform(0.2, 0.8, (n, 8)), 32, axis=1), layout.dim // 256 + 1, axis=1)
    return rows[:, : layout.dim].astype(np.float32)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_strength_nought_is_the_very_rows_and_more_changes_them_by_the_generator_alone(kind: str) -> None:
    rows = drawn(kind)
    before = rows.copy()
    assert augmented(rows, LAYOUTS[kind], 0.0, RNG(0)) is rows
    changed = augmented(rows, LAYOUTS[kind], 1.0, RNG(0))
    assert changed.shape == rows.shape and changed.dtype == np.float32
    assert np.array_equal(changed, augmented(rows, LAYOUTS[kind], 1.0, RNG(0)))
    assert not np.array_equal(changed, augmented(rows, LAYOUTS[kind], 1.0, RNG(1)))
    assert np.array_equal(rows, before) and (changed != rows).any(axis=1).mean() > 0.8
    assert changed.min() >= 0 and changed.max() <= rows.max() * (1 if kind in ("words", "clip") else 2)
    assert changed.any(axis=1).all()  # something is always left


@pytest.mark.parametrize("kind", ["picture", "sound"])
def test_a_weaker_strength_changes_less(kind: str) -> None:
    rows = drawn(kind, 40)
    gaps = [np.abs(augmented(rows, LAYOUTS[kind], s, RNG(3)) - rows).mean() for s in (0.1, 0.5, 1.0)]
    assert gaps[0] < gaps[1] < gaps[2]


def test_a_row_of_pixels_changes_as_the_picture_does() -> None:
    picture = Image.fromarray(RNG(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    row = Pixels(side=16).encode_pictures([picture]).values
    by_picture = Pixels(side=16).encode_pictures([pictures(0.7).once(picture, RNG(5))]).values
    assert np.array_equal(augmented(row, LAYOUTS["picture"], 0.7, RNG(5)), by_picture)


def test_a_louder_sound_has_the_levels_that_its_row_gets() -> None:
    """gain of samples, then log_mel, is log_mel, then the row's gain."""
    encoder, rng = LogMel(max_seconds=1.0, frames=16, bands=16), RNG(0)
    sound = (0.05 * rng.standard_normal(RATE)).astype(np.float32)
    louder = audio.gain(sound, RNG(7), decibels=10.0)
    factor = audio.gain(np.ones(1, np.float32), RNG(7), decibels=10.0)[0]
    moved = encoder.levels(sound) + 20 * np.log10(factor) / DECIBELS
    assert abs(20 * np.log10(factor)) > 1
    assert np.allclose(encoder.levels(louder), moved, atol=1e-4)


def test_words_are_left_out_and_moved_never_made_up() -> None:
    rows = drawn("words", 30)
    changed = augmented(rows, LAYOUTS["words"], 1.0, RNG(0))
    for before, after in zip(rows, changed, strict=True):
        assert set(after[after > 0]) <= set(before)
        assert not after[int((after > 0).sum()) :].any()  # what is left closes up
    assert 0.7 < (changed > 0).sum() / (rows > 0).sum() < 0.9  # a fifth goes


def test_frames_of_a_clip_keep_their_place() -> None:
    rows = drawn("clip", 30).reshape(30, 6, -1)
    rows[:, 5] = 0  # behind the end
    changed = augmented(rows.reshape(30, -1), LAYOUTS["clip"], 1.0, RNG(0)).reshape(30, 6, -1)
    gone = ~changed.any(axis=2)
    assert np.array_equal(changed[~gone], rows[~gone]) and gone[:, 5].all() and gone[:, :5].any()


def test_noise_is_as_strong_as_it_says() -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    spread = [np.asarray(image.noise(grey, RNG(i), deviation=0.1), dtype=float).std() / 255 for i in range(20)]
    assert max(spread) < 0.105 and 0.03 < np.mean(spread) < 0.07
    assert np.array_equal(np.asarray(image.noise(grey, RNG(0), deviation=0.0)), np.asarray(grey))
