"""Rows that are content as it is: their layout, what stands where, and that a layout goes with its features."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gobelin.encoders.filmstrip import Filmstrip
from gobelin.encoders.log_mel import LogMel
from gobelin.encoders.pixels import Pixels
from gobelin.encoders.tokens import Tokens
from gobelin.features.runner import encode_table
from gobelin.features.standardise import Standardiser
from gobelin.protocols import AsItIs, Content
from gobelin.testing.encoders import draw_clip
from gobelin.values import Features, Layout, Vocabulary


class Shelf:
    """What the runner needs of a catalogue."""

    def __init__(self, *contents: Content) -> None:
        self.held = contents
        self.items = Vocabulary(tuple(one.item for one in contents))
        self.vectors: dict[str, Features] = {}

    def contents(self, rows=None):
        return iter(self.held if rows is None else [self.held[row] for row in rows])


@pytest.mark.parametrize(
    "told", ["picture 32x32x3", "words 48 of 4096", "sound 64x32 in 5 s", "clip 10x16x16x3 in 2.5 s"]
)
def test_a_layout_is_read_as_it_is_told(told: str) -> None:
    assert str(Layout.of(told)) == told


@pytest.mark.parametrize(
    "told",
    ["picture 32x32", "picture 8x8x4", "words 48", "sound 64x32", "picture 4x4x3 in 2 s", "vector 8", "words 0 of 9"],
)
def test_a_layout_that_says_too_little_or_too_much_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match=r"layout|shape|colours|ids|seconds"):
        Layout.of(told)


def test_features_refuse_a_layout_of_another_size() -> None:
    ids = Vocabulary(("a",))
    with pytest.raises(ValueError, match="48 dense numbers"):
        Features("image", "image", ids, np.ones((1, 47), np.float32), np.ones(1, bool), Layout.of("picture 4x4x3"))


def test_the_runner_says_how_rows_lie_and_reads_the_first_piece_alone(tmp_path: Path) -> None:
    for name, colour in (("red", (255, 0, 0)), ("black", (0, 0, 0))):
        Image.new("RGB", (9, 7), colour).save(tmp_path / f"{name}.png")
    paths = (tmp_path / "red.png", tmp_path / "black.png")
    shelf = Shelf(Content("a", {"image": paths}), Content("b", {"image": paths[1:]}), Content("c", {}))
    table, _ = encode_table(shelf, {"image": Pixels(side=8)})
    image = table["image"]
    assert (
        isinstance(Pixels(), AsItIs)
        and image.layout == Layout.of("picture 8x8x3")
        and image.present.tolist() == [1, 1, 0]
    )
    assert np.allclose(image.values[0].reshape(64, 3), [1, 1 / 256, 1 / 256])  # not the mean of two pictures
    assert np.allclose(image.values[1], 1 / 256)  # black is there, and is not zero
    assert image.take(np.array([1, 0])).layout == image.layout
    assert Standardiser.fit(("centre",), image, np.array([0, 1], dtype=np.int32)).apply(image).layout is None


def test_tokens_keep_the_order_of_words_and_pad_with_nought() -> None:
    rows = Tokens(length=6).encode(["Red wool coat", "coat wool red", "红色羊毛大衣", "!?"])
    assert rows.present.tolist() == [True, True, True, False]
    assert rows.values[0, :3].tolist() == rows.values[1, 2::-1].tolist() and not rows.values[:2, 3:].any()
    assert rows.values[rows.values > 0].min() >= 1 and rows.values.max() < 4096
    assert (rows.values[2] > 0).sum() == 3  # 红色, 羊毛, 大衣
    letters = Tokens(length=20, unit="characters").encode(["Red  wool"]).values[0]
    assert (letters > 0).sum() == len("red wool") and letters[5] == letters[6]
    both = Content("a", {"title": ("red", "红色")}, {"title": (None, "zh")})
    assert Tokens().pieces(both) == ("red 红色",)


def test_a_tone_stands_in_its_band_at_its_level_and_silence_is_nought(tmp_path: Path) -> None:
    t = np.arange(16_000) / 16_000
    tone = np.where(t < 0.5, np.sin(2 * np.pi * 1_000 * t), 0)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((tone * 16_384).astype("<i2").tobytes())  # -6 dB
    row = LogMel(max_seconds=2.0, frames=16).encode([tmp_path / "a.wav"]).values.reshape(16, 32)
    edges = np.linspace(1127 * np.log1p(40 / 700), 1127 * np.log1p(8_000 / 700), 34)
    centres = 700 * (np.exp(edges[1:-1] / 1127) - 1)
    assert row[1].argmax() == np.abs(centres - 1_000).argmin()
    assert row[1].max() == pytest.approx(1 - 0.06, abs=0.03)
    assert row[:4].any(axis=1).all() and not row[5:].any()


def test_a_film_strip_shows_moments_evenly_and_nothing_behind_the_end(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "a.mp4", 1, frames=12)  # a second, in which a disc goes from left to right
    strip = Filmstrip(frames=4, max_seconds=2.0).encode([path]).values.reshape(4, 16, 16, 3)
    assert strip[:2].any(axis=(1, 2, 3)).all() and not strip[2:].any()
    along = [float((frame.min(axis=2) < 0.7).any(axis=0).nonzero()[0].mean()) for frame in strip[:2]]
    assert along[1] > along[0] + 2
