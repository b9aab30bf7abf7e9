"""What every encoder must keep, checked on small drawn content: for Gobelin's own encoders and for plugins.

    check_encoder(lambda: parts.bind("encoders", "sentence", {}), tmp_path)

Each check raises AssertionError with a sentence that says what broke.
"""

import importlib.util
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32
from gobelin.parts import settings_of
from gobelin.protocols import Content, Encoder, Learned, Pictures
from gobelin.values import Block

_ENGLISH = ("red wool coat", "blue linen shirt", "green glass lamp", "yellow rubber boots", "white oak table")
_CHINESE = ("红色羊毛大衣", "蓝色亚麻衬衫", "绿色玻璃灯", "黄色雨靴", "白橡木桌子")
_COLOURS = ("red", "blue", "green", "gold", "white")


def check_encoder(make: Callable[[], Encoder | Learned], folder: Path) -> None:
    """All checks. make: a fresh part with the settings to check; folder: where pictures may be drawn."""
    contents = draw_contents(folder, 200)
    check = check_learned if isinstance(make(), Learned) else check_pieces
    check(make, contents)


def draw_contents(folder: Path, count: int) -> list[Content]:
    """Items with English and Chinese titles, prices, lists, pictures, sounds and clips; each tenth lacks everything.

    Clips, with a tone, are drawn where the extra `media` is installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = []
    for i in range(count):
        kind = i % len(_COLOURS)
        if i % 10 == 9:
            contents.append(Content(f"item {i}", {}))
            continue
        path = folder / f"{i}.png"
        picture = Image.new("RGB", (48, 64), "white")
        ImageDraw.Draw(picture).ellipse((4 + i % 7, 6, 40, 50 + i % 11), fill=_COLOURS[kind])
        picture.save(path)
        fields: dict[str, Any] = {
            "title": (_ENGLISH[kind], _CHINESE[kind]),
            "text": (f"A {_ENGLISH[kind]} of the series {i % 20}.",),
            "categories": (f"{_COLOURS[kind]}|things",),
            "colour": (_COLOURS[kind],),
            "price": (f"{5 + i % 37}.95",),
            "image": (path.absolute(),),
            "audio": (draw_sound(folder / f"{i}.wav", 220.0 * (1 + kind) + i),),
        }
        if importlib.util.find_spec("av") is not None:
            fields["video"] = (draw_clip(folder / f"{i % 25}.mp4", i % 25, sound=True),)
        contents.append(Content(f"item {i}", fields, {"title": (None, "zh")}))
    return contents


def draw_sound(path: Path, pitch: float, seconds: float = 1.0, rate: int = 16_000) -> Path:
    """A struck string: a fading tone of `pitch` hertz and its octave, as 16-bit mono WAV."""
    t = np.arange(int(seconds * rate)) / rate
    tone = np.exp(-2 * t) * (np.sin(2 * np.pi * pitch * t) + 0.5 * np.sin(4 * np.pi * pitch * t))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((tone / 1.5 * 32_000).astype("<i2").tobytes())
    return path.absolute()


def draw_clip(path: Path, number: int, frames: int = 12, sound: bool = False) -> Path:
    """A disc that crosses a square: its colour and its way follow from `number`. sound: a tone goes with it."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=12)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        track = file.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for step in range(frames):
            picture = Image.new("RGB", (64, 64), "white")
            along, across = 4 + 40 * step / max(frames - 1, 1), 6 + 40 * (number % 7) / 7
            x, y = (along, across) if number % 2 else (across, along)
            ImageDraw.Draw(picture).ellipse((x, y, x + 14, y + 14), fill=_COLOURS[number % len(_COLOURS) - 1])
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
        if track is not None:
            t = np.arange(16_000 * frames // 12) / 16_000
            tone = (0.5 * np.sin(2 * np.pi * (300 + 60 * number) * t)).astype(np.float32)
            for start in range(0, len(tone) - 1023, 1024):
                heard = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 16_000, start
                for packet in track.encode(heard):
                    file.mux(packet)
            for packet in track.encode():
                file.mux(packet)
    return path.absolute()


def check_pieces(make: Callable[[], Any], contents: Sequence[Content]) -> None:
    """An encoder of pieces: shape, presence, batches equal to singles, repeatable, broken content is no exception."""
    part = make()
    assert isinstance(part, Encoder), "it has modality, dim, pieces, fingerprint and encode"
    assert part.fingerprint() == make().fingerprint(), "the same settings give the same fingerprint"
    assert type(part)(**settings_of(part)).fingerprint() == part.fingerprint(), "it can be made again in a worker"
    assert len(list(part.pieces(Content("bare", {})))) == 0, "an item without content has no pieces"
    pieces = [piece for content in contents for piece in part.pieces(content)]
    assert pieces, f"an encoder of {part.modality} finds pieces among the fields drawn"
    nothing = part.encode([])
    _whole(nothing, 0, part.dim)
    some = pieces[: 4 if part.modality == "video" else 12]
    block = part.encode(some)
    _whole(block, len(some), part.dim)
    assert block.present.all(), "whole pieces are present"
    assert np.array_equal(block.values, part.encode(some).values), "the same batch twice gives the same vectors"
    assert np.array_equal(block.values, make().encode(some).values), "a fresh part gives the same vectors"
    for i in (0, len(some) - 1):
        single = part.encode(some[i : i + 1])
        assert np.allclose(single.values[0], block.values[i], atol=1e-4), "a piece alone gives the vector of its batch"
    backwards = part.encode(some[::-1])
    assert np.allclose(backwards.values[::-1], block.values, atol=1e-4), "rows follow the order of the pieces"
    assert not np.allclose(block.values[0], part.encode(_another(pieces)).values[0]), "other content, another vector"
    broken = _broken(part, some[0])
    mixed = part.encode([some[0], broken, some[1]])
    _whole(mixed, 3, part.dim)
    assert mixed.present.tolist() == [True, False, True], "a broken piece is an absent row, its neighbours are whole"
    assert mixed.reasons and mixed.reasons[1], "an absent row has a reason"
    assert np.allclose(mixed.values[[0, 2]], block.values[[0, 1]], atol=1e-4), "neighbours of a broken piece are theirs"
    distinct = list(dict.fromkeys(pieces))[:200]
    _whole(part.encode(distinct), len(distinct), part.dim)
    if isinstance(part, Pictures):
        decoded = part.encode_pictures([Image.open(path).convert("RGB") for path in some])
        _whole(decoded, len(some), part.dim)
        assert np.allclose(decoded.values, block.values, atol=1e-4), "a decoded picture gives the vector of its file"
        _whole(part.encode_pictures([]), 0, part.dim)


def check_learned(make: Callable[[], Any], contents: Sequence[Content]) -> None:
    """A learned encoder: fitted on some, it transforms others; presence, repeatable, its state brings it back."""
    fitted = make().fit(iter(contents), np.random.default_rng(0))
    block = fitted.transform(iter(contents))
    dim = int(block.values.shape[1])
    _whole(block, len(contents), dim)
    bare = np.array([not content.fields for content in contents])
    assert not block.present[bare].any(), "an item without content is absent"
    assert block.present[~bare].all(), "an item with content is present"
    again = make().fit(iter(contents), np.random.default_rng(0)).transform(iter(contents))
    assert _same(block, again), "the same items and generator give the same vectors"
    for i in (0, len(contents) - 2):
        assert _close(fitted.transform([contents[i]]), block, i), "an item alone gives the vector of its batch"
    restored = type(fitted).from_state(fitted.state())
    assert _same(block, restored.transform(iter(contents))), "its state brings it back"
    _plain(fitted.state())
    strange = Content("new", {"title": ("zzqx vvkpl",), "colour": ("octarine",), "never seen": ("1",)})
    _whole(fitted.transform([strange, contents[0]]), 2, dim)
    _whole(fitted.transform([]), 0, dim)
    for few in ([], contents[9:10], contents[:1]):
        small = make().fit(few, np.random.default_rng(0))
        _whole(small.transform(contents[:3]), 3, int(small.transform([]).values.shape[1]))


def _whole(block: Block, rows: int, dim: int) -> None:
    values = block.values
    assert values.shape == (rows, dim), f"{values.shape} values for {rows} pieces of {dim}"
    assert values.dtype == np.float32, f"values are {values.dtype}, float32 is needed"
    assert block.present.dtype == bool and block.present.shape == (rows,), "one mark of presence a row"
    data = values.data if isinstance(values, csr_array) else values
    assert np.isfinite(np.asarray(data)).all(), "every value is finite"
    assert _dense(block)[block.present].any(axis=1).all() if rows and dim else True, "a present row is not all zero"


def _plain(state: Any) -> None:
    """JSON values, arrays and sparse arrays: what a run folder can hold."""
    if isinstance(state, dict):
        assert all(isinstance(key, str) for key in state), "names in a state are text"
        for value in state.values():
            _plain(value)
    elif isinstance(state, list | tuple):
        for value in state:
            _plain(value)
    else:
        allowed = (str, int, float, bool, np.ndarray, np.generic, csr_array)
        assert state is None or isinstance(state, allowed), f"a state cannot hold a {type(state).__name__}"


def _dense(block: Block) -> Float32[Array, "rows dim"]:
    return block.values.toarray() if isinstance(block.values, csr_array) else np.asarray(block.values)


def _same(one: Block, other: Block) -> bool:
    return np.array_equal(_dense(one), _dense(other)) and np.array_equal(one.present, other.present)


def _close(single: Block, block: Block, row: int) -> bool:
    return bool(np.allclose(_dense(single)[0], _dense(block)[row], atol=1e-5))


def _another(pieces: Sequence[Any]) -> list[Any]:
    return [next(piece for piece in pieces if piece != pieces[0])]


def _broken(part: Encoder, piece: Any) -> Any:
    """An empty text; a file that is none of its kind."""
    if isinstance(piece, Path):
        path = piece.with_name(f"broken{piece.suffix}")
        path.write_bytes(b"this is none of its kind")
        return path
    return ""
