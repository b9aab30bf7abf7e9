"""weave equals its formula, reduces to EASE, and finds what only log, words and pictures together tell."""

import numpy as np
import pytest

from gobelin.models._loom import Loom
from gobelin.models.ease import Ease
from gobelin.models.weave import Weave
from gobelin.testing import worlds
from gobelin.testing.models import CHECKS
from gobelin.values import Queries

PLAIN = {"item_power": 0.0, "user_power": 0.0, "history_power": 0.0, "head": 0.0}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"log_blend": 0.4, "fill": "regression"},
        {"solver": "exact", "most_items": 6},
        {"least_events": 3},
        {"solver": "neighbourhoods", "around": 14, "patch": 4, "kept": 10},
        {"solver": "neighbourhoods", "log_blend": 0.4, "fill": "regression"},
    ],
)
def test_weave_keeps_the_contract(check, settings) -> None:
    check(lambda: Weave(**settings))


def test_without_senses_and_powers_it_is_ease() -> None:
    train = worlds.checkerboard().train.only()
    woven = Weave(regularisation=10.0, **PLAIN).fit(train, rng())
    ease = Ease(regularisation=10.0).fit(train, rng())
    np.testing.assert_allclose(woven.score(train.queries()), ease.score(train.queries()), atol=2e-5)


def test_it_equals_the_textbook_formula_in_float64() -> None:
    """One dense sense (centred) by its local kernel, one sparse sense (not centred) by the cosine."""
    train = worlds.checkerboard(size=30).train
    weight, tau = {"text.words": 3.0, "attributes": 1.0}, {"text.words": 0.5, "attributes": 0.0}
    model = Weave(regularisation=5.0, weight=weight, tau=tau, **PLAIN).fit(train, rng())
    x = train.matrix().toarray().astype(np.float64)
    total = x.T @ x + 5.0 * np.eye(x.shape[1])
    for name in weight:
        values = train.table[name].values
        f = (values.toarray() if train.table[name].sparse else values - values.mean(axis=0)).astype(np.float64)
        f /= np.linalg.norm(f, axis=1, keepdims=True)
        cosine = f @ f.T
        total += weight[name] * (cosine if tau[name] == 0 else np.exp((cosine - 1) / tau[name]))
    p = np.linalg.inv(total)
    b = np.eye(len(p)) - p / np.diag(p)
    np.testing.assert_allclose(model.score(train.queries()), x @ b, atol=1e-4)


def test_the_powers_scale_what_they_say() -> None:
    train = worlds.checkerboard(size=20).train.only()
    counts = np.maximum(train.counts(), 1).astype(np.float64)
    plain = Weave(regularisation=10.0, **PLAIN).fit(train, rng()).score(Queries.of([[3]]))
    loud = Weave(regularisation=10.0, **(PLAIN | {"head": 0.5, "history_power": 0.25})).fit(train, rng())
    np.testing.assert_allclose(loud.score(Queries.of([[3]])), plain * counts**0.5 * counts[3] ** -0.25, rtol=1e-4)


def test_a_user_with_many_events_counts_for_less_each_and_popular_items_are_tempered() -> None:
    """The log's matrix with both powers, written out, with the trace of X'X."""
    train = worlds.checkerboard(size=20).train.only()
    x = train.matrix().toarray().astype(np.float64)
    left = np.diag(np.maximum(x.sum(axis=0), 1) ** -0.25) @ x.T @ np.diag(np.maximum(x.sum(axis=1), 1e-9) ** -0.5)
    gram = left @ x @ np.diag(np.maximum(x.sum(axis=0), 1) ** -0.25)
    p = np.linalg.inv(gram * np.trace(x.T @ x) / np.trace(gram) + 10.0 * np.eye(20))
    b = np.eye(20) - p / np.diag(p)
    model = Weave(regularisation=10.0, **(PLAIN | {"user_power": 0.5, "item_power": 0.25})).fit(train, rng())
    np.testing.assert_allclose(model.score(train.queries()), x @ b, atol=1e-4)


def test_log_words_and_pictures_together_beat_any_two() -> None:
    world = worlds.two_senses()

    def found(*senses: str) -> float:
        train = world.train.only(*senses)
        model = Weave(weight=dict.fromkeys(senses, 3.0), regularisation=1.0).fit(train, rng())
        return worlds.found(model, world, k=6)

    both = found("text.words", "image.pixels")
    assert both > max(found("text.words"), found("image.pixels"), found()) + 0.1


def test_new_items_are_found_by_their_content() -> None:
    world = worlds.cold()
    model = Weave().fit(world.train, rng())
    assert worlds.found(model, world, k=2) > 0.95


def test_the_scale_of_new_items_multiplies_their_scores_and_no_others() -> None:
    world = worlds.cold()
    model = Weave().fit(world.train, rng())
    plain = model.score(world.train.queries())
    model.cold_scale = 3.0
    factor = np.where(world.train.counts() < 1, 3.0, 1.0).astype(np.float32)
    np.testing.assert_allclose(model.score(world.train.queries()), plain * factor, rtol=1e-5)


def test_a_new_item_in_a_history_speaks_for_its_like() -> None:
    world = worlds.cold()
    model = Weave().fit(world.train, rng())
    taste = np.repeat(np.arange(4), 16)
    scores = model.score(Queries.of([[0], [16]]))  # items 0 and 16 are new
    for row, item in enumerate((0, 16)):
        own = scores[row][(taste == taste[item]) & (np.arange(64) != item)].mean()
        assert own > scores[row][taste != taste[item]].mean()


def test_an_absent_row_is_never_read() -> None:
    """Garbage under a false presence mark changes nothing."""
    train = worlds.two_senses().train
    gone = {"image.pixels": np.arange(len(train.items)) % 3 == 0}
    clean = train.table.without(gone)
    image = clean["image.pixels"]
    noisy_values = image.values.copy()
    noisy_values[gone["image.pixels"]] = 1e6
    noisy = type(clean)(clean.ids, {**clean.features, "image.pixels": type(image)(
        image.name, image.modality, image.ids, noisy_values, image.present)})  # fmt: skip

    def scores(table, **settings):
        one = type(train)(train.users, train.items, train.histories, table, train.cold, train.now)
        return Weave(**settings).fit(one, rng()).score(train.queries())

    for settings in ({}, {"fill": "neighbours"}, {"solver": "exact", "most_items": 40}, {"solver": "neighbourhoods"}):
        np.testing.assert_array_equal(scores(noisy, **settings), scores(clean, **settings))


def test_filling_gives_a_bare_item_the_content_of_its_neighbours_in_the_log() -> None:
    train = worlds.checkerboard(size=24).train
    bare = np.zeros(24, dtype=bool)
    bare[5] = True
    table = train.table.without({"text.words": bare})
    loom = Loom(type(train)(train.users, train.items, train.histories, table, train.cold), np.arange(24))
    assert not loom.kernel("text.words", 0.5, "mask")[5].any()
    same = np.arange(24) % 2 == 1
    same[5] = False
    for fill in ("neighbours", "propagation", "regression"):
        row = loom.kernel("text.words", 0.5, fill)[5]
        assert row[same].min() > row[np.arange(24) % 2 == 0].max()
        assert row[5] == pytest.approx(1)  # unit again


def test_the_search_knows_settings_that_are_the_same_model() -> None:
    train = worlds.checkerboard(size=12).train
    plain = Weave.plain
    base = {"weight": {"text.words": 0.0, "attributes": 3.0}, "tau": {"text.words": 0.5, "attributes": 0.5}}
    base |= {"fill": "mask", "log_blend": 0.0, "cold_ridge": 1.0}
    other = base | {"tau": {"text.words": 0.1, "attributes": 0.5}, "fill": "propagation", "cold_ridge": 3.0}
    assert plain(base, train) == plain(other, train)
    assert plain(base, train) != plain(base | {"log_blend": 0.4}, train)
