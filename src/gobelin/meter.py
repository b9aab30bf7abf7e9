"""Seconds and memory of each step of a run, measured while it happens."""

import contextlib
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")


class Meter:
    """`with meter.step("encode"):` adds the step's seconds and the highest anonymous memory seen during it.

    Anonymous memory (RssAnon: arrays, not mapped files) is sampled ten times a second where /proc has it; elsewhere
    the process's peak resident size stands in its place. Steps of one name add up.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory_mb: dict[str, float] = {}
        self._current: list[str] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator["Meter"]:
        """Samples while the block runs."""
        self._thread = threading.Thread(target=self._sample, name="gobelin-meter", daemon=True)
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        self._current.append(name)
        self._see()
        try:
            yield
        finally:
            self._see()
            self._current.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun

    def as_json(self) -> dict[str, object]:
        """The report's keys: seconds and memory by step, and the peak of the whole process, in MB."""
        return {
            "seconds": {name: round(s, 3) for name, s in self.seconds.items()},
            "memory_mb": {name: round(mb, 1) for name, mb in self.memory_mb.items()},
            "peak_memory_mb": round(_peak_mb(), 1),
            "peak_anonymous_mb": round(max(self.memory_mb.values(), default=0.0), 1),
        }

    def _sample(self) -> None:
        while not self._stop.wait(0.1):
            self._see()

    def _see(self) -> None:
        now = _anonymous_mb()
        for name in tuple(self._current):
            self.memory_mb[name] = max(self.memory_mb.get(name, 0.0), now)


def _anonymous_mb() -> float:
    if not _STATUS.exists():
        return _peak_mb()
    for line in _STATUS.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return _peak_mb()


def _peak_mb() -> float:
    """Peak resident size of this process; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024
