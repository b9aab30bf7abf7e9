"""Models without a deep part: each against its formula written out densely, its normal equations, and known answers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.sparse import csr_array

from gobelin import parts
from gobelin.errors import UserError
from gobelin.models import graph_filter, slim
from gobelin.models._rated import ratings_of
from gobelin.models._spectrum import leading
from gobelin.models.als import Als
from gobelin.models.als_ratings import AlsRatings
from gobelin.models.biased_mf import BiasedMf
from gobelin.models.collective_mf import CollectiveMf
from gobelin.models.graph_filter import GraphFilter
from gobelin.models.item_neighbours import ItemNeighbours
from gobelin.models.multimodal_neighbours import MultimodalNeighbours
from gobelin.models.multimodal_user_neighbours import MultimodalUserNeighbours
from gobelin.models.nmf import Nmf
from gobelin.models.slim import Slim
from gobelin.models.svd import Svd
from gobelin.models.svdpp import Svdpp
from gobelin.models.user_neighbours import UserNeighbours
from gobelin.testing import worlds
from gobelin.testing.models import check_model
from gobelin.values import Features, FeatureTable, Histories, Queries, Train, Vocabulary

SAID = {  # settings that take another path than the defaults do
    "svd": [{"factors": 3, "popularity": 0.4}],
    "collective_mf": [{"factors": 7, "dims": 3}, {"weight": {"text.words": 0.0, "attributes": 0.0}, "factors": 9}],
    "nmf": [{"factors": 3, "regularisation": 2.0}],
    "multimodal_neighbours": [{"k": 5, "sharpness": 1.0, "weight": {"text.words": 0.0}}],
    "multimodal_user_neighbours": [{"k": 7, "weight": {"text.words": 0.0}, "dims": 3}],
    "als_ratings": [{"factors": 4}],
    "svdpp": [{"factors": 4, "batch": 7}],
    "slim": [{"k": 50, "l1": 0.0}, {"l2": 1.0, "l1": 2.0}],
    "graph_filter": [{"weight": {"text.words": 0.0}, "low_pass": 0.0, "k": 3}, {"second": 0.0, "rank": 3, "most": 6}],
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def log(histories: list[list[int]], items: int) -> Train:
    """A train value of a few plain histories, without senses."""
    vocabulary = Vocabulary(f"i{i}" for i in range(items))
    users = Vocabulary(f"u{u}" for u in range(len(histories)))
    table = FeatureTable(vocabulary, {})
    return Train(users, vocabulary, Histories.of(histories), table, np.zeros(items, dtype=bool))


def dense(train: Train) -> np.ndarray:
    return train.matrix().toarray().astype(np.float64)


@pytest.fixture(scope="module")
def thin() -> Train:
    draw = np.random.default_rng(5)
    return log([draw.choice(12, size=draw.integers(1, 6), replace=False).tolist() for _ in range(25)], 12)


@pytest.mark.parametrize(("name", "said"), [(name, said) for name in SAID for said in SAID[name]])
def test_other_settings_keep_the_contract_too(name: str, said: dict) -> None:
    check_model(lambda: parts.bind("models", name, said))


# Truncated SVD


@pytest.mark.parametrize("popularity", [1.0, 0.4])
def test_svd_scores_by_the_leading_eigenvectors_of_the_scaled_gram(thin: Train, popularity: float) -> None:
    x = dense(thin)
    length = np.sqrt((x**2).sum(axis=0))
    scaled = x * length ** (popularity - 1)
    _, v = np.linalg.eigh(scaled.T @ scaled)
    expected = x @ v[:, -4:] @ v[:, -4:].T
    model = Svd(factors=4, popularity=popularity).fit(thin, rng())
    assert model.score(thin.queries()) == pytest.approx(expected, abs=1e-5)


def test_svd_of_a_log_of_known_rank_gives_it_back() -> None:
    train = log([[0, 1, 2]] * 4 + [[3, 4]] * 3 + [[5]] * 2, 7)
    model = Svd(factors=3).fit(train, rng())
    assert model.item_vectors().shape == (7, 3)
    assert model.score(train.queries()) == pytest.approx(dense(train), abs=1e-5)
    assert model.score(Queries.of([[0]]))[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0], abs=1e-5)


# Graph filter


@pytest.mark.parametrize("whole", [graph_filter.WHOLE, 0])
def test_the_graph_filter_equals_its_formula(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_filter, "WHOLE", whole)
    train = worlds.two_senses().train
    x = dense(train)
    people, items = x.sum(axis=1), np.maximum(x.sum(axis=0), 1e-9)
    y = people[:, None] ** -0.5 * x * items**-0.3
    log = y.T @ y
    np.fill_diagonal(log, 0)
    log *= (items > 1e-6).sum() / log.sum()
    _, v = np.linalg.eigh(y.T @ y)
    u = v[:, -5:]
    low = items[:, None] ** -0.3 * (u @ u.T) * items**0.3
    content = np.zeros_like(log)
    for name, weight in (("text.words", 0.7), ("image.pixels", 0.2)):
        f = train.table[name].values - train.table[name].values.mean(axis=0)
        f /= np.linalg.norm(f, axis=1)[:, None]
        cosine = f @ f.T
        np.fill_diagonal(cosine, 0)
        near = np.where(cosine >= np.sort(cosine, axis=1)[:, -4, None], cosine, 0)
        near = np.maximum(near, near.T)
        content += weight * near / np.sqrt(np.outer(near.sum(axis=1), near.sum(axis=1)))
    expected = x @ (log + 0.4 * low + content + 2 * (log @ content + content @ log))
    said = {"text.words": 0.7, "image.pixels": 0.2}
    model = GraphFilter(weight=said, user_power=0.5, item_power=0.3, second=2.0, k=4, low_pass=0.4, rank=5).fit(
        train, rng()
    )
    assert model.score(train.queries()) == pytest.approx(expected, abs=2e-4)


def test_the_graph_filter_without_senses_at_half_powers_is_gf_cf(thin: Train) -> None:
    x = dense(thin)
    y = x / np.sqrt(np.outer(x.sum(axis=1), x.sum(axis=0)))
    gram = y.T @ y
    _, v = np.linalg.eigh(gram)
    root = np.sqrt(x.sum(axis=0))
    free = x @ (gram - np.diag(np.diag(gram)))
    model = GraphFilter(user_power=0.5, item_power=0.5, low_pass=0.3, rank=3).fit(thin, rng())
    low = x / root @ v[:, -3:] @ v[:, -3:].T * root
    rest = model.score(thin.queries()) - 0.3 * low
    assert rest == pytest.approx(free * rest.sum() / free.sum(), abs=1e-4)


def test_the_graph_filter_needs_both_senses_and_reaches_cold_items() -> None:
    world = worlds.two_senses()
    found = [
        worlds.found(GraphFilter(k=50).fit(world.train.only(*names), rng()), world, k=4)
        for names in ((), ("text.words",), ("image.pixels",), ("text.words", "image.pixels"))
    ]
    assert found[3] > max(found[:3]) + 0.2
    cold = worlds.cold()
    assert worlds.found(GraphFilter().fit(cold.train, rng()), cold, k=2) > 0.95


# SLIM


@pytest.mark.parametrize("held", [slim.DENSE, 0])
def test_slim_meets_the_conditions_of_its_optimum(thin: Train, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slim, "DENSE", held)
    l1, l2 = 0.3, 0.8
    w = Slim(l1=l1, l2=l2, k=12).fit(thin, rng()).similarities(np.arange(12, dtype=np.int32)).astype(np.float64)
    x = dense(thin)
    slope = x.T @ x @ w - x.T @ x + l2 * w + l1  # of the objective along each weight
    off = ~np.eye(12, dtype=bool)
    assert np.all(np.diag(w) == 0) and w.min() >= 0 and 10 < (w > 0).sum() < 100
    assert np.abs(slope[w > 0]).max() < 2e-3
    assert slope[off & (w == 0)].min() > -2e-3


def test_slim_of_few_neighbours_is_solved_among_them(thin: Train) -> None:
    near = ItemNeighbours(k=3).fit(thin, rng()).similarities(np.arange(12, dtype=np.int32)) > 0
    w = Slim(l1=0.0, l2=0.8, k=3).fit(thin, rng()).similarities(np.arange(12, dtype=np.int32))
    assert not np.any(w[~near])
    gram = dense(thin).T @ dense(thin)
    slope = gram @ w - gram + 0.8 * w
    assert np.abs(slope[w > 0]).max() < 2e-3
    assert slope[near & (w == 0)].min() > -2e-3


# Leading directions of a sense


@pytest.mark.parametrize("sparse", [False, True])
def test_leading_directions_keep_the_most_that_so_few_can(sparse: bool) -> None:
    draw = np.random.default_rng(3)
    values = np.where(draw.random((30, 20)) < 0.3, draw.random((30, 20)), 0).astype(np.float32)
    present = np.arange(30) % 7 != 0
    ids = Vocabulary(f"i{i}" for i in range(30))
    sense = Features("text.a", "text", ids, csr_array(values) if sparse else values, present)
    unit = sense.unit(None if sparse else sense.mean())
    unit = unit.toarray() if sparse else unit
    u, sizes, _ = np.linalg.svd(unit.astype(np.float64))
    few = leading(sense, 4)
    assert few.shape == (30, 4) and not few[~present].any()
    assert few @ few.T == pytest.approx((u[:, :4] * sizes[:4] ** 2) @ u[:, :4].T, abs=1e-4)


# Collective matrix factorisation


def test_collective_mf_without_senses_is_als() -> None:
    train = worlds.two_senses().train.only()
    one = CollectiveMf(factors=8, iterations=5).fit(train, rng()).score(train.queries())
    assert one == pytest.approx(Als(factors=8, iterations=5).fit(train, rng()).score(train.queries()), abs=1e-4)


def test_collective_mf_settles_where_its_normal_equations_hold() -> None:
    train = worlds.two_senses().train
    lacking = np.arange(len(train.items)) % 5 == 0
    train = replace(train, table=train.table.without({"image.pixels": lacking}))
    ridge, unseen, weights = 0.5, 0.3, {"text.words": 2.0, "image.pixels": 0.7}
    model = CollectiveMf(factors=6, regularisation=ridge, unseen=unseen, weight=weights, iterations=200)
    y = model.fit(train, rng()).item_vectors().astype(np.float64)
    z = model.query_vectors(train.queries()).astype(np.float64)
    x = dense(train)
    met = x.sum(axis=0) > 0
    slope = ridge * y
    slope[met] += ((unseen + x) * (z @ y.T - (x > 0))).T[met] @ z
    for name, weight in weights.items():
        sense = train.table[name]
        f, p = sense.unit(sense.mean()).astype(np.float64), sense.present
        a = np.linalg.solve(y[p].T @ y[p] + ridge / weight * np.eye(6), y[p].T @ f[p])
        slope[p] += weight * (y[p] @ a - f[p]) @ a.T
    assert np.abs(slope).max() < 5e-3 * np.abs(ridge * y).max()


def test_collective_mf_finds_cold_items_by_content_and_gains_by_both_senses() -> None:
    cold = worlds.cold()
    assert worlds.found(CollectiveMf(factors=16).fit(cold.train, rng()), cold, k=2) > 0.95
    world = worlds.two_senses()
    found = [
        worlds.found(CollectiveMf(factors=16).fit(world.train.only(*names), rng()), world, k=4)
        for names in ((), ("text.words",), ("image.pixels",), ("text.words", "image.pixels"))
    ]
    assert found[3] > max(found[:3]) + 0.1


# NMF


def test_nmf_settles_where_the_conditions_of_its_optimum_hold() -> None:
    train = worlds.two_senses().train
    model = Nmf(factors=5, regularisation=0.4, iterations=1000).fit(train, rng())
    x, h = dense(train), model.item_vectors().astype(np.float64)
    w = model.query_vectors(train.queries()).astype(np.float64)
    for mine, slope in ((w, (w @ h.T - x) @ h + 0.4 * w), (h, (w @ h.T - x).T @ w + 0.4 * h)):
        assert mine.min() >= 0 and (mine > 1e-4).sum() >= 15 and (mine < 1e-6).sum() >= 15
        assert np.abs(slope[mine > 1e-4]).max() < 2e-3
        assert slope[mine < 1e-6].min() > -2e-3


def test_nmf_folds_a_history_in_as_non_negative_least_squares_do(thin: Train) -> None:
    model = Nmf(factors=4, regularisation=0.2).fit(thin, rng())
    h = model.item_vectors().astype(np.float64)
    lifted = np.vstack([h, np.sqrt(0.2) * np.eye(4)])
    for history in ([0, 3], [5, 7, 9], []):
        goal = np.zeros(len(lifted))
        goal[history] = 1
        expected = nnls(lifted, goal)[0]
        assert model.query_vectors(Queries.of([history]))[0] == pytest.approx(expected, abs=1e-4)


# Neighbours by log and senses


def test_multimodal_neighbours_equal_their_formula() -> None:
    train = worlds.two_senses().train
    x = dense(train)
    length = np.sqrt((x**2).sum(axis=0))
    expected = x.T @ x / (np.outer(length, length) + 2)
    for name, weight in (("text.words", 0.5), ("image.pixels", 0.2)):
        unit = train.table[name].unit(train.table[name].mean()).astype(np.float64)
        expected += weight * np.maximum(unit @ unit.T, 0) ** 3
    np.fill_diagonal(expected, 0)
    said = {"text.words": 0.5, "image.pixels": 0.2}
    n = len(train.items)
    model = MultimodalNeighbours(weight=said, shrink=2.0, k=n).fit(train, rng())
    assert model.similarities(np.arange(n, dtype=np.int32)) == pytest.approx(expected, abs=1e-5)
    assert model.score(train.queries()) == pytest.approx(x @ expected, abs=1e-4)


def test_multimodal_neighbours_without_senses_are_item_and_user_neighbours(thin: Train) -> None:
    queries = Queries.of([[0, 3], [5], []])
    for one, other in (
        (MultimodalNeighbours(k=4, shrink=3.0), ItemNeighbours(k=4, shrink=3.0)),
        (MultimodalUserNeighbours(k=4, sharpness=2.0), UserNeighbours(k=4, sharpness=2.0)),
    ):
        scores = [model.fit(thin, rng()).score(queries) for model in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_people_are_alike_who_had_alike_things_though_never_the_same() -> None:
    world = worlds.two_senses()
    histories = Histories.of([[0, 1], [2, 3], [9 * 15, 9 * 15 + 1]])
    train = replace(world.train, histories=histories, users=Vocabulary(["a", "b", "c"]))
    stranger = Queries.of([[4, 5]])  # of the taste of a and b, shares nothing with anyone
    scores = MultimodalUserNeighbours(k=2).fit(train, rng()).score(stranger)[0]
    assert set(np.argsort(-scores)[:4].tolist()) == {0, 1, 2, 3}
    assert not MultimodalUserNeighbours(k=2).fit(train.only(), rng()).score(stranger).any()


def test_neighbours_by_both_senses_find_what_neither_finds_alone_and_cold_items() -> None:
    world = worlds.two_senses()
    both, text, image = (
        worlds.found(MultimodalNeighbours().fit(world.train.only(*names), rng()), world, k=4)
        for names in (("text.words", "image.pixels"), ("text.words",), ("image.pixels",))
    )
    assert both > 0.9 and both > max(text, image) + 0.2
    cold = worlds.cold()
    assert worlds.found(MultimodalNeighbours().fit(cold.train, rng()), cold, k=2) > 0.95


# Ratings


def rmse(model: AlsRatings | BiasedMf | Svdpp, world: worlds.RatedWorld) -> float:
    return float(np.sqrt(np.mean((model.rate(world.users, world.items) - world.ratings) ** 2)))


def test_als_ratings_settle_where_the_normal_equations_hold_and_recover_the_rank() -> None:
    world = worlds.rated()
    model = AlsRatings(factors=2, regularisation=0.02, iterations=40).fit(world.train, rng())
    users, items, ratings = ratings_of(world.train.histories)
    p, q = (model.state()[side].astype(np.float64) for side in ("users", "items"))
    wrong = model.state()["mean"] + p[users, 0] + q[items, 0] + (p[users, 1:] * q[items, 1:]).sum(axis=1) - ratings
    for mine, other, rows, others in ((p, q, users, items), (q, p, items, users)):
        slope = 0.02 * np.bincount(rows)[:, None] * mine
        np.add.at(slope, rows, wrong[:, None] * np.column_stack([np.ones(len(rows)), other[others, 1:]]))
        assert np.abs(slope).max() < 0.05
    assert rmse(model, world) < 2 * world.noise


def test_svdpp_recovers_ratings_of_known_rank_and_folds_strangers_in() -> None:
    world = worlds.rated()
    model = Svdpp(factors=4, regularisation=0.5, epochs=60).fit(world.train, rng())
    assert rmse(model, world) < 3 * world.noise
    folded = model.score(world.train.queries())[world.users, world.items]
    assert np.sqrt(np.mean((folded - world.ratings) ** 2)) < 1.1 * rmse(model, world)


def test_svdpp_learns_from_what_was_met_and_not_rated_and_biased_mf_cannot() -> None:
    draw = np.random.default_rng(0)
    taste, users, items = np.arange(80) % 2, 80, 40
    rows = []  # each met 8 things of their taste without a rating, and rated three of the last ten: by taste
    for user in range(users):
        met = draw.choice(np.flatnonzero(np.arange(30) % 2 == taste[user]), 8, replace=False)
        rated = 30 + draw.choice(10, 3, replace=False)
        liked = np.where(rated % 2 == taste[user], 5.0, 1.0)
        rows.append((np.concatenate([met, rated]), np.concatenate([np.full(8, np.nan), liked])))
    histories = replace(
        Histories.of([row.tolist() for row, _ in rows]),
        ratings=np.concatenate([value for _, value in rows]).astype(np.float32),
    )
    train = replace(log([[0]] * users, items), histories=histories)
    stranger = replace(Histories.of([[0, 2, 4, 6], [1, 3, 5, 7]]), ratings=np.full(8, np.nan, dtype=np.float32))
    asked = Queries(np.array([-1, -1], dtype=np.int32), stranger)
    even, odd = (Svdpp(factors=4, regularisation=0.5, epochs=60).fit(train, rng()).score(asked))[:, 30:]
    assert even[::2].min() > even[1::2].max() + 1 and odd[1::2].min() > odd[::2].max() + 1
    blind = BiasedMf(factors=4, regularisation=0.5, epochs=60).fit(train, rng()).score(asked)
    assert blind[0] == pytest.approx(blind[1])


@pytest.mark.parametrize("model", [AlsRatings(), Svdpp()])
def test_models_of_ratings_keep_what_their_monitor_liked_best(model: AlsRatings | Svdpp) -> None:
    world = worlds.rated(users=20, items=15)
    asked: list[float] = []

    def monitor(fitted: AlsRatings | Svdpp) -> float:
        asked.append(-rmse(fitted, world))
        return asked[-1] if len(asked) < 4 else -9.0

    model.fit(world.train, rng(), monitor)
    assert -rmse(model, world) == pytest.approx(max(asked[:3]), abs=1e-6)


@pytest.mark.parametrize("model", [AlsRatings(), Svdpp()])
def test_models_of_ratings_refuse_a_log_without(thin: Train, model: AlsRatings | Svdpp) -> None:
    with pytest.raises(UserError, match="ratings"):
        model.fit(thin, rng())
