"""A folder on disk that is whole or absent: JSON, arrays and text, published at once, no pickle.

    with publish(Path("runs/first"), kind="run") as folder:   # a temporary folder beside the target
        save_state(folder / "model", state)
    # here the folder has been synced, given a manifest with the hash of each file, and renamed into place

A reader asks `open_folder`, which refuses a folder of another kind, of a later version, or with a damaged manifest.
Whoever is killed leaves a name beside the target that begins with a dot; `siblings` says what becomes of it.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from scipy.sparse import csr_array

from gobelin import siblings
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
    target = target.resolve()  # "." has a name then, and a link leads to the folder that is meant
    temporary = siblings.name(target, siblings.UNFINISHED)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as alive:
            with siblings.alone(target):
                _refuse_foreign(target, kind)
                temporary.mkdir()
                alive.enter_context(siblings.locked(temporary))
            yield temporary
            _write_manifest(temporary, kind)
            with siblings.alone(target):
                _refuse_foreign(target, kind)
                siblings.replace(temporary, target)
    except OSError as wrong:
        raise _unwritten(target, wrong.strerror or str(wrong)) from wrong
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def working(target: Path) -> Iterator[Path]:
    """A place where what is made for `target` may keep unfinished work, so that the next process goes on with it.

    Gone when the block ends well; gone too where the disk is at its end, which wants the room.
    """
    folder = work(target)
    try:
        yield folder
    except StoreError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def work(target: Path) -> Path:
    target = target.resolve()
    return target.parent / f".{target.name}.work"


def ready(target: Path, kind: str) -> None:
    """Raises now what `publish` would raise after an hour's work: something else stands there, or no leave to write."""
    target = target.resolve()
    siblings.recover(target)
    _refuse_foreign(target, kind)
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise _unwritten(target, f"{above} is {'not to be written to' if above.is_dir() else 'no folder'}")


def open_folder(folder: Path, kind: str, *, verify: bool = False) -> dict[str, Any]:
    """The manifest of a published folder. verify: read every file and compare its hash."""
    if not (folder / MANIFEST).is_file():
        siblings.recover(folder.resolve())
    manifest = _manifest(folder, kind)
    if verify:
        for name, digest in manifest["files"].items():
            if not (folder / name).is_file() or _digest(folder / name) != digest:
                raise StoreError(f"{folder / name} is missing or changed.", "the file as written.", "make it again.")
    return manifest


def _manifest(folder: Path, kind: str) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{folder} is no {kind} folder: it has no {MANIFEST}.",
            f"a folder that `gobelin {'run' if kind == 'run' else 'encode'}` wrote.",
            "check the path, or make the folder first.",
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, found = int(manifest["version"]), str(manifest["kind"])
        manifest["files"] = dict(manifest["files"])
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
    try:
        safetensors.numpy.save_file(arrays, path.with_suffix(".safetensors"))
    except safetensors.SafetensorError as wrong:  # its way of saying that the disk is full
        raise OSError(str(wrong)) from wrong


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
        _manifest(target, kind)
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


def _unwritten(target: Path, why: str) -> StoreError:
    return StoreError(
        f"{target} could not be written: {why}.",
        "a place with room and leave to write.",
        "free some space or name another folder; nothing was left half-written.",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
