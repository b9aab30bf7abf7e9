"""Settings for the contract tests of parts that need a file or a model: both are made here, tiny, and saved.

A part that is named in `SETTINGS` is made with what its function gives for a folder of its own:

    SETTINGS["hf_text"](tmp_path)     # {"model": "/tmp/.../bert"}, after a BERT of two layers was saved there
"""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gobelin import parts
from gobelin.errors import MissingExtra
from gobelin.features.cache import default_folder

_ENGLISH = "a red blue green yellow white wool linen glass rubber oak coat shirt lamp boots table of the series things"
_CHINESE = "红色 蓝色 绿色 黄色 白 羊毛 大衣 亚麻 衬衫 玻璃灯 雨靴 橡木 桌子"


def _loaded_vectors(folder: Path) -> dict[str, Any]:
    """Nine numbers for each word, as GloVe writes them."""
    words = f"{_ENGLISH} {_CHINESE}".split()
    numbers = np.random.default_rng(0).normal(size=(len(words), 9))
    lines = [f"{word} {' '.join(f'{x:.5f}' for x in row)}\n" for word, row in zip(words, numbers, strict=True)]
    path = folder / "vectors.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
    return {"path": str(path)}


SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {"loaded_vectors": _loaded_vectors}


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
    if importlib.util.find_spec("gobelin.weights") is None:
        return
    for folder in (default_folder() / "models").glob("*-*/"):
        (cache / "models").mkdir(parents=True, exist_ok=True)
        (cache / "models" / folder.name).symlink_to(folder.resolve(), target_is_directory=True)
