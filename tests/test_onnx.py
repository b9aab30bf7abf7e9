"""ONNX files of the user's own: what is computed, what is refused and how."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import tiny
from gobelin.encoders.onnx_picture import OnnxPicture
from gobelin.encoders.onnx_text import OnnxText
from gobelin.errors import RecipeError


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for i in range(11):
        picture = Image.new("RGB", (24, 24), (10 * i, 200, 30))
        ImageDraw.Draw(picture).rectangle((i, 3, i + 6, 15), fill=(255, 20 * i, 0))
        paths.append(tmp_path / f"{i}.png")
        picture.save(paths[-1])
    return paths


def by_hand(path: Path, mean: float = 0.0, std: float = 1.0, reverse: bool = False) -> np.ndarray:
    """The tiny convolution with numpy: (6 places, 6 places, 6 kernels)."""
    kernels = np.random.default_rng(0).normal(size=(6, 3, 4, 4)).astype(np.float32)
    x = (np.asarray(Image.open(path), dtype=np.float64) / 255 - mean) / std
    x = x[..., ::-1] if reverse else x
    patches = x.reshape(6, 4, 6, 4, 3).transpose(0, 2, 4, 1, 3)  # (row, column, colour, 4, 4)
    return np.einsum("rcxab,kxab->rck", patches, kernels)


PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def test_a_picture_goes_through_the_file_as_its_settings_say(tmp_path: Path, pictures: list[Path]) -> None:
    told = tiny.onnx_picture(tmp_path)
    wanted = np.array([by_hand(path).mean(axis=(0, 1)) for path in pictures])
    for settings in ({"output": "mean"}, {"output": "map"}, {}):
        assert np.allclose(OnnxPicture(**told, **PLAIN, **settings).encode(pictures).values, wanted, atol=1e-4)
    first = OnnxPicture(**told, **PLAIN, output="map", pooling="first").encode(pictures).values
    assert np.allclose(first, [by_hand(path)[0, 0] for path in pictures], atol=1e-4)
    unit = OnnxPicture(**told, **PLAIN, unit=True).encode(pictures).values
    assert np.allclose(unit, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5)
    scaled = OnnxPicture(**told, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), colours="bgr").encode(pictures).values
    assert np.allclose(scaled, [by_hand(p, 0.5, 0.25, True).mean(axis=(0, 1)) for p in pictures], atol=1e-4)


@pytest.mark.parametrize(("layout", "batch"), [("nhwc", "n"), ("nchw", 1), ("nchw", 4), ("nhwc", 4)])
def test_layout_and_a_fixed_batch_change_nothing(tmp_path: Path, pictures: list[Path], layout: str, batch: int) -> None:
    wanted = [by_hand(path).mean(axis=(0, 1)) for path in pictures]
    encoder = OnnxPicture(**tiny.onnx_picture(tmp_path, layout, batch), **PLAIN, output="mean")
    assert np.allclose(encoder.encode(pictures).values, wanted, atol=1e-4)


def test_an_open_side_is_asked_for(tmp_path: Path, pictures: list[Path]) -> None:
    told = tiny.onnx_picture(tmp_path, side="s")
    with pytest.raises(RecipeError, match="set side"):
        _ = OnnxPicture(**told).dim
    wanted = [by_hand(path).mean(axis=(0, 1)) for path in pictures]
    assert np.allclose(OnnxPicture(**told, **PLAIN, side=24).encode(pictures).values, wanted, atol=1e-4)


def test_what_is_no_picture_network_is_refused_with_its_reason(tmp_path: Path) -> None:
    fixed = tiny.onnx_picture(tmp_path)
    for wrong, said in (
        ({**fixed, "layout": "nhwc"}, "set layout"),
        ({**fixed, "side": 32}, "side is 32"),
        ({**fixed, "output": "maps"}, "Did you mean 'map'"),
        (tiny.onnx_text(tmp_path), "takes input_ids"),
        ({"path": str(tmp_path / "none.onnx")}, "There is no file"),
    ):
        with pytest.raises(RecipeError, match=said):
            _ = OnnxPicture(**wrong).dim
    (tmp_path / "text.onnx").write_bytes(b"no protobuf at all")
    with pytest.raises(RecipeError, match="cannot be opened"):
        _ = OnnxPicture(path=str(tmp_path / "text.onnx")).dim
    with pytest.raises(RecipeError, match="is no ONNX file"):
        OnnxPicture(path=str(tmp_path / "text.onnx")).fingerprint()


def test_the_fingerprint_is_the_files_bytes_and_the_settings(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    one, other = tiny.onnx_picture(tmp_path / "a"), tiny.onnx_picture(tmp_path / "b")
    assert OnnxPicture(**one).fingerprint() == OnnxPicture(**other).fingerprint()
    assert OnnxPicture(**one).fingerprint() != OnnxPicture(**one, pooling="first").fingerprint()
    assert OnnxPicture(**one).fingerprint() == OnnxPicture(**one, max_megapixels=3).fingerprint()
    bigger = tiny.onnx_picture(tmp_path / "c", side=28)
    assert OnnxPicture(**one).fingerprint() != OnnxPicture(**bigger).fingerprint()


def test_weights_beside_the_file_belong_to_it(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    told = tiny.onnx_text(tmp_path, beside=True)
    before = OnnxText(**told)
    named = before.fingerprint()
    assert before.encode(["red coat"]).present.all()
    raw = bytearray((tmp_path / "table.bin").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "table.bin").write_bytes(bytes(raw))
    assert OnnxText(**told).fingerprint() != named
    (tmp_path / "table.bin").unlink()
    with pytest.raises(RecipeError, match=r"table\.bin"):
        OnnxText(**told).fingerprint()


def test_a_text_is_the_mean_of_its_own_tokens(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    told = tiny.onnx_text(tmp_path)
    table = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    coder = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = ["red coat", "the blue wool shirt of the series", "红色大衣", "x"]
    ids = [coder.encode(text).ids for text in texts]
    assert len({len(one) for one in ids}) > 2  # padding is at work
    mean = OnnxText(**told, unit=False).encode(texts).values
    assert np.allclose(mean, [table[one].mean(axis=0) for one in ids], atol=1e-5)
    first = OnnxText(**told, unit=False, pooling="first").encode(texts).values
    assert np.allclose(first, [table[one[0]] for one in ids], atol=1e-5)
    cut = OnnxText(**told, unit=False, max_tokens=8).encode(["red coat " * 20]).values
    assert np.allclose(cut, [table[[2, 4, 6, 4, 6, 4, 6, 3]].mean(axis=0)], atol=1e-5)
    whole = OnnxText(**tiny.onnx_text(tmp_path, pooled=True), unit=False).encode(texts[:1]).values
    assert np.allclose(whole, [table[ids[0]].mean(axis=0)], atol=1e-5)


def test_what_is_no_text_network_is_refused_with_its_reason(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    tiny.tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(RecipeError, match="takes pictures"):
        _ = OnnxText(**tiny.onnx_picture(tmp_path)).dim
    told = tiny.onnx_text(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RecipeError, match="is no tokenizer"):
        _ = OnnxText(**told).dim
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(RecipeError, match="set tokenizer"):
        _ = OnnxText(**told).dim
