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
    graph = _Graph(weights, heads, epsilon)
    x = graph.embedded()
    there, far = graph.padding()
    number = 0
    while f"encoder.layer.{number}.output.dense.weight" in weights:
        x = graph.attended(x, far, f"encoder.layer.{number}")
        x = graph.transformed(x, f"encoder.layer.{number}")
        number += 1
    graph.finish(x, there)
    return graph.model()


class _Graph:
    """Nodes and constants as they are added; a text is the name of what a node or a constant gives.

    weights: `BertModel`'s own names. Axes: n texts, length tokens, heads, width = dim / heads.
    """

    def __init__(self, weights: Mapping[str, Array], heads: int, epsilon: float) -> None:
        self.weights, self.epsilon = weights, epsilon
        self.words = weights["embeddings.word_embeddings.weight"]
        self.dim = int(self.words.shape[1])
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.split = self.constant([0, 0, heads, self.dim // heads], np.int64)  # a 0 keeps the length of that axis
        self.joined = self.constant([0, 0, self.dim], np.int64)
        self.scale, self.half = self.constant(1 / np.sqrt(self.dim // heads)), self.constant(0.5)
        self.one, self.root = self.constant(1), self.constant(np.sqrt(2))
        self.first, self.second = self.constant([0], np.int64), self.constant([1], np.int64)

    def embedded(self) -> str:
        """(n, length, dim): of each token its word, its place and its type."""
        kinds = self.weights["embeddings.token_type_embeddings.weight"]
        places = self.weights["embeddings.position_embeddings.weight"] + kinds[0]
        length = self.node("Slice", self.node("Shape", "tokens"), self.second, self.constant([2], np.int64))
        x = self.node("Gather", self.constant(self.words), "tokens", axis=0)
        x = self.node("Add", x, self.node("Slice", self.constant(places), self.first, length, self.first))
        return self.normalised(x, "embeddings.LayerNorm")

    def padding(self) -> tuple[str, str]:
        """(n, length) of 1 for a token, and (n, 1, 1, length) added to its score: 0, for padding far less."""
        from onnx import TensorProto

        there = self.node("Cast", "mask", to=TensorProto.FLOAT)
        far = self.node("Mul", self.node("Sub", self.one, there), self.constant(_FAR))
        return there, self.node("Unsqueeze", far, self.constant([1, 2], np.int64))

    def attended(self, x: str, far: str, layer: str) -> str:
        """Self-attention, the residual, the normalisation: (n, length, dim)."""
        query, key, value = (
            self.node("Reshape", self.linear(x, f"{layer}.attention.self.{kind}"), self.split)
            for kind in ("query", "key", "value")
        )
        query = self.node("Transpose", query, perm=[0, 2, 1, 3])  # (n, heads, length, width)
        key = self.node("Transpose", key, perm=[0, 2, 3, 1])
        value = self.node("Transpose", value, perm=[0, 2, 1, 3])
        scores = self.node("Add", self.node("Mul", self.node("MatMul", query, key), self.scale), far)
        heard = self.node("MatMul", self.node("Softmax", scores, axis=-1), value)
        heard = self.node("Reshape", self.node("Transpose", heard, perm=[0, 2, 1, 3]), self.joined)
        heard = self.linear(heard, f"{layer}.attention.output.dense")
        return self.normalised(self.node("Add", x, heard), f"{layer}.attention.output.LayerNorm")

    def transformed(self, x: str, layer: str) -> str:
        """The network of two layers with GELU between them, the residual, the normalisation: (n, length, dim)."""
        inner = self.linear(x, f"{layer}.intermediate.dense")
        erf = self.node("Add", self.node("Erf", self.node("Div", inner, self.root)), self.one)
        inner = self.node("Mul", self.node("Mul", inner, erf), self.half)
        return self.normalised(
            self.node("Add", x, self.linear(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm"
        )

    def finish(self, x: str, there: str) -> None:
        """`vectors`: the mean over the tokens, at unit length."""
        from onnx import helper

        shown = self.node("Unsqueeze", there, self.constant([2], np.int64))
        total = self.node("ReduceSum", self.node("Mul", x, shown), self.second, keepdims=0)
        mean = self.node("Div", total, self.node("ReduceSum", there, self.second, keepdims=1))
        self.nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=-1, p=2))

    def model(self) -> Any:
        """The whole, checked."""
        import onnx
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            self.nodes,
            "bert",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"]) for name in ("tokens", "mask")],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", self.dim])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [f"x{len(self.nodes)}"], **attributes))
        return str(self.nodes[-1].output[0])

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        from onnx import numpy_helper

        made = numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), f"c{len(self.constants)}")
        self.constants.append(made)
        return str(made.name)

    def linear(self, x: str, name: str) -> str:
        product = self.node("MatMul", x, self.constant(self.weights[f"{name}.weight"].T))
        return self.node("Add", product, self.constant(self.weights[f"{name}.bias"]))

    def normalised(self, x: str, name: str) -> str:
        scale, shift = self.constant(self.weights[f"{name}.weight"]), self.constant(self.weights[f"{name}.bias"])
        return self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=self.epsilon)
