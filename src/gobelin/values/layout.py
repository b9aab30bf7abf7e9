"""How the numbers of a row lie, where a row is content as it is (pixels, words in order) and no vector of it."""

import math
import re
from dataclasses import dataclass
from typing import Literal, Self

Raw = Literal["picture", "clip", "sound", "words"]

_SIDES: dict[str, int] = {"picture": 3, "clip": 4, "sound": 2, "words": 1}
_TOLD = re.compile(r"(picture|clip|sound|words) (\d+(?:x\d+)*)(?: of (\d+))?(?: in ([\d.]+) s)?")


@dataclass(frozen=True)
class Layout:
    """A row's shape, row-major; a piece of it whose numbers are all zero is one that is not there.

    picture: (height, width, 3), RGB above 0 up to 1. clip: (frames, height, width, 3), frames of such pictures in
    order. sound: (frames, bands), levels from 0 (nothing is heard) to 1. words: (length,), numbers of words from 1 on,
    in order, all below `ids`.
    seconds: over which the frames of a clip or a sound are spread from its beginning; 0 where there is no time.

    As text "picture 32x32x3", "words 48 of 4096", "sound 64x32 in 5 s", which `of` reads.
    """

    kind: Raw
    shape: tuple[int, ...]
    ids: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shape) != _SIDES.get(self.kind) or min(self.shape) < 1:
            raise ValueError(f"{self.kind} of the shape {self.shape}")
        if self.kind in ("picture", "clip") and self.shape[-1] != 3:
            raise ValueError(f"a {self.kind} has three colours, this one {self.shape[-1]}")
        if (self.kind == "words") != (self.ids > 1):
            raise ValueError("words, and they alone, say how many ids there are")
        if (self.kind in ("clip", "sound")) != (self.seconds > 0):
            raise ValueError("clips and sounds, and they alone, say over how many seconds they go")

    @property
    def dim(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        of = f" of {self.ids}" if self.ids else ""
        return f"{self.kind} {'x'.join(map(str, self.shape))}{of}{f' in {self.seconds:g} s' if self.seconds else ''}"

    @classmethod
    def of(cls, told: str) -> Self:
        """Raises ValueError where the text says no layout."""
        found = _TOLD.fullmatch(told.strip())
        if found is None:
            raise ValueError(f'{told!r} is no layout; one is "picture 32x32x3" or "words 48 of 4096"')
        kind, shape, ids, seconds = found.groups()
        sides = tuple(int(side) for side in shape.split("x"))
        return cls(kind, sides, int(ids or 0), float(seconds or 0))  # type: ignore[arg-type]
