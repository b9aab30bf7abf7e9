"""Models without a deep part: each against its formula written out densely, its normal equations, and known answers."""

import numpy as np
import pytest

from gobelin import parts
from gobelin.models import graph_filter, slim
from gobelin.models.graph_filter import GraphFilter
from gobelin.models.item_neighbours import ItemNeighbours
from gobelin.models.slim import Slim
from gobelin.models.svd import Svd
from gobelin.testing import worlds
from gobelin.testing.models import check_model
from gobelin.values import FeatureTable, Histories, Queries, Train, Vocabulary

SAID = {  # settings that take another path than the defaults do
    "svd": [{"factors": 3, "popularity": 0.4}],
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
