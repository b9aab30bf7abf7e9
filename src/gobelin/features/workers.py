"""Batches through an encoder: in this process, or in several that each decode and encode whole batches on one thread.

A worker is a fresh Python (never a fork: threads of numerical libraries do not survive one; nor does it run the
caller's script again, as multiprocessing would). It gets the encoder's class and settings, not its weights. One batch
at a time is with each worker and one more is prepared, so that memory stays bounded. A worker that dies (a decoder
crashing on one picture) costs its batch a second try, piece by piece in a fresh worker; the piece that kills again is
absent with the reason "crashed".
"""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from gobelin.arrays import Array, UInt8
from gobelin.errors import GobelinError
from gobelin.parts import settings_of
from gobelin.protocols import Encoder
from gobelin.values import Block

_FEW = 8  # batches below which starting processes (a second or two each) costs more than it saves
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Batch:
    """Pieces that the cache lacks, and their keys. retry: it was with a worker that died."""

    keys: UInt8[Array, "rows 16"]
    pieces: tuple[str | Path, ...]
    retry: bool = False

    def __len__(self) -> int:
        return len(self.pieces)


class WorkersError(GobelinError):
    """Worker processes end before they begin."""


def encode_batches(encoder: Encoder, batches: Iterator[Batch], workers: int) -> Iterator[tuple[Batch, Block]]:
    """Every batch with its block, in the order in which they are done. `batches` is pulled as workers become free.

    An encoder whose class stands in the caller's script cannot be imported elsewhere: it runs in this process.
    """
    if workers > 1 and type(encoder).__module__ != "__main__":
        first = list(itertools.islice(batches, _FEW))
        batches = itertools.chain(first, batches)
        if len(first) == _FEW:
            with contextlib.closing(_Pool(encoder, workers)) as pool:
                yield from pool.run(batches)
            return
    for batch in batches:
        yield batch, encoder.encode(batch.pieces)


class _Pool:
    """Workers by the connection to each; a dead one shows as an end of file there."""

    def __init__(self, encoder: Encoder, workers: int) -> None:
        self.encoder = encoder
        self.idle: list[Connection] = []
        self.busy: dict[Connection, Batch | None] = {}  # None: it has not said yet that it is ready
        self.processes: dict[Connection, subprocess.Popen[bytes]] = {}
        try:
            for _ in range(workers):
                self._start()
        except BaseException:
            self.close()
            raise

    def run(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Block]]:
        ready: collections.deque[Batch] = collections.deque()
        while True:
            ready = ready or _next(batches)
            while self.idle and ready:
                self._send(self.idle.pop(), ready.popleft())
                ready = ready or _next(batches)
            if not ready and not any(self.busy.values()):
                return
            for connection in multiprocessing.connection.wait(list(self.busy)):
                assert isinstance(connection, Connection)
                batch = self.busy.pop(connection)
                try:
                    answer = connection.recv()
                except (EOFError, OSError):
                    self._bury(connection, batch)
                    if batch is not None and batch.retry:
                        yield batch, _crashed(self.encoder.dim)
                    elif batch is not None:
                        ready.extendleft(_singly(batch))
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                self.idle.append(connection)
                if batch is not None:
                    yield batch, Block(*answer)

    def close(self) -> None:
        for connection, process in self.processes.items():
            connection.close()  # an idle worker sees the end of its file and leaves
            if connection in self.busy:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from gobelin.features.workers import serve; serve({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={
                    **os.environ,
                    **dict.fromkeys(_THREADS, "1"),
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                start_new_session=True,  # Ctrl-C reaches the parent alone, which closes the pipe
            )
        finally:
            theirs.close()
        self.processes[ours] = process
        self.busy[ours] = None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            ours.send((type(self.encoder), settings_of(self.encoder)))

    def _send(self, connection: Connection, batch: Batch) -> None:
        self.busy[connection] = batch
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dead: the wait for its answer will tell
            connection.send(batch.pieces)

    def _bury(self, connection: Connection, batch: Batch | None) -> None:
        process = self.processes.pop(connection)
        code = process.wait()
        connection.close()
        if batch is None:
            raise WorkersError(
                f"A worker process of {type(self.encoder).__name__} ended with exit code {code} before it began.",
                "an encoder that can be made again from its settings, and memory for each worker.",
                "see what it wrote on stderr, or encode in this process: workers=1.",
            )
        self._start()


def serve(descriptor: int) -> None:
    """The life of a worker: the encoder first, then pieces in and arrays out, until the pipe closes."""
    connection = Connection(descriptor)
    try:
        cls, settings = connection.recv()
        encoder = cls(**settings)
        connection.send("ready")
        while True:
            connection.send(_answer(encoder, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(encoder: Encoder, pieces: Any) -> Any:
    try:
        block = encoder.encode(pieces)
    except Exception as wrong:  # told by the parent: an encoder that raises has a mistake
        wrong.add_note(f"in worker process {os.getpid()} of {type(encoder).__name__}")
        return wrong
    return block.values, block.present, block.reasons


def _next(batches: Iterator[Batch]) -> collections.deque[Batch]:
    return collections.deque(itertools.islice(batches, 1))


def _singly(batch: Batch) -> list[Batch]:
    return [Batch(batch.keys[i : i + 1], batch.pieces[i : i + 1], retry=True) for i in range(len(batch))]


def _crashed(dim: int) -> Block:
    return Block(np.zeros((1, dim), dtype=np.float32), np.zeros(1, dtype=bool), ("crashed",))
