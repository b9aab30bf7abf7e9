"""A folder on disk that is whole or absent: JSON, arrays and text, published at once, no pickle.

    with publish(Path("runs/first"), kind="run") as folder:   # a temporary folder beside the target
        save_state(folder / "model", state)
    # here the folder has been synced, given a manifest with the hash of each file, and renamed into place

A reader asks `open_folder`, which refuses a folder of another kind, of a later version, or with a damaged manifest.
"""

import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from scipy.sparse import csr_array

from gobelin.errors import StoreError, UserError
from gobelin.files import sync
from gobelin.protocols import State

VERSION = 1  # of the folder layout; raised when an older reader could misread it
MANIFEST = "manifest.json"


@contextlib.contextmanager
def publish(target: Path, kind: str) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well, and vanishes when it does not.

    A folder of the same kind is replaced; anything else that stands at `target` is left alone and refused.
    """
    _refuse_foreign(target, kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"
    temporary.mkdir()
    try:
        yield temporary
        _write_manifest(temporary, kind)
        _refuse_foreign(target, kind)
        _replace(temporary, target)
    except OSError as wrong:
        raise StoreError(
            f"{target} could not be written: {wrong.strerror or wrong}.",
            "a place with room and leave to write.",
            "free some space or name another folder; nothing was left half-written.",
        ) from wrong
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_folder(folder: Path, kind: str, *, verify: bool = False) -> dict[str, Any]:
    """The manifest of a published folder. verify: read every file and compare its hash."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{folder} is no {kind} folder: it has no {MANIFEST}.",
            f"a folder that `gobelin {'run' if kind == 'run' else 'encode'}` wrote.",
            "check the path, or make the folder first.",
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, found, files = int(manifest["version"]), str(manifest["kind"]), dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise StoreError(f"{path} is damaged ({wrong}).", "a whole manifest.", "make the folder again.") from wrong
    if version > VERSION:
        raise StoreError(
            f"{folder} was written by a later Gobelin (layout {version}).",
            f"layout {VERSION} or earlier.",
            "update Gobelin: pip install --upgrade gobelin.",
        )
    if found != kind:
        raise UserError(f"{folder} holds a {found}.", f"a {kind}.", "name another folder.")
    if verify:
        for name, digest in files.items():
            if not (folder / name).is_file() or _digest(folder / name) != digest:
                raise StoreError(f"{folder / name} is missing or changed.", "the file as written.", "make it again.")
    return manifest


def save_state(path: Path, state: State) -> None:
    """`path`.json and `path`.safetensors: JSON values by name, numpy and csr arrays by name."""
    arrays: dict[str, np.ndarray] = {}

    def split(value: Any, name: str) -> Any:
        if isinstance(value, csr_array):
            for piece in ("data", "indices", "indptr"):
                arrays[f"{name}.{piece}"] = np.ascontiguousarray(getattr(value, piece))
            return {"$csr": name, "shape": list(value.shape)}
        if isinstance(value, np.ndarray):
            arrays[name] = np.ascontiguousarray(value)
            return {"$array": name}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Mapping):
            return {str(k): split(v, f"{name}.{k}") for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [split(v, f"{name}.{i}") for i, v in enumerate(value)]
        return value

    plain = {key: split(value, key) for key, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
    safetensors.numpy.save_file(arrays, path.with_suffix(".safetensors"))


def load_state(path: Path) -> dict[str, Any]:
    """What `save_state` wrote. Tuples come back as lists."""
    plain = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    arrays = safetensors.numpy.load_file(path.with_suffix(".safetensors"))

    def join(value: Any) -> Any:
        if isinstance(value, dict):
            if "$array" in value:
                return arrays[value["$array"]]
            if "$csr" in value:
                pieces = [arrays[f"{value['$csr']}.{piece}"] for piece in ("data", "indices", "indptr")]
                return csr_array(tuple(pieces), shape=tuple(value["shape"]))
            return {k: join(v) for k, v in value.items()}
        return [join(v) for v in value] if isinstance(value, list) else value

    return {key: join(value) for key, value in plain.items()}


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")


def _refuse_foreign(target: Path, kind: str) -> None:
    if not target.exists():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    with contextlib.suppress(UserError):
        open_folder(target, kind)
        return
    raise UserError(
        f"{target} exists and is no {kind} folder of Gobelin's.",
        "a new or empty folder, or an earlier one of the same kind (which is replaced).",
        "name another folder, or move that one away.",
    )


def _write_manifest(folder: Path, kind: str) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    manifest = {
        "kind": kind,
        "version": VERSION,
        "files": {p.relative_to(folder).as_posix(): _digest(p) for p in files},
    }
    write_json(folder / MANIFEST, manifest)
    for path in [*files, folder / MANIFEST]:
        sync(path)
    for path in sorted({p.parent for p in files} | {folder}):
        sync(path)


def _replace(temporary: Path, target: Path) -> None:
    """Rename into place. A folder cannot be replaced in one step: the old one steps aside for an instant."""
    old = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.old"
    if target.exists():
        target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
    sync(target.parent)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
