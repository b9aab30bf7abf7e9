"""Settings for the contract tests of parts that need a file or a model: both are made here, tiny, and saved.

A part that is named in `SETTINGS` is made with what its function gives for a folder of its own:

    SETTINGS["hf_text"](tmp_path)     # {"model": "/tmp/.../bert"}, after a BERT of two layers was saved there
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gobelin import parts
from gobelin.errors import MissingExtra
from gobelin.features.cache import default_folder

_ENGLISH = "a red blue green yellow white wool linen glass rubber oak coat shirt lamp boots table of the series things"
_CHINESE = "红色 蓝色 绿色 黄色 白 羊毛 大衣 亚麻 衬衫 玻璃灯 雨靴 橡木 桌子"


def _loaded_vectors(folder: Path) -> dict[str, Any]:
    """Nine numbers for each word, as GloVe writes them."""
    words = f"{_ENGLISH} {_CHINESE}".split()
    numbers = np.random.default_rng(0).normal(size=(len(words), 9))
    lines = [f"{word} {' '.join(f'{x:.5f}' for x in row)}\n" for word, row in zip(words, numbers, strict=True)]
    path = folder / "vectors.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
    return {"path": str(path)}


def onnx_picture(folder: Path, layout: str = "nchw", batch: int | str = "n", side: int | str = 24) -> dict[str, Any]:
    """A convolution of six kernels as an ONNX file: outputs `map` (n, 6, places, places) and `mean` (n, 6)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernels = np.random.default_rng(0).normal(size=(6, 3, 4, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x" if layout == "nhwc" else "pictures", "kernels"], ["map"], strides=[4, 4]),
        helper.make_node("ReduceMean", ["map"], ["mean"], axes=[2, 3], keepdims=0),
    ]
    shape: list[int | str] = [batch, 3, side, side]
    if layout == "nhwc":
        shape = [batch, side, side, 3]
        nodes.insert(0, helper.make_node("Transpose", ["pictures"], ["x"], perm=[0, 3, 1, 2]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("map", "mean")],
        [numpy_helper.from_array(kernels, "kernels")],
    )
    path = folder / "picture.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return {"path": str(path)} | ({"layout": layout} if layout != "nchw" else {})


def tokenizer(path: Path) -> Path:
    """A WordPiece tokenizer of letters and a few words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "coat", "wool", "shirt", "of", "the", "series"]
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,", *"红蓝绿黄白色羊毛大衣亚麻衬衫"]
    vocabulary = {token: i for i, token in enumerate([*words, *letters, *("##" + one for one in letters)])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    made.save(str(path))
    return path


def onnx_text(folder: Path, pooled: bool = False, beside: bool = False) -> dict[str, Any]:
    """A table of word vectors as an ONNX file: `states` (n, length, 8) or `pooled` (n, 8), and its tokenizer.

    beside: the table lies in a file of its own, as exporters leave large weights.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    tokenizer(folder / "tokenizer.json")
    table = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["states"], axis=0)]
    nodes += [helper.make_node("ReduceMean", ["states"], ["pooled"], axes=[1], keepdims=0)] if pooled else []
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "l"]) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("pooled" if pooled else "states", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(table, "table")],
    )
    path = folder / "text.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path, save_as_external_data=beside, location="table.bin", size_threshold=0)
    return {"path": str(path)}


def _saved(make: Callable[[], Any], folder: Path) -> dict[str, Any]:
    """A random model, always the same, in a folder of its own."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        make().save_pretrained(folder)
    return {"model": str(folder)}


TEXT = {"vocab_size": 130, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 64}  # fmt: skip
VISION = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
          "image_size": 32, "patch_size": 8}  # fmt: skip


def _fast_tokenizer(folder: Path, **settings: Any) -> None:
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer(folder / "tokenizer.json")),
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", eos_token="[SEP]",
        model_max_length=64, **settings,
    ).save_pretrained(folder)  # fmt: skip


def _picture_processor(folder: Path, kind: str = "ViTImageProcessor") -> None:
    from transformers import AutoImageProcessor

    told = {"image_processor_type": kind, "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    AutoImageProcessor.from_pretrained(folder, backend="pil").save_pretrained(folder)


def bert(folder: Path) -> dict[str, Any]:
    from transformers import BertConfig, BertModel

    _fast_tokenizer(folder)
    return _saved(lambda: BertModel(BertConfig(**TEXT)), folder)


def vit(folder: Path) -> dict[str, Any]:
    from transformers import ViTConfig, ViTModel

    told = _saved(lambda: ViTModel(ViTConfig(**VISION)), folder)
    _picture_processor(folder)
    return told


def resnet(folder: Path) -> dict[str, Any]:
    from transformers import ResNetConfig, ResNetModel

    told = _saved(lambda: ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])), folder)
    _picture_processor(folder)
    return told


def clip(folder: Path) -> dict[str, Any]:
    """Both towers; text features are those of the token [SEP]."""
    from transformers import CLIPConfig, CLIPModel

    _fast_tokenizer(folder)
    ends = {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = CLIPConfig(text_config=TEXT | ends, vision_config=VISION, projection_dim=12)
    told = _saved(lambda: CLIPModel(config), folder)
    _picture_processor(folder)
    return told


def siglip(folder: Path) -> dict[str, Any]:
    """Its text tower reads no mask and is given texts of full length."""
    from transformers import SiglipConfig, SiglipModel

    _fast_tokenizer(folder, model_input_names=["input_ids"])
    ends = {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0, "projection_size": 32}
    told = _saved(lambda: SiglipModel(SiglipConfig(text_config=TEXT | ends, vision_config=VISION)), folder)
    _picture_processor(folder, "SiglipImageProcessor")
    return told


def wav2vec2(folder: Path) -> dict[str, Any]:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, conv_dim=(8, 8),
        conv_kernel=(10, 8), conv_stride=(10, 8), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    told = _saved(lambda: Wav2Vec2Model(config), folder)
    Wav2Vec2FeatureExtractor(sampling_rate=8_000).save_pretrained(folder)
    return told


def clap(folder: Path) -> dict[str, Any]:
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    _fast_tokenizer(folder)
    audio = {"patch_embeds_hidden_size": 16, "hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2],
             "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "window_size": 4, "aff_block_r": 2}  # fmt: skip
    text = TEXT | {"max_position_embeddings": 70, "pad_token_id": 0}
    told = _saved(lambda: ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=12)), folder)
    ClapFeatureExtractor(
        feature_size=16, nb_max_samples=16_000, sampling_rate=16_000, hop_length=250, fft_window_size=512,
        max_length_s=1, truncation="rand_trunc", frequency_min=50, frequency_max=7_000,
    ).save_pretrained(folder)  # fmt: skip
    return told


SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "loaded_vectors": _loaded_vectors,
    "onnx_picture": onnx_picture,
    "onnx_text": onnx_text,
    "hf_text": bert,
    "hf_image": vit,
    "hf_audio": wav2vec2,
}


def settings_for(name: str, folder: Path) -> dict[str, Any]:
    """What the encoder is made with; {} where it needs nothing. Skips the test where its extra is not installed."""
    try:
        parts.check_extra("encoders", name)
    except MissingExtra as wrong:
        pytest.skip(str(wrong))
    folder.mkdir(parents=True, exist_ok=True)
    return SETTINGS[name](folder) if name in SETTINGS else {}


def skip_without_weights(wrong: MissingExtra) -> None:
    """Skips the test where packaged weights were not got; anything else that is missing is raised."""
    if not wrong.next_step.startswith("gobelin models get"):
        raise wrong
    pytest.skip(str(wrong))


def lend_weights(cache: Path) -> None:
    """Packaged weights that this machine has got, in a cache of the tests' own."""
    for folder in (default_folder() / "models").glob("*-*/"):
        (cache / "models").mkdir(parents=True, exist_ok=True)
        (cache / "models" / folder.name).symlink_to(folder.resolve(), target_is_directory=True)
