"""Features: what an absent row says is never read, not by a mean, not by a length."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin.values import Features, FeatureTable, Vocabulary

IDS = Vocabulary(("a", "b", "c"))
DENSE = np.array([[3, 0], [1e9, np.nan], [0, 1]], dtype=np.float32)  # b is absent and holds garbage
PRESENT = np.array([True, False, True])


def dense() -> Features:
    return Features("image.pixels", "image", IDS, DENSE, PRESENT)


def test_the_mean_is_of_present_rows() -> None:
    assert dense().mean().tolist() == [1.5, 0.5]
    assert dense().without(np.ones(3, dtype=bool)).mean().tolist() == [0, 0]


def test_unit_rows_have_length_one_and_absent_rows_are_zero() -> None:
    assert dense().unit().tolist() == [[1, 0], [0, 0], [0, 1]]
    centred = dense().unit(dense().mean())
    np.testing.assert_allclose(centred, [[0.9486833, -0.3162278], [0, 0], [-0.9486833, 0.3162278]], rtol=1e-6)


def test_sparse_unit_rows_are_those_of_the_dense_ones() -> None:
    values = csr_array(np.array([[3, 4], [5, 5], [0, 2]], dtype=np.float32))
    sparse = Features("text.words", "text", IDS, values, PRESENT)
    np.testing.assert_allclose(sparse.unit().toarray(), [[0.6, 0.8], [0, 0], [0, 1]], rtol=1e-6)


def test_a_row_that_no_sense_describes_is_bare() -> None:
    table = FeatureTable(IDS, {"image.pixels": dense()})
    assert table.bare().tolist() == [False, True, False]
    assert FeatureTable(IDS, {}).bare().all()


@pytest.mark.parametrize(
    "values", [np.zeros(3, np.float32), np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float64)]
)
def test_features_of_another_shape_or_type_are_refused(values) -> None:
    with pytest.raises(ValueError):
        Features("image.pixels", "image", IDS, values, PRESENT)
