"""The names beside a folder that is being published: who may remove them, and what is put back after a kill.

    .NAME.xxxxxxxx.part   a folder that is not finished; its process holds a lock on it
    .NAME.xxxxxxxx.old    an earlier NAME that has stepped aside while the new one takes its place

A folder that holds files cannot be replaced by one rename that works everywhere (exchanging two names is Linux's
alone), so there are two, and a kill between them leaves NAME absent. The earlier folder stands whole beside it and is
put back by whoever looks next, reader or writer.

Locks are the kernel's (flock): it lets go when a process ends, however it ends, so nobody has to judge by process ids,
which are used again, or by age. Where a file system has no locks nothing is swept: a stray folder is better than a
living one lost.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from gobelin.files import sync

UNFINISHED, ASIDE = "part", "old"


def name(target: Path, ending: str) -> Path:
    """A new one beside the target."""
    return target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.{ending}"


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock of a folder while the block runs; says whether it is held."""
    with contextlib.ExitStack() as stack:
        held = False
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        yield held


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """While the block runs nobody else begins, replaces or recovers a folder there; what the dead left is gone."""
    with locked(target.parent) as held:
        if held:
            _put_back(target)
            for stray in [*_all(target, UNFINISHED), *_all(target, ASIDE)]:
                with locked(stray, wait=False) as dead:
                    if dead:
                        shutil.rmtree(stray, ignore_errors=True)
        yield


def replace(unfinished: Path, target: Path) -> None:
    """Renames into place, in `alone`. What stood there has the name `unfinished` afterwards."""
    old = name(target, ASIDE)
    if target.exists():
        target.rename(old)
    try:
        unfinished.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    if old.exists():
        old.rename(unfinished)
    sync(target.parent)


def recover(target: Path) -> None:
    """Puts the earlier folder back where its successor never came. A living successor is waited for: it is at once."""
    if not target.exists() and _all(target, ASIDE):
        with locked(target.parent) as held, contextlib.suppress(OSError):
            if held:
                _put_back(target)


def _put_back(target: Path) -> None:
    aside = _all(target, ASIDE)
    if aside and not target.exists():
        max(aside, key=lambda path: path.stat().st_mtime).rename(target)


def _all(target: Path, ending: str) -> list[Path]:
    return sorted(target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 8}.{ending}"))
