"""Standardisation of one sense's vectors: fitted on training items, frozen, applied to all items and to wishes.

A step is written as in a recipe, `standardise = ["scale", "pca:64", "unit"]`; steps run from left to right. x is a row,
m and s the mean and standard deviation of a column over the present training rows, S their covariance.

    dense   centre      x - m
            scale       (x - m) / s: for descriptors whose columns have different units; a constant column becomes 0
            pca:D       the first D principal axes of x - m (fewer where the rows have fewer)
            whiten[:A]  ZCA: (x - m) C^-1/2 with C = (1 - A) S + A tr(S)/dim I; without A, the share A of OAS (below)
            sphere:D[:A]  the first D principal axes, each divided by the root of its variance in C (PCA whitening)
    sparse  idf         each column times ln((1 + n) / (1 + df)) + 1; df, how many of the n training rows hold it
            svd:D       D right singular vectors of the training rows, not centred; the rows are dense from here on
    both    power[:P]   sign(x) |x|^P, P = 1/2 where not said: the signed root, which tames bursts
            unit        x / |x|

A sparse matrix is never centred: it would fill up. `power` and `unit` learn nothing.

Kessy, Lewin and Strimmer, Optimal Whitening and Decorrelation (The American Statistician, 2018); Chen et al.,
Shrinkage Algorithms for MMSE Covariance Estimation (2010: OAS); Jegou and Chum, Negative evidences and co-occurences
in image retrieval (ECCV 2012: whitening of image vectors); Perronnin et al. (ECCV 2010: the signed root).

Relations: `weave` and the content models centre dense senses and bring rows to unit length themselves, so that
"centre" and a last "unit" alone change nothing for them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Float64, Int64, Rows
from gobelin.errors import RecipeError, nearest
from gobelin.protocols import State
from gobelin.values import Features

Room = Callable[[tuple[int, int]], Float32[Array, "rows dim"]]
"""Makes the array of zeros that takes the result: in memory, or mapped where it would be large."""

Learned = Mapping[str, Any]  # arrays by name: what one step has learned

_ARGUMENTS: Mapping[str, tuple[int, int]] = {  # fewest and most numbers behind the name
    "centre": (0, 0), "scale": (0, 0), "pca": (1, 1), "whiten": (0, 1), "sphere": (1, 2), "idf": (0, 0),
    "svd": (1, 1), "power": (0, 1), "unit": (0, 0),
}  # fmt: skip
_DENSE, _SPARSE = {"centre", "scale", "pca", "whiten", "sphere"}, {"idf", "svd"}
_AT_ONCE = 2048  # rows in float64 at a time
_TINY = 1e-12
_ROUNDING = 1e-6  # of float32, against the largest singular value: what lies below is no direction


@dataclass(frozen=True)
class Step:
    """One step: its name, and the numbers behind it ("sphere:64:0.1" has two)."""

    name: str
    numbers: tuple[float, ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError, with what may stand there, where the text is no step."""
        name, *rest = text.split(":")
        if name not in _ARGUMENTS:
            raise ValueError(
                f"there is no step {name!r}.{nearest(name, _ARGUMENTS)} One of {', '.join(_ARGUMENTS)} is needed"
            )
        fewest, most = _ARGUMENTS[name]
        try:
            numbers = tuple(float(number) for number in rest)
        except ValueError:
            raise ValueError(f"{text!r}: numbers stand behind the colons, as in 'pca:64'") from None
        if not fewest <= len(numbers) <= most:
            raise ValueError(f"{text!r} has {len(numbers)} numbers; {name} takes {fewest} to {most}, as in 'pca:64'")
        step = cls(name, numbers)
        if name in ("pca", "sphere", "svd") and (step.numbers[0] < 1 or step.numbers[0] % 1):
            raise ValueError(f"{text!r}: the number of dimensions is a whole number from 1")
        share = step.share
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{text!r}: the share of shrinkage lies between 0 and 1")
        if name == "power" and numbers and not 0 < numbers[0] <= 1:
            raise ValueError(f"{text!r}: the power lies above 0 and not above 1")
        return step

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{number:g}" for number in self.numbers)])

    @property
    def share(self) -> float | None:
        """The share of shrinkage that was asked for."""
        at = {"whiten": 0, "sphere": 1}.get(self.name)
        return None if at is None or len(self.numbers) <= at else self.numbers[at]


def steps_of(texts: Sequence[str]) -> tuple[Step, ...]:
    """The steps of a recipe. Raises ValueError at the first that cannot be read, or that cannot follow another."""
    steps = tuple(Step.read(text) for text in texts)
    sparse: bool | None = None  # not known before the first step that cares
    for step in steps:
        if (step.name in _DENSE and sparse) or (step.name in _SPARSE and sparse is False):
            raise ValueError(f"{step} is for {'dense' if sparse else 'sparse'} rows, which these no longer are")
        if step.name in _DENSE or step.name == "svd":
            sparse = False
        elif step.name == "idf":
            sparse = True
    return steps


@dataclass(frozen=True)
class Standardiser:
    """Steps and what each has learned. `apply` gives a row the same values whatever rows stand beside it.

    The arithmetic is in float64 and only the result is rounded, so that an item described once more is not taken for
    one that changed.
    """

    steps: tuple[Step, ...]
    learned: tuple[Learned, ...]

    @classmethod
    def fit(cls, steps: Sequence[Step | str], features: Features, train_rows: Rows | Int64[Array, " rows"]) -> Self:
        """On the present rows among `train_rows`; every other row, of a test item say, is not read.

        With no present row, columns are left as they are (and `pca`, `sphere` and `svd` keep the first D of them).
        Raises RecipeError where a step for dense rows meets sparse ones, or the other way round.
        """
        wanted = tuple(Step.read(step) if isinstance(step, str) else step for step in steps)
        rows = np.unique(train_rows)
        rows = rows[features.present[rows]]
        done: list[Learned] = []
        for number, step in enumerate(wanted):
            before = cls(wanted[:number], tuple(done))
            kind = features.sparse and all(earlier.name != "svd" for earlier in wanted[:number])
            if step.name in (_DENSE if kind else _SPARSE):
                raise RecipeError(
                    f"standardise: {str(step)!r} cannot be used on {features.name!r}, whose rows are "
                    f"{'sparse' if kind else 'dense'}.",
                    "one of " + ", ".join(n for n in _ARGUMENTS if n not in (_DENSE if kind else _SPARSE)) + ".",
                    "change the steps of that sense in the recipe.",
                )
            done.append(_learn(step, partial(before._blocks, features, rows), before.dim(features.dim), len(rows)))
        return cls(wanted, tuple(done))

    def dim(self, dim: int) -> int:
        """Of what comes out, for rows of `dim` that go in."""
        for learned in self.learned:
            if "axes" in learned:
                dim = int(learned["axes"].shape[1])
        return dim

    def apply(self, features: Features, room: Room | None = None) -> Features:
        """All present rows, standardised. A row that comes out as all zero says nothing: it is absent.

        room: makes the array of the result, where it is dense; in memory where None.
        """
        if not self.steps:
            return features
        present = features.present.copy()
        if features.sparse and all(step.name != "svd" for step in self.steps):
            masked = features.values.multiply(present[:, None].astype(np.float32)).tocsr()
            values = csr_array(self._rows(csr_array(masked).astype(np.float64)).astype(np.float32))
            present &= np.diff(values.indptr) > 0
            return replace(features, values=values, present=present, layout=None)
        out = (room or _in_memory)((len(present), self.dim(features.dim)))
        here = np.flatnonzero(present)
        for start in range(0, len(here), _AT_ONCE):
            some = here[start : start + _AT_ONCE]
            out[some] = self._rows(_taken(features, some))
            present[some] = out[some].any(axis=1)
        return replace(features, values=out, present=present, layout=None)

    def vector(self, vector: Float32[Array, " dim"]) -> Float32[Array, " out"]:
        """One row by itself, written out where the encoder's rows are sparse: a wish."""
        return np.asarray(self._rows(vector[None, :].astype(np.float64)), dtype=np.float32).ravel()

    def state(self) -> State:
        return {"steps": [str(step) for step in self.steps], "learned": [dict(learned) for learned in self.learned]}

    @classmethod
    def from_state(cls, state: State) -> Self:
        steps = tuple(Step.read(text) for text in state["steps"])
        return cls(steps, tuple({k: np.asarray(v) for k, v in learned.items()} for learned in state["learned"]))

    def _blocks(self, features: Features, rows: Int64[Array, " rows"] | Rows) -> Iterator[Any]:
        for start in range(0, len(rows), _AT_ONCE):
            yield self._rows(_taken(features, rows[start : start + _AT_ONCE]))

    def _rows(self, rows: Any) -> Any:
        """(rows, dim) float64 or csr_array through every step."""
        for step, learned in zip(self.steps, self.learned, strict=True):
            rows = _changed(step, learned, rows)
        return rows


def _taken(features: Features, rows: Any) -> Any:
    block = features.values[rows]
    return csr_array(block).astype(np.float64) if features.sparse else np.asarray(block, dtype=np.float64)


def _in_memory(shape: tuple[int, int]) -> Float32[Array, "rows dim"]:
    return np.zeros(shape, dtype=np.float32)


def _changed(step: Step, learned: Learned, rows: Any) -> Any:
    match step.name:
        case "power":
            power = step.numbers[0] if step.numbers else 0.5
            if isinstance(rows, csr_array):
                return csr_array((_power(rows.data, power), rows.indices, rows.indptr), shape=rows.shape)
            return _power(rows, power)
        case "unit":
            size = np.sqrt(np.asarray((rows * rows).sum(axis=1)).ravel())
            inverse = np.where(size > 0, 1 / np.maximum(size, _TINY), 0.0)[:, None]
            return csr_array(rows.multiply(inverse).tocsr()) if isinstance(rows, csr_array) else rows * inverse
        case "idf":
            weight = learned["weight"]
            return csr_array(rows.multiply(weight[None, :]).tocsr()) if isinstance(rows, csr_array) else rows * weight
        case "svd":
            return np.asarray(rows @ learned["axes"])
    rows = rows - learned["mean"]
    if "scale" in learned:
        rows = rows * learned["scale"]
    return rows @ learned["axes"] if "axes" in learned else rows


def _power(values: Float64[Array, "..."], power: float) -> Float64[Array, "..."]:
    return np.sign(values) * np.abs(values) ** power


def _learn(step: Step, blocks: Callable[[], Iterator[Any]], dim: int, n: int) -> Learned:
    """blocks: the training rows as the steps before leave them, from the start each time; n: how many there are."""
    match step.name:
        case "power" | "unit":
            return {}
        case "idf":
            df = sum((np.bincount(block.indices[block.data != 0], minlength=dim) for block in blocks()), np.zeros(dim))
            return {"weight": np.log((1 + n) / (1 + df)) + 1}
        case "svd":
            return {"axes": _right_singular(list(blocks()), dim, int(step.numbers[0]))}
    mean = sum((block.sum(axis=0) for block in blocks()), np.zeros(dim)) / max(n, 1)
    if step.name == "centre":
        return {"mean": mean}
    if step.name == "scale":
        variance = sum((((block - mean) ** 2).sum(axis=0) for block in blocks()), np.zeros(dim)) / max(n, 1)
        deviation = np.sqrt(variance)
        constant = deviation <= 1e-7 * np.maximum(np.abs(mean), _TINY)  # the rounding of float32, no variance
        return {"mean": mean, "scale": np.where(constant, 1.0 if n < 1 else 0.0, 1 / np.maximum(deviation, _TINY))}
    if n < 1:
        return {"mean": mean, "axes": np.eye(dim)[:, : dim if step.name == "whiten" else int(step.numbers[0])]}
    spread = np.zeros((dim, dim))
    for block in blocks():
        spread += (block - mean).T @ (block - mean)
    spread /= n
    variance, axes = np.linalg.eigh(spread)
    variance, axes = np.maximum(variance[::-1], 0), _signed(axes[:, ::-1])  # the largest first
    rank = max(1, int((variance > _ROUNDING**2 * variance[0]).sum()))
    if step.name == "pca":
        return {"mean": mean, "axes": axes[:, : min(int(step.numbers[0]), rank)]}
    share = oas(spread, n) if step.share is None else step.share
    shrunk = (1 - share) * variance + share * variance.mean()
    inverse = np.where(shrunk > _TINY * max(shrunk[0], _TINY), 1 / np.sqrt(np.maximum(shrunk, 1e-300)), 0.0)
    if step.name == "whiten":
        return {"mean": mean, "axes": (axes * inverse) @ axes.T}
    kept = min(int(step.numbers[0]), rank)
    return {"mean": mean, "axes": axes[:, :kept] * inverse[:kept]}


def oas(spread: Float64[Array, "dim dim"], n: int) -> float:
    """The share of tr(S)/dim I that the oracle approximating shrinkage puts into a covariance S of n rows."""
    dim = len(spread)
    each, squares = np.trace(spread) / dim, float((spread**2).mean())
    below = (n + 1) * (squares - each**2 / dim)
    return 1.0 if below <= 0 else float(min((squares + each**2) / below, 1.0))


def _right_singular(blocks: Sequence[csr_array], dim: int, wanted: int) -> Float64[Array, "dim axes"]:
    """From a randomised SVD with a fixed seed (Halko, Martinsson and Tropp, 2011)."""
    from scipy.sparse import vstack
    from sklearn.utils.extmath import randomized_svd

    if not blocks:
        return np.eye(dim)[:, :wanted]
    rows = vstack(blocks, format="csr")
    _, sizes, right = randomized_svd(rows, min(wanted, *rows.shape), n_iter=7, random_state=0)
    return _signed(right[sizes > _ROUNDING * max(float(sizes[0]), _TINY)].T)


def _signed(axes: Float64[Array, "dim axes"]) -> Float64[Array, "dim axes"]:
    """Each axis points where its largest coordinate does: an eigenvector's sign is an accident."""
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return np.asarray(axes * np.where(largest < 0, -1.0, 1.0))
