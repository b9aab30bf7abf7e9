"""What a person is interested in, in words and numbers, each with its evidence.

Three kinds of answer. Values of columns and words of texts, as the fitted encoders name them; groups of items that are
alike in one sense (by text, by picture); groups that are alike in all senses together ("fused"). Each is compared with
what everyone takes: an interest is what stands in this history more often than chance would put it there, by the
log-likelihood ratio of Dunning (Accurate Methods for the Statistics of Surprise and Coincidence, 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse import csr_array, issparse
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Float32, Float64, Int64
from gobelin.protocols import Named
from gobelin.service.served import Served
from gobelin.values import Features, Histories

EVIDENCE = 3  # items of the history named for each interest
REDUCED = 48  # dimensions of a sense before its items are grouped
MOST_GROUPS = 200


@dataclass(frozen=True)
class Marks:
    """What items have, in columns with names: values of attributes, words, or groups. by: the sense, or "fused"."""

    by: str
    names: tuple[str, ...]
    has: csr_array  # (items, marks) 1 where the item has it


def interests(served: Served, every: Sequence[Marks], histories: Histories, k: int) -> pd.DataFrame:
    """The k strongest interests of each kind in one history: by, interest, yours, everyone, strength, evidence.

    every: the marks of `every_mark`, made once for all histories.

    yours, everyone: share of what this person, and all people, took that has it. strength: log-likelihood ratio, 0
    where the person has it no more often than chance; from about 3.8 on such a share is rare by chance alone.
    """
    took = np.zeros(len(served.items))
    np.add.at(took, np.maximum(histories.items, 0), histories.spoken().astype(np.float64))
    everyone = np.bincount(
        np.maximum(served.histories.items, 0), served.histories.spoken().astype(np.float64), len(served.items)
    )
    rows: list[dict[str, Any]] = []
    for marks in every:
        strength, yours, base = surprise(marks.has, took, everyone)
        best = [int(i) for i in np.argsort(-strength, kind="stable")[:k] if strength[i] > 0]
        for mark in best:
            column = marks.has[:, [mark]].toarray().ravel()
            shown = np.argsort(-took * column, kind="stable")[:EVIDENCE]
            rows.append(
                {
                    "by": marks.by,
                    "interest": marks.names[mark],
                    "yours": float(yours[mark]),
                    "everyone": float(base[mark]),
                    "strength": float(strength[mark]),
                    "evidence": [served.items[int(i)] for i in shown if took[i] * column[i] > 0],
                }
            )
    return pd.DataFrame(rows, columns=["by", "interest", "yours", "everyone", "strength", "evidence"])


def surprise(
    has: csr_array, took: Float64[Array, " items"], everyone: Float64[Array, " items"]
) -> tuple[Float64[Array, " marks"], Float64[Array, " marks"], Float64[Array, " marks"]]:
    """(log-likelihood ratio, share in the history, share in all histories) of each mark; ratio 0 where not above it."""
    n, total = took.sum(), everyone.sum()
    if n <= 0 or total <= 0:
        nothing = np.zeros(has.shape[1])
        return nothing, nothing, nothing
    mine = np.asarray(has.T @ took).ravel()
    yours, base = mine / n, np.clip(np.asarray(has.T @ everyone).ravel() / total, 1e-9, 1 - 1e-9)
    some = np.clip(yours, 1e-12, 1 - 1e-12)
    ratio = 2 * n * (some * np.log(some / base) + (1 - some) * np.log((1 - some) / (1 - base)))
    return np.where(yours > base, ratio, 0.0), yours, base


def every_mark(served: Served) -> list[Marks]:
    """Named columns first, then groups by each dense sense, then groups by all senses."""
    table, titles = served.table, served.cards.titles
    named = [marks for sense in table if (marks := _named(served, sense)) is not None]
    log = served.histories.matrix(len(served.items))
    told = {sense: telling(_reduced(table[sense]), log) for sense in table}
    groups = [
        _grouped(sense, told[sense], table[sense].present, named, titles, share=50)
        for sense in table
        if not table[sense].sparse
    ]
    if len(told) > 1:  # a taste in all senses at once is one of many: smaller groups
        whole = telling(np.hstack(list(told.values())), log)
        groups.append(_grouped("fused", whole, ~table.bare(), named, titles, share=12))
    return [*named, *groups]


def _named(served: Served, sense: str) -> Marks | None:
    """The columns of a sparse sense whose encoder can name them."""
    features, encoder = served.table[sense], served.encoders.get(sense)
    if not features.sparse or not isinstance(encoder, Named):
        return None
    has = csr_array((features.values.data != 0, features.values.indices, features.values.indptr), features.values.shape)
    return Marks(sense, tuple(encoder.names()), csr_array(has.astype(np.float32)))


def _reduced(features: Features) -> Float32[Array, "items reduced"]:
    """Centred unit vectors in few dimensions; zeros for items that lack the sense."""
    unit = features.unit(None if features.sparse else features.mean())
    size = min(REDUCED, min(unit.shape) - 1)
    if size < 1:
        return np.zeros((unit.shape[0], 1), dtype=np.float32)
    out = TruncatedSVD(size, random_state=0).fit_transform(unit if issparse(unit) else np.asarray(unit))
    return np.asarray(out, dtype=np.float32)


def telling(vectors: Float32[Array, "items dim"], log: csr_array) -> Float32[Array, "items told"]:
    """The vectors turned and scaled so that they differ as tastes do: directions that tell people apart are long.

    With T the spread of items over what all people took, and C the mean of z_i z_j' over pairs of different items of
    one person (0 where people do not choose by it), C v = l T v: linear discriminants with people as classes. A
    direction counts with the root of its l; those with l <= 0 are left out.
    """
    several = np.flatnonzero(np.diff(log.indptr) > 1)
    if not len(several):
        return vectors
    x = csr_array((np.ones(len(log.indices)), log.indices, log.indptr), shape=log.shape)[several]
    size = np.diff(x.indptr).astype(np.float64)
    taken = np.bincount(x.indices, minlength=x.shape[1]).astype(np.float64)
    z = vectors - np.average(vectors, axis=0, weights=taken)
    z = np.where(np.abs(vectors).sum(axis=1, keepdims=True) > 0, z, 0).astype(np.float64)
    spread = (z * taken[:, None]).T @ z / taken.sum()
    spread += 1e-3 * np.trace(spread) / len(spread) * np.eye(len(spread))
    sums = np.asarray(x @ z)
    each = np.asarray(x.T @ (1 / (size - 1)))  # of an item: the sum over its people of 1 / (n - 1)
    pairs = ((sums / (size - 1)[:, None]).T @ sums - (z * each[:, None]).T @ z) / taken.sum()
    ratio, directions = eigh((pairs + pairs.T) / 2, spread)
    kept = ratio > 0
    return np.asarray(z @ (directions[:, kept] * np.sqrt(ratio[kept])), dtype=np.float32)


def _grouped(
    by: str,
    vectors: Float32[Array, "items dim"],
    present: Array,
    named: Sequence[Marks],
    titles: Sequence[str],
    share: int,
) -> Marks:
    """Items in groups of their like, of about `share` items; a group is called by what sets its items apart."""
    rows = np.flatnonzero(present)
    n_groups = int(np.clip(round(len(rows) / share), 1, MOST_GROUPS)) if len(rows) else 0
    if n_groups < 2:
        return Marks(by, (), csr_array(np.zeros((len(vectors), 0), dtype=np.float32)))
    found = MiniBatchKMeans(n_groups, random_state=0, n_init=5, batch_size=2_048).fit_predict(vectors[rows])
    starts = np.concatenate([[0], np.cumsum(present)])
    has = csr_array((np.ones(len(rows), np.float32), found, starts), shape=(len(vectors), n_groups))
    names = (_call(rows[found == group], len(vectors), named) for group in range(n_groups))
    firsts = [rows[found == group][:1].tolist() for group in range(n_groups)]
    called = (name or " ".join(f"like {titles[i]}" for i in first) for name, first in zip(names, firsts, strict=True))
    return Marks(by, tuple(called), has)


def _call(members: Int64[Array, " members"], n_items: int, named: Sequence[Marks]) -> str:
    """A group's name: the three marks that set it apart most."""
    inside, all_items = np.zeros(n_items), np.ones(n_items)
    inside[members] = 1
    best: dict[str, float] = {}
    for marks in named:
        strength = surprise(marks.has, inside, all_items)[0]
        first = np.argsort(-strength, kind="stable")[:3]
        best.update({marks.names[i]: float(strength[i]) for i in first if strength[i] > 0})
    return ", ".join(sorted(best, key=lambda name: -best[name])[:3])
