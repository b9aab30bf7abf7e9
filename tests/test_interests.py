"""An interest is what stands in a history more often than chance; closeness follows what tells people apart."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin.service.interests import Alike, Marks, Traits, strongest, surprise, telling


def test_surprise_is_dunnings_ratio_for_what_is_above_its_share() -> None:
    has = csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32))
    took, everyone = np.array([1.0, 1, 1, 0]), np.array([1.0, 1, 1, 1])
    ratio, yours, base = surprise(has, took, everyone)
    assert yours.tolist() == pytest.approx([2 / 3, 1 / 3]) and base.tolist() == [0.5, 0.5]
    by_hand = 2 * (2 * np.log((2 / 3) / 0.5) + 1 * np.log((1 / 3) / 0.5))
    assert ratio.tolist() == pytest.approx([by_hand, 0])


def test_an_empty_history_has_no_interest() -> None:
    has = csr_array(np.eye(3, dtype=np.float32))
    assert not surprise(has, np.zeros(3), np.ones(3))[0].any()


def test_directions_that_tell_people_apart_are_long_and_noise_is_short() -> None:
    """Dimension 1 varies most and means nothing; dimension 0 is what 40 people choose by."""
    rng = np.random.default_rng(0)
    kind = np.arange(200) % 2
    vectors = np.stack([kind + rng.normal(0, 0.1, 200), rng.normal(0, 5, 200), rng.normal(0, 1, 200)], axis=1)
    log = np.zeros((40, 200), dtype=np.float32)
    for person in range(40):
        log[person, rng.choice(np.flatnonzero(kind == person % 2), 12, replace=False)] = 1
    told = telling(vectors.astype(np.float32), csr_array(log))
    spread = told.std(axis=0)
    loudest = told[:, spread.argmax()]
    assert abs(np.corrcoef(loudest, kind)[0, 1]) > 0.95
    assert spread.max() > 3 * np.delete(spread, spread.argmax()).max(initial=0)


def test_without_people_of_several_items_vectors_stay_as_they_are() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert np.array_equal(telling(vectors, csr_array(np.eye(3, dtype=np.float32))), vectors)


def test_strongest_neighbourhoods_do_not_hold_each_other_and_are_called_by_what_sets_them_apart() -> None:
    """Two clusters of ten among forty items; the history has three of the first, two of the second."""
    vectors = np.zeros((40, 2), dtype=np.float32)
    vectors[:10], vectors[10:20] = (10, 0), (0, 10)
    vectors += np.random.default_rng(0).normal(0, 0.1, vectors.shape).astype(np.float32)
    column = csr_array(np.repeat([[1, 0], [0, 1], [0, 0], [0, 0]], 10, axis=0).astype(np.float32))
    traits = Traits((Marks("words", ("red", "blue"), column),), (Alike("image", vectors, np.arange(40), 10),))
    took = np.zeros(40)
    took[[0, 1, 2, 10, 11]] = 1
    words, image = strongest(traits, took, np.ones(40), [str(i) for i in range(40)], 3)
    assert words.names == ("red", "blue") and image.names == ("red", "blue")
    assert [sorted(image.has[:, [place]].nonzero()[0]) for place in range(2)] == [[*range(10)], [*range(10, 20)]]


def test_a_neighbourhood_that_nothing_names_is_called_by_its_item() -> None:
    vectors = np.arange(16, dtype=np.float32)[:, None]
    took = np.zeros(16)
    took[3] = 1
    (image,) = strongest(
        Traits((), (Alike("image", vectors, np.arange(16), 2),)), took, np.ones(16), "abcdefghijklmnop", 2
    )
    assert image.names == ("like d",)
