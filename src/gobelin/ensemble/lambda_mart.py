"""LambdaMART over a few candidates of each row, by LightGBM: what a learned second stage is made of."""

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Float64, Int64
from gobelin.ensemble.folds import folds
from gobelin.parts import need


@dataclass(frozen=True)
class Cells:
    """Candidates of many rows, one below the other. rows: of each cell, cells of one row together.

    base: where the trees begin from, in nats (`choice_weights`). relevant: the answers, which `fit` alone reads;
    empty where nothing is to be learned.
    """

    rows: Int64[Array, " cells"]
    features: Float32[Array, "cells features"]
    base: Float64[Array, " cells"]
    relevant: Bool[Array, " cells"] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def sizes(self) -> Int64[Array, " groups"]:
        edges = np.flatnonzero(np.concatenate([[True], self.rows[1:] != self.rows[:-1], [True]]))
        return np.diff(edges) if len(self.rows) else np.zeros(0, dtype=np.int64)

    def keep(self, cells: Bool[Array, " cells"]) -> "Cells":
        return Cells(self.rows[cells], self.features[cells], self.base[cells], self.relevant[cells])


@dataclass(frozen=True)
class LambdaMart:
    """Trees that are added to a base. text: LightGBM's own text, empty where no tree pays. curve: NDCG@cut after
    each number of trees, from none, over users that the trees had not seen; trees: the number taken."""

    text: str
    trees: int
    curve: tuple[float, ...]

    def added(self, cells: Cells) -> Float64[Array, " cells"]:
        """What the trees add to the base of each cell, with mean 0 over the cells of a row: they only reorder."""
        if not self.text or not len(cells.rows):
            return np.zeros(len(cells.rows))
        said = np.asarray(_booster(self.text).predict(cells.features, raw_score=True, num_threads=1))
        sizes = cells.sizes
        means = np.add.reduceat(said, np.cumsum(sizes) - sizes) / sizes
        return said - np.repeat(means, sizes)


def fit(
    cells: Cells,
    groups: Int64[Array, " cells"],
    rng: np.random.Generator,
    *,
    trees: int = 100,
    leaves: int = 15,
    rate: float = 0.1,
    least: int = 50,
    parts: int = 3,
    cut: int = 20,
) -> LambdaMart:
    """LambdaMART (Burges 2010) from the base up, with as many trees as users out of fold like best.

    groups: the user of each cell: users are dealt to `parts` folds, each fold is judged by trees grown on the others,
    and the number of trees whose mean NDCG@cut is highest is grown on all. None where the base alone is best, so the
    stage never pays for what it cannot show. trees: at most; leaves, rate: of each tree; least: cells in a leaf.
    Raises MissingExtra without LightGBM (the extra `rank`).
    """
    need("rank", "The learned second stage")
    answered = np.bincount(cells.rows, weights=cells.relevant, minlength=1) > 0
    learned = answered[cells.rows]
    cells, groups = cells.keep(learned), groups[learned]
    settings = {
        "objective": "lambdarank", "lambdarank_truncation_level": cut + 10, "num_leaves": leaves,
        "learning_rate": rate, "min_data_in_leaf": least, "feature_fraction": 0.7, "lambda_l2": 10.0,
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1,
        "seed": int(rng.integers(2**31)),
    }  # fmt: skip
    fold = folds(groups, parts, rng)
    if len(np.unique(fold)) < parts:
        return LambdaMart("", 0, ())
    curve = np.zeros(trees + 1)
    for one in range(parts):
        seen, unseen = cells.keep(fold != one), cells.keep(fold == one)
        share = len(unseen.sizes) / len(cells.sizes)
        curve[0] += share * ndcg(unseen, unseen.base, cut)
        curve[1:] += share * _judged(seen, unseen, settings, trees, cut)
    taken = int(curve.argmax())
    text = "" if taken == 0 else _grown(_told(cells), settings, taken).model_to_string()
    return LambdaMart(text, taken, tuple(round(float(v), 6) for v in curve))


def _judged(seen: Cells, unseen: Cells, settings: dict[str, Any], trees: int, cut: int) -> Float64[Array, " trees"]:
    """NDCG@cut of unseen rows after each tree grown on seen ones."""
    import lightgbm

    found: dict[str, Any] = {}
    _grown(
        known := _told(seen),
        {**settings, "metric": "ndcg", "eval_at": [cut]},
        trees,
        valid_sets=[_told(unseen, known)],
        valid_names=["unseen"],
        callbacks=[lightgbm.record_evaluation(found)],
    )
    curve = np.array(found["unseen"][f"ndcg@{cut}"])
    return np.concatenate([curve, np.full(trees - len(curve), -np.inf)])  # it ends early where no split is left


def _told(cells: Cells, like: Any = None) -> Any:
    import lightgbm

    return lightgbm.Dataset(
        cells.features,
        cells.relevant.astype(np.int32),
        group=cells.sizes,
        init_score=cells.base,
        reference=like,
        params={"max_bin": 63, "verbose": -1},
    )


def _grown(data: Any, settings: dict[str, Any], trees: int, **more: Any) -> Any:
    import lightgbm

    return lightgbm.train(settings, data, num_boost_round=trees, **more)


@functools.lru_cache(maxsize=4)
def _booster(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)


def ndcg(cells: Cells, scores: Float64[Array, " cells"], cut: int) -> float:
    """Mean over rows of NDCG@cut, binary gain, among the row's cells; the row's own answers are its ideal."""
    order = np.lexsort((-scores, cells.rows))
    sizes = cells.sizes
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    row = np.repeat(np.arange(len(sizes)), sizes)
    gain = np.where(cells.relevant[order] & (place < cut), 1 / np.log2(place + 2.0), 0.0)
    count = np.add.reduceat(cells.relevant.astype(np.int64), starts) if len(starts) else np.zeros(0, dtype=np.int64)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(cut) + 2.0))])[np.minimum(count, cut)]
    return float(np.mean(np.bincount(row, weights=gain, minlength=len(sizes)) / np.maximum(ideal, 1e-12)))
