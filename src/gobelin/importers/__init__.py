"""Data sets in other people's formats, made into a dataset folder; one file a format.

    gobelin.import_dataset("movielens", "ml-latest-small", "films")

An importer reads with streams, so that a long log needs little memory, counts what it leaves out, and touches no
network unless it is told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gobelin import parts, store
from gobelin.data.draft import Draft, Drafted, Tell
from gobelin.errors import DatasetError, StoreError, UserError, nearest

__all__ = ["Imported", "Importer", "import_dataset"]


@runtime_checkable
class Importer(Protocol):
    """What a file in this room promises. Its keyword arguments are its settings."""

    def read(self, source: Path, draft: Draft) -> None:
        """Pours a file or folder into the draft. DatasetError where it is not in this format."""
        ...


@dataclass(frozen=True)
class Imported:
    """A finished import: the folder that was written, and what became of the source."""

    format: str
    folder: Path
    told: Drafted

    def as_json(self) -> dict[str, Any]:
        return {"format": self.format, "folder": str(self.folder), **self.told.as_json()}


def import_dataset(
    format: str,
    source: str | Path,
    target: str | Path,
    settings: Mapping[str, Any] | None = None,
    progress: Tell | None = None,
) -> Imported:
    """Makes `source` (a file or folder in that format) a dataset folder at `target`.

    format: a part of the kind `importers`; settings: its keyword arguments. The folder appears whole or not at all;
    one that an earlier import wrote is replaced, anything else that stands at `target` is refused, also an import
    that was changed since.

    Raises UnknownName for another format, RecipeError for another setting, DatasetError where the source cannot be
    read or nothing remains.
    """
    importer: Importer = parts.bind("importers", format, settings or {})
    source, target = Path(source), Path(target)
    if not source.exists():
        around = [path.name for path in source.parent.iterdir()] if source.parent.is_dir() else []
        raise DatasetError(
            f"There is no file or folder {source}.{nearest(source.name, around)}",
            f"a data set in the format {format}.",
            "check the path.",
        )
    _refuse_changed(target)
    with store.publish(target, kind="dataset") as folder, Draft(folder, progress or (lambda *told: None)) as draft:
        importer.read(source, draft)
        told = draft.finish(f"{source.resolve().name} ({format})")
    return Imported(format, target, told)


def _refuse_changed(target: Path) -> None:
    """What a person wrote into an imported folder, such as a rule in dataset.toml, is not written over."""
    if not (target / store.MANIFEST).is_file():
        return
    try:
        files = store.open_folder(target, "dataset", verify=True)["files"]
        stranger = [p.name for p in target.rglob("*") if p.is_file() and p.relative_to(target).as_posix() not in files]
        stranger.remove(store.MANIFEST)
        changed = f"it holds {stranger[0]} besides" if stranger else ""
    except StoreError as wrong:
        changed = wrong.given.rstrip(".")
    if changed:
        raise UserError(
            f"{target} was changed since it was imported: {changed}.",
            "a new or empty folder, or an earlier import as it was written (which is replaced).",
            "name another folder, or move that one away.",
        )
