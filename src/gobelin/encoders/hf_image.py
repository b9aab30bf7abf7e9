"""Picture vectors by any model of Hugging Face."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders._hugging import Hugging, Pooling
from gobelin.encoders._rows import itself, rows_in_batches
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.image import open_picture
from gobelin.protocols import Content
from gobelin.values import Block

_TOGETHER = 8  # pictures a call


@dataclass(kw_only=True)
class HfImage:
    """Any Hugging Face vision model under torch: ResNet, ViT, DINO, ConvNeXt, the image tower of CLIP or SigLIP.

    What the model was trained on, its licence and its cost are on its own page. Its own processor (size, crop, mean,
    standard deviation) prepares the pictures, through Pillow.

    model: its name on the hub, fetched when it is first used, or a folder that `save_pretrained` wrote, which asks no
    network. revision: a branch, tag or commit of the hub. pooling: of the last layer of a transformer, the "first"
    token ([CLS]: ViT, DINO), or the "mean" over all (Swin and others without such a token); a convolutional network
    gives the mean over places, a model of two towers its own image features. unit: rows at unit length.
    max_megapixels: a larger picture is absent as "too large".

    dim: as the model's configuration says. space: equal to that of `hf_text` with the same model of two towers.
    Safetensors only, none of the repository's code runs, float32, one thread. Raises RecipeError where the model
    cannot be read. The fingerprint holds the hub's commit, or the hashes of the folder's files.
    """

    modality: ClassVar[str] = "image"
    needs: ClassVar[tuple[str, ...]] = ("deep",)

    model: str
    revision: str | None = None
    pooling: Pooling = "first"
    unit: bool = True
    max_megapixels: Annotated[int, Ge(1)] = 100
    _hugging: Hugging = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._hugging = Hugging(self.model, self.revision, "image", self.pooling, self.unit)

    @property
    def dim(self) -> int:
        return self._hugging.dim

    @property
    def space(self) -> str:
        return self._hugging.space

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("image")

    def fingerprint(self) -> str:
        return self._hugging.fingerprint()

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._encode(pieces, partial(open_picture, limits=Limits.of(self), near=self._near()))

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return self._encode(pictures, itself)

    def _encode(self, pieces: Sequence[Any], read: Callable[[Any], Image.Image | Unreadable]) -> Block:
        return rows_in_batches(pieces, self.dim, read, self._prepared, self._run, _TOGETHER)

    def _run(self, pixels: Float32[Array, "n 3 height width"]) -> Float32[Array, "n dim"]:
        return self._hugging.vectors({"pixel_values": pixels})

    def _prepared(self, picture: Image.Image) -> list[Float32[Array, "3 height width"]]:
        told = self._hugging.preparer(images=picture, return_tensors="np")
        return [np.asarray(told["pixel_values"][0], dtype=np.float32)]

    def _near(self) -> int | None:
        """The longest side that the processor brings a picture to: a JPEG need not be decoded larger."""
        size = getattr(self._hugging.preparer, "size", None) or {}
        sides = [length for length in dict(size).values() if isinstance(length, int)]
        return max(sides) if sides else None
