"""Sound vectors by any model of Hugging Face."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from gobelin.arrays import Array, Float32
from gobelin.encoders._hugging import Hugging, Pooling
from gobelin.encoders._rows import rows_of
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits
from gobelin.protocols import Content
from gobelin.values import Block

_SHORTEST = 0.5  # seconds; a shorter sound is filled up with silence


@dataclass(kw_only=True)
class HfAudio:
    """Any Hugging Face audio model under torch: wav2vec 2.0, HuBERT, WavLM, AST, the audio tower of CLAP.

    What the model was trained on, its licence and its cost are on its own page. Its own feature extractor says the
    sample rate and prepares the windows. A sound is cut into windows, each goes through the model alone, and the
    vector is their mean, weighted by their length; a last window under a second is left out where there are others.

    model: its name on the hub, fetched when it is first used, or a folder that `save_pretrained` wrote, which asks no
    network. revision: a branch, tag or commit of the hub. window: seconds; no more than a model of fixed length takes
    (CLAP: 10). max_seconds: how much of a sound is heard. pooling: the "mean" over the last layer's frames, or the
    "first" one (AST's own token); a model of two towers gives its own audio features. unit: rows at unit length.

    dim: as the model's configuration says. space: equal to that of `hf_text` with the same model of two towers.
    Safetensors only, none of the repository's code runs, float32, one thread. Raises RecipeError where the model
    cannot be read. The fingerprint holds the hub's commit, or the hashes of the folder's files. Reads sounds by the
    extra `media`, beside `deep`.
    """

    modality: ClassVar[str] = "audio"
    needs: ClassVar[tuple[str, ...]] = ("deep", "media")

    model: str
    revision: str | None = None
    window: Annotated[float, Gt(0)] = 10.0
    max_seconds: Annotated[float, Gt(0)] = 60.0
    pooling: Pooling = "mean"
    unit: bool = True
    _hugging: Hugging = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._hugging = Hugging(self.model, self.revision, "audio", self.pooling, self.unit)

    @property
    def dim(self) -> int:
        return self._hugging.dim

    @property
    def space(self) -> str:
        return self._hugging.space

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("audio")

    def fingerprint(self) -> str:
        return self._hugging.fingerprint(f"{self.window:g} s", f"{self.max_seconds:g} s")

    def encode(self, pieces: Sequence[Path]) -> Block:
        hear = partial(open_sound, rate=self._hugging.preparer.sampling_rate, limits=Limits.of(self))
        return rows_of(pieces, self.dim, hear, self._hear)

    def _hear(self, sound: Float32[Array, " samples"]) -> Float32[Array, " dim"]:
        parts = windows(sound, self._hugging.preparer.sampling_rate, self._seconds())
        vectors = np.stack([self._run(part) for part in parts])
        mean = np.average(vectors, axis=0, weights=[len(part) for part in parts]).astype(np.float32)
        return self._hugging.scaled(mean[None])[0]

    def _run(self, part: Float32[Array, " samples"]) -> Float32[Array, " dim"]:
        extractor = self._hugging.preparer
        inputs = dict(extractor(part, sampling_rate=extractor.sampling_rate, return_tensors="np"))
        if "is_longer" in inputs:  # CLAP's extractor marks one of the short sounds as long, at random
            inputs["is_longer"] = np.zeros_like(inputs["is_longer"], dtype=bool)
        return self._hugging.states(inputs)[0]

    def _seconds(self) -> float:
        fixed = getattr(self._hugging.preparer, "nb_max_samples", None)
        return min(self.window, fixed / self._hugging.preparer.sampling_rate) if fixed else self.window


def windows(sound: Float32[Array, " samples"], rate: int, seconds: float) -> list[Array]:
    """Pieces of that length and what is left, if it is a second or more, or all there is."""
    length = max(round(seconds * rate), 1)
    parts = [sound[start : start + length] for start in range(0, len(sound), length)]
    if len(parts) > 1 and len(parts[-1]) < min(rate, length):
        parts.pop()
    shortest = min(round(_SHORTEST * rate), length)
    return [np.pad(part, (0, max(shortest - len(part), 0))) for part in parts]
