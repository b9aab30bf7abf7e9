"""Augmentation: known answers for every sense, seeds, and strength 0 as the identity; test-time averaging."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from gobelin import parts
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.media.augment import Augmentation, Step, audio, image, text, video, views
from gobelin.media.image import square

RATE = 16_000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture() -> Image.Image:
    """Nothing about it is symmetric."""
    out = Image.new("RGB", (60, 40), (250, 250, 250))
    ImageDraw.Draw(out).rectangle((5, 4, 20, 30), fill=(200, 30, 40))
    ImageDraw.Draw(out).ellipse((35, 18, 55, 36), fill=(20, 60, 180))
    return out


def tone(pitch: float = 440.0, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def pitch_of(samples: np.ndarray) -> float:
    """Hertz of the strongest line, by a parabola through the logarithms of three bins."""
    inner = samples[len(samples) // 8 : -len(samples) // 8]
    size = np.log(np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) + 1e-12)
    i = int(size[1:-1].argmax()) + 1
    a, b, c = size[i - 1 : i + 2]
    return (i + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / len(inner)


WORDS = ("a", "red", "wool", "coat", "for", "cold", "days", "红色", "羊毛", "大衣")
NEAR = text.Neighbours(
    ("red", "crimson", "wool", "cold"), np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], dtype=np.float32)
)
SPECTROGRAM = np.random.default_rng(0).random((100, 40)).astype(np.float32)

IDENTITIES: list[tuple[Callable[..., Any], Any, dict[str, Any]]] = [
    (text.drop, WORDS, {"share": 0.0}),
    (text.swap, WORDS, {"share": 0.0}),
    (text.replace, WORDS, {"share": 0.0, "neighbours": NEAR}),
    (image.crop, picture(), {"share": 0.0, "stretch": 0.0}),
    (image.rotate, picture(), {"degrees": 0.0}),
    (image.shift, picture(), {"share": 0.0}),
    (image.zoom, picture(), {"share": 0.0}),
    (image.colour, picture(), {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}),
    (image.blur, picture(), {"radius": 0.0}),
    (audio.gain, tone(), {"decibels": 0.0}),
    (audio.noise, tone(), {"snr": math.inf}),
    (audio.shift, tone(), {"share": 0.0}),
    (audio.stretch, tone(), {"share": 0.0}),
    (audio.mask, SPECTROGRAM, {"frames": 0, "bands": 0}),
    (video.drop_frames, np.arange(12.0), {"share": 0.0}),
    (video.cut, tuple("abcdefgh"), {"share": 0.0}),
]
STRONG: list[tuple[Callable[..., Any], Any, dict[str, Any]]] = [
    (text.drop, WORDS, {"share": 0.5}),
    (text.swap, WORDS, {"share": 0.5}),
    (text.replace, WORDS, {"share": 1.0, "neighbours": NEAR}),
    (image.crop, picture(), {}),
    (image.rotate, picture(), {}),
    (image.shift, picture(), {}),
    (image.zoom, picture(), {}),
    (image.colour, picture(), {}),
    (image.blur, picture(), {"radius": 4.0}),
    (audio.gain, tone(), {}),
    (audio.noise, tone(), {}),
    (audio.shift, tone(), {}),
    (audio.stretch, tone(), {}),
    (audio.mask, SPECTROGRAM, {"warp": 5}),
    (video.drop_frames, np.arange(12.0), {"share": 0.5}),
    (video.cut, tuple("abcdefgh"), {"share": 0.9}),
]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return one == other
    return np.array_equal(np.asarray(one), np.asarray(other))


def name(value: Any) -> str | None:
    return f"{value.__module__.rpartition('.')[2]}.{value.__name__}" if callable(value) else ""


@pytest.mark.parametrize(("change", "content", "settings"), IDENTITIES, ids=name)
def test_strength_zero_is_the_identity(change: Callable[..., Any], content: Any, settings: dict[str, Any]) -> None:
    for seed in range(5):
        assert same(change(content, generator(seed), **settings), content)


@pytest.mark.parametrize(("change", "content", "settings"), STRONG, ids=name)
def test_a_seed_decides_and_the_content_is_never_written_to(
    change: Callable[..., Any], content: Any, settings: dict[str, Any]
) -> None:
    before = content.copy() if hasattr(content, "copy") else content
    results = [change(content, generator(seed), **settings) for seed in range(6)]
    again = [change(content, generator(seed), **settings) for seed in range(6)]
    assert all(same(a, b) for a, b in zip(results, again, strict=True))
    assert any(not same(one, content) for one in results)
    assert same(content, before)
    assert all(type(one) is type(content) or isinstance(one, Image.Image) for one in results)
    if isinstance(content, Image.Image):
        assert all((one.size, one.mode) == (content.size, "RGB") for one in results)
    if isinstance(content, np.ndarray):
        assert all(one.dtype == content.dtype for one in results)


def test_words_are_dropped_as_often_as_asked_and_never_all() -> None:
    rng = generator()
    kept = [len(text.drop(WORDS, rng, share=0.3)) for _ in range(2_000)]
    assert np.mean(kept) == pytest.approx(7, abs=0.1)
    assert all(len(text.drop(WORDS, rng, share=1.0)) == 1 for _ in range(50))
    assert text.drop((), rng) == ()


def test_swapped_words_move_one_place_and_none_is_lost() -> None:
    assert text.swap(("a", "b", "c", "d"), generator(), share=1.0) == ("b", "a", "d", "c")
    for seed in range(50):
        out = text.swap(WORDS, generator(seed), share=0.5)
        assert sorted(out) == sorted(WORDS)
        assert all(abs(out.index(word) - WORDS.index(word)) <= 1 for word in WORDS)


def test_a_word_is_replaced_by_its_nearest_that_is_near_enough() -> None:
    out = text.replace(WORDS, generator(), neighbours=NEAR, share=1.0)
    assert out == tuple("crimson" if word == "red" else word for word in WORDS)
    assert NEAR.near("red", 5, -1.0) == ("crimson", "wool", "cold")
    with pytest.raises(ValueError, match="1 words have 2 vectors"):
        text.Neighbours(("a",), np.zeros((2, 3), dtype=np.float32))


def test_a_flipped_picture_is_its_mirror_and_twice_flipped_itself() -> None:
    flipped = image.flip(picture(), generator())
    assert np.array_equal(np.asarray(flipped), np.asarray(picture())[:, ::-1])
    assert np.array_equal(np.asarray(image.flip(flipped, generator())), np.asarray(picture()))
    assert np.array_equal(np.asarray(image.flip(picture(), generator(), upside_down=True)), np.asarray(picture())[::-1])


def centre_of(out: Image.Image) -> np.ndarray:
    """(x, y) of the middle of what is dark."""
    dark = np.asarray(out.convert("L")) < 128
    return np.argwhere(dark).mean(axis=0)[::-1]


class Drawn(np.random.Generator):
    """A generator that draws what a test wants to see."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> Any:  # type: ignore[override]
        return self.value if size is None else np.full(size, self.value)

    def random(self, size: Any = None, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return self.value if size is None else np.full(size, self.value)


def dot(x: int, y: int) -> Image.Image:
    out = Image.new("RGB", (101, 81), "white")
    ImageDraw.Draw(out).ellipse((x - 4, y - 4, x + 4, y + 4), fill="black")
    return out


def test_a_dot_goes_where_geometry_says() -> None:
    assert np.allclose(centre_of(image.shift(dot(40, 30), Drawn(1), share=0.1)), [50.1, 38.1], atol=0.6)
    assert np.allclose(centre_of(image.rotate(dot(70, 40), Drawn(1), degrees=90)), [50, 20], atol=0.7)
    assert np.allclose(centre_of(image.zoom(dot(70, 40), Drawn(1), share=0.5)), [80, 40], atol=0.8)
    assert np.allclose(centre_of(image.zoom(dot(80, 40), Drawn(-1), share=0.5)), [70, 40], atol=0.8)
    turned = np.asarray(image.rotate(dot(50, 40), Drawn(1), degrees=30))
    assert (turned[0, 0] == 255).all(), "what comes into view has the colour of the border"


def test_a_crop_shows_a_part_of_the_area_asked_for() -> None:
    ramp = Image.fromarray(np.repeat(np.tile(np.arange(200, dtype=np.uint8), (100, 1))[:, :, None], 3, axis=2))
    for seed in range(20):
        out = np.asarray(image.crop(ramp, generator(seed), share=0.36, stretch=0.0)).astype(int)
        seen = out[50, -1, 0] - out[50, 0, 0]
        assert 0.8 * 199 - 3 <= seen <= 199, "no less than the root of the share of the area is left of each side"


def test_colours_change_by_the_factors_drawn() -> None:
    red = Image.new("RGB", (4, 4), (100, 0, 0))
    brighter = image.colour(red, Drawn(1), brightness=0.5, contrast=0, saturation=0, hue=0)
    assert np.asarray(brighter)[0, 0].tolist() == [150, 0, 0]
    grey = image.colour(red, Drawn(-1), brightness=0, contrast=0, saturation=1.0, hue=0)
    assert len(set(np.asarray(grey)[0, 0].tolist())) == 1
    green = np.asarray(image.colour(red, Drawn(1), brightness=0, contrast=0, saturation=0, hue=1 / 3))[0, 0]
    assert green[1] == 100
    assert green[0] <= 2
    assert green[2] <= 2


def test_blur_keeps_the_mean_and_lowers_the_contrast() -> None:
    out = np.asarray(image.blur(dot(50, 40), Drawn(1), radius=3.0)).astype(float)
    before = np.asarray(dot(50, 40)).astype(float)
    assert out.mean() == pytest.approx(before.mean(), abs=0.5)
    assert out.std() < before.std() * 0.9


@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_has_the_power_and_the_colour_asked_for(snr: float, colour: float) -> None:
    clean = tone()
    added = audio.noise(clean, generator(), snr=snr, colour=colour).astype(np.float64) - clean
    assert 10 * np.log10(np.mean(clean.astype(np.float64) ** 2) / np.mean(added**2)) == pytest.approx(snr, abs=0.05)
    power = np.abs(np.fft.rfft(added)) ** 2
    low, high = power[100:200].mean(), power[3200:6400].mean()  # five octaves apart
    assert np.log2(low / high) / 5 == pytest.approx(colour, abs=0.15)


def test_silence_stays_silent_and_nothing_stays_nothing() -> None:
    for samples in (np.zeros(100, dtype=np.float32), np.zeros(0, dtype=np.float32)):
        assert np.array_equal(audio.noise(samples, generator()), samples)
        assert len(audio.stretch(samples, generator(), share=0.5)) <= 150
        assert np.isfinite(audio.shift(samples, generator())).all()


def test_gain_and_shift_by_hand() -> None:
    assert np.allclose(audio.gain(tone(), Drawn(1), decibels=6.0), tone() * 10 ** (6 / 20))
    assert audio.shift(np.arange(10, dtype=np.float32), Drawn(1), share=0.2).tolist() == [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("pitch", [220.0, 1_003.0, 3_001.0])
def test_a_stretched_tone_keeps_its_pitch_and_its_loudness(factor: float, pitch: float) -> None:
    out = audio.stretched(tone(pitch), factor)
    assert len(out) == round(RATE * factor)
    assert pitch_of(out) == pytest.approx(pitch, abs=0.5)
    inner = out[2_000:-2_000]
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    size = np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2
    line = round(pitch * len(inner) / RATE)
    assert size[line - 5 : line + 6].sum() > 0.99 * size.sum(), "it is one tone, not several"


def test_events_move_in_proportion_when_a_sound_is_stretched() -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    for second in (0.25, 0.75):
        place = int(second * RATE)
        samples[place : place + 800] = tone(900.0)[:800]
    out = audio.stretched(samples, 1.5)
    energy = np.convolve(out**2, np.ones(800), mode="same")
    first, last = energy[:18_000].argmax() / RATE, (energy[12_000:].argmax() + 12_000) / RATE
    assert first == pytest.approx(1.5 * 0.275, abs=0.04)
    assert last == pytest.approx(1.5 * 0.775, abs=0.04)
    assert len(audio.stretched(tone()[:10], 3.0)) == 30
    assert len(audio.stretched(tone(), 0.05)) == 800
    with pytest.raises(ValueError, match="more than 0"):
        audio.stretched(tone(), 0)


@hypothesis_settings(max_examples=100)
@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(0, 50), st.integers(1, 60), st.integers(1, 40))
def test_masks_lie_within_bounds(seed: int, frames: int, bands: int, long: int, high: int) -> None:
    values = (1 + np.arange(long * high, dtype=np.float32)).reshape(long, high) ** np.float32(0.9)
    out = audio.mask(values, generator(seed), frames=frames, bands=bands, frame_masks=1, band_masks=1, most=0.5)
    changed = out != values
    times, freqs = changed.all(axis=1), changed.all(axis=0)
    assert np.allclose(out[changed], values.mean(), rtol=1e-5)
    if not (frames and bands):
        assert not changed.any() or times.any() or freqs.any()
    if not bands:
        assert times.sum() <= min(frames, long // 2)
        assert len(np.flatnonzero(np.diff(np.flatnonzero(times)) > 1)) == 0, "one mask is one run"
    if not frames:
        assert freqs.sum() <= min(bands, high)


def test_warped_time_moves_a_frame_and_keeps_both_ends() -> None:
    ramp = np.repeat(np.arange(50, dtype=np.float32)[:, None], 3, axis=1)
    moved = 0
    for seed in range(20):
        out = audio.mask(ramp, generator(seed), frames=0, bands=0, warp=8)
        assert np.allclose(out[[0, -1]], ramp[[0, -1]])
        assert (np.diff(out[:, 0]) > 0).all(), "time runs on"
        assert np.abs(out - ramp).max() <= 8 + 1e-4
        moved += not np.array_equal(out, ramp)
    assert moved > 10


def test_frames_keep_their_order_and_what_belongs_to_them() -> None:
    frames = tuple((second, f"frame {second}") for second in range(20))
    for seed in range(30):
        for out in (video.drop_frames(frames, generator(seed), share=0.5), video.cut(frames, generator(seed))):
            assert list(out) == sorted(out)
            assert set(out) <= set(frames)
        run = video.cut(frames, generator(seed), share=0.5)
        assert len(run) >= 10
        assert run[-1][0] - run[0][0] == len(run) - 1, "a cut has no gap"
    assert len(video.drop_frames(frames, generator(), share=1.0)) == 1
    assert len(video.cut(frames[:1], generator(), share=1.0)) == 1
    assert video.cut((), generator()) == video.drop_frames((), generator()) == ()
    clip = np.zeros((8, 4, 4, 3), dtype=np.uint8)
    assert video.drop_frames(clip, generator(), share=0.5).shape[1:] == (4, 4, 3)


def test_steps_run_in_order_with_their_chance_and_seed() -> None:
    steps = Augmentation((Step(image.flip, 0.5), Step(image.blur, settings={"radius": 0.0})))
    outcomes = steps.many(picture(), 400, generator())
    flipped = [np.array_equal(np.asarray(one), np.asarray(ImageOps.mirror(picture()))) for one in outcomes]
    assert np.mean(flipped) == pytest.approx(0.5, abs=0.08)
    again = steps.many(picture(), 10, generator())
    assert all(same(a, b) for a, b in zip(outcomes, again, strict=False)), "the first ones are the same whatever n"
    assert str(steps) == "image.flip() 0.5; image.blur(radius=0.0) 1"
    # a step that is put before another does not change what the other draws
    one = Augmentation((Step(text.drop, 0.0), Step(text.drop, settings={"share": 0.5}))).once(WORDS, generator(3))
    other = Augmentation((Step(text.swap, 0.0), Step(text.drop, settings={"share": 0.5}))).once(WORDS, generator(3))
    assert one == other
    with pytest.raises(ValueError, match="between 0 and 1"):
        Step(image.flip, 2.0)


def test_views_follow_from_the_content_alone() -> None:
    one, two = views.picture_views(picture(), 3), views.picture_views(picture(), 3)
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    assert not same(one[0], one[1])
    other = picture()
    other.putpixel((0, 0), (0, 0, 0))
    assert not any(same(a, b) for a, b in zip(one, views.picture_views(other, 3), strict=True))
    sounds = views.sound_views(tone(), 2)
    assert len(sounds) == 2
    assert sounds[0].dtype == np.float32
    assert views.told(0, views.PICTURES) == ""
    assert views.told(3, views.PICTURES) != views.told(4, views.PICTURES)


def test_a_vector_of_views_is_the_mean_of_their_vectors(tmp_path: Path) -> None:
    paths = []
    for number in range(5):
        drawn = picture()
        drawn.putpixel((number, 0), (0, 0, 0))
        paths.append(tmp_path / f"{number}.png")
        drawn.save(paths[-1])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    encoder = parts.bind("encoders", "efficientnet", {"views": 2})
    block = encoder.encode([*paths[:3], tmp_path / "broken.png", *paths[3:]])
    assert block.present.tolist() == [True, True, True, False, True, True]
    assert not block.values[3].any()
    plain = Efficientnet()
    for row, path in zip((0, 4), (paths[0], paths[3]), strict=True):
        with Image.open(path) as file:
            whole = file.convert("RGB")
        shown = [whole, *views.picture_views(whole, 2)]
        expected = plain.encode_pictures([square(one, 224, "squeeze") for one in shown]).values.mean(axis=0)
        assert np.allclose(block.values[row], expected, atol=1e-4)
        assert np.allclose(encoder.encode([path]).values[0], block.values[row], atol=1e-4), "alone as in its batch"
    assert not np.allclose(block.values[0], plain.encode(paths[:1]).values[0], atol=1e-2)
    assert encoder.fingerprint() != plain.fingerprint()
    assert Efficientnet(views=0).fingerprint() == plain.fingerprint()
    assert "views" not in plain.fingerprint(), "vectors without views keep the name they had"
