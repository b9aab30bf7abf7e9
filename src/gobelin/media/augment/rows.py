"""Augmentation of rows that are content as it is (`values.Layout`), for training in the loop: rows in, rows out.

The functions of this package do it, at strengths that one number between 0 and 1 turns up together:

    picture   mirrored (half the time at 1), cropped by up to .3 of its area, shifted by up to .1, light and colour by
              up to .3, noise up to .05
    words     left out with a probability of .2, swapped with the next one of .1
    sound     louder or softer by up to 10 dB, shifted by up to .2 of the time, two masks of up to .2 of the time and
              two of up to .25 of the bands (SpecAugment)
    clip      frames left out with a probability of .2, up to .4 cut away at the two ends; what stays keeps its time

A hue never turns, and no clip is mirrored: colours and ways are what things are known by.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.media.augment import audio, image, text, video
from gobelin.media.augment.augmentation import Augmentation, Step
from gobelin.media.levels import levels, pixels
from gobelin.values import Layout

Row = Float32[Array, " dim"]

DECIBELS = 100.0  # between the levels 0 and 1 of a sound: the range of the encoder `log_mel`


def augmented(
    rows: Float32[Array, "rows dim"], layout: Layout, strength: float, rng: np.random.Generator
) -> Float32[Array, "rows dim"]:
    """Changed rows of the same layout, each by draws of its own; the very rows given where strength is 0."""
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength lies between 0 and 1; {strength} was given")
    if strength == 0 or not len(rows):
        return rows
    change = _CHANGES[layout.kind]
    return np.stack([change(row.reshape(layout.shape), strength, rng).ravel() for row in rows])


def pictures(strength: float) -> Augmentation:
    """What is done to a picture."""
    light = {"brightness": 0.3 * strength, "contrast": 0.3 * strength, "saturation": 0.3 * strength, "hue": 0.0}
    return Augmentation(
        (
            Step(image.flip, 0.5 * strength),
            Step(image.crop, settings={"share": 0.3 * strength, "stretch": 0.2 * strength}),
            Step(image.shift, settings={"share": 0.1 * strength}),
            Step(image.colour, settings=light),
            Step(image.noise, settings={"deviation": 0.05 * strength}),
        )
    )


def _picture(row: Float32[Array, "height width 3"], strength: float, rng: np.random.Generator) -> Array:
    return levels(np.asarray(pictures(strength).once(Image.fromarray(pixels(row)), rng)))


def _words(row: Float32[Array, " length"], strength: float, rng: np.random.Generator) -> Array:
    said = tuple(str(int(number)) for number in row[row > 0])
    said = text.swap(text.drop(said, rng, share=0.2 * strength), rng, share=0.1 * strength)
    out = np.zeros_like(row)
    out[: len(said)] = [int(word) for word in said]
    return out


def _sound(row: Float32[Array, "frames bands"], strength: float, rng: np.random.Generator) -> Array:
    louder = audio.gain(np.ones(1, dtype=np.float32), rng, decibels=10 * strength)
    change = 20 * float(np.log10(louder[0])) / DECIBELS
    order = audio.shift(np.arange(len(row), dtype=np.float32), rng, share=0.2 * strength).astype(np.int64)
    heard = np.where(row > 0, np.clip(row + change, 0, 1), 0).astype(np.float32)[order]
    long, high = heard.shape
    return audio.mask(heard, rng, frames=round(0.2 * strength * long), bands=round(0.25 * strength * high))


def _clip(row: Float32[Array, "frames height width 3"], strength: float, rng: np.random.Generator) -> Array:
    shown = np.flatnonzero(row.any(axis=(1, 2, 3)))
    kept = video.cut(video.drop_frames(shown, rng, share=0.2 * strength), rng, share=0.4 * strength)
    out = np.zeros_like(row)
    out[kept] = row[kept]
    return out


_CHANGES: dict[str, Callable[[Array, float, np.random.Generator], Array]] = {
    "picture": _picture,
    "words": _words,
    "sound": _sound,
    "clip": _clip,
}
