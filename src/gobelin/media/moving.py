"""Clips for the demo shop: undyed cloth that moves in one of six ways; the motion is all that a clip tells.

The cloth of every clip is undyed and of a weave drawn for the product alone; its speed and strength too.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gobelin.media.weaving import STITCH, STITCHES, Look, cloth

SIDE, FRAMES, RATE = 80, 12, 8  # pixels; frames; frames a second
_UNDYED = ((214, 204, 184), (150, 138, 116), (186, 174, 150), (232, 226, 212))
_WIDE = 2 * SIDE  # the piece of cloth that the camera looks into


@dataclass(frozen=True)
class Clip:
    """motion: a name of `MOTIONS`; weave: a name of `WEAVES`. speed: turns of the motion in the clip; strength: its
    size against the usual one; start: where in its turn it begins, 0 to 1; place: the corner of the cloth, pixels."""

    motion: str
    weave: str
    speed: float = 1.0
    strength: float = 1.0
    start: float = 0.0
    place: tuple[int, int] = (0, 0)


def frames(clip: Clip) -> Iterator[Image.Image]:
    """`FRAMES` pictures of `SIDE` x `SIDE`."""
    look = Look("undyed", _UNDYED, clip.weave)
    left, top = (place % (STITCHES * STITCH) for place in clip.place)
    piece = Image.fromarray(cloth(look)[top : top + 2 * _WIDE, left : left + 2 * _WIDE]).reduce(2)
    for number in range(FRAMES):
        turn = clip.start + clip.speed * number / FRAMES
        yield MOTIONS[clip.motion](piece, turn, clip.strength)


def as_webm(clip: Clip) -> bytes:
    """The clip as VP8 in WebM, which browsers play. Needs the extra `media`."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="webm", options={"fflags": "+bitexact"}) as file:
        # a speed below nought is kept; one above it follows the clock, and a busy machine would write other bytes
        stream = file.add_stream("libvpx", rate=RATE, options={"deadline": "realtime", "cpu-used": "-8", "b": "300k"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # the same bytes on any machine
        for picture in frames(clip):
            file.mux(stream.encode(av.VideoFrame.from_image(picture)))
        file.mux(stream.encode())
    return out.getvalue()


def _seen(piece: Image.Image, x: float, y: float) -> Image.Image:
    """What a camera sees whose middle is (x, y) pixels off the middle of the cloth; cloth repeats beyond its edge."""
    half = (_WIDE - SIDE) / 2
    return piece.transform((SIDE, SIDE), Image.Transform.AFFINE, (1, 0, half + x, 0, 1, half + y),
                           Image.Resampling.BILINEAR)  # fmt: skip


def _sway(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    return _seen(piece, 26 * strength * np.sin(2 * np.pi * turn), 0)


def _rise(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    return _seen(piece, 0, 80 * strength * (turn % 1 - 0.5))


def _spin(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    turned = piece.rotate(100 * strength * turn, Image.Resampling.BILINEAR)
    return _seen(turned, 0, 0)


def _breathe(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    scale = 1 + 0.3 * strength * np.sin(2 * np.pi * turn)
    side = SIDE * scale
    corner = (_WIDE - side) / 2
    return piece.transform((SIDE, SIDE), Image.Transform.AFFINE, (scale, 0, corner, 0, scale, corner),
                           Image.Resampling.BILINEAR)  # fmt: skip


def _flicker(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    light = 1 + 0.22 * strength * np.sin(2 * np.pi * 2 * turn)
    return _seen(piece, 0, 0).point(lambda value: int(min(255, max(0, value * light))))


def _still(piece: Image.Image, turn: float, strength: float) -> Image.Image:
    return _seen(piece, 0, 0)


MOTIONS: dict[str, Callable[[Image.Image, float, float], Image.Image]] = {
    "sway": _sway,
    "rise": _rise,
    "spin": _spin,
    "breathe": _breathe,
    "flicker": _flicker,
    "still": _still,
}
