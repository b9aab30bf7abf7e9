"""The second contest, where ratings have several values: who predicts the held-out rating best."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Float32
from gobelin.contest import tuning
from gobelin.data.dataset import Dataset
from gobelin.data.split import Pairs, Split
from gobelin.data.splits import split_ratings
from gobelin.evaluation.metrics import rating_errors
from gobelin.protocols import Rates
from gobelin.recipe import Recipe
from gobelin.values import FeatureTable, Histories

Predict = Callable[[Pairs], Float32[Array, " pairs"]]
DAMPING = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)


def judge(data: Dataset, seed: int, recipe: Recipe) -> Mapping[str, Any] | None:
    """MAE, MSE, RMSE of the global mean, damped means and biased matrix factorisation; None without a rating scale.

    Settings by RMSE on validation; the same budget of fits as in the main contest.
    """
    split = split_ratings(data, seed)
    if split is None:
        return None
    found: dict[str, Predict] = {
        "global mean": _global(split),
        "damped means": _best_damped(split),
        "biased matrix factorisation": _factorised(split, seed, recipe),
    }
    test = split.test
    assert test.ratings is not None
    models: dict[str, Any] = {}
    for name, predict in found.items():
        begun = time.monotonic()
        rng = np.random.default_rng([seed, 0x60BE])
        errors = rating_errors(test.users, test.ratings, predict(test), rng, resamples=recipe.report.resamples)
        models[name] = {"metrics": errors, "seconds": {"score": round(time.monotonic() - begun, 3)}}
    return {"models": models, "train": split.counts["train"], "validation": len(split.validation), "test": len(test)}


def _rmse(predict: Predict, pairs: Pairs) -> float:
    assert pairs.ratings is not None
    return float(np.sqrt(np.mean((predict(pairs).astype(np.float64) - pairs.ratings) ** 2)))


def _global(split: Split) -> Predict:
    mean = np.float32(_rated(split.histories)[2].mean())
    return lambda pairs: np.full(len(pairs), mean, dtype=np.float32)


def _best_damped(split: Split) -> Predict:
    """Global mean + the item's deviation + the user's remaining one, each shrunk (n / (n + damping))."""
    users, items, ratings = _rated(split.histories)
    mean = float(ratings.mean())

    def made(damping: float) -> Predict:
        n_items, n_users = len(split.items), len(split.users)
        left = ratings - mean
        item = np.bincount(items, left, n_items) / (np.bincount(items, minlength=n_items) + damping + 1e-9)
        left = left - item[items]
        user = np.bincount(users, left, n_users) / (np.bincount(users, minlength=n_users) + damping + 1e-9)
        return lambda pairs: (mean + item[pairs.items] + user[pairs.users]).astype(np.float32)

    return min((made(damping) for damping in DAMPING), key=lambda predict: _rmse(predict, split.validation))


def _factorised(split: Split, seed: int, recipe: Recipe) -> Predict:
    train = split.train_value(FeatureTable(split.items, {}))
    cls: Any = parts.find("models", "biased_mf").load()
    knobs = parts.knobs(cls, ())

    def fitted(settings: Mapping[str, Any]) -> Predict:
        model = parts.make(cls, settings, where="models.biased_mf")
        model.fit(train, np.random.default_rng([seed, 0x3F]), monitor=lambda m: -_rmse(_of(m), split.validation))
        return _of(model)

    start = tuning.starting_point(cls(), knobs)
    outcome = tuning.search(
        lambda settings: -_rmse(fitted(settings), split.validation),
        start,
        knobs,
        trials=recipe.tune.trials,
        seconds=recipe.tune.seconds,
    )
    return fitted(outcome.best.settings)


def _of(model: Any) -> Predict:
    assert isinstance(model, Rates)
    return lambda pairs: model.rate(pairs.users, pairs.items)


def _rated(histories: Histories) -> tuple[Array, Array, Array]:
    assert histories.ratings is not None
    kept = (histories.items >= 0) & ~np.isnan(histories.ratings)
    return histories.queries[kept], histories.items[kept], histories.ratings[kept].astype(np.float64)
