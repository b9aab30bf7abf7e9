"""Clips as they are: a few small frames in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import rows_of
from gobelin.media.foreign import Limits
from gobelin.media.levels import levels
from gobelin.media.video import Clip, open_clip
from gobelin.protocols import Content
from gobelin.values import Block, Layout


@dataclass(kw_only=True)
class Filmstrip:
    """Small frames of an item's first clip, evenly in time: content as it is, for a fusion that learns to watch
    (`early`).

    A row is frames x side x side x 3 numbers: each frame as `pixels` has it, sides squeezed. Of `max_seconds` from the
    clip's beginning, cut into as many parts as there are frames, the row holds what is seen in the middle of each;
    behind the clip's end a frame is zero. `frames` and `motion` are the better senses for everything that reads
    vectors.

    max_frames: of the file, a longer one is read to there. max_megapixels: of a frame, max_megabytes: of the file; what
    is larger is absent as "too large".
    """

    modality: ClassVar[str] = "video"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True

    frames: Annotated[int, Ge(2)] = 10
    side: Annotated[int, Ge(8)] = 16
    max_seconds: Annotated[float, Gt(0)] = 5.0
    max_frames: Annotated[int, Ge(1)] = 4_000
    max_megapixels: Annotated[int, Ge(1)] = 16
    max_megabytes: Annotated[int, Ge(1)] = 512

    @property
    def row_layout(self) -> Layout:
        return Layout("clip", (self.frames, self.side, self.side, 3), seconds=self.max_seconds)

    @property
    def dim(self) -> int:
        return self.row_layout.dim

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("video")[:1]

    def fingerprint(self) -> str:
        return f"filmstrip 1; {self.frames} of {self.side}; {self.max_seconds:g} s, {self.max_frames} frames"

    def encode(self, pieces: Sequence[Path]) -> Block:
        return rows_of(pieces, self.dim, partial(open_clip, limits=Limits.of(self)), self._row)

    def _row(self, clip: Clip) -> Float32[Array, " dim"]:
        out = np.zeros((self.frames, self.side, self.side, 3), dtype=np.float32)
        middles = (np.arange(self.frames) + 0.5) * self.max_seconds / self.frames
        shown = np.searchsorted(clip.times, middles, side="right") - 1  # the frame on the screen at that moment
        for place, frame in enumerate(shown.tolist()):
            if middles[place] < clip.seconds or place == 0:  # a clip of a moment has one frame at least
                picture = Image.fromarray(clip.small[frame]).resize((self.side, self.side), Image.Resampling.BOX)
                out[place] = levels(np.asarray(picture))
        return out.ravel()
