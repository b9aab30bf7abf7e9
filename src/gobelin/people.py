"""People as Features: what each is like by words alone, by pictures alone, by all at once.

    table = people(model, train.users, train.queries(), train.table)      # a model that represents: two_tower, mmt ...
    table = people(SenseMeans.of(train), train.users, train.queries(), train.table)      # closed form, no training

Rows are people; the rest of the house (standardising, similarities, clustering) reads them as it reads items.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import diags_array

from gobelin.arrays import Array, Float32
from gobelin.learning.senses import Sense, dense
from gobelin.protocols import Represents
from gobelin.values import Features, FeatureTable, Queries, Train, Vocabulary

FUSED = "fused"


def people(source: Represents, users: Vocabulary, queries: Queries, items: FeatureTable) -> FeatureTable:
    """One Features for each modality of the items ("user.text"), by all of its senses, and "user.fused", by everything.

    users: names of the queries, in their order; items: what the senses' names and modalities are read from. A person
    whose history says nothing in a modality is absent there; a modality in which nobody says anything is left out.
    """
    threads: dict[str, list[str]] = {}
    for name in items:
        threads.setdefault(items[name].modality, []).append(name)
    wanted: dict[str, Collection[str] | None] = {**threads, FUSED: None}
    table = {}
    for modality, senses in wanted.items():
        vectors = source.represent(queries, senses)
        present = np.asarray((vectors != 0).any(axis=1))
        if present.any():
            name = f"user.{modality}"
            table[name] = Features(name, modality, users, vectors, present)
    return FeatureTable(users, table)


@dataclass(frozen=True)
class SenseMeans:
    """People as the weighted mean of their items in each sense: closed form, no training.

    u_m = sum_i w_i f_mi / sum_i w_i over the history's items that have sense m; w: the events' weights, f: unit rows,
    dense ones centred, wide ones in their first 256 singular directions. Several senses stand side by side, so that the
    inner product of a person and an item is the sum over senses of the mean cosine of the item and the history's.
    """

    senses: Mapping[str, Sense]

    @classmethod
    def of(cls, train: Train, rng: np.random.Generator | None = None) -> Self:
        """rng: for the singular directions of wide senses."""
        known = train.counts() > 0
        return cls(dense(train.table, known if known.any() else ~known, rng or np.random.default_rng(0)))

    def represent(self, queries: Queries, by: Collection[str] | None = None) -> Float32[Array, "queries dim"]:
        """(queries, dimensions of the senses that are read); the log alone says nothing here."""
        read = [sense for name, sense in self.senses.items() if by is None or name in by]
        return np.hstack([np.zeros((len(queries), 0), dtype=np.float32), *(_mean(queries, sense) for sense in read)])

    def item_vectors(self) -> Float32[Array, "items dim"]:
        """Items beside people who are represented by everything."""
        return np.hstack([_unit(sense) for sense in self.senses.values()])


def _mean(queries: Queries, sense: Sense) -> Float32[Array, "queries dim"]:
    log = queries.histories.matrix(len(sense.present), now=queries.now) @ diags_array(sense.present.astype(np.float32))
    total = np.asarray(log.sum(axis=1)).ravel()
    return np.asarray((log @ _unit(sense)) / np.maximum(total, 1e-12)[:, None], dtype=np.float32)


def _unit(sense: Sense) -> Float32[Array, "items dim"]:
    return sense.values / np.float32(np.sqrt(sense.values.shape[1]))
