"""Settings for the contract tests of parts that need a file or a model: both are made here, tiny, and saved.

A part that is named in `SETTINGS` is made with what its function gives for a folder of its own:

    SETTINGS["hf_text"](tmp_path)     # {"model": "/tmp/.../bert"}, after a BERT of two layers was saved there
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gobelin import parts
from gobelin.errors import MissingExtra
from gobelin.features.cache import default_folder


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


SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "onnx_picture": onnx_picture,
    "onnx_text": onnx_text,
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
