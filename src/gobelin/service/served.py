"""The model folder of a run: all that answering needs, without the data set it came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gobelin import parts, store
from gobelin.contest.contenders import Contender
from gobelin.cues import Cues
from gobelin.data.dataset import Dataset
from gobelin.encoding import Encoded
from gobelin.errors import UserError
from gobelin.features.standardise import Standardiser
from gobelin.protocols import Learned, Recommender
from gobelin.values import Features, FeatureTable, Histories, Train, Vocabulary


@dataclass(frozen=True)
class Card:
    """What is shown of each item. group: the product that it is a variant of."""

    titles: tuple[str, ...]
    categories: tuple[str, ...]
    images: tuple[str | None, ...]  # paths inside the data set's folder
    groups: tuple[str | None, ...]


@dataclass(frozen=True)
class Served:
    """A fitted model with the items, people and histories that it answers for."""

    model: Recommender
    contender: Contender
    users: Vocabulary
    items: Vocabulary
    histories: Histories
    positive: np.ndarray  # (events,) whether the event is a sign of liking: what `recommend` leaves out
    table: FeatureTable
    cards: Card
    encoders: Mapping[str, Any]
    now: int | None
    seed: int
    standardisers: Mapping[str, Standardiser] = field(default_factory=dict)
    cues: Cues = field(default_factory=Cues)
    root: Path | None = None  # the data set's folder when the model was made: where media paths start

    @cached_property
    def train(self) -> Train:
        """What the model was fitted on."""
        met = np.zeros(len(self.items), dtype=bool)
        met[self.histories.items[self.histories.items >= 0]] = True
        return Train(self.users, self.items, self.histories, self.table, ~met, self.now, len(self.cues))

    @property
    def shown(self) -> int:
        """How many items can be shown: the first so many; the rest are cues."""
        return len(self.items) - len(self.cues)


def save_model(
    folder: Path,
    model: Recommender,
    train: Train,
    data: Dataset,
    contender: Contender,
    woven: Encoded,
    cues: Cues,
    *,
    seed: int,
) -> None:
    """data: with its cues; contender: with the settings in full, as the search left them."""
    folder.mkdir(parents=True)
    store.save_state(folder / "state", model.state())
    catalogue = data.catalogue
    cards = {
        "item_id": list(train.items),
        "title": catalogue.titles(),
        "categories": ["|".join(c) for c in catalogue.categories()],
        "image": _first_images(data),
        "group": list(catalogue.group) if catalogue.group is not None else [None] * len(train.items),
    }
    kinds = pa.schema([(name, pa.string()) for name in cards])
    pq.write_table(pa.table(cards, schema=kinds), folder / "items.parquet", compression="zstd")
    pq.write_table(pa.table({"user_id": pa.array(list(train.users), pa.string())}), folder / "users.parquet")
    h = train.histories
    positive = data.events.positive if len(data.events) else np.zeros(0, dtype=bool)
    store.save_state(
        folder / "histories",
        {"starts": h.starts, "items": h.items, "kinds": h.kinds, "weights": h.weights, "positive": positive}
        | ({} if h.times is None else {"times": h.times})
        | ({} if h.ratings is None else {"ratings": h.ratings}),
    )
    for sense in contender.senses:
        features = train.table[sense]
        state = {"modality": features.modality, "values": _plain(features.values), "present": features.present}
        store.save_state(folder / "features" / sense, state)
    encoders: dict[str, Any] = {}
    for sense, encoder in woven.encoders.items():
        if sense in contender.senses:
            part = type(encoder).__module__.rsplit(".", 1)[-1]
            encoders[sense] = {"part": part, "settings": parts.settings_of(encoder)}
            if isinstance(encoder, Learned):
                store.save_state(folder / "encoders" / sense, encoder.state())
    for sense, standardiser in woven.standardisers.items():
        if sense in contender.senses:
            store.save_state(folder / "standardisers" / sense, standardiser.state())
    about = {
        "name": contender.name,
        "part": contender.part,
        "settings": dict(contender.settings),
        "senses": list(contender.senses),
        "encoders": encoders,
        "now": train.now,
        "seed": seed,
        "cues": cues.state(),
        "root": None if catalogue.root is None else str(catalogue.root.absolute()),
    }
    store.write_json(folder / "about.json", about)


def load_model(run: Path) -> Served:
    """What `save_model` wrote; UserError where the run was made with --no-final."""
    folder = run / "model"
    if not (folder / "about.json").is_file():
        raise UserError(
            f"{run} holds no fitted model.",
            "a run made without --no-final.",
            "run `gobelin run` again without --no-final.",
        )
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    cls: Any = parts.find("models", about["part"]).load()
    model = cls.from_state(store.load_state(folder / "state"))
    cards = pq.read_table(folder / "items.parquet").to_pydict()
    items = Vocabulary(cards["item_id"])
    h = store.load_state(folder / "histories")
    positive = np.asarray(h.pop("positive"))
    features = {}
    for sense in about["senses"]:
        state = store.load_state(folder / "features" / sense)
        features[sense] = Features(sense, state["modality"], items, state["values"], np.asarray(state["present"]))
    encoders: dict[str, Any] = {}
    for sense, spec in about["encoders"].items():
        kind: Any = parts.find("encoders", spec["part"]).load()
        learned = (folder / "encoders" / f"{sense}.json").is_file()
        encoders[sense] = (
            kind.from_state(store.load_state(folder / "encoders" / sense))
            if learned
            else parts.make(kind, spec["settings"], where=f"encoders.{sense}")
        )
    standardisers = {
        sense: Standardiser.from_state(store.load_state(folder / "standardisers" / sense))
        for sense in about["senses"]
        if (folder / "standardisers" / f"{sense}.json").is_file()
    }
    return Served(
        model=model,
        contender=Contender(about["name"], "chosen", about["part"], about["settings"], tuple(about["senses"])),
        users=Vocabulary(pq.read_table(folder / "users.parquet")["user_id"].to_pylist()),
        items=items,
        histories=Histories(**h),
        positive=positive,
        table=FeatureTable(items, features),
        cards=Card(tuple(cards["title"]), tuple(cards["categories"]), tuple(cards["image"]), tuple(cards["group"])),
        encoders=encoders,
        now=about["now"],
        seed=about["seed"],
        standardisers=standardisers,
        cues=Cues.from_state(about["cues"]) if "cues" in about else Cues(),
        root=Path(about["root"]) if about.get("root") else None,
    )


def _first_images(data: Dataset) -> list[str | None]:
    """The first picture of each item, as a path inside the folder."""
    column = data.catalogue.columns.get("image")
    if column is None:
        return [None] * len(data.catalogue.items)
    return [None if cell is None else cell.split("|")[0].strip() for cell in column]


def _plain(values: Any) -> Any:
    return np.asarray(values) if isinstance(values, np.memmap) else values
