"""What readers read from sounds that were made with a known beat, level and length."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tiny
from gobelin import weights
from gobelin.encoders.attributes import Attributes
from gobelin.errors import MissingExtra
from gobelin.media.loudness import _hearing, lufs
from gobelin.media.tones import RATE, TIMBRES, Tune, as_wav, play
from gobelin.protocols import Content
from gobelin.values import UNREADABLE, Reading

pytest.importorskip("av")
pytest.importorskip("soxr")
from gobelin.readers.sound_facts import SoundFacts


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of these tests alone, with the weights that this machine has."""
    folder = tmp_path_factory.mktemp("cache")
    tiny.lend_weights(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOBELIN_CACHE", str(folder))
        yield


def sine(level: float, seconds: float, hertz: float = 997, rate: int = RATE) -> np.ndarray:
    """level: of its peak, dB below full scale."""
    t = np.arange(round(seconds * rate)) / rate
    return (10 ** (level / 20) * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def drummed(beats: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A drum and a glass by turns, so many beats a minute, over a quiet hiss."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.002, round(seconds * RATE))
    for beat, at in enumerate(np.arange(0.1, seconds, 60 / beats)):
        stroke = play(Tune(TIMBRES[3] if beat % 2 else TIMBRES[5], 220, (0, 2, 4, 5), 0.5, beat))[: RATE // 4]
        start = round(at * RATE)
        sound[start : start + len(stroke)] += stroke[: len(sound) - start]
    return np.clip(sound, -1, 1).astype(np.float32)


def kept(path: Path, sound: np.ndarray) -> Path:
    path.write_bytes(as_wav(sound))
    return path


def heard(*paths: Path, **settings: float) -> list[list[Reading]]:
    return SoundFacts(**{"events": 0, **settings}).read([Content("x", {"audio": (path,)}) for path in paths])


def said(readings: list[Reading], attribute: str) -> list[str]:
    return [one.value for one in readings if one.attribute == attribute]


def test_the_weighting_of_hearing_is_the_standards_at_48_khz() -> None:
    """Figures of ITU-R BS.1770, tables 1 and 2."""
    shelf, high_pass = _hearing(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585], abs=1e-6
    )
    assert high_pass == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-6)


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_a_sine_is_as_loud_as_the_standard_says_at_any_rate(rate: int) -> None:
    assert lufs(sine(0, 3, rate=rate), rate) == pytest.approx(-3.01, abs=0.15)
    assert lufs(sine(-40, 3, rate=rate), rate) == pytest.approx(-43.01, abs=0.15)
    assert lufs(sine(-20, 0.2, rate=rate), rate) == pytest.approx(-23.01, abs=0.5)  # shorter than a block


def test_pauses_make_nothing_quiet_and_low_hum_is_not_loud() -> None:
    speech = np.concatenate([sine(-20, 2), np.zeros(3 * RATE, np.float32), sine(-20, 2)])
    assert lufs(speech, RATE) == pytest.approx(-23, abs=0.6)
    assert lufs(sine(-20, 3, hertz=20), RATE) < lufs(sine(-20, 3), RATE) - 8
    assert lufs(np.zeros(RATE, np.float32), RATE) == -70.0


@pytest.mark.parametrize("beats", [64, 90, 120, 150])
def test_a_tempo_is_the_one_that_was_drummed(tmp_path: Path, beats: int) -> None:
    (readings,) = heard(kept(tmp_path / "a.wav", drummed(beats, 8)))
    (told,) = said(readings, "tempo")
    assert float(told.removesuffix(" bpm")) == pytest.approx(beats, abs=1.5)


def test_what_has_no_beat_has_no_tempo_and_a_clear_beat_is_surer(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    hiss = rng.normal(0, 0.1, 6 * RATE).astype(np.float32)
    steady, buried = drummed(100, 8), drummed(100, 8) * 0.2 + rng.normal(0, 0.05, 8 * RATE).astype(np.float32)
    quiet, flat, clear, hidden = heard(
        kept(tmp_path / "hiss.wav", hiss), kept(tmp_path / "tone.wav", sine(-12, 6)),
        kept(tmp_path / "clear.wav", steady), kept(tmp_path / "hidden.wav", buried.astype(np.float32)), rhythmic=0.05,
    )  # fmt: skip
    assert not said(quiet, "tempo") and not said(flat, "tempo")
    sure = [one.confidence for some in (clear, hidden) for one in some if one.attribute == "tempo"]
    assert len(sure) == 2 and 0.8 >= sure[0] > sure[1] + 0.1


def test_loudness_is_named_by_its_bounds_and_surest_far_from_them(tmp_path: Path) -> None:
    levels = (-50.0, -27.5, -20.0, -12.5, -6.0)  # of the peak: 3 LU above the loudness
    told = heard(*[kept(tmp_path / f"{level}.wav", sine(level, 2)) for level in levels])
    loud = [next(one for one in some if one.attribute == "loudness") for some in told]
    assert [one.value for one in loud] == ["quiet", "quiet", "moderate", "loud", "loud"]
    assert [one.confidence for one in loud] == pytest.approx([0.95, 0.54, 0.95, 0.54, 0.95], abs=0.02)


def test_length_is_what_was_heard_and_says_where_more_follows(tmp_path: Path) -> None:
    short, long = kept(tmp_path / "a.wav", sine(-9, 0.7)), kept(tmp_path / "b.wav", sine(-9, 12.2))
    assert [said(one, "length") for one in heard(short, long)] == [["0.7 s"], ["12 s"]]
    assert [said(one, "length") for one in heard(short, long, max_seconds=3)] == [["0.7 s"], ["over 3 s"]]


def test_files_that_cannot_be_heard_say_why_each_for_itself(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing that was promised")
    silent = kept(tmp_path / "silent.wav", np.zeros(RATE, np.float32))
    good, broken, empty, missing = heard(
        kept(tmp_path / "good.wav", sine(-9, 1)), tmp_path / "broken.wav", silent, tmp_path / "none.wav"
    )
    assert [one.attribute for one in good] == ["length", "loudness"]
    assert [one[0].value for one in (broken, empty, missing)] == ["broken", "empty", "missing"]
    assert {one.attribute for some in (broken, empty, missing) for one in some} == {UNREADABLE}


def test_several_sounds_of_an_item_are_each_read(tmp_path: Path) -> None:
    paths = kept(tmp_path / "a.wav", sine(-50, 1)), kept(tmp_path / "b.wav", sine(-6, 2))
    (readings,) = SoundFacts(events=0).read([Content("x", {"audio": paths})])
    assert said(readings, "length") == ["1.0 s", "2.0 s"] and sorted(said(readings, "loudness")) == ["loud", "quiet"]


def test_without_the_weights_the_rest_is_read_and_what_is_not_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    content = Content("x", {"audio": (kept(tmp_path / "a.wav", sine(-9, 1)),)})
    (readings,) = SoundFacts().read([content])
    assert [one.attribute for one in readings] == ["length", "loudness", UNREADABLE]
    assert "gobelin models get yamnet" in readings[-1].value
    with pytest.raises(MissingExtra, match="yamnet"):  # a column that would be there on one machine alone
        Attributes(read=("sound_facts",)).fit([content], np.random.default_rng(0))


@pytest.fixture
def yamnet() -> None:
    try:
        weights.check("readers", "sound_facts")
    except MissingExtra as wrong:
        pytest.skip(str(wrong))


def test_events_are_those_that_yamnet_thinks_probable(tmp_path: Path, yamnet: None) -> None:
    from gobelin.encoders.yamnet import Yamnet

    path = kept(tmp_path / "a.wav", drummed(120, 4))
    (readings,) = SoundFacts(events=4, probable=0.02).read([Content("x", {"audio": (path,)})])
    network = Yamnet()
    scores = network.scores([path]).values[0]
    best = [place for place in np.argsort(-scores) if network.classes()[place] != "Silence"][:4]
    expected = [(network.classes()[i].lower(), round(float(scores[i]), 3)) for i in best if scores[i] >= 0.02]
    assert [(one.value, one.confidence) for one in readings if one.attribute == "event"] == expected and expected
    assert SoundFacts().fingerprint() != SoundFacts(events=0).fingerprint()


def test_readings_of_sounds_become_columns(tmp_path: Path, yamnet: None) -> None:
    paths = [kept(tmp_path / f"{i}.wav", sine(level, 2 + i / 5)) for i, level in enumerate((-50.0, -48.0, -6.0, -5.0))]
    contents = [Content(str(i), {"audio": (path,)}) for i, path in enumerate(paths)]
    encoder = Attributes(read=("sound_facts",)).fit(contents, np.random.default_rng(0))
    values = encoder.transform(contents).values.toarray()
    loud = encoder.names().index("loudness (audio) = loud")
    assert (values[:, loud] > 0).tolist() == [False, False, True, True]
    assert math.isclose(float(values[2, loud]), 1.0)
