"""Pictures that look nearly the same: a difference hash of 64 bits (Krawetz 2013), banded; colours decide.

The hash alone is too coarse for a shop, where trousers on white all have one outline: with 4 x 4 colours within 10 of
255 it took 1,477 of 9,766 pictures of hm_week for repeats, with the colours below it takes 28.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gobelin.arrays import Array, UInt8
from gobelin.data.near import Near, runs

BITS = 3
"""Bits in which two hashes may differ: with four bands of sixteen bits such a pair agrees in one of them."""

COLOUR = 2.5
"""Mean difference (of 255) of 16 x 16 colours up to which two pictures with like hashes are the same."""

SIDE = 64
"""Pixels that each side of a decoded picture has at least, where the file has them."""

_STEP = 4  # of 255, from which a place is darker than its neighbour: plain backgrounds must not flicker
_BANDS = 4
_BLOCK = 512


@dataclass(frozen=True)
class Look:
    """bits: whether each of 8 x 8 places is darker than the one to its right; colours: of a grid of 16 x 16, RGB."""

    bits: int
    colours: UInt8[Array, " 768"]


def look_of(picture: Image.Image) -> Look:
    """What is compared of a picture, at whatever size it was decoded; transparency counts as its colour beneath."""
    small = picture.convert("RGB")
    grey = np.asarray(small.convert("L").resize((9, 8), Image.Resampling.BICUBIC), dtype=np.int16)
    bits = np.packbits(grey[:, :-1] + _STEP < grey[:, 1:])  # row by row
    colours = np.asarray(small.resize((16, 16), Image.Resampling.BICUBIC)).ravel()
    return Look(int.from_bytes(bits.tobytes(), "big"), colours)


def near_pictures(looks: Sequence[Look | None]) -> Near:
    """How many pictures look nearly like an earlier one: at most 3 of 64 bits and 2.5 of 255 in colour apart.

    None: a picture that is not compared (broken, or the same file as another). 776 bytes a picture are held. Copies
    that were made smaller (to .6 to .95 of their sides) and saved again as JPEG (quality 60 to 90) are found: 299 of
    300 of hm_week, 291 of 300 posters of movielens_small (drawn as in tests/test_near.py). A crop is another picture,
    and so is a product in another colour.
    """
    places = [place for place, look in enumerate(looks) if look is not None]
    known = [look for look in looks if look is not None]
    bits = np.array([look.bits for look in known], dtype=np.uint64)
    colours = np.array([look.colours for look in known], dtype=np.uint8).reshape(len(known), 768)
    near: dict[int, tuple[int, int]] = {}
    for band in range(_BANDS):
        part = np.zeros(len(bits), dtype=np.uint64)
        for i in range(band, 64, _BANDS):  # every fourth bit: plain margins must not fill a band
            part = (part << np.uint64(1)) | ((bits >> np.uint64(i)) & np.uint64(1))
        for run in runs(part):
            _compare(run, bits, colours, near)
    if not near:
        return Near(len(known))
    later = min(near)
    earlier, apart = near[later]
    return Near(len(known), len(near), (places[earlier], places[later]), 1 - apart / 64)


def _compare(run: Array, bits: Array, colours: Array, near: dict[int, tuple[int, int]]) -> None:
    """Every pair of a bucket, in blocks: a later picture that is not known to repeat one against all before it."""
    open_places = np.array([k for k in range(1, len(run)) if int(run[k]) not in near], dtype=np.int64)
    for begin in range(0, len(open_places), _BLOCK):
        later = open_places[begin : begin + _BLOCK]
        earlier = np.arange(int(later[-1]))
        apart = _ones(bits[run[later], None] ^ bits[run[earlier]])  # (later, earlier)
        close = (apart <= BITS) & (earlier < later[:, None])
        for row in np.flatnonzero(close.any(axis=1)).tolist():
            found = np.flatnonzero(close[row])
            gap = np.abs(colours[run[found]].astype(np.int16) - colours[run[later[row]]]).mean(axis=1)
            if (same := found[gap <= COLOUR]).size:
                near[int(run[later[row]])] = (int(run[same[0]]), int(apart[row, same[0]]))


def _ones(value: Array) -> Array:
    """Bits that are set in each uint64."""
    value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
    value = (value & np.uint64(0x3333333333333333)) + ((value >> np.uint64(2)) & np.uint64(0x3333333333333333))
    value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((value * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
