"""Pictures for a page that must stand alone: read, scaled down, written into the page as data: URIs."""

import base64
import io
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

from gobelin.data.pictures import formats
from gobelin.evaluation.marks import WEAVES

Pictures = Callable[[str], bytes | None] | Path | None
"""Where pictures come from: a folder, a function from an item's `image` to its bytes, or nowhere."""

SIDE = 176  # pixels: sharp at 88 CSS pixels on a dense screen


class Album:
    """Turns an item's `image` into a data: URI once, however often the item is shown; None where that fails."""

    def __init__(self, source: Pictures) -> None:
        self._source = source
        self._made: dict[str, str | None] = {}

    def uri(self, image: object) -> str | None:
        name = str(image or "").split("|")[0].strip()
        if not name or self._source is None:
            return None
        if name not in self._made:
            raw = _read(self._source, name) if isinstance(self._source, Path) else self._source(name)
            self._made[name] = thumbnail(raw) if raw else None
        return self._made[name]


def _read(folder: Path, name: str) -> bytes | None:
    """The file's bytes; None for a path that leaves the folder or is no readable file."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        return None
    try:
        return path.read_bytes()
    except OSError:
        return None


def thumbnail(raw: bytes, side: int = SIDE) -> str | None:
    """The whole picture within a square of `side` pixels, upright, as a data: URI; None where it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=formats()) as opened:
                opened.draft("RGB", (side * 2, side * 2))
                small = ImageOps.exif_transpose(opened)
                clear = small.mode in ("RGBA", "LA", "PA") or "transparency" in small.info
                small = small.convert("RGBA" if clear else "RGB")
                small.thumbnail((side, side), Image.Resampling.LANCZOS)
    except Exception:  # a damaged file may make a decoder raise anything
        return None
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80)  # keeps transparency, and a third of the bytes of JPEG at this size
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


YARNS = ("attributes", "text", "image", "video", "audio", "own vectors")
"""Colours of cloth: those of the threads; an item without an attribute takes the first."""


def cloth_of(item: str, attribute: str | None) -> tuple[int, str]:
    """(weave, yarn) of an item without a picture: the weave by its id, the yarn by an attribute's value."""
    return _sum(item) % WEAVES, YARNS[_sum(attribute) % len(YARNS)] if attribute else YARNS[0]


def _sum(words: str) -> int:
    """The same number for the same text in every process, which hash() is not."""
    return zlib.crc32(words.encode("utf-8"))
