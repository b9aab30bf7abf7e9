"""Files that strangers may send: each kind is written into a folder and says what must become of it.

A kind is a function that gives the bytes of a file; `reason` is why its item then lacks the sense, None where the file
is odd but whole.
"""

import io
import os
import struct
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from clips import disc, film, plain


@dataclass(frozen=True)
class Kind:
    name: str
    sense: str
    reason: str | None
    file: str
    make: Callable[[Path], bytes | Path]

    def write(self, folder: Path) -> Path:
        made = self.make(folder / self.file)
        if isinstance(made, Path):
            return made
        (folder / self.file).write_bytes(made)
        return folder / self.file


KINDS: list[Kind] = []


def kind(sense: str, reason: str | None, file: str):
    """file: its name. The function below gives its bytes, or writes what is no plain file and gives its path."""

    def kept(make: Callable[[Path], bytes | Path]) -> Callable[[Path], bytes | Path]:
        KINDS.append(Kind(make.__name__, sense, reason, file, make))
        return make

    return kept


def _picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@kind("image", "empty", "a.jpg")
def picture_of_no_bytes(path: Path) -> bytes:
    return b""


@kind("image", "broken", "b.jpg")
def page_of_an_error_as_picture(path: Path) -> bytes:
    return b"<!doctype html><title>404</title>"


@kind("image", "broken", "c.png")
def half_a_png(path: Path) -> bytes:
    return _picture("PNG")[:1500]


@kind("image", "broken", "d.jpg")
def half_a_jpeg(path: Path) -> bytes:
    return _half(_picture("JPEG"))


@kind("image", "too large", "e.png")
def header_of_gigapixels(path: Path) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0" * 1000))


@kind("image", "too large", "f.png")
def small_file_of_many_pixels(path: Path) -> bytes:
    row = zlib.compress(b"\0" * (1 + 15_000 // 8) * 7_000, 9)  # one bit a pixel: 13 kB for 105 million of them
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 15_000, 7_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", row) + _chunk(b"IEND", b"")


@kind("image", "broken", "g.png")
def png_with_a_bomb_of_words(path: Path) -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("comment", "a" * (80 << 20), zip=True)
    return _picture("PNG", pnginfo=words)


@kind("image", "too large", "h.png")
def picture_of_many_bytes(path: Path) -> Path:
    with path.open("wb") as file:
        file.write(_picture("PNG"))
        file.truncate(70 << 20)  # a hole: it takes no room
    return path


@kind("image", "broken", "i.tif")
def tiff_whose_directory_is_itself(path: Path) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0) + struct.pack("<I", 8)


@kind("image", "broken", "j.eps")
def program_in_postscript(path: Path) -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"


@kind("image", "broken", "k.svg")
def drawing_that_names_an_address(path: Path) -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://10.0.0.1/"/></svg>'


@kind("image", "unreadable", "l.png")
def pipe_as_picture(path: Path) -> Path:
    os.mkfifo(path)
    return path


@kind("image", "unreadable", "m.png")
def folder_as_picture(path: Path) -> Path:
    path.mkdir()
    return path


@kind("image", None, "n.jpg")
def picture_of_inks(path: Path) -> bytes:
    return _picture("JPEG", "CMYK")


@kind("image", None, "o.png")
def picture_of_sixteen_bits(path: Path) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27).save(out, "PNG")
    return out.getvalue()


@kind("image", None, "p.gif")
def animation_of_many_frames(path: Path) -> Path:
    frames = [Image.new("RGB", (30, 30), (i % 256, 0, 90)) for i in range(300)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


@kind("image", None, "q.png")
def picture_of_one_pixel(path: Path) -> bytes:
    return _picture("PNG", size=(1, 1))


@kind("image", None, "r.png")
def picture_like_a_thread(path: Path) -> bytes:
    return _picture("PNG", size=(1, 20_000))


def _tone(path: Path, rate: int = 16_000, channels: int = 1, count: int = 8_000) -> Path:
    """A tone of 440 hertz in 16 bits."""
    tone = (12_000 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())
    return path


def _floats(samples: np.ndarray) -> bytes:
    """Mono WAV of 32-bit floats."""
    body = samples.astype("<f4").tobytes()
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, 16_000, 64_000, 4, 32)
    head = b"RIFF" + struct.pack("<I", len(body) + 36) + b"WAVE" + form
    return head + b"data" + struct.pack("<I", len(body)) + body


@kind("audio", "empty", "a.wav")
def sound_of_no_bytes(path: Path) -> bytes:
    return b""


@kind("audio", "broken", "b.mp3")
def words_as_sound(path: Path) -> bytes:
    return b"I am no sound. " * 1000


@kind("audio", "broken", "c.wav")
def half_a_sound(path: Path) -> bytes:
    return _half(_tone(path).read_bytes())


@kind("audio", "broken", "d.wav")
def sound_at_one_hertz(path: Path) -> bytes:
    raw = bytearray(_tone(path).read_bytes())
    raw[24:28] = struct.pack("<I", 1)
    return bytes(raw)


@kind("audio", "broken", "e.wav")
def samples_that_are_no_numbers(path: Path) -> bytes:
    return _floats(np.where(np.arange(8_000) == 4_000, np.nan, 0.1))


@kind("audio", "broken", "f.wav")
def samples_without_bounds(path: Path) -> bytes:
    return _floats(np.where(np.arange(8_000) % 2, np.inf, 0.1))


@kind("audio", "empty", "g.wav")
def silence(path: Path) -> bytes:
    return _floats(np.zeros(8_000))


@kind("audio", "too large", "h.wav")
def sound_of_many_bytes(path: Path) -> Path:
    with _tone(path).open("r+b") as file:
        file.truncate(70 << 20)
    return path


@kind("audio", "unreadable", "i.wav")
def sound_without_an_end(path: Path) -> Path:
    os.mkfifo(path)
    return path


@kind("audio", "broken", "j.m3u")
def play_list_as_sound(path: Path) -> bytes:
    return b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/a.mp3\n"


@kind("audio", "broken", "k.mp3")
def picture_as_sound(path: Path) -> bytes:
    return _picture("PNG")


@kind("audio", "no sound", "l.mkv")
def clip_without_sound(path: Path) -> Path:
    return film(path, [plain((200, 20, 20))] * 3)


@kind("audio", None, "m.wav")
def sound_of_eight_channels(path: Path) -> Path:
    return _tone(path, channels=8)


@kind("audio", None, "n.wav")
def sound_longer_than_is_heard(path: Path) -> Path:
    return _tone(path, rate=8_000, count=8_000 * 90)


@kind("audio", None, "o.wav")
def sound_of_a_hundred_samples(path: Path) -> Path:
    return _tone(path, count=100)


def _mpeg4(path: Path, frames: int) -> bytes:
    """A clip of a disc that crosses the picture."""
    return film(path, [disc(20 + i, 40) for i in range(frames)], codec="mpeg4", form="yuv420p").read_bytes()


@kind("video", "empty", "a.mp4")
def clip_of_no_bytes(path: Path) -> bytes:
    return b""


@kind("video", "broken", "b.mp4")
def words_as_clip(path: Path) -> bytes:
    return b"I am no clip. " * 1000


@kind("video", "broken", "c.mkv")
def noise_as_clip(path: Path) -> bytes:
    return b"\x1aE\xdf\xa3" + np.random.default_rng(0).bytes(200_000)


@kind("video", "broken", "d.mp4")
def half_a_clip_without_its_index(path: Path) -> bytes:
    return _half(_mpeg4(path, frames=30))


@kind("video", None, "e.mkv")
def half_a_clip_that_needs_no_index(path: Path) -> bytes:
    return _half(_mpeg4(path, frames=30))


@kind("video", "no video", "f.mkv")
def clip_without_pictures(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as file:
        track = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        heard = av.AudioFrame.from_ndarray(np.ones((1, 1600), dtype=np.int16), format="s16", layout="mono")
        heard.sample_rate = 16_000
        file.mux(track.encode(heard))
    return path


def _grown(path: Path, frames: bool) -> bytes:
    """A clip of 64 x 48 that tells of 30,000 x 30,000: in its header alone, or in each of its frames too."""
    raw = film(path, [plain((200, 20, 20))] * 3, codec="mjpeg", form="yuvj420p").read_bytes()
    raw = raw.replace(struct.pack("<II", 64, 48), struct.pack("<II", 30_000, 30_000))
    if frames:
        raw = raw.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 30_000, 30_000))
    return raw


@kind("video", "too large", "g.avi")
def clip_of_huge_frames(path: Path) -> bytes:
    return _grown(path, frames=True)


@kind("video", None, "g2.avi")
def clip_whose_header_alone_tells_of_huge_frames(path: Path) -> bytes:
    return _grown(path, frames=False)


@kind("video", "too large", "h.mkv")
def clip_of_many_bytes(path: Path) -> Path:
    with film(path, [plain((1, 2, 3))] * 3).open("r+b") as file:
        file.truncate(5 << 30)
    return path


@kind("video", None, "i.mkv")
def clip_of_more_frames_than_are_read(path: Path) -> Path:
    return film(path, [plain((i % 256, 0, 0), 16, 16) for i in range(700)], rate=200)


@kind("video", None, "j.mkv")
def clip_with_a_frame_in_ten_hours(path: Path) -> Path:
    return film(path, [plain((200, 20, 20))] * 3, times=[0, 1, 36_000])


@kind("video", None, "k.mp4")
def clip_whose_header_tells_of_hours(path: Path) -> bytes:
    raw = _mpeg4(path, frames=9)
    place = raw.index(b"mvhd") + 4 + 16  # after the version, two dates and the units a second
    return raw[:place] + struct.pack(">I", 2**31) + raw[place + 4 :]


@kind("video", "unreadable", "l.ts")
def stream_without_an_end(path: Path) -> Path:
    os.mkfifo(path)
    return path


@kind("video", "unreadable", "zero")
def device_without_an_end(path: Path) -> Path:
    return Path("/dev/zero")


@kind("video", "broken", "m.m3u8")
def play_list_of_an_address(path: Path) -> bytes:
    return b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/a.ts\n#EXT-X-ENDLIST\n"


@kind("video", "broken", "n.mp4")
def list_of_another_file(path: Path) -> bytes:
    film(path.with_name("inner.mkv"), [plain((200, 20, 20))] * 3)
    return b"ffconcat version 1.0\nfile inner.mkv\n"


@kind("video", None, "o.mkv")
def clip_of_one_frame(path: Path) -> Path:
    return film(path, [plain((200, 20, 20))])


@kind("video", None, "p.mkv")
def clip_of_ten_bits_of_grey(path: Path) -> Path:
    return film(path, [disc(20 + i, 40) for i in range(9)], form="gray10le")


@kind("video", None, "q.mkv")
def clip_of_one_pixel(path: Path) -> Path:
    return film(path, [plain((i, 20, 20), 1, 1) for i in range(9)])


@kind("video", None, "r.avi")
def clip_with_holes(path: Path) -> bytes:
    whole = film(path, [disc(20 + i, 40) for i in range(30)], codec="mjpeg", form="yuvj420p")
    raw = bytearray(whole.read_bytes())
    for place in range(len(raw) // 3, len(raw) * 2 // 3, 997):
        raw[place] ^= 0xFF
    return bytes(raw)
