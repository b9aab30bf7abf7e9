"""weave by neighbourhoods: the exact one where a neighbourhood holds everything, near it where not; its shares sum to
its scores and equal a separate solve; it fits many items in bounded memory."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin.models._leaves import Leaves
from gobelin.models._patches import Patches
from gobelin.models._sketch import leading
from gobelin.models._strands import Strands
from gobelin.models.weave import Weave
from gobelin.models.weave_vectors import WeaveVectors
from gobelin.testing import worlds
from gobelin.testing.models import CHECKS
from gobelin.values import Histories, Queries, Train

SMALL = {"solver": "neighbourhoods", "around": 40, "patch": 8, "kept": 30}
SETTINGS = [
    {},
    {"log_blend": 0.8, "head": 0.3, "history_power": 0.15},
    {"least_events": 2, "cold_scale": 2.0},
    {"user_power": 0.75, "item_power": 0.3, "regularisation": 5.0, "tau": {"text.words": 0.0}},
]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def train() -> Train:
    """Two senses, a third of the items without a picture, one in six without events."""
    one = worlds.two_senses().train
    table = one.table.without({"image.pixels": np.arange(len(one.items)) % 3 == 0})
    log = one.histories.keep(one.histories.items % 6 != 5)
    cold = np.bincount(log.items, minlength=len(one.items)) == 0
    return Train(one.users, one.items, log, table, cold, one.now)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("fill", ["mask", "propagation"])
def test_a_neighbourhood_of_everything_is_the_exact_weave(train, settings, fill) -> None:
    whole = {"solver": "neighbourhoods", "around": 1_000, "patch": 8, "kept": 1_000}
    exact = Weave(solver="exact", fill=fill, **settings).fit(train, rng()).score(train.queries())
    model = Weave(fill=fill, **whole, **settings).fit(train, rng())
    np.testing.assert_allclose(model.score(train.queries()), exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())
    some = np.array([3, 5, 0, 11], dtype=np.int32)
    np.testing.assert_allclose(model.score(train.queries(), some), exact[:, some], atol=1e-4 * np.abs(exact).max())


def test_auto_turns_to_neighbourhoods_past_its_size(train) -> None:
    warm = int((train.counts() > 0).sum())
    assert isinstance(Weave(most_items=warm).fit(train, rng()).state()["matrix"], np.ndarray)
    past = Weave(most_items=warm - 1, around=40, patch=8, kept=30).fit(train, rng())
    assert isinstance(past.state()["matrix"], csr_array)
    np.testing.assert_array_equal(past.score(train.queries()), Weave(**SMALL).fit(train, rng()).score(train.queries()))


def test_no_more_weights_are_kept_than_asked_for(train) -> None:
    matrix = Weave(**(SMALL | {"kept": 7})).fit(train, rng()).state()["matrix"]
    per_item = np.bincount(matrix.indices, minlength=matrix.shape[1])
    assert per_item.max() == 7
    assert not matrix.diagonal().any()


def test_a_column_is_the_regression_on_its_neighbourhood(train) -> None:
    """Against plain least squares in float64: min |y_j - Y_S b|^2 + l |b|^2 + the senses' part, b_j = 0."""
    settings = SMALL | {"kept": 1_000, "history_power": 0.0, "head": 0.0}
    model = Weave(**settings).fit(train, rng())
    state = model.state()
    solved, matrix = state["solved"], state["matrix"].toarray()
    strands = Strands.of(train, solved, model._terms(train))
    for item in (0, 7, len(solved) - 1):
        patch = state["near_patch"][item]
        around = state["near_around"][state["near_bounds"][patch] : state["near_bounds"][patch + 1]].astype(np.int64)
        assert item in around and len(around) == 40
        gram = sum(strands.sides(around, np.float64).values()) + 100.0 * np.eye(len(around))
        others = around != item
        wanted = np.linalg.solve(gram[np.ix_(others, others)], gram[others][:, ~others])[:, 0]
        np.testing.assert_allclose(matrix[around[others], item], wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_shares_sum_to_the_score(train, settings) -> None:
    model = Weave(**SMALL, **settings).fit(train, rng())
    every = np.arange(len(train.items), dtype=np.int32)
    for asked in (train.queries().take(np.array([3])), Queries.of([[5, 0, 9, 11, 0]]), Queries.of([[]])):
        found = model.explain(asked, every, train)
        scores = model.score(asked)[0]
        np.testing.assert_allclose(found.scores, scores, rtol=1e-3, atol=1e-4 * max(np.abs(scores).max(), 1e-3))
        assert found.shares.shape == (len(every), len(asked.histories.items), len(found.senses))


def test_shares_of_a_neighbourhood_of_everything_are_those_of_the_exact_weave(train) -> None:
    settings = {"log_blend": 0.4, "fill": "mask"}
    exact = Weave(solver="exact", **settings).fit(train, rng())
    whole = Weave(solver="neighbourhoods", around=1_000, patch=8, kept=1_000, **settings).fit(train, rng())
    asked, every = Queries.of([[0, 5, 9]]), np.arange(len(train.items), dtype=np.int32)
    wanted, found = exact.explain(asked, every, train), whole.explain(asked, every, train)
    assert found.senses == wanted.senses
    np.testing.assert_allclose(found.shares, wanted.shares, rtol=1e-4, atol=1e-5 * np.abs(wanted.shares).max())


def test_a_change_is_followed_by_a_fit_with_the_same_settings(train) -> None:
    model = Weave(**SMALL).fit(train, rng())
    after = replace(
        train, histories=Histories.of([[int(i) for i in (u, u + 1, u + 9)] for u in range(len(train.users))])
    )
    fresh = Weave(**SMALL).fit(after, rng()).score(after.queries())
    np.testing.assert_array_equal(model.apply(train, after).score(after.queries()), fresh)


def test_it_finds_what_log_words_and_pictures_tell_and_new_items_by_their_content() -> None:
    settings = {"solver": "neighbourhoods", "around": 48, "patch": 16, "kept": 32}
    world = worlds.two_senses()
    model = Weave(**settings, weight=dict.fromkeys(world.train.table, 3.0), regularisation=1.0)
    exact = Weave(weight=dict.fromkeys(world.train.table, 3.0), regularisation=1.0).fit(world.train, rng())
    assert worlds.found(model.fit(world.train, rng()), world, k=6) > worlds.found(exact, world, k=6) - 0.05
    world = worlds.cold()
    assert worlds.found(Weave(**(settings | {"around": 24})).fit(world.train, rng()), world, k=2) > 0.95


def test_leaves_part_clusters_and_are_of_one_size() -> None:
    drawn = rng()
    points = np.repeat(10 * np.eye(8, dtype=np.float32), 32, axis=0)
    points += 0.1 * drawn.standard_normal(points.shape, dtype=np.float32)
    order = drawn.permutation(len(points))
    leaves = Leaves.grown(points[order], 32, drawn)
    assert sorted(leaves.order.tolist()) == list(range(256)) and np.diff(leaves.bounds).tolist() == [32] * 8
    purity = [np.bincount(order[leaves.leaf(number)] // 32).max() / 32 for number in range(8)]
    assert np.mean(purity) > 0.7
    near = leaves.near(leaves.centroids[3], 20)
    assert set(leaves.leaf(3)) <= set(near) and len(near) == 32


def test_leading_directions_span_what_a_matrix_is_made_of() -> None:
    drawn = rng()
    left, right = drawn.standard_normal((60, 3)), drawn.standard_normal((3, 40))
    matrix = (left @ right).astype(np.float32)
    for one in (matrix, csr_array(matrix)):
        basis = leading(one, 3, drawn)
        np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-4)
        np.testing.assert_allclose(matrix @ basis @ basis.T, matrix, atol=1e-3)


def test_a_neighbourhood_holds_its_members_and_the_strongest_links(train) -> None:
    model = Weave(**SMALL, fill="mask")
    solved = np.flatnonzero(train.counts() > 0)
    strands = Strands.of(train, solved, model._terms(train))
    patches = Patches.cut(strands, 8, 40, rng())
    gram = sum(strands.sides(np.arange(len(solved))).values())
    own = np.sqrt(strands.diagonal())
    link = np.abs(gram) / np.outer(own, own)
    for number in range(len(patches)):
        members, around = patches.own(number), patches.neighbourhood(number)
        assert set(members) <= set(around) and len(around) == 40 and np.all(np.diff(around) > 0)
        others = np.setdiff1d(np.arange(len(solved)), members)
        best = link[np.ix_(members, others)].max(axis=0)
        chosen = np.isin(others, around)
        assert best[chosen].min() >= best[~chosen].max() - 1e-5


def test_threads_do_not_change_the_answer(train, monkeypatch) -> None:
    scores = []
    for cores in (1, 5):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        scores.append(Weave(**SMALL).fit(train, rng()).score(train.queries()))
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_vectors_keep_the_contract(check) -> None:
    check(lambda: WeaveVectors(rank=8, woven={"regularisation": 10.0}))


@pytest.mark.parametrize("woven", [{"solver": "exact", "cold_scale": 2.0}, SMALL])
def test_vectors_of_full_rank_are_the_weave_and_fewer_the_best_projection(train, woven) -> None:
    weave = Weave(**woven).fit(train, rng()).score(train.queries())
    scale = np.abs(weave).max()
    whole = WeaveVectors(rank=len(train.items), woven=woven).fit(train, rng())
    np.testing.assert_allclose(whole.score(train.queries()), weave, atol=1e-4 * scale)
    some = WeaveVectors(rank=20, woven=woven).fit(train, rng())
    left = np.linalg.norm(some.score(train.queries()) - weave)
    least = np.sqrt((np.linalg.svd(weave, compute_uv=False)[20:] ** 2).sum())
    assert least <= left * 1.001 and left <= 1.05 * least
