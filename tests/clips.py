"""Clips that the tests write themselves."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw


def film(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: int = 12,
    codec: str = "ffv1",
    form: str = "bgr0",
    times: Sequence[float] | None = None,
    tone: float | None = None,
    ratio: Fraction | None = None,
) -> Path:
    """RGB frames as a clip, lossless unless told otherwise. times: seconds of each; tone: hertz of a sound track."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        track = file.add_stream("pcm_s16le", rate=16_000, layout="mono") if tone else None
        shown = list(frames)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = form
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if ratio:
            stream.codec_context.sample_aspect_ratio = ratio
        for i, pixels in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(1000 * (times[i] if times else i / rate))
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track is not None:
            count = round(16_000 * len(shown) / rate)
            wave = 0.5 * np.sin(2 * np.pi * tone * np.arange(count) / 16_000)
            heard = av.AudioFrame.from_ndarray((wave * 32_000).astype(np.int16)[None], format="s16", layout="mono")
            heard.sample_rate, heard.pts = 16_000, 0
            file.mux(track.encode(heard))
            file.mux(track.encode(None))
    return path


def plain(colour: tuple[int, int, int], height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def disc(x: float, y: float, size: int = 96, radius: float = 12, colour: str = "black") -> np.ndarray:
    """A disc around (x, y) on a grey ground with a little texture of its own."""
    picture = Image.new("RGB", (size, size), (200, 200, 200))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    pen.line((x - radius / 2, y, x + radius / 2, y), fill="white", width=2)
    return np.asarray(picture)
