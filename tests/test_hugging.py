"""Models of Hugging Face: random ones, built and saved here; vectors are compared with transformers' own answers."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import tiny
from gobelin.errors import RecipeError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from gobelin.encoders.hf_audio import HfAudio, windows  # noqa: E402
from gobelin.encoders.hf_image import HfImage  # noqa: E402
from gobelin.encoders.hf_text import HfText  # noqa: E402
from gobelin.testing.encoders import check_encoder, draw_sound  # noqa: E402

TEXTS = ["red coat", "the blue wool shirt of the series, 1984", "红色大衣", "x"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The folder of each tiny model, made once and read only."""
    folder = tmp_path_factory.mktemp("models")
    kinds = (tiny.bert, tiny.vit, tiny.resnet, tiny.clip, tiny.siglip, tiny.wav2vec2, tiny.clap)
    return {make.__name__: make(folder / make.__name__)["model"] for make in kinds}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for i in range(10):
        picture = Image.new("RGB", (40, 60), (25 * i, 200, 30))
        ImageDraw.Draw(picture).rectangle((i, 3, i + 16, 45), fill=(255, 20 * i, 0))
        paths.append(tmp_path / f"{i}.png")
        picture.save(paths[-1])
    return paths


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_a_text_is_the_mean_of_its_own_tokens_or_the_first(models: dict[str, str]) -> None:
    model = transformers.BertModel.from_pretrained(models["bert"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models["bert"])
    with torch.no_grad():  # one by one: no padding
        states = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy() for text in TEXTS]
    assert len({len(one) for one in states}) > 2
    mean = HfText(model=models["bert"]).encode(TEXTS).values
    assert np.allclose(mean, unit(np.array([one.mean(axis=0) for one in states])), atol=1e-5)
    first = HfText(model=models["bert"], pooling="first", unit=False).encode(TEXTS).values
    assert np.allclose(first, [one[0] for one in states], atol=1e-5)
    assert HfText(model=models["bert"]).dim == 32


def test_a_long_text_is_cut_where_the_model_ends(models: dict[str, str]) -> None:
    block = HfText(model=models["bert"], max_tokens=500).encode(["red coat " * 300, "red coat " * 301])
    assert block.present.all() and np.allclose(block.values[0], block.values[1], atol=1e-5)


@pytest.mark.parametrize(("name", "dim"), [("vit", 32), ("resnet", 16)])
def test_a_picture_is_the_models_own_view(models: dict[str, str], pictures: list[Path], name: str, dim: int) -> None:
    processor = transformers.AutoImageProcessor.from_pretrained(models[name], backend="pil")
    model = transformers.AutoModel.from_pretrained(models[name]).eval()
    pixels = processor(images=[Image.open(path) for path in pictures], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        told = model(pixel_values=pixels)
    # ResNet's own pooled output is the mean over places; ViT's first token stands before its (untrained) pooler
    wanted = told.pooler_output[:, :, 0, 0] if name == "resnet" else told.last_hidden_state[:, 0]
    encoder = HfImage(model=models[name], unit=False)
    assert encoder.dim == dim
    assert np.allclose(encoder.encode(pictures).values, wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_two_towers_share_a_space(models: dict[str, str], pictures: list[Path], name: str) -> None:
    model = transformers.AutoModel.from_pretrained(models[name]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models[name])
    processor = transformers.AutoImageProcessor.from_pretrained(models[name], backend="pil")
    padding = {"padding": "max_length", "max_length": 64} if name == "siglip" else {}
    with torch.no_grad():
        whole = [
            model(**tokenizer(text, return_tensors="pt", **padding),
                  **processor(images=Image.open(pictures[0]), return_tensors="pt"))
            for text in TEXTS
        ]  # fmt: skip
    text, image = HfText(model=models[name]), HfImage(model=models[name])
    assert np.allclose(text.encode(TEXTS).values, [one.text_embeds[0].numpy() for one in whole], atol=1e-5)
    assert np.allclose(image.encode(pictures[:1]).values, whole[0].image_embeds.numpy(), atol=1e-5)
    assert text.dim == image.dim == whole[0].text_embeds.shape[1]
    assert text.space == image.space and text.space.startswith("clip:")
    assert HfText(model=models["bert"]).space != HfImage(model=models["vit"]).space
    assert HfText(model=models["clip"]).space != HfText(model=models["siglip"]).space


@pytest.mark.parametrize("name", ["clip", "siglip", "resnet"])
def test_other_models_of_pictures_keep_the_contract(models: dict[str, str], tmp_path: Path, name: str) -> None:
    check_encoder(lambda: HfImage(model=models[name]), tmp_path / "image")


@pytest.mark.parametrize("name", ["clip", "siglip", "clap"])
def test_text_towers_keep_the_contract(models: dict[str, str], tmp_path: Path, name: str) -> None:
    check_encoder(lambda: HfText(model=models[name]), tmp_path / "text")


def test_clap_keeps_the_contract_and_shares_a_space_with_its_texts(models: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    check_encoder(lambda: HfAudio(model=models["clap"]), tmp_path / "audio")
    text, audio = HfText(model=models["clap"]), HfAudio(model=models["clap"])
    assert (text.space, text.dim) == (audio.space, audio.dim) and audio.dim == 12


def test_a_sound_is_the_mean_of_its_windows(models: dict[str, str], tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = draw_sound(tmp_path / "a.wav", 440.0, seconds=2.5, rate=8_000)
    model = transformers.Wav2Vec2Model.from_pretrained(models["wav2vec2"]).eval()
    sound = soundfile.read(path, dtype="float32")[0]

    def hear(part: np.ndarray) -> np.ndarray:
        part = (part - part.mean()) / np.sqrt(part.var() + 1e-7)  # as its extractor does
        with torch.no_grad():
            return model(torch.from_numpy(part[None])).last_hidden_state[0].mean(dim=0).numpy()

    one = HfAudio(model=models["wav2vec2"], unit=False).encode([path]).values[0]
    assert np.allclose(one, hear(sound), atol=1e-4)
    two = HfAudio(model=models["wav2vec2"], unit=False, window=1.5).encode([path]).values[0]
    assert np.allclose(two, 0.6 * hear(sound[:12_000]) + 0.4 * hear(sound[12_000:]), atol=1e-4)


def test_windows_leave_no_crumbs() -> None:
    line = np.arange(25, dtype=np.float32)
    assert [len(part) for part in windows(line, 10, 1.0)] == [10, 10]
    assert [len(part) for part in windows(line, 10, 1.5)] == [15, 10]
    assert [len(part) for part in windows(line, 10, 9.0)] == [25]
    assert windows(line[:2], 10, 1.0)[0].tolist() == [0, 1, 0, 0, 0]


def copied(folder: str, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_the_fingerprint_is_what_the_folder_holds(models: dict[str, str], tmp_path: Path) -> None:
    moved = copied(models["bert"], tmp_path / "moved")
    before = HfText(model=str(moved)).fingerprint()
    assert before == HfText(model=models["bert"]).fingerprint()
    assert before != HfText(model=models["bert"], pooling="first").fingerprint()
    raw = bytearray((moved / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (moved / "model.safetensors").write_bytes(bytes(raw))
    assert HfText(model=str(moved)).fingerprint() != before


def test_weights_that_are_not_there_are_never_drawn_at_random(models: dict[str, str], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    moved = copied(models["bert"], tmp_path / "less")
    tensors = load_file(moved / "model.safetensors")
    less = {name: value for name, value in tensors.items() if not name.startswith("pooler.")}
    save_file(less, moved / "model.safetensors", {"format": "pt"})
    whole, poolerless = HfText(model=models["bert"]), HfText(model=str(moved))
    assert np.array_equal(whole.encode(TEXTS).values, poolerless.encode(TEXTS).values)  # no vector needs the pooler
    del less["encoder.layer.1.output.dense.weight"]
    save_file(less, moved / "model.safetensors", {"format": "pt"})
    with pytest.raises(RecipeError, match=r"lack 1 tensors: encoder\.layer\.1\.output\.dense\.weight"):
        HfText(model=str(moved)).encode(TEXTS)


def test_pickled_weights_and_code_of_the_repository_are_refused(models: dict[str, str], tmp_path: Path) -> None:
    moved = copied(models["bert"], tmp_path / "pickled")
    state = transformers.BertModel.from_pretrained(moved).state_dict()
    torch.save(state, moved / "pytorch_model.bin")
    (moved / "model.safetensors").unlink()
    with pytest.raises(RecipeError, match="safetensors"):
        HfText(model=str(moved)).encode(TEXTS)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "own.py").write_text("raise SystemExit('its code ran')")
    told = '{"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}'
    (strange / "config.json").write_text(told)
    with pytest.raises(RecipeError, match="could not be read"):
        _ = HfText(model=str(strange)).dim


def test_what_is_no_such_model_is_told(models: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="There is no folder"):
        _ = HfText(model=str(tmp_path / "nothing")).dim
    with pytest.raises(RecipeError, match="image processor"):
        HfImage(model=models["bert"]).encode_pictures([Image.new("RGB", (9, 9))])
    with pytest.raises(RecipeError, match="tokenizer"):
        HfText(model=models["vit"]).encode(TEXTS)


def test_loading_draws_nothing_from_the_worlds_chance(models: dict[str, str]) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    HfImage(model=models["vit"]).encode_pictures([Image.new("RGB", (40, 40), "red")])
    assert torch.equal(torch.rand(3), wanted)
