"""Clips to frames, shots and a few pictures that stand for them, in one pass of decoding that never holds a whole clip.

Files are foreign: they are read through a Python file (so that no play list can name an address or another file), by
decoders of a closed list of containers, on one thread, within limits. Whatever a decoder raises is a value with a
reason; what was decoded before that stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gobelin.arrays import Array, Float64, Int64, UInt8
from gobelin.media.foreign import Limits, Unreadable, measure
from gobelin.media.shots import choose, cuts_of
from gobelin.parts import need

SMALL = 64
"""The longer side in pixels of the small frames."""

CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif"

_HELD = 256  # pictures held while a clip is decoded: 40 MB where they are 224 x 224
_FAULTS = 100  # packets that may be broken before the rest is given up
_SLIMMEST = 4  # a clip of more than four to one is held as one of four to one: its longer side costs no more


@dataclass(frozen=True)
class Clip:
    """A clip that was looked through once.

    times: seconds of each frame, the first at 0; seconds: to the end of the last. small: every frame, its longer side
    64 pixels. cuts: the frames with which a shot begins, the first of all left out. pictures: frames near the wanted
    side that stand for it, in the order of time; picked: which frames they are. complete: no limit ended it.
    """

    times: Float64[Array, " frames"]
    seconds: float
    small: UInt8[Array, "frames height width 3"]
    cuts: Int64[Array, " cuts"]
    pictures: tuple[Image.Image, ...]
    picked: Int64[Array, " pictures"]
    complete: bool

    @property
    def bounds(self) -> Float64[Array, " bounds"]:
        """The seconds at which shots begin, and the end of the last one."""
        return np.concatenate([[0.0], self.times[self.cuts], [self.seconds]])


class _Seen(NamedTuple):
    """The frame as it was decoded, its time in seconds (None: the file does not say), width of a pixel by its height,
    degrees to turn it counter-clockwise."""

    frame: Any
    time: float | None
    ratio: float
    turned: int


def open_clip(path: Path, limits: Limits, near: int | None = None, most: int = 8) -> Clip | Unreadable:
    """Frames, shots and at most `most` pictures of a clip; no pictures where near is None.

    near: pixels that the shorter side of a picture should have; smaller clips are not enlarged. A clip that is longer
    than the limits is read to there. Reasons: missing, unreadable, empty, too large, broken, no video.
    Raises MissingExtra where PyAV is not installed.
    """
    need("media", "A video")
    size = measure(path, limits)
    if isinstance(size, Unreadable):
        return size
    film = _Film(near)
    try:
        with path.open("rb") as file:
            for seen in _frames(file, limits):
                if isinstance(seen, Unreadable):
                    return seen
                if not film.take(seen, limits):
                    break
            else:
                film.complete = True
    except MemoryError:
        return Unreadable("too large", "not enough memory to decode it")
    except Exception as wrong:  # decoders raise all sorts on foreign bytes; each means the same to us
        if not film.times:
            return Unreadable("broken", f"{type(wrong).__name__}: {wrong}")
    if not film.times:
        return Unreadable("broken", "no frame of it can be decoded")
    return film.develop(most)


def _frames(file: Any, limits: Limits) -> Iterator[_Seen | Unreadable]:
    """Every frame that is whole, as it comes; an Unreadable ends it."""
    import av

    guard = {"max_pixels": str(limits.pixels), "format_whitelist": CONTAINERS, "protocol_whitelist": ""}
    with av.open(file, "r", options=guard, metadata_errors="ignore") as container:
        moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not moving:
            yield Unreadable("no video", "the file holds no moving pictures")
            return
        stream = moving[0]
        codec = stream.codec_context
        if not codec.width and (told := _announced(file)) > limits.pixels:  # the guard took its size away
            yield Unreadable("too large", f"{told:,} pixels; the limit is {limits.pixels:,}")
            return
        codec.thread_count = 1
        ratio = min(max(float(stream.sample_aspect_ratio or 1), 1 / _SLIMMEST), float(_SLIMMEST))
        faults = 0
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                faults += 1
                if faults > _FAULTS:
                    return
                continue
            for frame in frames:
                if frame.width * frame.height > limits.pixels:
                    yield Unreadable("too large", f"{frame.width} x {frame.height} pixels")
                    return
                if not frame.is_corrupt:
                    time = None if frame.pts is None or frame.time_base is None else float(frame.time)
                    yield _Seen(frame, time, ratio, frame.rotation)


def _announced(file: Any) -> int:
    """Pixels of a frame as the container says, without any decoder."""
    import av

    file.seek(0)
    unopened = {"codec_whitelist": "none", "format_whitelist": CONTAINERS, "protocol_whitelist": ""}
    with av.open(file, "r", options=unopened, metadata_errors="ignore") as container:
        return max((stream.width * stream.height for stream in container.streams.video), default=0)


class _Film:
    """Frames as they come: all of them small, some of them larger."""

    def __init__(self, near: int | None) -> None:
        from av.video.reformatter import VideoReformatter

        self.near = near
        self.to_small, self.to_near = VideoReformatter(), VideoReformatter()  # each keeps its plan from frame to frame
        self.complete = False
        self.times: list[float] = []
        self.small: list[Array] = []
        self.held: dict[int, Array] = {}  # by frame
        self.step = 1
        self.first = 0.0
        self.sides: tuple[int, int] = (0, 0)  # width and height as shown, before it is turned

    def take(self, seen: _Seen, limits: Limits) -> bool:
        """False where a limit is reached: the frame is not taken."""
        count = len(self.times)
        if not count:
            self.first = seen.time or 0.0
            self.sides = (max(1, round(seen.frame.width * seen.ratio)), seen.frame.height)
        last = self.times[-1] if count else 0.0
        usual = last / (count - 1) if count > 1 else 1 / 25
        time = last + usual * bool(count) if seen.time is None else max(seen.time - self.first, last)
        if count >= limits.frames or time > limits.seconds:
            return False
        self.times.append(time)
        self.small.append(_pixels(seen, _within(self.sides, SMALL), self.to_small))
        if self.near is not None and count % self.step == 0:
            self.held[count] = _pixels(seen, _around(self.sides, self.near), self.to_near)
            if len(self.held) > _HELD:
                self.step *= 2
                self.held = {i: pixels for i, pixels in self.held.items() if i % self.step == 0}
        return True

    def develop(self, most: int) -> Clip:
        times = np.array(self.times)
        small = np.stack(self.small)
        usual = float(np.median(np.diff(times))) if len(times) > 1 else 1 / 25
        seconds = float(times[-1]) + (usual or 1 / 25)
        cuts = cuts_of(small, times)
        picked = choose(times, seconds, cuts, most, np.array(sorted(self.held), dtype=np.int64))
        pictures = tuple(Image.fromarray(self.held[i]) for i in picked.tolist())
        return Clip(times, seconds, small, cuts, pictures, picked, self.complete)


def _within(sides: tuple[int, int], longer: int) -> tuple[int, int]:
    scale = longer / max(sides)
    return (max(8, round(sides[0] * scale)), max(8, round(sides[1] * scale)))


def _around(sides: tuple[int, int], shorter: int) -> tuple[int, int]:
    scale = min(1.0, shorter / min(sides))
    return (
        max(1, min(round(sides[0] * scale), _SLIMMEST * shorter)),
        max(1, min(round(sides[1] * scale), _SLIMMEST * shorter)),
    )


def _pixels(seen: _Seen, sides: tuple[int, int], scaler: Any) -> UInt8[Array, "height width 3"]:
    """RGB, transparency on white, upright."""
    clear = any(part.is_alpha for part in seen.frame.format.components) or seen.frame.format.name == "pal8"
    kind = "rgba" if clear else "rgb24"
    pixels: Array = scaler.reformat(seen.frame, sides[0], sides[1], kind, interpolation="AREA").to_ndarray()
    if clear:
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        pixels = np.rint(pixels[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(seen.turned / 90) % 4))
