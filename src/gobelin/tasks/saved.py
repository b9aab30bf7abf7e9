"""A fitted prediction as a folder without pickle: predictor, encoders, scales, and how a folder is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gobelin import parts, store
from gobelin.arrays import Array, Float32
from gobelin.encoding import Encoded, encode
from gobelin.features.standardise import Standardiser
from gobelin.protocols import Learned
from gobelin.recipe import Recipe
from gobelin.tasks.calibration import Calibration
from gobelin.tasks.levels import Predictor, restored
from gobelin.tasks.records import Reading, Records, narrowed, read
from gobelin.values import FeatureTable
from gobelin.values.target import Told


@dataclass(frozen=True)
class Model:
    """name: the contender's; outputs: the classes, labels or numbers; kept_back: columns that are never read."""

    name: str
    told: Told
    target: str
    outputs: tuple[str, ...]
    predictor: Predictor
    calibration: Calibration
    recipe: Recipe
    encoders: Mapping[str, Any]
    standardisers: Mapping[str, Standardiser]
    reading: Reading
    kept_back: Mapping[str, str]

    def table(self, records: Records, workers: int | None = None) -> FeatureTable:
        kept, recipe = narrowed(records, self.recipe, self.reading, self.kept_back, new=True)
        woven: Encoded = encode(
            kept.data, recipe, fitted=self.encoders, standardisers=self.standardisers, workers=workers
        )
        return woven.table

    def predict(self, records: Records, workers: int | None = None) -> Float32[Array, "rows outputs"]:
        """Of any records that can be read like those that it was made from; senses they lack count as absent."""
        return self.calibration.apply(self.predictor.predict(self.table(records, workers)))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        store.save_state(folder / "predictor", self.predictor.state())
        encoders = {}
        for sense, encoder in self.encoders.items():
            part = type(encoder).__module__.rsplit(".", 1)[-1]
            encoders[sense] = {"part": part, "settings": parts.settings_of(encoder)}
            if isinstance(encoder, Learned):
                store.save_state(folder / "encoders" / sense, encoder.state())
        for sense, standardiser in self.standardisers.items():
            store.save_state(folder / "standardisers" / sense, standardiser.state())
        (folder / "recipe.toml").write_text(self.recipe.as_toml(), encoding="utf-8")
        about = {
            "name": self.name,
            "told": self.told,
            "target": self.target,
            "outputs": list(self.outputs),
            "calibration": dict(self.calibration.state()),
            "encoders": encoders,
            "standardisers": list(self.standardisers),
            "reading": self.reading.state(),
            "kept_back": dict(self.kept_back),
        }
        store.write_json(folder / "about.json", about)


def load(run: Path) -> Model:
    """The model of a folder that `gobelin predict` wrote; UserError and StoreError as `store.open_folder` has them."""
    import json

    from gobelin import recipe as recipes

    store.open_folder(run, kind="prediction")
    folder = run / "model"
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    encoders: dict[str, Any] = {}
    for sense, spec in about["encoders"].items():
        kind: Any = parts.find("encoders", spec["part"]).load()
        learned = (folder / "encoders" / f"{sense}.json").is_file()
        encoders[sense] = (
            kind.from_state(store.load_state(folder / "encoders" / sense))
            if learned
            else parts.make(kind, spec["settings"], where=f"encoders.{sense}")
        )
    return Model(
        about["name"],
        about["told"],
        about["target"],
        tuple(about["outputs"]),
        restored(store.load_state(folder / "predictor")),
        Calibration.from_state(about["calibration"]),
        recipes.load(folder / "recipe.toml"),
        encoders,
        {s: Standardiser.from_state(store.load_state(folder / "standardisers" / s)) for s in about["standardisers"]},
        Reading.from_state(about["reading"]),
        about["kept_back"],
    )


def predict_new(run: str | Path, folder: str | Path, workers: int | None = None) -> list[dict[str, Any]]:
    """A row for each new record: its id, what is told, how surely, and every probability or number."""
    model = load(Path(run))
    records = read(folder, model.reading)
    return told_rows(list(records.data.items), model.predict(records, workers), model.told, model.outputs)


def told_rows(
    ids: list[str], said: Float32[Array, "rows outputs"], told: Told, outputs: tuple[str, ...]
) -> list[dict[str, Any]]:
    """told: the likeliest class; labels above a half, likeliest first, joined by "|" (at least one); the numbers."""
    rows = []
    for item, row in zip(ids, said, strict=True):
        line: dict[str, Any] = {"item_id": item}
        if told == "class":
            line |= {"told": outputs[int(row.argmax())], "sure": float(row.max())}
        elif told == "labels":
            order = np.argsort(-row, kind="stable")
            kept = [int(i) for i in order if row[i] > 0.5] or [int(order[0])]
            line |= {"told": "|".join(outputs[i] for i in kept), "sure": float(row[kept].min())}
        else:
            line |= {"told": float(row[0])}
        rows.append(line | {f"p:{name}": float(p) for name, p in zip(outputs, row, strict=True) if told != "numbers"})
    return rows
