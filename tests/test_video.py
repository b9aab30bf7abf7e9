"""Clips: frames in time, shots, the pictures that stand for them, and files that are none."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="clips need the extra 'media'")

from clips import disc, film, plain
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.shots import choose, cuts_of, differences
from gobelin.media.video import open_clip

RED, GREEN, BLUE = (200, 20, 20), (20, 160, 30), (20, 30, 200)


def test_a_clip_gives_its_frames_with_their_times(tmp_path: Path) -> None:
    clip = open_clip(film(tmp_path / "a.mkv", [plain((i, 0, 0)) for i in range(0, 240, 10)]), Limits(), near=48)
    assert np.allclose(clip.times, np.arange(24) / 12, atol=1e-3) and clip.seconds == pytest.approx(2, abs=0.01)
    assert clip.small.shape == (24, 48, 64, 3) and clip.complete
    assert np.abs(clip.small[:, 20, 20, 0].astype(int) - np.arange(0, 240, 10)).max() <= 1
    assert clip.pictures[0].size == (64, 48)


def test_cuts_are_found_and_the_middle_of_each_shot_stands_for_it(tmp_path: Path) -> None:
    frames = [plain(RED)] * 10 + [plain(GREEN)] * 20 + [plain(BLUE)] * 30
    clip = open_clip(film(tmp_path / "a.mkv", frames), Limits(), near=48, most=3)
    assert clip.cuts.tolist() == [10, 30] and np.allclose(clip.bounds, [0, 10 / 12, 30 / 12, 5], atol=0.01)
    assert np.abs(clip.picked - np.array([5, 20, 45])).max() <= 1
    assert [np.asarray(picture)[0, 0].argmax() for picture in clip.pictures] == [0, 1, 2]
    two = open_clip(tmp_path / "a.mkv", Limits(), near=48, most=2)
    assert [np.asarray(picture)[0, 0].argmax() for picture in two.pictures] == [1, 2]  # the two longest


def test_motion_light_and_a_flash_are_no_cuts() -> None:
    times = np.arange(40) / 12
    moving = np.stack([disc(10 + 2 * i, 40, size=64) for i in range(20)] + [disc(50, 40, size=64)] * 20)
    assert cuts_of(moving, times).tolist() == []
    brighter = np.stack([plain((100 + 2 * i,) * 3) for i in range(40)])
    assert cuts_of(brighter, times).tolist() == []
    flash = np.stack([plain((250, 250, 250)) if i == 20 else plain(RED) for i in range(40)])
    assert cuts_of(flash, times).tolist() == []


def test_differences_are_between_nothing_and_all() -> None:
    change = differences(
        np.stack([plain((0, 0, 0)), plain((255, 255, 255)), plain((255, 255, 255)), plain((255, 255, 0))])
    )
    assert np.allclose(change, [1, 0, 1 / 3])  # the last differs in blue alone
    half = np.stack([plain((0, 0, 0)), np.concatenate([plain((0, 0, 0))[:24], plain((255, 255, 255))[:24]])])
    assert differences(half)[0] == pytest.approx(0.5)


def test_few_shots_share_the_pictures_by_length() -> None:
    times, held = np.arange(40.0), np.arange(40)
    assert choose(times, 40.0, np.array([], dtype=np.int64), 4, held).tolist() == [5, 15, 25, 35]
    assert choose(times, 40.0, np.array([10]), 4, held).tolist() == [5, 15, 25, 35]
    assert choose(times, 40.0, np.array([2, 4]), 4, held).tolist() == [1, 3, 13, 31]
    assert choose(times[:2], 2.0, np.array([], dtype=np.int64), 8, held[:2]).tolist() == [0, 1]
    assert choose(times, 40.0, np.array([3, 5]), 3, held[::8]).tolist() == [0, 24]  # no frame of the second is at hand


def test_a_long_clip_is_held_thinner_and_still_has_its_middles(tmp_path: Path, monkeypatch) -> None:
    from gobelin.media import video

    monkeypatch.setattr(video, "_HELD", 16)
    path = film(tmp_path / "a.mkv", [plain((i, 0, 0)) for i in range(100)], rate=25)
    film_seen = open_clip(path, Limits(), near=48, most=4)
    assert np.abs(film_seen.picked - np.array([12, 37, 62, 87])).max() <= 4
    assert [int(np.asarray(p)[0, 0, 0]) for p in film_seen.pictures] == film_seen.picked.tolist()


def test_one_frame_and_uneven_times(tmp_path: Path) -> None:
    one = open_clip(film(tmp_path / "one.mkv", [plain(RED)]), Limits(), near=48)
    assert len(one.times) == len(one.pictures) == 1 and one.seconds > 0 and not len(one.cuts)
    uneven = [0, 0.1, 0.2, 1.2, 1.3, 3.3]
    clip = open_clip(film(tmp_path / "b.mkv", [plain(RED)] * 6, times=uneven), Limits(), near=48, most=2)
    assert np.allclose(clip.times, uneven, atol=1e-3)
    assert clip.picked.tolist() == [2, 4]  # what is shown at a quarter and at three quarters of 3.4 seconds


@pytest.mark.parametrize(
    ("form", "codec", "off"),
    [("gray", "ffv1", 90), ("gray10le", "ffv1", 90), ("yuv444p12le", "ffv1", 4), ("yuv410p", "ffv1", 30),
     ("bgra", "ffv1", 1), ("yuva420p", "ffv1", 30), ("yuvj420p", "mjpeg", 30), ("rgb48le", "ffv1", 1)],
)  # fmt: skip
def test_odd_pixel_formats_are_seen(tmp_path: Path, form: str, codec: str, off: int) -> None:
    clip = open_clip(film(tmp_path / "a.mkv", [plain((190, 120, 90))] * 3, codec=codec, form=form), Limits(), near=48)
    seen = np.asarray(clip.pictures[0])[10, 10].astype(int)
    assert np.abs(seen - [190, 120, 90]).max() <= off


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    from PIL import Image

    first = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    first.paste((255, 0, 0, 255), (0, 0, 32, 48))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[first.rotate(180)], duration=100)
    seen = np.asarray(open_clip(tmp_path / "a.gif", Limits(), near=48).pictures[0])
    assert seen[20, 10].tolist() == [255, 0, 0] and seen[20, 55].tolist() == [255, 255, 255]


def test_a_turned_clip_stands_upright(tmp_path: Path) -> None:
    wide = np.concatenate([plain((255, 255, 255))[:, :32], plain((0, 0, 0))[:, :32]], axis=1)
    path = film(tmp_path / "a.mp4", [wide] * 4, codec="mpeg4", form="yuv420p")
    raw = path.read_bytes()
    place = raw.index(b"tkhd") + 4 + 40  # the matrix of the track
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)  # a quarter clockwise
    path.write_bytes(raw[:place] + turned + raw[place + 36 :])
    seen = np.asarray(open_clip(path, Limits(), near=48).pictures[0])
    assert seen.shape == (64, 48, 3) and seen[5, 24, 0] > 200 and seen[58, 24, 0] < 60  # left is up


def test_wide_pixels_are_shown_wide(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [plain(RED)] * 3, codec="mpeg4", form="yuv420p", ratio=Fraction(2, 1))
    assert open_clip(path, Limits(), near=48).pictures[0].size == (128, 48)


def test_limits_end_a_clip_or_refuse_it(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [plain(RED)] * 60)
    assert len(open_clip(path, Limits(frames=7)).times) == 7
    short = open_clip(path, Limits(seconds=1))
    assert len(short.times) == 13 and not short.complete
    assert open_clip(path, Limits(pixels=64 * 48 - 1)).reason == "too large"
    assert open_clip(path, Limits(pixels=64 * 48)).complete
    for name, codec, form in [("b.mp4", "mpeg4", "yuv420p"), ("c.avi", "mjpeg", "yuvj420p")]:
        large = film(tmp_path / name, [plain(RED)] * 3, codec=codec, form=form)
        assert open_clip(large, Limits(pixels=64 * 48 - 1)).reason == "too large"
    assert open_clip(path, Limits(size=100)).reason == "too large"


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", [disc(10 + i, 40) for i in range(30)], codec="mpeg4", form="yuv420p")
    raw = whole.read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("I am no clip")
    (tmp_path / "half.mp4").write_bytes(raw[: len(raw) // 2])  # its index stood at the end
    os.mkfifo(tmp_path / "pipe.mp4")
    reason = {p.name: getattr(open_clip(p, Limits()), "reason", None) for p in tmp_path.iterdir()}
    assert reason == {
        "whole.mp4": None, "empty.mp4": "empty", "text.mp4": "broken", "half.mp4": "broken", "pipe.mp4": "unreadable"
    }  # fmt: skip
    assert open_clip(tmp_path / "nowhere.mp4", Limits()).reason == "missing"
    assert open_clip(tmp_path, Limits()).reason == "unreadable"


def test_the_whole_part_of_a_cut_clip_is_used(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [disc(10 + i, 40) for i in range(40)], codec="mpeg4", form="yuv420p")
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 2 // 3])
    clip = open_clip(path, Limits(), near=48)
    assert not isinstance(clip, Unreadable) and 10 < len(clip.times) < 40


def test_a_sound_is_no_clip_and_a_play_list_opens_nothing(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "sound.mkv"), "w") as file:
        track = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 1600), dtype=np.int16), format="s16", layout="mono")
        heard.sample_rate = 16_000
        file.mux(track.encode(heard))
    assert open_clip(tmp_path / "sound.mkv", Limits()).reason == "no video"
    inner = film(tmp_path / "inner.mkv", [plain(RED)] * 3)
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {inner.name}\n")
    assert open_clip(tmp_path / "list.mp4", Limits()).reason == "broken"
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{inner}\n#EXT-X-ENDLIST\n")
    assert open_clip(tmp_path / "list.m3u8", Limits()).reason == "broken"


def test_damaged_bytes_never_raise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, codec, form in [("a.mp4", "mpeg4", "yuv420p"), ("b.mkv", "ffv1", "bgr0"), ("c.avi", "mjpeg", "yuvj420p")]:
        raw = film(tmp_path / name, [disc(10 + i, 40) for i in range(6)], codec=codec, form=form).read_bytes()
        for _ in range(40):
            noise = bytearray(raw)
            for place in rng.integers(0, len(raw), 8):
                noise[place] = rng.integers(0, 256)
            (tmp_path / "noise").write_bytes(bytes(noise))
            found = open_clip(tmp_path / "noise", Limits(pixels=1_000_000), near=48)
            assert isinstance(found, Unreadable) or len(found.times) == len(found.small) > 0


@pytest.mark.real
def test_every_real_clip_is_decoded(real: Path) -> None:
    import csv

    with (real / "video_samples" / "clips.csv").open() as file:
        names = [row["video"] for row in csv.DictReader(file)]
    assert len(names) == 23
    for name in names:
        clip = open_clip(real / "video_samples" / name, Limits(seconds=1), near=128)
        assert len(clip.times) >= 10 and len(clip.pictures) == 8, name
