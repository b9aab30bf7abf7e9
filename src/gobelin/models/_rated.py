"""What models of ratings share: the rated events of a log, rows of bias and vector, and their AdaGrad steps."""

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32
from gobelin.values import Histories


class Side:
    """One table of the factorisation (users' or items') while it is trained, in place, with AdaGrad's memory."""

    def __init__(
        self, table: Float32[Array, "rows wide"], rows: Int32[Array, " ratings"], penalty: Float32[Array, " wide"]
    ) -> None:
        self.table, self.rows = table, rows
        counts = np.maximum(np.bincount(rows, minlength=len(table)), 1).astype(np.float32)
        self.share = penalty / counts[:, None] if len(table) else penalty  # (rows, wide) penalty of one rating
        self.size = np.zeros((len(table), 2), dtype=np.float32)  # squared gradients so far: of the bias, of the vector

    def of(self, some: Array) -> Float32[Array, "batch wide"]:
        return np.asarray(self.table[self.rows[some]])

    def move(self, some: Array, pull: Float32[Array, "batch wide"], rate: float) -> None:
        """One AdaGrad step along the batch's pull, less the penalty; a row that stands several times moves once."""
        touched, place = np.unique(self.rows[some], return_inverse=True)
        sum_up = csr_array((np.ones(len(some), np.float32), (place, np.arange(len(some)))))
        times = np.bincount(place).astype(np.float32)
        way = sum_up @ pull - times[:, None] * self.share[touched] * self.table[touched]
        self.walk(touched, way, rate)

    def walk(self, touched: Array, way: Float32[Array, "touched wide"], rate: float) -> None:
        """One AdaGrad step of some rows, each named once; overwrites `way`."""
        self.size[touched, 0] += way[:, 0] ** 2
        self.size[touched, 1] += np.einsum("ij,ij->i", way[:, 1:], way[:, 1:]) / max(way.shape[1] - 1, 1)
        pace = np.float32(rate) / np.sqrt(self.size[touched] + 1e-12)
        way[:, 0] *= pace[:, 0]
        way[:, 1:] *= pace[:, 1:]
        self.table[touched] += way


def with_bias(rows: Float32[Array, "rows wide"]) -> Float32[Array, "rows wide"]:
    """The other side's regressors: 1 where the bias stands, then the vector."""
    out = rows.copy()
    out[:, 0] = 1
    return out


def ratings_of(
    histories: Histories,
) -> tuple[Int32[Array, " ratings"], Int32[Array, " ratings"], Float32[Array, " ratings"]]:
    """(query, item, rating) of every event that carries a rating of an item."""
    if histories.ratings is None:
        none = np.zeros(0, dtype=np.int32)
        return none, none, np.zeros(0, dtype=np.float32)
    rated = (histories.items >= 0) & ~np.isnan(histories.ratings)
    return histories.queries[rated].astype(np.int32), histories.items[rated], histories.ratings[rated]
