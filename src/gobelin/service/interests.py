"""What a person is interested in, in words and numbers, each with its evidence.

Three kinds of answer. Values of columns and words of texts, as the fitted encoders name them; items close to one that
the person took, in one sense (by text, by picture); and in all senses together ("fused"). Each is compared with what
everyone takes: an interest is what stands in this history more often than chance would put it there, by the
log-likelihood ratio of Dunning (Accurate Methods for the Statistics of Surprise and Coincidence, 1993).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse import csr_array, issparse
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Float32, Float64, Int64
from gobelin.protocols import Named
from gobelin.service.served import Served
from gobelin.values import Features, Histories

EVIDENCE = 3  # items of the history named for each interest
REDUCED = 48  # dimensions of a sense before its items are compared
NEAR, NEAR_IN_ALL = 50, 24  # items of a neighbourhood in one sense, and in all: a taste in all at once is one of many
PART = 8  # a neighbourhood is at most one in so many of the items
CENTRES = 500  # of a long history the items that speak loudest


@dataclass(frozen=True)
class Marks:
    """What items have, in columns with names: values, words or neighbourhoods. by: the sense, or "fused"."""

    by: str
    names: tuple[str, ...]
    has: csr_array  # (items, marks) 1 where the item has it


@dataclass(frozen=True)
class Alike:
    """Vectors in which items that please the same people lie close. by: the sense, or "fused"."""

    by: str
    vectors: Float32[Array, "items dim"]
    rows: Int64[Array, " present"]  # the items that have the sense
    near: int  # items of a neighbourhood

    def around(self, took: Float64[Array, " items"]) -> tuple[Int64[Array, " centres"], csr_array]:
        """Items of a history, and in a column for each 1 at the `near` items around it."""
        centres = self.rows[took[self.rows] > 0]
        centres = centres[np.argsort(-took[centres], kind="stable")[:CENTRES]]
        there = self.vectors[self.rows]
        away = np.square(there).sum(axis=1) - 2 * self.vectors[centres] @ there.T
        close = self.rows[np.argpartition(away, self.near - 1, axis=1)[:, : self.near]]
        starts = np.arange(len(centres) + 1) * self.near
        has = csr_array((np.ones(close.size, np.float32), close.ravel(), starts), (len(centres), len(took)))
        return centres, csr_array(has.T)


@dataclass(frozen=True)
class Traits:
    """What interests are told by, the same for everyone who asks."""

    named: tuple[Marks, ...]
    alike: tuple[Alike, ...]

    @classmethod
    def of(cls, served: Served) -> "Traits":
        """The named columns of sparse senses; neighbourhoods in each dense sense, and in all senses."""
        table, log = served.table, served.histories.matrix(len(served.items))
        told = {sense: telling(_reduced(table[sense]), log) for sense in table}
        alike = [_alike(sense, told[sense], table[sense].present, NEAR) for sense in table if not table[sense].sparse]
        if len(told) > 1:
            alike.append(_alike("fused", telling(np.hstack(list(told.values())), log), ~table.bare(), NEAR_IN_ALL))
        named = (_named(served, sense) for sense in table)
        return cls(tuple(marks for marks in named if marks), tuple(one for one in alike if one.near > 1))


def interests(served: Served, traits: Traits, histories: Histories, k: int) -> pd.DataFrame:
    """The k strongest interests of each kind in one history: by, interest, yours, everyone, strength, evidence.

    yours, everyone: share of what this person, and all people, took that has it. strength: log-likelihood ratio, 0
    where the person has it no more often than chance; from about 3.8 on such a share is rare by chance alone.
    """
    took = np.zeros(len(served.items))
    np.add.at(took, np.maximum(histories.items, 0), histories.spoken().astype(np.float64))
    everyone = np.bincount(
        np.maximum(served.histories.items, 0), served.histories.spoken().astype(np.float64), len(served.items)
    )
    rows: list[dict[str, Any]] = []
    for marks in strongest(traits, took, everyone, served.cards.titles, k):
        strength, yours, base = surprise(marks.has, took, everyone)
        for mark in range(len(marks.names)):
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


def strongest(
    traits: Traits,
    took: Float64[Array, " items"],
    everyone: Float64[Array, " items"],
    titles: Sequence[str],
    k: int,
) -> Iterator[Marks]:
    """Of each kind the at most k marks that surprise most, strongest first; no two neighbourhoods hold each other."""
    for marks in traits.named:
        best = _best(surprise(marks.has, took, everyone)[0])[:k]
        yield Marks(marks.by, tuple(marks.names[i] for i in best), marks.has[:, best])
    for alike in traits.alike:
        centres, has = alike.around(took)
        kept: list[int] = []
        covered = np.zeros(len(took), dtype=bool)
        for i in _best(surprise(has, took, everyone)[0]):
            if len(kept) < k and not covered[centres[i]]:
                kept.append(i)
                covered[has[:, [i]].nonzero()[0]] = True
        has = has[:, kept]
        names = tuple(
            _call(has[:, [place]].nonzero()[0], traits.named) or f"like {titles[centres[i]]}"
            for place, i in enumerate(kept)
        )
        yield Marks(alike.by, names, has)


def _best(strength: Float64[Array, " marks"]) -> list[int]:
    return [int(i) for i in np.argsort(-strength, kind="stable") if strength[i] > 0]


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


def _alike(by: str, vectors: Float32[Array, "items dim"], present: Array, near: int) -> Alike:
    rows = np.flatnonzero(present)
    return Alike(by, vectors, rows, min(near, len(rows) // PART))


def _call(members: Int64[Array, " members"], named: Sequence[Marks]) -> str:
    """A neighbourhood's name: the three marks that set it apart most; empty where nothing has a name."""
    best: dict[str, float] = {}
    for marks in named:
        n_items = marks.has.shape[0]
        inside, all_items = np.zeros(n_items), np.ones(n_items)
        inside[members] = 1
        strength = surprise(marks.has, inside, all_items)[0]
        best.update({marks.names[i]: float(strength[i]) for i in _best(strength)[:3]})
    return ", ".join(sorted(best, key=lambda name: -best[name])[:3])
