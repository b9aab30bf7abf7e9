"""A data set: read from a folder or from frames, checked once, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gobelin.data.catalogue import MEDIA_FIELDS, Catalogue, language_of
from gobelin.data.columns import pieces_of, spooled, texts_of
from gobelin.data.events import Events
from gobelin.data.log import read_log
from gobelin.data.notes import Note, Notebook, examples, several
from gobelin.data.paths import REASONS, MediaFolder
from gobelin.data.reading import Table, from_frame, read_table, rename
from gobelin.data.settings import DatasetSettings
from gobelin.data.vectors import Given, given_vectors, read_vectors
from gobelin.errors import DatasetError, nearest
from gobelin.values import Features, FeatureTable, Train, Vocabulary

__all__ = ["Dataset", "Note"]


@dataclass(frozen=True)
class Dataset:
    """Items, users, what they did, and what was met while reading.

    users: those of the log in order of appearance, then those that only the users table has.
    traits: columns of the users table by users' rows. settings: as read, with `positive` resolved.
    """

    name: str
    catalogue: Catalogue
    users: Vocabulary
    events: Events
    traits: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    settings: DatasetSettings = field(default_factory=DatasetSettings)
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        if len(self.events):
            if self.events.users.max() >= len(self.users):
                raise ValueError("an event names a user past the end of the vocabulary")
            if self.events.items.max() >= len(self.catalogue):
                raise ValueError("an event names an item past the end of the catalogue")

    @property
    def items(self) -> Vocabulary:
        return self.catalogue.items

    def train(self, table: FeatureTable, cues: int = 0) -> Train:
        """All events and all items: what the model that answers is fitted on. table: of the catalogue; cues: how many
        of its last rows are (`gobelin.cues`)."""
        events = self.events
        unseen = np.ones(len(self.items), dtype=bool)
        unseen[events.items[events.items >= 0]] = False
        now = None if events.times is None or not len(events) else int(events.times.max()) + 1
        return Train(self.users, self.items, events.histories(len(self.users)), table, unseen, now, cues)

    @property
    def positive(self) -> str:
        """The rule for liking, in words."""
        return str(self.settings.positive)

    @classmethod
    def read(cls, folder: str | Path) -> "Dataset":
        """Reads a dataset folder; what can be passed over is noted. DatasetError where the contract is broken."""
        folder = Path(folder)
        if not folder.is_dir():
            near = nearest(folder.name, [p.name for p in folder.parent.glob("*/")]) if folder.parent.is_dir() else ""
            raise DatasetError(
                f"There is no folder {folder}.{near}",
                "a dataset folder.",
                "check the path, or try `gobelin demo shop`.",
            )
        items = read_table(folder, "items")
        if items is None:
            names = [path.name for path in folder.iterdir() if path.is_file()]
            raise DatasetError(
                f"{folder} has no items table; it holds {examples(sorted(names), 8) or 'no files'}."
                f"{nearest('items.csv', names)}",
                "items.csv or items.parquet with a column item_id.",
                "name it so, or use `gobelin import` for another format.",
            )
        toml = folder / "dataset.toml"
        settings = DatasetSettings.read(toml) if toml.is_file() else DatasetSettings()
        notes = Notebook()
        interactions, users = read_table(folder, "interactions"), read_table(folder, "users")
        tables = _Tables.renamed(items, interactions, users, settings, notes)
        vocabulary, kept = _item_ids(tables.items, notes)
        vectors = read_vectors(folder, vocabulary, notes)
        return _build(folder.resolve().name, tables.but(items=kept), vocabulary, vectors, folder, settings, notes)

    @classmethod
    def from_frames(
        cls,
        items: pd.DataFrame,
        interactions: pd.DataFrame | None = None,
        users: pd.DataFrame | None = None,
        *,
        vectors: Mapping[str, Given] | None = None,
        root: str | Path | None = None,
        settings: DatasetSettings | Mapping[str, object] | None = None,
        name: str = "frames",
    ) -> "Dataset":
        """The same from DataFrames with the columns of the contract. `root`: where media paths start.

        vectors: by name, a frame with `item_id` and `vector`, a mapping from item id to vector, or Features.
        """
        if not isinstance(settings, DatasetSettings):
            settings = DatasetSettings.checked(settings or {})
        notes = Notebook()
        tables = _Tables.renamed(
            from_frame(items, "items"),
            None if interactions is None else from_frame(interactions, "interactions"),
            None if users is None else from_frame(users, "users"),
            settings,
            notes,
        )
        vocabulary, kept = _item_ids(tables.items, notes)
        given = given_vectors(vectors or {}, vocabulary, notes)
        folder = None if root is None else Path(root)
        return _build(name, tables.but(items=kept), vocabulary, given, folder, settings, notes)

    @classmethod
    def without_log(
        cls, name: str, catalogue: Catalogue, settings: DatasetSettings, notes: tuple[Note, ...] = ()
    ) -> "Dataset":
        """A catalogue that nobody is known to have used."""
        return cls(name, catalogue, Vocabulary([]), Events.none(), {}, settings, notes)

    @classmethod
    def of_table(cls, items: Table, name: str, root: str | Path) -> "Dataset":
        """A table with the column `item_id` as a catalogue without a log; media paths start at `root`."""
        notes = Notebook()
        vocabulary, kept = _item_ids(items, notes)
        return _build(name, _Tables(kept, None, None), vocabulary, {}, Path(root), DatasetSettings(), notes)


@dataclass(frozen=True)
class _Tables:
    items: Table
    interactions: Table | None
    users: Table | None

    @classmethod
    def renamed(
        cls, items: Table, log: Table | None, users: Table | None, settings: DatasetSettings, notes: Notebook
    ) -> "_Tables":
        given = {"items": items, "interactions": log, "users": users}
        held = {column for table in given.values() if table for column in table.columns}
        for file in given:
            for theirs in settings.renamed(file):
                if theirs not in held:
                    raise DatasetError(
                        f"dataset.toml maps a column {theirs!r} that no table has.{nearest(theirs, held)}",
                        "one of " + ", ".join(sorted(held)) + ".",
                        "correct [columns] in dataset.toml.",
                    )
        new = {
            file: None if table is None else rename(table, file, settings.renamed(file), notes)
            for file, table in given.items()
        }
        return cls(new["items"], new["interactions"], new["users"])  # type: ignore[arg-type]

    def but(self, items: Table) -> "_Tables":
        return _Tables(items, self.interactions, self.users)


def _item_ids(items: Table, notes: Notebook) -> tuple[Vocabulary, Table]:
    """(the ids, the table without the rows that have none); DatasetError where an id is repeated."""
    ids = items.need("item_id").to_pylist()
    filled = np.array([one is not None for one in ids], dtype=bool)
    empty = int((~filled).sum())
    notes.add("items-no-id", f"{several(empty, 'row')} of {items.name} left out: without an item_id.", empty)
    kept = items if not empty else items.take(np.flatnonzero(filled))
    names = [one for one in ids if one is not None]
    if not names:
        raise DatasetError(f"{items.name} holds no item.", "at least one row with an item_id.", "check the export.")
    if len(set(names)) != len(names):
        seen: set[str] = set()
        repeated = list(dict.fromkeys(one for one in names if one in seen or seen.add(one)))  # type: ignore[func-returns-value]
        raise DatasetError(
            f"{items.name} holds {several(len(repeated), 'item id')} more than once: {examples(repeated)}.",
            "one row for each item.",
            "remove the repeated rows; variants of a product need ids of their own (see `group`).",
        )
    return Vocabulary(names), kept


def _build(
    name: str,
    tables: _Tables,
    items: Vocabulary,
    vectors: Mapping[str, Features],
    root: Path | None,
    settings: DatasetSettings,
    notes: Notebook,
) -> Dataset:
    catalogue = _catalogue(tables.items, items, vectors, root, settings, notes)
    log = read_log(tables.interactions, items, settings, notes)
    users, traits = _people(tables.users, log.users, settings, notes)
    settings = settings.model_copy(update={"positive": log.rule})
    return Dataset(name, catalogue, users, log.events, traits, settings, notes.all())


def _catalogue(
    table: Table,
    items: Vocabulary,
    vectors: Mapping[str, Features],
    root: Path | None,
    settings: DatasetSettings,
    notes: Notebook,
) -> Catalogue:
    names = list(table.columns)
    for column in (*settings.ignore, *settings.categorical):
        if column not in names:
            message = f"dataset.toml names a column {column!r} that {table.name} does not have.{nearest(column, names)}"
            notes.add("setting-unknown-column", message, 1)
    group = None
    if settings.group is not None:
        if settings.group not in names:
            raise DatasetError(
                f"`group` names a column {settings.group!r} that {table.name} does not have."
                f"{nearest(settings.group, names)}",
                "one of " + ", ".join(names) + ".",
                "correct it in dataset.toml.",
            )
        group = tuple(table.texts(settings.group))
    folder = None if root is None else MediaFolder(root)
    columns: dict[str, Sequence[str | None]] = {}
    for column in names:
        if column == "item_id" or column in settings.ignore:
            continue
        texts = table.columns[column]
        if language_of(column, names)[0] in MEDIA_FIELDS:
            paths = pa.array(_media(column, texts.to_pylist(), folder, notes), pa.string())
            texts = spooled(pieces_of(pa.chunked_array([paths])))
        columns[column] = texts_of(texts)
    return Catalogue(items, columns, None if root is None else root.resolve(), vectors, group)


def _media(column: str, values: list[str | None], folder: MediaFolder | None, notes: Notebook) -> list[str | None]:
    if folder is None:
        count = sum(value is not None for value in values)
        notes.add("media-no-root", f"{several(count, f'{column} path')} unread: pass `root` to use them.", count)
        return [None] * len(values)
    cleaned, refused = folder.clean(values)
    for reason, count in sorted(refused.items()):
        message = f"{several(count, f'{column} path')} left out: they {REASONS[reason]}."
        notes.add(f"media-{reason}", message, count)
    return cleaned


def _people(
    table: Table | None, users: Vocabulary, settings: DatasetSettings, notes: Notebook
) -> tuple[Vocabulary, dict[str, Sequence[str | None]]]:
    """(users of the log, then those of the users table alone; the table's columns in that order)."""
    if table is None:
        return users, {}
    ids = table.need("user_id").to_pylist()
    place = {one: row for row, one in enumerate(ids) if one is not None}
    filled = sum(one is not None for one in ids)
    notes.add(
        "users-no-id", f"{several(len(ids) - filled, 'row')} of {table.name} without a user_id.", len(ids) - filled
    )
    if len(place) != filled:
        raise DatasetError(
            f"{table.name} holds {several(filled - len(place), 'user id')} more than once.",
            "one row for each user.",
            "remove the repeated rows.",
        )
    silent = [one for one in place if one not in users]
    notes.add("users-without-events", f"{several(len(silent), 'user')} of {table.name} without an event.", len(silent))
    everyone = Vocabulary([*users, *silent])
    absent = sum(one not in place for one in users)
    notes.add("users-untold", f"{several(absent, 'user')} of the log that {table.name} does not describe.", absent)
    traits: dict[str, Sequence[str | None]] = {}
    for column in table.columns:
        if column != "user_id" and column not in settings.ignore:
            values = table.texts(column)
            traits[column] = tuple(values[place[one]] if one in place else None for one in everyone)
    return everyone, traits
