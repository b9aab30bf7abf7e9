"""Are the pictures whole? Each is opened and decoded at a fraction of its size."""

import functools
import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

PIXELS = 100_000_000
"""A picture whose header tells of more is not decoded."""

# Decoded in this process alone; no EPS, which would start Ghostscript on a stranger's program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "MPO", "JPEG2000", "TGA", "ICO")

MOST = 20_000
"""With more files than this a random sample of so many is decoded."""

_SMALL = (32, 32)  # JPEG decodes an eighth of its size for this: all of the file is read, little of it is kept


@dataclass(frozen=True)
class MediaCheck:
    """files: distinct files named; checked: of them looked into; broken: path -> reason; alike: files that repeat
    another file byte for byte."""

    files: int
    checked: int
    broken: Mapping[str, str]
    alike: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(self.broken.values()))


@functools.cache
def formats() -> tuple[str, ...]:
    """The formats that are read, of those that this build of Pillow has."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def check_pictures(root: Path, paths: Sequence[str], most: int = MOST) -> MediaCheck:
    """Decodes every picture, or a sample of `most` of them; counts files that are identical."""
    files = sorted(set(paths))
    looked = files
    if len(files) > most:
        drawn = np.random.default_rng(0).choice(len(files), most, replace=False)
        looked = [files[place] for place in np.sort(drawn).tolist()]
    with warnings.catch_warnings(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # of a picture's metadata; its size is checked below
        reasons = list(pool.map(lambda path: _broken(root / path), looked))
        alike = _alike(root, looked, pool)
    broken = {path: reason for path, reason in zip(looked, reasons, strict=True) if reason}
    return MediaCheck(len(files), len(looked), broken, alike)


def check_sizes(root: Path, paths: Sequence[str]) -> MediaCheck:
    """Sounds and clips: whether there is anything in the file. Decoding them needs an extra."""
    files = sorted(set(paths))
    return MediaCheck(len(files), len(files), {path: "empty" for path in files if not _size(root / path)})


def _broken(path: Path) -> str | None:
    try:
        if not path.stat().st_size:
            return "empty"
        with Image.open(path, formats=formats()) as picture:
            width, height = picture.size
            if width * height > PIXELS:
                return "too large"
            picture.draft("RGB", _SMALL)
            picture.load()
    except Image.DecompressionBombError:
        return "too large"
    except UnidentifiedImageError:
        return "no picture"
    except Exception:  # a damaged file may make a decoder raise anything
        return "damaged"
    return None


def _alike(root: Path, files: Sequence[str], pool: ThreadPoolExecutor) -> int:
    """Files that repeat an earlier one; only those of one size are read."""
    sizes = [_size(root / path) for path in files]
    common = Counter(sizes)
    doubtful = [path for path, size in zip(files, sizes, strict=True) if size and common[size] > 1]
    return len(doubtful) - len(set(pool.map(lambda path: _digest(root / path), doubtful)))


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
