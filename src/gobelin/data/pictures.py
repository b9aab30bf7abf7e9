"""Are the pictures whole? Each is opened and decoded at a fraction of its size."""

import functools
import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from gobelin.data.near import sample
from gobelin.data.near_pictures import SIDE, Look, look_of, near_pictures

PIXELS = 100_000_000
"""A picture whose header tells of more is not decoded."""

# Decoded in this process alone; no EPS, which would start Ghostscript on a stranger's program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "MPO", "JPEG2000", "TGA", "ICO")

MOST = 20_000
"""With more files than this a random sample of so many is decoded."""

_SMALL = (SIDE, SIDE)  # JPEG decodes down to an eighth of its size for this: all of the file is read, little is kept


@dataclass(frozen=True)
class MediaCheck:
    """files: distinct files named; checked: of them looked into; broken: path -> reason; alike: files that repeat
    another file byte for byte; near: those of the others that look nearly like one, and such a pair by path."""

    files: int
    checked: int
    broken: Mapping[str, str]
    alike: int = 0
    near: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(self.broken.values()))


@functools.cache
def formats() -> tuple[str, ...]:
    """The formats that are read, of those that this build of Pillow has."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def check_pictures(root: Path, paths: Sequence[str], most: int = MOST) -> MediaCheck:
    """Decodes every picture, or a sample of `most` of them; counts files that are identical, and pictures that nearly
    are."""
    files = sorted(set(paths))
    looked = [files[place] for place in sample(len(files), most).tolist()]
    with warnings.catch_warnings(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # of a picture's metadata; its size is checked below
        seen = list(pool.map(lambda path: _look(root / path), looked))
        alike = _alike(root, looked, pool)
    broken = {path: one for path, one in zip(looked, seen, strict=True) if isinstance(one, str)}
    looks = [None if isinstance(one, str) or path in alike else one for path, one in zip(looked, seen, strict=True)]
    return MediaCheck(len(files), len(looked), broken, len(alike), near_pictures(looks).as_json(looked))


def check_sizes(root: Path, paths: Sequence[str]) -> MediaCheck:
    """Sounds and clips: whether there is anything in the file. Decoding them needs an extra."""
    files = sorted(set(paths))
    return MediaCheck(len(files), len(files), {path: "empty" for path in files if not _size(root / path)})


def _look(path: Path) -> Look | str:
    """What is compared of a picture; why there is none."""
    try:
        if not path.stat().st_size:
            return "empty"
        with Image.open(path, formats=formats()) as picture:
            width, height = picture.size
            if width * height > PIXELS:
                return "too large"
            picture.draft("RGB", _SMALL)
            picture.load()
            return look_of(picture)
    except Image.DecompressionBombError:
        return "too large"
    except UnidentifiedImageError:
        return "no picture"
    except Exception:  # a damaged file may make a decoder raise anything
        return "damaged"


def _alike(root: Path, files: Sequence[str], pool: ThreadPoolExecutor) -> set[str]:
    """Files that repeat an earlier one; only those of one size are read."""
    sizes = [_size(root / path) for path in files]
    common = Counter(sizes)
    doubtful = [path for path, size in zip(files, sizes, strict=True) if size and common[size] > 1]
    first: dict[bytes, str] = {}
    digests = pool.map(lambda path: _digest(root / path), doubtful)
    return {path for path, digest in zip(doubtful, digests, strict=True) if first.setdefault(digest, path) != path}


def _digest(path: Path) -> bytes:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return str(path).encode()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
