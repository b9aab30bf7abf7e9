"""What lists are like beside being right: how new, how varied, how evenly they show the catalogue.

    novelty@k              mean of -log2 p(i) over the list, p(i) = (train users of i + 1) / (train users + 1), in bits
                           (Vargas & Castells, RecSys 2011)
    diversity_category@k   share of the list's pairs that have no category in common; items without one are passed over
    diversity_content@k    1 - mean cosine of the list's pairs, averaged over the senses; absent items are passed over
                           (intra-list diversity: Ziegler et al., WWW 2005)
    popularity@k           mean number of train users of the items shown (average recommendation popularity)
    popularity_bias@k      that, over the same figure of the histories of those who have one, less 1: 0 = as popular as
                           what people chose (Abdollahpouri et al., 2019)
    coverage@k             share of the candidates that stand in at least one list
    gini@k                 inequality of how often each candidate is shown: 0 = all alike, 1 = one item has everything

The first five are means over users with percentile intervals. Coverage and Gini belong to all lists together, and a
resample of users always covers less and looks more unequal than the users do, so that percentiles would miss the
figure itself: their intervals are the figure +- normal quantile x standard deviation over resamples, cut at 0 and 1.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from scipy.sparse import csr_array, issparse

from gobelin.arrays import Array, Float32, Float64, Int32, Int64
from gobelin.evaluation.statistics import Estimate, PerUser, draws, ratios, summarise
from gobelin.values import Features, FeatureTable, Ranked

_LIST_RESAMPLES = 200  # a standard deviation needs fewer than percentiles do
_BLOCK_BYTES = 32 * 2**20


def beyond(
    ranked: Ranked,
    counts: Int64[Array, " items"],
    train_users: int,
    rng: np.random.Generator,
    *,
    k: int = 20,
    candidates: Int32[Array, " candidates"] | None = None,
    histories: csr_array | None = None,
    categories: Sequence[tuple[str, ...]] | None = None,
    table: FeatureTable | None = None,
    level: float = 0.95,
    resamples: int = 1000,
) -> dict[str, Estimate]:
    """Every figure above that the arguments allow, over the rows of `ranked` whose list is not empty.

    counts: train users of each item. candidates: the items that could be shown (None: all). histories: (queries,
    items), nonzero = in the history, rows as in `ranked`. categories, table: of the items' rows.
    Raises ValueError where lists are shorter than k, or show what is no candidate.
    """
    if k > ranked.k:
        raise ValueError(f"figures at {k} need lists of {k}; these hold {ranked.k}")
    rows = np.flatnonzero(ranked.items[:, 0] >= 0)
    if not len(rows):
        return {}
    shown = ranked.items[rows, :k]
    if candidates is not None and not np.isin(shown[shown >= 0], candidates).all():
        raise ValueError("a list shows an item that is not among the candidates")
    values = {f"novelty@{k}": novelty(shown, counts, train_users), f"popularity@{k}": popularity(shown, counts)}
    if categories is not None:
        values[f"diversity_category@{k}"] = category_diversity(shown, categories)
    if table is not None and len(table):
        values[f"diversity_content@{k}"] = content_diversity(shown, table)
    out = summarise(PerUser(rows.astype(np.int64), values), rng, level, resamples)
    if histories is not None:
        chose = history_popularity(histories[rows], counts)
        theirs = np.where(np.isnan(chose), np.nan, values[f"popularity@{k}"])
        if np.nansum(chose) > 0:
            bias = ratios({"bias": theirs}, {"bias": chose}, rng, level, resamples)["bias"]
            out[f"popularity_bias@{k}"] = Estimate(value=bias["value"] - 1, low=bias["low"] - 1, high=bias["high"] - 1)
    n_candidates = len(counts) if candidates is None else len(candidates)
    out[f"coverage@{k}"], out[f"gini@{k}"] = exposure(shown, n_candidates, rng, level)
    return out


def novelty(
    shown: Int32[Array, "users k"], counts: Int64[Array, " items"], train_users: int
) -> Float64[Array, " users"]:
    """Mean self-information of each list, in bits."""
    return _mean_of(shown, -np.log2((counts + 1) / (train_users + 1)))


def popularity(shown: Int32[Array, "users k"], counts: Int64[Array, " items"]) -> Float64[Array, " users"]:
    """Mean number of train users of each list's items."""
    return _mean_of(shown, counts.astype(np.float64))


def history_popularity(histories: csr_array, counts: Int64[Array, " items"]) -> Float64[Array, " users"]:
    """Mean number of train users of the items in each history; NaN where it is empty."""
    there = csr_array(((histories.data != 0).astype(np.float64), histories.indices, histories.indptr), histories.shape)
    n = there.sum(axis=1)
    return np.asarray(np.where(n > 0, there @ counts.astype(np.float64) / np.maximum(n, 1), np.nan))


def category_diversity(
    shown: Int32[Array, "users k"], categories: Sequence[tuple[str, ...]]
) -> Float64[Array, " users"]:
    """Share of each list's pairs without a common category; NaN where fewer than two items have one."""
    kinds: dict[frozenset[str], int] = {}  # items of equal categories are one kind: there are few kinds
    of_item = np.array([kinds.setdefault(frozenset(c), len(kinds)) if c else -1 for c in categories], dtype=np.int64)
    names = {name: i for i, name in enumerate(sorted({name for kind in kinds for name in kind}))}
    rows = [row for kind, row in kinds.items() for _ in kind]
    columns = [names[name] for kind in kinds for name in kind]
    marks = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(kinds), len(names)))
    kind = np.where(shown >= 0, of_item[shown], -1)
    left, right = np.triu_indices(shown.shape[1], 1)
    out = np.full(len(shown), np.nan)
    size = max(1, _BLOCK_BYTES // (32 * max(len(left), 1)))
    for start in range(0, len(shown), size):
        a, b = kind[start : start + size, left], kind[start : start + size, right]  # (users, pairs)
        there = (a >= 0) & (b >= 0)
        met, which = np.unique(a[there] * len(kinds) + b[there], return_inverse=True)
        common: Array = marks[met // max(len(kinds), 1)].multiply(marks[met % max(len(kinds), 1)]).sum(axis=1)
        apart = np.zeros(a.shape)
        apart[there] = (np.asarray(common) == 0)[which]
        n = there.sum(axis=1)
        out[start : start + size] = np.where(n > 0, apart.sum(axis=1) / np.maximum(n, 1), np.nan)
    return out


def content_diversity(shown: Int32[Array, "users k"], table: FeatureTable) -> Float64[Array, " users"]:
    """1 - mean cosine of each list's pairs, mean over the senses that know two of its items; NaN where none does."""
    total, senses = np.zeros(len(shown)), np.zeros(len(shown))
    for name in table:
        of_sense = _sense_diversity(shown, table[name])
        known = ~np.isnan(of_sense)
        total[known] += of_sense[known]
        senses += known
    return np.where(senses > 0, total / np.maximum(senses, 1), np.nan)


def exposure(
    shown: Int32[Array, "users k"], n_candidates: int, rng: np.random.Generator, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    """(coverage, Gini) of how often the candidates are shown, with their intervals."""
    row, place = np.nonzero(shown >= 0)
    items, column = np.unique(shown[row, place], return_inverse=True)
    lists = csr_array((np.ones(len(row)), (column, row)), shape=(len(items), len(shown)))  # (items shown, users)
    times: Array = lists.sum(axis=1)
    samples = []
    for counts in draws(len(shown), _LIST_RESAMPLES, rng):
        drawn = (lists @ counts.T).T  # (resamples, items shown)
        samples.append(np.stack([np.count_nonzero(drawn, axis=1) / n_candidates, gini(drawn, n_candidates)], axis=1))
    spread = np.concatenate(samples).std(axis=0) * NormalDist().inv_cdf((1 + level) / 2)
    figures = (len(items) / n_candidates, float(gini(times[None, :], n_candidates)[0]))
    coverage, inequality = (
        Estimate(value=figure, low=max(0.0, figure - float(width)), high=min(1.0, figure + float(width)))
        for figure, width in zip(figures, spread, strict=True)
    )
    return coverage, inequality


def gini(times: Float64[Array, "samples shown"], n: int) -> Float64[Array, " samples"]:
    """Gini coefficient of how often n items are shown; `times` leaves out items never shown (they are zeros).

    sum_i (2 i - n - 1) x_i / (n sum x) over x in rising order, i from 1.
    """
    rising = np.sort(times, axis=1)
    place = np.arange(n - times.shape[1] + 1, n + 1)
    return np.asarray(rising @ (2 * place - n - 1.0) / (n * np.maximum(rising.sum(axis=1), 1)))


def _mean_of(shown: Int32[Array, "users k"], of_item: Float64[Array, " items"]) -> Float64[Array, " users"]:
    there = shown >= 0
    return np.asarray(np.where(there, of_item[shown], 0.0).sum(axis=1) / there.sum(axis=1))


def _sense_diversity(shown: Int32[Array, "users k"], sense: Features) -> Float64[Array, " users"]:
    # sum of cosines over pairs = (|sum of units|^2 - n) / 2: no pair is ever formed
    items = np.unique(shown[shown >= 0])
    items = items[sense.present[items]]
    unit = _unit(sense.values[items])
    column = np.full(len(sense.present) + 1, -1, dtype=np.int64)  # the last is for the padding
    column[items] = np.arange(len(items))
    where = column[shown]
    row, place = np.nonzero(where >= 0)
    lists = csr_array((np.ones(len(row), dtype=np.float32), (row, where[row, place])), shape=(len(shown), len(items)))
    n = np.bincount(row, minlength=len(shown)).astype(np.float64)
    squares, ones = np.zeros(len(shown)), np.asarray(lists @ _squares(unit), dtype=np.float64)
    size = max(1, _BLOCK_BYTES // (4 * max(unit.shape[1], 1)))
    for start in range(0, len(shown), size):
        squares[start : start + size] = _squares(lists[start : start + size] @ unit)  # type: ignore[arg-type]
    return np.where(n >= 2, 1 - (squares - ones) / np.maximum(n * (n - 1), 1), np.nan)


def _unit(values: Float32[Array, "rows dim"] | csr_array) -> Float32[Array, "rows dim"] | csr_array:
    inverse = 1 / np.maximum(np.sqrt(_squares(values)), 1e-12)
    if issparse(values):
        return csr_array(values.multiply(inverse[:, None]), dtype=np.float32)
    return np.asarray(values * inverse[:, None], dtype=np.float32)


def _squares(values: Float32[Array, "rows dim"] | csr_array) -> Float64[Array, " rows"]:
    """Squared length of each row."""
    if issparse(values):
        return np.asarray(values.multiply(values).sum(axis=1), dtype=np.float64)
    return np.asarray(np.einsum("ij,ij->i", values, values, dtype=np.float64))
