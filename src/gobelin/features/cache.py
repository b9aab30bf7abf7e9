"""Content-addressed cache of vectors: a second run encodes nothing, ten new items encode ten, a killed run resumes.

A vector's name is the hash of (the encoder's fingerprint, the bytes of the content): renamed or repeated pictures are
encoded once, a changed picture or setting is never mistaken for the old one. The folder:

    $GOBELIN_CACHE, else ~/.cache/gobelin
      models/                      weights that were converted once
      vectors/format.json          the layout's version
      vectors/FINGERPRINT/         one encoder with its settings
        encoder.json               the fingerprint in full, and dim
        RANDOM.safetensors         immutable shards (`shards`)

Shards are published whole, so several processes may write at once and none waits: at worst a vector is stored twice.
Small ones are merged when the folder is opened.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np

from gobelin.arrays import Array, Float32, Int64, UInt8
from gobelin.errors import StoreError
from gobelin.features import shards
from gobelin.features.shards import KEY, DamagedError, Shard
from gobelin.files import replace_file

FORMAT = 1
PUBLISH_ROWS, PUBLISH_SECONDS = 512, 10.0  # what a killed run may lose
_SMALL, _LARGE, _MANY = 4 << 20, 64 << 20, 16  # bytes of a small and of a merged shard; small ones that are merged


def default_folder() -> Path:
    """$GOBELIN_CACHE, else ~/.cache/gobelin. Nothing is created."""
    told = os.environ.get("GOBELIN_CACHE", "").strip()
    return Path(told).expanduser() if told else Path.home() / ".cache" / "gobelin"


LARGEST = 4 << 30
"""Bytes of a file above which it is not even read: no encoder takes so much."""


def key_of(fingerprint: str, content: str | Path) -> bytes:
    """16 bytes that name one vector. A path is read whole (in pieces), a text as UTF-8.

    Raises OSError, also where the path is a pipe or a device, which may never end, and EFBIG for more than LARGEST.
    """
    seed = hashlib.blake2b(fingerprint.encode(), digest_size=KEY).digest()
    if isinstance(content, Path):
        found = content.stat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(content))
        if found.st_size > LARGEST:
            raise OSError(errno.EFBIG, "too large to be read", str(content))
        with content.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(key=seed, digest_size=KEY)).digest()
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), key=seed, digest_size=KEY).digest()


class Cache:
    """The folder of all encoders. root: the place, `default_folder()` where None."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_folder() if root is None else Path(root)

    def vectors(self, fingerprint: str, dim: int) -> "Vectors":
        """The stored vectors of one encoder. Raises StoreError where the folder cannot be used."""
        base = self.root / "vectors"
        name = hashlib.blake2b(f"{fingerprint}\n{dim}".encode(), digest_size=12).hexdigest()
        with _writing(base):
            (base / name).mkdir(parents=True, exist_ok=True)
            _check_format(base / "format.json")
            label = base / name / "encoder.json"
            if not label.exists():
                replace_file(label, json.dumps({"fingerprint": fingerprint, "dim": dim}).encode())
            shards.sweep(self.root)
            return Vectors(base / name, dim)

    def scratch(self, shape: tuple[int, int]) -> Float32[Array, "rows dim"]:
        """Zeros in a memory-mapped file that has no name any more: its room is free again when the array is.

        Where the system keeps open files named (Windows) the file stays until the process's temporary files go.
        """
        size = shape[0] * shape[1] * 4
        with _writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".scratch-", suffix=".npy", dir=self.root)
            try:
                os.close(descriptor)
                array = np.lib.format.open_memmap(name, mode="w+", dtype=np.float32, shape=shape)
                if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash at some later write
                    handle = os.open(name, os.O_RDWR)
                    try:
                        os.posix_fallocate(handle, array.offset, size)
                    finally:
                        os.close(handle)
            finally:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
        return array

    def unnamed(self) -> IO[bytes]:
        """A temporary file to be written and read back; it goes when it is closed and no array maps it."""
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryFile(prefix=".scratch-", dir=self.root)

    def writing(self) -> AbstractContextManager[None]:
        """Turns an OSError inside into StoreError, which says what to do."""
        return _writing(self.root)


class Vectors:
    """One encoder's vectors: find by key, read by position, add; what is added is found after `flush`.

    damage: one sentence for each shard that was set aside (its vectors are encoded again).
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self.folder, self.dim = folder, dim
        self.damage: list[str] = []
        self._waiting: list[tuple[UInt8[Array, "rows 16"], Array, Sequence[str | None]]] = []
        self._rows, self._since = 0, time.monotonic()
        shards.sweep(folder)
        self._shards = self._open_all()
        self._index()
        self._merge()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: UInt8[Array, "wanted 16"]) -> Int64[Array, " wanted"]:
        """Position of each key for `read`; -1 where it is not stored."""
        row = shards.position(self._keys, shards.sortable(keys))
        return np.where(row >= 0, self._where[row] if len(self._where) else -1, -1)

    def read(self, positions: Int64[Array, " wanted"]) -> tuple[Float32[Array, "wanted dim"], list[str | None]]:
        """Vectors and reasons of absence (None: present; absent rows are zero)."""
        values = np.zeros((len(positions), self.dim), dtype=np.float32)
        why: list[str | None] = [None] * len(positions)
        number, row = positions >> 32, positions & 0xFFFFFFFF
        for one in np.unique(number).tolist():
            shard, mine = self._shards[one], np.flatnonzero(number == one)
            values[mine] = shard.values[row[mine]]
            codes = shard.codes[row[mine]]
            for i in np.flatnonzero(codes).tolist():
                why[int(mine[i])] = shard.reasons[int(codes[i]) - 1]
        return values, why

    def add(self, keys: UInt8[Array, "rows 16"], values: Float32[Array, "rows dim"], why: Sequence[str | None]) -> None:
        """Keeps vectors, and publishes what has gathered when it is `PUBLISH_ROWS` or `PUBLISH_SECONDS` old."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((keys, values, why))
        self._rows += len(keys)
        if self._rows >= PUBLISH_ROWS or time.monotonic() - self._since > PUBLISH_SECONDS:
            self._publish()

    def flush(self) -> None:
        """Publishes what is left; `find` and `read` know it from now on."""
        self._publish()
        self._index()

    def _publish(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([k for k, _, _ in self._waiting])
        values = np.concatenate([v for _, v, _ in self._waiting])
        why = [reason for _, _, reasons in self._waiting for reason in reasons]
        with _writing(self.folder):
            path = shards.write(self.folder, keys, values, why)
        self._shards.append(shards.read(path, self.dim))
        self._waiting, self._rows = [], 0

    def _open_all(self) -> list[Shard]:
        found = []
        for path in sorted(self.folder.glob(f"*{shards.SUFFIX}")):
            try:
                found.append(shards.read(path, self.dim))
            except FileNotFoundError:
                continue  # another process merged it away: what it held stands in a shard that is read next time
            except DamagedError as wrong:
                with contextlib.suppress(OSError):
                    path.rename(path.with_suffix(".damaged"))
                self.damage.append(f"{path.name} was set aside: {wrong}; what it held is encoded again.")
        return found

    def _index(self) -> None:
        """Sorted keys of all shards and where each stands (shard number in the high half, row in the low half)."""
        keys = [shards.sortable(shard.keys) for shard in self._shards if len(shard)]
        places = [
            (np.int64(number) << 32) + np.arange(len(shard), dtype=np.int64)
            for number, shard in enumerate(self._shards)
            if len(shard)
        ]
        joined = np.concatenate(keys) if keys else np.zeros(0, dtype=f"S{KEY}")
        self._keys, first = np.unique(joined, return_index=True)
        self._where = np.concatenate(places)[first] if places else np.zeros(0, dtype=np.int64)

    def _merge(self) -> None:
        """Writes small shards as few large ones, then removes them: never before the large one is published."""
        small = [shard for shard in self._shards if len(shard) * self.dim * 4 < _SMALL]
        if len(small) < _MANY:
            return
        with contextlib.suppress(OSError):  # a cache that is only lent for reading serves as it is
            for group in _groups(small, self.dim):
                keys, first = np.unique(np.concatenate([shards.sortable(s.keys) for s in group]), return_index=True)
                values = np.concatenate([s.values for s in group])[first]
                why = [s.reasons[code - 1] if code else None for s in group for code in s.codes.tolist()]
                kept = [why[i] for i in first.tolist()]
                shards.write(self.folder, keys.view(np.uint8).reshape(-1, KEY), values, kept)
                for shard in group:
                    shard.path.unlink(missing_ok=True)
        self._shards = self._open_all()
        self._index()


def _groups(small: Sequence[Shard], dim: int) -> Iterator[list[Shard]]:
    group: list[Shard] = []
    for shard in small:
        group.append(shard)
        if sum(map(len, group)) * dim * 4 >= _LARGE:
            yield group
            group = []
    if len(group) > 1:
        yield group


def _check_format(path: Path) -> None:
    if not path.exists():
        replace_file(path, json.dumps({"format": FORMAT}).encode())
    try:
        found = int(json.loads(path.read_text(encoding="utf-8"))["format"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise StoreError(
            f"{path} is damaged ({wrong}).", f'{{"format": {FORMAT}}}.', "delete that one file; the vectors are whole."
        ) from wrong
    if found > FORMAT:
        raise StoreError(
            f"The cache {path.parent} was written by a later Gobelin (format {found}).",
            f"format {FORMAT} or earlier.",
            "update Gobelin, or set GOBELIN_CACHE to another folder.",
        )


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        raise StoreError(
            f"The cache {folder} cannot be written: {wrong.strerror or wrong}.",
            "a folder with room and leave to write.",
            "free some space, or set GOBELIN_CACHE to another folder; what was published is kept.",
        ) from wrong
