"""A clustering on one page: records -> senses -> axes -> clusters of each sense, of all fused, their consensus."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gobelin import parts, store
from gobelin import recipe as recipes
from gobelin.arrays import Array, Int32
from gobelin.errors import UnknownName, nearest
from gobelin.evaluation.statistics import PerUser, summarise
from gobelin.meter import Meter
from gobelin.protocols import Named
from gobelin.tasks.agreement import agreement
from gobelin.tasks.clusters import METHODS, Clusters, compact, grouped, silhouettes
from gobelin.tasks.consensus import consensus
from gobelin.tasks.describing import described
from gobelin.tasks.records import Reading, narrowed, read
from gobelin.tasks.targets import give_aways
from gobelin.tasks.weaving import Tell, Weaving
from gobelin.values import Features, FeatureTable, Target

KS = (2, 3, 5, 8, 12, 20, 30)
"""The grid that k is chosen from."""


def cluster(
    folder: str | Path,
    out: str | Path,
    *,
    reading: Reading | None = None,
    against: str | None = None,
    methods: Sequence[str] = ("kmeans",),
    ks: Sequence[int] = KS,
    fusion: str = "concatenation",
    recipe: str = recipes.DEFAULT,
    settings: Sequence[str] = (),
    seed: int = 0,
    workers: int | None = None,
    progress: Tell | None = None,
) -> dict[str, Any]:
    """Writes OUT/clusters.json and clusters.parquet (a column for each clustering); returns what clusters.json holds.

    against: a column that no sense reads, with which the clusters are compared. The clustering that is described is
    the fused one of the first method, or the only sense's.
    """
    reading = reading or Reading()
    tell = progress or (lambda step, done, total: None)
    for method in methods:
        if method not in METHODS:
            raise UnknownName(
                f"There is no method {method!r}.{nearest(method, METHODS)}",
                "one of " + ", ".join(METHODS) + ".",
                "name one of them, or several joined by commas.",
            )
    store.ready(Path(out), kind="clustering")
    meter = Meter()
    with meter.running():
        with meter.step("read"):
            records = read(folder, reading)
            classes = None if against is None else Target.classes(against, records.column(against))
            kept_back = {} if against is None else {against: "the column that clusters are compared with"}
            kept, used = narrowed(records, recipes.load(recipe, settings), reading, kept_back)
            notes = [] if classes is None else give_aways(classes, kept.data.catalogue.columns)
        with meter.step("encode"):
            woven = Weaving.of(kept.data, used, workers, tell).at(np.arange(len(records)))
        with meter.step("cluster"):
            senses = {name: compact(one, seed) for name, one in woven.table.features.items()}
            table = FeatureTable(woven.table.ids, senses)
            if len(senses) > 1:
                part: Any = parts.bind("fusion", fusion, {})
                every = np.ones(len(table.ids), dtype=bool)
                fused = part.fit(table, every, None, np.random.default_rng(seed)).fuse(table)
                senses = {**senses, "fused": replace(fused, values=np.asarray(fused.values, dtype=np.float32))}
            found: dict[str, Clusters] = {}
            for method in methods:
                for place, (name, one) in enumerate(senses.items()):
                    tell(f"cluster by {method}", place, len(senses))
                    found[f"{name}: {method}"] = grouped(one.values, one.present, method, ks, seed)
                if len(senses) > 2:
                    own = [found[f"{sense}: {method}"].labels for sense in table]
                    labels = consensus(own, found[f"fused: {method}"].labels)
                    found[f"consensus: {method}"] = Clusters(labels, int(labels.max()) + 1, method, "votes", {})
        with meter.step("describe"):
            main = "fused" if "fused" in senses else next(iter(senses))
            words = next(
                ((woven.table[s], list(e.names())) for s, e in woven.encoders.items()
                 if s in woven.table and isinstance(e, Named) and woven.table[s].modality == "text"), None,
            )  # fmt: skip
            c = kept.data.catalogue
            told = {n: v for n, v in c.columns.items() if n not in ("title", "text", "image", "audio", "video")}
            labels = found[f"{main}: {methods[0]}"].labels
            describes = described(labels, senses[main].values, c.titles(), list(c.items), told, words)
        codes = None if classes is None else classes.codes()
        report = {
            "asked": {
                "dataset": kept.data.name, "against": against, "methods": list(methods), "ks": list(ks),
                "fusion": fusion, "recipe": recipe, "seed": seed,
            },
            "rows": len(records), "notes": [vars(note) for note in notes],
            "senses": {n: int(f.present.sum()) for n, f in woven.table.features.items()},
            "clusterings": {name: _told(one, name, senses, codes, seed) for name, one in found.items()},
            "described": f"{main}: {methods[0]}", "clusters": describes,
        }  # fmt: skip
        with store.publish(Path(out), kind="clustering") as target:
            columns = {"item_id": list(kept.data.items)} | {name: one.labels for name, one in found.items()}
            pq.write_table(pa.table(columns), target / "clusters.parquet", compression="zstd")
            report |= meter.as_json()
            store.write_json(target / "clusters.json", report)
    return report


def _told(
    one: Clusters, name: str, senses: dict[str, Features], codes: Int32[Array, " rows"] | None, seed: int
) -> dict[str, Any]:
    space: Features = senses.get(name.split(": ")[0]) or senses["fused"]
    rows = np.flatnonzero((one.labels >= 0) & space.present)
    said = silhouettes(space.values[rows], one.labels[rows], seed)
    drawn = PerUser(np.arange(len(said)), {"silhouette": said})
    spread = summarise(drawn, np.random.default_rng(seed), resamples=200) if len(said) else {}
    compared = {} if codes is None else agreement(one.labels, codes, np.random.default_rng(seed))
    return {
        "k": one.k, "criterion": one.criterion, "tried": {str(k): v for k, v in one.tried.items() if np.isfinite(v)},
        "rows": int((one.labels >= 0).sum()), **spread, **compared,
    }  # fmt: skip
