"""Sounds in the space of sentences, by the names of what is heard in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt

from gobelin.encoders._convex import TEXT, convex, named_points
from gobelin.encoders.yamnet import Yamnet
from gobelin.protocols import Content
from gobelin.values import Block

TEMPLATE = "the sound of a {}"


@dataclass(kw_only=True)
class ConseAudio:
    """ConSE for sounds: a sound as the mean of the sentence vectors of what is likely heard, beside texts, 512 numbers.

    YAMNet gives a probability for each of AudioSet's 521 events; the likeliest ones' names, in the space of `sentence`,
    are averaged by probability. So a sentence in English, Chinese or another of its 16 languages, and a picture by
    `conse`, can be compared with a sound. It knows what a sound is (dog, rain, guitar, speech), not what is said or
    sung. A trained pair such as CLAP hears more, where one is installed.

    kept: likeliest events that count. temperature: probabilities are taken to the power 1 / temperature. max_seconds:
    as in `yamnet`, whose cost, weights and extra it has. Rows are at most of unit length. Nothing was chosen on data.
    ESC-10 (benchmarks/joint.py --sounds), its labels as queries to 400 clips: precision@10 .96, in Chinese .91, by
    chance .10.

    Norouzi et al., Zero-shot learning by convex combination of semantic embeddings (ICLR 2014). Relations: `conse`.
    """

    modality: ClassVar[str] = "audio"
    dim: ClassVar[int] = TEXT.dim
    space: ClassVar[str] = TEXT.space
    needs: ClassVar[tuple[str, ...]] = ("media",)
    weights: ClassVar[str] = "yamnet"

    kept: Annotated[int, Ge(1)] = 10
    temperature: Annotated[float, Gt(0)] = 1.0
    max_seconds: Annotated[float, Gt(0)] = 60.0
    _network: Yamnet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._network = Yamnet(max_seconds=self.max_seconds)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return self._network.pieces(content)

    def fingerprint(self) -> str:
        return f"conse_audio 1; {self.kept}; {self.temperature}; {self._network.fingerprint()}; {TEXT.fingerprint()}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        heard = self._network.scores(pieces)
        values = np.zeros((len(pieces), self.dim), dtype=np.float32)
        if heard.present.any():
            names = tuple(tuple(name.split(", ")) for name in self._network.classes())
            points = named_points(names, TEMPLATE)
            values[heard.present] = convex(heard.values[heard.present], points, self.kept, self.temperature)
        return replace(heard, values=values)
