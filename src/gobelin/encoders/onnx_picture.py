"""Picture vectors by an ONNX file of the user's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders._onnx import Pooling, digest, open_session, output_of, run
from gobelin.encoders._rows import itself, rows_in_batches, unit
from gobelin.errors import RecipeError
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.image import Frame, open_picture, square
from gobelin.protocols import Content
from gobelin.values import Block

_TOGETHER = 8  # pictures a call, where the file leaves it open


@dataclass(kw_only=True)
class OnnxPicture:
    """Any ONNX file with one input of pictures: what it was trained on, its licence and its cost are the file's own.

    path: the file; weights that it keeps in files beside it are read from there. side: of the square picture that it
    takes, in pixels; needed only where the file leaves it open. frame: as in `efficientnet`. mean, std: the input is
    (colour / 255 - mean) / std for red, green and blue; as they stand they are ImageNet's, of most files. layout:
    "nchw", colours before places, or "nhwc". colours: their order. output: by name; the file's first one otherwise.
    pooling: of an output with a vector a place or token, "mean" or "first" (a transformer's own token); with nchw an
    output of four axes has its colours' axis second, with nhwc last. unit: rows at unit length.
    max_megapixels: a larger picture is absent as "too large".

    dim: of the output, found out on a blank picture. Raises RecipeError where the file is not there, is no ONNX, or
    takes anything but pictures. The fingerprint is the SHA-256 of the file and the settings: the same file under
    another name is encoded once. Input in float32.
    """

    modality: ClassVar[str] = "image"

    path: str
    side: Annotated[int, Ge(1)] | None = None
    frame: Frame = "squeeze"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    layout: Literal["nchw", "nhwc"] = "nchw"
    colours: Literal["rgb", "bgr"] = "rgb"
    output: str | None = None
    pooling: Pooling = "mean"
    unit: bool = False
    max_megapixels: Annotated[int, Ge(1)] = 100
    _network: Any = field(default=None, init=False, repr=False, compare=False)
    _digest: str | None = field(default=None, init=False, repr=False, compare=False)
    _dim: int | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def dim(self) -> int:
        if self._dim is None:
            side = self._opened().side
            self._dim = self._run(np.zeros((1, side, side, 3), dtype=np.float32)).shape[1]
        return self._dim

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("image")

    def fingerprint(self) -> str:
        if self._digest is None:
            self._digest = digest(Path(self.path))
        return (
            f"onnx_picture 1; {self._digest}; {self.side}; {self.frame}; {self.mean}; {self.std}; {self.layout}; "
            f"{self.colours}; {self.output}; {self.pooling}; {self.unit}"
        )

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._encode(pieces, partial(open_picture, limits=Limits.of(self), near=self._opened().side))

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return self._encode(pictures, itself)

    def _encode(self, pieces: Sequence[Any], read: Callable[[Any], Image.Image | Unreadable]) -> Block:
        return rows_in_batches(pieces, self.dim, read, self._squared, self._run, self._opened().together)

    def _squared(self, picture: Image.Image) -> list[Float32[Array, "side side 3"]]:
        return [np.asarray(square(picture, self._opened().side, self.frame), dtype=np.float32)]

    def _run(self, squares: Float32[Array, "n side side 3"]) -> Float32[Array, "n dim"]:
        told = self._opened()
        x = (squares / 255 - np.array(self.mean, dtype=np.float32)) / np.array(self.std, dtype=np.float32)
        x = x[..., ::-1] if self.colours == "bgr" else x
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2) if self.layout == "nchw" else x, dtype=np.float32)
        missing = told.fixed - len(x) if told.fixed else 0
        if missing > 0:  # the file wants so many at a time
            x = np.concatenate([x, np.zeros((missing, *x.shape[1:]), dtype=np.float32)])
        values = run(told.session, Path(self.path), told.output, {told.input: x})[: len(squares)]
        values = self._pooled(values)
        return unit(values) if self.unit else values

    def _pooled(self, values: Array) -> Array:
        if values.ndim == 2:
            return values
        if values.ndim == 4 and self.layout == "nchw":
            values = np.moveaxis(values, 1, -1)
        values = values.reshape(len(values), -1, values.shape[-1])  # (n, places, dim)
        return values.mean(axis=1) if self.pooling == "mean" else values[:, 0]

    def _opened(self) -> "_Network":
        if self._network is None:
            self._network = _network(self)
        return self._network


@dataclass(frozen=True)
class _Network:
    """fixed: pictures that the file wants at a time, 0 where it leaves that open."""

    session: Any
    input: str
    output: str
    side: int
    fixed: int

    @property
    def together(self) -> int:
        return self.fixed or _TOGETHER


def _network(part: OnnxPicture) -> _Network:
    path = Path(part.path)
    session = open_session(path)
    inputs = session.get_inputs()
    shapes = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    axis = 1 if part.layout == "nchw" else 3
    if (
        len(inputs) != 1
        or inputs[0].type != "tensor(float)"
        or len(inputs[0].shape) != 4
        or (isinstance(inputs[0].shape[axis], int) and inputs[0].shape[axis] != 3)
    ):
        wanted = "[n, 3, side, side]" if part.layout == "nchw" else "[n, side, side, 3]"
        raise RecipeError(
            f"{path} takes {shapes}.",
            f"one input of pictures, float32 {wanted}, with layout = {part.layout!r}.",
            "set layout, or export the model with one float32 input.",
        )
    n, *rest = inputs[0].shape
    sides = [length for i, length in enumerate(rest, start=1) if i != axis]
    told = {length for length in sides if isinstance(length, int)} | ({part.side} if part.side is not None else set())
    if len(told) != 1:
        raise RecipeError(
            f"{path} takes pictures of {' x '.join(map(str, sides))}, and side is {part.side}.",
            "one length for both sides.",
            "set side where the file leaves it open, and leave it out where it does not.",
        )
    return _Network(
        session, str(inputs[0].name), output_of(session, path, part.output), told.pop(), n if isinstance(n, int) else 0
    )
