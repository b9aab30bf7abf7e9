"""Models of Hugging Face: the one module that imports torch and transformers.

A model is a name on the hub ("openai/clip-vit-base-patch32") or a folder that `save_pretrained` wrote. Weights come
from safetensors files alone, no code of the repository runs, a folder asks no network, and a model whose files lack
weights that its vectors need is refused: transformers would put random numbers in their place. On the CPU, in float32,
on one thread: more a second come from `workers`.

A model of two towers (CLIP, SigLIP, CLAP: it has `get_text_features`) puts both senses into one space.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import unit
from gobelin.errors import RecipeError
from gobelin.parts import need

Pooling = Literal["mean", "first"]
Tower = Literal["text", "image", "audio"]

_READ = (".json", ".safetensors", ".txt", ".model")  # files of a folder that can change a vector
_UNUSED = ("pooler", "lm_head", "classifier")  # layers after the last hidden state, which no vector needs


@dataclass
class Hugging:
    """One model, and the vectors that a part takes of it; it is read when it is first asked for anything.

    model, revision, pooling, unit: the settings of the part. tower: which of the model's senses is wanted.
    """

    model: str
    revision: str | None
    tower: Tower
    pooling: Pooling
    unit: bool
    _config: Any = field(default=None, repr=False)
    _network: Any = field(default=None, repr=False)
    _origin: str | None = field(default=None, repr=False)
    _preparer: Any = field(default=None, repr=False)

    @property
    def config(self) -> Any:
        if self._config is None:
            self._config = self.load("AutoConfig", "a config.json")
        return self._config

    @property
    def own_config(self) -> Any:
        """Of the wanted tower, where the model has several."""
        name = {"text": "text_config", "image": "vision_config", "audio": "audio_config"}[self.tower]
        return getattr(self.config, name, None) or self.config

    @property
    def joint(self) -> bool:
        """Two towers, one space."""
        need("deep", f"The model {self.model}")
        import transformers

        known = transformers.MODEL_MAPPING
        cls = known.get(type(self.config), None)
        return hasattr(cls, "get_text_features") and hasattr(cls, f"get_{self.tower}_features")

    @property
    def dim(self) -> int:
        """As its configuration says."""
        own = self.own_config
        if self.joint:
            places = [(self.config, "projection_dim"), (own, "projection_size"), (own, "hidden_size")]
        else:
            places = [(self.config, name) for name in ("hidden_size", "d_model", "dim")]
        for config, name in places:
            if isinstance(length := getattr(config, name, None), int):
                return length
        if lengths := getattr(self.config, "hidden_sizes", None):
            return int(lengths[-1])
        raise RecipeError(
            f"The configuration of {self.model} does not say how long its vectors are.",
            "hidden_size, hidden_sizes, d_model or projection_dim.",
            "choose another model.",
        )

    @property
    def origin(self) -> str:
        """What names the weights: the hashes of a folder's files, or the hub's commit."""
        if self._origin is None:
            folder = Path(self.model)
            if folder.is_dir():
                whole = hashlib.sha256()
                for path in sorted(p for p in folder.iterdir() if p.suffix in _READ and p.is_file()):
                    with path.open("rb") as file:
                        whole.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
                self._origin = f"folder {whole.hexdigest()}"
            else:
                commit = getattr(self.config, "_commit_hash", None) or self.revision or "main"
                self._origin = f"{self.model}@{commit}"
        return self._origin

    @property
    def space(self) -> str:
        """The same for both towers of one model; of a model of one sense, nobody else's."""
        return f"clip:{self.origin}" if self.joint else f"hf {self.tower}:{self.origin}"

    def fingerprint(self, *more: object) -> str:
        """Of the part: the weights, what else changes a vector, and what becomes of the last layer."""
        return "; ".join(map(str, (f"hf_{self.tower} 1", self.origin, *more, self.pooling, self.unit)))

    @property
    def preparer(self) -> Any:
        """The model's own: of text its tokenizer, of sounds its feature extractor, of pictures its processor.

        Pictures go through Pillow: torchvision resizes a little otherwise, and is not always there.
        """
        if self._preparer is None:
            need("deep", f"The model {self.model}")
            import transformers

            pillow = {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}
            match self.tower:
                case "text":
                    self._preparer = self.load("AutoTokenizer", "a tokenizer")
                    self._preparer.pad_token = self._preparer.pad_token or self._preparer.eos_token
                    self._preparer.padding_side = "right"
                case "image":
                    self._preparer = self.load("AutoImageProcessor", "an image processor", **pillow)
                case "audio":
                    self._preparer = self.load("AutoFeatureExtractor", "a feature extractor")
        return self._preparer

    def load(self, kind: str, what: str, **settings: Any) -> Any:
        """`transformers.KIND.from_pretrained`. Raises RecipeError where the model has no such thing."""
        need("deep", f"The model {self.model}")
        import transformers

        local = Path(self.model).is_dir()
        if not local and (Path(self.model).is_absolute() or self.model.startswith((".", "~"))):
            raise RecipeError(f"There is no folder {self.model}.", "a folder of a model.", "check the path.")
        settings |= {"revision": self.revision or "main", "trust_remote_code": False, "local_files_only": local}
        try:
            with _quiet():
                return getattr(transformers, kind).from_pretrained(self.model, **settings)
        except (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError) as wrong:
            first = (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
            raise RecipeError(
                f"{what[0].upper()}{what[1:]} of the model {self.model!r} could not be read: {first}",
                f"a folder that save_pretrained wrote, or a name on the hub, with {what}.",
                "check the name; a name on the hub needs a network the first time, or HF_HOME with its files.",
            ) from wrong

    @property
    def network(self) -> Any:
        """The model in evaluation mode; of an encoder and a decoder, the encoder."""
        if self._network is None:
            need("deep", f"The model {self.model}")
            import torch

            with torch.random.fork_rng(devices=[]):  # layers that no vector needs may be drawn at random
                made, told = self.load(
                    "AutoModel", "safetensors weights", use_safetensors=True, output_loading_info=True
                )
            lacking = sorted(
                key
                for key in map(str, told["missing_keys"])
                if self.joint or not any(part in _UNUSED for part in key.split("."))
            )
            if lacking:
                raise RecipeError(
                    f"The files of {self.model} lack {len(lacking)} tensors: {', '.join(lacking[:3])} ...",
                    "every weight that the vectors need.",
                    "save the model again, or choose another.",
                )
            made = made.get_encoder() if getattr(made.config, "is_encoder_decoder", False) else made
            self._network = made.float().eval()
        return self._network

    def vectors(self, inputs: Mapping[str, Any]) -> Float32[Array, "n dim"]:
        """One for each row of the inputs (arrays or tensors by name)."""
        return self.scaled(self.states(inputs))

    def scaled(self, vectors: Float32[Array, "n dim"]) -> Float32[Array, "n dim"]:
        """At unit length where the part wants it."""
        return unit(vectors) if self.unit else vectors

    def states(self, inputs: Mapping[str, Any]) -> Float32[Array, "n dim"]:
        """The model's own vectors, pooled."""
        import torch

        given = {name: torch.as_tensor(value) for name, value in inputs.items()}
        with _one_thread(), torch.inference_mode():
            if self.joint:
                told = getattr(self.network, f"get_{self.tower}_features")(**given)
                vectors = told if isinstance(told, torch.Tensor) else told.pooler_output
            else:
                vectors = _pooled(self.network(**given).last_hidden_state, given.get("attention_mask"), self.pooling)
        return np.ascontiguousarray(vectors.numpy(), dtype=np.float32)


def _pooled(states: Any, mask: Any, pooling: Pooling) -> Any:
    """(n, dim) of (n, tokens, dim), or the mean over places of (n, dim, height, width)."""
    if states.ndim == 4:
        return states.mean(dim=(2, 3))
    if pooling == "first":
        return states[:, 0]
    if mask is None or tuple(mask.shape) != tuple(states.shape[:2]):
        return states.mean(dim=1)
    shown = mask[:, :, None].to(states.dtype)
    return (states * shown).sum(dim=1) / shown.sum(dim=1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what transformers writes while it reads: what matters of it is an error here."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
