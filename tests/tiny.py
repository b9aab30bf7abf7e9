"""Settings of encoders that need a file before they can be made: a tiny one that the test makes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

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


SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "loaded_vectors": _loaded_vectors,
}
"""By the name of the part: what makes its files in a folder and returns its settings."""
