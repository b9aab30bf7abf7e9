"""Models without a deep part: each against its formula written out densely, its normal equations, and known answers."""

import numpy as np
import pytest

from gobelin import parts
from gobelin.models.svd import Svd
from gobelin.testing import worlds
from gobelin.testing.models import check_model
from gobelin.values import FeatureTable, Histories, Queries, Train, Vocabulary

SAID = {  # settings that take another path than the defaults do
    "svd": [{"factors": 3, "popularity": 0.4}],
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
