"""Settings for the contract tests of parts that need a file or a model: both are made here, tiny, and saved.

A part that is named in `SETTINGS` is made with what its function gives for a folder of its own:

    SETTINGS["hf_text"](tmp_path)     # {"model": "/tmp/.../bert"}, after a BERT of two layers was saved there
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gobelin import parts
from gobelin.errors import MissingExtra
from gobelin.features.cache import default_folder

SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {}


def settings_for(name: str, folder: Path) -> dict[str, Any]:
    """What the encoder is made with; {} where it needs nothing. Skips the test where its extra is not installed."""
    try:
        parts.check_extra("encoders", name)
    except MissingExtra as wrong:
        pytest.skip(str(wrong))
    folder.mkdir(parents=True, exist_ok=True)
    return SETTINGS[name](folder) if name in SETTINGS else {}


def skip_without_weights(wrong: MissingExtra) -> None:
    """Skips the test where packaged weights were not got; anything else that is missing is raised."""
    if not wrong.next_step.startswith("gobelin models get"):
        raise wrong
    pytest.skip(str(wrong))


def lend_weights(cache: Path) -> None:
    """Packaged weights that this machine has got, in a cache of the tests' own."""
    for folder in (default_folder() / "models").glob("*-*/"):
        (cache / "models").mkdir(parents=True, exist_ok=True)
        (cache / "models" / folder.name).symlink_to(folder.resolve(), target_is_directory=True)
