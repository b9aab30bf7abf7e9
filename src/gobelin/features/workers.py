"""Batches through an encoder: in this process, or in several that each decode and encode whole batches on one thread.

Processes are spawned (never forked: threads of numerical libraries do not survive a fork). Each gets the encoder's
class and settings, not its weights. One batch at a time is with each worker and one more is prepared, so that memory
stays bounded. A worker that dies (a decoder crashing on one picture) costs its batch a second try piece by piece in a fresh
worker; the piece that kills again is absent with the reason "crashed".
"""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
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

_FEW = 2  # batches for each worker below which starting processes costs more than it saves


@dataclass(frozen=True)
class Batch:
    """Pieces that the cache lacks, and their keys. retry: it was with a worker that died."""

    keys: UInt8[Array, "rows 16"]
    pieces: tuple[str, ...] | tuple[Path, ...]
    retry: bool = False

    def __len__(self) -> int:
        return len(self.pieces)


class WorkersFailed(GobelinError):
    """Worker processes end before they begin."""


def encode_batches(encoder: Encoder, batches: Iterator[Batch], workers: int) -> Iterator[tuple[Batch, Block]]:
    """Every batch with its block, in the order in which they are done. `batches` is pulled as workers become free."""
    if workers > 1:
        first = list(itertools.islice(batches, workers * _FEW))
        batches = itertools.chain(first, batches)
        if len(first) == workers * _FEW:
            with contextlib.closing(_Pool(encoder, workers)) as pool:
                yield from pool.run(batches)
            return
    for batch in batches:
        yield batch, encoder.encode(batch.pieces)


class _Pool:
    """Workers by the connection to each; a dead one shows as an end of file there."""

    def __init__(self, encoder: Encoder, workers: int) -> None:
        self.encoder = encoder
        self.context = multiprocessing.get_context("spawn")
        self.idle: list[Connection] = []
        self.busy: dict[Connection, Batch | None] = {}  # None: it has not said yet that it is ready
        self.processes: dict[Connection, Any] = {}
        for _ in range(workers):
            self._start()

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
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()

    def _start(self) -> None:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(
            target=_work, args=(theirs, type(self.encoder), settings_of(self.encoder)), daemon=True
        )
        process.start()
        theirs.close()
        self.processes[ours] = process
        self.busy[ours] = None

    def _send(self, connection: Connection, batch: Batch) -> None:
        self.busy[connection] = batch
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dead: the wait for its answer will tell
            connection.send(batch.pieces)

    def _bury(self, connection: Connection, batch: Batch | None) -> None:
        process = self.processes.pop(connection)
        process.join(timeout=5)
        connection.close()
        if batch is None:
            raise WorkersFailed(
                f"A worker process of the encoder ended with exit code {process.exitcode} before it began.",
                "a script whose own work stands under `if __name__ == '__main__':`, and memory for each worker.",
                "add that line to the script that calls Gobelin, or encode with workers=1.",
            )
        self._start()


def _work(connection: Connection, cls: type, settings: dict[str, Any]) -> None:
    """The life of a worker: pieces in, arrays out, until the pipe closes."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes the pipe
    with threadpool_limits(1):
        encoder = cls(**settings)
        connection.send("ready")
        while True:
            try:
                pieces = connection.recv()
            except EOFError:
                return
            try:
                block = encoder.encode(pieces)
                answer: Any = (block.values, block.present, block.reasons)
            except Exception as wrong:  # told by the parent: an encoder that raises has a mistake
                wrong.add_note(f"in worker process {os.getpid()} of {cls.__name__}")
                answer = wrong
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(answer)


def _next(batches: Iterator[Batch]) -> collections.deque[Batch]:
    return collections.deque(itertools.islice(batches, 1))


def _singly(batch: Batch) -> list[Batch]:
    return [Batch(batch.keys[i : i + 1], batch.pieces[i : i + 1], retry=True) for i in range(len(batch))]


def _crashed(dim: int) -> Block:
    return Block(np.zeros((1, dim), dtype=np.float32), np.zeros(1, dtype=bool), ("crashed",))
