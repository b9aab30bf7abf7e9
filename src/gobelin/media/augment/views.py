"""Test-time averaging: the vector of a content becomes the mean over its plain view and n augmented ones.

What is drawn follows from the content itself, so that a vector depends neither on the batch nor on the order nor on
the process, and the cache may keep it. An encoder offers it as a setting `views` (0: the plain content alone), encodes
`(content, *views)` of each piece, takes the mean, and puts `told(...)` into its fingerprint when views > 0.

    for view in (picture, *picture_views(picture, self.views)): ...

Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks (NIPS 2012), averaged
ten crops; Shanmugam et al., Better Aggregation in Test-Time Augmentation (ICCV 2021), say when it helps and hurts.
"""

import hashlib

import numpy as np
from PIL import Image

from gobelin.arrays import Array, Float32
from gobelin.media.augment import audio, image
from gobelin.media.augment.augmentation import Augmentation, Step

VERSION = 1  # raised when a function of this package draws or changes otherwise

PICTURES = Augmentation((Step(image.flip, 0.5), Step(image.crop), Step(image.colour, settings={"hue": 0.0})))
"""Mild: what a product is, and its colour, must survive."""

SOUNDS = Augmentation((Step(audio.gain), Step(audio.shift), Step(audio.noise, settings={"snr": 30.0})))


def picture_views(picture: Image.Image, n: int) -> list[Image.Image]:
    """n augmented views of an RGB picture, drawn by its pixels."""
    return PICTURES.many(picture, n, _drawn_by(picture.tobytes())) if n else []


def sound_views(samples: Float32[Array, " samples"], n: int) -> list[Float32[Array, " samples"]]:
    """n augmented views of mono samples, drawn by them."""
    return SOUNDS.many(samples, n, _drawn_by(samples.tobytes())) if n else []


def told(n: int, augmentation: Augmentation) -> str:
    """What a fingerprint says of n views; empty where there are none, so that older vectors keep their names."""
    return f"; {n} views {VERSION}: {augmentation}" if n else ""


def _drawn_by(raw: bytes) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(raw, digest_size=16).digest(), "little"))
