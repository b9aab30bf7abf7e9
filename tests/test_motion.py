"""Known answers: what moves where, how often, in what light."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="clips need the extra 'media'")

from clips import disc, film, plain
from gobelin.encoders.motion import Motion


def told(path: Path, frames: list[np.ndarray], rate: int = 12, **settings) -> dict[str, float]:
    block = Motion(**settings).encode([film(path, frames, rate=rate)])
    assert block.present.all()
    return dict(zip(Motion().names(), block.values[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("way", "x", "y"),
    [("right", 1, 0), ("up", 0, 1), ("left", -1, 0), ("down", 0, -1), ("right up", 1, 1), ("left down", -1, -1)],
)
def test_a_disc_goes_where_it_goes(tmp_path: Path, way: str, x: int, y: int) -> None:
    frames = [disc(48 + 2 * x * i, 48 - 2 * y * i) for i in range(-12, 13)]  # 2 of 96 pixels a frame, 12 a second
    found = told(tmp_path / "a.mkv", frames)
    ways = {name: share for name, share in found.items() if name.startswith("to ")}
    assert max(ways, key=ways.get) == f"to {way}" and ways[f"to {way}"] > 0.6 and found["coherence"] > 0.9
    assert (found["drift x"], found["drift y"]) == (
        pytest.approx(0.25 * x, abs=0.06),
        pytest.approx(0.25 * y, abs=0.06),
    )
    assert 0 < found["moving share"] < 0.4 and found["cuts a second"] == 0


def test_speed_does_not_depend_on_the_rate_of_frames(tmp_path: Path) -> None:
    slow = told(tmp_path / "a.mkv", [disc(20 + 2 * i, 48) for i in range(24)], rate=12)
    fine = told(tmp_path / "b.mkv", [disc(20 + 1 * i, 48) for i in range(48)], rate=24)
    assert slow["speed"] == pytest.approx(fine["speed"], rel=0.15) == pytest.approx(0.25, rel=0.25)


def test_nothing_moves_in_a_still_clip(tmp_path: Path) -> None:
    found = told(tmp_path / "a.mkv", [disc(40, 40)] * 36)
    assert found["still share"] == 1 and found["energy"] == found["speed"] == found["moving share"] == 0
    assert found["beat"] == found["flicker"] == 0 and found["longest shot"] == 1
    assert found["seconds"] == pytest.approx(np.log1p(3), abs=0.01)
    black = told(tmp_path / "b.mkv", [plain((0, 0, 0))])  # one frame, nothing in it
    assert black["seconds"] > 0 and black["brightness"] == black["saturation"] == 0


def test_cuts_are_counted_and_are_no_motion(tmp_path: Path) -> None:
    still = [disc(40, 40, colour="red")] * 12 + [plain((20, 40, 200), 96, 96)] * 24 + [disc(60, 60)] * 12
    found = told(tmp_path / "a.mkv", still)
    assert found["shots"] == pytest.approx(np.log1p(3)) and found["cuts a second"] == pytest.approx(0.5, abs=0.01)
    assert found["longest shot"] == pytest.approx(0.5, abs=0.02) and found["shot spread"] > 0.3
    assert found["energy"] == 0 and found["still share"] == 1
    assert found["flicker"] > 0


def test_a_disc_that_comes_and_goes_has_its_beat(tmp_path: Path) -> None:
    """It swings once in two seconds: it is fastest twice a swing, so what moves has a beat of 1 Hz."""
    frames = [disc(48 + 24 * np.sin(2 * np.pi * i / 48), 48) for i in range(24 * 8)]
    found = told(tmp_path / "a.mkv", frames, rate=24)
    assert found["beat"] * 4 == pytest.approx(1, abs=0.13) and found["beat strength"] > 0.5
    assert found["to left"] > 0.3 and found["to right"] > 0.3 and found["coherence"] < 0.2


def test_what_grows_zooms_and_what_turns_turns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 256, (24, 24)), np.ones((8, 8))).astype(np.uint8)
    rows, columns = np.mgrid[0:96, 0:96] - 47.5

    def seen(scale: float, angle: float) -> np.ndarray:
        c, s = np.cos(angle) / scale, np.sin(angle) / scale
        grey = ground[
            np.clip(np.rint(c * rows - s * -columns + 96), 0, 191).astype(int),
            np.clip(np.rint(c * columns + s * -rows + 96), 0, 191).astype(int),
        ]
        return np.repeat(grey[:, :, None], 3, axis=2)

    grows = told(tmp_path / "a.mkv", [seen(1 + 0.02 * i, 0) for i in range(12)])
    assert grows["zoom"] > 0.6 and abs(grows["turn"]) < 0.2
    turns = told(tmp_path / "b.mkv", [seen(1, 0.03 * i) for i in range(12)])
    back = told(tmp_path / "c.mkv", [seen(1, -0.03 * i) for i in range(12)])
    assert turns["turn"] * back["turn"] < 0 and min(abs(turns["turn"]), abs(back["turn"])) > 0.6
    assert abs(turns["zoom"]) < 0.2


def test_colour_and_light_are_what_they_are(tmp_path: Path) -> None:
    red = told(tmp_path / "a.mkv", [plain((255, 0, 0))] * 12)
    assert red["hue red"] == pytest.approx(1) and red["hue blue"] == 0 and red["saturation"] == pytest.approx(1)
    fades = told(tmp_path / "b.mkv", [plain((i * 5,) * 3) for i in range(24)])
    assert fades["brightness change"] == pytest.approx(23 * 5 / 255, abs=0.01) and fades["saturation"] == 0
    assert fades["flicker"] == pytest.approx(5 / 255, abs=0.001) and fades["shots"] == pytest.approx(np.log(2))
    corner = told(tmp_path / "c.mkv", [disc(80 - 40 + 40, 80 + i % 2 * 3, radius=10) for i in range(24)])
    assert corner["energy below right"] > 0.9


def test_only_what_changes_a_vector_changes_the_fingerprint() -> None:
    assert Motion(max_megapixels=3, max_megabytes=1).fingerprint() == Motion().fingerprint()
    assert Motion(max_seconds=3).fingerprint() != Motion().fingerprint() != Motion(max_frames=3).fingerprint()
    assert len(set(Motion().names())) == Motion().dim
