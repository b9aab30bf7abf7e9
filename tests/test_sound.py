"""Sounds: files of every kind to samples, and what the encoders of sounds say of tones and clicks they should know."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from gobelin import parts, weights
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.spectrum import magnitudes, mel, mel_filters
from gobelin.testing.encoders import check_encoder, draw_clip, draw_contents, draw_sound

pytest.importorskip("av", reason="the extra media is not installed")
soundfile = pytest.importorskip("soundfile", reason="the extra media is not installed")

from gobelin.encoders import spectral, yamnet  # noqa: E402
from gobelin.weights.yamnet import Yamnet as Weights  # noqa: E402
from gobelin.weights.yamnet import float_network  # noqa: E402

RNG = np.random.default_rng


def tone(hertz: float, seconds: float = 2.0, rate: int = 44_100) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def file_of(samples: np.ndarray, rate: int = 44_100, kind: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


def through_ffmpeg(samples: np.ndarray, kind: str, codec: str, layout: str = "stereo", rate: int = 44_100) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=kind) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        for start in range(0, len(samples) - 1023, 1024):
            block = np.stack([samples[start : start + 1024]] * stream.layout.nb_channels).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return out.getvalue()


def loudest(samples: np.ndarray, rate: int) -> float:
    """The frequency with the most energy, in hertz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))


KINDS = {
    "wav, 16 bits": lambda: file_of(tone(440)),
    "wav, 8 bits": lambda: file_of(tone(440), subtype="PCM_U8"),
    "wav, 24 bits": lambda: file_of(tone(440), subtype="PCM_24"),
    "wav, float": lambda: file_of(tone(440), subtype="FLOAT"),
    "ogg vorbis": lambda: file_of(tone(440), kind="OGG"),
    "ogg opus": lambda: file_of(tone(440, rate=48_000), 48_000, "OGG", "OPUS"),
    "flac": lambda: file_of(tone(440), kind="FLAC"),
    "aiff": lambda: file_of(tone(440), kind="AIFF"),
    "mp3": lambda: file_of(tone(440), kind="MP3"),
    "8 channels": lambda: file_of(np.stack([tone(440)] * 8, axis=1)),
    "m4a": lambda: through_ffmpeg(tone(440), "ipod", "aac"),
    "aac": lambda: through_ffmpeg(tone(440), "adts", "aac"),
    "matroska, 5.1": lambda: through_ffmpeg(tone(440), "matroska", "aac", "5.1"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tone_comes_out_of_every_kind_of_file_as_long_and_as_high_as_it_went_in(kind: str) -> None:
    sound = open_sound(KINDS[kind](), 16_000)
    assert not isinstance(sound, Unreadable), sound
    assert sound.dtype == np.float32 and sound.ndim == 1
    assert len(sound) == pytest.approx(32_000, rel=0.1)
    assert loudest(sound, 16_000) == pytest.approx(440, abs=1)
    louder = 5 / 6 if "5.1" in kind else 1  # the sixth channel of 5.1 holds no more than the lowest tones
    assert np.abs(sound[8_000:24_000]).max() == pytest.approx(0.5 * louder, abs=0.06)


def test_resampling_keeps_what_both_rates_can_hold_and_drops_what_the_lower_cannot() -> None:
    both = tone(1_000) + tone(12_000)
    sound = open_sound(file_of(both / 2, subtype="FLOAT"), 16_000)
    energy = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / 16_000)
    assert energy[(hertz > 900) & (hertz < 1_100)].sum() > 0.999 * energy.sum()
    same = open_sound(file_of(both / 2, subtype="FLOAT"), 44_100)
    assert np.allclose(same, both / 2, atol=1e-6), "at its own rate a sound is untouched"


def test_channels_are_averaged() -> None:
    left, right = tone(440), tone(1_000)
    sound = open_sound(file_of(np.stack([left, right], axis=1), subtype="FLOAT"), 44_100)
    assert np.allclose(sound, (left + right) / 2, atol=1e-6)


def test_float_samples_beyond_full_scale_are_scaled() -> None:
    sound = open_sound(file_of(tone(440) * 8_000, subtype="FLOAT"), 44_100)
    assert np.abs(sound).max() == pytest.approx(1) and loudest(sound, 44_100) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_a_long_sound_ends_at_the_limit(kind: str) -> None:
    raw = file_of(np.stack([np.tile(tone(440, 1), 12)] * 2, axis=1), kind=kind)
    assert len(open_sound(raw, 16_000, Limits(seconds=3))) == 48_000
    assert len(open_sound(raw, 44_100, Limits(seconds=2.5))) == 110_250


def test_a_long_sound_track_ends_at_the_limit() -> None:
    raw = through_ffmpeg(tone(440, 8), "ipod", "aac")
    assert len(open_sound(raw, 16_000, Limits(seconds=3))) == 48_000


def test_a_wav_file_written_before_its_end_was_known_is_read_to_its_end() -> None:
    raw = bytearray(file_of(tone(440)))
    raw[4:8] = raw[40:44] = b"\xff\xff\xff\xff"  # both sizes, as a pipe leaves them
    assert len(open_sound(bytes(raw), 16_000)) == pytest.approx(32_000, rel=0.01)


def floats(samples: np.ndarray) -> bytes:
    return file_of(samples, subtype="FLOAT")


def with_one(value: float) -> bytes:
    samples = tone(440)
    samples[700] = value
    return floats(samples)


def half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


PLAY_LIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
HEADER_ALONE = b"RIFF$\x00\x00\x00WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 44_100, 88_200, 2, 16)
HOSTILE = {
    "no bytes": (lambda: b"", "empty"),
    "no samples": (lambda: file_of(np.zeros(0)), "empty"),
    "silence": (lambda: file_of(np.zeros(44_100)), "empty"),
    "a constant": (lambda: floats(np.full(44_100, 0.3)), "empty"),
    "text": (lambda: b"this is none of its kind" * 100, "broken"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), "broken"),
    "random bytes": (lambda: RNG(0).bytes(20_000), "broken"),
    "random bytes under a wav header": (lambda: b"RIFF" + RNG(0).bytes(20_000), "broken"),
    "random bytes under an ogg header": (lambda: b"OggS" + RNG(0).bytes(20_000), "broken"),
    "random bytes under an mp3 header": (lambda: b"\xff\xfb\x90\x00" + RNG(0).bytes(20_000), "broken"),
    "a play list of other files": (lambda: PLAY_LIST, "broken"),
    "a wav header alone": (lambda: HEADER_ALONE, "broken"),
    "half a wav": (lambda: half(file_of(tone(440))), "broken"),
    "half an aiff": (lambda: half(file_of(tone(440), kind="AIFF")), "broken"),
    "half a flac": (lambda: half(file_of(tone(440), kind="FLAC")), "broken"),
    "half an ogg": (lambda: half(file_of(RNG(0).normal(0, 0.1, 400_000), kind="OGG")), "broken"),
    "half an mp3": (lambda: half(file_of(tone(440), kind="MP3")), "broken"),
    "half an m4a": (lambda: half(through_ffmpeg(tone(440), "ipod", "aac")), "broken"),
    "half a matroska": (lambda: half(through_ffmpeg(tone(440), "matroska", "aac")), "broken"),
    "one sample a second": (lambda: file_of(tone(440)[:100], rate=1), "broken"),
    "a sample that is no number": (lambda: with_one(np.nan), "broken"),
    "an infinite sample": (lambda: with_one(np.inf), "broken"),
    "samples beyond float32": (lambda: file_of(tone(440) * 1e300, subtype="DOUBLE"), "broken"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_a_reason_and_no_exception(kind: str) -> None:
    make, reason = HOSTILE[kind]
    found = open_sound(make(), 16_000)
    assert isinstance(found, Unreadable), "it is no sound"
    assert (found.reason, bool(found.detail)) == (reason, True)


def test_a_file_over_the_limit_of_size_is_too_large_and_an_absent_one_is_missing(tmp_path: Path) -> None:
    assert open_sound(file_of(tone(440)), 16_000, Limits(size=1_000)).reason == "too large"
    assert open_sound(tmp_path / "none.wav", 16_000).reason == "missing"
    assert open_sound(tmp_path, 16_000).reason == "unreadable"


def test_a_clip_gives_its_sound_track_or_says_that_there_is_none(tmp_path: Path) -> None:
    with_sound = open_sound(draw_clip(tmp_path / "a.mp4", 2, frames=24, sound=True), 16_000)
    assert len(with_sound) == pytest.approx(32_000, rel=0.1)
    assert loudest(with_sound, 16_000) == pytest.approx(420, abs=2)
    assert open_sound(draw_clip(tmp_path / "b.mp4", 2), 16_000).reason == "no sound"


def test_short_sounds_have_vectors(tmp_path: Path) -> None:
    for samples in (9, 300, 2_000):
        path = tmp_path / f"{samples}.wav"
        path.write_bytes(file_of(tone(3_000)[:samples]))
        block = spectral.Spectral().encode([path])
        assert block.present[0] and np.isfinite(block.values).all()


def test_magnitudes_equal_the_formula_of_the_transform() -> None:
    samples = RNG(0).normal(size=900).astype(np.float32)
    found = magnitudes(samples, 400, 160, 512)
    assert found.shape == (4, 257)
    n = np.arange(400)
    frame = samples[320:720] * (0.5 - 0.5 * np.cos(2 * np.pi * n / 400))
    by_hand = abs(sum(frame[k] * np.exp(-2j * np.pi * k * 33 / 512) for k in range(400)))
    assert found[2, 33] == pytest.approx(by_hand, rel=1e-4)
    assert magnitudes(samples[:399], 400, 160, 512).shape == (0, 257)


def test_a_mel_filter_stands_where_its_tone_is() -> None:
    filters = mel_filters(64, 512, 16_000, 125.0, 7_500.0)
    edges = np.linspace(*mel(np.array([125.0, 7_500.0])), 66)
    for band in (20, 40, 60):
        hertz = 700 * np.expm1(edges[band + 1] / 1127)
        assert filters[round(hertz * 512 / 16_000)].argmax() == band
    assert mel(np.array([1_000.0])) == pytest.approx(1_000, rel=0.001), "1,000 mel are 1,000 hertz"
    inside = filters[20:220].sum(axis=1)
    assert np.allclose(inside, 1, atol=1e-5), "halves that overlap sum to one"


def described(samples: np.ndarray) -> dict[str, np.ndarray]:
    return dict(spectral.describe(samples.astype(np.float32)))


@pytest.mark.parametrize(("hertz", "band"), [(70, 1), (440, 4), (1_000, 5), (5_000, 7), (9_000, 8)])
def test_the_energy_of_a_tone_lies_in_its_octave(hertz: float, band: int) -> None:
    assert described(tone(hertz, rate=spectral.RATE))["bands"][:9].argmax() == band


def test_how_loud_a_recording_is_stands_in_loudness_alone() -> None:
    loud, soft = described(tone(440, rate=spectral.RATE)), described(tone(440, rate=spectral.RATE) / 100)
    for name in loud:
        same = np.allclose(loud[name], soft[name], atol=0.02)
        assert same == (name != "loudness"), name
    assert (loud["loudness"] - soft["loudness"]) == pytest.approx([4, 4], abs=0.01), "40 dB, ten a unit"


@pytest.mark.parametrize("beats", [72, 96, 120, 150])
def test_the_tempo_of_clicks_is_found(beats: int) -> None:
    rate = spectral.RATE
    samples = RNG(0).normal(0, 1e-4, 12 * rate)
    for start in np.arange(0, len(samples) - 400, 60 * rate / beats).astype(int):
        samples[start : start + 400] += RNG(1).normal(0, 0.3, 400)
    rhythm = described(samples)["rhythm"]
    assert 120 * 2 ** rhythm[4] == pytest.approx(beats, rel=0.02)
    assert rhythm[5] / 3 > 0.5, "and it is clear"
    assert rhythm[3] * 2 == pytest.approx(beats / 60, rel=0.1), "onsets a second"


def test_noise_has_no_clear_tempo_and_a_flatter_spectrum_than_a_tone() -> None:
    noise, pure = described(RNG(0).normal(0, 0.1, 5 * spectral.RATE)), described(tone(440, 5, spectral.RATE))
    assert noise["rhythm"][5] / 3 < 0.3
    assert noise["shape"][3] > pure["shape"][3] + 1, "flatness"
    assert noise["contrast"][:7].mean() < pure["contrast"][2], "a tone stands above its band"


def test_the_course_of_a_sound_tells_where_its_energy_lies() -> None:
    early, late = np.zeros((2, 4 * spectral.RATE))
    early[: spectral.RATE] = late[-spectral.RATE :] = tone(440, 1, spectral.RATE)
    first, last = described(early)["course"], described(late)["course"]
    assert first[0] == pytest.approx(4 / 8 - 2, abs=0.1) and last[0] == pytest.approx(4 * 7 / 8 - 2, abs=0.1)
    assert first[2] == pytest.approx(2 * 3 / 4, abs=0.1), "three quarters are silent"


def test_a_sound_of_one_pitch_is_nearer_to_itself_louder_than_to_another(tmp_path: Path) -> None:
    paths = [draw_sound(tmp_path / f"{n}.wav", pitch) for n, pitch in enumerate((300, 310, 2_000))]
    a, b, c = spectral.Spectral().encode(paths).values
    assert np.linalg.norm(a - b) < 0.5 * np.linalg.norm(a - c)


def test_how_much_is_heard_changes_the_fingerprint() -> None:
    for part in (spectral.Spectral, yamnet.Yamnet):
        assert part().fingerprint() != part(max_seconds=5).fingerprint()


def test_more_seconds_than_allowed_are_not_heard(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    path.write_bytes(file_of(np.concatenate([tone(300, 3), tone(3_000, 3)])))
    first, whole = spectral.Spectral(max_seconds=2).encode([path]), spectral.Spectral().encode([path])
    assert described(open_sound(path, spectral.RATE, Limits(seconds=2)))["bands"][:9].argmax() == 3
    assert not np.allclose(first.values, whole.values, atol=0.01)


def exported(classes: int = 521) -> tuple[bytes, bytes, dict[str, np.ndarray]]:
    """A small network in the form of the package's: rounding everywhere, one row a call, weights in a file beside."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = RNG(3)
    kernel = (rng.normal(size=(1024, 1, 16, 16)) / 16).astype(np.float32)
    layer = (rng.normal(size=(classes, 1024)) / 32).astype(np.float32)
    bias = rng.normal(size=classes).astype(np.float32)
    data = bytes(64) + kernel.tobytes()
    apart = onnx.TensorProto(name="kernel", data_type=TensorProto.FLOAT, dims=kernel.shape, data_location=1)
    for key, value in (("location", "model.data"), ("offset", "64"), ("length", str(kernel.nbytes))):
        apart.external_data.add(key=key, value=value)
    constants = [
        apart,
        numpy_helper.from_array(layer, "layer"),
        numpy_helper.from_array(bias, "bias"),
        numpy_helper.from_array(np.float32(0.05), "scale"),
        numpy_helper.from_array(np.uint8(144), "zero"),
        numpy_helper.from_array(np.array([1, 1024]), "row"),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["audio", "scale", "zero"], ["x"]),
        helper.make_node("QuantizeLinear", ["kernel", "scale", "zero"], ["kernel_q"]),
        helper.make_node("DequantizeLinear", ["kernel_q", "scale", "zero"], ["kernel_qdq"]),
        helper.make_node("Conv", ["x", "kernel_qdq"], ["y"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Relu", ["y"], ["y_relu"]),
        helper.make_node("GlobalAveragePool", ["y_relu"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "row"], ["flat"]),
        helper.make_node("Gemm", ["flat", "layer", "bias"], ["scores"], transB=1),
        helper.make_node("QuantizeLinear", ["scores", "scale", "zero"], ["class_scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "export",
        [helper.make_tensor_value_info("audio", TensorProto.UINT8, [1, 1, 96, 64])],
        [helper.make_tensor_value_info("class_scores", TensorProto.UINT8, [1, classes])],
        constants,
    )
    return (
        helper.make_model(graph).SerializeToString(),
        data,
        {"kernel": kernel, "layer": layer, "bias": bias},
    )


@pytest.fixture(scope="module")
def small_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of YAMNet's weights: a random network of the same input and outputs."""
    folder = tmp_path_factory.mktemp("weights")
    graph, data, _ = exported()
    (folder / "yamnet.onnx").write_bytes(float_network(graph, data, 521))
    (folder / "classes.json").write_text(json.dumps([f"event {i}" for i in range(521)]))
    return folder


def test_the_float_network_computes_what_the_weights_say_for_any_number_of_patches() -> None:
    import onnxruntime

    graph, data, told = exported(7)
    session = onnxruntime.InferenceSession(float_network(graph, data, 7), providers=["CPUExecutionProvider"])
    x = RNG(0).normal(size=(5, 1, 96, 64)).astype(np.float32)
    vectors, logits = session.run(["vectors", "logits"], {"patches": x})
    tiles = x.reshape(5, 6, 16, 4, 16).transpose(0, 1, 3, 2, 4)  # (patch, down, across, 16, 16)
    by_hand = np.maximum(np.einsum("pdahw,ohw->poda", tiles, told["kernel"][:, 0]), 0).mean(axis=(2, 3))
    assert np.allclose(vectors, by_hand, atol=1e-4)
    assert np.allclose(logits, by_hand @ told["layer"].T + told["bias"], atol=1e-3)


def test_yamnet_keeps_the_contract_over_a_network_of_the_tests_own(
    small_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yamnet, "folder", lambda name: small_network)
    check_encoder(lambda: parts.bind("encoders", "yamnet", {}), tmp_path)


def test_scores_are_probabilities_of_the_classes_and_absent_where_the_sound_is(
    small_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yamnet, "folder", lambda name: small_network)
    part = yamnet.Yamnet()
    pieces = [p for c in draw_contents(tmp_path, 3) for p in part.pieces(c)]
    (tmp_path / "none.wav").write_bytes(b"none")
    block = part.scores([*pieces, tmp_path / "none.wav"])
    assert block.values.shape == (4, len(part.classes())) and block.present.tolist() == [True] * 3 + [False]
    assert block.reasons[3] == "broken"
    assert (block.values[:3] > 0).all() and (block.values[:3] < 1).all()
    heard = yamnet.patches(open_sound(pieces[0], 16_000))
    logits = part._run(heard, "logits")
    assert len(heard) > 1 and np.allclose(block.values[0], (1 / (1 + np.exp(-logits))).mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (15_600, 1), (15_601, 2), (23_280, 2), (80_000, 10)])
def test_patches_begin_each_half_second_and_cover_the_whole_sound(samples: int, count: int) -> None:
    sound = RNG(0).normal(0, 0.1, samples).astype(np.float32)
    found = yamnet.patches(sound)
    assert found.shape == (count, 1, 96, 64)
    assert found.min() >= np.log(0.001) - 1e-4, "silence is the logarithm of what was added"
    if count > 1:
        assert np.array_equal(found[0, 0, 48:], found[1, 0, :48]), "neighbours share half"


@pytest.fixture(scope="module")
def real_weights() -> Path:
    from gobelin.errors import UserError

    try:
        return weights.folder("yamnet")
    except UserError:
        pytest.skip("the weights of YAMNet are not here: gobelin models get yamnet")


def test_yamnet_hears_a_tone_and_noise(real_weights: Path, tmp_path: Path) -> None:
    part = yamnet.Yamnet()
    rate = 16_000
    (tmp_path / "tone.wav").write_bytes(file_of(tone(440, 3, rate), rate))
    (tmp_path / "noise.wav").write_bytes(file_of(RNG(0).normal(0, 0.1, 3 * rate), rate))
    scores = part.scores([tmp_path / "tone.wav", tmp_path / "noise.wav"]).values
    names = part.classes()
    assert len(names) == 521 and (names[0], names[-1]) == ("Speech", "Field recording")
    best = [{names[i] for i in np.argsort(-row)[:5]} for row in scores]
    assert best[0] & {"Sine wave", "Tuning fork", "Dial tone", "Beep, bleep"}, best[0]
    assert best[1] & {"White noise", "Noise", "Static", "Pink noise"}, best[1]


@pytest.mark.real
def test_yamnet_knows_the_kinds_of_real_recordings_without_training(real_weights: Path, real: Path) -> None:
    import pandas as pd

    clips = pd.read_csv(real / "audio_esc10" / "clips.csv").groupby("label").head(4)
    part = yamnet.Yamnet()
    names = part.classes()
    words = {"Dog bark": "Dog", "Baby cry": "Baby cry, infant cry", "Rooster": "Chicken, rooster", "Rain": "Rain"}
    clips = clips[clips["label"].isin(words)]
    scores = part.scores([real / "audio_esc10" / name for name in clips["audio"]]).values
    columns = [names.index(words[label]) for label in words]
    right = np.array(list(words))[scores[:, columns].argmax(axis=1)] == clips["label"].to_numpy()
    assert right.mean() >= 0.9


def test_the_licence_is_told_and_every_file_is_pinned() -> None:
    assert "none stated" in Weights.licence
    assert Weights.files and all(len(digest) == 64 for digest in Weights.files.values())
