"""One immutable file of vectors: a safetensors file with a checksum, written whole or not at all, read by mapping.

Tensors: keys (n, 16) uint8, sorted; values (n, dim) float32; reasons (n,) uint8, 0 where the row is present, else one
more than the place of the reason in the metadata. Any safetensors reader can open it.
"""

import contextlib
import json
import time
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from gobelin.arrays import Array, Float32, Int64, UInt8
from gobelin.files import replace_file

KEY = 16  # bytes
SUFFIX = ".safetensors"
_STALE = 24 * 3600  # seconds after which a temporary file has no living writer


class DamagedError(Exception):
    """A shard whose bytes are not those that were written."""


@dataclass(frozen=True)
class Shard:
    """A published file, mapped: rows are read from disk when they are asked for."""

    path: Path
    keys: UInt8[Array, "rows 16"]
    values: Float32[Array, "rows dim"]
    codes: UInt8[Array, " rows"]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)


def write(
    folder: Path, keys: UInt8[Array, "rows 16"], values: Float32[Array, "rows dim"], why: Sequence[str | None]
) -> Path:
    """Publishes a new shard in `folder` (temporary file, fsync, rename) and returns its path."""
    order = np.lexsort(keys.T[::-1])
    told = tuple(sorted({reason for reason in why if reason is not None}))
    codes = np.array([0 if reason is None else 1 + told.index(reason) for reason in why], dtype=np.uint8)
    tensors = {
        "keys": np.ascontiguousarray(keys[order]),
        "reasons": np.ascontiguousarray(codes[order]),
        "values": np.ascontiguousarray(values[order]),
    }
    metadata = {"reasons": json.dumps(told), "checksum": str(_checksum(tensors))}
    path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    replace_file(path, safetensors.numpy.save(tensors, metadata=metadata))
    return path


def read(path: Path, dim: int) -> Shard:
    """Maps a shard and checks its bytes.

    Raises DamagedError; FileNotFoundError where another process merged it away.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= path.stat().st_size:
                raise DamagedError("its header has no length")
            header = json.loads(file.read(length))
        metadata = header.pop("__metadata__")
        tensors = {name: _map(path, header[name], 8 + length) for name in ("keys", "reasons", "values")}
        rows = len(tensors["reasons"])
        if tensors["keys"].shape != (rows, KEY) or tensors["values"].shape != (rows, dim):
            raise DamagedError(f"its shapes are not those of {rows} vectors of {dim}")
        if str(_checksum(tensors)) != metadata["checksum"]:
            raise DamagedError("its checksum differs")
        reasons = tuple(json.loads(metadata["reasons"]))
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as wrong:
        raise DamagedError(f"it cannot be read ({wrong})") from wrong
    return Shard(path, np.asarray(tensors["keys"]), tensors["values"], np.asarray(tensors["reasons"]), reasons)


def sweep(folder: Path) -> None:
    """Removes temporary files that a killed process left a day ago or earlier."""
    for path in (*folder.glob(".*.part"), *folder.glob(".scratch-*")):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()


def _map(path: Path, entry: dict[str, Any], start: int) -> Array:
    kinds = {"U8": np.uint8, "F32": np.float32}
    begin, end = entry["data_offsets"]
    shape, dtype = tuple(entry["shape"]), np.dtype(kinds[entry["dtype"]])
    if end - begin != int(np.prod(shape)) * dtype.itemsize or start + end > path.stat().st_size:
        raise DamagedError("it is shorter than its header says")
    return (
        np.memmap(path, dtype=dtype, mode="r", offset=start + begin, shape=shape)
        if end > begin
        else np.zeros(shape, dtype)
    )


def _checksum(tensors: dict[str, Array]) -> int:
    """CRC-32 over the bytes of keys, reasons and values: about a gigabyte a second, and they are read anyway."""
    total = 0
    for name in ("keys", "reasons", "values"):
        array = tensors[name]
        for row in range(0, len(array), 4096):
            total = zlib.crc32(np.ascontiguousarray(array[row : row + 4096]).data, total)
    return total


def sortable(keys: UInt8[Array, "rows 16"]) -> Array:
    """Keys as one fixed-length byte string each, which numpy sorts and searches."""
    return np.ascontiguousarray(keys).view(f"S{KEY}").ravel()


def position(keys: Array, wanted: Array) -> Int64[Array, " wanted"]:
    """Row of each wanted key among sorted keys, -1 where it is not there."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[found] == wanted, found, -1).astype(np.int64)
