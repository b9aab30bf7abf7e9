"""Items that resemble one another, in leaves of about equal size: a tree of halvings along leading directions."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gobelin.arrays import Array, Float32, Int64

SAMPLE = 4_096  # rows that a direction is found from
ROUNDS = 8  # of the power iteration; a rough direction halves as well

Points = Float32[Array, "points dim"]


@dataclass(frozen=True)
class Leaves:
    """order: points, leaf after leaf; bounds: where each leaf begins in it, and the end. centroids: unit rows."""

    order: Int64[Array, " points"]
    bounds: Int64[Array, " bounds"]
    centroids: Float32[Array, "leaves dim"]

    @classmethod
    def grown(cls, points: Points, most: int, rng: np.random.Generator) -> "Leaves":
        """Halved at the median along the leading direction of each part, until no leaf has more than `most` points.

        Leaves differ by at most one point in size. Cost: points x dim x log2(leaves).
        """
        depth = max(0, int(np.ceil(np.log2(max(len(points), 1) / most))))
        order = np.arange(len(points), dtype=np.int64)
        bounds = np.array([0, len(points)], dtype=np.int64)
        for _ in range(depth):
            middles = (bounds[:-1] + bounds[1:]) // 2
            for start, middle, stop in zip(bounds[:-1], middles, bounds[1:], strict=True):
                some = order[start:stop]
                along = points[some] @ _direction(points, some, rng)
                order[start:stop] = some[np.argpartition(along, middle - start)] if stop - start > 1 else some
            bounds = np.sort(np.concatenate([bounds, middles]))
        for start, stop in pairwise(bounds):
            order[start:stop].sort()
        sums = np.add.reduceat(points[order], bounds[:-1], axis=0) if len(points) else points[:0]
        length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        return cls(order, bounds, sums / np.maximum(length, 1e-12)[:, None])

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def leaf(self, number: int) -> Int64[Array, " members"]:
        return self.order[self.bounds[number] : self.bounds[number + 1]]

    def near(self, centroid: Float32[Array, " dim"], enough: int) -> Int64[Array, " members"]:
        """Points of the leaves nearest to a direction, whole leaves until there are `enough`."""
        closeness = self.centroids @ centroid
        size = max(1, len(self.order) // max(len(self), 1))
        count = min(len(self), -(-enough // size))
        best = np.argpartition(-closeness, count - 1)[:count]
        return np.concatenate([self.leaf(number) for number in np.sort(best).tolist()])


def _direction(points: Points, rows: Int64[Array, " rows"], rng: np.random.Generator) -> Float32[Array, " dim"]:
    some = points[rows if len(rows) <= SAMPLE else rows[rng.choice(len(rows), SAMPLE, replace=False)]]
    some = some - some.mean(axis=0)
    way = rng.standard_normal(points.shape[1], dtype=np.float32)
    for _ in range(ROUNDS):
        way = some.T @ (some @ way)
        way /= max(float(np.sqrt(way @ way)), 1e-12)
    return np.asarray(way, dtype=np.float32)
