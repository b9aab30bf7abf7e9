"""Neighbourhoods: which items share a small solve, and which others stand around them in it.

Items that resemble one another form a patch and are regressed together over the same few hundred items: one Cholesky
serves them all. Who stands around a patch is decided by G itself: the strongest |G_ij| / sqrt(G_ii G_jj) to any of its
members j, among all that share a person with one and the leaves of `_leaves` nearest to it. To any, not to all: by the
sum of squares over the members 512 of 3,186 items kept 94 % of the exact NDCG@20 on hm_week, by the largest 99.6 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int64
from gobelin.models._leaves import Leaves
from gobelin.models._sketch import sketch
from gobelin.models._strands import Strands, likeness, narrowed

DIRECTIONS = 64  # of the log and of each sense, by which patches form
SHARP = 8  # a sum of such powers is led by its largest term
MORE = 4  # candidates from content, and from the log, for one place around a patch

Places = Int64[Array, "_"]


@dataclass(frozen=True)
class Patches:
    """leaves: the patches; around: items that a patch is solved over, its own among them."""

    strands: Strands
    leaves: Leaves
    around: int
    _columns: csr_array  # (users, solved) of the scaled log
    _diagonal: Float32[Array, " solved"]

    @classmethod
    def cut(cls, strands: Strands, most: int, around: int, rng: np.random.Generator) -> "Patches":
        leaves = Leaves.grown(sketch(strands, DIRECTIONS, rng), most, rng)
        return cls(strands, leaves, around, csr_array(strands.scaled.T.tocsr()), strands.diagonal())

    def __len__(self) -> int:
        return len(self.leaves)

    def own(self, patch: int) -> Places:
        """Members, ascending."""
        return self.leaves.leaf(patch)

    def neighbourhood(self, patch: int) -> Places:
        """Members and those around them, ascending: at most `around`, or the members where they are more."""
        own = self.own(patch)
        n = len(self.strands.solved)
        if n <= self.around:
            return np.arange(n, dtype=np.int64)
        room = self.around - len(own)
        if room <= 0:
            return own
        ease = 1 / np.sqrt(self._diagonal)
        people, mine = narrowed(self.strands.scaled[own])
        met, theirs = narrowed(self._columns[people])
        log = csr_array(mine @ theirs)  # (own, met), sparse
        log.data *= ease[met[log.indices]] * np.repeat(ease[own], np.diff(log.indptr))
        told = np.bincount(log.indices, log.data.astype(np.float64) ** SHARP, minlength=len(met))
        first = slice(None) if len(met) <= MORE * room else np.argpartition(-told, MORE * room - 1)[: MORE * room]
        like = self.leaves.near(self.leaves.centroids[patch], MORE * room)
        candidates = np.setdiff1d(np.union1d(met[first], like), own)
        if len(candidates) > room:
            near = self._content(own, candidates) * ease[own][:, None] * ease[candidates]
            known = np.isin(met, candidates)
            near[:, np.searchsorted(candidates, met[known])] += log[:, np.flatnonzero(known)].toarray()
            strength = np.abs(near).max(axis=0)
            candidates = candidates[np.argpartition(-strength, room - 1)[:room]]
        return np.sort(np.concatenate([own, candidates]))

    def _content(self, rows: Places, columns: Places) -> Float32[Array, "rows columns"]:
        """The senses' part of G; an item that lacks a sense is not compared by it here."""
        total = np.zeros((len(rows), len(columns)), dtype=np.float32)
        for sense, (weight, tau) in self.strands.terms.senses.items():
            left, right = (self.strands.unit(sense, self.strands.solved[some]) for some in (rows, columns))
            total += np.float32(weight) * likeness(left, right, tau)
        return total
