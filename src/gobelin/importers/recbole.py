"""RecBole's atomic files: NAME.inter, NAME.item and NAME.user, with types in the first line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gobelin.data.draft import Draft
from gobelin.errors import DatasetError
from gobelin.importers import _files

TYPES = ("token", "token_seq", "float", "float_seq")
OURS = ("rating", "timestamp")
TITLES = ("title", "name")
TEXTS = ("text", "description", "desc", "content", "abstract", "summary", "overview", "plot")
CATEGORIES = ("category", "categories", "class", "genre", "genres")


@dataclass(kw_only=True)
class RecBole:
    """RecBole's atomic files: NAME.inter, and NAME.item, NAME.user where they are there.

    Lines are separated by tabs; the first names the fields, `field:type`. Of an item, a sequence of tokens becomes
    its title, text or categories where the field is called so, else an attribute joined by `|`; a sequence of floats
    becomes vectors of its own, features/FIELD.parquet. Rows of .inter keep every field.

    user, item: the fields that hold the ids; None: `user_id` or the first token field with "user" in its name, and so
    for items. Raises DatasetError where there is none, or where a first line names no types.
    Source: RecBole's documentation of atomic files (https://recbole.io/docs/user_guide/data/atomic_files.html).
    """

    user: str | None = None
    item: str | None = None

    def read(self, source: Path, draft: Draft) -> None:
        log = _log(source)
        fields = _fields(log)
        user = _id_field(fields, "user", self.user, log.name)
        item = _id_field(fields, "item", self.item, log.name)
        names = {user: "user_id", item: "item_id"}
        for ours in OURS:
            theirs = _like(fields, ours)
            if theirs is not None:
                names[theirs] = ours
        names = _apart(fields, names)
        for batch in _rows(log, fields, draft):
            draft.events({names[name]: column for name, column in batch.items()})
        self._items(log.with_suffix(".item"), item, draft)
        people = log.with_suffix(".user")
        if people.is_file():
            fields = _fields(people)
            key = user if user in fields else _id_field(fields, "user", self.user, people.name)
            names = _apart(fields, {key: "user_id"})
            for batch in _rows(people, fields, draft):
                draft.users({names[name]: _joined(column, fields[name]) for name, column in batch.items()})

    def _items(self, path: Path, item: str, draft: Draft) -> None:
        if not path.is_file():
            return
        fields = _fields(path)
        key = item if item in fields else _id_field(fields, "item", self.item, path.name)
        vectors = [name for name, kind in fields.items() if kind == "float_seq"]
        names = {key: "item_id"}
        for ours, words in (("title", TITLES), ("text", TEXTS), ("categories", CATEGORIES)):
            theirs = _worded(fields, words)
            if theirs is not None and theirs not in names:
                names[theirs] = ours
        names = _apart(fields, names)
        for batch in _rows(path, fields, draft):
            columns = {}
            for name, column in batch.items():
                if name not in vectors:
                    spoken = names[name] in ("title", "text")
                    columns[names[name]] = column if spoken else _joined(column, fields[name])
            draft.items(columns)
            ids = pc.utf8_trim_whitespace(batch[key]).to_pylist()
            for name in vectors:
                _vectors(name, ids, batch[name].to_pylist(), draft)


def _log(source: Path) -> Path:
    if source.is_file() and source.suffix == ".inter":
        return source
    inside = sorted(source.glob("*.inter")) if source.is_dir() else []
    if len(inside) != 1:
        found = f"has {len(inside)} files NAME.inter" if inside else "has no file NAME.inter"
        raise DatasetError(
            f"{source} {found}; {_files.held(source)}.",
            "a folder with one NAME.inter, as RecBole's atomic files have, or that file.",
            "name the file itself." if inside else "check the path, or name another format: `gobelin parts importers`.",
        )
    return inside[0]


def _fields(path: Path) -> dict[str, str]:
    """Field -> type, in the order of the file."""
    fields = {}
    for cell in _files.header(path, "\t"):
        name, _, kind = cell.rpartition(":")
        if not name or kind not in TYPES:
            raise DatasetError(
                f"{path.name} begins with {cell!r}, which is no field with its type.",
                "a first line such as user_id:token, item_id:token, rating:float, separated by tabs.",
                "add the line that names the fields; the types are " + ", ".join(TYPES) + ".",
            )
        fields[name] = kind
    return fields


def _id_field(fields: Mapping[str, str], word: str, told: str | None, file: str) -> str:
    tokens = [name for name, kind in fields.items() if kind == "token"]
    found = told if told is not None else next((n for n in (f"{word}_id", *tokens) if n in tokens and word in n), None)
    if found is None or found not in fields:
        raise DatasetError(
            f"{file} has no field {told!r}." if told else f"{file} has no token field with {word!r} in its name.",
            f"the field that holds the id of the {word}; it has {', '.join(fields)}.",
            f"name it: --set {word}=FIELD.",
        )
    return found


def _like(fields: Mapping[str, str], ours: str) -> str | None:
    """The float field of that name, else the only one whose name holds it (or "time")."""
    floats = [name for name, kind in fields.items() if kind == "float"]
    if ours in floats:
        return ours
    word = ours.removesuffix("stamp")
    found = [name for name in floats if word in name.lower()]
    return found[0] if len(found) == 1 and ours not in fields else None


def _worded(fields: Mapping[str, str], words: Sequence[str]) -> str | None:
    """The token field that is called so, or whose name ends so (`movie_title`)."""
    tokens = [name for name, kind in fields.items() if kind.startswith("token")]
    for word in words:
        for name in tokens:
            if name.lower() == word or name.lower().endswith(f"_{word}"):
                return name
    return None


def _apart(fields: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Our name of every field; one that is called as another became gets a stroke at its end."""
    taken = set(names.values())
    return {name: names.get(name, f"{name}_" if name in taken else name) for name in fields}


def _rows(path: Path, fields: Mapping[str, str], draft: Draft) -> Iterator[dict[str, pa.Array]]:
    """Batches of columns under the fields' names."""
    for batch in _files.batches(path, draft, delimiter="\t"):
        yield dict(zip(fields, batch.values(), strict=True))


def _joined(column: pa.Array, kind: str) -> pa.Array:
    """A sequence of tokens joined by `|`; anything else as it is."""
    if kind != "token_seq":
        return column
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"\s+", "|")


def _vectors(name: str, ids: Sequence[str | None], texts: Sequence[str | None], draft: Draft) -> None:
    """Rows of floats; one that is not read, or of another length than most, is absent."""
    rows = [_floats(text) for text in texts]
    sizes = [len(row) for row in rows if row is not None]
    if not sizes:
        return
    size = max(set(sizes), key=sizes.count)
    whole = [place for place, row in enumerate(rows) if row is not None and len(row) == size]
    draft.note(f"vectors {name!r} that are broken or of another length: absent", len(sizes) - len(whole))
    values = np.array([rows[place] for place in whole], dtype=np.float32)
    draft.vectors(name, [ids[place] for place in whole], values)


def _floats(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(one) for one in text.split()]
    except ValueError:
        return []
