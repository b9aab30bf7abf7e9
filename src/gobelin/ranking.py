"""From scores to lists: candidates, masks, ties and top-k live here and nowhere else.

Order: higher score first; equal scores by the smaller tie hash, the k-th place included, so that a list never depends
on the sorting algorithm, the block size or the machine. A query about which the model says nothing (all its allowed
candidates score the same) is answered by the stated prior, then by the hash.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, Scores
from gobelin.errors import UserError
from gobelin.protocols import Recommender, Retrieves
from gobelin.values import Queries, Ranked

BLOCK_BYTES = 64 * 2**20
"""What the scores of one block of queries, with the copies made to select from them, may take."""

NOWHERE = 2**31 - 1
"""The rank of an item that is in no list."""

_BYTES_A_SCORE = 12  # the score, its copy for the partition, marks; while ties are thinned, the score and eighths
_RETRIEVED_AT_ONCE = 1024  # queries


def top(
    model: Recommender,
    queries: Queries,
    k: int,
    *,
    ties: Int64[Array, " items"],
    candidates: Int32[Array, " candidates"] | None = None,
    mask: csr_array | None = None,
    prior: Float32[Array, " items"] | None = None,
    block: int | None = None,
) -> Ranked:
    """The best k candidates of each query; fewer where fewer are allowed (item -1, score -inf from there on).

    ties: a seeded hash of each item (`tie_hash`), smaller first among equal scores.
    candidates: rows of the items to rank, each once; None: every item. mask: (queries, items), nonzero = left out.
    prior: higher first, for queries whose allowed candidates all score the same; their scores stay as the model gave
    them. block: queries scored at once; None: as many as fit in BLOCK_BYTES.

    A model that `Retrieves` is asked for its own best where all items are candidates; a query whose tie reaches past
    what it gave is scored in full, so the answer is the same. Raises UserError where a score is not a finite number,
    ValueError where shapes disagree.
    """
    n_items = len(ties)
    _check(k, n_items, len(queries), candidates, mask)
    items = np.full((len(queries), k), -1, dtype=np.int32)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.arange(len(queries), dtype=np.int64)
    if isinstance(model, Retrieves) and candidates is None:
        rows = _retrieve(model, queries, ties, mask, items, scores)
    for chunk, given in _scored(model, queries, rows, candidates, n_items, block):
        found = rank(
            given,
            k,
            ties=ties,
            candidates=candidates,
            mask=None if mask is None else mask[chunk],
            prior=prior,
            name=type(model).__name__,
        )
        items[chunk], scores[chunk] = found.items, found.scores
    return Ranked(items, scores)


def ranks(
    model: Recommender,
    queries: Queries,
    relevant: csr_array,
    *,
    ties: Int64[Array, " items"],
    candidates: Int32[Array, " candidates"] | None = None,
    mask: csr_array | None = None,
    prior: Float32[Array, " items"] | None = None,
    block: int | None = None,
) -> Int64[Array, " pairs"]:
    """The rank, from 1, at which `top` would list each entry of `relevant` (queries, items), in its stored order.

    NOWHERE for an item that is masked or no candidate. Arguments and errors as in `top`. No list is sorted: what
    stands before an item is counted, so this is what a search that judges many settings asks for.
    """
    n_items = len(ties)
    _check(1, n_items, len(queries), candidates, mask)
    if relevant.shape != (len(queries), n_items):
        raise ValueError(f"relevant is {relevant.shape}; (queries, items) is {(len(queries), n_items)}")
    out = np.full(len(relevant.indices), NOWHERE, dtype=np.int64)
    if candidates is not None and not len(candidates):
        return out
    order = _Order.of(ties, candidates, prior)
    column = np.full(n_items, -1, dtype=np.int64)
    column[order.items] = np.arange(len(order.items))
    rows = np.flatnonzero(np.diff(relevant.indptr)).astype(np.int64)
    for chunk, given in _scored(model, queries, rows, candidates, n_items, block):
        _check_finite(given, type(model).__name__)
        work = given.copy()
        masked = _masked_cells(None if mask is None else mask[chunk], candidates, n_items)
        work[masked] = -np.inf
        allowed = given.shape[1] - np.bincount(masked[0], minlength=len(chunk))
        flat = np.count_nonzero(work == work.max(axis=1, keepdims=True, initial=-np.inf), axis=1) == allowed
        lengths = relevant.indptr[chunk + 1] - relevant.indptr[chunk]
        row = np.repeat(np.arange(len(chunk)), lengths)
        entry = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + relevant.indptr[chunk][row]
        place = column[relevant.indices[entry]]
        there = (place >= 0) & np.isfinite(work[row, place])
        row, entry, place = row[there], entry[there], place[there]
        for some in _chunks(np.arange(len(row)), max(1, BLOCK_BYTES // (8 * _BYTES_A_SCORE * max(work.shape[1], 1)))):
            out[entry[some]] = 1 + _before(work, row[some], place[some], flat, order)
    return out


def _before(
    work: Scores,
    row: Int64[Array, " pairs"],
    column: Int64[Array, " pairs"],
    flat: Bool[Array, " queries"],
    order: "_Order",
) -> Int64[Array, " pairs"]:
    """How many candidates stand before each (row, column)."""
    scores, own = work[row], work[row, column][:, None]  # (pairs, candidates), (pairs, 1)
    higher = np.count_nonzero(scores > own, axis=1)
    tied = np.flatnonzero(np.count_nonzero(scores >= own, axis=1) - higher > 1)
    places = np.where(flat[row[tied], None], order.by_prior, order.by_hash)
    earlier = places < np.take_along_axis(places, column[tied, None], axis=1)
    higher[tied] += np.count_nonzero((scores[tied] == own[tied]) & earlier, axis=1)
    return np.asarray(higher)


def rank(
    scores: Scores,
    k: int,
    *,
    ties: Int64[Array, " items"],
    candidates: Int32[Array, " candidates"] | None = None,
    mask: csr_array | None = None,
    prior: Float32[Array, " items"] | None = None,
    name: str = "The model",
) -> Ranked:
    """The same order for scores that are at hand (one block of them). `scores` is only read; `name` is for errors."""
    n_queries, n = scores.shape
    _check(k, len(ties), n_queries, candidates, mask)
    if n != (len(ties) if candidates is None else len(candidates)):
        raise ValueError(f"{n} columns of scores for {len(ties) if candidates is None else len(candidates)} candidates")
    if n == 0 or n_queries == 0:
        empty = np.full((n_queries, k), -1, dtype=np.int32)
        return Ranked(empty, np.full((n_queries, k), -np.inf, dtype=np.float32))
    _check_finite(scores, name)
    order = _Order.of(ties, candidates, prior)
    masked = _masked_cells(mask, candidates, len(ties))

    # the k-th best score of each query; -inf where fewer than k are allowed
    kept = min(k, n)
    work = scores.copy()
    work[masked] = -np.inf
    best = _largest(work, kept)  # (queries, kept), the smallest of them first, the rest unordered
    bound = best[:, 0]
    within = scores >= bound[:, None]
    within[masked] = False
    count = np.count_nonzero(within, axis=1)

    allowed = n - np.bincount(masked[0], minlength=n_queries)
    lowest = np.where(np.isneginf(best), np.inf, best).min(axis=1)
    flat = (lowest == best.max(axis=1)) & (count == allowed)
    del work, best

    for crowded, first in ((~flat & (count > kept), order.hashed), (flat & (count > kept), order.priors)):
        for rows in _chunks(np.flatnonzero(crowded), max(1, BLOCK_BYTES // (8 * _BYTES_A_SCORE * n))):
            inside = within[rows]
            level = inside & (scores[rows] == bound[rows, None])
            above = inside & ~level
            within[rows] = above | _first(level, kept - np.count_nonzero(above, axis=1), first)

    row, column = np.nonzero(within)
    count = np.count_nonzero(within, axis=1)
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    columns = np.full((n_queries, k), -1, dtype=np.int64)
    values = np.full((n_queries, k), -np.inf, dtype=np.float32)
    columns[row, place], values[row, place] = column, scores[row, column]
    tie = np.where(flat[:, None], order.by_prior[columns], order.by_hash[columns])  # padding is last by its score
    best_first = np.lexsort((tie, -values), axis=1)
    columns, values = np.take_along_axis(columns, best_first, axis=1), np.take_along_axis(values, best_first, axis=1)
    return Ranked(np.where(columns >= 0, order.items[columns], -1).astype(np.int32), values)


@dataclass(frozen=True)
class _Order:
    """The orders that settle ties. items: rows of the candidates; hashed, priors: their columns, first to last;
    by_hash, by_prior: the place of each column in these."""

    items: Int32[Array, " candidates"]
    hashed: Int64[Array, " candidates"]
    by_hash: Int32[Array, " candidates"]
    priors: Int64[Array, " candidates"]
    by_prior: Int32[Array, " candidates"]

    @classmethod
    def of(
        cls,
        ties: Int64[Array, " items"],
        candidates: Int32[Array, " candidates"] | None,
        prior: Float32[Array, " items"] | None,
    ) -> "_Order":
        items = np.arange(len(ties), dtype=np.int32) if candidates is None else candidates
        hashed = np.argsort(ties[items], kind="stable")
        by_hash = _places(hashed)
        priors = hashed if prior is None else np.lexsort((by_hash, -prior[items]))
        return cls(items, hashed, by_hash, priors, _places(priors))


def _scored(
    model: Recommender,
    queries: Queries,
    rows: Int64[Array, " rows"],
    candidates: Int32[Array, " candidates"] | None,
    n_items: int,
    block: int | None,
) -> Iterator[tuple[Int64[Array, " chunk"], Scores]]:
    """(rows of some queries, their scores), so many at once that BLOCK_BYTES holds."""
    n = n_items if candidates is None else len(candidates)
    for chunk in _chunks(rows, block or max(1, BLOCK_BYTES // (_BYTES_A_SCORE * max(n, 1)))):
        asked = queries if len(chunk) == len(queries) else queries.take(chunk)
        given = np.asarray(model.score(asked, candidates), dtype=np.float32)
        if given.shape != (len(chunk), n):
            raise ValueError(
                f"{type(model).__name__} gave scores of shape {given.shape}; "
                f"{(len(chunk), n)} (queries, candidates) is needed"
            )
        yield chunk, given


def _largest(work: Scores, k: int) -> Float32[Array, "queries k"]:
    """The k largest of each row, the smallest of them first; reorders `work`.

    A partition slows down several times where most values are one (a neighbour model's zeros), a sort speeds up.
    """
    n = work.shape[1]
    sample = work[:, :65]
    if n > 1 and np.mean(sample[:, 1:] == sample[:, :-1]) > 0.4:
        work.sort(axis=1)
    else:
        work.partition(n - k, axis=1)
    return work[:, n - k :]


def _first(
    level: Bool[Array, "queries candidates"],
    wanted: Int64[Array, " queries"],
    order: Int64[Array, " candidates"],
) -> Bool[Array, "queries candidates"]:
    """The first `wanted` marks of each row, its columns taken in this order; every row has that many."""
    kept = np.zeros_like(level)
    start = order[: 8 * int(wanted.max())]  # enough where ties are many; few ties are listed one by one below
    seen = level[:, start]
    kept[:, start] = seen & (np.cumsum(seen, axis=1, dtype=np.int32) <= wanted[:, None])
    short = np.flatnonzero(np.count_nonzero(kept, axis=1) < wanted)
    row, column = np.nonzero(level[short])
    by_place = np.lexsort((_places(order)[column], row))
    row, column = row[by_place], column[by_place]
    nth = np.arange(len(row)) - np.searchsorted(row, row)  # 0 for the first of its row
    chosen = nth < wanted[short][row]
    kept[short[row[chosen]], column[chosen]] = True
    return kept


def _retrieve(
    model: Retrieves,
    queries: Queries,
    ties: Int64[Array, " items"],
    mask: csr_array | None,
    items: Int32[Array, "queries k"],
    scores: Float32[Array, "queries k"],
) -> Int64[Array, " left"]:
    """Writes the lists that the model's own retrieval settles; returns the queries that must be scored in full.

    One more than k plus the query's masked items is asked for: what sits strictly above the last one retrieved
    is then known to be complete, its ties included.
    """
    k, n_items = items.shape[1], len(ties)
    masked = np.zeros(len(queries), dtype=np.int64) if mask is None else np.diff(mask.indptr)
    by_hash = _places(np.argsort(ties, kind="stable"))
    left = []
    for rows in _chunks(np.argsort(masked, kind="stable"), _RETRIEVED_AT_ONCE):  # similar depths together
        depth = k + 1 + int(masked[rows].max())
        if depth >= n_items:
            left.append(rows)
            continue
        found = model.top(queries.take(rows), depth, None)
        if not np.isfinite(found.scores).all():
            left.append(rows)
            continue
        if mask is None:
            hidden = np.zeros(found.items.shape, dtype=bool)
        else:
            hidden = np.isin(_cells(found.items, n_items), _cells_of(mask[rows]))
        shown = np.where(hidden, -np.inf, found.scores)
        order = np.lexsort((by_hash[found.items], -shown), axis=1)[:, :k]
        shown = np.take_along_axis(shown, order, axis=1)
        lowest = np.where(hidden, np.inf, found.scores).min(axis=1)
        settled = (shown[:, -1] > found.scores[:, -1]) & (lowest < shown[:, 0])  # a flat query is the prior's
        items[rows[settled]] = np.take_along_axis(found.items, order, axis=1)[settled]
        scores[rows[settled]] = shown[settled]
        left.append(rows[~settled])
    return np.sort(np.concatenate(left)) if left else np.zeros(0, dtype=np.int64)


def _cells(items: Int32[Array, "queries k"], n_items: int) -> Int64[Array, "queries k"]:
    """One number for each (row, item)."""
    return np.asarray(np.arange(len(items), dtype=np.int64)[:, None] * n_items + items)


def _cells_of(mask: csr_array) -> Int64[Array, " cells"]:
    row = np.repeat(np.arange(mask.shape[0], dtype=np.int64), np.diff(mask.indptr))
    return np.asarray((row * mask.shape[1] + mask.indices)[mask.data != 0])


def _masked_cells(
    mask: csr_array | None, candidates: Int32[Array, " candidates"] | None, n_items: int
) -> tuple[Int64[Array, " cells"], Int64[Array, " cells"]]:
    """(row, column of the candidate) of every cell that is left out, each once."""
    if mask is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    row, item = np.divmod(np.unique(_cells_of(mask)), n_items)
    if candidates is None:
        return row, item
    column = np.full(n_items, -1, dtype=np.int64)
    column[candidates] = np.arange(len(candidates))
    here = column[item] >= 0
    return row[here], column[item[here]]


def _places(order: Int64[Array, " candidates"]) -> Int32[Array, " candidates"]:
    """The place of each candidate in an order: 0 for the first."""
    places = np.empty(len(order), dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


def _chunks(rows: Int64[Array, " rows"], size: int) -> Iterator[Int64[Array, " chunk"]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _check(
    k: int, n_items: int, n_queries: int, candidates: Int32[Array, " candidates"] | None, mask: csr_array | None
) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; at least 1 is needed")
    if mask is not None and mask.shape != (n_queries, n_items):
        raise ValueError(f"the mask is {mask.shape}; (queries, items) is {(n_queries, n_items)}")
    if candidates is not None and len(candidates):
        if candidates.min() < 0 or candidates.max() >= n_items:
            raise ValueError(f"a candidate is outside the {n_items} items")
        if len(np.unique(candidates)) != len(candidates):
            raise ValueError("an item is a candidate twice")


def _check_finite(scores: Scores, name: str) -> None:
    if not scores.size:
        return
    # a NaN passes through min and max, so no array of marks is made for the good case
    if np.isfinite(scores.min()) and np.isfinite(scores.max()):
        return
    bad = ~np.isfinite(scores)
    raise UserError(
        f"{name} gave {np.count_nonzero(bad):,} of {scores.size:,} scores that are not finite numbers.",
        "a finite score for every query and candidate.",
        "raise its regularisation or lower its learning rate; if it is a plugin, run gobelin's contract tests on it.",
    )
