"""Groups of rows that are alike: k-means, a Gaussian mixture, agglomerative; how many, on a stated grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.metrics import silhouette_samples
from sklearn.mixture import GaussianMixture

from gobelin.arrays import Array, Bool, Float32, Float64, Int32
from gobelin.errors import UserError
from gobelin.estimators._saved import quiet
from gobelin.values import Features

METHODS = ("kmeans", "mixture", "agglomerative")
AXES = 64  # that are read of one sense
SEEN = 2_000  # rows whose silhouette is looked at: it compares each with each
MERGED = 3_000  # rows that agglomerative merges one by one; of more rows, the centres of as many k-means clusters


@dataclass(frozen=True)
class Clusters:
    """labels: the cluster of each row, -1 of one that has nothing to go by. tried: what was said of each k."""

    labels: Int32[Array, " rows"]
    k: int
    method: str
    criterion: str
    tried: dict[int, float]


def compact(features: Features, seed: int) -> Features:
    """At most 64 principal axes of the rows' unit vectors (singular directions where sparse), absent rows nought.

    On unit vectors Euclidean distance is cosine distance, so methods that know no other measure that.
    """
    rows = np.flatnonzero(features.present)
    if not len(rows):
        return features
    unit = features.take(rows).unit()
    axes = min(AXES, len(rows) - 1, features.dim - 1)
    if axes >= 1 and features.dim > AXES:
        kind = TruncatedSVD if features.sparse else PCA
        values = kind(axes, random_state=seed).fit_transform(unit)
    else:
        values = unit.toarray() if features.sparse else unit
    out = np.zeros((len(features.present), values.shape[1]), dtype=np.float32)
    out[rows] = values
    return Features(features.name, features.modality, features.ids, out, features.present)


def grouped(
    values: Float32[Array, "rows dim"], present: Bool[Array, " rows"], method: str, ks: Sequence[int], seed: int
) -> Clusters:
    """The k of the grid whose silhouette is highest (k-means, agglomerative) or whose BIC is lowest (mixture).

    Raises UserError where there are fewer different rows than the least k asks for.
    """
    rows = np.flatnonzero(present)
    different = len(np.unique(values[rows], axis=0)) if len(rows) else 0
    grid = [k for k in ks if 2 <= k < different]
    if not grid:
        raise UserError(
            f"{different:,} different rows cannot be put into {', '.join(map(str, ks))} clusters.",
            "fewer clusters than rows that differ, at least 2.",
            "ask for other --clusters, or read more senses.",
        )
    found = {k: _at(values[rows], method, k, seed) for k in grid}
    tried = {k: score for k, (_, score) in found.items()}
    best = min(tried, key=lambda k: -tried[k])
    labels = np.full(len(present), -1, dtype=np.int32)
    labels[rows] = found[best][0]
    return Clusters(labels, best, method, "-BIC" if method == "mixture" else "silhouette", tried)


def _at(rows: Float32[Array, "rows dim"], method: str, k: int, seed: int) -> tuple[Int32[Array, " rows"], float]:
    """(labels, how good: the higher the better)."""
    if method == "mixture":
        with quiet():
            mixture = GaussianMixture(
                k, covariance_type="diag", reg_covar=1e-4, random_state=seed, max_iter=100, init_params="k-means++"
            ).fit(rows)
        return mixture.predict(rows).astype(np.int32), -float(mixture.bic(rows))
    kmeans = method == "kmeans"
    labels = KMeans(k, n_init=4, random_state=seed).fit_predict(rows) if kmeans else _merged(rows, k, seed)
    said = silhouettes(rows, labels, seed)
    return labels.astype(np.int32), float(said.mean()) if len(said) else -1.0


def _merged(rows: Float32[Array, "rows dim"], k: int, seed: int) -> Array:
    """Ward's method (1963); past 3,000 rows on the centres of 1,000 k-means clusters: it takes rows x rows numbers."""
    if len(rows) <= MERGED:
        return AgglomerativeClustering(k, linkage="ward").fit_predict(rows)
    fine = KMeans(1_000, n_init=1, max_iter=20, random_state=seed).fit(rows)
    return AgglomerativeClustering(k, linkage="ward").fit_predict(fine.cluster_centers_)[fine.labels_]


def silhouettes(rows: Float32[Array, "rows dim"], labels: Array, seed: int) -> Float64[Array, " seen"]:
    """Of at most 2,000 drawn rows: how much nearer the own cluster lies than the next, -1 to 1 (Rousseeuw 1987).

    None where the rows drawn lie in one cluster, or each in its own.
    """
    some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:SEEN])
    if not 2 <= len(np.unique(labels[some])) < len(some):
        return np.zeros(0)
    return np.asarray(silhouette_samples(rows[some], labels[some]), dtype=np.float64)
