"""The contest of predicted ratings: every model that rates takes part, searched alike, chosen by validation."""

import numpy as np
import pandas as pd
import pytest

from gobelin import parts, recipe
from gobelin.contest import ratings
from gobelin.data.dataset import Dataset
from gobelin.errors import MissingExtra
from gobelin.evaluation.views import ratings as view

RATERS = {"als_ratings", "biased_mf", "svdpp"}


@pytest.fixture(scope="module")
def data() -> Dataset:
    """60 people rate 20 of 40 items by whether their tastes meet: a product of signs that no bias tells."""
    rng = np.random.default_rng(0)
    taste, kind = rng.choice([-1.0, 1.0], 60), rng.choice([-1.0, 1.0], 40)
    rows = [
        (f"u{u}", f"i{i}", float(np.clip(round(3 + 1.5 * taste[u] * kind[i] + rng.normal(0, 0.4)), 1, 5)))
        for u in range(60)
        for i in rng.choice(40, 20, replace=False)
    ]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return Dataset.from_frames(pd.DataFrame({"item_id": [f"i{i}" for i in range(40)]}), log)


def judged(data: Dataset, **tune) -> dict:
    told = ratings.judge(data, 0, recipe.load("ease", {f"tune.{name}": value for name, value in tune.items()}))
    assert told is not None
    return dict(told)


def test_every_installed_model_that_rates_takes_part_and_validation_chooses(data: Dataset) -> None:
    told = judged(data, trials=3)
    models = told["models"]
    assert set(models) == {"global mean", "damped means", *RATERS} and not told["left_out"]
    assert told["chosen"] == min(models, key=lambda name: models[name]["validation"]["rmse"])
    assert told["chosen"] in RATERS  # only they see whose taste meets what
    best, plain = (models[name]["metrics"]["rmse"] for name in (told["chosen"], "damped means"))
    assert best["high"] < plain["low"]
    assert all(models[name]["trials"] <= 3 and models[name]["settings"] for name in RATERS)
    shown = view({"ratings": told})
    assert shown is not None and [row["name"] for row in shown["rows"] if row["strong"]] == [told["chosen"]]


def test_the_seconds_of_one_search_are_shared(data: Dataset) -> None:
    models = judged(data, seconds=0.001)["models"]
    assert all(models[name]["trials"] == 1 for name in RATERS)


def test_a_model_without_its_extra_is_left_out_and_named(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(kind: str, name: str) -> None:
        if name == "svdpp":
            raise MissingExtra("svdpp needs what is not there.", "the extra.", "pip install it")

    monkeypatch.setattr(parts, "check_extra", check)
    told = judged(data, trials=1)
    assert told["left_out"] == {"svdpp": "svdpp needs what is not there."}
    assert set(told["models"]) & RATERS == RATERS - {"svdpp"}
    shown = view({"ratings": told})
    assert shown is not None and shown["left_out"] == [("svdpp", "svdpp needs what is not there.")]
