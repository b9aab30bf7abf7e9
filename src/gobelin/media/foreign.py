"""Files of strangers: limits come first, and what cannot be read is a value with a reason."""

import stat
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Unreadable:
    """Why there is no content. reason: missing | unreadable | empty | too large | broken | no video | no sound;
    detail: for people."""

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
