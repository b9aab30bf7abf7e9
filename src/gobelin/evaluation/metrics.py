"""How good a list is, user by user, and how far off a predicted rating is.

Every list metric is a value per user who has at least one relevant item; `summarise` turns it into a mean with an
interval. With h_r = 1 where the item at rank r is relevant, n relevant items, hits = h_1 + ... + h_k:

    precision@k  hits / k (a list that ends early is not excused)
    recall@k     hits / n (not min(k, n): a user with more test items than places cannot reach 1)
    f1@k         2 precision recall / (precision + recall), 0 where both are 0
    accuracy@k   share of the candidates for which shown or not shown agrees with relevant or not; close to 1 for any
                 list where candidates are many, so it is given because it is asked for, and nothing is chosen by it
    hit_rate@k   1 where hits > 0
    ndcg@k       sum h_r / log2(r + 1), over the same sum for a list that begins with min(k, n) relevant items
    map@k        sum h_r precision@r, divided by min(k, n): a list that begins with its relevant items has 1
    mrr@k        1 / rank of the first hit, 0 where there is none within k
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Float64, Int32, Int64
from gobelin.evaluation.statistics import Estimate, PerUser, ratios, summarise
from gobelin.values import Ranked

KS = (5, 10, 20, 50)

__all__ = ["KS", "Estimate", "PerUser", "evaluate", "found_pairs", "pairs", "rating_errors", "summarise"]


def pairs(relevant: csr_array) -> csr_array:
    """(queries, items) the relevant pairs in the one order that pair masks follow: by query, then item, each once."""
    row = np.repeat(np.arange(relevant.shape[0], dtype=np.int64), np.diff(relevant.indptr))
    cells = np.unique((row * relevant.shape[1] + relevant.indices)[relevant.data != 0])
    bounds = np.searchsorted(cells, np.arange(relevant.shape[0] + 1, dtype=np.int64) * relevant.shape[1])
    columns = (cells % max(relevant.shape[1], 1)).astype(np.int32)
    return csr_array((np.ones(len(cells), dtype=np.float32), columns, bounds.astype(np.int32)), shape=relevant.shape)


def found_pairs(ranked: Ranked, canonical: csr_array) -> Int64[Array, "queries k"]:
    """Which pair of `pairs(...)` each listed item is, -1 where it is not relevant."""
    n_queries, n_items = canonical.shape
    if len(ranked) != n_queries:
        raise ValueError(f"{len(ranked)} lists for {n_queries} rows of relevant items")
    if ranked.items.size and ranked.items.max() >= n_items:
        raise ValueError(f"a list holds item {ranked.items.max()}, past the {n_items} items")
    row = np.repeat(np.arange(n_queries, dtype=np.int64), np.diff(canonical.indptr))
    cells = row * n_items + canonical.indices
    listed = np.arange(n_queries, dtype=np.int64)[:, None] * n_items + ranked.items
    if not len(cells):
        return np.full(listed.shape, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(cells, listed), len(cells) - 1)
    return np.where((cells[place] == listed) & (ranked.items >= 0), place, -1)


def evaluate(
    ranked: Ranked,
    relevant: csr_array,
    ks: Sequence[int] = KS,
    candidates: int | Int64[Array, " queries"] | None = None,
) -> PerUser:
    """Every list metric at every k, for the rows of `ranked` that have a relevant item.

    relevant: (queries, items), nonzero = relevant, rows as in `ranked`. candidates: how many items could be shown to
    each query (masked ones not counted); without it accuracy is left out.
    Raises ValueError where the lists are shorter than the largest k, or rows disagree.
    """
    if max(ks) > ranked.k:
        raise ValueError(f"metrics at {max(ks)} need lists of {max(ks)}; these hold {ranked.k}")
    canonical = pairs(relevant)
    n_relevant = np.diff(canonical.indptr)
    rows = np.flatnonzero(n_relevant)
    hit = found_pairs(ranked, canonical)[rows] >= 0  # (users, k)
    n = n_relevant[rows].astype(np.float64)
    ranks = np.arange(1, ranked.k + 1)
    hits = np.cumsum(hit, axis=1)
    precisions = np.cumsum(hit * hits / ranks, axis=1)
    first = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, ranked.k + 1)
    values: dict[str, Float64[Array, " users"]] = {}
    for k in ks:
        found = hits[:, k - 1].astype(np.float64)
        values[f"precision@{k}"] = found / k
        values[f"recall@{k}"] = found / n
        values[f"f1@{k}"] = 2 * found / (k + n)  # the harmonic mean of the two, without 0 / 0
        if candidates is not None:
            pool = np.broadcast_to(np.asarray(candidates, dtype=np.float64), (len(ranked),))[rows]
            shown = np.count_nonzero(ranked.items[rows, :k] >= 0, axis=1)
            values[f"accuracy@{k}"] = (pool - shown - n + 2 * found) / pool
        values[f"hit_rate@{k}"] = (found > 0).astype(np.float64)
        values[f"ndcg@{k}"] = ndcg(hit[:, :k], n)
        values[f"map@{k}"] = precisions[:, k - 1] / np.minimum(n, k)
        values[f"mrr@{k}"] = np.where(first <= k, 1 / first, 0.0)
    return PerUser(rows.astype(np.int64), values)


def ndcg(hit: Array, n: Float64[Array, " users"]) -> Float64[Array, " users"]:
    """Binary NDCG of marks (users, k) in rank order; n >= 1: how many items are relevant."""
    k = hit.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)
    return np.asarray(hit @ discount / ideal[np.minimum(n, k).astype(np.int64) - 1])


def rating_errors(
    users: Int32[Array, " pairs"] | Int64[Array, " pairs"],
    truth: Float32[Array, " pairs"] | Float64[Array, " pairs"],
    predicted: Float32[Array, " pairs"] | Float64[Array, " pairs"],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> dict[str, Estimate]:
    """mae, mse and rmse over all pairs, in the unit of the ratings (mse: squared); users are resampled, not pairs."""
    if not len(users):
        return {}
    row = np.unique(users, return_inverse=True)[1]
    error = predicted.astype(np.float64) - truth.astype(np.float64)
    count = np.bincount(row).astype(np.float64)
    size, square = np.bincount(row, weights=np.abs(error)), np.bincount(row, weights=error**2)
    below = {"mae": count, "mse": count}
    out = ratios({"mae": size, "mse": square}, below, rng, level, resamples)
    # the root rises, so the percentiles of the root are the roots of the percentiles
    mse = out["mse"]
    out["rmse"] = Estimate(value=mse["value"] ** 0.5, low=mse["low"] ** 0.5, high=mse["high"] ** 0.5)
    return out
