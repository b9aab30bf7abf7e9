"""What to put where a sense is missing: five ways, of which leaving it missing is one.

All work on unit rows (as `Features.unit` gives them) and answer with unit rows, so that a filled item weighs as much as
another; nothing that is present is touched. An item finds its like by what it has: the log, and each other sense.

- mask: nothing; the item has no such sense.
- mean: the mean row of all that have the sense. After centring that is nothing at all: the item stays masked.
- neighbours: the mean of the nearest that have the sense, by the log and by each other sense that the item has.
- propagation: the same over the nearest of any kind, again and again, so that what a neighbour was lent travels on
  (Rossi et al., On the Unreasonable Effectiveness of Feature Propagation, 2022; Malitesta et al., Do We Really Need to
  Drop Items with Missing Modalities in Multimodal Recommendation?, 2024).
- regression: kernel ridge regression of the sense on the log and on the other senses, from at most `ANCHORS` items.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, diags_array, vstack

from gobelin.arrays import Array, Bool, Float32, Int64

Fill = Literal["mask", "mean", "neighbours", "propagation", "regression"]
FILLS: tuple[Fill, ...] = ("mask", "mean", "neighbours", "propagation", "regression")

NEAREST = 10  # neighbours of each kind
ROUNDS = 5  # of propagation: more change little
RIDGE = 1.0  # of the regression; a kernel's diagonal is the number of its kinds
ANCHORS = 4_000
_BLOCK = 512

Unit = Any  # Float32[Array, "rows dim"] | csr_array: rows of unit length, zero where absent
Holds = Bool[Array, " rows"]


def filled(
    way: Fill,
    sense: str,
    units: Mapping[str, Unit],
    holds: Mapping[str, Holds],
    log: csr_array,
    rng: np.random.Generator | None = None,
) -> tuple[Unit, Holds]:
    """The rows of one sense with what is missing put in, and which rows hold anything now.

    units, holds: every sense of the same items. log: (users, rows) what people did. rng: draws the anchors of a
    regression where there are more than `ANCHORS`; the first of them otherwise.
    """
    unit, present = units[sense], holds[sense]
    lacking = np.flatnonzero(~present)
    if way == "mask" or not len(lacking) or not present.any():
        return unit, present
    if way == "mean":
        mean = np.asarray(unit.sum(axis=0), dtype=np.float32).reshape(1, -1)
        lent: Any = csr_array(np.repeat(mean, len(lacking), axis=0)) if isinstance(unit, csr_array) else mean
        return _put(unit, present, lacking, lent)
    kinds: dict[str, Unit] = {"log": csr_array(log.T.tocsr()).astype(np.float32)}
    norm = np.sqrt(np.asarray(kinds["log"].multiply(kinds["log"]).sum(axis=1)).ravel())
    kinds["log"] = csr_array(diags_array((1 / np.maximum(norm, 1e-12)).astype(np.float32)) @ kinds["log"])
    kinds |= {name: other for name, other in units.items() if name != sense}
    has = {"log": norm > 0, **{name: one for name, one in holds.items() if name != sense}}
    if way == "regression":
        return _put(unit, present, lacking, _regressed(unit, present, lacking, kinds, has, rng))
    among = present if way == "neighbours" else np.ones(len(present), dtype=bool)
    graph = _graph(lacking, kinds, has, among)
    out, found = _put(unit, present, lacking, graph @ unit)
    for _ in range(ROUNDS - 1 if way == "propagation" else 0):
        out, found = _put(unit, present, lacking, graph @ out)
    return out, found


def _put(unit: Unit, present: Holds, lacking: Int64[Array, " lacking"], lent: Unit) -> tuple[Unit, Holds]:
    """Unit rows with the lent ones, brought to unit length, where the sense is lacking."""
    if isinstance(unit, csr_array):
        norm = np.sqrt(np.asarray(lent.multiply(lent).sum(axis=1)).ravel())
        found = norm > 1e-6
        scaled = diags_array(np.where(found, 1 / np.maximum(norm, 1e-12), 0).astype(np.float32)) @ lent
        place = csr_array(
            (np.ones(len(lacking), np.float32), (lacking, np.arange(len(lacking)))), (len(present), len(lacking))
        )
        kept = diags_array(present.astype(np.float32)) @ unit
        out: Unit = csr_array(kept + place @ scaled)
    else:
        lent = np.broadcast_to(lent, (len(lacking), unit.shape[1]))
        norm = np.sqrt(np.einsum("ij,ij->i", lent, lent))
        found = norm > 1e-6
        out = unit.copy()
        out[lacking] = 0
        out[lacking[found]] = lent[found] / norm[found, None]
    holds = present.copy()
    holds[lacking[found]] = True
    return out, holds


def _graph(
    lacking: Int64[Array, " lacking"], kinds: Mapping[str, Unit], has: Mapping[str, Holds], among: Holds
) -> csr_array:
    """(lacking, rows): the nearest of each kind that an item has, each kind with the same say; a row sums to 1."""
    parts = []
    for name, unit in kinds.items():
        allowed = among & has[name]
        blocks = []
        for start in range(0, len(lacking), _BLOCK):
            some = lacking[start : start + _BLOCK]
            near = _dense(unit[some] @ unit.T)
            near[:, ~allowed] = 0
            near[np.arange(len(some)), some] = 0
            near[~has[name][some]] = 0
            blocks.append(_largest(near))
        parts.append(csr_array(vstack(blocks, format="csr")))
    total = parts[0]
    for one in parts[1:]:
        total = csr_array(total + one)
    rows = np.asarray(total.sum(axis=1)).ravel()
    return csr_array(diags_array(np.where(rows > 0, 1 / np.maximum(rows, 1e-12), 0).astype(np.float32)) @ total)


def _largest(near: Float32[Array, "some rows"]) -> csr_array:
    """Each row's `NEAREST` largest positive entries, scaled to sum to 1; of equal ones the first."""
    k = min(NEAREST, near.shape[1])
    order = np.argsort(-near, axis=1, kind="stable")[:, :k]
    values = np.maximum(np.take_along_axis(near, order, axis=1), 0)
    total = values.sum(axis=1, keepdims=True)
    values = values / np.where(total > 0, total, 1)
    starts = np.arange(len(near) + 1) * k
    out = csr_array((values.ravel().astype(np.float32), order.ravel(), starts), shape=near.shape)
    out.eliminate_zeros()
    return out


def _regressed(
    unit: Unit,
    present: Holds,
    lacking: Int64[Array, " lacking"],
    kinds: Mapping[str, Unit],
    has: Mapping[str, Holds],
    rng: np.random.Generator | None,
) -> Unit:
    anchors = np.flatnonzero(present)
    if len(anchors) > ANCHORS:
        anchors = np.sort(rng.choice(anchors, ANCHORS, replace=False)) if rng is not None else anchors[:ANCHORS]

    def likeness(rows: Int64[Array, " some"]) -> Float32[Array, "some anchors"]:
        total = np.zeros((len(rows), len(anchors)), dtype=np.float32)
        for name, one in kinds.items():
            near = _dense(one[rows] @ one[anchors].T)
            near[~has[name][rows]] = 0
            near[:, ~has[name][anchors]] = 0
            total += near
        return total

    gram = likeness(anchors)
    gram[np.diag_indices(len(gram))] += RIDGE
    factor = cho_factor(gram, lower=True, overwrite_a=True)
    blocks: list[Any] = []
    for start in range(0, len(lacking), _BLOCK):
        weights = cho_solve(factor, likeness(lacking[start : start + _BLOCK]).T).T.astype(np.float32)
        if isinstance(unit, csr_array):  # a dense row of words is never needed: the largest weights carry it
            blocks.append(_largest(weights) @ unit[anchors])
        else:
            blocks.append(weights @ unit[anchors])
    return csr_array(vstack(blocks, format="csr")) if isinstance(unit, csr_array) else np.concatenate(blocks)


def _dense(product: Any) -> Float32[Array, "some others"]:
    return np.asarray(product.toarray() if isinstance(product, csr_array) else product, dtype=np.float32)
