"""Product pictures for the demo shop: a cloth cut to the shape of a product, shown before a hanging of the same cloth.

Everything a picture shows is a field of `Picture`, so that equal values draw equal pixels and nothing is read from a
global random state. Shapes are polygons in a unit square; they are drawn at `SCALE` times the size, then reduced,
which is the antialiasing. The hanging is there for beauty and for a reason: an image encoder trained on photographs
sees first what a thing is, and hardly how it is woven; with the hanging the look weighs more than the shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from gobelin.media.weaving import STITCH, STITCHES, Look, Rgb, cloth

Shape = np.ndarray  # (corners, 2): a polygon in the unit square

SCALE = 2
MEDALLION = 0.46  # radius of the pale circle that a product is shown in; the cloth hangs around it
SHEER = 0.16  # how much of the hanging shows through the circle
WALLS: tuple[Rgb, ...] = ((248, 245, 239), (244, 245, 244), (248, 241, 235), (241, 244, 247), (246, 245, 238))
WOOD, WOOD_SHADE, TWIG = (196, 160, 118), (150, 116, 80), (146, 142, 112)


@dataclass(frozen=True)
class Picture:
    """One picture: a kind of product in a look; the rest varies the shape, its place and the light."""

    kind: str
    look: Look
    size: int = 192  # pixels, square
    wall: int = 0  # counts into WALLS
    girth: float = 1.0  # width of the shape against its height
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)  # of the picture's side
    tilt: float = 0.0  # degrees, for what lies flat
    gauge: float = 1.0  # size of a stitch
    light: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no drawing for a product of kind {self.kind!r}: choose one of {', '.join(KINDS)}")


def draw(picture: Picture) -> Image.Image:
    """The picture as an RGB image of `size` x `size` pixels."""
    easel = _Easel(picture)
    KINDS[picture.kind](easel)
    return easel.canvas.reduce(SCALE)


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0, stop: float = 360) -> Shape:
    """Points of an ellipse; degrees run clockwise from the right."""
    turn = np.radians(np.linspace(start, stop, 48))
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)


def curve(*controls: tuple[float, float]) -> Shape:
    """The Bezier curve of the control points."""
    n, t = len(controls) - 1, np.linspace(0, 1, 32)
    weights = np.stack([comb(n, i) * t**i * (1 - t) ** (n - i) for i in range(n + 1)], 1)
    return weights @ np.array(controls)


def turned(*controls: tuple[float, float]) -> Shape:
    """A body of revolution around x = .5, from (radius, height) control points, top first."""
    right = curve(*controls)
    return np.concatenate([[0.5, 0] + right, ([0.5, 0] + right * [-1, 1])[::-1]])


def corners(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """A rectangle with round corners."""
    x = (x1 - radius, x0 + radius, x0 + radius, x1 - radius)
    y = (y1 - radius, y1 - radius, y0 + radius, y0 + radius)
    return np.concatenate([ellipse(x[i], y[i], radius, radius, 90 * i, 90 * i + 90) for i in range(4)])


def shade(colour: Rgb, by: float) -> Rgb:
    """The colour made darker (below 1) or lighter (above 1)."""
    r, g, b = (min(255, round(c * by)) for c in colour)
    return r, g, b


@lru_cache(maxsize=32)
def _wall(index: int, pixels: int) -> Image.Image:
    """A pale wall, lit from above. Cached like its two companions: none of the three is painted on."""
    fade = np.linspace(1.01, 0.95, pixels)[:, None] * (1.015 - 0.05 * np.linspace(-0.7, 1.3, pixels) ** 2)
    return Image.fromarray(np.minimum(np.array(WALLS[index]) * fade[:, :, None], 255).astype(np.uint8))


@lru_cache(maxsize=64)
def _hanging(look: Look, pixels: int) -> Image.Image:
    """The cloth as a wall hanging."""
    return Image.fromarray(cloth(look)[:pixels, :pixels])


@lru_cache(maxsize=8)
def _medallion(pixels: int) -> Image.Image:
    """The mask of the medallion: bare wall within the circle, the hanging around it."""
    mask = Image.new("L", (pixels, pixels))
    ImageDraw.Draw(mask).polygon((ellipse(0.5, 0.5, MEDALLION, MEDALLION) * pixels).ravel().tolist(), fill=255)
    return mask


class _Easel:
    """The canvas of one picture, and the few strokes that shapes are made of."""

    def __init__(self, picture: Picture) -> None:
        self.picture, self.side = picture, picture.size * SCALE
        self.yarns = tuple(shade(yarn, picture.light) for yarn in picture.look.yarns)
        self.girth = picture.girth
        self.canvas = _hanging(picture.look, self.side).copy()
        wall = Image.blend(_wall(picture.wall, self.side), self.canvas, SHEER)
        self.canvas.paste(wall, mask=_medallion(self.side))
        self.pen = ImageDraw.Draw(self.canvas)
        self.pen.line(
            (ellipse(0.5, 0.5, MEDALLION, MEDALLION) * self.side).ravel().tolist(), self.yarns[1], self.side // 60
        )

    def place(self, shape: Shape, lies: bool = False) -> np.ndarray:
        """Unit square to pixels: turned by the tilt if it lies flat, zoomed about the middle, shifted."""
        angle = np.radians(self.picture.tilt) if lies else 0.0
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = np.array([0.5, 0.5])
        return ((shape - centre) @ turn * self.picture.zoom + centre + self.picture.shift) * self.side

    def fill(self, shape: Shape, colour: Rgb, lies: bool = False) -> None:
        self.pen.polygon(self.place(shape, lies).ravel().tolist(), fill=colour)

    def line(self, shape: Shape, colour: Rgb, width: float, lies: bool = False) -> None:
        joint = "curve" if len(shape) < 9 or width > 0.02 else None  # thin curves have no corners to round
        points = self.place(shape, lies).ravel().tolist()
        self.pen.line(points, fill=colour, width=max(1, round(width * self.side)), joint=joint)

    def shadow(self, shape: Shape, lies: bool = False, depth: float = 0.3, blur: float = 0.02) -> None:
        """A soft shadow, painted at a quarter of the size because it is blurred anyway."""
        points, margin = self.place(shape, lies) / 4, 3 * blur * self.side / 4
        left, top = (int(edge - margin) for edge in points.min(0))
        wide, high = (int(edge + margin) + 1 for edge in points.max(0) - (left, top))
        mask = Image.new("L", (wide, high))
        ImageDraw.Draw(mask).polygon((points - (left, top)).ravel().tolist(), fill=round(255 * depth))
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self.side / 4))
        mask = mask.resize((wide * 4, high * 4), Image.Resampling.BILINEAR)
        self.canvas.paste((70, 58, 46), (left * 4, top * 4, (left + wide) * 4, (top + high) * 4), mask)

    def ground(self, width: float) -> None:
        """The shadow under something that stands."""
        self.shadow(ellipse(0.53, 0.842, width * 1.12, 0.028), depth=0.42)

    def weave(self, shape: Shape, bend: float = 0.0, lies: bool = False) -> None:
        """The look's cloth, cut to the shape. `bend` wraps it around an upright body (0: flat)."""
        points = self.place(shape, lies)
        left, top = (int(edge) for edge in points.min(0))
        wide, high = (int(edge) + 2 for edge in points.max(0) - (left, top))
        mask = Image.new("L", (wide, high))
        ImageDraw.Draw(mask).polygon((points - (left, top)).ravel().tolist(), fill=255)
        pixels = self._cut(wide, high, bend, lies) * self._light(wide, high, bend)
        piece = Image.fromarray(np.minimum(pixels, 255).astype(np.uint8))
        self.canvas.paste(piece, (left, top), mask)

    def _cut(self, wide: int, high: int, bend: float, lies: bool) -> np.ndarray:
        """The cloth's pixel for every pixel of a piece, from its middle outwards."""
        step = 192 / self.picture.size / self.picture.gauge
        u, v = np.linspace(-1, 1, wide, dtype=np.float32), (np.arange(high, dtype=np.float32) - high / 2)[:, None]
        if bend:  # a cylinder seen a little from above: columns crowd at the edges, rows sag in the middle
            x, y = np.arcsin(u * 0.96) * wide / 2.56, v - bend * wide * np.sqrt(1 - 0.92 * u**2)
        else:
            angle = np.radians(self.picture.tilt) if lies else 0.0
            cos, sin = np.float32(np.cos(angle) * step), np.float32(np.sin(angle) * step)
            x, y = u * wide / 2, v
            x, y, step = x * cos + y * sin, y * cos - x * sin, 1.0
        repeat, middle = cloth(self.picture.look), STITCHES * STITCH
        column, row = (x * step + middle).astype(np.int32), (y * step + middle).astype(np.int32)
        return repeat.reshape(-1, 3).take(row * (2 * middle) + column, axis=0)

    def _light(self, wide: int, high: int, bend: float) -> np.ndarray:
        """Light from the upper left: round bodies darken to the right, flat ones a little to the lower right."""
        u, v = np.linspace(0, 1, wide, dtype=np.float32), np.linspace(0, 1, high, dtype=np.float32)
        if bend:
            across = 1.1 - 1.0 * np.abs(u - 0.36) ** 1.8 - 0.12 * u
            down = 1.02 - 0.1 * v**2
        else:
            across, down = 1.04 - 0.1 * u, 1.03 - 0.1 * v
        return (across[None, :] * (down[:, None] * np.float32(self.picture.light)))[:, :, None]


# --- what the shop sells ---------------------------------------------------------------------------------------


def _vase(e: _Easel) -> None:
    g = e.girth
    e.ground(0.15 * g)
    for lean, tall in ((-0.1, 0.05), (0.02, 0.0), (0.11, 0.07)):  # dry twigs
        stem = curve((0.5 + lean * 0.2, 0.32), (0.5 + lean * 0.4, 0.2), (0.5 + lean * 1.5, tall + 0.02))
        e.line(stem, TWIG, 0.008)
        for i in range(14, 32, 5):
            x, y = stem[i]
            e.fill(ellipse(x + 0.018 * (-1 if i % 2 else 1), y, 0.017, 0.011), shade(TWIG, 1.12 if i % 2 else 0.95))
    e.fill(ellipse(0.5, 0.3, 0.075 * g, 0.02), shade(e.yarns[0], 0.45))
    neck, belly = (0.07 * g, 0.3), (0.34 * g, 0.52)
    e.weave(turned(neck, (0.03 * g, 0.42), belly, (0.26 * g, 0.72), (0.12 * g, 0.845)), bend=0.1)
    e.line(ellipse(0.5, 0.3, 0.07 * g, 0.016), shade(e.yarns[1], 0.95), 0.009)


def _mug(e: _Easel) -> None:
    r = 0.21 * e.girth
    e.ground(r)
    handle = ellipse(0.5 + r + 0.01, 0.6, 0.105, 0.125, -100, 100)
    e.line(handle, shade(e.yarns[0], 0.72), 0.05)
    e.line(handle - [0.004, 0.004], shade(e.yarns[0], 0.95), 0.032)
    body = np.concatenate([[[0.5 - r, 0.4]], ellipse(0.5, 0.795, r * 0.94, 0.05, 180, 0), [[0.5 + r, 0.4]]])
    e.weave(np.concatenate([body, ellipse(0.5, 0.4, r, 0.045)]), bend=0.1)
    e.fill(ellipse(0.5, 0.4, r, 0.045), shade(e.yarns[1], 0.98))
    e.fill(ellipse(0.5, 0.407, r * 0.9, 0.034), (116, 78, 52))


def _bowl(e: _Easel) -> None:
    r = 0.31 * min(e.girth, 1.12)
    e.ground(0.2)
    e.fill(np.array([[0.39, 0.8], [0.61, 0.8], [0.6, 0.85], [0.4, 0.85]]), shade(e.yarns[0], 0.6))
    e.weave(np.concatenate([ellipse(0.5, 0.5, r, 0.32, 0, 180), ellipse(0.5, 0.5, r, 0.075, 180, 0)]), bend=0.09)
    e.fill(ellipse(0.5, 0.5, r, 0.075), shade(e.yarns[1], 0.99))
    e.fill(ellipse(0.5, 0.515, r * 0.92, 0.058), shade(e.yarns[1], 0.9))


def _teapot(e: _Easel) -> None:
    r = 0.23 * e.girth
    e.ground(r * 0.9)
    tone, lit = shade(e.yarns[0], 0.75), shade(e.yarns[0], 0.98)
    e.line(ellipse(0.5 - r, 0.6, 0.12, 0.14, 80, 290), tone, 0.042)
    spout = np.concatenate([curve((0.5 + r * 0.7, 0.66), (0.5 + r + 0.1, 0.64), (0.5 + r + 0.13, 0.43)),
                            curve((0.5 + r + 0.17, 0.43), (0.5 + r + 0.16, 0.76), (0.5 + r * 0.7, 0.78))])  # fmt: skip
    e.fill(spout, lit)
    e.weave(ellipse(0.5, 0.635, r, 0.21), bend=0.12)
    e.weave(
        np.concatenate([ellipse(0.5, 0.46, r * 0.55, 0.075, 180, 360), ellipse(0.5, 0.46, r * 0.55, 0.02, 0, 180)]),
        bend=0.06,
    )
    e.line(ellipse(0.5, 0.462, r * 0.55, 0.02, 0, 180), tone, 0.01)
    e.fill(ellipse(0.5, 0.37, 0.03, 0.03), lit)


def _lamp(e: _Easel) -> None:
    top, foot = 0.13 * e.girth, 0.235 * min(e.girth, 1.15)
    e.ground(0.13)
    e.fill(turned((0.02, 0.5), (0.015, 0.6), (0.07, 0.66), (0.1, 0.74), (0.02, 0.8)), WOOD)
    e.fill(ellipse(0.5, 0.83, 0.12, 0.022), WOOD_SHADE)
    e.fill(ellipse(0.5, 0.82, 0.12, 0.02), WOOD)
    e.fill(ellipse(0.5, 0.505, foot, 0.03), (252, 236, 196))
    lower = ellipse(0.5, 0.5, foot, 0.035, 180, 0)
    e.weave(np.concatenate([lower, ellipse(0.5, 0.2, top, 0.02, 360, 180)]), bend=0.06)
    e.line(lower, shade(e.yarns[1], 0.97), 0.01)


def _cushion(e: _Easel) -> None:
    w = 0.31 * min(e.girth, 1.1)
    sides = [((-w, -0.31), (0, -0.25), (w, -0.31)), ((w, -0.31), (w * 0.8, 0), (w, 0.31)),
             ((w, 0.31), (0, 0.25), (-w, 0.31)), ((-w, 0.31), (-w * 0.8, 0), (-w, -0.31))]  # fmt: skip
    shape = np.concatenate([curve(*side) for side in sides]) + [0.5, 0.52]
    e.shadow(shape + [0.015, 0.03], lies=True)
    e.weave(shape, lies=True)
    e.line(np.concatenate([shape, shape[:1]]), shade(e.yarns[2], 1.0), 0.011, lies=True)
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):  # tassels
        e.line(
            np.array([[0.5 + x * w, 0.52 + y * 0.31], [0.5 + x * (w + 0.035), 0.52 + y * 0.345]]),
            e.yarns[1],
            0.024,
            lies=True,
        )


def _rug(e: _Easel) -> None:
    w = 0.25 * e.girth
    x0, x1 = 0.5 - w, 0.5 + w
    shape = np.array([[x0, 0.12], [x1, 0.12], [x1, 0.88], [x0, 0.88]])
    e.shadow(shape + [0.01, 0.015], lies=True, blur=0.012)
    for x in np.linspace(x0 + 0.008, x1 - 0.008, 26):  # fringes
        for y, out in ((0.12, -0.045), (0.88, 0.045)):
            e.line(np.array([[x, y], [x + 0.004, y + out]]), shade(e.yarns[1], 0.93), 0.008, lies=True)
    e.weave(shape, lies=True)
    for inset in (0.0, 0.05):
        x, y = inset, inset
        border = np.array(
            [[x0 + x, 0.12 + y], [x1 - x, 0.12 + y], [x1 - x, 0.88 - y], [x0 + x, 0.88 - y], [x0 + x, 0.12 + y]]
        )
        e.line(border, e.yarns[2] if inset else e.yarns[1], 0.014, lies=True)


def _tote(e: _Easel) -> None:
    w = 0.25 * e.girth
    e.ground(w)
    for depth, tone in ((0.0, 0.62), (0.02, 0.85)):
        e.line(ellipse(0.5, 0.42 + depth, 0.12 * e.girth, 0.25, 180, 360), shade(e.yarns[2], tone + 0.15), 0.026)
    body = np.array([[0.5 - w * 0.95, 0.38], [0.5 + w * 0.95, 0.38], [0.5 + w * 1.04, 0.8], [0.5 + w, 0.845],
                     [0.5 - w, 0.845], [0.5 - w * 1.04, 0.8]])  # fmt: skip
    e.weave(body)
    hem = np.array([[0.5 - w * 0.95, 0.405], [0.5 + w * 0.95, 0.405]])
    e.line(hem, shade(e.yarns[1], 0.97), 0.012)
    e.line(hem + [0, 0.012], shade(e.yarns[0], 0.7), 0.005)


def _plate(e: _Easel) -> None:
    r = 0.35 * min(max(e.girth, 0.92), 1.06)
    e.shadow(ellipse(0.515, 0.535, r, r), lies=True)
    e.weave(ellipse(0.5, 0.5, r, r), lies=True)
    e.line(ellipse(0.5, 0.5, r, r), e.yarns[1], 0.016, lies=True)
    e.line(ellipse(0.5, 0.5, r * 0.66, r * 0.66), shade(e.yarns[0], 0.72), 0.007, lies=True)
    e.line(ellipse(0.497, 0.497, r * 0.66, r * 0.66), shade(e.yarns[1], 1.0), 0.006, lies=True)


def _notebook(e: _Easel) -> None:
    w = 0.24 * min(e.girth, 1.15)
    x0, x1 = 0.5 - w, 0.5 + w
    shape = corners(x0, 0.17, x1, 0.84, 0.025)
    e.shadow(shape + [0.015, 0.02], lies=True)
    e.fill(shape + [0.012, 0.01], (250, 247, 238), lies=True)
    e.line(np.array([[0.5, 0.8], [0.5, 0.9]]) + [w * 0.4, 0], shade(e.yarns[3], 0.9), 0.02, lies=True)
    e.weave(shape, lies=True)
    side = [[x0, 0.19], [x0 + 0.02, 0.17], [x0 + 0.07, 0.17], [x0 + 0.07, 0.84], [x0 + 0.02, 0.84], [x0, 0.82]]
    e.fill(np.array(side), shade(e.yarns[2], 0.9), lies=True)
    label = corners(0.5 - w * 0.3, 0.32, 0.5 + w * 0.62, 0.44, 0.012)
    e.fill(label, (250, 247, 238), lies=True)
    for y in (0.36, 0.395):
        e.line(np.array([[0.5 - w * 0.18, y], [0.5 + w * 0.5, y]]), (186, 178, 166), 0.006, lies=True)


KINDS: dict[str, Callable[[_Easel], None]] = {
    "vase": _vase, "mug": _mug, "bowl": _bowl, "teapot": _teapot, "lamp": _lamp,
    "cushion": _cushion, "rug": _rug, "tote": _tote, "plate": _plate, "notebook": _notebook,
}  # fmt: skip
