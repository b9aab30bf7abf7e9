"""Weighting: the senses side by side, each as loud as it is told to be or as it tells of the target."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

import numpy as np
from annotated_types import Ge, Gt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from gobelin.arrays import Array, Bool, Float64
from gobelin.fitted import remade, state_of
from gobelin.fusion._aim import columns, known_rows
from gobelin.fusion._blocks import WIDE, Blocks, Senses, fused
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Features, FeatureTable, Target

_TINY = 1e-12


@dataclass(kw_only=True)
class Weighting:
    """The senses side by side, [sqrt(w_1) x_1, ..., sqrt(w_S) x_S], each with a share w of the inner product.

    by "target": shares are learned by centred kernel alignment (Cortes, Mohri, Rostamizadeh, JMLR 2012) between each
    sense's inner products K_s and those of the target, K_Y, both centred. A sense's alignment is <K_s, K_Y> less what
    chance alone gives a sense that knows nothing, tr K_s tr K_Y / (n - 1), which the paper does not take off.
    form "linear": the w >= 0 under which sum w_s K_s is nearest to K_Y, so that a sense that only repeats another gets
    little; "exponential": the softmax of each sense's alignment as a cosine over `temperature`, which silences none.
    by "given", or without a target: of `weights` (1 where a sense is not named), linear: w_s / sum w; exponential: the
    softmax of w_s / temperature.

    An item that lacks a sense hears the others louder, so that every row has length 1; one whose every sense has no
    weight is zero. Classes, labels and numbers all serve as a target. Cost: products of dim x dim for each pair of
    senses; nothing of rows x rows. Relations: equal weights are `concatenation`.
    """

    form: Annotated[Literal["linear", "exponential"], Grid("linear", "exponential")] = "linear"
    by: Literal["target", "given"] = "target"
    weights: Annotated[Mapping[str, Annotated[float, Ge(0)]], Grid(0, 0.03, 0.1, 0.3, 1, 3, 10)] = field(
        default_factory=dict
    )
    temperature: Annotated[float, Gt(0), Grid(0.03, 0.1, 0.3, 1)] = 0.1
    most: Annotated[int, Ge(1)] = WIDE
    _senses: Senses = field(init=False, repr=False, compare=False)
    _shares: Float64[Array, " senses"] = field(init=False, repr=False, compare=False)

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        self._senses = Senses.fit(table, learn, self.most)
        if self.by == "target" and target is not None:
            rows = known_rows(target, learn)
            loud = _alignment(self._senses.of(table).take(rows), columns(target, rows), self.form == "linear")
        else:
            loud = np.array([self.weights.get(name, 1.0) for name in self._senses.ways])
        if self.form == "exponential":
            loud = np.exp((loud - loud.max()) / self.temperature)
        self._shares = loud / loud.sum() if loud.sum() > 0 else np.full(len(loud), 1 / len(loud))
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Of each sense its share of the inner product of two items that have all; they sum to 1."""
        return dict(zip(self._senses.ways, self._shares.tolist(), strict=True))

    def fuse(self, table: FeatureTable) -> Features:
        blocks = self._senses.of(table)
        return fused(table, blocks.side_by_side(self._shares), blocks.present)

    def state(self) -> State:
        return state_of(self, senses=self._senses.state(), shares=self._shares)

    @classmethod
    def from_state(cls, state: State) -> Self:
        fusion = remade(cls, state)
        fusion._senses, fusion._shares = Senses.from_state(state["senses"]), np.asarray(state["shares"])
        return fusion


def _alignment(blocks: Blocks, wanted: Float64[Array, "rows outputs"], joint: bool) -> Float64[Array, " senses"]:
    """Of each sense. joint: the weights of the sum nearest to the target's kernel; else each alone, as a cosine."""
    n = len(blocks.values)
    centred, aligned, size = [], np.zeros(n), np.ones(n)
    for s, block in enumerate(blocks.values):
        held = blocks.held[:, s]
        x = block.astype(np.float64)
        if held.sum() >= 3:
            x[held] -= x[held].mean(axis=0)
            y = wanted[held] - wanted[held].mean(axis=0)
            chance = (x**2).sum() * (y**2).sum() / (held.sum() - 1)
            aligned[s] = max(float(((x[held].T @ y) ** 2).sum() - chance), 0.0)
            size[s] = np.sqrt((_gram(x) ** 2).sum() * (_gram(y) ** 2).sum())
        centred.append(x)
    if not joint:
        return aligned / np.maximum(size, _TINY)
    products = np.array([[((a.T @ b) ** 2).sum() for b in centred] for a in centred])
    if not aligned.any() or not products.any():
        return np.zeros(n)
    root = cholesky(products + 1e-9 * np.trace(products) * np.eye(n))  # |root w - root^-T a|^2 is what is least
    return np.asarray(nnls(root, solve_triangular(root, aligned, trans="T"))[0])


def _gram(x: Float64[Array, "rows dim"]) -> Float64[Array, "a a"]:
    """Of the shorter side, whose squares sum to those of the longer."""
    return x.T @ x if x.shape[1] <= x.shape[0] else x @ x.T
