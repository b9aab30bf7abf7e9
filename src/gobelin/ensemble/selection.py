"""Selection: an ensemble that begins with its best model and takes in only what helps, by answers they had not seen."""

import numpy as np

from gobelin.arrays import Array, Bool, Float, Float32, Float64, Int64

STEP = 0.25  # what one addition weighs beside the model that it begins with
ROUNDS = 40
MOST = 20_000  # rows that are looked at, evenly spread
CUT = 20


def selected(
    scores: Float[Array, "models cells"],
    rows: Array,
    chosen: Bool[Array, " cells"],
    *,
    towards: Float[Array, " models"] | None = None,
) -> Float64[Array, " models"]:
    """Weights w >= 0 of sum 1 by forward selection with replacement (Caruana et al., ICML 2004) on NDCG@20.

    It begins with the model that is best alone (or with `towards`) and adds again and again, each time with a weight of
    a quarter, the model whose addition helps most. It ends where the mean gain over rows is not above its own standard
    error: what helps by chance on a few hundred answers is not taken in, so that the sum is not worse than its best
    model but by chance.

    scores: of the cells of all rows, out of fold and on one scale; rows: of each cell, cells of one row together;
    chosen: the answers. 0 for all, or `towards`, where there is none.
    """
    n_models = len(scores)
    start = np.zeros(n_models) if towards is None else np.asarray(towards, dtype=np.float64)
    padded, relevant = _by_row(np.asarray(scores, dtype=np.float32), rows, chosen)
    if not relevant.any():
        return start
    ideal = _ideal(relevant.sum(axis=1))
    if not start.any():
        alone = [_gains(one, relevant, ideal).mean() for one in padded]
        start[int(np.argmax(alone))] = 1.0
    weights = start / start.sum()
    total = np.tensordot(weights.astype(np.float32), padded, axes=1)
    found = _gains(total, relevant, ideal)
    for _ in range(ROUNDS):
        others = [_gains(total + np.float32(STEP) * one, relevant, ideal) for one in padded]
        best = int(np.argmax([one.mean() for one in others]))
        gain = others[best] - found
        if gain.mean() <= gain.std() / len(gain) ** 0.5:
            break
        weights[best] += STEP
        total, found = total + np.float32(STEP) * padded[best], others[best]
    return np.asarray(weights / weights.sum())


def _by_row(
    scores: Float32[Array, "models cells"], rows: Array, chosen: Bool[Array, " cells"]
) -> tuple[Float32[Array, "models rows width"], Bool[Array, "rows width"]]:
    """The cells of each row that holds an answer, side by side; places without a cell are lower than any."""
    edges = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))[: len(rows)]
    sizes = np.diff(np.append(edges, len(rows)))
    answered = np.add.reduceat(chosen.astype(np.int64), edges) > 0 if len(edges) else np.zeros(0, dtype=bool)
    kept = np.flatnonzero(answered)
    kept = kept[:: max(1, -(-len(kept) // MOST))]
    width = int(sizes[kept].max(initial=0))
    row = np.repeat(np.arange(len(kept)), sizes[kept])
    column = np.arange(len(row)) - np.repeat(np.cumsum(sizes[kept]) - sizes[kept], sizes[kept])
    cell = np.repeat(edges[kept], sizes[kept]) + column
    padded = np.full((len(scores), len(kept), width), np.finfo(np.float32).min / 1e3, dtype=np.float32)
    relevant = np.zeros((len(kept), width), dtype=bool)
    padded[:, row, column] = scores[:, cell]
    relevant[row, column] = chosen[cell]
    return padded, relevant


def _ideal(counts: Int64[Array, " rows"]) -> Float64[Array, " rows"]:
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(CUT) + 2.0))])[np.minimum(counts, CUT)]


def _gains(
    values: Float32[Array, "rows width"], relevant: Bool[Array, "rows width"], ideal: Float64[Array, " rows"]
) -> Float64[Array, " rows"]:
    """NDCG@20 of each row among its own cells."""
    k = min(CUT, values.shape[1])
    top = np.argpartition(-values, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(values, top, axis=1), axis=1, kind="stable")
    hit = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
    return np.asarray((hit / np.log2(np.arange(k) + 2.0)).sum(axis=1) / ideal)
