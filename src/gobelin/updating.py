"""A finished run follows its data set, without a new search: events, items and people that came, changed or went."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gobelin import recipe as recipes
from gobelin import store
from gobelin.contest import contenders
from gobelin.data.cleaning import clean
from gobelin.data.dataset import Dataset
from gobelin.encoding import encode
from gobelin.errors import UserError
from gobelin.evaluation.report import write_report
from gobelin.meter import Meter
from gobelin.protocols import Changes
from gobelin.service import Run
from gobelin.service.served import Served, save_model
from gobelin.values import Train

TABLES = ("recommendations.parquet", "split/train.parquet", "split/validation.parquet", "split/test.parquet")


def update(
    run: str | Path | Run,
    dataset: Dataset | str | Path,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Run:
    """The run with its model brought to what the data set holds now; written to `out`, or in place of the old folder.

    Settings, weights, scalers, fitted encoders, standardisers and the list of cues stay as the search and the fit left
    them, until the next `run`. A model that follows changes (`Changes`) is updated exactly, at the cost of the change;
    another is fitted again with its settings. People who are no longer in the log are taken out of the split, the
    recommendations and the report's samples too; the report's figures remain those of the run. `report.json` counts
    each update under `updates`.
    """
    old = run if isinstance(run, Run) else Run.open(run)
    served, meter = old.served, Meter()
    with meter.running():
        with meter.step("read"):
            data = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
            recipe = recipes.load(str(old.folder / "recipe.toml"))
            data, _ = clean(data, recipe.clean)
            data = served.cues.dataset(data)
        with meter.step("encode"):
            woven = encode(
                data,
                recipe,
                fitted=served.encoders,
                standardisers=served.standardisers,
                workers=workers,
                progress=progress,
            )
            lost = [sense for sense in served.contender.senses if sense not in woven.table]
            if lost:
                raise UserError(
                    f"No item of {data.name} has {lost[0]!r}, which the model of {old.folder} reads.",
                    "the senses that the run was made with.",
                    "bring them back, or make a new run with `gobelin run`.",
                )
        after = data.train(woven.table.only(*served.contender.senses), len(served.cues))
        with meter.step("apply"):
            progress("apply", 0, 0)
            model: Any = served.model
            if isinstance(model, Changes):
                model = model.apply(served.train, after)
            else:
                model = contenders.fit(served.contender, served.contender.settings, after)
        target = Path(out) if out is not None else old.folder
        with store.publish(target, kind="run") as folder:
            report = _without_forgotten(old, folder, set(data.users))
            change = differences(served, after, data)
            report["updates"] = [*report.get("updates", []), {**change, "seconds": meter.as_json()["seconds"]}]
            save_model(folder / "model", model, after, data, served.contender, woven, served.cues, seed=served.seed)
            store.write_json(folder / "report.json", report)
            write_report(report, folder, data.catalogue.root)
    return Run.open(target)


def differences(served: Served, after: Train, data: Dataset) -> dict[str, int]:
    """What changed between what a model knows and a train value: counts of items, events and people."""
    before = served.train
    both = [item for item in after.items if item in before.items]
    was = np.array([before.items.row(item) for item in both], dtype=np.int64)
    now = np.array([after.items.row(item) for item in both], dtype=np.int64)
    anew = np.zeros(len(both), dtype=bool)
    for sense in before.table:
        anew |= before.table[sense].differs(was, after.table[sense], now)
    people = [user for user in after.users if user in before.users]
    return {
        "items_added": len(after.items) - len(both),
        "items_removed": len(before.items) - len(both),
        "items_described_anew": int(anew.sum()),
        "events": len(after.histories.items) - len(before.histories.items),
        "people_new": len(after.users) - len(people),
        "people_forgotten": len(before.users) - len(people),
    }


def _without_forgotten(old: Run, folder: Path, known: set[str]) -> dict[str, Any]:
    """Copies everything but the model and the report; rows and samples of people who are not known stay behind."""
    for path in sorted(old.folder.rglob("*")):
        name = path.relative_to(old.folder)
        if path.is_dir() or name.parts[0] == "model" or str(name) in (store.MANIFEST, "report.json", "report.html"):
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.as_posix() in TABLES:
            table = pq.read_table(path)
            stays = pa.array([user in known for user in table["user_id"].to_pylist()], pa.bool_())
            pq.write_table(table.filter(stays), folder / name, compression="zstd")
        else:
            shutil.copy2(path, folder / name)
    report: dict[str, Any] = json.loads((old.folder / "report.json").read_text(encoding="utf-8"))
    report["people"] = [person for person in report.get("people", []) if person["user"] in known]
    return report
