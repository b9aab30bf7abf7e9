"""Every score of a weave in patches taken apart: the patches of the asked items are solved again, in float64.

Within its neighbourhood S column j of B is linear in G_SS = sum of the right-hand sides G_m, as in `_exact`:

    B_ij = sum_m (P G_m)_ij - P_ij q_mj,   q_mj = P_j' G_m,j / P_jj

and a weight that the fit did not keep is left out of every share. The shares of all m sum to the score itself.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Float64, Int64
from gobelin.models._patches import Places
from gobelin.models._patchwork import Patchwork, ridged, solved
from gobelin.models._strands import Strands
from gobelin.values import Histories

Share = Float64[Array, "items events"]


@dataclass(frozen=True)
class PatchShares:
    """rest: rows of the items that are mixtures of the solved ones."""

    strands: Strands
    work: Patchwork
    rest: Places

    def told(self, histories: Histories) -> csr_array:
        """(events, solved) each event in terms of solved items: itself, or the mixture of an item that is not one."""
        spoken = histories.spoken().astype(np.float64)
        n = len(self.strands.solved)
        rows = []
        for item, weight in zip(histories.items.tolist(), spoken.tolist(), strict=True):
            place = int(np.searchsorted(self.strands.solved, item))
            if not weight:
                rows.append(csr_array((1, n)))
            elif place < n and self.strands.solved[place] == item:
                rows.append(csr_array(([weight], ([0], [place])), shape=(1, n)))
            else:
                rows.append(weight * self.work.mixture[[int(np.searchsorted(self.rest, item))]].astype(np.float64))
        return csr_array(vstack(rows, format="csr")) if rows else csr_array((0, n))

    def shares(self, told: csr_array, items: Int64[Array, " wanted"]) -> dict[str, Share]:
        """By "log" and by sense, what each row of `told` adds to each item's score."""
        terms = self.strands.terms
        names = ["log", *dict.fromkeys([*terms.senses, *terms.cold_shares])]
        out = {name: np.zeros((len(items), told.shape[0])) for name in names}
        place = np.full(len(self.strands.table.ids), -1, dtype=np.int64)
        place[self.strands.solved] = np.arange(len(self.strands.solved))
        near = np.flatnonzero(place[items] >= 0)
        patch = self.work.near.patch[place[items[near]]]
        for number in np.unique(patch).tolist():
            some = near[patch == number]
            for name, values in self._near(told, number, place[items[some]]).items():
                out[name][some] = values
        far = np.flatnonzero(place[items] < 0)
        row = np.searchsorted(self.rest, items[far])
        if len(far) and self.work.mixture.nnz and self.work.base is not None:
            said = csr_array(told @ self.work.base.astype(np.float64))
            for number in np.unique(self.work.far.patch[row]).tolist():
                some = self.work.far.patch[row] == number
                for name, values in self._far(said, number, row[some]).items():
                    out[name][far[some]] = values
        return out

    def _near(self, told: csr_array, number: int, columns: Places) -> dict[str, Share]:
        terms, counts = self.strands.terms, np.maximum(self.strands.counts, 1)
        places = self.work.near.of_patch(number)
        here = np.searchsorted(places, columns)
        sides = self.strands.sides(places, np.float64)
        kept = self.work.matrix[places][:, columns].toarray() != 0
        weights = _taken_apart(sides, here, terms.regularisation)
        if terms.log_blend and terms.senses:
            weights["log"] += terms.log_blend * _taken_apart({"log": sides["log"]}, here, terms.regularisation)["log"]
        loud = (counts[places] ** -terms.history_power)[:, None] * counts[columns] ** terms.head
        heard = told[:, places]
        return {name: np.asarray(heard @ (values * loud * kept)).T for name, values in weights.items()}

    def _far(self, said: csr_array, number: int, rows: Places) -> dict[str, Share]:
        terms, solved_rows = self.strands.terms, self.strands.solved
        places = self.work.far.of_patch(number)
        among = sum(self.strands.alike(solved_rows[places], solved_rows[places], np.float64).values())
        like = self.strands.alike(self.rest[rows], solved_rows[places], np.float64)
        kept = self.work.mixture[rows][:, places].toarray() != 0
        heard = said[:, places]
        out = {}
        for name, values in like.items():
            weights = solved(ridged(np.array(among), terms.cold_ridge), np.ascontiguousarray(values.T))
            out[name] = terms.cold_scale * np.asarray(heard @ (weights * kept.T)).T
        return out


def _taken_apart(
    sides: dict[str, Float64[Array, "around around"]], here: Places, ridge: float
) -> dict[str, Float64[Array, "around own"]]:
    """Some columns of B, as the sum of what each side gives to them."""
    total = np.zeros_like(next(iter(sides.values())))
    for side in sides.values():
        total += side
    ridged(total, ridge)
    own = here, np.arange(len(here))
    p = solved(total.copy(), np.eye(len(total))[:, here])
    out = {}
    for name, side in sides.items():
        right = side[:, here]
        q = np.einsum("ij,ij->j", p, right) / p[own]
        out[name] = solved(total.copy(), np.ascontiguousarray(right)) - p * q
        out[name][own] = 0
    return out
