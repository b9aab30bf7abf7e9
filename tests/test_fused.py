"""The recommender that reads one fused sense: what it fuses, hears, lends and refuses."""

from dataclasses import replace

import numpy as np
import pytest

from gobelin import parts
from gobelin.errors import RecipeError, UnknownName
from gobelin.models.content_neighbours import ContentNeighbours
from gobelin.models.ease import Ease
from gobelin.models.fused import Fused
from gobelin.models.weave import Weave
from gobelin.testing import worlds
from gobelin.values import FeatureTable, Queries, Wish

CONTENT = {"part": "content_neighbours"}
SENSES = ("text.words", "image.pixels")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_two_senses_fused_are_found_as_well_as_by_a_model_that_reads_both() -> None:
    world = worlds.two_senses()
    fused = Fused(model=CONTENT).fit(world.train, rng())
    plain = ContentNeighbours().fit(world.train, rng())
    assert worlds.found(fused, world, k=4) >= worlds.found(plain, world, k=4) - 0.02
    for sense in SENSES:
        alone = Fused(model=CONTENT, reads={sense: False}).fit(world.train, rng())
        assert worlds.found(alone, world, k=4) < worlds.found(fused, world, k=4) - 0.3


def test_the_log_teaches_the_weights_of_the_senses() -> None:
    """Pictures are noise: what people took together says so, and without that target all senses are as loud."""
    train = worlds.spare_sense("nothing").train
    by = {aim: Fused(fusion={"part": "weighting"}, aim=aim).fit(train, rng())._fusion for aim in ("log", "senses")}
    assert by["log"].shares["image.pixels"] < 0.15
    assert by["senses"].shares["image.pixels"] == pytest.approx(0.5)


def test_without_a_sense_that_is_read_it_is_its_model_by_the_log_alone() -> None:
    train = worlds.two_senses().train
    deaf = Fused(reads=dict.fromkeys(SENSES, False)).fit(train, rng())
    alone = Weave().fit(replace(train, table=FeatureTable(train.items, {})), rng())
    assert deaf.score(train.queries()) == pytest.approx(alone.score(train.queries()), abs=1e-6)
    assert Fused(model={"part": "ease"}).fit(train, rng()).score(train.queries()) == pytest.approx(
        Ease().fit(train, rng()).score(train.queries()), abs=1e-6
    )


def test_loudness_is_in_units_of_the_models_own() -> None:
    train = worlds.two_senses().train

    def scores(loudness: float, **said: object) -> np.ndarray:
        return Fused(loudness=loudness, model={"part": "weave", **said}).fit(train, rng()).score(train.queries())

    told = scores(1.0, weight={"fused": 30.0})
    assert scores(3.0) == pytest.approx(told, abs=1e-5)  # weave's own is 10
    assert np.abs(scores(1.0) - told).max() > 1e-3


def test_items_without_events_are_recommended_by_their_fused_sense() -> None:
    world = worlds.cold()
    model = Fused().fit(world.train, rng())
    assert worlds.found(model, world, k=2) >= 0.9


def test_a_wish_in_several_senses_is_fused_like_an_item() -> None:
    train = worlds.two_senses().train
    model = Fused(model=CONTENT).fit(train, rng())
    item = 17
    wish = Wish({sense: train.table[sense].values[item] for sense in SENSES})
    scores = model.score(replace(Queries.of([[]]), wish=wish))[0]
    assert scores.argmax() == item


def test_what_was_made_of_the_same_senses_is_taken_over_in_a_search() -> None:
    train = worlds.two_senses().train
    first = Fused(loudness=1.0).fit(train, rng())
    second, third = Fused(loudness=3.0), Fused(loudness=3.0, reads={"text.words": False})
    for model in (second, third):
        model.reuse(first)
        model.fit(train, rng())
    assert second._fusion is first._fusion
    assert third._fusion is not first._fusion
    fresh = Fused(loudness=3.0).fit(train, rng())
    assert second.score(train.queries()) == pytest.approx(fresh.score(train.queries()), abs=1e-6)


def test_settings_that_change_nothing_are_judged_once() -> None:
    train = worlds.two_senses().train

    def plain(**said: object) -> dict:
        return Fused.plain(parts.settings_of(Fused(**said)), train)

    assert plain(reads={"audio.tone": False}) == plain(reads=dict.fromkeys(SENSES, True))
    assert plain(aim="senses", factors=32) == plain(aim="senses") != plain(aim="log")
    deaf = dict.fromkeys(SENSES, False)
    assert plain(reads=deaf, loudness=3, factors=128) == plain(reads=deaf) != plain()


def test_a_trained_fusion_is_read_back_too() -> None:
    train = worlds.two_senses().train
    model = Fused(fusion={"part": "gated", "epochs": 3}).fit(train, rng())
    back = Fused.from_state(model.state())
    assert np.array_equal(back.score(train.queries()), model.score(train.queries()))


@pytest.mark.parametrize(
    ("said", "wrong", "message"),
    [
        ({"fusion": {"part": "gatd"}}, RecipeError, "gated"),
        ({"fusion": {"dim": 3}}, RecipeError, "names no part"),
        ({"fusion": {"part": "pca", "senses": ["text"]}}, RecipeError, "`reads`, which says what is fused"),
        ({"model": {"part": "weave", "senses": ["text"]}}, RecipeError, "`reads`, which says what is fused"),
        ({"fusion": {"part": "pca", "dims": 3}}, RecipeError, "Did you mean 'dim'"),
        ({"model": {"part": "weave", "head": "large"}}, RecipeError, "head"),
    ],
)
def test_mistakes_in_the_two_parts_are_told_when_the_recipe_is_bound(said: dict, wrong: type, message: str) -> None:
    with pytest.raises((wrong, UnknownName), match=message):
        parts.bind("models", "fused", said)
