"""Selection begins with the best model, takes in what helps and nothing else."""

import numpy as np
import pytest

from gobelin.ensemble.selection import selected

ROWS, WIDTH = 400, 60


def cells(*strengths: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """400 rows of 60 cells, one answer in each: a model adds its strength to the answer, and noise of its own."""
    random = np.random.default_rng(seed)
    chosen = np.zeros((ROWS, WIDTH), dtype=bool)
    chosen[np.arange(ROWS), random.integers(WIDTH, size=ROWS)] = True
    scores = np.stack([strength * chosen + random.normal(size=chosen.shape) for strength in strengths])
    rows = np.repeat(np.arange(ROWS), WIDTH)
    return scores.reshape(len(strengths), -1).astype(np.float32), rows, chosen.ravel()


def test_noise_is_not_taken_in() -> None:
    for seed in range(8):
        weights = selected(*cells(0, 2, 0, 0, 0, seed=seed))
        assert weights[1] > 0.9 and weights.sum() == pytest.approx(1)


def test_models_that_are_wrong_in_different_ways_are_mixed_by_their_strength() -> None:
    scores, rows, chosen = cells(2, 2, 0)
    weights = selected(scores, rows, chosen)
    assert min(weights[:2]) > 0.3 and weights[2] < 0.1
    stronger = selected(*cells(2.5, 1.25))
    assert stronger[0] > stronger[1] > 0.1


def test_a_copy_of_the_best_brings_nothing() -> None:
    scores, rows, chosen = cells(1)
    assert np.count_nonzero(selected(np.concatenate([scores, scores]), rows, chosen)) == 1


def test_it_begins_from_weights_that_are_told() -> None:
    scores, rows, chosen = cells(1, 0)
    assert selected(scores, rows, np.zeros_like(chosen), towards=np.array([0.2, 0.8])).tolist() == [0.2, 0.8]
    moved = selected(scores, rows, chosen, towards=np.array([0.2, 0.8]))
    assert moved[0] > 0.6
    assert not selected(scores, rows, np.zeros_like(chosen)).any()


def test_rows_of_any_length_are_judged_by_their_own_cells() -> None:
    """By hand: in both rows the second model is right and the first is not; a row without an answer says nothing."""
    rows = np.array([0, 0, 0, 3, 3, 7])
    chosen = np.array([False, True, False, True, False, False])
    scores = np.array([[3, 1, 2, 0, 1, 9], [1, 3, 2, 1, 0, -9]], dtype=np.float32)
    assert selected(scores, rows, chosen).tolist() == [0, 1]
