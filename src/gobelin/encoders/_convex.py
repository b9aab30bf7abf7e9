"""Class probabilities to points of the text space: what ConSE is, whatever was classified."""

import functools

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.encoders._rows import unit
from gobelin.encoders.sentence import Sentence

TEXT = Sentence()  # its weights are loaded when it first encodes


def convex(
    probabilities: Float32[Array, "pieces classes"],
    points: Float32[Array, "classes dim"],
    kept: int,
    temperature: float,
) -> Float32[Array, "pieces dim"]:
    """The weighted mean of the points of each row's `kept` likeliest classes.

    Weights are probabilities to the power 1 / temperature, brought to the sum one: for a softmax, the softmax of
    logits / temperature. Equal probabilities at the border are kept together; a row of zeros stays a row of zeros.
    """
    weights = np.asarray(probabilities, dtype=np.float32) ** np.float32(1 / temperature)
    if kept < weights.shape[1]:
        least = np.partition(weights, -kept, axis=1)[:, -kept, None]
        weights = np.where(weights >= least, weights, np.float32(0))
    sums = weights.sum(axis=1, keepdims=True)
    return np.asarray((weights / np.where(sums > 0, sums, 1)) @ points, dtype=np.float32)


@functools.cache
def named_points(classes: tuple[tuple[str, ...], ...], template: str) -> Float32[Array, "classes dim"]:
    """A point of unit length for each class: between the mean of all its names and its first name in a template.

    template: a sentence with one {}, which tells a thing shown or heard from a word ("a photo of a {}").
    """
    flat = [name for names in classes for name in names]
    owner = np.repeat(np.arange(len(classes)), [len(names) for names in classes])
    plain = np.zeros((len(classes), TEXT.dim), dtype=np.float32)
    np.add.at(plain, owner, TEXT.encode(flat).values)
    shown = TEXT.encode([template.format(names[0]) for names in classes]).values
    points = unit(unit(plain) + unit(shown))
    points.setflags(write=False)
    return points
