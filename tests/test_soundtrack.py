"""The sound tracks of clips: what an encoder of sounds hears in them."""

import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="clips need the extra 'media'")

from clips import disc, film, plain
from gobelin import parts
from gobelin.encoders.frames import Frames
from gobelin.encoders.soundtrack import Soundtrack
from gobelin.encoders.spectral import Spectral
from gobelin.errors import MissingExtra, RecipeError
from gobelin.protocols import Content


def test_a_clip_sounds_like_the_file_of_its_samples(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mkv", [disc(20 + i, 40) for i in range(24)], tone=440)
    samples = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((samples * 32_000).astype("<i2").tobytes())
    heard = Soundtrack().encode([clip])
    assert heard.present.all()
    assert np.allclose(heard.values, Spectral().encode([tmp_path / "a.wav"]).values, atol=1e-4)
    other = film(tmp_path / "b.mkv", [disc(20 + i, 40) for i in range(24)], tone=1760)
    assert not np.allclose(heard.values, Soundtrack().encode([other]).values, atol=1e-2)


def test_a_clip_without_sound_is_absent_and_a_sound_file_is_no_piece(tmp_path: Path) -> None:
    block = Soundtrack().encode([film(tmp_path / "a.mkv", [plain((9, 9, 9))] * 3)])
    assert not block.present.any() and block.reasons == ("no sound",)
    content = Content("1", {"audio": (tmp_path / "a.wav",), "video": (tmp_path / "a.mkv",)})
    assert Soundtrack().pieces(content) == (tmp_path / "a.mkv",)


def test_settings_reach_the_encoder_of_sounds() -> None:
    short = parts.bind("encoders", "soundtrack", {"settings": {"max_seconds": 3.0}})
    assert short._ear.max_seconds == 3 and short.fingerprint() != Soundtrack().fingerprint()
    assert short.dim == Spectral.dim and Soundtrack().fingerprint() != Spectral().fingerprint()
    for wrong in ("efficientnet", "frames"):
        with pytest.raises(RecipeError, match="no encoder of sounds"):
            Soundtrack(audio=wrong)
    with pytest.raises(RecipeError, match="no decoded pictures"):
        Frames(image="spectral")


def test_weights_that_were_not_got_are_told_before_anything_runs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path))
    with pytest.raises(MissingExtra, match="yamnet"):
        Soundtrack(audio="yamnet")


@pytest.mark.real
def test_the_one_real_clip_with_a_sound_track_has_silence_in_it(real: Path) -> None:
    folder = real / "video_samples"
    block = Soundtrack().encode([folder / "car-detection.mp4", folder / "yes.mkv"])
    assert block.reasons == ("empty", "no sound")
