"""Sound files, and the sound tracks of clips, to mono samples. Files are foreign: limits come first."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.media.foreign import Limits, Unreadable, read, whole
from gobelin.parts import need

NO_SOUND = "no sound"

_BLOCK = 1 << 20  # samples of all channels that are decoded at once: 4 MB
_SLOWEST, _FASTEST = 1_000, 800_000  # samples a second: below nothing can be heard; above it is a damaged header
_SILENT = 2e-6  # of full scale, between the lowest and the highest sample: a tenth of a 16-bit step
_WHOLE = 0.9  # of the length that a file states: one that ends before broke off

_LIBSNDFILE = (b"RIFF", b"RF64", b"OggS", b"fLaC", b"FORM")
"""How the files begin that go to libsndfile first: WAV, Ogg (Vorbis, Opus), FLAC, AIFF. Its MP3 decoder writes its
worries about a damaged file straight to stderr, so MP3 goes to FFmpeg."""

_FFMPEG = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,"
    "aac,mp3,wav,w64,aiff,flac,caf,ac3,eac3,amr,amrnb,amrwb,au,wv,ape,tta,dts"
)
"""Containers that FFmpeg may see. Play lists are not among them: they would have it open other files and addresses."""


def open_sound(
    source: Path | bytes, rate: int, limits: Limits | None = None
) -> Float32[Array, " samples"] | Unreadable:
    """The sound of a file as mono samples at `rate` a second: full scale is 1, at most `limits.seconds` of it.

    WAV, Ogg, FLAC and AIFF through libsndfile; MP3, M4A, AAC, other sound files and the first sound track of a video
    file through FFmpeg. Channels are averaged, the rate is changed by soxr; what lies behind the limit is not decoded,
    so that a stream without an end has one here. Memory: the file's bytes, one block, and the samples returned.
    Floating-point samples beyond full scale are scaled so that the loudest is 1.

    Unreadable, beside what a file can be as such (missing, unreadable, too large):
    "no sound" - a clip without a sound track;
    "empty" - no samples, or digital silence: every silent file would be like every other, and says nothing;
    "broken" - not of these kinds; NaN or infinite samples; under 1,000 or over 800,000 samples a second; it ends before
    nine tenths of the length that it states (an Ogg file states none, but must end with a whole page; bare AAC and a
    sound track beside pictures in Matroska state none and are read as far as they go).
    """
    need("media", "Reading sounds")
    limits = limits or Limits()
    raw = read(source, limits) if isinstance(source, Path) else whole(source, limits)
    if isinstance(raw, Unreadable):
        return raw
    mono = _Mono(rate, limits.seconds)
    try:
        wrong = _through_libsndfile(raw, mono) if raw.startswith(_LIBSNDFILE) else _NOT_ITS_KIND
        if wrong is _NOT_ITS_KIND:
            wrong = _through_ffmpeg(raw, mono)
    except MemoryError:
        return Unreadable("too large", "not enough memory to decode it")
    except Exception as told:  # decoders raise all sorts on foreign bytes; each means the same to us
        return Unreadable("broken", f"{type(told).__name__}: {told}")
    return mono.samples() if wrong is None else wrong


_NOT_ITS_KIND = Unreadable("broken", "libsndfile does not know it")


class _Mono:
    """Takes blocks of any number of channels, up to the limit; gives mono samples at one rate."""

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate, self.seconds = rate, seconds
        self.came_at = 0  # samples a second, as they come
        self.taken = 0  # of them, so far
        self.stream: Any = None
        self.blocks: list[Array] = []
        self.lowest, self.highest = np.inf, -np.inf

    @property
    def full(self) -> bool:
        return self.came_at > 0 and self.taken >= self.seconds * self.came_at

    def begin(self, came_at: int) -> Unreadable | None:
        """Says at which rate samples come; once."""
        if not _SLOWEST <= came_at <= _FASTEST:
            return Unreadable("broken", f"{came_at:,} samples a second are no sound")
        import soxr

        self.came_at = came_at
        if came_at != self.rate:
            self.stream = soxr.ResampleStream(came_at, self.rate, 1, dtype="float32", quality="HQ")
        return None

    def take(self, block: Float32[Array, "samples channels"]) -> Unreadable | None:
        left = max(int(np.ceil(self.seconds * self.came_at)) - self.taken, 0)
        with np.errstate(over="ignore", invalid="ignore"):  # judged in the next lines
            line = block[:left].mean(axis=1, dtype=np.float32)
        if not len(line):
            return None
        self.lowest, self.highest = min(self.lowest, float(line.min())), max(self.highest, float(line.max()))
        if not (np.isfinite(self.lowest) and np.isfinite(self.highest)) or not np.isfinite(line).all():
            return Unreadable("broken", "samples that are no numbers")
        self.taken += len(line)
        self.blocks.append(line if self.stream is None else self.stream.resample_chunk(line))
        return None

    def samples(self) -> Float32[Array, " samples"] | Unreadable:
        if not self.taken:
            return Unreadable("empty", "there are no samples")
        if self.highest - self.lowest < _SILENT:
            return Unreadable("empty", "silence")
        if self.stream is not None:
            self.blocks.append(self.stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        line: Array = np.concatenate(self.blocks)
        if not len(line):
            return Unreadable("empty", f"{self.taken} samples at {self.came_at:,} a second are too short")
        peak = max(-self.lowest, self.highest)
        return line if peak <= 1 else np.ascontiguousarray(line / np.float32(peak))

    def short_of(self, stated: float) -> Unreadable | None:
        """Broken, where the file states more seconds than it held. stated: 0 where it states nothing."""
        held = self.taken / self.came_at
        if held >= _WHOLE * min(stated, self.seconds):
            return None
        return Unreadable("broken", f"it ends after {held:.2f} of the {stated:.2f} seconds that it states")


def _through_libsndfile(raw: bytes, mono: _Mono) -> Unreadable | None:
    import soundfile

    try:
        file = soundfile.SoundFile(io.BytesIO(raw))
    except soundfile.LibsndfileError:
        return _NOT_ITS_KIND
    with file:
        if (wrong := mono.begin(file.samplerate) or _cut_off(raw)) is not None:
            return wrong
        frames = max(_BLOCK // file.channels, 1)
        while not mono.full:
            block = file.read(frames, dtype="float32", always_2d=True)
            if not len(block):
                break
            if (wrong := mono.take(block)) is not None:
                return wrong
        return mono.short_of(file.frames / file.samplerate if 0 < file.frames < 1 << 60 else 0)


def _cut_off(raw: bytes) -> Unreadable | None:
    """Broken, where a WAV or AIFF file holds less than its header says or the last page of an Ogg file is not whole.

    libsndfile takes the file's length for the truth in all three.
    """
    if raw[:4] == b"OggS":
        at = raw.rfind(b"OggS")
        segments = raw[at + 26] if at + 26 < len(raw) else 256
        table = raw[at + 27 : at + 27 + segments]
        size = 27 + segments + sum(table)
        return _short(len(raw) - at, size) if len(table) < segments or len(raw) - at < size else None
    if raw[:4] not in (b"RIFF", b"FORM"):
        return None
    order: Literal["little", "big"] = "little" if raw[:4] == b"RIFF" else "big"
    at = 12
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], order)
        if raw[at : at + 4] in (b"data", b"SSND"):
            held = len(raw) - at - 8
            streamed = size >= 0x7FFF_0000  # written before the end was known
            return None if streamed or held >= _WHOLE * size else _short(held, size)
        at += 8 + size + size % 2
    return None


def _short(held: int, stated: int) -> Unreadable:
    return Unreadable("broken", f"it ends after {held:,} of {stated:,} bytes")


def _through_ffmpeg(raw: bytes, mono: _Mono) -> Unreadable | None:
    import av

    with av.open(io.BytesIO(raw), options={"format_whitelist": _FFMPEG}, metadata_errors="replace") as file:
        if not file.streams.audio:
            return Unreadable(NO_SOUND, "the file has no sound track")
        track = file.streams.audio[0]
        track.codec_context.thread_type = "NONE"
        for frame in _frames(file, track):
            if not mono.came_at and (wrong := mono.begin(frame.sample_rate)) is not None:
                return wrong
            if frame.sample_rate != mono.came_at:
                return Unreadable("broken", "its sample rate changes")
            if (wrong := mono.take(_samples(frame))) is not None:
                return wrong
            if mono.full:
                return None
        if not mono.taken:
            return Unreadable("broken", "nothing of its sound track can be decoded")
        return mono.short_of(_stated(file, track))


def _stated(file: Any, track: Any) -> float:
    """Seconds, as the track says, or a file of nothing but sound; 0 where neither does."""
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    return file.duration / 1_000_000 if file.duration and not file.streams.video else 0.0


def _frames(file: Any, track: Any) -> Iterator[Any]:
    """Decoded frames; a packet that cannot be decoded is passed over (what is lost shows in the length)."""
    import av

    for packet in file.demux(track):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _samples(frame: Any) -> Float32[Array, "samples channels"]:
    """Samples of any of FFmpeg's kinds, full scale 1."""
    values = frame.to_ndarray()  # (channels, samples), or (1, samples * channels) where they lie side by side
    block = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if block.dtype.kind == "u":
        return (block.astype(np.float32) - 128) / 128
    if block.dtype.kind == "i":
        return block.astype(np.float32) / np.float32(2.0 ** (8 * block.dtype.itemsize - 1))
    with np.errstate(over="ignore"):
        return block.astype(np.float32)
