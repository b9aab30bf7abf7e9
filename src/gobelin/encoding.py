"""The encoders of a recipe, made and sent over a catalogue: one feature table, and what happened on the way."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gobelin import parts, store, weights
from gobelin import recipe as recipes
from gobelin.data.catalogue import MEDIA_FIELDS, Catalogue
from gobelin.data.dataset import Dataset
from gobelin.data.notes import Note, several
from gobelin.errors import MissingExtra
from gobelin.features.cache import Cache
from gobelin.features.gathering import room
from gobelin.features.runner import NOT_GIVEN, encode_table
from gobelin.features.standardise import Standardiser
from gobelin.readers._joining import with_transcripts
from gobelin.readers._transcriber import NO_SPEECH
from gobelin.recipe import PartSpec, Recipe
from gobelin.values import Features, FeatureTable

_NOTHING = "nothing left when standardised"
_NO_FAULT = {NOT_GIVEN, _NOTHING, "unknown words", "common words", "unseen values", "no sound", NO_SPEECH}
_TRANSCRIPTS = "transcripts"  # their line of the report


@dataclass(frozen=True)
class Encoded:
    """table: all items of the catalogue; encoders: as used (learned ones fitted); reports: by sense, for the report.

    standardisers: of the senses whose vectors are standardised in the table, as fitted.
    """

    table: FeatureTable
    encoders: Mapping[str, Any]
    reports: Mapping[str, Mapping[str, Any]]
    standardisers: Mapping[str, Standardiser] = field(default_factory=dict)


def encode(
    data: Dataset,
    recipe: Recipe,
    *,
    train_rows: np.ndarray | None = None,
    fitted: Mapping[str, Any] | None = None,
    standardisers: Mapping[str, Standardiser] | None = None,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Encoded:
    """Every sense of the recipe that the catalogue has.

    train_rows: all that learned encoders and standardisers see (every item where None); fitted, standardisers: by
    sense, used as they are.
    """
    encoders: dict[str, Any] = dict(fitted or {})
    missing: dict[str, Mapping[str, Any]] = {}
    for sense, spec in recipe.encoders.items():
        if sense in encoders:
            continue
        modality = getattr(parts.find("encoders", spec.part).load(), "modality", "")
        if spec.optional and modality in MEDIA_FIELDS and modality not in data.catalogue.fields:
            continue  # nothing to read: not worth a line
        try:
            encoders[sense] = _made(data, spec)
        except MissingExtra as wrong:
            if not spec.optional:
                raise
            missing[sense] = _not_installed(data, modality, wrong)
    tell = progress or (lambda step, done, total: None)
    cache = Cache()
    catalogue, transcripts = _transcribed(data, recipe.transcripts, tell)
    table, reports = encode_table(
        catalogue,
        encoders,
        train_rows=train_rows,
        cache=cache,
        workers=workers or min(os.cpu_count() or 1, 8),
        progress=lambda p: tell(f"encode {p.name}", p.done, p.total),
        rng=np.random.default_rng(0),
    )
    told: dict[str, Mapping[str, Any]] = {sense: report.as_json() for sense, report in reports.items()}
    known = np.arange(len(table.ids), dtype=np.int32) if train_rows is None else train_rows
    standard = dict(standardisers or {})
    features = dict(table.features)
    for sense, spec in recipe.encoders.items():
        if sense not in features:
            continue
        if spec.standardise and sense not in standard:
            standard[sense] = Standardiser.fit(spec.standardise, features[sense], known)
        if sense in standard:
            raw = features[sense]
            features[sense] = standard[sense].apply(raw, lambda shape: room(cache, shape))
            told[sense] = _told(told[sense], standard[sense], raw, features[sense])
    spoken = {sense: f for sense, f in features.items() if f.present.any()}
    return Encoded(FeatureTable(table.ids, spoken), encoders, told | missing | transcripts, standard)


def _transcribed(
    data: Dataset, spec: PartSpec | None, tell: Callable[[str, int, int], None]
) -> tuple[Catalogue, dict[str, Mapping[str, Any]]]:
    """The catalogue whose texts also hold what is said in its sounds and clips, where the recipe asks for it."""
    catalogue = data.catalogue
    if spec is None or not any(catalogue.field(field) for field in ("audio", "video")):
        return catalogue, {}
    try:
        reader = parts.bind("readers", spec.part, spec.settings)
        packaged = parts.find("readers", spec.part).weights
        if packaged is not None and getattr(reader, "model", packaged) == packaged:  # not a folder of one's own
            weights.folder(packaged)
    except MissingExtra as wrong:
        if not spec.optional:
            raise
        return catalogue, {_TRANSCRIPTS: _not_installed(data, "audio", wrong)}
    catalogue, told = with_transcripts(catalogue, reader, lambda done, total: tell("listen", done, total))
    return catalogue, {_TRANSCRIPTS: told}


def _made(data: Dataset, spec: PartSpec) -> Any:
    """Raises MissingExtra where the part, or one that it is made with, lacks its extra or its weights."""
    parts.check_extra("encoders", spec.part)
    weights.check("encoders", spec.part)
    settings = spec.settings
    if "categorical" in parts.find("encoders", spec.part).settings and data.settings.categorical:
        settings.setdefault("categorical", tuple(data.settings.categorical))
    return parts.bind("encoders", spec.part, settings)


def _told(told: Mapping[str, Any], by: Standardiser, raw: Features, features: Features) -> dict[str, Any]:
    """What the report says of a sense that was standardised."""
    lost = int(raw.present.sum() - features.present.sum())
    return {
        **told,
        "dim": features.dim,
        "present": int(features.present.sum()),
        "absent": {**told["absent"], **({_NOTHING: lost} if lost else {})},
        "standardise": [str(step) for step in by.steps],
    }


def _not_installed(data: Dataset, modality: str, wrong: MissingExtra) -> Mapping[str, Any]:
    """What the report says of a sense whose extra or weights are not there."""
    columns = [data.catalogue.columns[column] for column, _ in data.catalogue.field(modality)]
    given = sum(any(column[row] for column in columns) for row in range(len(data.catalogue)))
    why = {f"{wrong.given.removesuffix('.')} ({wrong.next_step})": given} if given else {}
    items = len(data.catalogue)
    absent = {**why, **({NOT_GIVEN: items - given} if given < items else {})}
    return {"modality": modality, "dim": 0, "items": items, "present": 0, "encoded": 0, "cached": 0, "absent": absent,
            "seconds": 0.0}  # fmt: skip


def unread(reports: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Items whose content an encoder could not read, as lines of the health: they are without that sense."""
    return [
        vars(Note(f"{sense}-{why.replace(' ', '-')}", f"{several(count, 'item')} without {sense}: {why}.", count))
        for sense, report in reports.items()
        for why, count in report["absent"].items()
        if why not in _NO_FAULT
    ]


def encode_to(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    recipe: str = recipes.DEFAULT,
    settings: Sequence[str] = (),
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Mapping[str, Any]]:
    """`gobelin encode`: OUT/SENSE.parquet (`item_id`, `vector`) for each sense, as in a dataset's own features/.

    Learned encoders are fitted on the whole catalogue; items without a sense have no row in its file.
    """
    store.ready(Path(out), kind="vectors")
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    every = np.arange(len(data.catalogue.items), dtype=np.int32)
    woven = encode(data, recipes.load(recipe, settings), train_rows=every, workers=workers, progress=progress)
    with store.publish(Path(out), kind="vectors") as folder:
        for sense in woven.table:
            _write_vectors(folder / f"{sense}.parquet", woven.table[sense])
    return dict(woven.reports)


def _write_vectors(path: Path, features: Features) -> None:
    kind = pa.list_(pa.float32())
    schema = pa.schema([("item_id", pa.string()), ("vector", kind)])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows = np.flatnonzero(features.present)
        for start in range(0, len(rows), 4096):
            some = rows[start : start + 4096]
            block = features.values[some]
            block = np.asarray(block.toarray() if features.sparse else block, dtype=np.float32)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), features.dim).cast(kind)
            ids = pa.array([features.ids[int(row)] for row in some], pa.string())
            writer.write_table(pa.table([ids, vectors], schema=schema))
