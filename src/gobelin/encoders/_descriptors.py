"""Classical descriptors of one square picture, each a group of figures with one unit: numpy alone.

    colour    CIELAB histogram, soft-binned over 4 x 5 x 5; the whole picture, then its foreground: 200
    edges     histogram of oriented gradients, Dalal and Triggs (2005), over 4 x 4 cells: 324
    texture   local binary patterns, uniform, 8 neighbours at radius 1, Ojala et al. (2002): 59
    shape     Hu's seven moment invariants (1962) of the foreground, and where it lies: 12

The foreground is what differs from the colour of the border, as a product does from its background; a picture without
one colour around it (a photograph, a poster) has a foreground that means less.
"""

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Float64, UInt8

SIDE = 128  # pixels of the square that is described

_LIGHT = np.array([10.0, 37.0, 64.0, 91.0])  # centres of the bins: L* of 0..100
_CHROMA = np.array([-50.0, -25.0, 0.0, 25.0, 50.0])  # a* and b*; beyond the ends counts as the end
COLOURS = len(_LIGHT) * len(_CHROMA) ** 2

CELLS, ORIENTATIONS = 4, 9
EDGES = (CELLS - 1) ** 2 * 4 * ORIENTATIONS

_NEAR_BORDER = 12.0  # CIELAB distance from the border's median colour up to which a pixel is background
_LEAST = 0.005  # share of the picture that a foreground has at least

Picture = UInt8[Array, "side side 3"]


def lab(picture: UInt8[Array, "... 3"]) -> Float64[Array, "... 3"]:
    """sRGB to CIELAB under D65: L* 0..100, a* and b* about -100..100."""
    xyz = _LINEAR[picture] @ _TO_XYZ.T / _WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


_VALUE = np.arange(256) / 255
_LINEAR = np.where(_VALUE <= 0.04045, _VALUE / 12.92, ((_VALUE + 0.055) / 1.055) ** 2.4)  # of an sRGB byte
_TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
_WHITE = _TO_XYZ.sum(axis=1)  # of (1, 1, 1)


def foreground(colours: Float64[Array, "side side 3"]) -> Bool[Array, "side side"]:
    """Pixels that differ from the border's median colour; none where hardly any do."""
    border = np.concatenate([colours[0], colours[-1], colours[1:-1, 0], colours[1:-1, -1]])
    found = np.linalg.norm(colours - np.median(border, axis=0), axis=-1) > _NEAR_BORDER
    return found if found.mean() >= _LEAST else np.zeros_like(found)


def colour(colours: Float64[Array, "side side 3"], front: Bool[Array, "side side"]) -> Float32[Array, " 200"]:
    """Square roots of the shares of 100 bins (L* slowest, b* fastest), of the whole picture, then of the foreground (of
    the whole once more where there is none). A pixel is shared among the eight nearest bins. Each half has length
    1 / sqrt 2, so the group has unit length."""
    whole = _shares(colours.reshape(-1, 3))
    part = _shares(colours[front]) if front.any() else whole
    return np.sqrt(np.concatenate([whole, part]) / 2).astype(np.float32)


def _shares(pixels: Float64[Array, "pixels 3"]) -> Float64[Array, " 100"]:
    axes = [_soft(pixels[:, i], centres) for i, centres in enumerate((_LIGHT, _CHROMA, _CHROMA))]
    total = np.zeros(COLOURS)
    for light, l_share in axes[0]:
        for red, a_share in axes[1]:
            for yellow, b_share in axes[2]:
                place = (light * len(_CHROMA) + red) * len(_CHROMA) + yellow
                total += np.bincount(place, weights=l_share * a_share * b_share, minlength=COLOURS)
    return total / len(pixels)


def _soft(values: Float64[Array, " pixels"], centres: Float64[Array, " bins"]) -> list[tuple[Array, Array]]:
    """The two nearest bins of each value with their shares, which fall linearly with the distance."""
    place = np.clip((values - centres[0]) / (centres[1] - centres[0]), 0, len(centres) - 1)
    low = np.minimum(place.astype(np.int64), len(centres) - 2)
    return [(low, 1 - (place - low)), (low + 1, place - low)]


def edges(picture: Picture) -> Float32[Array, " 324"]:
    """Gradients of the strongest channel (square-root intensities, [-1, 0, 1]), nine orientations of 20 degrees without
    sign (0: across, i.e. an upright edge), each gradient shared between the two nearest; cells of 32 x 32 pixels,
    overlapping blocks of 2 x 2 cells, each cut at .2 of unit length and normalised again. Blocks by rows, in each its
    cells by rows. Divided by 3, so that the group has at most unit length. Cells share no gradients.
    """
    value = np.sqrt(picture / 255.0)
    dx, dy = np.zeros_like(value), np.zeros_like(value)
    dx[:, 1:-1] = value[:, 2:] - value[:, :-2]
    dy[1:-1] = value[2:] - value[:-2]
    strength = np.hypot(dx, dy)
    best = strength.argmax(axis=-1)[..., None]
    dx, dy, strength = (np.take_along_axis(one, best, axis=-1)[..., 0] for one in (dx, dy, strength))
    turn = np.mod(np.arctan2(dy, dx), np.pi) / np.pi * ORIENTATIONS
    low = np.floor(turn)
    upper = turn - low
    size = SIDE // CELLS
    row, column = np.indices(strength.shape) // size
    cell = (row * CELLS + column) * ORIENTATIONS
    bins = np.zeros(CELLS * CELLS * ORIENTATIONS)
    for place, share in ((low, 1 - upper), (low + 1, upper)):
        which = cell + place.astype(np.int64) % ORIENTATIONS
        bins += np.bincount(which.ravel(), weights=(strength * share).ravel(), minlength=len(bins))
    grid = bins.reshape(CELLS, CELLS, ORIENTATIONS) / size**2
    blocks = [grid[y : y + 2, x : x + 2].ravel() for y in range(CELLS - 1) for x in range(CELLS - 1)]
    return np.concatenate([_cut(block) for block in blocks]).astype(np.float32) / (CELLS - 1)


def _cut(block: Float64[Array, " 36"]) -> Float64[Array, " 36"]:
    """L2-Hys; a block without an edge stays nought."""
    block = np.minimum(block / np.sqrt(block @ block + 1e-6), 0.2)
    return block / np.sqrt(block @ block + 1e-6)


def texture(picture: Picture) -> Float32[Array, " 59"]:
    """Square roots of the shares of patterns: 58 with at most two changes between 0 and 1 around the circle (by their
    number of ones, then by where the ones begin), and all others. Unit length."""
    grey = picture @ np.array([0.299, 0.587, 0.114])
    inner = slice(1, -1)
    centre = grey[inner, inner]
    code = np.zeros(centre.shape, dtype=np.int64)
    for bit in range(8):
        angle = 2 * np.pi * bit / 8
        there = _at(grey, -np.sin(angle), np.cos(angle))
        code |= (there - centre >= -1e-6).astype(np.int64) << bit  # rounding must not make a flat surface rough
    counts = np.bincount(_PATTERN[code.ravel()], minlength=59)
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def _at(grey: Float64[Array, "side side"], down: float, right: float) -> Float64[Array, "inner inner"]:
    """Each inner pixel's neighbour at an offset of less than a pixel and a little, bilinear."""
    side = grey.shape[0]
    y, x = round(np.floor(down + 1e-9)), round(np.floor(right + 1e-9))
    fy, fx = abs(down - y), abs(right - x)
    out = np.zeros((side - 2, side - 2))
    for i, wy in ((y, 1 - fy), (y + 1, fy)):
        for j, wx in ((x, 1 - fx), (x + 1, fx)):
            if wy * wx > 1e-9:
                out += wy * wx * grey[1 + i : side - 1 + i, 1 + j : side - 1 + j]
    return out


def _uniform() -> Array:
    """(256,) the bin of each pattern of eight bits."""
    bins = np.full(256, 58, dtype=np.int64)
    bins[0], bins[255] = 0, 57
    for ones in range(1, 8):
        for begin in range(8):
            code = sum(1 << ((begin + i) % 8) for i in range(ones))
            bins[code] = 1 + (ones - 1) * 8 + begin
    return bins


_PATTERN = _uniform()


def shape(front: Bool[Array, "side side"]) -> Float32[Array, " 12"]:
    """Of the foreground: Hu's invariants h1 ... h7, each as sign(h) |h|^(1 / degree), which puts them on the scale of
    h1 (.16 for a disc, more the longer a shape is); then its share of the picture, the centre's x and y, the width and
    the height of its box, as shares of the side. All nought where there is no foreground."""
    out = np.zeros(12, dtype=np.float32)
    ys, xs = np.nonzero(front)
    if not len(ys):
        return out
    out[:7] = hu_moments(xs + 0.5, ys + 0.5)
    side = front.shape[0]
    out[7] = front.mean()
    out[8:10] = (xs.mean() + 0.5) / side, (ys.mean() + 0.5) / side
    out[10:12] = (xs.max() - xs.min() + 1) / side, (ys.max() - ys.min() + 1) / side
    return out


_DEGREES = np.array([1, 2, 2, 2, 4, 3, 4])


def hu_moments(x: Float64[Array, " pixels"], y: Float64[Array, " pixels"]) -> Float64[Array, " 7"]:
    """The seven invariants of a set of pixels by their centres, each rooted by its degree."""
    area = float(len(x))
    x, y = x - x.mean(), y - y.mean()

    def eta(p: int, q: int) -> float:
        return float((x**p * y**q).sum()) / area ** (1 + (p + q) / 2)

    n20, n02, n11 = eta(2, 0), eta(0, 2), eta(1, 1)
    n30, n03, n21, n12 = eta(3, 0), eta(0, 3), eta(2, 1), eta(1, 2)
    a, b = n30 + n12, n21 + n03
    c, d = n30 - 3 * n12, 3 * n21 - n03
    h = np.array([
        n20 + n02,
        (n20 - n02) ** 2 + 4 * n11**2,
        c**2 + d**2,
        a**2 + b**2,
        c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
        (n20 - n02) * (a**2 - b**2) + 4 * n11 * a * b,
        d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
    ])  # fmt: skip
    return np.sign(h) * np.abs(h) ** (1 / _DEGREES)
