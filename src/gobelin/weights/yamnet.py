"""YAMNet, which hears 521 kinds of sound events, from the package sead."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gobelin.errors import StoreError

MODEL, CLASSES = "yamnet.onnx", "classes.json"
BUILD = 1  # raised when `convert` makes another network of the same files
_NETWORK, _NAMES = "sead/data/YamNet_w8a8.onnx.zip", "sead/data/yamnet_class_map.csv"
_ROUNDING = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Yamnet:
    """YAMNet (AudioSet, 521 classes): sound events, 1,024 numbers and 521 scores for each 0.96 s.

    The package holds Qualcomm's export of the network: float32 weights (those of the last layer rounded to eight bits)
    beside the steps of rounding that the eight-bit variant (w8a8) applies when it runs. `convert` leaves those steps
    out, so that what is kept computes in float32, for any number of patches a call, with the vectors as an output
    beside the class scores.
    """

    package: ClassVar[str] = "sead"
    version: ClassVar[str] = "0.2.1"
    licence: ClassVar[str] = (
        "none stated in the package, which names Qualcomm's YamNet; the original YAMNet of Google: Apache-2.0"
    )
    files: ClassVar[Mapping[str, str]] = {
        _NETWORK: "cf149c90fc9b46c19569d7d6a841d7211ebfc45e6c927c3de0c9b080096bfb54",
        _NAMES: "cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2",
    }
    build: ClassVar[int] = BUILD

    def convert(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """yamnet.onnx (15 MB): `patches` (n, 1, 96, 64) float32 to `vectors` (n, 1024) and `logits` (n, 521);
        classes.json: the 521 names in the order of the logits. Raises StoreError where the files hold something else.
        """
        with zipfile.ZipFile(io.BytesIO(files[_NETWORK])) as archive:
            members = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
        names = [row["display_name"] for row in csv.DictReader(io.StringIO(files[_NAMES].decode("utf-8")))]
        model = float_network(members["model.onnx"], members["model.data"], len(names))
        return {MODEL: model, CLASSES: json.dumps(names, ensure_ascii=False).encode("utf-8")}


def float_network(graph: bytes, data: bytes, classes: int) -> bytes:
    """The ONNX file of the network without its steps of rounding. data: where `graph` keeps its large weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(graph)
    same: dict[str, str] = {}  # what a step of rounding gives -> what it was given
    nodes: list[Any] = []
    for node in model.graph.node:
        if node.op_type in _ROUNDING:
            same[node.output[0]] = node.input[0]
        else:
            nodes.append(node)

    def before(name: str) -> str:
        while name in same:
            name = same[name]
        return name

    for node in nodes:
        inputs = [before(name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
    flat, last = _one(nodes, "Reshape"), _one(nodes, "Gemm")
    renamed = {model.graph.input[0].name: "patches", flat.output[0]: "vectors", last.output[0]: "logits"}
    # the export reshapes to one row; Flatten keeps a row for each patch
    nodes[nodes.index(flat)] = helper.make_node("Flatten", [flat.input[0]], [flat.output[0]])
    for node in nodes:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = renamed.get(name, name)
    used = {name for node in nodes for name in node.input}
    weights = []
    for tensor in model.graph.initializer:
        if tensor.name in used:
            _fill(tensor, data)
            weights.append(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    made = helper.make_graph(
        nodes,
        "yamnet",
        [helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", 1, 96, 64])],
        [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", 1024]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
        ],
        weights,
    )
    out = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(out, full_check=True)
    return bytes(out.SerializeToString())


def _one(nodes: list[Any], kind: str) -> Any:
    found = [node for node in nodes if node.op_type == kind]
    if len(found) != 1:
        raise StoreError(
            f"The network of the package sead has {len(found)} nodes {kind}.", "one.", "gobelin models get yamnet"
        )
    return found[0]


def _fill(tensor: Any, data: bytes) -> None:
    """Brings the bytes of a weight that lies in the file beside the graph into the weight."""
    if not tensor.external_data:
        return
    told = {entry.key: entry.value for entry in tensor.external_data}
    start = int(told.get("offset", 0))
    tensor.raw_data = data[start : start + int(told["length"])]
    del tensor.external_data[:]
    tensor.data_location = 0  # in the tensor itself
