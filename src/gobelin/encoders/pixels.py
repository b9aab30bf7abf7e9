"""Pictures as they are, made small."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import itself, rows_of
from gobelin.media.foreign import Limits
from gobelin.media.image import Frame, open_picture, square
from gobelin.media.levels import levels
from gobelin.protocols import Content
from gobelin.values import Block, Layout


@dataclass(kw_only=True)
class Pixels:
    """The pixels of an item's first picture, made small: content as it is, for a fusion that learns to see (`early`).

    A row is side x side x 3 numbers from the top left, red, green and blue of each pixel in turn; level v of 0 to 255
    is (v + 1) / 256, so that no picture is zero. Nothing is learned and nothing is described: `efficientnet` is the
    better sense for everything that reads vectors.

    side: of the square in pixels. frame: how a picture becomes one. max_megapixels: a larger one is "too large".
    """

    modality: ClassVar[str] = "image"

    side: Annotated[int, Ge(8)] = 32
    frame: Frame = "squeeze"
    max_megapixels: Annotated[int, Ge(1)] = 100

    @property
    def row_layout(self) -> Layout:
        return Layout("picture", (self.side, self.side, 3))

    @property
    def dim(self) -> int:
        return self.row_layout.dim

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("image")[:1]  # the mean of two pictures is no picture

    def fingerprint(self) -> str:
        return f"pixels 1; {self.side}; {self.frame}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        see = partial(open_picture, limits=Limits.of(self), near=self.side)
        return rows_of(pieces, self.dim, see, self._row)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return rows_of(pictures, self.dim, itself, self._row)

    def _row(self, picture: Image.Image) -> Float32[Array, " dim"]:
        return levels(np.asarray(square(picture, self.side, self.frame))).ravel()
