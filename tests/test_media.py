"""Foreign files and foreign text: whatever they hold, the answer is a value."""

import io
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.image import decode, open_picture, square
from gobelin.media.text import compose, cut, plain, words
from gobelin.protocols import Content


def file(picture: Image.Image, kind: str = "PNG", **settings) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


def test_every_mode_comes_out_as_eight_bit_rgb() -> None:
    orange = Image.new("RGB", (6, 4), (200, 100, 50))
    for mode, kind, seen in [
        ("RGB", "PNG", (200, 100, 50)),
        ("CMYK", "TIFF", (200, 100, 50)),
        ("L", "PNG", (124, 124, 124)),
        ("1", "PNG", (0, 0, 0)),
        ("RGBA", "PNG", (200, 100, 50)),
    ]:
        picture = orange.convert(mode, dither=Image.Dither.NONE) if mode == "1" else orange.convert(mode)
        array = decode(file(picture, kind))
        assert array.shape == (4, 6, 3) and array.dtype == np.uint8
        assert np.abs(array[0, 0].astype(int) - seen).max() <= (255 if mode == "1" else 1), mode


def test_transparency_lies_on_white() -> None:
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    half.putpixel((0, 0), (10, 20, 30, 255))
    half.putpixel((1, 1), (0, 0, 0, 51))  # a fifth of black on white
    array = decode(file(half))
    assert array[0, 0].tolist() == [10, 20, 30]
    assert array[0, 1].tolist() == [255, 255, 255]
    assert array[1, 1].tolist() == [204, 204, 204]
    assert decode(file(Image.new("LA", (1, 1), (0, 0))))[0, 0].tolist() == [255, 255, 255]
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([9, 9, 9] * 256)
    assert decode(file(palette, transparency=0))[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    assert decode(file(deep))[0, :, 0].tolist() == [0, 100, 255]
    floats = Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype=np.float32))
    assert decode(file(floats, "TIFF"))[0, :, 0].tolist() == [0, 51, 255]


def test_a_photograph_stands_upright() -> None:
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 20, 20))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: left is up
    array = decode(file(picture, "JPEG", exif=exif, quality=95))
    assert array.shape == (40, 20, 3)
    assert array[5, 10, 1] < 60 and array[35, 10, 1] > 200


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    array = decode(file(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert array[2, 2].tolist() == [255, 0, 0]


def test_a_large_jpeg_is_decoded_small_but_never_below_what_is_needed() -> None:
    raw = file(Image.new("RGB", (1600, 2000), "teal"), "JPEG")
    assert open_picture(raw, near=224).size == (400, 500)
    assert open_picture(raw, near=1000).size == (1600, 2000)
    assert open_picture(raw).size == (1600, 2000)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    whole = file(Image.effect_noise((64, 64), 50))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("I am no picture")
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "whole.png").write_bytes(whole)
    reason = {p.name: decode(p) for p in tmp_path.iterdir()}
    assert reason["empty.png"].reason == "empty"
    assert reason["text.jpg"].reason == "broken"
    assert reason["half.png"].reason == "broken"
    assert not isinstance(reason["whole.png"], Unreadable)
    assert decode(tmp_path / "nowhere.png").reason == "missing"
    assert decode(tmp_path / "whole.png" / "below.png").reason == "missing"
    assert decode(tmp_path).reason == "unreadable"
    assert decode(Path("a\0b")).reason == "unreadable"


def test_limits_hold_before_anything_is_decoded(tmp_path: Path) -> None:
    raw = file(Image.new("L", (400, 300)))
    assert decode(raw, Limits(pixels=119_999)).reason == "too large"
    assert decode(raw, Limits(pixels=120_000)).shape == (300, 400, 3)
    (tmp_path / "a.png").write_bytes(raw)
    assert decode(tmp_path / "a.png", Limits(size=len(raw) - 1)).reason == "too large"
    assert decode(tmp_path / "a.png", Limits(size=len(raw))).shape == (300, 400, 3)
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + raw[24:29]
    bomb = raw[:12] + header + struct.pack(">I", zlib.crc32(header)) + raw[33:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(bomb).reason == "too large"


def test_postscript_is_not_handed_to_an_interpreter() -> None:
    raw = file(Image.new("RGB", (4, 4)), "EPS")
    assert decode(raw).reason == "broken"


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damaged_bytes_never_raise(place: int, noise: bytes) -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF"):
        raw = bytearray(DAMAGED[kind])
        place %= len(raw)
        raw[place : place + len(noise)] = noise
        found = decode(bytes(raw), Limits(pixels=10_000_000))
        assert isinstance(found, Unreadable) or found.shape[2] == 3


DAMAGED = {
    kind: file(Image.effect_noise((40, 30), 60).convert("RGB"), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF")
}


def test_squeezing_and_padding_keep_the_whole_picture_and_cropping_its_middle() -> None:
    tall = Image.new("RGB", (20, 60), "white")
    tall.paste("black", (0, 0, 20, 20))  # a head
    head = {frame: np.asarray(square(tall, 30, frame))[1, 15, 0] for frame in ("squeeze", "pad", "crop")}
    assert head["squeeze"] < 30 and head["pad"] < 30 and head["crop"] > 220
    assert np.asarray(square(Image.new("RGB", (10, 40), "black"), 40, "pad"))[20, 2].tolist() == [255, 255, 255]


def test_markup_and_white_space_go_and_comparisons_stay() -> None:
    assert plain("<p>Soft&nbsp;<b>wool</b><br/>coat</p>\n\t warm") == "Soft wool coat warm"
    assert plain("&lt;b&gt;bold&lt;/b&gt; &amp; light") == "bold & light"
    assert plain("a < b and c > d, I <3 it") == "a < b and c > d, I <3 it"
    assert plain("<style>p {color: red}</style>seen<!-- <b>not</b> -->") == "seen"
    assert plain("<!-- <script>a</script > -->b<STYLE>c</style>d<!-- e") == "b d<!-- e"
    assert plain("a\x00b​") == "a b"
    assert plain("e\u0301") == "é"


@pytest.mark.parametrize("unit", ["<!--", "<style", "<a", "&lt;", "<!---->"])
def test_hostile_markup_takes_time_by_its_length_and_not_by_its_square(unit: str) -> None:
    begun = time.perf_counter()
    plain((unit * 300_000)[:300_000])
    assert time.perf_counter() - begun < 5  # 0.1 s; by the square of the length it would be a quarter of an hour


def test_texts_are_cut_at_words() -> None:
    assert cut("one two three", 9) == "one two"
    assert cut("onetwothree", 6) == "onetwo"
    assert cut("short", 5) == "short"


def test_each_language_gives_one_text() -> None:
    both = Content(
        "1",
        {
            "title": ("Toy Story", "玩具总动员"),
            "categories": ("Animation|Comedy", "动画|喜剧"),
            "text": ("牛仔玩偶胡迪",),
        },
        {"title": (None, "zh"), "categories": (None, "zh"), "text": ("zh",)},
    )
    fields = ("title", "categories", "text")
    assert compose(both, fields, 500) == ("Toy Story. Animation, Comedy", "玩具总动员. 动画, 喜剧. 牛仔玩偶胡迪")
    assert compose(both, ("text",), 500) == ("牛仔玩偶胡迪",)
    assert compose(Content("2", {"title": ("<br>",)}), fields, 500) == ()
    assert compose(Content("3", {"title": ("E.T.", "E.T.")}), fields, 500) == ("E.T.",)


def test_without_languages_the_order_stands_for_them() -> None:
    content = Content("1", {"title": ("coat", "大衣"), "text": ("Warm.", "暖和。")})
    assert compose(content, ("title", "text"), 500) == ("coat. Warm.", "大衣. 暖和。")


def test_chinese_is_segmented_and_everything_is_lower_case() -> None:
    assert words("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    assert words("Women's 2-in-1 NAÏVE Привет") == ["women's", "2", "in", "1", "naïve", "привет"]
    assert words("红色T恤 Polo") == ["红色", "t恤", "polo"]
    assert words("... !? ，。") == []


def test_segmenting_leaves_no_file_and_no_word_on_stderr(
    tmp_path: Path, monkeypatch, capfd: pytest.CaptureFixture
) -> None:
    import tempfile

    from gobelin.media import text

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    text.segmenter.cache_clear()
    assert text.words("北京大学") == ["北京大学"]
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_categories_alone_are_no_text_unless_only_they_are_asked_for() -> None:
    bare = Content("a", {"categories": ("Home|Vases",), "title": (" ",)})
    assert compose(bare, ("title", "categories", "text"), 100) == ()
    assert compose(bare, ("categories",), 100) == ("Home, Vases",)
    named = Content("b", {"categories": ("Home|Vases",), "title": ("Kesh",)})
    assert compose(named, ("title", "categories", "text"), 100) == ("Kesh. Home, Vases",)
