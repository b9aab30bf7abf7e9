"""Attributes that pictures show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le
from PIL import Image
from scipy import ndimage

from gobelin.arrays import Array, Bool, Float64
from gobelin.encoders._descriptors import lab
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.image import open_picture
from gobelin.protocols import Content
from gobelin.readers._colours import nearest
from gobelin.readers._lexicon import lexicon
from gobelin.readers._patterns import pattern_of
from gobelin.values import UNREADABLE, Reading, surest

_RULES = "1"  # raised when a rule or a table changes
_SIDE = 128  # pixels of the longer side at which colours and patterns are read
_ALIKE = 9.0  # CIELAB distance within which a pixel is the background's colour
_GROUND = 0.7  # share of the border that must be alike to be called a background
_LEAST = 0.03  # share of the picture that a thing must cover


@dataclass(kw_only=True)
class PictureFacts:
    """Named colours and ImageNet concepts of each picture; of flat drawings, where asked, the pattern too.

    colour: pixels of the thing, without a background of the border's colour, each named by the nearest of 17 terms in
    CIELAB (lightness counts half); terms that cover at least `least` of the thing, confidence the share covered.
    pattern: plain, striped, checked, dotted or patterned, by the directions of waves inside the thing (`_patterns`),
    confidence how clearly they run so. Off by default: drawn cloths are told rightly (the tests draw them), but folds
    of worn cloth are waves too (hm_week: 32 of 560 solid articles were called plain). Photographs are told better by
    examples, where a catalogue has some: `gobelin attributes` predicts a column.
    concept: classes of EfficientNet-Lite0 whose ImageNet probability is at least `probable`, which is the confidence;
    `concepts` at most, 0 leaves the network out. Several pictures of an item: each value from where it is surest.
    A file that cannot be read is a reading `unreadable` with its reason.

    Colours are the camera's: no correction of light, and skin or a table counts where the background is not plain. On
    962 articles of hm_week the largest share had the name that people chose among 14 colours in 67 % (learned from
    examples: 80 % of all colours, benchmarks/attributes.py). 14 ms of CPU a picture, with concepts 32 ms.
    """

    source: ClassVar[str] = "image"
    fields: ClassVar[tuple[str, ...]] = ("image",)

    least: Annotated[float, Ge(0.01), Le(1)] = 0.2
    pattern: bool = False
    concepts: Annotated[int, Ge(0)] = 3
    probable: Annotated[float, Ge(0), Le(1)] = 0.1
    max_megapixels: Annotated[int, Ge(1)] = 100
    _network: Any = field(default=None, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        network = Efficientnet().fingerprint() if self.concepts else ""
        return f"picture facts {_RULES}; {self.least}; {self.pattern}; {self.concepts}; {self.probable}; {network}"

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        paths = [content.files("image") for content in contents]
        flat = list(dict.fromkeys(path for some in paths for path in some))
        told = {path: list(self._looks(path)) for path in flat}
        if self.concepts:
            whole = [path for path in flat if told[path][:1] != [] and told[path][0].attribute != UNREADABLE]
            for path, readings in zip(whole, self._concepts(whole), strict=True):
                told[path] += readings
        return [surest(reading for path in some for reading in told[path]) for some in paths]

    def _looks(self, path: Path) -> Iterator[Reading]:
        picture = open_picture(path, Limits.of(self), near=_SIDE)
        if isinstance(picture, Unreadable):
            yield Reading(UNREADABLE, picture.reason, 1.0, self.source)
            return
        picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        points = lab(np.asarray(picture))
        thing = _thing(points)
        terms = lexicon().colours
        names = np.bincount(nearest(points[thing]), minlength=len(terms)) / thing.sum()
        for place in np.argsort(-names, kind="stable").tolist():
            if names[place] >= self.least:
                yield Reading("colour", terms[place].name, round(float(names[place]), 3), self.source)
        if self.pattern:
            name, sure = pattern_of(points[:, :, 0], thing)
            if name:
                yield Reading("pattern", name, sure, self.source)

    def _concepts(self, paths: Sequence[Path]) -> list[list[Reading]]:
        if self._network is None:
            self._network = Efficientnet(max_megapixels=self.max_megapixels)
        classes, scores = self._network.classes(), self._network.scores(paths)
        out = []
        for row in range(len(paths)):
            best = np.argsort(-scores.values[row], kind="stable")[: self.concepts].tolist()
            seen = [(classes[place], float(scores.values[row, place])) for place in best if scores.present[row]]
            out.append(
                [Reading("concept", name.lower(), round(p, 3), self.source) for name, p in seen if p >= self.probable]
            )
        return out


def _thing(points: Float64[Array, "height width 3"]) -> Bool[Array, "height width"]:
    """The picture without what has the border's colour and hangs together with the border; all of it where the border
    has no one colour, or where nothing would be left."""
    edge = np.zeros(points.shape[:2], dtype=bool)
    edge[:2], edge[-2:], edge[:, :2], edge[:, -2:] = True, True, True, True
    ground = np.median(points[edge], axis=0)
    alike = np.linalg.norm(points - ground, axis=2) < _ALIKE
    everything = np.ones(points.shape[:2], dtype=bool)
    if alike[edge].mean() < _GROUND:
        return everything
    areas, _ = ndimage.label(alike)
    behind = np.isin(areas, np.unique(areas[edge & alike]))
    thing = ~behind
    return thing if thing.mean() >= _LEAST else everything
