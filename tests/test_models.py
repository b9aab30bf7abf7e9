"""Every model keeps its contract, finds the known answer of the worlds made for it, and equals its own formula."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin import parts
from gobelin.errors import UserError
from gobelin.models._folding import fold
from gobelin.models._sparse import blocks, strongest, strongest_dense, strongest_products
from gobelin.models.als import Als
from gobelin.models.biased_mf import BiasedMf
from gobelin.models.content_neighbours import ContentNeighbours
from gobelin.models.ease import Ease
from gobelin.models.item_neighbours import ItemNeighbours
from gobelin.models.markov import Markov
from gobelin.models.popularity import Popularity
from gobelin.models.rp3beta import Rp3beta
from gobelin.models.user_neighbours import UserNeighbours
from gobelin.testing import worlds
from gobelin.testing.models import CHECKS, check_model
from gobelin.values import Features, FeatureTable, Histories, Kind, Queries, Train, Vocabulary, Wish

IMPERSONAL = {"popularity"}
MODELS = [part.name for part in parts.named("models")]
SAID = {  # settings that take another path than the defaults do
    "popularity": [{"recency": "window"}, {"recency": "decay"}],
    "item_neighbours": [{"weighting": "bm25"}, {"weighting": "tfidf"}, {"k": 5, "shrink": 3}],
    "content_neighbours": [{"k": 6, "weights": {"text.words": 0.3}}],
    "fused": [{"fusion": {"part": "weighting"}, "model": {"part": "content_neighbours"}, "aim": "senses"}],
    "rp3beta": [{"k": 6}],
    "markov": [{"last": 3, "decay": 0.5}, {"together": 0, "successors": 9, "last": 100}],
    "user_neighbours": [{"k": 3, "sharpness": 2, "shrink": 1}],
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def log(
    histories: list[list[int]], items: int, times: list[int] | None = None, ratings: list[float] | None = None
) -> Train:
    """A train value of a few plain histories, without senses."""
    plain = Histories.of(histories)
    plain = Histories(
        plain.starts,
        plain.items,
        plain.kinds,
        plain.weights,
        None if ratings is None else np.array(ratings, dtype=np.float32),
        None if times is None else np.array(times, dtype=np.int64),
    )
    vocabulary = Vocabulary(f"i{i}" for i in range(items))
    return Train(
        Vocabulary(f"u{u}" for u in range(len(histories))),
        vocabulary,
        plain,
        FeatureTable(vocabulary, {}),
        np.zeros(items, dtype=bool),
        None if times is None else max(times) + 1,
    )


def with_sense(train: Train, values: list[list[float]], present: list[bool]) -> Train:
    one = Features("text.a", "text", train.items, np.array(values, dtype=np.float32), np.array(present))
    return Train(
        train.users, train.items, train.histories, FeatureTable(train.items, {"text.a": one}), train.cold, train.now
    )


# The contract, for every model that there is


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_the_contract(name: str, check: str) -> None:
    if name in IMPERSONAL and check == "beats chance":
        pytest.skip("answers everyone alike")
    CHECKS[check](lambda: parts.bind("models", name, {}))


@pytest.mark.parametrize(("name", "said"), [(name, said) for name in SAID for said in SAID[name]])
def test_other_settings_keep_the_contract_too(name: str, said: dict) -> None:
    check_model(lambda: parts.bind("models", name, said), personal=name not in IMPERSONAL)


def test_the_contract_catches_a_model_that_stores_its_users() -> None:
    class Stores(Ease):
        def score(self, queries, candidates=None):
            return super().score(queries, candidates) + (queries.users[:, None] >= 0).astype(np.float32)

    with pytest.raises(AssertionError, match="stranger"):
        check_model(lambda: Stores())


def test_the_contract_catches_a_model_that_knows_nothing() -> None:
    with pytest.raises(AssertionError, match="checkerboard"):
        CHECKS["beats chance"](lambda: Popularity())


# Popularity


def test_popularity_counts_users_not_events() -> None:
    train = log([[0, 0, 1], [1], [1, 2]], 4)
    assert Popularity().fit(train, rng()).score(Queries.of([[3]])).tolist() == [[1, 3, 1, 0]]


def test_popularity_of_a_window_counts_its_days_and_breaks_ties_by_all_days() -> None:
    day = 86_400
    train = log([[0, 1], [0, 2], [0, 2]], 3, times=[0, 10 * day, 0, 10 * day, 0, 10 * day])
    scores = Popularity(recency="window", window=2.0).fit(train, rng()).score(Queries.of([[]]))[0]
    assert scores.round().tolist() == [0, 1, 2]
    assert 0 < scores[0] < 0.5  # three old events stand behind any one of the window


def test_popularity_that_fades_halves_with_each_half_life() -> None:
    day = 86_400
    train = log([[0, 1, 2]], 3, times=[0, 5 * day, 10 * day - 1])
    scores = Popularity(recency="decay", half_life=5.0).fit(train, rng()).score(Queries.of([[]]))[0]
    assert scores == pytest.approx([1 / 4, 1 / 2, 1], rel=1e-4)


@pytest.mark.parametrize("recency", ["window", "decay"])
def test_recent_popularity_without_times_is_refused(recency: str) -> None:
    with pytest.raises(UserError, match="no times"):
        Popularity(recency=recency).fit(log([[0]], 1), rng())


# Item and user neighbours, RP3beta: each against its formula written out densely


def dense(train: Train) -> np.ndarray:
    return train.matrix().toarray().astype(np.float64)


@pytest.fixture(scope="module")
def thin() -> Train:
    draw = np.random.default_rng(5)
    return log([draw.choice(12, size=draw.integers(1, 6), replace=False).tolist() for _ in range(25)], 12)


def test_cosine_neighbours_equal_the_formula(thin: Train) -> None:
    x = dense(thin)
    length = np.sqrt((x**2).sum(axis=0))
    expected = x.T @ x / (np.outer(length, length) + 3)
    np.fill_diagonal(expected, 0)
    model = ItemNeighbours(k=12, shrink=3.0).fit(thin, rng())
    assert model.similarities(np.arange(12, dtype=np.int32)) == pytest.approx(expected, abs=1e-6)
    assert model.score(thin.queries()) == pytest.approx(x @ expected, abs=1e-5)


def test_bm25_neighbours_equal_the_formula_of_implicit(thin: Train) -> None:
    y = dense(thin).T  # items are documents, users are words
    rarity = np.log(len(y)) - np.log1p((y > 0).sum(axis=0))
    room = (1 - 0.75) + 0.75 * y.sum(axis=1) / y.sum(axis=1).mean()
    weighted = y * (1.2 + 1) / (1.2 * room[:, None] + y) * rarity
    expected = weighted @ weighted.T
    np.fill_diagonal(expected, 0)
    model = ItemNeighbours(weighting="bm25", k=12, saturation=1.2, length=0.75).fit(thin, rng())
    assert model.similarities(np.arange(12, dtype=np.int32)) == pytest.approx(expected, abs=1e-5)


def test_tfidf_neighbours_are_cosines_of_rarity_weighted_rows(thin: Train) -> None:
    x = dense(thin)
    y = (x * np.log(12 / (1 + x.sum(axis=1)))[:, None]).T
    unit = y / np.linalg.norm(y, axis=1)[:, None]
    expected = unit @ unit.T
    np.fill_diagonal(expected, 0)
    model = ItemNeighbours(weighting="tfidf", k=12).fit(thin, rng())
    assert model.similarities(np.arange(12, dtype=np.int32)) == pytest.approx(expected, abs=1e-6)


def test_each_target_item_keeps_its_k_nearest(thin: Train) -> None:
    every = ItemNeighbours(k=12).fit(thin, rng()).similarities(np.arange(12, dtype=np.int32))
    kept = ItemNeighbours(k=3).fit(thin, rng()).similarities(np.arange(12, dtype=np.int32))
    for target in range(12):
        best = np.sort(every[:, target])[::-1][:3]
        assert np.sort(kept[:, target])[::-1][:3] == pytest.approx(best)
        assert (kept[:, target] > 0).sum() == min(3, (every[:, target] > 0).sum())


def test_rp3beta_equals_the_walk_written_out(thin: Train) -> None:
    x = dense(thin)
    to_item = (x / x.sum(axis=1, keepdims=True)) ** 0.7
    to_user = (x.T / x.sum(axis=0)[:, None]) ** 0.7
    expected = (to_user @ to_item) / x.sum(axis=0) ** 0.4
    np.fill_diagonal(expected, 0)
    model = Rp3beta(alpha=0.7, beta=0.4, k=12).fit(thin, rng())
    assert model.similarities(np.arange(12, dtype=np.int32)) == pytest.approx(expected, abs=1e-6)


def test_user_neighbours_by_hand() -> None:
    train = log([[0, 1], [0, 1, 2, 3], [4]], 5)
    scores = UserNeighbours(k=1, sharpness=2.0).fit(train, rng()).score(Queries.of([[0, 1, 2], [4], []]))
    near = (3 / (np.sqrt(3) * np.sqrt(4))) ** 2  # the second user is nearer than the first: 3/4 against 2/3
    assert scores[0] == pytest.approx([near, near, near, near, 0])
    assert scores[1] == pytest.approx([0, 0, 0, 0, 1])
    assert scores[2] == pytest.approx([0, 0, 0, 0, 0])


# Content neighbours


def corners() -> Train:
    """Items 0 and 1 lie one way from the mean, 2 and 3 the other, 4 says nothing; nobody took 1, 3 and 4."""
    values = [[5, 1], [5, 1.1], [5, -1], [5, -1.1], [9, 9]]
    return with_sense(log([[0], [2]], 5), values, [True, True, True, True, False])


def test_content_is_compared_from_the_mean_of_what_is_there() -> None:
    scores = ContentNeighbours(k=5).fit(corners(), rng()).score(Queries.of([[0], [2]]))
    assert scores == pytest.approx(np.array([[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]), abs=1e-5)  # unlike is not kept


def test_weights_of_senses_scale_their_part_and_zero_leaves_a_sense_out() -> None:
    world = worlds.two_senses()

    def alike(**weights: float) -> np.ndarray:
        named = {name.replace("_", "."): value for name, value in weights.items()}
        model = ContentNeighbours(weights=named).fit(world.train, rng())
        return model.similarities(np.arange(9, dtype=np.int32))

    text, image = alike(image_pixels=0.0), alike(text_words=0.0)
    assert alike(text_words=3.0, image_pixels=0.3) == pytest.approx(3 * text + 0.3 * image, abs=1e-5)
    assert alike() == pytest.approx(text + image, abs=1e-5)


def test_content_neighbours_without_any_weight_know_nothing() -> None:
    model = ContentNeighbours(weights=dict.fromkeys(corners().table, 0.0)).fit(corners(), rng())
    assert not model.score(Queries.of([[0], [2]])).any() and not model.similarities(np.array([1], np.int32)).any()


def test_a_wish_alone_finds_what_it_describes_and_beside_a_history_weighs_as_much() -> None:
    model = ContentNeighbours(k=5).fit(corners(), rng())
    wish = Wish({"text.a": np.array([7, 1], dtype=np.float32)})
    empty, one, two = (Queries(q.users, q.histories, wish=wish) for q in map(Queries.of, ([[]], [[2]], [[2, 3]])))
    alone = model.score(empty)[0]
    towards = np.array([2, 1]) / np.sqrt(5)  # from the mean (5, 0)
    assert alone == pytest.approx([towards[1], towards[1], -towards[1], -towards[1], 0], abs=1e-5)
    assert model.score(one)[0] - alone == pytest.approx([0, 0, 0, 1, 0], abs=1e-5)
    assert model.score(two)[0] - alone == pytest.approx([0, 0, 1 / 2, 1 / 2, 0], abs=1e-5)
    assert model.score(two, np.array([3, 0], dtype=np.int32))[0] == pytest.approx(model.score(two)[0][[3, 0]])


def test_a_wish_is_weighed_like_the_senses_it_speaks_in() -> None:
    train = worlds.two_senses().train
    words, pixels = (np.asarray(train.table[name].values[0]) for name in train.table)
    query = Queries.of([[]])

    def answer(model: ContentNeighbours, **vectors: np.ndarray) -> np.ndarray:
        wish = Wish({name.replace("_", "."): vector for name, vector in vectors.items()})
        return model.score(Queries(query.users, query.histories, wish=wish))[0]

    plain = ContentNeighbours().fit(train, rng())
    weighed = ContentNeighbours(weights={"text.words": 3.0, "image.pixels": 0.5}).fit(train, rng())
    both = answer(weighed, text_words=words, image_pixels=pixels)
    alone = answer(plain, text_words=words), answer(plain, image_pixels=pixels)
    assert both == pytest.approx(3 * alone[0] + 0.5 * alone[1], abs=1e-5)


@pytest.mark.parametrize("vector", [{"image.b": [1.0, 2.0]}, {"text.a": [1.0, 2.0, 3.0]}])
def test_a_wish_in_unknown_vectors_is_refused(vector: dict) -> None:
    wish = Wish({name: np.array(v, dtype=np.float32) for name, v in vector.items()})
    model = ContentNeighbours().fit(corners(), rng())
    query = Queries.of([[0]])
    with pytest.raises(UserError, match="wish"):
        model.score(Queries(query.users, query.histories, wish=wish))


def test_content_without_a_sense_is_refused() -> None:
    with pytest.raises(UserError, match="no sense"):
        ContentNeighbours().fit(log([[0]], 2), rng())


def test_sparse_and_dense_vectors_give_the_same_neighbours() -> None:
    train = corners()
    values = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [9, 9, 9]], dtype=np.float32)
    present = np.array([True, True, True, True, False])
    one = Features("attributes", "attributes", train.items, csr_array(values), present)
    table = FeatureTable(train.items, {"attributes": one})
    sparse = Train(train.users, train.items, train.histories, table, train.cold)
    alike = ContentNeighbours().fit(sparse, rng()).similarities(np.arange(5, dtype=np.int32))
    unit = values[:4] / np.linalg.norm(values[:4], axis=1)[:, None]
    expected = np.zeros((5, 5))
    expected[:4, :4] = unit @ unit.T - np.eye(4)
    assert alike == pytest.approx(expected, abs=1e-6)


def test_both_senses_together_find_what_neither_finds_alone() -> None:
    world = worlds.two_senses()
    found = {}
    for senses in (("text.words",), ("image.pixels",), ("text.words", "image.pixels")):
        train = world.train.only(*senses)
        found[senses] = worlds.found(ContentNeighbours().fit(train, rng()), world, k=4)
    *alone, both = found.values()
    assert both > 0.9
    assert max(alone) < both / 2


def test_content_finds_cold_items_and_the_log_cannot() -> None:
    world = worlds.cold()
    assert worlds.found(ContentNeighbours().fit(world.train, rng()), world, k=1) == 1
    assert worlds.found(ItemNeighbours().fit(world.train, rng()), world, k=1) == 0


# Markov


def test_the_next_item_follows_from_the_last_one() -> None:
    world = worlds.chain()
    assert worlds.found(Markov(last=1, together=0.0).fit(world.train, rng()), world, k=1) == 1


def test_a_walk_told_backwards_is_continued_from_its_other_end() -> None:
    world = worlds.chain()
    model = Markov(last=1, together=0.0, smoothing=0.1).fit(world.train, rng())
    walk = world.train.histories.items[:8].tolist()
    forth, back = model.score(Queries.of([walk, walk[::-1]]))
    assert forth.argmax() == world.answers.indices[0]
    assert back.argmax() == walk[1]


def test_a_count_is_shared_among_the_items_of_the_moment_before() -> None:
    train = log([[0, 1, 2], [0, 2]], 3, times=[10, 10, 20, 10, 20])
    model = Markov(last=1, together=0.0, smoothing=1.0).fit(train, rng())
    popular = np.array([2, 1, 2]) / 5
    expected = (np.array([0, 0, 1 / 2 + 1]) + popular) / (1 / 2 + 1 + 1)
    assert model.score(Queries.of([[0]]))[0] == pytest.approx(expected)
    assert model.score(Queries.of([[]]))[0] == pytest.approx(popular)
    assert model.score(Queries.of([[2]]))[0] == pytest.approx(popular)  # nothing was seen to follow: popularity


def test_items_of_one_moment_speak_for_each_other_whatever_their_order() -> None:
    one, other = (log([items, [2]], 3, times=[5, 5, 5]) for items in ([0, 1], [1, 0]))
    scores = [
        Markov(last=1, together=1.0, smoothing=1.0).fit(train, rng()).score(Queries.of([[0]])) for train in (one, other)
    ]
    assert np.array_equal(*scores)
    assert scores[0][0] == pytest.approx((np.array([0, 1 / 2, 0]) + 1 / 3) / (1 / 2 + 1))


def test_older_moments_speak_less() -> None:
    train = log([[0, 1], [2, 3]], 4, times=[1, 2, 1, 2])
    model = Markov(last=2, decay=0.5, together=0.0, smoothing=1e-6).fit(train, rng())
    scores = model.score(Queries.of([[0, 2]]))[0]
    assert scores == pytest.approx([0, 1 / 3, 0, 2 / 3], abs=1e-4)
    assert Markov(last=1, together=0.0, smoothing=1e-6).fit(train, rng()).score(Queries.of([[0, 2]]))[
        0
    ] == pytest.approx([0, 0, 0, 1], abs=1e-4)


def test_markov_without_times_is_refused() -> None:
    with pytest.raises(UserError, match="no times"):
        Markov().fit(log([[0, 1]], 2), rng())


# ALS


def test_folding_equals_solving_each_row() -> None:
    draw = np.random.default_rng(1)
    counts = csr_array(np.where(draw.random((9, 14)) < 0.4, 30 * draw.random((9, 14)), 0).astype(np.float32))
    counts = csr_array(np.vstack([counts.toarray(), np.zeros((1, 14), dtype=np.float32)]))
    wanted = draw.random(counts.nnz).astype(np.float32)
    vectors = draw.normal(size=(14, 6)).astype(np.float32)
    prior = (0.1 * vectors.T @ vectors + np.eye(6)).astype(np.float32)
    folded = fold(counts, wanted, vectors, prior)
    soon = fold(counts, wanted, vectors, prior, steps=6)  # directions of 6 dimensions that do not undo each other
    for row in range(10):
        mine = slice(counts.indptr[row], counts.indptr[row + 1])
        v = vectors[counts.indices[mine]].astype(np.float64)
        exact = np.linalg.solve(prior + v.T @ (counts.data[mine, None] * v), v.T @ wanted[mine])
        assert folded[row] == pytest.approx(exact, abs=1e-4)
        assert soon[row] == pytest.approx(exact, abs=1e-4)


def test_a_history_is_folded_in_by_the_normal_equations_of_its_row() -> None:
    train = worlds.two_senses().train
    model = Als(factors=8, unseen=0.5, regularisation=2.0, iterations=3).fit(train, rng())
    y = model.item_vectors().astype(np.float64)
    for history, z in zip(([1, 4, 9], []), model.query_vectors(Queries.of([[1, 4, 9], []])), strict=True):
        c, p = np.full(len(y), 0.5), np.zeros(len(y))
        c[history] += 1
        p[history] = 1
        exact = np.linalg.solve(y.T @ (c[:, None] * y) + 2 * np.eye(8), y.T @ (c * p))
        assert z == pytest.approx(exact, abs=1e-5)


def test_als_lowers_its_objective_with_every_iteration() -> None:
    train = worlds.two_senses().train
    x = dense(train)

    def objective(iterations: int) -> float:
        model = Als(factors=8, unseen=0.1, regularisation=0.1, iterations=iterations).fit(train, rng())
        z, y = model.query_vectors(train.queries()), model.item_vectors()
        return float(((0.1 + x) * (x - z @ y.T) ** 2).sum() + 0.1 * (z**2).sum() + 0.1 * (y**2).sum())

    values = [objective(i) for i in (1, 2, 4, 8, 16)]
    assert all(late < early for early, late in pairwise(values))


def test_als_keeps_what_its_monitor_liked_best() -> None:
    train = worlds.checkerboard(20).train
    asked: list[np.ndarray] = []

    def monitor(model: Als) -> float:
        asked.append(model.item_vectors().copy())
        return -float(len(asked))

    model = Als(iterations=30).fit(train, rng(), monitor)
    assert len(asked) == 3  # two questions without a better answer end the fit
    assert np.array_equal(model.item_vectors(), asked[0])


# Biased matrix factorisation


def rmse(model: BiasedMf, world: worlds.RatedWorld) -> float:
    return float(np.sqrt(np.mean((model.rate(world.users, world.items) - world.ratings) ** 2)))


def test_ratings_of_known_rank_are_recovered_beyond_their_biases() -> None:
    world = worlds.rated()
    mean = world.train.histories.ratings.mean()
    flat = float(np.sqrt(np.mean((world.ratings - mean) ** 2)))
    biases = rmse(BiasedMf(regularisation=1e4, epochs=60).fit(world.train, rng()), world)
    full = rmse(BiasedMf(factors=4, regularisation=0.5, epochs=60).fit(world.train, rng()), world)
    assert biases < 0.95 * flat
    assert full < 0.45 * biases
    assert full < 3 * world.noise


def test_predicted_ratings_stay_within_the_ratings_seen() -> None:
    world = worlds.rated()
    model = BiasedMf(factors=4, regularisation=0.5, epochs=30).fit(world.train, rng())
    users, items = (part.ravel().astype(np.int32) for part in np.indices((60, 50)))
    p, q = model.state()["users"][users], model.state()["items"][items]
    free = model.state()["mean"] + p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(axis=1)
    low, high = world.train.histories.ratings.min(), world.train.histories.ratings.max()
    assert free.min() < low or free.max() > high
    assert model.rate(users, items) == pytest.approx(np.clip(free, low, high), abs=1e-4)


def test_strangers_are_rated_by_the_item_and_new_items_by_the_user() -> None:
    world = worlds.rated()
    model = BiasedMf(epochs=3).fit(world.train, rng())
    one, none = np.array([0], dtype=np.int32), np.array([-1], dtype=np.int32)
    mean = world.train.histories.ratings.mean()
    assert model.rate(none, none)[0] == pytest.approx(mean, abs=1e-4)
    assert model.rate(none, one)[0] == pytest.approx(model.score(Queries.of([[]]))[0, 0], abs=1e-4)
    assert model.rate(one, none)[0] == pytest.approx(mean + model.state()["users"][0, 0], abs=1e-4)


def test_a_history_folded_in_is_rated_nearly_as_a_learned_user() -> None:
    world = worlds.rated()
    model = BiasedMf(factors=4, regularisation=0.5, epochs=60).fit(world.train, rng())
    folded = model.score(world.train.queries())[world.users, world.items]
    assert np.sqrt(np.mean((folded - world.ratings) ** 2)) < 1.1 * rmse(model, world)


def test_biased_mf_keeps_what_its_monitor_liked_best() -> None:
    world = worlds.rated()
    asked: list[float] = []

    def monitor(model: BiasedMf) -> float:
        asked.append(-rmse(model, world))
        return asked[-1] if len(asked) < 5 else -9.0

    model = BiasedMf(epochs=40).fit(world.train, rng(), monitor)
    assert len(asked) == 8
    assert -rmse(model, world) == pytest.approx(max(asked[:4]), abs=1e-6)


def test_biased_mf_without_ratings_is_refused() -> None:
    with pytest.raises(UserError, match="ratings"):
        BiasedMf().fit(log([[0]], 1), rng())


# Events of other kinds


def test_what_is_no_sign_of_liking_is_not_counted() -> None:
    histories = Histories(
        starts=np.array([0, 3], dtype=np.int64),
        items=np.array([0, 1, 2], dtype=np.int32),
        kinds=np.array([Kind.purchase, Kind.view, Kind.rating], dtype=np.uint8),
        weights=np.array([1, 0.1, 0], dtype=np.float32),
        times=np.array([1, 2, 3], dtype=np.int64),
    )
    base = log([[0, 1, 2]], 3)
    train = Train(base.users, base.items, histories, base.table, base.cold, 4)
    assert Popularity().fit(train, rng()).score(Queries.of([[]]))[0] == pytest.approx([1, 0.1, 0])
    assert ItemNeighbours().fit(train, rng()).similarities(np.array([2], dtype=np.int32)).tolist() == [[0, 0, 0]]
    assert Markov(last=1).fit(train, rng()).score(Queries.of([[1]]))[0, 2] == 0


# Searching


@pytest.mark.parametrize(
    ("name", "one", "other", "alike"),
    [
        ("popularity", {"window": 3.0}, {"window": 30.0}, True),
        ("popularity", {"recency": "window", "window": 3.0}, {"recency": "window", "window": 30.0}, False),
        ("item_neighbours", {"length": 0.2}, {"length": 0.5}, True),
        ("item_neighbours", {"weighting": "bm25", "shrink": 3.0}, {"weighting": "bm25"}, True),
        ("item_neighbours", {"shrink": 3.0}, {"shrink": 0.0}, False),
        ("content_neighbours", {"weights": {"text.words": 3.0, "attributes": 3.0}}, {}, True),
        ("content_neighbours", {"weights": {"text.words": 3.0, "attributes": 1.0}}, {}, False),
    ],
)
def test_settings_that_change_nothing_are_said_alike_to_the_search(
    name: str, one: dict, other: dict, alike: bool
) -> None:
    train = worlds.checkerboard(12).train
    models = [parts.bind("models", name, said) for said in (one, other)]
    plain = [type(model).plain(parts.settings_of(model), train) for model in models]
    assert (plain[0] == plain[1]) is alike
    scores = [model.fit(train, rng()).score(train.queries()) for model in models]
    order = [np.argsort(-(s / s.max()).round(5), axis=1, kind="stable") for s in scores]
    assert not alike or np.array_equal(*order)


# Blocks


def test_blocks_cover_all_rows_within_their_limit() -> None:
    costs = np.array([3, 9, 1, 1, 1, 5, 0, 0], dtype=np.int64)
    cut = list(blocks(costs, 5))
    assert [i for rows in cut for i in range(rows.start, rows.stop)] == list(range(8))
    assert all(costs[rows].sum() <= 5 or rows.stop - rows.start == 1 for rows in cut)


@pytest.mark.parametrize("share", [0.02, 0.9])
def test_the_strongest_entries_are_the_largest_and_ties_go_to_the_lower_column(share: float) -> None:
    draw = np.random.default_rng(2)
    values = np.where(draw.random((40, 300)) < share, draw.integers(-3, 9, (40, 300)), 0).astype(np.float32)
    kept = strongest(csr_array(values), 4).toarray()
    for row, mine in zip(values, kept, strict=True):
        order = np.lexsort((np.arange(300), -row))[:4]
        expected = np.zeros(300)
        expected[order] = np.maximum(row[order], 0)
        assert np.array_equal(mine, expected)


def test_products_by_blocks_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    left, right = (csr_array((draw.random((30, 30)) < 0.2).astype(np.float32)) for _ in range(2))
    monkeypatch.setattr("gobelin.models._sparse.blocks", lambda costs, limit=1: blocks(costs, 40))
    product = strongest_products(left, right, 30, lambda rows, columns, values: values)
    assert np.array_equal(product.toarray(), (left @ right).toarray())
    whole = draw.random((30, 30)).astype(np.float32)
    near = strongest_dense(lambda rows: whole[rows].copy(), 30, 30).toarray()
    assert np.array_equal(near, np.where(np.eye(30), 0, whole))
