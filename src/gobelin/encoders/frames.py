"""Clips through an encoder of images."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt

from gobelin import parts, weights
from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import rows_of
from gobelin.errors import RecipeError
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.video import Clip, open_clip
from gobelin.protocols import Content, Encoder, Pictures
from gobelin.values import Block

_NEAR = 256  # pixels of the shorter side: what encoders of images cut or squeeze their 224 from


@dataclass(kw_only=True)
class Frames:
    """What is seen in a clip: a few frames through any encoder of images, their mean, and how they differ in order.

    A vector holds, for the encoder's dimension d: the mean of its vectors of the frames (d), then `order` numbers of
    the mean absolute difference between one frame and the next, then `order` numbers of the last less the first, in
    the encoder's own units. Those two are brought from d to `order` dimensions by a random projection of fixed signs
    (Achlioptas, Journal of Computer and System Sciences 2003), which keeps distances; a clip of one frame has zeros
    there. So dim is d + 2 `order`: 1,408 for efficientnet.

    image: the part, an encoder of images that takes decoded pictures (`encode_pictures`); settings: its settings.
    frames: how many, at most: the middles of the longest shots, of parts of them where there are fewer (`media.shots`).
    order: 0 leaves the order out. max_seconds, max_frames: a longer clip is read to there. max_megapixels: of a frame,
    max_megabytes: of the file; what is larger is absent as "too large".
    Trained on and licensed as the encoder of images is; nothing here is learned. Cost: decoding, and the encoder's for
    each frame. A trained encoder of time would say more of what happens; `motion` says how it moves.
    """

    modality: ClassVar[str] = "video"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True

    image: str = "efficientnet"
    settings: Mapping[str, Any] = field(default_factory=dict)
    frames: Annotated[int, Ge(1)] = 8
    order: Annotated[int, Ge(0)] = 64
    max_seconds: Annotated[float, Gt(0)] = 60.0
    max_frames: Annotated[int, Ge(1)] = 4_000
    max_megapixels: Annotated[int, Ge(1)] = 16
    max_megabytes: Annotated[int, Ge(1)] = 512

    def __post_init__(self) -> None:
        weights.check("encoders", self.image)
        self._eye = parts.bind("encoders", self.image, self.settings)
        if not isinstance(self._eye, Pictures) or not isinstance(self._eye, Encoder):
            raise RecipeError(
                f"encoders.frames: the part {self.image!r} takes no decoded pictures.",
                "an encoder of images with `encode_pictures`, such as efficientnet.",
                'set image = "efficientnet", or see `gobelin parts encoders`.',
            )

    @property
    def dim(self) -> int:
        return int(self._eye.dim) + 2 * self.order

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("video")

    def fingerprint(self) -> str:
        read = f"{self.frames} of {self.max_seconds:g} s, {self.max_frames} frames, near {_NEAR}"
        return f"frames 1; {read}; order {self.order}; {self._eye.fingerprint()}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        see = partial(open_clip, limits=Limits.of(self), near=_NEAR, most=self.frames)
        return rows_of(pieces, self.dim, see, self._describe)

    def _describe(self, clip: Clip) -> Float32[Array, " dim"] | Unreadable:
        seen = self._eye.encode_pictures(clip.pictures)
        if not seen.present.any():
            return Unreadable(next((reason for reason in seen.reasons if reason), "empty"))
        return self._pooled(np.asarray(seen.values[seen.present], dtype=np.float32))

    def _pooled(self, seen: Float32[Array, "pictures seen"]) -> Float32[Array, " dim"]:
        change = np.abs(np.diff(seen, axis=0)).mean(axis=0) if len(seen) > 1 else np.zeros_like(seen[0])
        way = seen[-1] - seen[0]
        return np.concatenate([seen.mean(axis=0), self._signs @ change, self._signs @ way])

    @cached_property
    def _signs(self) -> Float32[Array, "order seen"]:
        """+-1 / sqrt(order), the same on every machine: the bits of SHAKE-128 of their shape."""
        shape = (self.order, int(self._eye.dim))
        raw = hashlib.shake_128(f"{shape}".encode()).digest(shape[0] * shape[1] // 8 + 1)
        bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8))[: shape[0] * shape[1]].reshape(shape)
        return ((bits * 2.0 - 1.0) / np.sqrt(max(self.order, 1))).astype(np.float32)
