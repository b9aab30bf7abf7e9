"""Stripes, checks and dots, told by which way the waves of a cloth run."""

import numpy as np
from scipy import ndimage

from gobelin.arrays import Array, Bool, Float64

_STEP = 1.5  # L* a pixel from which a slope is an edge and no shade
_BUSY = 0.06  # share of edge pixels below which a cloth is plain
_GRID = 256  # the spectrum's side
_LEAST = 400  # pixels below which nothing is said


def pattern_of(lightness: Float64[Array, "height width"], inside: Bool[Array, "height width"]) -> tuple[str, float]:
    """plain | striped | checked | dotted | patterned, and how sure; ("", 0) where too little is seen.

    lightness: L*. Plain: few pixels lie on a slope. Else, with W the power at frequency f times |f| and t its
    direction, in the largest square inside: along = |sum W e^2it| / sum W is 1 where all waves run one way (stripes),
    crossed = |sum W e^4it| / sum W is 1 where they run two ways at right angles (checks), both are small for dots,
    which are spots, round and of one size. The silhouette is worn off first, so that it is no edge.
    """
    core = ndimage.binary_erosion(ndimage.binary_closing(np.pad(inside, 8), iterations=6)[8:-8, 8:-8], iterations=3)
    if core.sum() < _LEAST:
        return "", 0.0
    smooth = ndimage.gaussian_filter(lightness, 0.7)
    slope = np.hypot(ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)) / 8
    share = float((slope[core] > _STEP).mean())
    if share < _BUSY:
        return "plain", round(0.95 - 5 * share, 3)
    along, crossed = _directions(lightness, core)
    if along > 0.75:
        return "striped", round(min(along, 0.95), 3)
    if crossed > 0.6 and along < 0.4:
        return "checked", round(min(crossed, 0.95), 3)
    if max(along, crossed) < 0.4 and (even := _evenness(lightness, core)) > 0:
        return "dotted", even
    return "patterned", 0.6


def _directions(lightness: Float64[Array, "height width"], core: Bool[Array, "height width"]) -> tuple[float, float]:
    """(along, crossed) of the spectrum of the largest square inside."""
    depth = ndimage.distance_transform_cdt(np.pad(core, 1), metric="chessboard")[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    reach = int(depth[y, x]) - 1
    piece = lightness[y - reach : y + reach + 1, x - reach : x + reach + 1]
    window = np.hanning(len(piece))[:, None] * np.hanning(len(piece))
    if len(piece) < 12:
        return 0.0, 0.0
    power = np.square(np.abs(np.fft.fft2((piece - np.average(piece, weights=window)) * window, (_GRID, _GRID))))
    down, right = np.fft.fftfreq(_GRID)[:, None], np.fft.fftfreq(_GRID)[None, :]
    frequency = np.hypot(down, right)
    # fewer than two and a half waves across are light and shade; the fastest ones are noise
    heard = power * frequency * ((frequency > 2.5 / len(piece)) & (frequency < 0.45))
    turn = np.arctan2(down, np.broadcast_to(right, power.shape))
    total = max(float(heard.sum()), 1e-12)
    return float(abs((heard * np.exp(2j * turn)).sum()) / total), float(abs((heard * np.exp(4j * turn)).sum()) / total)


def _evenness(lightness: Float64[Array, "height width"], core: Bool[Array, "height width"]) -> float:
    """How surely the spots on a ground are round and of one size; 0 where they are not."""
    values = lightness[core]
    middle = float(np.median(values))
    spread = np.abs(lightness - middle)
    spots, count = ndimage.label((spread > 0.5 * np.percentile(spread[core], 97)) & core)
    if count < 6:
        return 0.0
    boxes = ndimage.find_objects(spots)
    areas = ndimage.sum_labels(np.ones_like(lightness), spots, np.arange(1, count + 1))
    typical = float(np.median(areas))
    whole = [(box, area) for box, area in zip(boxes, areas.tolist(), strict=True) if typical / 2 <= area <= typical * 2]
    if typical < 4 or sum(area for _, area in whole) < 0.6 * areas.sum():
        return 0.0
    filled = [area / ((b[0].stop - b[0].start) * (b[1].stop - b[1].start)) for b, area in whole]
    longer = [
        max(b[0].stop - b[0].start, b[1].stop - b[1].start) / min(b[0].stop - b[0].start, b[1].stop - b[1].start)
        for b, _ in whole
    ]
    round_ones = float(np.mean([f > 0.55 and ratio < 1.6 for f, ratio in zip(filled, longer, strict=True)]))
    return round(0.5 + 0.4 * round_ones, 3) if round_ones > 0.6 else 0.0
