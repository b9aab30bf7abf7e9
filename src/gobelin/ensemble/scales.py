"""One scale for scores of different models: each row shifted and divided by itself."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float64

SCALES = ("deviation", "range", "none")


def scales(
    scores: Float[Array, "*models rows columns"], kind: str, allowed: Bool[Array, "rows columns"] | None = None
) -> tuple[Float64[Array, "*models rows"], Float64[Array, "*models rows"]]:
    """(shift, size) of every row, so that (scores - shift) / size is on one scale; size is never 0.

    kind: "deviation": mean 0 and deviation 1 over the allowed cells; "range": from 0 to 1; "none": as they are.
    A row that says nothing (all its scores equal) has the size 1, so it becomes zeros.
    """
    if kind not in SCALES:
        raise ValueError(f"a scale {kind!r}; one of {', '.join(SCALES)} is needed")
    shape = scores.shape[:-1]
    if kind == "none" or scores.shape[-1] == 0:
        return np.zeros(shape), np.ones(shape)
    if kind == "range":
        low = np.min(scores, axis=-1, initial=np.inf, where=True if allowed is None else allowed)
        high = np.max(scores, axis=-1, initial=-np.inf, where=True if allowed is None else allowed)
        empty = ~np.isfinite(low)
        shift, size = np.where(empty, 0, low).astype(np.float64), np.where(empty, 0, high - low).astype(np.float64)
    else:
        if allowed is None:
            shift, size = scores.mean(axis=-1, dtype=np.float64), scores.std(axis=-1, dtype=np.float64)
        else:
            count = np.maximum(allowed.sum(axis=-1), 1)
            shift = np.sum(scores, axis=-1, dtype=np.float64, where=allowed) / count
            away = np.square(scores - shift[..., None], dtype=np.float64)
            size = np.sqrt(np.sum(away, axis=-1, where=allowed) / count)
    # what rounding leaves of equal scores is no opinion
    speaks = size > 1e-6 * np.maximum(np.abs(shift), 1e-30)
    return shift, np.where(speaks, size, 1.0)


def scaled(
    scores: Float[Array, "*models rows columns"], kind: str, allowed: Bool[Array, "rows columns"] | None = None
) -> Float64[Array, "*models rows columns"]:
    shift, size = scales(scores, kind, allowed)
    out = (scores - shift[..., None]) / size[..., None]
    return out if allowed is None else np.where(allowed, out, 0.0)
