"""A weave in float64: its matrices solved to double precision, and every score taken apart into shares.

With u = P h (h: the history, scaled by its power) and G = sum of the right-hand sides G_m (log and senses), column j
of B is linear in G, and the share of m in the score of j is

    s_mj = (G_m u)_j - u_j q_mj,   q_mj = sum_i P_ij G_m,ij / P_jj

which is h'(P g - P_j (P_j'g) / P_jj) for g the j-th column of G_m with its own entry zeroed; the shares of all m sum
to h_j - u_j / P_jj, the score itself. A regressed column is linear in its kernel, so its shares follow the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Float64, Int64
from gobelin.models._ground import Block, Ground
from gobelin.models._linear import inverse, weights
from gobelin.models._transfer import DENSE_BYTES, Mixture, largest, nothing
from gobelin.values import Histories

AT_ONCE = 512  # columns of a right-hand side made at once

Events = Float64[Array, "events solved"]


@dataclass(frozen=True)
class Exact:
    """Inverses over the solved items of a ground. woven: P of log and senses; alone: P of the log; alike: the inverse
    of the kernel by which new items are regressed, (K + ridge I)^-1. None where nothing asks for them.
    kept: (rest, solved) nonzero where the model kept a weight of a mixture; None: all of them.
    """

    ground: Ground
    woven: Block
    alone: Block | None
    alike: Block | None
    kept: csr_array | None = None

    @classmethod
    def solved(cls, ground: Ground, kept: csr_array | None = None) -> "Exact":
        alone = solve_alone(ground) if needs_alone(ground) else None
        alike = solve_alike(ground) if regresses(ground) else None
        every = np.arange(len(ground.solved), dtype=np.int64)
        woven = inverse(_ridged(ground.total(every, every, senses=True), ground.terms.regularisation))
        return cls(ground, woven, alone, alike, kept)

    @cached_property
    def matrix(self) -> Block:
        """B between solved items, as the model scores with it."""
        terms, counts = self.ground.terms, np.maximum(self.ground.scalers.counts, 1)
        b = weights(self.woven)
        if terms.log_blend and self.alone is not None and terms.senses:
            b += terms.log_blend * weights(self.alone)
        b *= counts[:, None] ** -terms.history_power
        b *= counts[None, :] ** terms.head
        return b

    @cached_property
    def base(self) -> Block:
        """What new items are regressed from."""
        terms, counts = self.ground.terms, np.maximum(self.ground.scalers.counts, 1)
        base = weights(self.woven if self.alone is None else self.alone)
        base *= counts[:, None] ** -terms.history_power
        base *= counts[None, :] ** terms.cold_head
        length = float(np.sqrt(np.einsum("ij,ij->", base, base) / max(len(base), 1)))
        base[np.diag_indices(len(base))] = terms.cold_self * length
        return base

    def mixture(self, items: Int64[Array, " rest"]) -> Block:
        """Items outside the solved ones as mixtures of them: K_rs (K_ss + ridge I)^-1."""
        every = np.arange(len(self.ground.solved), dtype=np.int64)
        if self.alike is None:
            return np.zeros((len(items), len(every)))
        return self._thinned(resemblance(self.ground, items, every) @ self.alike, items)

    def _thinned(self, mixture: Block, items: Int64[Array, " rest"]) -> Block:
        if self.kept is not None:
            mixture[self.kept[np.searchsorted(self.ground.rest, items)].toarray() == 0] = 0
        return mixture

    def told(self, histories: Histories) -> Events:
        """Each event in terms of solved items: itself, or the mixture of an item that was not solved for."""
        out = np.zeros((len(histories.items), len(self.ground.solved)))
        spoken = histories.spoken().astype(np.float64)
        events = np.flatnonzero(spoken)
        items = histories.items[events].astype(np.int64)
        place = np.searchsorted(self.ground.solved, items)
        near = np.isin(items, self.ground.solved)
        out[events[near], place[near]] = 1
        if not near.all():
            out[events[~near]] = self.mixture(items[~near])
        return out * spoken[:, None]

    def shares(self, told: Events, items: Int64[Array, " wanted"]) -> dict[str, Block]:
        """By "log" and by sense, what each row of told (events in terms of solved items) adds to each item's score."""
        place = np.full(len(self.ground.train.items), -1, dtype=np.int64)
        place[self.ground.solved] = np.arange(len(self.ground.solved))
        near = place[items] >= 0
        names = ["log", *dict.fromkeys([*self.ground.terms.senses, *self.ground.terms.cold_shares])]
        out = {name: np.zeros((len(items), len(told))) for name in names}
        for name, values in self._near(told, place[items[near]]).items():
            out[name][near] = values
        for name, values in self._far(told, items[~near]).items():
            out[name][~near] = values
        return out

    def _near(self, told: Events, columns: Int64[Array, " columns"]) -> dict[str, Block]:
        terms, counts = self.ground.terms, np.maximum(self.ground.scalers.counts, 1)
        scaled = told * counts**-terms.history_power
        u = scaled @ self.woven  # (events, solved)
        every = np.arange(len(counts), dtype=np.int64)
        out: dict[str, Block] = {name: np.zeros((len(columns), len(told))) for name in ["log", *terms.senses]}
        alone = self.alone if terms.log_blend and terms.senses else None
        u0 = None if alone is None else scaled @ alone
        for some in _parts(columns):
            for name, side in self.ground.sides(every, columns[some]).items():
                own = u[:, columns[some]] * self._own[name][columns[some]]
                out[name][some] = (u @ side - own).T
            if u0 is not None:
                side, own = self.ground.log(every, columns[some]), u0[:, columns[some]] * self._own_alone[columns[some]]
                out["log"][some] += terms.log_blend * (u0 @ side - own).T
        loud = counts[columns, None] ** terms.head
        return {name: values * loud for name, values in out.items()}

    def _far(self, told: Events, items: Int64[Array, " items"]) -> dict[str, Block]:
        shares = self.ground.terms.cold_shares
        out: dict[str, Block] = {name: np.zeros((len(items), len(told))) for name in shares}
        if self.alike is None or not len(items):
            return out
        said = told @ self.base  # (events, solved)
        heard = said @ self.alike
        every = np.arange(len(self.ground.solved), dtype=np.int64)
        for some in _parts(items):
            for name, like in self.ground.alike(items[some], every).items():
                # a weight that was left out of a mixture is left out of every sense's share of it
                whole = self.kept is None
                values = like @ heard.T if whole else self._thinned(like @ self.alike, items[some]) @ said.T
                out[name][some] = self.ground.terms.cold_scale * values
        return out

    @cached_property
    def _own(self) -> dict[str, Float64[Array, " solved"]]:
        """q of each right-hand side."""
        every = np.arange(len(self.ground.solved), dtype=np.int64)
        out = {name: np.zeros(len(every)) for name in ["log", *self.ground.terms.senses]}
        for some in _parts(every):
            for name, side in self.ground.sides(every, every[some]).items():
                out[name][some] = np.einsum("ij,ij->j", self.woven[:, some], side)
        diagonal = np.diag(self.woven)
        return {name: sums / diagonal for name, sums in out.items()}

    @cached_property
    def _own_alone(self) -> Float64[Array, " solved"]:
        assert self.alone is not None
        return np.asarray(1 / np.diag(self.alone) - self.ground.terms.regularisation)


def thinned(exact: Exact, items: Int64[Array, " rest"]) -> Mixture:
    """The mixtures of items in float32, as a fit keeps them: whole, or the largest weights where there are too many."""
    n_solved = len(exact.ground.solved)
    if exact.alike is None:
        return nothing((len(items), n_solved))
    step = max(1, (64 * 2**20) // (8 * max(n_solved, 1)))
    blocks = [exact.mixture(items[start : start + step]) for start in range(0, len(items), step)]
    if len(items) * n_solved * 4 <= DENSE_BYTES:
        return np.vstack(blocks).astype(np.float32)
    return csr_array(vstack([largest(block) for block in blocks], format="csr"))


def needs_alone(ground: Ground) -> bool:
    """Whether the log-only inverse differs from the woven one and is read."""
    return bool(ground.terms.senses) and (len(ground.rest) > 0 or ground.terms.log_blend > 0)


def regresses(ground: Ground) -> bool:
    """Whether there are items that follow from content."""
    return len(ground.rest) > 0 and bool(ground.terms.cold_shares)


def solve_alone(ground: Ground) -> Block:
    every = np.arange(len(ground.solved), dtype=np.int64)
    return inverse(_ridged(ground.total(every, every, senses=False), ground.terms.regularisation))


def solve_alike(ground: Ground) -> Block:
    every = np.arange(len(ground.solved), dtype=np.int64)
    return inverse(_ridged(resemblance(ground, ground.solved, every), ground.terms.cold_ridge))


def resemblance(ground: Ground, items: Int64[Array, " rows"], columns: Int64[Array, " columns"]) -> Block:
    """The kernel of new items, summed over senses."""
    total = np.zeros((len(items), len(columns)))
    for like in ground.alike(items, columns).values():
        total += like
    return total


def _ridged(block: Block, ridge: float) -> Block:
    block[np.diag_indices(len(block))] += ridge
    return block


def _parts(columns: Int64[Array, " columns"]) -> Iterator[slice]:
    for start in range(0, len(columns), AT_ONCE):
        yield slice(start, min(start + AT_ONCE, len(columns)))
