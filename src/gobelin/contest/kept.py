"""Contenders that were judged before a process was killed: kept beside what it was making, found by the next one."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from gobelin import store
from gobelin.contest.bench import Bench
from gobelin.contest.contenders import Contender, Found
from gobelin.contest.evidence import Answers, Judged, plain_settings
from gobelin.contest.methods import Tried
from gobelin.evaluation.statistics import PerUser
from gobelin.protocols import Epoch
from gobelin.recipe import TuneSpec
from gobelin.values import Ranked

KIND = "judged contender"


def place(work: Path, contender: Contender, bench: Bench, tune: TuneSpec) -> Path:
    """Where a contender on this bench is kept: equal data, split, settings and search, equal place."""
    split = bench.split
    told = hashlib.sha256(repr((contender, tune, split.kind, split.seed, split.mask_at_test)).encode())
    told.update(f"{version('gobelin')} {bench.train.fingerprint}".encode())
    for pairs in (split.validation, split.test):
        told.update(np.ascontiguousarray(pairs.users).tobytes() + np.ascontiguousarray(pairs.items).tobytes())
    return work / "judged" / told.hexdigest()[:32]


def keep(folder: Path, judged: Judged) -> None:
    found, answers = judged.found, judged.answers
    state: dict[str, object] = {
        "settings": plain_settings(found.settings),
        "hear": dict(found.hear),
        "validation": found.validation,
        "trials": found.trials,
        "ended": found.ended,
        "searched": found.seconds,
        "curve": [asdict(epoch) for epoch in found.curve],
        "tried": [asdict(trial) for trial in found.tried],
        "left_out": dict(found.left_out),
        "seconds": dict(judged.seconds),
        "answered": answers is not None,
    }
    if answers is not None:
        state |= {"items": answers.ranked.items, "scores": answers.ranked.scores, "rows": answers.per_user.rows}
        state["per_user"] = {name: np.asarray(column) for name, column in answers.per_user.values.items()}
    with store.publish(folder, kind=KIND) as unfinished:
        store.save_state(unfinished / "judged", state)


def find(folder: Path, contender: Contender, bench: Bench) -> Judged | None:
    """What was kept there; None where nothing is."""
    if not (folder / store.MANIFEST).is_file():
        return None
    store.open_folder(folder, kind=KIND)
    state = store.load_state(folder / "judged")
    found = Found(
        contender,
        _as_settings(state["settings"]),
        float(state["validation"]),
        int(state["trials"]),
        str(state["ended"]),
        float(state["searched"]),
        tuple(Epoch(**epoch) for epoch in state["curve"]),
        hear=state["hear"],
        tried=tuple(Tried(**trial) for trial in state["tried"]),
        left_out=state["left_out"],
    )
    bench = bench.hearing(found.hear)
    answers = None
    if state["answered"]:
        ranked = Ranked(state["items"], state["scores"])
        answers = Answers(bench.exam("test", bench.main), ranked, PerUser(state["rows"], state["per_user"]))
    return Judged(found, state["seconds"], answers)


def _as_settings(told: Mapping[str, object]) -> dict[str, object]:
    """Settings as a model takes them: JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
