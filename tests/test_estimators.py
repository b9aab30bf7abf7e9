"""Estimators: the contract over every part, what each promises beyond it, and bytes that are refused."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as Solver

from gobelin import parts, store
from gobelin.errors import StoreError
from gobelin.estimators import _saved
from gobelin.estimators._scaling import Scaling
from gobelin.estimators.logistic import Logistic
from gobelin.estimators.ridge import Ridge
from gobelin.testing.estimators import check_columns, check_estimator, drawn

RNG = np.random.default_rng
LIGHT = {"forest": {"trees": 30}, "boosting": {"rounds": 20}, "mlp": {"width": 16, "rounds": 200}}


@pytest.mark.parametrize("name", [part.name for part in parts.named("estimators")])
def test_every_estimator_keeps_the_contract(name: str, tmp_path) -> None:
    def round_trip(state):
        store.save_state(tmp_path / "state", state)
        return store.load_state(tmp_path / "state")

    check_estimator(lambda: parts.bind("estimators", name, LIGHT.get(name, {})), round_trip)


def test_the_contract_catches_probabilities_that_do_not_sum_to_one() -> None:
    class Doubtful(Logistic):
        def predict(self, values):
            return super().predict(values) * np.float32(0.9)

    with pytest.raises(AssertionError, match="sum to 1"):
        check_columns(Doubtful, *drawn("class"))


def test_linear_methods_give_what_scikit_learn_gives_although_there_are_more_columns_than_rows() -> None:
    rng = RNG(1)
    values, (_, target) = rng.normal(2, 3, size=(30, 80)).astype(np.float32), drawn("class", rows=30)
    fresh = rng.normal(2, 3, size=(9, 80)).astype(np.float32)
    scaling = Scaling.of(values, turn=False)
    plain = LogisticRegression(C=10, max_iter=5000, tol=1e-10).fit(scaling(values).astype(float), target.codes())
    ours = Logistic(strength=10.0).fit(values, target, rng).predict(fresh)
    assert np.allclose(ours, plain.predict_proba(scaling(fresh)), atol=0.04)
    _, labels = drawn("labels", rows=30)
    ours = Logistic(strength=3.0).fit(values, labels, rng).predict(fresh)
    for column in range(2):
        plain = LogisticRegression(C=3, max_iter=5000, tol=1e-8).fit(
            scaling(values).astype(float), labels.values[:, column]
        )
        assert np.allclose(ours[:, column], plain.predict_proba(scaling(fresh))[:, 1], atol=0.01)
    _, numbers = drawn("numbers", rows=30)
    ridge = Solver(alpha=0.5).fit(scaling(values), numbers.values)
    ours = Ridge(regularisation=0.5).fit(values, numbers, rng).predict(fresh)
    assert np.allclose(ours, ridge.predict(scaling(fresh)), atol=1e-3)


def test_bytes_that_hold_another_type_are_refused() -> None:
    with pytest.raises(StoreError, match="no estimator of Gobelin's has") as wrong:
        _saved.restored(_saved.saved([np.polynomial.Polynomial([1.0, 2.0])]))
    assert "do not load it" in wrong.value.next_step


def test_broken_bytes_are_an_error_of_the_store() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        _saved.restored(np.arange(50, dtype=np.uint8))
