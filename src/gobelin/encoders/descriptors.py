"""Picture descriptors that nobody trained: colours, edges, texture, shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, MinLen
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders import _descriptors as classical
from gobelin.encoders._rows import itself, rows_of
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.image import Frame, open_picture, square
from gobelin.protocols import Content
from gobelin.values import Block

Group = Literal["colour", "edges", "texture", "shape"]

SIZES: dict[Group, int] = {"colour": 2 * classical.COLOURS, "edges": classical.EDGES, "texture": 59, "shape": 12}
"""Columns of each group, in the order in which they stand."""


@dataclass(kw_only=True)
class Descriptors:
    """Classical descriptors of a picture: CIELAB colours, oriented edges (HOG), texture (LBP) and shape (Hu).

    Nothing is trained and nothing is loaded. 595 columns by default, each group of about unit length, so that none
    drowns another: colour 0..199 (the whole picture, then its foreground), edges 200..523, texture 524..582, shape
    583..594; what each column is stands with its function in `encoders/_descriptors.py`. `columns` gives the places for
    the groups chosen.

    groups: which, in this order. frame: how a picture becomes 128 x 128, as in `efficientnet`. max_megapixels: a larger
    picture is absent as "too large". With `edges` or `shape` alone a picture of one colour is absent as "plain". About
    11 ms of CPU a picture after decoding.

    Dalal and Triggs, Histograms of Oriented Gradients (CVPR 2005); Ojala et al., Local Binary Patterns (PAMI 2002); Hu,
    Visual Pattern Recognition by Moment Invariants (1962). Relations: `efficientnet` knows what things are; these know
    what colour and shape they have, and serve where ImageNet's photographs are far away (drawings, X-rays).
    """

    modality: ClassVar[str] = "image"

    groups: Annotated[tuple[Group, ...], MinLen(1)] = ("colour", "edges", "texture", "shape")
    frame: Frame = "squeeze"
    max_megapixels: Annotated[int, Ge(1)] = 100

    @property
    def dim(self) -> int:
        return sum(SIZES[group] for group in self._ordered())

    def columns(self) -> dict[Group, slice]:
        """Where each group stands in a vector."""
        out: dict[Group, slice] = {}
        begin = 0
        for group in self._ordered():
            out[group] = slice(begin, begin + SIZES[group])
            begin += SIZES[group]
        return out

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("image")

    def fingerprint(self) -> str:
        return f"descriptors 1; {' '.join(self._ordered())}; {self.frame}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        see = partial(open_picture, limits=Limits.of(self), near=classical.SIDE)
        return rows_of(pieces, self.dim, see, self._described)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        """One row a picture (a frame of a clip, a drawing). "plain" where no group sees anything in it."""
        return rows_of(pictures, self.dim, itself, self._described)

    def _described(self, picture: Image.Image) -> Float32[Array, " dim"] | Unreadable:
        vector = self._describe(np.asarray(square(picture.convert("RGB"), classical.SIDE, self.frame)))
        return vector if vector.any() else Unreadable("plain")

    def _describe(self, picture: classical.Picture) -> Float32[Array, " dim"]:
        colours = classical.lab(picture)
        front = classical.foreground(colours)
        found: list[Float32[Array, " some"]] = []
        for group in self._ordered():
            match group:
                case "colour":
                    found.append(classical.colour(colours, front))
                case "edges":
                    found.append(classical.edges(picture))
                case "texture":
                    found.append(classical.texture(picture))
                case "shape":
                    found.append(classical.shape(front))
        return np.concatenate(found)

    def _ordered(self) -> list[Group]:
        return [group for group in SIZES if group in self.groups]
