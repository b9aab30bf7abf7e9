"""Augmentation of clips: frames left out, a part of the time. Content: an array (frames, ...) or a tuple of frames.

A frame may be anything (a picture, a vector, a pair of a time and a picture): what belongs together stays together.
Cutting in time: Wang et al., Temporal Segment Networks (ECCV 2016); frame dropout follows the word dropout of texts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int64


def drop_frames(frames: Any, rng: np.random.Generator, *, share: float = 0.1) -> Any:
    """Each frame is left out with a probability of `share`; one stays where all would go."""
    kept = rng.random(len(frames)) >= share
    if len(frames) and not kept.any():
        kept[rng.integers(len(frames))] = True
    return _only(frames, np.flatnonzero(kept))


def cut(frames: Any, rng: np.random.Generator, *, share: float = 0.2) -> Any:
    """A run of frames: up to `share` of them are cut away at the two ends together; one stays."""
    if not len(frames):
        return frames
    length = max(1, len(frames) - round(share * float(rng.random()) * len(frames)))
    start = int(rng.integers(len(frames) - length + 1))
    return _only(frames, np.arange(start, start + length))


def _only(frames: Sequence[Any] | np.ndarray, kept: Int64[Array, " kept"]) -> Any:
    return frames[kept] if isinstance(frames, np.ndarray) else tuple(frames[i] for i in kept.tolist())
