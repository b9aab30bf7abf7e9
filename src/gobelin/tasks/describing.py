"""What a cluster is: its typical items, the attributes and the words that it has more often than the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32, Int32
from gobelin.values import Features

SHOWN = 5
_MOST_VALUES = 200  # of a column that is described: more are names, not attributes


def described(
    labels: Int32[Array, " rows"],
    values: Float32[Array, "rows dim"],
    titles: Sequence[str],
    ids: Sequence[str],
    columns: Mapping[str, Sequence[str | None]],
    words: tuple[Features, Sequence[str]] | None,
) -> list[dict[str, Any]]:
    """One entry a cluster, the largest first. words: of a sense whose dimensions have names.

    typical: nearest to the mean of the cluster. attributes: values by (share inside - share outside), so that what is
    common everywhere does not stand first; words by the same difference of their mean weight.
    """
    out = []
    for one in np.argsort(-np.bincount(labels[labels >= 0])):
        rows = np.flatnonzero(labels == one)
        centre = values[rows].mean(axis=0)
        near = rows[np.argsort(np.linalg.norm(values[rows] - centre, axis=1), kind="stable")[:SHOWN]]
        out.append(
            {
                "cluster": int(one),
                "size": len(rows),
                "typical": [{"item_id": ids[int(row)], "title": titles[int(row)]} for row in near],
                "attributes": _attributes(labels, int(one), columns),
                "words": [] if words is None else _words(labels, int(one), *words),
            }
        )
    return out


def _attributes(
    labels: Int32[Array, " rows"], one: int, columns: Mapping[str, Sequence[str | None]]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    inside, outside = int((labels == one).sum()), int(((labels >= 0) & (labels != one)).sum())
    for column, cells in columns.items():
        own: Counter[str] = Counter()
        rest: Counter[str] = Counter()
        for cell, label in zip(cells, labels.tolist(), strict=True):
            if cell is not None and label >= 0:
                (own if label == one else rest)[cell] += 1
        if len(own) + len(rest) > 2 * _MOST_VALUES:
            continue
        for value, count in own.most_common(3):
            share, other = count / inside, rest[value] / max(outside, 1)
            found.append({"attribute": column, "value": value, "share": share, "elsewhere": other})
    found.sort(key=lambda row: row["elsewhere"] - row["share"])
    return [row for row in found if row["share"] > row["elsewhere"]][:SHOWN]


def _words(labels: Int32[Array, " rows"], one: int, features: Features, names: Sequence[str]) -> list[str]:
    def weight(rows: Array) -> Array:
        return np.asarray(features.values[rows].mean(axis=0)).ravel() if len(rows) else np.zeros(features.dim)

    inside = np.flatnonzero((labels == one) & features.present)
    outside = np.flatnonzero((labels >= 0) & (labels != one) & features.present)
    gap = weight(inside) - weight(outside)
    return [names[int(i)] for i in np.argsort(-gap, kind="stable")[: 2 * SHOWN] if gap[i] > 0]
