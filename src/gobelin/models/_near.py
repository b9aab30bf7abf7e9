"""The items nearest to each item in a sense, as a graph that vectors are passed along."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from gobelin.arrays import Array, Bool
from gobelin.models._sparse import row_sums, scaled, strongest_dense, strongest_products
from gobelin.models._transfer import nothing
from gobelin.values import Features, FeatureTable


def nearest(features: Features, known: Bool[Array, " items"], k: int) -> csr_array:
    """(items, items) each row the mean of the k known items of largest cosine, above 0, itself left out.

    known: the items that may be neighbours, those with events; what nothing taught has nothing to pass on. Dense
    senses are centred on their mean over known items. A row is empty where the item lacks the sense. By blocks.
    """
    n = len(known)
    said = np.flatnonzero(features.present & known)
    if not len(said):
        return nothing((n, n))
    units: Any = features.unit(None if features.sparse else features.take(said).mean())
    if isinstance(units, csr_array):
        others = csr_array((diags_array(known.astype(np.float32)) @ units).T.tocsr())
        near = strongest_products(units, others, k, lambda row, column, cosine: np.where(row == column, 0, cosine))
    else:
        far = np.where(known[:, None], units, 0).T
        near = strongest_dense(lambda rows: units[rows] @ far, n, k)
    near.data[:] = 1
    return scaled(near, rows=1 / np.maximum(row_sums(near), 1))


def blended(table: FeatureTable, weights: Mapping[str, float], known: Bool[Array, " items"], k: int) -> csr_array:
    """Graphs of several senses as one: sum_m w_m S_m, each row over the sum of the weights of senses that it has.

    weights: by sense, 1 where not named.
    """
    n = len(known)
    whole, held = nothing((n, n)), np.zeros(n, dtype=np.float32)
    for name, features in table.features.items():
        if share := weights.get(name, 1.0):
            graph = nearest(features, known, k)
            whole = csr_array(whole + np.float32(share) * graph)
            held += np.where(np.diff(graph.indptr) > 0, np.float32(share), 0)
    return scaled(whole, rows=1 / np.where(held > 0, held, 1))
