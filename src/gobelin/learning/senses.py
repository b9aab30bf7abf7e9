"""What networks read of the senses: dense rows of one length, scaled alike, with a mask of presence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Bool, Float32
from gobelin.values import Features, FeatureTable

SQUEEZE = 128  # dimensions that a sparse sense is brought to


@dataclass(frozen=True)
class Sense:
    """values: (items, dim) unit rows times sqrt(dim), so that a number is about 1; absent rows zero."""

    values: Float32[Array, "items dim"]
    present: Bool[Array, " items"]


def dense(table: FeatureTable, known: Bool[Array, " items"], rng: np.random.Generator) -> Mapping[str, Sense]:
    """Each sense that anything says something in. known: the items that centres and squeezing are fitted on.

    Dense senses: centred, then of unit length. Sparse ones: the first SQUEEZE singular directions of their unit rows.
    """
    out = {}
    for name, features in table.features.items():
        fitted = features.present & known
        if fitted.any():
            values = _squeezed(features, fitted, rng) if features.sparse else _centred(features, fitted)
            length = np.sqrt(np.einsum("ij,ij->i", values, values))
            values *= (np.sqrt(values.shape[1]) / np.maximum(length, 1e-12))[:, None]
            values[~features.present | (length == 0)] = 0
            out[name] = Sense(values.astype(np.float32), features.present & (length > 0))
    return out


def _centred(features: Features, fitted: Bool[Array, " items"]) -> Float32[Array, "items dim"]:
    rows = np.flatnonzero(fitted)
    return np.asarray(features.unit(features.take(rows).mean()), dtype=np.float32)


def _squeezed(
    features: Features, fitted: Bool[Array, " items"], rng: np.random.Generator
) -> Float32[Array, "items dim"]:
    unit = features.unit()
    dim = min(SQUEEZE, min(int(fitted.sum()), features.dim) - 1)
    if dim < 1:
        return np.asarray(unit.toarray(), dtype=np.float32)
    squeeze = TruncatedSVD(dim, random_state=int(rng.integers(2**31))).fit(unit[np.flatnonzero(fitted)])
    return np.asarray(squeeze.transform(unit), dtype=np.float32)
