"""The sound tracks of clips through an encoder of sounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from gobelin import parts, weights
from gobelin.errors import RecipeError
from gobelin.protocols import Content, Encoder
from gobelin.values import Block


@dataclass(kw_only=True)
class Soundtrack:
    """What is heard in a clip: its first sound track through any encoder of sounds, of the dimension of that one.

    audio: the part, an encoder of sounds (396 numbers with spectral); settings: its settings. A clip without a sound
    track is absent as "no sound", a silent one as "empty"; one whose file is larger than that encoder reads (64 MiB) as
    "too large". What it was trained on, its licence, units and cost are those of the encoder of sounds; its vectors
    are those that it gives for a sound file of the same samples.
    Relations: `frames` says what is seen, `motion` how it moves.
    """

    modality: ClassVar[str] = "video"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    isolated: ClassVar[bool] = True

    audio: str = "spectral"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights.check("encoders", self.audio)
        self._ear = parts.bind("encoders", self.audio, self.settings)
        if getattr(self._ear, "modality", None) != "audio" or not isinstance(self._ear, Encoder):
            raise RecipeError(
                f"encoders.soundtrack: the part {self.audio!r} is no encoder of sounds.",
                "an encoder whose modality is audio, such as spectral.",
                'set audio = "spectral", or see `gobelin parts encoders`.',
            )

    @property
    def dim(self) -> int:
        return int(self._ear.dim)

    def pieces(self, content: Content) -> tuple[Path, ...]:
        return content.files("video")

    def fingerprint(self) -> str:
        return f"soundtrack 1; {self._ear.fingerprint()}"

    def encode(self, pieces: Sequence[Path]) -> Block:
        return self._ear.encode(pieces)
