"""Streams of raw content on one timeline or grid: what lies where, what nobody may read, and what comes back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gobelin import store
from gobelin.errors import RecipeError
from gobelin.fusion._pieces import pieces_of
from gobelin.fusion.streams import Streams
from gobelin.media.alignment import shares
from gobelin.protocols import Fusion
from gobelin.values import Layout
from raw import LEARN, RNG, features, mixed, table


def test_shares_align_many_items_as_align_does_one() -> None:
    whole, half, still = shares((4, 2, 1), (2.0, 1.0, 0.0), 2)
    assert whole.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    assert half.tolist() == [[0.5, 0.5], [0, 0]]  # it ends after one second of two
    assert still.tolist() == [[1], [1]]


def test_pieces_of_a_picture_in_space_are_its_cells_and_of_a_clip_mean_and_spread_over_time() -> None:
    picture = np.zeros((1, 4, 4, 3), dtype=np.float32)
    picture[0, :2, 2:] = (0.2, 0.4, 0.6)
    values, marks = pieces_of(picture.reshape(1, -1), Layout.of("picture 4x4x3"), "space", 2)
    assert marks.all() and np.allclose(values[0], [[0] * 3, [0.2, 0.4, 0.6], [0] * 3, [0] * 3])
    clip = np.zeros((1, 3, 4, 4, 3), dtype=np.float32)
    clip[0, 0], clip[0, 1] = 0.2, 0.6  # the third frame is behind the end
    values, _ = pieces_of(clip.reshape(1, -1), Layout.of("clip 3x4x4x3 in 3 s"), "space", 2)
    assert np.allclose(values[0], [[0.4] * 3 + [0.2] * 3] * 4)


def test_the_same_words_are_the_same_pieces_and_others_are_not() -> None:
    rows = np.array([[3, 5, 0], [5, 3, 0]], dtype=np.float32)
    values, marks = pieces_of(rows, Layout.of("words 3 of 9"), "time", 4)
    assert marks.tolist() == [[True, True, False]] * 2
    assert np.array_equal(values[0, 0], values[1, 1]) and not np.array_equal(values[0, 0], values[0, 1])


@pytest.mark.parametrize("along", ["time", "space"])
@pytest.mark.parametrize("pool", ["statistics", "pca"])
@pytest.mark.parametrize("join", ["concatenate", "mean"])
def test_nothing_absent_is_read_and_what_is_learned_comes_back(along, pool, join, tmp_path: Path) -> None:
    given, settings = mixed(), {"along": along, "pool": pool, "join": join, "factors": 4, "dim": 6, "cells": 2}
    fusion = Streams(**settings).fit(given, LEARN, None, RNG(0))
    fused = fusion.fuse(given)
    senses, looks = (5 if join == "concatenate" else 1), (3 if along == "time" else 2)
    assert isinstance(fusion, Fusion) and fused.dim == (6 if pool == "pca" else 4 * senses * looks)
    assert np.isfinite(fused.values).all() and fused.present.tolist() == [i != 7 for i in range(48)]
    other = mixed(seed=1)
    swapped = [
        replace(one, values=np.nan_to_num(np.where(LEARN[:, None], one.values, other[name].values)))
        for name, one in reversed(given.features.items())
    ]
    again = Streams(**settings).fit(table(*swapped), LEARN, None, RNG(0))
    assert np.array_equal(again.fuse(given).values, fused.values)
    store.save_state(tmp_path / "fusion", fusion.state())
    back = Streams.from_state(store.load_state(tmp_path / "fusion"))
    assert np.array_equal(back.fuse(given).values, fused.values)
    assert np.allclose(back.fuse(given.take(np.array([5]))).values, fused.values[5:6], atol=1e-5)
    assert back.fuse(given.take(np.zeros(0, dtype=np.int64))).values.shape == (0, fused.dim)


def test_averaged_streams_are_the_mean_of_those_that_are_there() -> None:
    given = mixed().only("audio", "video")
    joined, apart = (Streams(join=join, factors=4).fit(given, LEARN, None, RNG(0)) for join in ("mean", "concatenate"))
    steps, held = apart._aligned(given, np.arange(48))
    expected = steps.sum(axis=2) / np.maximum(held.sum(axis=2), 1)[:, :, None]
    assert np.allclose(joined.fuse(given).values[:, :4], expected.mean(axis=1), atol=1e-5)
    silent = mixed()["audio"].values.reshape(48, 16, 8)[3, 8:]
    assert not silent.any() and not held[3, 4:, 0].any() and held[3, :4, 0].all()  # silence is no piece


def test_what_happens_at_once_is_told_from_what_happens_apart() -> None:
    """A sound grows loud in the half in which a clip grows bright, or in the other: averaged on one timeline, the
    spread over steps tells which, and neither stream alone does."""
    rng, n = RNG(0), 80
    early, together = rng.random(n) < 0.5, rng.random(n) < 0.5
    half = np.arange(8) < 4
    loud = np.where(early[:, None] == half, 0.9, 0.2)
    bright = np.where((early == together)[:, None] == half, 0.9, 0.2)
    sound = np.repeat(loud[:, :, None], 6, axis=2) + 0.02 * rng.random((n, 8, 6))
    clip = np.repeat(bright[:, :, None], 8 * 8 * 3, axis=2) + 0.02 * rng.random((n, 8, 192))
    given = table(
        features("audio", sound, Layout.of("sound 8x6 in 4 s")),
        features("video", clip, Layout.of("clip 8x8x8x3 in 4 s")),
    )
    learn = np.arange(n) < 40

    def told(fused: np.ndarray) -> float:
        """How well the first number's spread over steps, cut in the middle, tells the two kinds apart."""
        cut = (fused[learn & together].mean() + fused[learn & ~together].mean()) / 2
        right = float((((fused > cut) == together)[~learn]).mean())
        return max(right, 1 - right)

    both = Streams(join="mean", factors=1).fit(given, learn, None, RNG(0)).fuse(given).values[:, 1]
    assert told(both) == 1.0
    for name in given:
        alone = Streams(join="mean", factors=1).fit(given.only(name), learn, None, RNG(0)).fuse(given.only(name))
        assert told(alone.values[:, 1]) < 0.8


def test_a_text_that_is_no_layout_is_one_clear_error() -> None:
    with pytest.raises(RecipeError, match=r"layouts\.text"):
        Streams(layouts={"text": "words"})
