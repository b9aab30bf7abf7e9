"""Files of strangers: limits come first, and what cannot be read is a value with a reason."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gobelin.data.pictures import PIXELS


@dataclass(frozen=True)
class Limits:
    """What is refused before or while it is decoded.

    size: bytes of the file. pixels: of a picture or a frame, as its header says. seconds: of a sound or clip that are
    decoded; what lies behind them is left unread, so that a stream without an end has one here. frames: of a clip
    that are decoded.
    """

    size: int = 64 * 2**20
    pixels: int = PIXELS
    seconds: float = 60.0
    frames: int = 4_000

    @classmethod
    def of(cls, part: object) -> Self:
        """As the settings of a part say, in their units: max_megabytes (of 2^20 bytes), max_megapixels, max_seconds,
        max_frames; what it has no setting for is as it stands above."""
        usual = cls()
        megabytes, megapixels = getattr(part, "max_megabytes", None), getattr(part, "max_megapixels", None)
        return cls(
            size=usual.size if megabytes is None else megabytes << 20,
            pixels=usual.pixels if megapixels is None else megapixels * 1_000_000,
            seconds=getattr(part, "max_seconds", usual.seconds),
            frames=getattr(part, "max_frames", usual.frames),
        )


@dataclass(frozen=True)
class Unreadable:
    """Why there is no content. reason: missing | unreadable | empty | too large | broken | no video | no sound, or an
    encoder's own word for content that says nothing to it (plain | unknown words ...); detail: for people."""

    reason: str
    detail: str = ""


def measure(path: Path, limits: Limits) -> int | Unreadable:
    """Bytes of a file that may be opened: a pipe or a device, which may never end, may not."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Unreadable("missing", f"there is no file {path}")
    except (OSError, ValueError) as wrong:
        return Unreadable("unreadable", str(wrong))
    if not stat.S_ISREG(found.st_mode):
        return Unreadable("unreadable", "it is no file but a folder, a pipe or a device")
    if not found.st_size:
        return Unreadable("empty", "the file has no bytes")
    if found.st_size > limits.size:
        return Unreadable("too large", f"{found.st_size:,} bytes; the limit is {limits.size:,}")
    return found.st_size


def read(path: Path, limits: Limits) -> bytes | Unreadable:
    """The file's bytes, where there are any and not more than the limit."""
    size = measure(path, limits)
    if isinstance(size, Unreadable):
        return size
    try:
        with path.open("rb") as file:
            raw = file.read(limits.size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Unreadable("missing", f"there is no file {path}")
    except (OSError, ValueError) as wrong:
        return Unreadable("unreadable", str(wrong))
    return whole(raw, limits)


def whole(raw: bytes, limits: Limits) -> bytes | Unreadable:
    if not raw:
        return Unreadable("empty", "the file has no bytes")
    if len(raw) > limits.size:
        return Unreadable("too large", f"{len(raw):,} bytes; the limit is {limits.size:,}")
    return raw
