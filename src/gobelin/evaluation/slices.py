"""For whom and for what it works: the test pairs cut by activity, popularity, coldness, missing senses and variants.

A slice marks some of the relevant pairs. Recall@k within it: of a user's pairs in the slice, the share that stands in
their list of k; NDCG@k within it: the list judged as if the slice's pairs alone were relevant (so items found outside
the slice take places, for every model alike). Both are means over users with a pair in the slice, with intervals.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Int64, UInt8
from gobelin.evaluation.metrics import found_pairs, ndcg, pairs
from gobelin.evaluation.statistics import Estimate, PerUser, summarise
from gobelin.values import FeatureTable, Ranked

ACTIVITY = (0, 5, 15, 50)
"""Upper ends of the groups of users by their events in train; the last group is open."""
POPULARITY = (5, 15, 50)
"""Upper ends of the groups of items by their train users."""


@dataclass(frozen=True)
class Slice:
    """Some of the relevant pairs, marked in the order of `metrics.pairs`."""

    name: str
    pairs: Bool[Array, " pairs"]


class SliceRow(TypedDict):
    """One line of a family in `report.json`: what it is, how much it holds, each model's figures."""

    slice: str
    pairs: int
    users: int
    models: dict[str, dict[str, Estimate]]


def by_activity(relevant: csr_array, activity: Int64[Array, " queries"]) -> list[Slice]:
    """Users by how many train events they have; 0: new users."""
    canonical = pairs(relevant)
    return _banded(activity[_queries(canonical)], ACTIVITY)


def by_popularity(relevant: csr_array, counts: Int64[Array, " items"]) -> list[Slice]:
    """Items by how many train users they have."""
    return _banded(counts[pairs(relevant).indices], POPULARITY)


def by_coldness(relevant: csr_array, cold: UInt8[Array, " items"] | Bool[Array, " items"]) -> list[Slice]:
    """Items without and with an event in train."""
    mark = cold[pairs(relevant).indices] > 0
    return _present([Slice("cold items", mark), Slice("warm items", ~mark)])


def by_missing(relevant: csr_array, table: FeatureTable) -> list[Slice]:
    """Items by the modality they lack (all its senses absent); an item that lacks two stands in both slices."""
    items = pairs(relevant).indices
    lacks: dict[str, Array] = {}
    for name in table:
        sense = table[name]
        lacks[sense.modality] = lacks.get(sense.modality, True) & ~sense.present[items]
    if not lacks:
        return []
    some = np.any(list(lacks.values()), axis=0)
    slices = [Slice("lacks nothing", ~some), *(Slice(f"lacks {what}", mark) for what, mark in lacks.items())]
    if len(lacks) > 1:
        slices.append(Slice("lacks everything", np.all(list(lacks.values()), axis=0)))
    return _present(slices)


def by_variant(relevant: csr_array, group: Sequence[str | None], histories: csr_array) -> list[Slice]:
    """Pairs whose item is another variant of a product in the user's history, and the rest ("without variants").

    group: of each item, None where it stands alone; histories: (queries, items), nonzero = in the history.
    """
    canonical = pairs(relevant)
    known = {name: i for i, name in enumerate(sorted({g for g in group if g is not None}))}
    code = np.array([-1 if g is None else known[g] for g in group], dtype=np.int64)
    had = pairs(histories)
    had_group, pair_group = code[had.indices], code[canonical.indices]
    width = len(known) + 1
    in_history = np.unique((_queries(had) * width + had_group)[had_group >= 0])
    mark = np.isin(_queries(canonical) * width + pair_group, in_history)
    return _present([Slice("variants", mark), Slice("without variants", ~mark)])


def families(
    relevant: csr_array,
    *,
    activity: Int64[Array, " queries"],
    counts: Int64[Array, " items"],
    cold: UInt8[Array, " items"] | Bool[Array, " items"],
    table: FeatureTable | None = None,
    group: Sequence[str | None] | None = None,
    histories: csr_array | None = None,
) -> dict[str, list[Slice]]:
    """Every family that the arguments allow, under its name in the report; a family of one slice tells nothing and
    is left out."""
    found = {
        "by user activity": by_activity(relevant, activity),
        "by item popularity": by_popularity(relevant, counts),
        "cold items": by_coldness(relevant, cold),
    }
    if table is not None:
        found["by missing modality"] = by_missing(relevant, table)
    if group is not None and histories is not None:
        found["product variants"] = by_variant(relevant, group, histories)
    return {name: slices for name, slices in found.items() if len(slices) > 1}


def slice_table(
    cut: Mapping[str, Sequence[Slice]],
    relevant: csr_array,
    ranked: Mapping[str, Ranked],
    rng: np.random.Generator,
    *,
    k: int = 20,
    level: float = 0.95,
    resamples: int = 1000,
) -> dict[str, list[SliceRow]]:
    """The `slices` of report.json: recall@k and ndcg@k of several models on each slice of each family.

    All models share the resamples of a slice. Raises ValueError where a list is shorter than k.
    """
    canonical = pairs(relevant)
    if any(one.k < k for one in ranked.values()):
        raise ValueError(f"slices at {k} need lists of {k}")
    found = {model: found_pairs(one, canonical)[:, :k] for model, one in ranked.items()}
    out: dict[str, list[SliceRow]] = {}
    for family, slices in cut.items():
        out[family] = []
        for one in slices:
            n = np.bincount(_queries(canonical)[one.pairs], minlength=canonical.shape[0])
            rows = np.flatnonzero(n)
            values = {}
            for model, places in found.items():
                hit = _marked(places[rows], one.pairs)
                values[model, f"recall@{k}"] = hit.sum(axis=1) / n[rows]
                values[model, f"ndcg@{k}"] = ndcg(hit, n[rows].astype(np.float64))
            named = PerUser(rows.astype(np.int64), {f"{m}\0{metric}": v for (m, metric), v in values.items()})
            figures = summarise(named, rng, level, resamples)
            models: dict[str, dict[str, Estimate]] = {model: {} for model in ranked}
            for name, figure in figures.items():
                model, metric = name.split("\0")
                models[model][metric] = figure
            out[family].append(SliceRow(slice=one.name, pairs=int(one.pairs.sum()), users=len(rows), models=models))
    return out


def _marked(places: Int64[Array, "users k"], mark: Bool[Array, " pairs"]) -> Bool[Array, "users k"]:
    """Which listed items are pairs of the slice."""
    if not len(mark):
        return np.zeros(places.shape, dtype=bool)
    return np.asarray((places >= 0) & mark[places])


def _banded(of_pair: Int64[Array, " pairs"], ends: Sequence[int]) -> list[Slice]:
    """Slices of the pairs by a count: up to each end, and above the last."""
    slices, start = [], 0
    for end in ends:
        name = f"{start}-{end} events" if end > start else f"{end} events"
        slices.append(Slice(name, (of_pair >= start) & (of_pair <= end)))
        start = end + 1
    slices.append(Slice(f"over {ends[-1]} events", of_pair >= start))
    return _present(slices)


def _present(slices: Iterable[Slice]) -> list[Slice]:
    return [one for one in slices if one.pairs.any()]


def _queries(canonical: csr_array) -> Int64[Array, " pairs"]:
    """The query of each pair."""
    return np.repeat(np.arange(canonical.shape[0], dtype=np.int64), np.diff(canonical.indptr))
