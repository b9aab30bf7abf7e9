"""Clips through encoders of images: pooled, in order, from decoded frames."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av", reason="clips need the extra 'media'")

from clips import disc, film, plain
from gobelin import parts
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.frames import Frames
from gobelin.errors import RecipeError
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
from gobelin.features.selection import Selection
from gobelin.protocols import Content

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_clip_of_one_picture_is_the_picture(tmp_path: Path) -> None:
    picture = Image.fromarray(disc(40, 40, size=256, radius=30, colour="red"))
    picture.save(tmp_path / "a.png")
    clip = film(tmp_path / "a.mkv", [np.asarray(picture)] * 5)
    whole = Efficientnet().encode([tmp_path / "a.png"]).values[0]
    found = Frames().encode([clip])
    assert found.present.all() and found.values.shape == (1, 1280 + 128)
    assert np.allclose(found.values[0, :1280], whole, atol=1e-4)
    assert not found.values[0, 1280:].any()  # nothing changes


def test_the_same_shots_in_another_order_share_the_mean_and_not_the_order(tmp_path: Path) -> None:
    one = [plain((200, 20, 20), 96, 96)] * 12 + [disc(40, 40, colour="blue")] * 12
    there = film(tmp_path / "there.mkv", one)
    back = film(tmp_path / "back.mkv", one[::-1])
    v = Frames(frames=2).encode([there, back]).values
    assert np.allclose(v[0, :1280], v[1, :1280], atol=1e-3)
    assert np.allclose(v[0, 1280:1344], v[1, 1280:1344], atol=1e-3) and np.abs(v[0, 1280:1344]).max() > 0.1
    assert np.allclose(v[0, 1344:], -v[1, 1344:], atol=1e-3) and np.abs(v[0, 1344:]).max() > 0.1


def test_the_projection_keeps_lengths() -> None:
    signs = Frames()._signs
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1280, 50)).astype(np.float32)
    ratio = np.linalg.norm(signs @ x, axis=0) / np.linalg.norm(x, axis=0)
    assert abs(ratio.mean() - 1) < 0.05 and ratio.std() < 0.15
    assert np.array_equal(signs, Frames()._signs)


def test_order_may_be_left_out_and_settings_reach_the_encoder_of_images() -> None:
    assert Frames(order=0).dim == 1280
    padded = parts.bind("encoders", "frames", {"settings": {"frame": "pad"}})
    assert padded._eye.frame == "pad" and padded.fingerprint() != Frames().fingerprint()
    assert Frames(max_megabytes=1, max_megapixels=1).fingerprint() == Frames().fingerprint()
    with pytest.raises(RecipeError, match="no decoded pictures"):
        Frames(image="sentence")
    with pytest.raises(RecipeError, match="no setting"):
        Frames(settings={"frme": "pad"})


def test_clips_go_through_the_runner_in_a_worker(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("I am no clip")
    good = film(tmp_path / "a.mkv", [disc(40 + i, 40) for i in range(6)])

    fields = [{"video": (good,)}, {"video": (tmp_path / "text.mp4",)}, {}]
    given = Selection([Content(item, told) for item, told in zip("abc", fields, strict=True)])
    table, reports = encode_table(given, {"frames": Frames(frames=2)}, cache=Cache(tmp_path / "cache"))
    assert table["frames"].present.tolist() == [True, False, False] and table["frames"].modality == "video"
    assert reports["frames"].absent == {"broken": 1, "not given": 1}
    assert np.allclose(table["frames"].values[0], Frames(frames=2).encode([good]).values[0], atol=1e-4)
