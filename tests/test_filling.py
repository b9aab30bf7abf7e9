"""What stands in for a missing sense: each way against what can be worked out by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin.features.filling import FILLS, filled


def world(dense: bool = True):
    """Two kinds of ten items; items 0 and 10 lack the picture, item 0 the words too. Each person takes one kind."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], 10)

    def rows(noise: float) -> np.ndarray:
        values = np.eye(2)[kind] + rng.normal(0, noise, (20, 2))
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)

    units = {"image": rows(0.2), "words": rows(0.1)}
    holds = {"image": np.ones(20, dtype=bool), "words": np.ones(20, dtype=bool)}
    holds["image"][[0, 10]] = holds["words"][0] = False
    units = {name: np.where(holds[name][:, None], one, 0).astype(np.float32) for name, one in units.items()}
    if not dense:
        units = {name: csr_array(one) for name, one in units.items()}
    log = np.zeros((30, 20), dtype=np.float32)
    for person in range(30):
        log[person, rng.choice(np.flatnonzero(kind == person % 2), 4, replace=False)] = 1
    return units, holds, csr_array(log)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("way", FILLS)
def test_what_is_present_stays_and_what_is_lent_is_of_unit_length(way: str, dense: bool) -> None:
    units, holds, log = world(dense)
    out, held = filled(way, "image", units, holds, log)
    before, after = (np.asarray(one.toarray() if not dense else one) for one in (units["image"], out))
    assert np.array_equal(before[holds["image"]], after[holds["image"]])
    assert held[holds["image"]].all()
    assert held[[0, 10]].all() == (way != "mask")
    assert np.allclose(np.linalg.norm(after[held], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("way", ["neighbours", "propagation", "regression"])
def test_a_lacking_item_gets_what_its_like_shows(way: str, dense: bool) -> None:
    units, holds, log = world(dense)
    out, _ = filled(way, "image", units, holds, log)
    lent = np.asarray(out[[0, 10]].toarray() if not dense else out[[0, 10]])
    assert lent[0, 0] > 0.9 > 0.5 > lent[0, 1]  # by the log alone
    assert lent[1, 1] > 0.9 > 0.5 > lent[1, 0]  # by log and words


def test_neighbours_are_the_mean_of_the_nearest_that_have_it() -> None:
    """One person took items 0, 1 and 2: 0 lacks the picture and is as near to both others."""
    pictures = np.array([[0, 0], [1, 0], [0, 1], [-1, 0]], dtype=np.float32)
    holds = {"image": np.array([False, True, True, True])}
    log = csr_array(np.array([[1, 1, 1, 0]], dtype=np.float32))
    out, held = filled("neighbours", "image", {"image": pictures}, holds, log)
    assert held.all() and np.allclose(out[0], np.sqrt(0.5), atol=1e-6)


def test_propagation_reaches_where_no_neighbour_has_it() -> None:
    """A chain 0 - 1 - 2 in the log, where only 2 has a picture: neighbours reach 1, propagation also 0."""
    pictures = np.array([[0, 0], [0, 0], [1, 0], [0, 1]], dtype=np.float32)
    holds = {"image": np.array([False, False, True, True])}
    log = csr_array(np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=np.float32))
    assert filled("neighbours", "image", {"image": pictures}, holds, log)[1].tolist() == [False, True, True, True]
    out, held = filled("propagation", "image", {"image": pictures}, holds, log)
    assert held.all() and np.allclose(out[0], [1, 0])


def test_nothing_is_lent_where_nothing_is_known() -> None:
    units = {"image": np.array([[0, 0], [1, 0]], dtype=np.float32)}
    holds = {"image": np.array([False, True])}
    for way in ("neighbours", "propagation", "regression"):
        out, held = filled(way, "image", units, holds, csr_array((1, 2), dtype=np.float32))
        assert held.tolist() == [False, True] and not out[0].any(), way
