"""What is said: which segments count as speech, how a transcript travels, and that its words reach the text encoders.

Tests with Whisper itself run where the extra `speech` and the weights are; speech is made by eSpeak NG where the
package espeakng-loader is.
"""

import ctypes
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from gobelin import parts, recipe, weights
from gobelin.data.catalogue import Catalogue
from gobelin.data.dataset import Dataset
from gobelin.encoding import encode
from gobelin.errors import MissingExtra, RecipeError
from gobelin.media.tones import RATE, TIMBRES, Tune, as_wav, play
from gobelin.protocols import Content
from gobelin.readers._joining import with_transcripts
from gobelin.readers._transcriber import Transcriber, read_back, spoken, written
from gobelin.readers.speech import Speech
from gobelin.values import UNREADABLE, Reading, Vocabulary


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of these tests alone, with the weights that this machine has."""
    folder = tmp_path_factory.mktemp("cache")
    tiny.lend_weights(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOBELIN_CACHE", str(folder))
        yield


@pytest.fixture
def whisper() -> None:
    try:
        parts.check_extra("readers", "speech")
        weights.check("readers", "speech")
    except MissingExtra as wrong:
        pytest.skip(str(wrong))


@dataclass
class Segment:
    """As faster-whisper gives them."""

    text: str
    avg_logprob: float = -0.3
    no_speech_prob: float = 0.05
    compression_ratio: float = 1.2


def test_segments_that_are_no_speech_unsure_or_repeat_themselves_are_left_out() -> None:
    said = [Segment("  A red  coat. "), Segment("Bah!", avg_logprob=-1.2), Segment("you", no_speech_prob=0.7),
            Segment("big, big, big, big", compression_ratio=15), Segment(" ... "), Segment("Warm.", -0.6)]  # fmt: skip
    text, sure = spoken(said)
    assert text == "A red coat. Warm."
    assert sure == pytest.approx(np.exp(-(11 * 0.3 + 5 * 0.6) / 16))
    assert spoken(said[1:5]) == spoken([]) == ("", 0.0)


def test_a_transcript_travels_as_numbers_in_any_script() -> None:
    for text in ("Two pockets.", "红色大衣很暖和。", "café 🧥 ok"):
        assert read_back(written(text, 0.5, 40)) == (text, 0.5)
    assert read_back(written("longer than there is room", 1.0, 7))[0] == "longer"


@dataclass
class Says:
    """A reader with known words, by the name of the file."""

    words: dict[str, str]
    source: str = "audio"
    fields: tuple[str, ...] = ("audio", "video")

    def fingerprint(self) -> str:
        return f"says {sorted(self.words.items())}"

    def read(self, contents: list[Content]) -> list[list[Reading]]:
        out = []
        for content in contents:
            names = [path.name for field in self.fields for path in content.fields.get(field, ())]
            said = [self.words[name] for name in names if name in self.words]
            out.append([Reading(UNREADABLE if one == "broken" else "transcript", one, 0.9, "audio") for one in said])
        return out


def shelf(folder: Path) -> Catalogue:
    for name in ("a.wav", "b.wav", "c.wav", "d.mp4"):
        (folder / name).write_bytes(name.encode())
    columns = {
        "title": ("Coat", "Lamp", "Bowl", "Chair", "Rug"),
        "text": ("Of wool.", None, None, None, None),
        "audio": ("a.wav", "b.wav", "c.wav", None, None),
        "video": (None, None, None, "d.mp4", None),
    }
    return Catalogue(Vocabulary(["1", "2", "3", "4", "5"]), columns, folder)


def test_what_is_said_joins_the_text_and_the_rest_is_counted(tmp_path: Path) -> None:
    catalogue = shelf(tmp_path)
    reader = Says({"a.wav": "It is warm.", "b.wav": "broken", "d.mp4": "Four legs."})
    told, report = with_transcripts(catalogue, reader)
    assert list(told.columns["text"]) == ["Of wool.\nIt is warm.", None, None, "Four legs.", None]
    assert told.columns["title"] == catalogue.columns["title"] and catalogue.columns["text"][3] is None
    assert (report["present"], report["absent"]) == (2, {"broken": 1, "no speech": 1, "not given": 1})
    chinese = replace(catalogue, columns={**catalogue.columns, "title_zh": ("大衣", None, None, None, None)})
    told, _ = with_transcripts(chinese, Says({"a.wav": "很暖和", "d.mp4": "Four legs."}))
    assert told.columns["text_zh"][0] == "很暖和" and told.columns["text"][3] == "Four legs."
    assert told.columns["text"][0] == "Of wool."


def test_the_recipe_names_the_reader_and_refuses_what_it_does_not_know() -> None:
    asked = recipe.load("fast", ["transcripts.part=speech", "transcripts.language=en"])
    assert asked.transcripts is not None and asked.transcripts.settings == {"language": "en"}
    assert recipe.load("fast").transcripts is None
    for wrong in (["transcripts.part=speach"], ["transcripts.part=speech", "transcripts.tongue=en"]):
        with pytest.raises(Exception, match=r"speech|tongue"):
            recipe.load("fast", wrong)


def test_without_the_weights_a_recipe_that_asks_is_an_error_and_an_optional_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.wav").write_bytes(as_wav(play(Tune(TIMBRES[0], 220, (0, 2)))))
    (tmp_path / "items.csv").write_text("item_id,title,audio\n1,Coat,a.wav\n2,Lamp,\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id\nu,1\nu,2\n")
    data = Dataset.read(tmp_path)
    only = {"encoders": {"words": {"part": "words"}}, "model": {"part": "weave"}}
    asked = recipe.Recipe.model_validate({**only, "transcripts": {"part": "speech"}})
    with pytest.raises(MissingExtra):
        encode(data, asked)
    optional = recipe.Recipe.model_validate({**only, "transcripts": {"part": "speech", "optional": True}})
    (why, given), *_ = encode(data, optional).reports["transcripts"]["absent"].items()
    assert "speech" in why or "whisper" in why
    assert given == 1


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no model\.bin"):
        Speech(model=str(tmp_path)).fingerprint()


def test_without_weights_the_reader_says_what_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path))
    ((only,), nothing) = Speech().read([Content("1", {"audio": (tmp_path / "a.wav",)}), Content("2", {})])
    assert only.attribute == UNREADABLE and "gobelin models get whisper" in only.value and nothing == []


def say(text: str, voice: str, path: Path) -> Path:
    """Speech by eSpeak NG."""
    loader = pytest.importorskip("espeakng_loader")
    library = ctypes.CDLL(loader.get_library_path())
    rate = library.espeak_Initialize(2, 0, loader.get_data_path().encode(), 0)
    samples = array("h")

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def take(wave: object, count: int, events: object) -> int:
        if wave and count > 0:
            samples.extend(wave[:count])  # type: ignore[index]
        return 0

    library.espeak_SetSynthCallback(take)
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(1, 140, 0)  # words a minute
    raw = text.encode() + b"\0"
    library.espeak_Synth(raw, len(raw), 0, 1, 0, 1, None, None)
    library.espeak_Synchronize()
    soxr = pytest.importorskip("soxr")
    path.write_bytes(as_wav(soxr.resample(np.array(samples, dtype=np.float32) / 32_768, rate, RATE)))
    return path


def test_noise_music_and_silence_say_nothing_and_a_broken_file_says_why(tmp_path: Path, whisper: None) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)
    music = np.concatenate([play(Tune(TIMBRES[i % 6], 220 * 2 ** (i / 12), (0, 2, 4, 3))) for i in range(4)])
    made = {"noise": as_wav(noise), "music": as_wav(music), "silence": as_wav(np.zeros(RATE, np.float32))}
    made["broken"] = b"RIFF and nothing that was promised"
    contents = []
    for name, raw in made.items():
        (tmp_path / f"{name}.wav").write_bytes(raw)
        contents.append(Content(name, {"audio": (tmp_path / f"{name}.wav",)}))
    *nothing, broken = Speech().read(contents)
    assert nothing == [[], [], []]
    assert broken == [Reading(UNREADABLE, "broken", 1.0, "audio")]


def test_a_sentence_is_written_down_and_its_words_become_features(tmp_path: Path, whisper: None) -> None:
    say("The kettle boils one litre of water in three minutes, and it turns itself off.", "en-gb", tmp_path / "a.wav")
    columns = {"title": ("Kettle", "Bowl"), "audio": ("a.wav", None)}
    catalogue = Catalogue(Vocabulary(["1", "2"]), columns, tmp_path)
    told, report = with_transcripts(catalogue, Speech(language="en"))
    assert report["present"] == 1 and {"kettle", "boils", "water"} <= set(told.columns["text"][0].lower().split())
    words = parts.bind("encoders", "words", {"min_df": 1}).fit(told.contents(), np.random.default_rng(0))
    assert "boils" in words.names()
    block = Transcriber(language="en").encode([tmp_path / "a.wav"])
    again = Speech(language="en").read([catalogue.content(0)])[0][0]
    assert (again.value, again.confidence) == (
        read_back(block.values[0])[0],
        pytest.approx(block.values[0, 0], abs=1e-3),
    )
