"""Colour terms in two languages, and where each lies among the colours that a picture can show."""

import functools
from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float32, Float64, Int64

_D65 = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


@dataclass(frozen=True)
class Colour:
    """english, chinese: words that mean it, the plain one first. looks: sRGB examples in hexadecimal."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]
    looks: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.english[0]


COLOURS = (
    Colour(("black", "jet black", "charcoal black"), ("黑色", "墨黑", "纯黑"), ("0a0a0a", "1c1c1e", "2a282a")),
    Colour(("grey", "gray", "charcoal", "anthracite", "silver grey"), ("灰色", "炭灰", "银灰"), ("4c4c4e", "6e6f72", "929497", "b4b6b8")),
    Colour(("white", "off-white", "snow white"), ("白色", "纯白", "雪白"), ("fdfdfd", "f2f2f0", "e6e7e8")),
    Colour(("beige", "cream", "ivory", "ecru", "sand", "oatmeal"), ("米色", "米白", "杏色", "奶油色", "象牙白"), ("f0e4cf", "e0cfb2", "cdb695", "d8c8b4")),
    Colour(("brown", "tan", "chestnut", "chocolate brown", "camel"), ("棕色", "褐色", "咖啡色", "驼色", "咖色"), ("4a2c1a", "6b4428", "8a5a34", "a97c50", "3a2a22")),
    Colour(("red", "scarlet", "crimson"), ("红色", "大红", "正红", "鲜红"), ("e01020", "c01020", "ff2a2a", "a8141c")),
    Colour(("burgundy", "maroon", "wine red"), ("酒红色", "酒红", "枣红"), ("6a1226", "800000", "501020", "7c1c30")),
    Colour(("orange", "rust", "terracotta"), ("橙色", "橘色", "桔色", "橘红"), ("ff7f10", "ffa500", "e86a20", "f59a4a", "c8562a")),
    Colour(("yellow", "mustard", "lemon yellow"), ("黄色", "姜黄", "明黄", "柠檬黄"), ("fce21c", "f4d03a", "fbec88", "d9a520")),
    Colour(("gold", "golden"), ("金色",), ("bf9b30", "a8842c")),
    Colour(("green", "emerald", "mint", "lime green"), ("绿色", "翠绿", "墨绿", "薄荷绿", "草绿"), ("1a8a3a", "2fb457", "0e5a30", "9ad0a0", "7cc242", "17382a")),
    Colour(("olive", "khaki", "khaki green", "olive green"), ("橄榄绿", "军绿色", "军绿", "卡其色", "卡其"), ("5c5c34", "808000", "77744a", "8f8a60", "464a30")),
    Colour(("turquoise", "teal", "aqua", "cyan"), ("青色", "青绿色", "湖蓝", "蓝绿色", "青绿"), ("18b0ae", "40d0d0", "0e7478", "a0e0e0")),
    Colour(("blue", "royal blue", "light blue", "sky blue", "cobalt"), ("蓝色", "天蓝", "宝蓝", "浅蓝", "天蓝色"), ("0000ff", "1c50c8", "2f74e0", "6aa2e8", "a8c8ee", "5a7ca8", "34588c")),
    Colour(("navy", "navy blue", "dark blue", "midnight blue"), ("藏青色", "藏青", "深蓝", "藏蓝", "海军蓝"), ("000080", "101c48", "1c2850", "0c1230", "232c42")),
    Colour(("purple", "violet", "lilac", "lavender", "plum"), ("紫色", "淡紫", "薰衣草紫", "深紫"), ("6a2a9a", "8c4cc0", "b49ae0", "cbb8e2", "46205c", "7e5a80")),
    Colour(("pink", "rose pink", "fuchsia", "magenta", "coral pink"), ("粉色", "粉红", "玫红", "粉红色", "桃红"), ("ff78b0", "f8b4c8", "e8289a", "f2cfd4", "e090a0", "d86080")),
    Colour(("silver",), ("银色",), ()),  # grey to a camera: told by words alone
)  # fmt: skip


def lab(rgb: Array) -> Float64[Array, "... 3"]:
    """sRGB (..., 3) of 0 to 255 in CIELAB under D65: L* 0 to 100, a* and b* about -100 to 100."""
    light = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _D65
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@functools.cache
def _anchors() -> tuple[Float32[Array, "looks 3"], Int64[Array, " looks"]]:
    looks = [(number, look) for number, colour in enumerate(COLOURS) for look in colour.looks]
    rgb = np.array([[int(look[i : i + 2], 16) for i in (0, 2, 4)] for _, look in looks])
    return _space(lab(rgb)), np.array([number for number, _ in looks])


def _space(points: Float64[Array, "points 3"]) -> Float32[Array, "points 3"]:
    """Lightness counts half: a shaded cloth keeps the name of its hue."""
    return np.asarray(points * (0.5, 1.0, 1.0), dtype=np.float32)


def nearest(points: Float64[Array, "points 3"]) -> Int64[Array, " points"]:
    """The place in `COLOURS` of the term whose examples lie nearest to each CIELAB point."""
    anchors, owner = _anchors()
    spots = _space(points)
    away = np.square(spots).sum(axis=1)[:, None] - 2 * spots @ anchors.T + np.square(anchors).sum(axis=1)
    return np.asarray(owner[away.argmin(axis=1)], dtype=np.int64)
