"""Picture files to RGB. Files are foreign: limits come first; whatever a decoder raises is a value with a reason."""

import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from gobelin.arrays import Array, Float32, UInt8
from gobelin.data.pictures import formats
from gobelin.media.foreign import Limits, Unreadable, read, whole

Frame = Literal["squeeze", "pad", "crop"]
"""How a picture becomes a square: its sides squeezed; white added; the longer side cut at both ends."""


def decode(
    source: Path | bytes, limits: Limits | None = None, near: int | None = None
) -> UInt8[Array, "height width 3"] | Unreadable:
    """The picture as RGB, upright, on white: `open_picture` as an array."""
    picture = open_picture(source, limits, near)
    return picture if isinstance(picture, Unreadable) else np.asarray(picture)


def open_picture(
    source: Path | bytes, limits: Limits | None = None, near: int | None = None
) -> Image.Image | Unreadable:
    """The first frame as an RGB picture: turned as its EXIF says, transparency on white, any mode brought to 8 bits.

    near: the side in pixels that the caller needs; a JPEG is then decoded at 1/2, 1/4 or 1/8, never below it.
    """
    limits = limits or Limits()
    raw = read(source, limits) if isinstance(source, Path) else whole(source, limits)
    if isinstance(raw, Unreadable):
        return raw
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange metadata and large pictures: both are judged here
        try:
            with Image.open(io.BytesIO(raw), formats=formats()) as picture:
                width, height = picture.size
                if width * height > limits.pixels:
                    return Unreadable("too large", f"{width} x {height} pixels; the limit is {limits.pixels:,}")
                if near is not None and picture.format in ("JPEG", "MPO"):
                    picture.draft(picture.mode, (near, near))
                picture.load()
                return _rgb(_upright(picture))
        except Image.DecompressionBombError as wrong:
            return Unreadable("too large", str(wrong))
        except MemoryError:
            return Unreadable("too large", "not enough memory to decode it")
        except Exception as wrong:  # decoders raise all sorts on foreign bytes; each means the same to us
            return Unreadable("broken", f"{type(wrong).__name__}: {wrong}")


def square(picture: Image.Image, side: int, frame: Frame) -> Image.Image:
    """(side, side) bicubic, antialiased."""
    if frame == "crop":
        return ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)
    if frame == "pad":
        return ImageOps.pad(picture, (side, side), Image.Resampling.BICUBIC, color=(255, 255, 255))
    return picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except Exception:  # a damaged EXIF block says nothing; the pixels are whole
        return picture
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy() if picture.readonly else picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_deep(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        colours = picture.convert("RGBA")
        white = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, colours).convert("RGB")
    return picture.convert("RGB")


def _from_deep(picture: Image.Image) -> Image.Image:
    """Grey of more than 8 bits (X-rays, scans): 16-bit range to 8 bits; floats from 0..1 or 0..255."""
    values: Float32[Array, "height width"] = np.array(picture, dtype=np.float32)
    values[~np.isfinite(values)] = 0
    highest = float(values.max(initial=0.0))
    if picture.mode == "F":
        values = values * 255 if highest <= 1 else values
    elif picture.mode.startswith("I;16") or highest > 255:
        values = values / 257
    grey = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))
