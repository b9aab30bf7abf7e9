"""Files that strangers may send: each kind is written into a folder and says what must become of it.

A kind is a function that writes a file and gives its path; `reason` is why its item then lacks the sense, None where
the file is odd but whole.
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
    write: Callable[[Path], Path]


KINDS: list[Kind] = []


def kind(sense: str, reason: str | None):
    def kept(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
        KINDS.append(Kind(write.__name__, sense, reason, write))
        return write

    return kept


def _kept(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


def _picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@kind("image", "empty")
def picture_of_no_bytes(folder: Path) -> Path:
    return _kept(folder / "a.jpg", b"")


@kind("image", "broken")
def page_of_an_error_as_picture(folder: Path) -> Path:
    return _kept(folder / "b.jpg", b"<!doctype html><title>404</title>")


@kind("image", "broken")
def half_a_png(folder: Path) -> Path:
    return _kept(folder / "c.png", _picture("PNG")[:1500])


@kind("image", "broken")
def half_a_jpeg(folder: Path) -> Path:
    raw = _picture("JPEG")
    return _kept(folder / "d.jpg", raw[: len(raw) // 2])


@kind("image", "too large")
def header_of_gigapixels(folder: Path) -> Path:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return _kept(folder / "e.png", b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0" * 1000)))


@kind("image", "too large")
def small_file_of_many_pixels(folder: Path) -> Path:
    row = zlib.compress(b"\0" * (1 + 15_000 // 8) * 7_000, 9)  # one bit a pixel: 13 kB for 105 million of them
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 15_000, 7_000, 1, 0, 0, 0, 0))
    return _kept(folder / "f.png", b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", row) + _chunk(b"IEND", b""))


@kind("image", "broken")
def png_with_a_bomb_of_words(folder: Path) -> Path:
    words = PngImagePlugin.PngInfo()
    words.add_text("comment", "a" * (80 << 20), zip=True)
    return _kept(folder / "g.png", _picture("PNG", pnginfo=words))


@kind("image", "too large")
def picture_of_many_bytes(folder: Path) -> Path:
    with (folder / "h.png").open("wb") as file:
        file.write(_picture("PNG"))
        file.truncate(70 << 20)  # a hole: it takes no room
    return folder / "h.png"


@kind("image", "broken")
def tiff_whose_directory_is_itself(folder: Path) -> Path:
    return _kept(folder / "i.tif", b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0) + struct.pack("<I", 8))


@kind("image", "broken")
def program_in_postscript(folder: Path) -> Path:
    return _kept(folder / "j.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n")


@kind("image", "broken")
def drawing_that_names_an_address(folder: Path) -> Path:
    return _kept(folder / "k.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://10.0.0.1/"/></svg>')


@kind("image", "unreadable")
def pipe_as_picture(folder: Path) -> Path:
    os.mkfifo(folder / "l.png")
    return folder / "l.png"


@kind("image", "unreadable")
def folder_as_picture(folder: Path) -> Path:
    (folder / "m.png").mkdir()
    return folder / "m.png"


@kind("image", None)
def picture_of_inks(folder: Path) -> Path:
    return _kept(folder / "n.jpg", _picture("JPEG", "CMYK"))


@kind("image", None)
def picture_of_sixteen_bits(folder: Path) -> Path:
    out = io.BytesIO()
    Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27).save(out, "PNG")
    return _kept(folder / "o.png", out.getvalue())


@kind("image", None)
def animation_of_many_frames(folder: Path) -> Path:
    frames = [Image.new("RGB", (30, 30), (i % 256, 0, 90)) for i in range(300)]
    frames[0].save(folder / "p.gif", save_all=True, append_images=frames[1:])
    return folder / "p.gif"


@kind("image", None)
def picture_of_one_pixel(folder: Path) -> Path:
    return _kept(folder / "q.png", _picture("PNG", size=(1, 1)))


@kind("image", None)
def picture_like_a_thread(folder: Path) -> Path:
    return _kept(folder / "r.png", _picture("PNG", size=(1, 20_000)))


def _tone(path: Path, rate: int = 16_000, channels: int = 1, count: int = 8_000) -> Path:
    """A tone of 440 hertz in 16 bits."""
    tone = (12_000 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())
    return path


def _floats(path: Path, samples: np.ndarray) -> Path:
    """Mono WAV of 32-bit floats."""
    body = samples.astype("<f4").tobytes()
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, 16_000, 64_000, 4, 32)
    return _kept(path, b"RIFF" + struct.pack("<I", len(body) + 36) + b"WAVE" + form + b"data"
                 + struct.pack("<I", len(body)) + body)  # fmt: skip


@kind("audio", "empty")
def sound_of_no_bytes(folder: Path) -> Path:
    return _kept(folder / "a.wav", b"")


@kind("audio", "broken")
def words_as_sound(folder: Path) -> Path:
    return _kept(folder / "b.mp3", b"I am no sound. " * 1000)


@kind("audio", "broken")
def half_a_sound(folder: Path) -> Path:
    raw = _tone(folder / "c.wav").read_bytes()
    return _kept(folder / "c.wav", raw[: len(raw) // 2])


@kind("audio", "broken")
def sound_at_one_hertz(folder: Path) -> Path:
    raw = bytearray(_tone(folder / "d.wav").read_bytes())
    raw[24:28] = struct.pack("<I", 1)
    return _kept(folder / "d.wav", bytes(raw))


@kind("audio", "broken")
def samples_that_are_no_numbers(folder: Path) -> Path:
    return _floats(folder / "e.wav", np.where(np.arange(8_000) == 4_000, np.nan, 0.1))


@kind("audio", "broken")
def samples_without_bounds(folder: Path) -> Path:
    return _floats(folder / "f.wav", np.where(np.arange(8_000) % 2, np.inf, 0.1))


@kind("audio", "empty")
def silence(folder: Path) -> Path:
    return _floats(folder / "g.wav", np.zeros(8_000))


@kind("audio", "too large")
def sound_of_many_bytes(folder: Path) -> Path:
    with _tone(folder / "h.wav").open("r+b") as file:
        file.truncate(70 << 20)
    return folder / "h.wav"


@kind("audio", "unreadable")
def sound_without_an_end(folder: Path) -> Path:
    os.mkfifo(folder / "i.wav")
    return folder / "i.wav"


@kind("audio", "broken")
def play_list_as_sound(folder: Path) -> Path:
    return _kept(folder / "j.m3u", b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/a.mp3\n")


@kind("audio", "broken")
def picture_as_sound(folder: Path) -> Path:
    return _kept(folder / "k.mp3", _picture("PNG"))


@kind("audio", "no sound")
def clip_without_sound(folder: Path) -> Path:
    return film(folder / "l.mkv", [plain((200, 20, 20))] * 3)


@kind("audio", None)
def sound_of_eight_channels(folder: Path) -> Path:
    return _tone(folder / "m.wav", channels=8)


@kind("audio", None)
def sound_longer_than_is_heard(folder: Path) -> Path:
    return _tone(folder / "n.wav", rate=8_000, count=8_000 * 90)


@kind("audio", None)
def sound_of_a_hundred_samples(folder: Path) -> Path:
    return _tone(folder / "o.wav", count=100)


@kind("video", "empty")
def clip_of_no_bytes(folder: Path) -> Path:
    return _kept(folder / "a.mp4", b"")


@kind("video", "broken")
def words_as_clip(folder: Path) -> Path:
    return _kept(folder / "b.mp4", b"I am no clip. " * 1000)


@kind("video", "broken")
def noise_as_clip(folder: Path) -> Path:
    return _kept(folder / "c.mkv", b"\x1aE\xdf\xa3" + np.random.default_rng(0).bytes(200_000))


@kind("video", "broken")
def half_a_clip_without_its_index(folder: Path) -> Path:
    raw = film(folder / "d.mp4", [disc(20 + i, 40) for i in range(30)], codec="mpeg4", form="yuv420p").read_bytes()
    return _kept(folder / "d.mp4", raw[: len(raw) // 2])


@kind("video", None)
def half_a_clip_that_needs_no_index(folder: Path) -> Path:
    raw = film(folder / "e.mkv", [disc(20 + i, 40) for i in range(30)], codec="mpeg4", form="yuv420p").read_bytes()
    return _kept(folder / "e.mkv", raw[: len(raw) // 2])


@kind("video", "no video")
def clip_without_pictures(folder: Path) -> Path:
    import av

    with av.open(str(folder / "f.mkv"), "w") as file:
        track = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        heard = av.AudioFrame.from_ndarray(np.ones((1, 1600), dtype=np.int16), format="s16", layout="mono")
        heard.sample_rate = 16_000
        file.mux(track.encode(heard))
    return folder / "f.mkv"


def _grown(path: Path, frames: bool) -> Path:
    """A clip of 64 x 48 that tells of 30,000 x 30,000: in its header alone, or in each of its frames too."""
    raw = film(path, [plain((200, 20, 20))] * 3, codec="mjpeg", form="yuvj420p").read_bytes()
    raw = raw.replace(struct.pack("<II", 64, 48), struct.pack("<II", 30_000, 30_000))
    if frames:
        raw = raw.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 30_000, 30_000))
    return _kept(path, raw)


@kind("video", "too large")
def clip_of_huge_frames(folder: Path) -> Path:
    return _grown(folder / "g.avi", frames=True)


@kind("video", None)
def clip_whose_header_alone_tells_of_huge_frames(folder: Path) -> Path:
    return _grown(folder / "g2.avi", frames=False)


@kind("video", "too large")
def clip_of_many_bytes(folder: Path) -> Path:
    with film(folder / "h.mkv", [plain((1, 2, 3))] * 3).open("r+b") as file:
        file.truncate(5 << 30)
    return folder / "h.mkv"


@kind("video", None)
def clip_of_more_frames_than_are_read(folder: Path) -> Path:
    return film(folder / "i.mkv", [plain((i % 256, 0, 0), 16, 16) for i in range(700)], rate=200)


@kind("video", None)
def clip_with_a_frame_in_ten_hours(folder: Path) -> Path:
    return film(folder / "j.mkv", [plain((200, 20, 20))] * 3, times=[0, 1, 36_000])


@kind("video", None)
def clip_whose_header_tells_of_hours(folder: Path) -> Path:
    raw = film(folder / "k.mp4", [disc(20 + i, 40) for i in range(9)], codec="mpeg4", form="yuv420p").read_bytes()
    place = raw.index(b"mvhd") + 4 + 16  # after the version, two dates and the units a second
    return _kept(folder / "k.mp4", raw[:place] + struct.pack(">I", 2**31) + raw[place + 4 :])


@kind("video", "unreadable")
def stream_without_an_end(folder: Path) -> Path:
    os.mkfifo(folder / "l.ts")
    return folder / "l.ts"


@kind("video", "unreadable")
def device_without_an_end(folder: Path) -> Path:
    return Path("/dev/zero")


@kind("video", "broken")
def play_list_of_an_address(folder: Path) -> Path:
    return _kept(folder / "m.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/a.ts\n#EXT-X-ENDLIST\n")


@kind("video", "broken")
def list_of_another_file(folder: Path) -> Path:
    film(folder / "inner.mkv", [plain((200, 20, 20))] * 3)
    return _kept(folder / "n.mp4", b"ffconcat version 1.0\nfile inner.mkv\n")


@kind("video", None)
def clip_of_one_frame(folder: Path) -> Path:
    return film(folder / "o.mkv", [plain((200, 20, 20))])


@kind("video", None)
def clip_of_ten_bits_of_grey(folder: Path) -> Path:
    return film(folder / "p.mkv", [disc(20 + i, 40) for i in range(9)], form="gray10le")


@kind("video", None)
def clip_of_one_pixel(folder: Path) -> Path:
    return film(folder / "q.mkv", [plain((i, 20, 20), 1, 1) for i in range(9)])


@kind("video", None)
def clip_with_holes(folder: Path) -> Path:
    path = film(folder / "r.avi", [disc(20 + i, 40) for i in range(30)], codec="mjpeg", form="yuvj420p")
    raw = bytearray(path.read_bytes())
    for place in range(len(raw) // 3, len(raw) * 2 // 3, 997):
        raw[place] ^= 0xFF
    return _kept(path, bytes(raw))
