"""Models that pass vectors along graphs, and factor models that hear senses: each against its own formula, and in
worlds in which theory says who finds what."""

import numpy as np
import pytest
from scipy.sparse import csr_array

torch = pytest.importorskip("torch")

from gobelin import parts  # noqa: E402
from gobelin.learning.senses import Sense, joined  # noqa: E402
from gobelin.models._graph import Walks, asked, askers, layered  # noqa: E402
from gobelin.models._near import blended, nearest  # noqa: E402
from gobelin.models.freedom import thin  # noqa: E402
from gobelin.testing import worlds  # noqa: E402
from gobelin.values import Features, FeatureTable, Queries, Vocabulary  # noqa: E402


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def small_log(users: int = 9, items: int = 7, seed: int = 0) -> csr_array:
    held = rng(seed).random((users, items)) < 0.4
    held[0] = False
    held[:, -1] = False
    held[1] = np.arange(items) == 2  # a person of one item
    return csr_array(held.astype(np.float32))


def dense_r(log: csr_array) -> np.ndarray:
    x = log.toarray()
    return x / np.sqrt(np.maximum(x.sum(1), 1))[:, None] / np.sqrt(np.maximum(x.sum(0), 1))[None]


# The log's graph against dense algebra


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("thinned", [False, True])
def test_layers_are_those_of_dense_algebra(layers: int, thinned: bool) -> None:
    log = small_log()
    part = thin(log, 0.5, rng()) if thinned else log
    r, p = dense_r(log), dense_r(part)
    y, z = [rng(1).normal(size=(7, 3))], []
    z.append(r @ y[0])
    for _ in range(layers):  # as the paper has it, for users and items in step
        y, z = [*y, p.T @ z[-1]], [*z, p @ y[-1]]
    whole = Walks(log)
    kept = Walks(part) if thinned else whole
    told = layered(whole, torch.from_numpy(y[0].astype(np.float32)), layers, kept)
    assert told.vectors.numpy() == pytest.approx(np.mean(y, axis=0), abs=1e-5)
    people = askers(told, whole, kept, torch.arange(9), None)
    assert people.numpy() == pytest.approx(np.mean(z, axis=0), abs=1e-5)


def test_who_leaves_an_item_out_is_who_never_took_it() -> None:
    log = small_log()
    walks, given = Walks(log), torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    users = np.repeat(np.arange(9), np.diff(log.indptr))
    told = walks.askers(given, torch.from_numpy(users), torch.from_numpy(log.indices.astype(np.int64)))
    rest = log[users].toarray()
    rest[np.arange(len(users)), log.indices] = 0
    histories = [np.flatnonzero(row).tolist() for row in rest]
    assert told.numpy() == pytest.approx(asked(Queries.of(histories), walks.by_item) @ given.numpy(), abs=1e-5)
    untouched = walks.askers(given, torch.tensor([1, 0]), torch.tensor([5, 5]))  # neither took it
    assert torch.equal(untouched, walks.askers(given, torch.tensor([1, 0])))


@pytest.mark.parametrize("name", ["lightgcn", "freedom", "mgcn"])
def test_a_known_user_gets_the_vector_that_training_saw(name: str) -> None:
    train = worlds.two_senses().train
    model = parts.bind("models", name, {"epochs": 2}).fit(train, rng())
    log = train.matrix()
    told = dense_r(log) @ model._given
    if name == "mgcn":
        with torch.no_grad():
            told = model._fuser(torch.from_numpy(told.astype(np.float32))).sum().numpy()
    assert model.query_vectors(train.queries()) == pytest.approx(told, abs=1e-5)


def test_popular_pairs_are_left_out_first_and_the_share_is_kept() -> None:
    drawn = rng(3).random((300, 40)) < np.linspace(0.02, 0.5, 40)
    log = csr_array(drawn.astype(np.float32))
    part = thin(log, 0.8, rng())
    assert part.nnz == round(0.2 * log.nnz)
    assert ((part.toarray() > 0) <= (log.toarray() > 0)).all()
    stays = part.sum(0) / np.maximum(log.sum(0), 1)
    assert stays[:15].mean() > 1.5 * stays[-15:].mean()
    assert thin(log, 0.0, rng()).nnz == log.nnz


# Items alike


def features(values: np.ndarray, present: np.ndarray, sparse: bool) -> Features:
    items = Vocabulary(f"i{i}" for i in range(len(values)))
    held = csr_array(values.astype(np.float32)) if sparse else values.astype(np.float32)
    return Features("one", "text", items, held, present)


@pytest.mark.parametrize("sparse", [False, True])
def test_neighbours_are_the_nearest_known_items_and_nothing_absent(sparse: bool) -> None:
    values = np.abs(rng().normal(size=(20, 6))) * (rng(1).random((20, 6)) < 0.7)
    present, known = np.arange(20) != 4, np.arange(20) % 5 != 0
    graph = nearest(features(values, present, sparse), known, 3).toarray()
    centred = values if sparse else values - values[present & known].mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -1)
    cosine[:, ~(known & present)] = -1
    for item in range(20):
        wanted = [other for other in np.argsort(-cosine[item])[:3] if cosine[item, other] > 1e-6 and present[item]]
        assert sorted(np.flatnonzero(graph[item])) == sorted(wanted)
        if wanted:
            assert graph[item][wanted] == pytest.approx(1 / len(wanted))


def test_a_blend_weighs_the_senses_that_an_item_has() -> None:
    one = features(rng().normal(size=(12, 4)), np.arange(12) != 0, False)
    other = features(rng(1).normal(size=(12, 4)), np.arange(12) != 1, False)
    table = FeatureTable(one.ids, {"a": one, "b": Features("b", "image", one.ids, other.values, other.present)})
    known = np.ones(12, dtype=bool)
    a, b = (nearest(table[name], known, 3).toarray() for name in "ab")
    told = blended(table, {"a": 3.0}, known, 3).toarray()
    assert told[2:] == pytest.approx((3 * a + b)[2:] / 4)
    assert told[0] == pytest.approx(b[0])
    assert told[1] == pytest.approx(a[1])
    assert blended(table, {"a": 0.0}, known, 3).toarray() == pytest.approx(b)


def test_senses_side_by_side_are_of_unit_length() -> None:
    a = Sense(2 * np.eye(4, dtype=np.float32), np.array([True, True, True, True]))
    b = Sense(np.array([[1, 1], [0, 0], [1, -1], [0, 0]], dtype=np.float32), np.array([True, False, True, False]))
    told = joined({"a": a, "b": b}, 4)
    assert told.shape == (4, 6)
    assert np.linalg.norm(told, axis=1) == pytest.approx(1)
    assert not told[1, 4:].any()
    assert joined({}, 4).shape == (4, 0)


# Worlds: what the log alone cannot tell, senses do


def found(name: str, world: worlds.World, k: int, **settings: object) -> float:
    return worlds.found(parts.bind("models", name, {"epochs": 60, **settings}).fit(world.train, rng()), world, k)


@pytest.mark.parametrize("name", ["vbpr", "feature_mf", "freedom", "mgcn"])
def test_cold_items_are_found_by_their_senses(name: str) -> None:
    assert found(name, worlds.cold(), 1) == 1


def test_the_log_alone_cannot_find_cold_items() -> None:
    assert found("lightgcn", worlds.cold(), 1) == 0


def test_a_cold_item_may_stand_in_a_history() -> None:
    world = worlds.cold()
    answers = world.answers.toarray()
    for name in ("freedom", "mgcn"):
        model = parts.bind("models", name, {"epochs": 60}).fit(world.train, rng())
        cold = [int(np.flatnonzero(row)[0]) for row in answers]
        scores = model.score(Queries.of([[item] for item in cold]))
        warm = world.train.matrix().toarray() > 0
        liked, others = scores[warm].mean(), scores[:, ~world.train.cold][~warm[:, ~world.train.cold]].mean()
        assert liked > others + scores.std() / 2
