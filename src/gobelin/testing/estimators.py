"""What every estimator must keep, checked on small drawn vectors: for Gobelin's own estimators and for plugins.

    check_estimator(lambda: parts.bind("estimators", "logistic", {}))

Each check raises AssertionError with a sentence that says what broke.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.protocols import Estimator
from gobelin.values import Target

_TELLS = ("class", "labels", "numbers")


def check_estimator(make: Callable[[], Estimator], round_trip: Callable[[Any], Any] = lambda state: state) -> None:
    """All checks, for each kind of target that it tells. round_trip: saves a state and loads it."""
    part = make()
    assert isinstance(part, Estimator), "it has tells, fit, predict, state and from_state"
    assert part.tells and set(part.tells) <= set(_TELLS), f"it tells some of {', '.join(_TELLS)}"
    for told in part.tells:
        values, target = drawn(told)
        check_learns(make, values, target)
        check_columns(make, values, target)
        check_round_trip(make, values, target, round_trip)
        check_rows(make, values, target)
        check_thin(make, told)


def drawn(told: str, rows: int = 120, dim: int = 12, seed: int = 0) -> tuple[Float32[Array, "rows dim"], Target]:
    """Vectors whose first two columns tell three classes, two labels or two numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, dim)).astype(np.float32)
    first, second = values[:, 0] + 0.1 * values[:, 2], values[:, 1]
    if told == "class":
        names = ("low", "middle", "high")
        return values, Target.classes("drawn", [names[int(x > -0.5) + int(x > 0.5)] for x in first], names)
    if told == "labels":
        matrix = np.stack([first > 0.3, second > 0], axis=1).astype(np.float32)
    else:
        matrix = np.stack([3 * first + 100, second - first], axis=1)
    return values, Target("drawn", told, ("one", "two"), matrix, np.ones(rows, dtype=bool))  # type: ignore[arg-type]


def check_learns(make: Callable[[], Estimator], values: Float32[Array, "rows dim"], target: Target) -> None:
    half = np.arange(len(values)) < 2 * len(values) // 3
    seen, unseen = np.flatnonzero(half), np.flatnonzero(~half)
    said = make().fit(values[seen], target.take(seen), _rng()).predict(values[unseen])
    plain = target.values[seen].mean(axis=0)
    error = np.mean((said - target.values[unseen]) ** 2)
    assert error < 0.95 * np.mean((plain - target.values[unseen]) ** 2), "unseen rows are told better than by the mean"


def check_columns(make: Callable[[], Estimator], values: Float32[Array, "rows dim"], target: Target) -> None:
    said = make().fit(values, target, _rng()).predict(values)
    assert said.shape == target.values.shape and said.dtype == np.float32, "a column for each of the target's"
    assert np.isfinite(said).all(), "what is told is finite"
    if target.told != "numbers":
        assert said.min() >= 0 and said.max() <= 1 + 1e-5, "probabilities lie between 0 and 1"
    if target.told == "class":
        assert np.allclose(said.sum(axis=1), 1, atol=1e-4), "the probabilities of the classes sum to 1"


def check_round_trip(
    make: Callable[[], Estimator],
    values: Float32[Array, "rows dim"],
    target: Target,
    round_trip: Callable[[Any], Any],
) -> None:
    part = make().fit(values, target, _rng())
    again = type(part).from_state(round_trip(part.state()))
    assert np.array_equal(part.predict(values), again.predict(values)), "what was saved tells the same, bit for bit"
    assert np.array_equal(part.predict(values), make().fit(values, target, _rng()).predict(values)), (
        "the same generator gives the same estimator"
    )


def check_rows(make: Callable[[], Estimator], values: Float32[Array, "rows dim"], target: Target) -> None:
    part = make().fit(values, target, _rng())
    said, order = part.predict(values), _rng().permutation(len(values))
    assert np.allclose(part.predict(values[order]), said[order], atol=1e-5), "a row is told the same in any order"
    assert np.allclose(part.predict(values[:1]), said[:1], atol=1e-5), "a row alone is told the same"
    assert part.predict(values[:0]).shape == (0, len(target.names)), "no row gives no row"


def check_thin(make: Callable[[], Estimator], told: str) -> None:
    """More columns than rows, constant columns, a class or label that no row has, one that a single row has."""
    rng = _rng()
    values = np.concatenate([rng.normal(size=(14, 40)), np.ones((14, 2))], axis=1).astype(np.float32)
    if told == "class":
        target = Target.classes("thin", ["a"] * 7 + ["b"] * 6 + ["once"], ("a", "b", "never", "once"))
    else:
        matrix = np.zeros((14, 3), dtype=np.float32)
        matrix[:7, 0] = matrix[0, 1] = 1
        target = Target("thin", told, ("half", "once", "never"), matrix, np.ones(14, dtype=bool))  # type: ignore[arg-type]
    said = make().fit(values, target, _rng()).predict(values)
    assert np.isfinite(said).all(), "few rows and constant columns are no reason for what is not finite"
    if told != "numbers":
        assert said[:, 2].max() < 0.2, "a class or label that no row has is not expected"
    if told == "class":
        alone = Target.classes("one", ["b"] * 14, ("a", "b"))
        assert np.allclose(make().fit(values, alone, _rng()).predict(values), [0, 1], atol=1e-4), "one class is certain"
    constant = make().fit(np.ones_like(values), target, _rng()).predict(values)
    assert np.isfinite(constant).all(), "constant vectors are no reason for what is not finite"


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)
