"""What networks read of the senses: dense rows of one length, scaled alike, with a mask of presence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from gobelin.arrays import Array, Bool, Float32
from gobelin.values import Features, FeatureTable

SQUEEZE = 256  # dimensions that a wider sense is brought to: what a linear map of it would mostly read


@dataclass(frozen=True)
class Sense:
    """values: (items, dim) unit rows times sqrt(dim), so that a number is about 1; absent rows zero."""

    values: Float32[Array, "items dim"]
    present: Bool[Array, " items"]


def dense(table: FeatureTable, known: Bool[Array, " items"], rng: np.random.Generator) -> Mapping[str, Sense]:
    """Each sense that anything says something in. known: the items that centres and squeezing are fitted on.

    Unit rows, dense ones centred before; wider than SQUEEZE, their first singular directions, again of unit length.
    """
    out = {}
    for name, features in table.features.items():
        fitted = features.present & known
        if fitted.any():
            values = _narrow(_unit(features, fitted), fitted, rng)
            length = np.sqrt(np.einsum("ij,ij->i", values, values))
            values *= (np.sqrt(values.shape[1]) / np.maximum(length, 1e-12))[:, None]
            values[~features.present | (length == 0)] = 0
            out[name] = Sense(values.astype(np.float32), features.present & (length > 0))
    return out


def joined(senses: Mapping[str, Sense], n_items: int) -> Float32[Array, "items dim"]:
    """All senses side by side, (n_items, sum of their dims): rows of unit length, zero where an item has no sense."""
    if not senses:
        return np.zeros((n_items, 0), dtype=np.float32)
    units = [sense.values / np.sqrt(np.float32(sense.values.shape[1])) for sense in senses.values()]
    held = np.sum([sense.present for sense in senses.values()], axis=0)
    return np.asarray(np.hstack(units) / np.sqrt(np.maximum(held, 1))[:, None], dtype=np.float32)


def _unit(features: Features, fitted: Bool[Array, " items"]) -> Any:
    if features.sparse:
        held = features.values.copy()
        held.data[~np.repeat(features.present, np.diff(held.indptr))] = 0  # what stands there may not be read
        return replace(features, values=held).unit()
    return features.unit(features.take(np.flatnonzero(fitted)).mean())


def _narrow(unit: Any, fitted: Bool[Array, " items"], rng: np.random.Generator) -> Float32[Array, "items dim"]:
    dim = min(SQUEEZE, int(fitted.sum()) - 1)
    if unit.shape[1] <= SQUEEZE or dim < 1:
        return np.asarray(unit.toarray() if isinstance(unit, csr_array) else unit, dtype=np.float32)
    squeeze = TruncatedSVD(dim, random_state=int(rng.integers(2**31))).fit(unit[np.flatnonzero(fitted)])
    return np.asarray(squeeze.transform(unit), dtype=np.float32)
