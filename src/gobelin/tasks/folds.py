"""Which rows are learned from and which are judged: folds that keep groups together, classes even and time in order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

from gobelin.arrays import Array, Int64
from gobelin.data.notes import Note, several
from gobelin.errors import SplitError
from gobelin.values import Target

TEST = ("test",)
"""What a given split column calls the rows that are judged; all others are learned from."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to judge; disjoint, no group in both."""

    learn: Int64[Array, " learned"]
    judge: Int64[Array, " judged"]
    repeat: int = 0


def plan(
    target: Target,
    *,
    folds: int,
    repeats: int,
    seed: int,
    groups: Int64[Array, " rows"] | None = None,
    times: Array | None = None,
    given: Sequence[str | None] | None = None,
) -> tuple[list[Fold], list[Note]]:
    """The outer folds, and what was met while they were cut. All rows of the target are known.

    given: a column that says "test"; times: each fold is judged on a later stretch than it learned from (the first
    stretch is only learned from); else every row is judged once in each repeat, classes spread evenly (StratifiedKFold;
    with groups StratifiedGroupKFold; numbers by quartile).
    """
    if given is not None:
        return [_given(given)], []
    if times is not None:
        return _in_time(times, groups, folds), []
    notes = _thin(target, folds, groups)
    out = []
    for repeat in range(repeats):
        for learn, judge in split(target, folds, groups, np.random.default_rng([seed, repeat])):
            out.append(Fold(learn, judge, repeat))
    return out, notes


def split(
    target: Target, folds: int, groups: Int64[Array, " rows"] | None, rng: np.random.Generator
) -> list[tuple[Int64[Array, " _"], Int64[Array, " _"]]]:
    """Every row judged once. Raises SplitError where there are fewer groups (or rows) than folds."""
    rows = len(target.known)
    many = rows if groups is None else len(np.unique(groups))
    if many < folds:
        what = several(many, "row" if groups is None else "group")
        raise SplitError(
            f"{what} cannot be dealt to {folds} folds.",
            "at least one for each fold.",
            f"ask for --folds {max(many, 2)}.",
        )
    strata = _strata(target)
    draw = int(rng.integers(2**31))
    if groups is not None:
        made = _grouped(strata, groups, folds, draw)
    elif strata is None or np.bincount(strata)[np.unique(strata)].max() < folds:
        made = KFold(folds, shuffle=True, random_state=draw).split(np.zeros(rows))
    else:
        common = _merged(strata, folds)
        made = StratifiedKFold(folds, shuffle=True, random_state=draw).split(np.zeros(rows), common)
    return [(np.asarray(learn, dtype=np.int64), np.asarray(judge, dtype=np.int64)) for learn, judge in made]


def _grouped(strata: Int64[Array, " rows"] | None, groups: Int64[Array, " rows"], folds: int, draw: int) -> list:  # type: ignore[type-arg]
    told = np.zeros(len(groups), dtype=np.int64) if strata is None else _merged(strata, folds)
    made = StratifiedGroupKFold(folds, shuffle=True, random_state=draw).split(np.zeros(len(groups)), told, groups)
    kept = [(learn, judge) for learn, judge in made if len(judge)]
    if any(not len(learn) for learn, _ in kept) or len(kept) < 2:
        raise SplitError(
            "One group holds so many rows that no two folds can be cut.",
            "several groups of rows.",
            "ask for fewer folds.",
        )
    return kept


def _merged(strata: Int64[Array, " rows"], folds: int) -> Int64[Array, " rows"]:
    """Classes with fewer rows than folds together, as one: they cannot stand in every fold."""
    counts = np.bincount(strata)
    rare = counts[strata] < folds
    out = np.where(rare, len(counts), strata)
    if 0 < rare.sum() < folds:  # together still too few: they go with the most frequent class
        out[rare] = int(counts.argmax())
    return np.unique(out, return_inverse=True)[1].astype(np.int64)


def _strata(target: Target) -> Int64[Array, " rows"] | None:
    if target.told == "class":
        return target.codes().astype(np.int64)
    if target.told == "labels":  # the rarest label of each row
        often = np.where(target.values > 0, target.values.sum(axis=0), np.inf)
        return np.where(np.isinf(often.min(axis=1)), target.values.shape[1], often.argmin(axis=1)).astype(np.int64)
    edges = np.quantile(target.values[:, 0], [0.25, 0.5, 0.75])
    return np.searchsorted(edges, target.values[:, 0]).astype(np.int64)


def _given(said: Sequence[str | None]) -> Fold:
    judged = np.array([one is not None and one.lower() in TEST for one in said], dtype=bool)
    if judged.all() or not judged.any():
        kinds = sorted({one for one in said if one})
        raise SplitError(
            f"The split column says {', '.join(kinds[:6]) or 'nothing'}: {int(judged.sum())} rows are 'test'.",
            "some rows 'test', some not.",
            "name another column, or leave --split away for folds.",
        )
    return Fold(np.flatnonzero(~judged), np.flatnonzero(judged))


def _in_time(times: Array, groups: Int64[Array, " rows"] | None, folds: int) -> list[Fold]:
    """Stretches of equal length by time; rows of equal time, and later rows of a group that was learned, stay out."""
    edges = np.quantile(times, np.linspace(0, 1, folds + 1)[1:-1], method="higher")
    stretch = np.searchsorted(np.unique(edges), times, side="right")
    made = []
    for last in range(1, int(stretch.max()) + 1):
        learn, judge = np.flatnonzero(stretch < last), np.flatnonzero(stretch == last)
        if groups is not None:
            judge = judge[~np.isin(groups[judge], groups[learn])]
        if len(learn) and len(judge):
            made.append(Fold(learn, judge))
    if not made:
        raise SplitError(
            "No fold can be cut by time: all rows have one time, or no group begins later.",
            "rows at several times.",
            "name another --time column, or leave it away.",
        )
    return made


def _thin(target: Target, folds: int, groups: Int64[Array, " rows"] | None) -> list[Note]:
    """Classes and labels that cannot stand in every fold."""
    if target.told == "numbers":
        return []
    notes = []
    counts = target.values.sum(axis=0)
    thin = [name for name, count in zip(target.names, counts, strict=True) if count < folds]
    what = ("class", "classes") if target.told == "class" else ("label", "labels")
    if thin:
        message = f"{several(len(thin), *what)} with fewer rows than folds: absent from some of them."
        notes.append(Note("thin-class", message, len(thin)))
    if groups is not None:
        alone = [
            name
            for name, column in zip(target.names, target.values.T, strict=True)
            if column.any() and len(np.unique(groups[column > 0])) == 1
        ]
        message = f"{several(len(alone), *what)} in one group only: judged by folds that never saw it."
        notes += [Note("one-group", message, len(alone))] if alone else []
    return notes
