"""A weave in float64 that follows a change of its log and catalogue, with settings and scalers frozen.

Events are changes of low rank of G (a person's old row out, the new row in); items that come, go or are described
anew are borders of G. Where the change is small the inverses follow by `_update`, otherwise they are solved afresh:
`cheap` decides. Either way the arrays are those of `Exact.solved` on the changed ground, to rounding.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from gobelin.arrays import Array, Float64, Int64
from gobelin.models._exact import Exact, needs_alone, regresses, resemblance, solve_alike, solve_alone
from gobelin.models._ground import Ground
from gobelin.models._update import Square, bordered, raised, without
from gobelin.values import Train

WORTH = 0.5
"""An update is taken up to this rank, as a share of the solved items; benchmarks/change.py measures where they meet."""


@dataclass(frozen=True)
class _Difference:
    """kept: places before, in the order in which they stand among `old`; old, new: places after of kept and of joining
    items; rows, signs: of the change of rank len(signs), over the kept ones."""

    kept: Int64[Array, " kept"]
    old: Int64[Array, " kept"]
    new: Int64[Array, " joining"]
    rows: csr_array
    signs: Float64[Array, " rank"]
    gone: int

    @property
    def rank(self) -> int:
        return len(self.signs) + len(self.new) + self.gone


def changed(before: Exact, train: Train, least_events: int, most_items: int) -> Exact:
    """The exact weave of another train value under the same settings and scalers.

    Solved items stay solved while they are in the catalogue; an item that now has `least_events` joins them, as long
    as there are no more than `most_items`.
    """
    ground = changed_ground(before.ground, train, least_events, most_items)
    difference = _difference(before.ground, ground)
    if not cheap(difference.rank, len(before.ground.solved)):
        return Exact.solved(ground)
    alone, alike = None, None
    if needs_alone(ground):
        p = before.alone
        alone = solve_alone(ground) if p is None else _followed(p, ground, difference, senses=False)
    if regresses(ground):
        p = before.alike
        alike = solve_alike(ground) if p is None else _alike(p, ground, difference)
    return Exact(ground, _followed(before.woven, ground, difference, senses=True), alone, alike)


def cheap(rank: int, solved: int) -> bool:
    """Whether an update of that rank is quicker than a solve."""
    return rank <= WORTH * solved


def changed_ground(before: Ground, train: Train, least_events: int, most_items: int) -> Ground:
    counts = np.where(train.cold, 0, train.counts())
    stays = before.places(train.items, np.arange(len(train.items))) >= 0
    joins = np.flatnonzero(~stays & (counts >= least_events))
    room = max(0, most_items - int(stays.sum()))
    first = joins[np.lexsort((joins, -counts[joins]))][:room]
    solved = np.sort(np.concatenate([np.flatnonzero(stays), first])).astype(np.int64)
    return Ground(train, solved, before.terms, before.scalers.carried(before, train, solved))


def _difference(before: Ground, after: Ground) -> _Difference:
    origin = before.places(after.train.items, after.solved)
    told_anew = _described_anew(before, after, origin)
    old = np.flatnonzero((origin >= 0) & ~told_anew)
    kept = origin[old]
    rows, signs = _rows(before, after, kept, old)
    new = np.flatnonzero((origin < 0) | told_anew)
    return _Difference(kept, old, new, rows, signs, len(before.solved) - len(kept))


def _described_anew(before: Ground, after: Ground, origin: Int64[Array, " solved"]) -> np.ndarray:
    """Which items that were solved before have other content now."""
    out = np.zeros(len(origin), dtype=bool)
    common = np.flatnonzero(origin >= 0)
    was, now = before.solved[origin[common]], after.solved[common]
    for sense in dict.fromkeys([*after.terms.senses, *after.terms.cold_shares]):
        out[common] |= before.train.table[sense].differs(was, after.train.table[sense], now)
    return out


def _rows(
    before: Ground, after: Ground, kept: Int64[Array, " kept"], old: Int64[Array, " kept"]
) -> tuple[csr_array, Float64[Array, " rank"]]:
    """The rows of people whose events on kept items changed: as they are now (+1), as they were (-1)."""
    was, now = csr_array(before.y[:, kept]), csr_array(after.y[:, old])
    users = {name: row for row, name in enumerate(before.train.users)}
    origin = np.array([users.get(name, -1) for name in after.train.users], dtype=np.int64)
    both = np.flatnonzero(origin >= 0)
    gap = csr_array(now[both] - was[origin[both]])
    moved = both[np.asarray(abs(gap).sum(axis=1)).ravel() > 0]
    comes = np.concatenate([moved, np.flatnonzero(origin < 0)])
    goes = np.concatenate([origin[moved], np.setdiff1d(np.arange(len(before.train.users)), origin[both])])
    plus, minus = now[comes], was[goes]
    plus, minus = plus[np.diff(plus.indptr) > 0], minus[np.diff(minus.indptr) > 0]
    signs = np.concatenate([np.ones(plus.shape[0]), -np.ones(minus.shape[0])])
    return csr_array(vstack([plus, minus], format="csr")), signs


def _followed(p: Square, ground: Ground, difference: _Difference, *, senses: bool) -> Square:
    corner = ground.total(difference.new, difference.new, senses)
    corner[np.diag_indices(len(corner))] += ground.terms.regularisation
    p = raised(without(p, difference.kept), difference.rows, difference.signs)
    return _ordered(bordered(p, ground.total(difference.old, difference.new, senses), corner), difference)


def _alike(p: Square, ground: Ground, difference: _Difference) -> Square:
    corner = resemblance(ground, ground.solved[difference.new], difference.new)
    corner[np.diag_indices(len(corner))] += ground.terms.cold_ridge
    side = resemblance(ground, ground.solved[difference.old], difference.new)
    return _ordered(bordered(without(p, difference.kept), side, corner), difference)


def _ordered(p: Square, difference: _Difference) -> Square:
    """Rows and columns in the order of the solved items; joining items stand last until here."""
    order = np.argsort(np.concatenate([difference.old, difference.new]), kind="stable")
    return p if np.array_equal(order, np.arange(len(order))) else p[np.ix_(order, order)]
