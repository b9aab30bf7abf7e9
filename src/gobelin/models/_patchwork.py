"""A weave in patches: the objective of `weave` solved neighbourhood by neighbourhood, for catalogues of any size.

A patch of items is solved over the items around it (`_patches`): with S its neighbourhood, column j of B is
e_j - P_j / P_jj of P = G_SS^-1, and zero outside S; of each column the `kept` largest weights stay. New items are
mixtures by the same local solves of their kernel ridge regression. The arithmetic within S is that of the exact
solver, so every column is linear in its right-hand sides, and its shares are exact (`_patch_shares`).

At around 512, patch 64, kept 200 the NDCG@20 on test is within .5 % of the exact one on hm_week, hm_product and
movielens_small (2,000-3,200 items); of a generated catalogue of 12,000 items with noisy content it keeps 94.5 %, with
around 1,024 96 % (`benchmarks/large.py`): what hundreds of far items say together is lost.

Memory: items x kept x 8 bytes for B, twice that while it is made; the log twice; nothing else grows faster than items.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csc_array, csr_array
from threadpoolctl import threadpool_limits

from gobelin.arrays import Array, Float, Float32, Int32, Int64
from gobelin.errors import UserError
from gobelin.models._leaves import Leaves
from gobelin.models._patches import DIRECTIONS, MORE, Patches, Places
from gobelin.models._sketch import projected
from gobelin.models._strands import Strands
from gobelin.models._transfer import KEPT, nothing

Answer = TypeVar("Answer")

AHEAD = 4  # patches under way for each worker

Columns = tuple[Places, Int32[Array, "columns kept"], Float32[Array, "columns kept"]]
"""Columns of a sparse matrix: which, the rows of their entries, and the entries (0: no entry)."""


@dataclass(frozen=True)
class Neighbourhoods:
    """What an explanation needs to solve a patch again. patch: of each item; around: of each patch, joined."""

    patch: Int32[Array, " items"]
    around: Int32[Array, " places"]
    bounds: Int64[Array, " bounds"]

    @classmethod
    def of(cls, n: int, patches: list[tuple[Places, Places]]) -> "Neighbourhoods":
        """patches: members and their neighbourhood."""
        patch = np.zeros(n, dtype=np.int32)
        for number, (own, _) in enumerate(patches):
            patch[own] = number
        bounds = np.cumsum([0, *(len(around) for _, around in patches)]).astype(np.int64)
        parts = [around.astype(np.int32) for _, around in patches]
        return cls(patch, np.concatenate([np.zeros(0, np.int32), *parts]), bounds)

    def of_patch(self, number: int) -> Places:
        return self.around[self.bounds[number] : self.bounds[number + 1]].astype(np.int64)


@dataclass(frozen=True)
class Patchwork:
    """matrix, base: (solved, solved) sparse; base None where there are no new items; mixture: (rest, solved)."""

    matrix: csr_array
    near: Neighbourhoods
    base: csr_array | None
    mixture: csr_array
    far: Neighbourhoods


def sewn(strands: Strands, rest: Places, patch: int, around: int, kept: int, rng: np.random.Generator) -> Patchwork:
    """The weave of these strands. rest: rows of items that follow from content; kept: weights of an item's column."""
    n = len(strands.solved)
    patches = Patches.cut(strands, patch, around, rng)
    with_base = len(rest) > 0
    wide = min(kept, max(n - 1, 0))

    def solve(number: int) -> tuple[Places, Places, Columns, Columns | None]:
        own, places = patches.own(number), patches.neighbourhood(number)
        woven, base = columns_of(strands, own, places, with_base=with_base)
        alone = None if base is None else _strongest(own, places, base, wide)
        return own, places, _strongest(own, places, woven, wide), alone

    found: list[tuple[Places, Places]] = []
    matrix = _Sheet(n, n, wide)
    base = _Sheet(n, n, wide) if with_base else None
    for own, places, woven, alone in _at_once(solve, len(patches)):
        found.append((own, places))
        matrix.put(woven)
        if base is not None and alone is not None:
            base.put(alone)
    known = matrix.done()
    mixture, far = _mixtures(strands, rest, patch, around, rng)
    whole = None if base is None else _with_self(base.done(), strands.terms.cold_self)
    return Patchwork(known, Neighbourhoods.of(n, found), whole, mixture, far)


def columns_of(
    strands: Strands, own: Places, places: Places, *, with_base: bool
) -> tuple[Float32[Array, "around own"], Float32[Array, "around own"] | None]:
    """Columns of B for the members of a patch over its neighbourhood, and of the log-only matrix where asked for."""
    terms, counts = strands.terms, np.maximum(strands.counts, 1)
    sides = strands.sides(places)
    here = np.searchsorted(places, own)
    blended = terms.log_blend > 0 and bool(terms.senses)
    alone = regressed(ridged(sides["log"].copy(), terms.regularisation), here) if blended or with_base else None
    total = sides.pop("log")
    for side in sides.values():
        total += side
    woven = regressed(ridged(total, terms.regularisation), here)
    if blended and alone is not None:
        woven += np.float32(terms.log_blend) * alone
    spoken = (counts[places] ** -terms.history_power)[:, None]
    woven *= (spoken * counts[own] ** terms.head).astype(np.float32)
    if not with_base or alone is None:
        return woven, None
    return woven, alone * (spoken * counts[own] ** terms.cold_head).astype(np.float32)


def regressed(gram: Float[Array, "around around"], here: Places) -> Float[Array, "around own"]:
    """Columns of I - P / diag(P), P the inverse of `gram`, which is overwritten; their own entries are 0."""
    columns = solved(gram, np.eye(len(gram), dtype=gram.dtype)[:, here])
    own = here, np.arange(len(here))
    columns /= -columns[own]
    columns[own] = 0
    return columns


def solved(gram: Float[Array, "around around"], right: Float[Array, "around some"]) -> Float[Array, "around some"]:
    """gram^-1 right by Cholesky in their precision; overwrites `gram`."""
    single = gram.dtype == np.float32
    potrf, potrs = (lapack.spotrf, lapack.spotrs) if single else (lapack.dpotrf, lapack.dpotrs)
    factor, failed = potrf(gram.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise UserError(
            f"The item-item matrix is not positive definite in {gram.dtype}.",
            "a larger regularisation.",
            "raise the model's `regularisation` tenfold, or let the search choose it.",
        )
    out, _ = potrs(factor, right, lower=1)
    return np.asarray(out)


def ridged(gram: Float[Array, "around around"], ridge: float) -> Float[Array, "around around"]:
    gram[np.diag_indices(len(gram))] += gram.dtype.type(ridge)
    return gram


def _mixtures(
    strands: Strands, rest: Places, patch: int, around: int, rng: np.random.Generator
) -> tuple[csr_array, Neighbourhoods]:
    """Each new item as a mixture of the solved ones most like it, by kernel ridge regression from content."""
    n, terms = len(strands.solved), strands.terms
    if not len(rest) or not n or not terms.cold_shares:
        return nothing((len(rest), n)), Neighbourhoods.of(len(rest), [])
    sides = []
    for rows in (rest, strands.solved):
        parts = [
            np.float32(np.sqrt(share)) * projected(strands, sense, rows, DIRECTIONS, np.random.default_rng(0))
            for sense, share in terms.cold_shares.items()
        ]
        sides.append(np.concatenate(parts, axis=1))
    new, known = Leaves.grown(sides[0], patch, rng), Leaves.grown(sides[1], patch, rng)
    del sides
    wide = min(KEPT, n)

    def solve(number: int) -> tuple[Places, Places, Columns]:
        own = new.leaf(number)
        places = np.sort(known.near(new.centroids[number], MORE * around))
        like = _sum(strands.alike(rest[own], strands.solved[places]))
        if len(places) > around:
            best = np.sort(np.argpartition(-like.max(axis=0), around - 1)[:around])
            places, like = places[best], like[:, best]
        among = _sum(strands.alike(strands.solved[places], strands.solved[places]))
        weights = solved(ridged(among, terms.cold_ridge), np.ascontiguousarray(like.T))
        return own, places, _strongest(own, places, weights, wide)

    found: list[tuple[Places, Places]] = []
    sheet = _Sheet(n, len(rest), wide)
    for own, places, columns in _at_once(solve, len(new)):
        found.append((own, places))
        sheet.put(columns)
    return csr_array(sheet.done().T.tocsr()), Neighbourhoods.of(len(rest), found)


def _sum(parts: dict[str, Float[Array, "rows columns"]]) -> Float[Array, "rows columns"]:
    whole, *others = parts.values()
    for other in others:
        whole = whole + other
    return whole


def _with_self(base: csr_array, loud: float) -> csr_array:
    """The item itself on the empty diagonal, in units of the mean length of a column."""
    n = base.shape[0]
    length = float(np.sqrt((base.data.astype(np.float64) ** 2).sum() / max(n, 1)))
    own = np.full(n, loud * length, dtype=np.float32)
    diagonal = csr_array((own, np.arange(n, dtype=np.int32), np.arange(n + 1, dtype=np.int32)), shape=(n, n))
    return csr_array(base + diagonal)


def _strongest(own: Places, places: Places, columns: Float[Array, "around own"], wide: int) -> Columns:
    """The largest weights of each column, at most `wide` of them, in no order."""
    turned = np.ascontiguousarray(columns.T, dtype=np.float32)  # (own, around)
    if wide < len(places):
        best = np.argpartition(-np.abs(turned), wide - 1, axis=1)[:, :wide] if wide else np.zeros((len(own), 0), int)
        return own, places[best].astype(np.int32), np.take_along_axis(turned, best, axis=1)
    return own, np.broadcast_to(places.astype(np.int32), turned.shape), turned


class _Sheet:
    """A sparse matrix that is filled by columns, a few of them at a time."""

    def __init__(self, rows: int, columns: int, wide: int) -> None:
        self._shape = (rows, columns)
        self._rows = np.zeros((columns, wide), dtype=np.int32)
        self._values = np.zeros((columns, wide), dtype=np.float32)

    def put(self, columns: Columns) -> None:
        which, rows, values = columns
        self._rows[which, : rows.shape[1]] = rows
        self._values[which, : rows.shape[1]] = values

    def done(self) -> csr_array:
        """By rows; the sheet is empty afterwards."""
        rows, values = self._rows.ravel(), self._values.ravel()
        small = np.int32 if len(rows) < 2**31 else np.int64  # scipy widens the rows to the type of the starts
        starts = (np.arange(self._shape[1] + 1) * self._rows.shape[1]).astype(small)
        self._rows, self._values = self._rows[:0], self._values[:0]
        entries: Any = (values, rows, starts)
        out = csr_array(csc_array(entries, shape=self._shape).tocsr())
        out.eliminate_zeros()
        out.sort_indices()
        return out


def _at_once(solve: Callable[[int], Answer], count: int) -> Iterator[Answer]:
    """Answers in order, worked out by a thread for each core with a few under way: the memory of a few patches.

    numpy and LAPACK are held to one thread each: patches are small, and there are many.
    """
    workers = os.cpu_count() or 1
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        for start in range(0, count, workers * AHEAD):
            yield from pool.map(solve, range(start, min(start + workers * AHEAD, count)))
