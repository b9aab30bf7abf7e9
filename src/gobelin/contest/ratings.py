"""The second contest, where ratings have several values: who predicts the held-out rating best."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Float32
from gobelin.contest import methods, tuning
from gobelin.contest.methods import Tried
from gobelin.contest.optuna_search import Tell
from gobelin.data.dataset import Dataset
from gobelin.data.split import Pairs, Split
from gobelin.data.splits import split_ratings
from gobelin.errors import MissingExtra, UserError
from gobelin.evaluation.metrics import rating_errors
from gobelin.protocols import Rates, Recommender
from gobelin.recipe import Recipe, TuneSpec
from gobelin.values import FeatureTable, Histories, Train

Predict = Callable[[Pairs], Float32[Array, " pairs"]]
DAMPING = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class _Found:
    """What predicts, and how it was found; trials: fits of the search; tried: what each of them turned, and gave."""

    predict: Predict
    settings: Mapping[str, Any] = field(default_factory=dict)
    trials: int = 0
    ended: str = "settled"
    seconds: float = 0.0
    tried: tuple[Tried, ...] = ()


def judge(data: Dataset, seed: int, recipe: Recipe) -> Mapping[str, Any] | None:
    """MAE, MSE, RMSE of the global mean, damped means and every model that `Rates`; None without a rating scale.

    Settings by RMSE on validation, and so is `chosen`, the best of them. Each model has the fits of the main contest;
    the seconds of one of its searches are shared by all, what one leaves going to those after it. A model whose extra
    is not installed, or that these data cannot feed, is left out and named.
    """
    split = split_ratings(data, seed)
    if split is None:
        return None
    found = {"global mean": _Found(_global(split)), "damped means": _best_damped(split)}
    raters = [part.name for part in parts.named("models") if "rate" in part.methods]
    left_out: dict[str, str] = {}
    seconds = recipe.tune.seconds
    for waiting, name in zip(range(len(raters), 0, -1), raters, strict=True):
        try:
            found[name] = _searched(name, split, seed, recipe.tune.model_copy(update={"seconds": seconds / waiting}))
            seconds = max(seconds - found[name].seconds, 0.0)
        except (MissingExtra, UserError) as wrong:
            left_out[name] = wrong.given
    test = split.test
    assert test.ratings is not None
    models: dict[str, Any] = {}
    for name, one in found.items():
        begun = time.monotonic()
        rng = np.random.default_rng([seed, 0x60BE])
        errors = rating_errors(test.users, test.ratings, one.predict(test), rng, resamples=recipe.report.resamples)
        models[name] = {
            "settings": dict(one.settings),
            "trials": one.trials,
            "search_ended": one.ended,
            "validation": {"rmse": _rmse(one.predict, split.validation)},
            "metrics": errors,
            "seconds": {"search": round(one.seconds, 3), "score": round(time.monotonic() - begun, 3)},
        }
    return {
        "models": models,
        "chosen": min(models, key=lambda name: models[name]["validation"]["rmse"]),
        "left_out": left_out,
        "tried": {name: [trial.as_json() for trial in one.tried] for name, one in found.items() if one.tried},
        "train": split.counts["train"],
        "validation": len(split.validation),
        "test": len(test),
    }


def _rmse(predict: Predict, pairs: Pairs) -> float:
    assert pairs.ratings is not None
    return float(np.sqrt(np.mean((predict(pairs).astype(np.float64) - pairs.ratings) ** 2)))


def _global(split: Split) -> Predict:
    mean = np.float32(_rated(split.histories)[2].mean())
    return lambda pairs: np.full(len(pairs), mean, dtype=np.float32)


def _best_damped(split: Split) -> _Found:
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

    best = min(DAMPING, key=lambda damping: _rmse(made(damping), split.validation))
    return _Found(made(best), {"damping": best}, len(DAMPING))


def _searched(name: str, split: Split, seed: int, tune: TuneSpec) -> _Found:
    parts.check_extra("models", name)
    begun = time.monotonic()
    train: Train = split.train_value(FeatureTable(split.items, {}))
    cls: Any = parts.find("models", name).load()
    knobs = parts.knobs(cls, ())

    def fitted(settings: Mapping[str, Any], tell: Tell = lambda value: None) -> Predict:
        def monitor(one: Recommender) -> float:
            value = -_rmse(_of(one), split.validation)
            tell(value)
            return value

        model = parts.make(cls, settings, where=f"models.{name}")
        model.fit(train, np.random.default_rng([seed, 0x3F]), monitor=monitor)
        return _of(model)

    outcome = methods.search(
        tune.method,
        lambda settings, tell: -_rmse(fitted(settings, tell), split.validation),
        tuning.starting_point(cls(), knobs),
        knobs,
        trials=tune.trials,
        seconds=tune.seconds,
        seed=seed,
    )
    best = outcome.best.settings
    tried = tuple(methods.tried("", outcome, knobs))
    return _Found(fitted(best), best, len(outcome.trials), outcome.ended, time.monotonic() - begun, tried)


def _of(model: Any) -> Predict:
    assert isinstance(model, Rates)
    return lambda pairs: model.rate(pairs.users, pairs.items)


def _rated(histories: Histories) -> tuple[Array, Array, Array]:
    assert histories.ratings is not None
    kept = (histories.items >= 0) & ~np.isnan(histories.ratings)
    return histories.queries[kept], histories.items[kept], histories.ratings[kept].astype(np.float64)
