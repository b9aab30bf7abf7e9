"""The candidates that several models propose, and what a second stage reads of each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.extmath import randomized_svd

from gobelin.arrays import Array, Bool, Float32, Float64, Int64
from gobelin.ensemble.lambda_mart import Cells
from gobelin.ensemble.scales import scaled
from gobelin.models._holdout import Held
from gobelin.models._members import Members
from gobelin.protocols import State
from gobelin.values import Queries, Train

BLOCK_BYTES = 256 * 2**20  # what the scores of the queries asked at once may take while learning
DIMENSIONS = 64  # of each sense, for cosines to a history


@dataclass(frozen=True)
class Ground:
    """What a second stage knows of items, beside its members' scores: of the train value that these were fitted on.

    counts: users of each item; senses: (items, <= 64) unit vectors by sense, zero where the item lacks it.
    """

    counts: Float32[Array, " items"]
    senses: Mapping[str, Float32[Array, "items dim"]]

    @classmethod
    def of(cls, train: Train) -> "Ground":
        return cls(train.counts().astype(np.float32), {name: _short(one) for name, one in train.table.features.items()})

    def on(self, train: Train) -> "Ground":
        """The same items as another log knows them."""
        return Ground(train.counts().astype(np.float32), self.senses)

    def names(self, members: Sequence[str]) -> list[str]:
        """Of the features, in their order."""
        own = [f"{what} of {member}" for member in members for what in ("score", "place")]
        like = [f"{what} {sense}" for sense in self.senses for what in ("like", "most like", "has")]
        return [*own, "proposed by", "events", "events of the history's items", "length of the history", *like]

    def features(
        self,
        scores: Float64[Array, "members queries items"],
        queries: Queries,
        row: Int64[Array, " cells"],
        column: Int64[Array, " cells"],
        depth: int,
    ) -> Float32[Array, "cells features"]:
        """scores: on one scale; row, column: the cells, those of one query together."""
        history = queries.histories.matrix(len(self.counts), now=queries.now)
        length = np.diff(history.indptr)
        told: list[Array] = []
        proposed = np.zeros(len(row))
        for one in scores:
            value = one[row, column]
            place = _place(value, row)
            proposed += place <= depth
            told += [value, np.log1p(np.minimum(place, 2 * depth))]
        popular = np.log1p(self.counts)
        met = np.asarray(history.astype(bool) @ popular) / np.maximum(length, 1)
        told += [proposed, popular[column], met[row], np.log1p(length)[row]]
        for vectors in self.senses.values():
            told += [*_alike(vectors, history, row, column), np.any(vectors[column] != 0, axis=1)]
        return np.stack(told, axis=1).astype(np.float32) if len(row) else np.zeros((0, len(told)), dtype=np.float32)

    def state(self) -> State:
        return {"counts": self.counts, "senses": dict(self.senses)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Ground":
        return cls(np.asarray(state["counts"]), {name: np.asarray(v) for name, v in state["senses"].items()})


def lessons(members: Members, held: Held, depth: int, ground: Ground | None = None) -> Cells:
    """The candidates of everyone who lacks answers, with what is read of each; rows are theirs among `held.users`.

    members: fitted on `held.train`; ground: of `held.train`, None where the members' scores alone are read.
    """
    queries, n = held.queries, held.answers.shape[1]
    block = max(1, BLOCK_BYTES // (16 * len(members.models) * max(n, 1)))
    told = []
    for start in range(0, len(queries), block):
        some = queries.take(np.arange(start, min(start + block, len(queries))))
        scores, row, column = proposed(members, some, depth, held.candidates)
        features = (
            scores[:, row, column].T.astype(np.float32)
            if ground is None
            else ground.features(scores, some, row, column, depth)
        )
        relevant = held.answers[start : start + block].toarray()[row, column] > 0
        told.append((row + start, features, relevant))
    if not told:
        width = len(members.models) if ground is None else len(ground.names(members.names))
        return Cells(np.zeros(0, np.int64), np.zeros((0, width), np.float32), np.zeros(0), np.zeros(0, bool))
    rows, features, relevant = (np.concatenate(one) for one in zip(*told, strict=True))
    return Cells(rows, features, np.zeros(len(rows)), relevant)


def proposed(
    members: Members, queries: Queries, depth: int, among: Int64[Array, " some"] | None = None
) -> tuple[Float64[Array, "members queries items"], Int64[Array, " cells"], Int64[Array, " cells"]]:
    """Scores on one scale (mean 0, deviation 1 in each query), and the candidates. among: rows of items, None: all."""
    scores = scaled(members.scores(queries), "deviation")
    barred = queries.histories.matrix(scores.shape[2], now=queries.now).toarray() > 0
    if among is not None:
        others = np.ones(scores.shape[2], dtype=bool)
        others[among] = False
        barred |= others
    row, column = proposals(scores, barred, depth)
    return scores, row, column


def proposals(
    scores: Float64[Array, "members queries items"], barred: Bool[Array, "queries items"], depth: int
) -> tuple[Int64[Array, " cells"], Int64[Array, " cells"]]:
    """(query, item) of every item that a member has among its `depth` best items, the barred left out, query by query.

    An item that a member puts no higher than its last one is not proposed by it: it says nothing of that item.
    """
    n = scores.shape[2]
    out = np.zeros(barred.shape, dtype=bool)
    for one in scores:
        shown = np.where(barred, -np.inf, one)
        bound = np.partition(shown, n - depth, axis=1)[:, n - depth] if depth < n else np.full(len(shown), -np.inf)
        out |= (shown >= bound[:, None]) & (one > one.min(axis=1, keepdims=True, initial=np.inf))
    row, column = np.nonzero(out & ~barred)
    return row, column


def _place(value: Float64[Array, " cells"], row: Int64[Array, " cells"]) -> Float64[Array, " cells"]:
    """Among the row's own cells, from 1, highest first; equal values share the best of their places."""
    order = np.lexsort((-value, row))
    ordered, rows = value[order], row[order]
    begins = np.concatenate([[True], rows[1:] != rows[:-1]])[: len(order)]
    fresh = begins | np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(order)]
    index = np.arange(len(order))
    start = np.maximum.accumulate(np.where(begins, index, 0))
    group = np.maximum.accumulate(np.where(fresh, index, 0))
    out = np.empty(len(order))
    out[order] = group - start + 1
    return out


def _alike(
    vectors: Float32[Array, "items dim"],
    history: csr_array,
    row: Int64[Array, " cells"],
    column: Int64[Array, " cells"],
) -> tuple[Float32[Array, " cells"], Float32[Array, " cells"]]:
    """Mean and largest cosine of each cell's item to the items of the query's history."""
    mean, most = np.zeros(len(row), dtype=np.float32), np.zeros(len(row), dtype=np.float32)
    edges = np.searchsorted(row, np.arange(history.shape[0] + 1))
    for query in range(history.shape[0]):
        start, stop = edges[query], edges[query + 1]
        met = history.indices[history.indptr[query] : history.indptr[query + 1]]
        if stop > start and len(met):
            cosines = vectors[met] @ vectors[column[start:stop]].T
            mean[start:stop], most[start:stop] = cosines.mean(axis=0), cosines.max(axis=0)
    return mean, most


def _short(features: Any) -> Float32[Array, "items dim"]:
    """Unit vectors in at most DIMENSIONS dimensions that keep the cosines best (truncated SVD of the present rows)."""
    unit = features.unit(None if features.sparse else features.mean())
    if min(unit.shape) > DIMENSIONS:
        u, s, _ = randomized_svd(unit, DIMENSIONS, random_state=0)
        unit = u * s
    dense = np.asarray(unit.toarray() if isinstance(unit, csr_array) else unit, dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", dense, dense))
    return np.where(features.present[:, None], dense / np.maximum(length, 1e-9)[:, None], 0).astype(np.float32)
