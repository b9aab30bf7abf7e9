"""Batches through an encoder: in this process, or in several that each decode and encode whole batches on one thread.

A worker is a fresh Python (never a fork: threads of numerical libraries do not survive one; nor does it run the
caller's script again, as multiprocessing would). It gets the encoder's class and settings, not its weights. One batch
at a time is with each worker and one more is prepared, so that memory stays bounded. A worker that dies (a decoder
crashing on one picture) costs its batch a second try, piece by piece in a fresh worker; the piece that kills again is
absent with the reason "crashed". A worker that takes longer than it may is killed, with the same second try and the
reason "took too long". Its own alarm ends it where there is nobody left to kill it.

An encoder of sounds or clips says `isolated: ClassVar[bool] = True`: their decoders are large, written in C, and fed
by strangers, so they never run in this process, every piece is a batch of its own, and a worker may take half of the
machine's memory (at least 2 GiB) and dies of more. `patience: ClassVar[float]` is the seconds that a piece may take,
where 60 do not fit.
"""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
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

PATIENCE = 60.0
"""Seconds that a piece may take, where its encoder does not say `patience`."""

_FEW = 8  # batches below which starting processes (a second or two each) costs more than it saves
_BEGINNING = 300.0  # seconds in which a worker must have made its encoder
_LEAST_ROOM = 2 << 30  # bytes
_GRACE = 5.0  # seconds after which a worker whose parent is gone ends itself
_NO_MEMORY = 12  # the exit code of a worker that may not have what it asks for (ENOMEM)
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
    apart = getattr(type(encoder), "isolated", False)
    if apart:
        batches = (single for batch in batches for single in _singly(batch, retry=False))
    if (workers > 1 or apart) and type(encoder).__module__ != "__main__":
        first = list(itertools.islice(batches, _FEW))
        batches = itertools.chain(first, batches)
        if len(first) == _FEW or (apart and first):
            with contextlib.closing(_Pool(encoder, workers if len(first) == _FEW else 1)) as pool:
                yield from pool.run(batches)
            return
    for batch in batches:
        yield batch, encoder.encode(batch.pieces)


class _Pool:
    """Workers by the connection to each; a dead one shows as an end of file there."""

    def __init__(self, encoder: Encoder, workers: int) -> None:
        self.encoder = encoder
        self.patience = float(getattr(type(encoder), "patience", PATIENCE))
        self.until: dict[Connection, float] = {}  # when its patience with a worker ends, by the monotonic clock
        self.fresh: set[Connection] = set()  # workers that have done nothing yet
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
            left = min(self.until[connection] for connection in self.busy) - time.monotonic()
            answered = multiprocessing.connection.wait(list(self.busy), max(left, 0.0))
            late = [one for one in self.busy if one not in answered and self.until[one] <= time.monotonic()]
            for one in late:
                self._kill(one)
            for connection in (*answered, *late):
                assert isinstance(connection, Connection)
                batch = self.busy.pop(connection)
                try:
                    answer = connection.recv()
                except (EOFError, OSError):
                    why = self._bury(connection, batch)
                    if batch is not None and batch.retry:
                        yield batch, _lost(self.encoder.dim, why)
                    elif batch is not None:
                        ready.extendleft(_singly(batch, retry=True))
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                self.idle.append(connection)
                if batch is not None:
                    self.fresh.discard(connection)
                    yield batch, Block(*answer)

    def close(self) -> None:
        for connection in self.processes:
            connection.close()  # an idle worker sees the end of its file and leaves
            if connection in self.busy:
                self._kill(connection)
        for connection, process in self.processes.items():
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._kill(connection)
                process.wait()

    def _kill(self, connection: Connection) -> None:
        """The worker and whatever it started; each leads a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.processes[connection].pid, signal.SIGKILL)

    def _allowed(self, connection: Connection, batch: Batch) -> float:
        """Seconds for a batch: its pieces are expected to take an eighth of what one may, or it is tried again piece by
        piece. A worker loads its weights with its first one and gets twice as long."""
        return self.patience * max(1.0, len(batch) / 8) * (2 if connection in self.fresh else 1)

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
        self.until[ours] = time.monotonic() + _BEGINNING
        self.fresh.add(ours)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            ours.send((type(self.encoder), settings_of(self.encoder)))

    def _send(self, connection: Connection, batch: Batch) -> None:
        self.busy[connection] = batch
        allowed = self._allowed(connection, batch)
        self.until[connection] = time.monotonic() + allowed
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dead: the wait for its answer will tell
            connection.send((batch.pieces, allowed + _GRACE))

    def _bury(self, connection: Connection, batch: Batch | None) -> str:
        """Why it died, in a word; another takes its place."""
        late = self.until.pop(connection) <= time.monotonic()
        process = self.processes.pop(connection)
        code = process.wait()
        self.fresh.discard(connection)
        connection.close()
        if batch is None:
            raise WorkersError(
                f"A worker process of {type(self.encoder).__name__} ended with exit code {code} before it began.",
                "an encoder that can be made again from its settings, and memory for each worker.",
                "see what it wrote on stderr, or encode in this process: workers=1.",
            )
        self._start()
        return "took too long" if late and code in (-signal.SIGKILL, -signal.SIGALRM) else "crashed"


def serve(descriptor: int) -> None:
    """The life of a worker: the encoder first, then pieces in and arrays out, until the pipe closes."""
    connection = Connection(descriptor)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        with _alarm(_BEGINNING + _GRACE):
            cls, settings = connection.recv()
            if getattr(cls, "isolated", False):
                _bound(_room())
            encoder = cls(**settings)
            connection.send("ready")
        while True:
            pieces, allowed = connection.recv()
            with _alarm(allowed):
                answer = _answer(encoder, pieces)
            connection.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _room() -> int:
    """Bytes that a worker of strangers' files may take."""
    return max(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2, _LEAST_ROOM)


def _bound(room: int) -> None:
    """Data only: address space without data behind it (mapped weights, reserves of libraries) costs nothing."""
    import resource

    with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (room, room))


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Ends the process when they are over, also while it is in C code: nobody handles the signal."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(encoder: Encoder, pieces: Any) -> Any:
    try:
        block = encoder.encode(pieces)
    except MemoryError:
        os._exit(_NO_MEMORY)  # the next piece finds a fresh process
    except Exception as wrong:  # told by the parent: an encoder that raises has a mistake
        wrong.add_note(f"in worker process {os.getpid()} of {type(encoder).__name__}")
        return wrong
    return block.values, block.present, block.reasons


def _next(batches: Iterator[Batch]) -> collections.deque[Batch]:
    return collections.deque(itertools.islice(batches, 1))


def _singly(batch: Batch, retry: bool) -> Iterator[Batch]:
    return (Batch(batch.keys[i : i + 1], batch.pieces[i : i + 1], retry) for i in range(len(batch)))


def _lost(dim: int, reason: str) -> Block:
    return Block(np.zeros((1, dim), dtype=np.float32), np.zeros(1, dtype=bool), (reason,))
