"""Where one shot of a clip ends and the next begins, and which frames stand for them.

A cut is sought as by Yeo and Liu (Rapid scene analysis on compressed video, IEEE Transactions on Circuits and Systems
for Video Technology, 1995): the difference of two neighbouring frames is the largest of those around it, and a
multiple of the next largest, so that the threshold adapts to how much moves there. The difference compares colour
histograms region by region, as in Boreczky and Rowe's comparison (SPIE 1996). Fades and dissolves are no cuts.
"""

import numpy as np

from gobelin.arrays import Array, Float32, Float64, Int64, UInt8

_REGIONS = 4  # a side
_BINS = 8
_CHUNK = 256  # frames
_LEAST = 0.12  # of two frames that share nothing: 1; what a cut differs at least
_TIMES = 3.0  # a cut differs by so many times the largest difference near it
_AROUND = 0.3  # seconds before and after a cut in which there is no other
_NEIGHBOURS = (2, 12)  # frames: no less and no more than that

_TENT: Float32[Array, "8 256"] = np.maximum(
    1 - np.abs(np.arange(256)[None, :] / 255 * (_BINS - 1) - np.arange(_BINS)[:, None]), 0
).astype(np.float32)
"""How much of each bin a value is: two neighbouring bins share it, so that a little light moves little."""


def cuts_of(small: UInt8[Array, "frames height width 3"], times: Float64[Array, " frames"]) -> Int64[Array, " cuts"]:
    """The frames with which a new shot begins, without the first frame."""
    if len(small) < 2:
        return np.zeros(0, dtype=np.int64)
    change = differences(small)  # change[i]: from frame i to i + 1
    usual = float(np.median(np.diff(times))) or 1 / 25
    reach = int(np.clip(round(_AROUND / usual), *_NEIGHBOURS))
    cuts = []
    for i in np.flatnonzero(change > _LEAST).tolist():
        around = np.concatenate([change[max(0, i - reach) : i], change[i + 1 : i + 1 + reach]])
        if change[i] >= _TIMES * around.max(initial=0.0):
            cuts.append(i + 1)
    return np.array(cuts, dtype=np.int64)


def differences(small: UInt8[Array, "frames height width 3"]) -> Float32[Array, " frames-1"]:
    """Of each frame to the next, from 0 to 1: half the sum of absolute differences of the histograms of red, green
    and blue, averaged over 4 x 4 regions."""
    found = []
    last = _histograms(small[:1])
    for start in range(1, len(small), _CHUNK):
        some = _histograms(small[start : start + _CHUNK])
        both = np.concatenate([last, some])
        found.append(np.abs(np.diff(both, axis=0)).sum(axis=1).mean(axis=1) / 2)
        last = some[-1:]
    return np.concatenate(found).astype(np.float32)


def _histograms(small: UInt8[Array, "frames height width 3"]) -> Float32[Array, "frames bins parts"]:
    """Shares that sum to one over the bins; parts: regions by channels."""
    small = small[:, ::2, ::2]  # a quarter of the pixels tells as much
    frames, height, width, _ = small.shape
    rows = np.linspace(0, height, _REGIONS + 1).astype(int)[:-1]
    columns = np.linspace(0, width, _REGIONS + 1).astype(int)[:-1]
    area = np.diff([*rows, height])[:, None] * np.diff([*columns, width])[None, :]
    out = np.empty((frames, _BINS, _REGIONS * _REGIONS * 3), dtype=np.float32)
    for b in range(_BINS):
        sums = np.add.reduceat(np.add.reduceat(_TENT[b][small], rows, axis=1), columns, axis=2)
        out[:, b] = (sums / area[None, :, :, None]).reshape(frames, -1)
    return out


def choose(
    times: Float64[Array, " frames"],
    seconds: float,
    cuts: Int64[Array, " cuts"],
    most: int,
    held: Int64[Array, " held"],
) -> Int64[Array, " chosen"]:
    """At most `most` of the frames at hand, in the order of time: the middle of each of the longest shots.

    Where there are fewer shots than that, the longer ones give several, from the middles of equal parts of them.
    """
    if not len(held) or most < 1:
        return np.zeros(0, dtype=np.int64)
    begins = np.concatenate([[0], cuts])
    ends = np.concatenate([cuts, [len(times)]])
    bounds = np.concatenate([times[begins], [seconds]])
    length = np.diff(bounds)
    given = _apportion(length, ends - begins, most)
    chosen = []
    for shot in np.flatnonzero(given).tolist():
        own = held[(held >= begins[shot]) & (held < ends[shot])]
        if not len(own):
            continue  # shorter than the step between the frames at hand
        middles = bounds[shot] + (np.arange(given[shot]) + 0.5) / given[shot] * length[shot]
        shown = np.maximum(np.searchsorted(times, middles, side="right") - 1, begins[shot])
        chosen.append(own[np.abs(own[None, :] - shown[:, None]).argmin(axis=1)])
    return np.unique(np.concatenate(chosen)) if chosen else held[len(held) // 2 :][:1]


def _apportion(length: Float64[Array, " shots"], frames: Int64[Array, " shots"], most: int) -> Int64[Array, " shots"]:
    """How many frames each shot gives: one each to the longest, then the next to whoever has most time for each."""
    given = np.zeros(len(length), dtype=np.int64)
    given[np.argsort(-length, kind="stable")[:most]] = 1
    for _ in range(most - int(given.sum())):
        share = np.where((given > 0) & (given < frames), length / (given + 1), -1.0)
        best = int(share.argmax())
        if share[best] < 0:
            break
        given[best] += 1
    return given
