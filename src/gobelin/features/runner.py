"""Streams a catalogue's content through encoders into a FeatureTable, and tells what was encoded, cached and absent."""

import errno
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, Rows
from gobelin.errors import RecipeError, UserError
from gobelin.features.cache import Cache, Vectors, key_of
from gobelin.features.gathering import Gathering, room
from gobelin.features.keyset import KeySet, joined
from gobelin.features.shards import sortable
from gobelin.features.workers import Batch, encode_batches
from gobelin.protocols import AsItIs, Content, Encoder, Learned
from gobelin.values import Block, Features, FeatureTable, Vocabulary

BATCH = 32  # pieces that travel together
_CHUNK = 1024  # items whose keys are looked up together, and rows that are pooled together
# Not a property of the bytes: asked again next time.
_PASSING = {"missing", "unreadable", "too large", "crashed", "took too long"}
NOT_GIVEN = "not given"


@runtime_checkable
class Source(Protocol):
    """What the runner needs of a catalogue."""

    @property
    def items(self) -> Vocabulary: ...

    @property
    def vectors(self) -> Mapping[str, Features]: ...

    def contents(self, rows: Iterable[int] | None = None) -> Iterator[Content]: ...


@dataclass(frozen=True)
class Progress:
    """How far one encoder is. done, total: items; encoded: pieces that the cache lacked; seconds: since it began."""

    name: str
    done: int
    total: int
    encoded: int
    seconds: float

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go at this rate; None before anything is done."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True)
class EncodingReport:
    """What became of one sense. items, present, absent count items (absent by its reason, items without content as
    "not given"); encoded and cached count distinct pieces (0 for an encoder that is fitted: nothing is cached).

    notes: shards set aside. columns: what an encoder that recognises columns says of each.
    """

    name: str
    modality: str
    dim: int
    items: int
    present: int
    encoded: int = 0
    cached: int = 0
    absent: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    columns: Sequence[Mapping[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "dim": self.dim,
            "items": self.items,
            "present": self.present,
            "encoded": self.encoded,
            "cached": self.cached,
            "absent": dict(self.absent),
            "seconds": round(self.seconds, 3),
            **({"notes": list(self.notes)} if self.notes else {}),
            **({"columns": [dict(c) for c in self.columns]} if self.columns else {}),
        }


def encode_table(
    catalogue: Source,
    encoders: Mapping[str, Encoder | Learned],
    *,
    train_rows: Rows | None = None,
    cache: Cache | None = None,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[FeatureTable, Mapping[str, EncodingReport]]:
    """Every sense of every item, under the names of `encoders`, then the user's own vectors under theirs.

    train_rows: catalogue rows on which learned encoders are fitted (all where None); a learned encoder that is fitted
    already (`dim` is known) is used as it is. cache: None keeps nothing. workers: processes for encoders that read
    pieces. rng: for learned encoders; needed where there is one to fit.
    Raises RecipeError where an encoder takes the name of the user's own vectors.
    """
    taken = sorted(set(encoders) & set(catalogue.vectors))
    if taken:
        raise RecipeError(
            f"The encoder {taken[0]!r} has the name of your own vectors features/{taken[0]}.parquet.",
            "a name of its own for each sense.",
            "rename the encoder in the recipe, or the file.",
        )
    features: dict[str, Features] = {}
    reports: dict[str, EncodingReport] = {}
    with ExitStack() as stack:
        if cache is None:
            kept = TemporaryDirectory(prefix="gobelin-", ignore_cleanup_errors=True)
            cache = Cache(stack.enter_context(kept))
        for name, encoder in encoders.items():
            if isinstance(encoder, Learned):
                features[name], reports[name] = _learned(name, encoder, catalogue, train_rows, cache, progress, rng)
            else:
                features[name], reports[name] = _pieces(name, encoder, catalogue, cache, workers, progress)
    for name, own in catalogue.vectors.items():
        features[name] = own if own.ids == catalogue.items else _aligned(own, catalogue.items)
        reports[name] = _own_report(features[name])
    return FeatureTable(catalogue.items, features), reports


def _pieces(
    name: str,
    encoder: Encoder,
    catalogue: Source,
    cache: Cache,
    workers: int,
    progress: Callable[[Progress], None] | None,
) -> tuple[Features, EncodingReport]:
    begun = time.monotonic()
    store = cache.vectors(encoder.fingerprint(), encoder.dim)
    scan = _Scan(encoder, store, catalogue.contents(), len(catalogue.items))
    encoded = 0
    passing: dict[bytes, str] = {}

    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress(name, done, scan.total, encoded, time.monotonic() - begun))

    try:
        for batch, block in encode_batches(encoder, scan.batches(), workers):
            _keep(store, batch, block, passing)
            encoded += len(batch)
            tell(max(scan.seen - (scan.asked - encoded), 0))
    finally:
        store.flush()  # also after Ctrl-C: what is done is kept
    values, present, absent = _pool(scan, store, cache, passing)
    tell(scan.total)
    layout = encoder.row_layout if isinstance(encoder, AsItIs) else None
    features = Features(name, encoder.modality, catalogue.items, values, present, layout)
    return features, EncodingReport(
        name=name,
        modality=encoder.modality,
        dim=encoder.dim,
        items=scan.total,
        present=int(present.sum()),
        encoded=encoded,
        cached=scan.distinct() - encoded,
        absent=absent,
        seconds=time.monotonic() - begun,
        notes=tuple(store.damage),
    )


class _Scan:
    """One pass over the content: which pieces each item has, by key, and batches of those that nobody has encoded."""

    def __init__(self, encoder: Encoder, store: Vectors, contents: Iterator[Content], total: int) -> None:
        self.encoder, self.store, self.contents, self.total = encoder, store, contents, total
        self.seen = self.asked = 0  # items read; pieces among them that the cache lacks
        self.keys: list[bytes] = []  # joined by chunk: KEY bytes a piece
        self.rows: list[Array] = []  # item row of each piece, by chunk
        self.why = Reasons(total)  # of items none of whose pieces has a key

    def batches(self) -> Iterator[Batch]:
        waiting: list[tuple[bytes, str | Path]] = []
        handed = KeySet()
        while chunk := list(islice(self.contents, _CHUNK)):
            pieces, keys, rows = self._read(chunk)
            self.seen += len(chunk)
            known = joined(keys)
            lacking = np.flatnonzero(self.store.find(known) < 0)
            self.keys.append(known.tobytes())
            self.rows.append(np.array(rows, dtype=np.int64))
            for i in lacking[handed.add(sortable(known[lacking]))].tolist():
                self.asked += 1
                waiting.append((keys[i], pieces[i]))
            while len(waiting) >= BATCH:
                yield _batch(waiting[:BATCH])
                waiting = waiting[BATCH:]
        if waiting:
            yield _batch(waiting)

    def joined(self) -> tuple[Array, Int64[Array, " pieces"]]:
        """Keys (pieces, KEY) uint8 and the item row of each, in the order of the catalogue."""
        return joined(self.keys), np.concatenate(self.rows) if self.rows else np.zeros(0, dtype=np.int64)

    def distinct(self) -> int:
        return len(np.unique(sortable(self.joined()[0])))

    def _read(self, chunk: Sequence[Content]) -> tuple[list[str | Path], list[bytes], list[int]]:
        pieces: list[str | Path] = []
        keys: list[bytes] = []
        rows: list[int] = []
        fingerprint = self.encoder.fingerprint()
        for row, content in enumerate(chunk, start=self.seen):
            why = NOT_GIVEN
            for piece in self.encoder.pieces(content):
                try:
                    keys.append(key_of(fingerprint, piece))
                except (FileNotFoundError, NotADirectoryError):
                    why = "missing"
                    continue
                except OSError as wrong:
                    why = "too large" if wrong.errno == errno.EFBIG else "unreadable"
                    continue
                pieces.append(piece)
                rows.append(row)
            if not rows or rows[-1] != row:
                self.why.note(row, why)
        return pieces, keys, rows


class Reasons:
    """Why items are without a sense: a byte an item, since a catalogue may lack it altogether."""

    def __init__(self, items: int) -> None:
        self._codes = np.zeros(items, dtype=np.uint8)
        self._told: dict[str, int] = {}  # reason -> its code, from 1

    def note(self, row: int, reason: str) -> None:
        """The first reason of a row stays."""
        if not self._codes[row]:
            self._codes[row] = self._told.setdefault(reason, len(self._told) + 1)

    def counted(self, rows: Bool[Array, " items"]) -> dict[str, int]:
        """How many of these items for each reason, by its name; "not given" for those without one."""
        counts = np.bincount(self._codes[rows], minlength=len(self._told) + 1).tolist()
        absent = Counter({NOT_GIVEN: counts[0]})
        for reason, code in self._told.items():
            absent[reason] += counts[code]
        return {reason: count for reason, count in sorted(absent.items()) if count}


def _batch(part: Sequence[tuple[bytes, str | Path]]) -> Batch:
    return Batch(joined([key for key, _ in part]), tuple(piece for _, piece in part))


def _keep(store: Vectors, batch: Batch, block: Block, passing: dict[bytes, str]) -> None:
    if block.values.shape != (len(batch), store.dim) or isinstance(block.values, csr_array):
        raise TypeError(f"an encoder of pieces gives dense ({len(batch)}, {store.dim}); this one {block.values.shape}")
    reasons = block.reasons or tuple(None if p else "empty" for p in block.present.tolist())
    why = [None if p else (reason or "empty") for p, reason in zip(block.present.tolist(), reasons, strict=True)]
    lasting = np.array([reason not in _PASSING for reason in why], dtype=bool)
    for i in np.flatnonzero(~lasting).tolist():
        passing[batch.keys[i].tobytes()] = str(why[i])
    if lasting.any():
        values = np.where(block.present[:, None], block.values, 0).astype(np.float32)
        store.add(batch.keys[lasting], values[lasting], [w for w, kept in zip(why, lasting, strict=True) if kept])


def _pool(
    scan: _Scan, store: Vectors, cache: Cache, passing: Mapping[bytes, str]
) -> tuple[Float32[Array, "items dim"], Bool[Array, " items"], dict[str, int]]:
    """The mean of each item's present pieces, in their order; why the others are absent."""
    keys, rows = scan.joined()
    values = room(cache, (scan.total, store.dim))
    counts = np.zeros(scan.total, dtype=np.int32)
    bounds = np.searchsorted(rows, np.arange(0, scan.total + _CHUNK, _CHUNK))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        position = store.find(keys[begin:end])
        found, reasons = store.read(np.maximum(position, 0)) if len(store) else (np.zeros((end - begin, store.dim)), [])
        for i, row in enumerate(rows[begin:end].tolist()):
            reason = reasons[i] if position[i] >= 0 else passing.get(keys[begin + i].tobytes(), "missing")
            if reason is None:
                values[row] += found[i]
                counts[row] += 1
            else:
                scan.why.note(row, reason)
    for row in np.flatnonzero(counts > 1).tolist():
        values[row] /= counts[row]
    present = counts > 0
    return values, present, scan.why.counted(~present)


def _learned(
    name: str,
    encoder: Learned,
    catalogue: Source,
    train_rows: Int32[Array, " rows"] | None,
    cache: Cache,
    progress: Callable[[Progress], None] | None,
    rng: np.random.Generator | None,
) -> tuple[Features, EncodingReport]:
    begun, total = time.monotonic(), len(catalogue.items)
    if getattr(encoder, "dim", None) is None:
        if rng is None:
            raise UserError(f"The encoder {name!r} learns, and no generator was given.", "rng.", "pass rng=.")
        encoder.fit(catalogue.contents(None if train_rows is None else train_rows.tolist()), rng)
    gathering = Gathering(cache, total)
    absent: Counter[str] = Counter()
    contents = catalogue.contents()
    while chunk := list(islice(contents, 4 * _CHUNK)):
        block = encoder.transform(chunk)
        gathering.add(block)
        reasons = np.array([reason or NOT_GIVEN for reason in block.reasons or (None,) * len(block.present)])
        absent.update(reasons[~block.present].tolist())
        if progress is not None:
            progress(Progress(name, gathering.rows, total, 0, time.monotonic() - begun))
    values, present = gathering.values(), gathering.present
    describe = getattr(encoder, "describe", None)
    report = EncodingReport(
        name=name,
        modality=encoder.modality,
        dim=int(values.shape[1]),
        items=total,
        present=int(present.sum()),
        absent=dict(sorted(absent.items())),
        columns=() if describe is None else describe(),
    )
    features = Features(name, encoder.modality, catalogue.items, values, present)
    return features, replace(report, seconds=time.monotonic() - begun)


def _aligned(own: Features, items: Vocabulary) -> Features:
    """Own vectors of another vocabulary, joined by id: an item without one is absent."""
    rows = own.ids.rows(items)
    if not len(own.ids):
        return replace(own, ids=items, values=np.zeros((len(items), own.dim), np.float32), present=rows >= 0)
    moved = own.take(np.maximum(rows, 0), items)
    return replace(moved, present=moved.present & (rows >= 0))


def _own_report(own: Features) -> EncodingReport:
    present = int(own.present.sum())
    absent = {NOT_GIVEN: len(own.present) - present} if present < len(own.present) else {}
    return EncodingReport(own.name, own.modality, own.dim, len(own.present), present, absent=absent)
