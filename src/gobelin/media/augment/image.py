"""Augmentation of pictures: RGB pictures of Pillow in, of the same size out.

Shorten and Khoshgoftaar, A survey on Image Data Augmentation for Deep Learning (Journal of Big Data, 2019); crops of a
random area: Szegedy et al., Going Deeper with Convolutions (CVPR 2015); colour and blur: Chen et al., SimCLR (ICML
2020). What comes into view from outside a picture has the mean colour of its border: white on a shop's white ground.
"""

import math

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

_SHARPEST = 0.05  # pixels of blur below which nothing is seen


def flip(picture: Image.Image, rng: np.random.Generator, *, upside_down: bool = False) -> Image.Image:
    """Left and right change places (or top and bottom). Always: a `Step` has the chance."""
    return ImageOps.flip(picture) if upside_down else ImageOps.mirror(picture)


def crop(picture: Image.Image, rng: np.random.Generator, *, share: float = 0.2, stretch: float = 0.1) -> Image.Image:
    """A part of it, brought back to its size.

    share: of the area that is cut away at most; stretch: how much the proportions may change at most, as a factor
    of 1 + stretch either way.
    """
    width, height = picture.size
    side = math.sqrt(1 - share * rng.random())
    skew = math.sqrt((1 + stretch) ** rng.uniform(-1, 1))
    wide, high = min(width, width * side * skew), min(height, height * side / skew)
    left, top = (width - wide) * rng.random(), (height - high) * rng.random()
    if (wide, high) == (width, height):
        return picture
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high))


def rotate(picture: Image.Image, rng: np.random.Generator, *, degrees: float = 10.0) -> Image.Image:
    """About its middle, by an angle drawn evenly from -degrees to degrees."""
    angle = math.radians(degrees * rng.uniform(-1, 1))
    return _moved(picture, angle=angle)


def shift(picture: Image.Image, rng: np.random.Generator, *, share: float = 0.1) -> Image.Image:
    """By up to `share` of its width and of its height, in any direction."""
    across, down = share * rng.uniform(-1, 1, 2)
    return _moved(picture, across=across * picture.width, down=down * picture.height)


def zoom(picture: Image.Image, rng: np.random.Generator, *, share: float = 0.2) -> Image.Image:
    """Nearer or further, by a factor between 1 / (1 + share) and 1 + share."""
    return _moved(picture, factor=(1 + share) ** rng.uniform(-1, 1))


def colour(
    picture: Image.Image,
    rng: np.random.Generator,
    *,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
    hue: float = 0.02,
) -> Image.Image:
    """Light and colour of the whole picture; each strength is the largest change.

    brightness, contrast, saturation: factors from 1 - s to 1 + s. hue: a turn of the colour circle from -hue to hue
    (0.5 is halfway round), small by default: the colour of a product is no accident.
    """
    draws = rng.uniform(-1, 1, 4)
    for strength, draw, enhance in zip(
        (brightness, contrast, saturation),
        draws,
        (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color),
        strict=False,
    ):
        if strength:
            picture = enhance(picture).enhance(max(0.0, 1 + strength * float(draw)))
    turned = round(256 * hue * float(draws[3]))
    if turned:
        bands = picture.convert("HSV").split()
        turn = bands[0].point([(value + turned) % 256 for value in range(256)])
        picture = Image.merge("HSV", (turn, *bands[1:])).convert("RGB")
    return picture


def blur(picture: Image.Image, rng: np.random.Generator, *, radius: float = 1.5) -> Image.Image:
    """A Gaussian of a standard deviation up to `radius` pixels."""
    drawn = radius * rng.random()
    return picture.filter(ImageFilter.GaussianBlur(drawn)) if drawn > _SHARPEST else picture


def noise(picture: Image.Image, rng: np.random.Generator, *, deviation: float = 0.05) -> Image.Image:
    """Gaussian noise of each colour of each pixel; deviation: of the full scale, drawn evenly from 0 to it."""
    pixels = np.asarray(picture, dtype=np.float64)
    drawn = 255 * deviation * rng.random() * rng.standard_normal(pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels + drawn), 0, 255).astype(np.uint8))


def _moved(
    picture: Image.Image, angle: float = 0.0, factor: float = 1.0, across: float = 0.0, down: float = 0.0
) -> Image.Image:
    """Turned (radians, counter-clockwise) and enlarged about its middle, then moved (pixels, right and down)."""
    if angle == 0 and factor == 1 and across == 0 and down == 0:
        return picture
    # Pillow asks for the way back: from a place of the result to the place it shows
    x, y = picture.width / 2, picture.height / 2
    cosine, sine = math.cos(angle) / factor, math.sin(angle) / factor
    matrix = (
        cosine, -sine, x - cosine * (x + across) + sine * (y + down),
        sine, cosine, y - sine * (x + across) - cosine * (y + down),
    )  # fmt: skip
    fill = tuple(int(value) for value in np.rint(_border(picture)))
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=fill)


def _border(picture: Image.Image) -> np.ndarray:
    """The mean colour of the outermost pixels."""
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.asarray(edge.mean(axis=0))
