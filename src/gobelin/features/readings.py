"""Readings by the hash of the content that they were read from: what was read once is not read again.

One SQLite file a cache folder, `readings.sqlite`: the key of a reader's fingerprint and of everything it reads of an
item, and the readings as JSON. Several processes may use it at once. Where the file cannot be written or is no such
file, content is read again and nothing else is lost.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gobelin.features.cache import default_folder, key_of
from gobelin.protocols import Content, Reader
from gobelin.values import UNREADABLE, Reading

_PASSING = {"missing", "unreadable", "too large", "crashed"}  # not a property of the bytes: asked again next time


def read_through(reader: Reader, contents: Sequence[Content], root: Path | None = None) -> list[list[Reading]]:
    """What `reader.read` gives, asked only for what was not read before. root: the cache's folder."""
    keys = [_key(reader, content) for content in contents]
    with contextlib.closing(_open(root or default_folder())) as store:
        found = {key: _find(store, key) for key in dict.fromkeys(keys) if key is not None}
        new = [i for i, key in enumerate(keys) if key is None or found[key] is None]
        read = reader.read([contents[i] for i in new])
        rows = []
        out: list[list[Reading] | None] = [None if key is None else found[key] for key in keys]
        for i, readings in zip(new, read, strict=True):
            out[i] = readings
            passing = any(one.attribute == UNREADABLE and one.value in _PASSING for one in readings)
            if keys[i] is not None and not passing:
                rows.append((keys[i], json.dumps([list(vars(one).values()) for one in readings], ensure_ascii=False)))
        if rows:
            with contextlib.suppress(sqlite3.Error), store:
                store.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?)", rows)
    return [readings or [] for readings in out]


def _key(reader: Reader, content: Content) -> bytes | None:
    """None where a file cannot be read: the reader says why."""
    seed = reader.fingerprint()
    digest = hashlib.blake2b(digest_size=16)
    try:
        for field in reader.fields:
            for value in content.fields.get(field, ()):
                digest.update(field.encode() + b"\0" + key_of(seed, value))
    except OSError:
        return None
    digest.update(seed.encode())
    return digest.digest()


def _open(root: Path) -> sqlite3.Connection:
    for place in (root / "readings.sqlite", ":memory:"):
        store = None
        try:
            root.mkdir(parents=True, exist_ok=True)
            store = sqlite3.connect(place, timeout=30)
            store.execute("CREATE TABLE IF NOT EXISTS readings (key BLOB PRIMARY KEY, said TEXT) WITHOUT ROWID")
            return store
        except (sqlite3.Error, OSError):
            if store is not None:
                store.close()
    raise AssertionError("SQLite can always hold a table in memory")


def _find(store: sqlite3.Connection, key: bytes) -> list[Reading] | None:
    try:
        row = store.execute("SELECT said FROM readings WHERE key = ?", (key,)).fetchone()
        return None if row is None else [Reading(*one) for one in json.loads(row[0])]
    except (sqlite3.Error, ValueError, TypeError):
        return None
