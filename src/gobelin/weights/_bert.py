"""BERT's encoder as an ONNX graph, written from the tensors that Hugging Face's `BertModel` saves, without torch.

Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers (NAACL 2019): word, position and type embeddings;
layers of self-attention and a two-layer network with GELU, each with a residual and layer normalisation after it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gobelin.arrays import Array

_FAR = -1e9  # added to the attention score of a token that is padding


def build(weights: Mapping[str, Array], *, heads: int, epsilon: float) -> Any:
    """The ONNX model (opset 17): `tokens` and `mask` (n, length) int64, mask 1 for a token and 0 for padding;
    `vectors` (n, dim) float32: the mean of the last layer over the tokens, brought to unit length.

    All tokens have type 0, as those of a single text have. length: at most as many as there are position embeddings.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"x{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def constant(value: Any, dtype: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), f"c{len(constants)}"))
        return str(constants[-1].name)

    def linear(x: str, name: str) -> str:
        return node("Add", node("MatMul", x, constant(weights[f"{name}.weight"].T)), constant(weights[f"{name}.bias"]))

    def normalised(x: str, name: str) -> str:
        scale, shift = constant(weights[f"{name}.weight"]), constant(weights[f"{name}.bias"])
        return node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    words = weights["embeddings.word_embeddings.weight"]
    dim = words.shape[1]
    width = dim // heads
    split = constant([0, 0, heads, width], np.int64)  # a 0 keeps the length of that axis
    joined = constant([0, 0, dim], np.int64)
    scale, half, one = constant(1 / np.sqrt(width)), constant(0.5), constant(1)
    root = constant(np.sqrt(2))
    first, second = constant([0], np.int64), constant([1], np.int64)

    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    length = node("Slice", node("Shape", "tokens"), second, constant([2], np.int64))
    x = node("Gather", constant(words), "tokens", axis=0)  # (n, length, dim)
    x = node("Add", x, node("Slice", constant(places), first, length, first))
    x = normalised(x, "embeddings.LayerNorm")
    there = node("Cast", "mask", to=TensorProto.FLOAT)
    far = node("Mul", node("Sub", one, there), constant(_FAR))
    far = node("Unsqueeze", far, constant([1, 2], np.int64))  # (n, 1, 1, length)

    number = 0
    while f"encoder.layer.{number}.output.dense.weight" in weights:
        layer = f"encoder.layer.{number}"
        query, key, value = (
            node("Reshape", linear(x, f"{layer}.attention.self.{kind}"), split) for kind in ("query", "key", "value")
        )
        query = node("Transpose", query, perm=[0, 2, 1, 3])  # (n, heads, length, width)
        key = node("Transpose", key, perm=[0, 2, 3, 1])
        value = node("Transpose", value, perm=[0, 2, 1, 3])
        scores = node("Add", node("Mul", node("MatMul", query, key), scale), far)
        heard = node("MatMul", node("Softmax", scores, axis=-1), value)
        heard = node("Reshape", node("Transpose", heard, perm=[0, 2, 1, 3]), joined)
        heard = linear(heard, f"{layer}.attention.output.dense")
        x = normalised(node("Add", x, heard), f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        erf = node("Add", node("Erf", node("Div", inner, root)), one)
        inner = node("Mul", node("Mul", inner, erf), half)  # GELU
        x = normalised(node("Add", x, linear(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")
        number += 1

    shown = node("Unsqueeze", there, constant([2], np.int64))
    total = node("ReduceSum", node("Mul", x, shown), second, keepdims=0)
    mean = node("Div", total, node("ReduceSum", there, second, keepdims=1))
    nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=-1, p=2))
    whole = TensorProto.INT64
    graph = helper.make_graph(
        nodes,
        "bert",
        [helper.make_tensor_value_info(name, whole, ["n", "length"]) for name in ("tokens", "mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", dim])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model
