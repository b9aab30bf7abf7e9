"""A column of a table to what is to be told, and the columns that give it away."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gobelin.arrays import Array, Float64, Int64
from gobelin.data.notes import Note, examples, several
from gobelin.data.reading import NOTHING
from gobelin.errors import DatasetError
from gobelin.values import Target
from gobelin.values.target import Told

MOST_CLASSES = 20
"""Whole numbers of more different values than this are numbers, of fewer classes."""

GIVES_AWAY = 0.98
"""The share of the target's entropy (or variance) from which a column is said to give it away."""

SHARED = 5
"""Rows that a cell is shared by on average, at least: texts that two variants share fit whatever these share."""

Cells = Sequence[str | None]


@dataclass(frozen=True)
class Wanted:
    """told: the kind, guessed where None. positive: this class against the rest. unknown: cells that mean no answer."""

    column: str
    told: Told | None = None
    positive: str | None = None
    unknown: tuple[str, ...] = ()


def read_target(cells: Cells, wanted: Wanted) -> Target:
    """The target of a column, `known` where its cell says something.

    The kind, where it is not given: labels where a cell holds "|"; numbers where every cell is one and there is a
    fraction among them or more than 20 different ones; a class otherwise. Raises DatasetError where nothing is told,
    where all rows tell the same, or where numbers are asked of words.
    """
    away = {one.lower() for one in (*wanted.unknown, *NOTHING)}
    said = [None if cell is None or cell.lower() in away else cell for cell in cells]
    if not any(cell is not None for cell in said):
        raise DatasetError(
            f"The column {wanted.column!r} tells of no row what it is.",
            "a target that at least some rows have.",
            "name another column, or fill this one in.",
        )
    if wanted.positive is not None:
        return _one_against_the_rest(said, wanted)
    told = wanted.told or guess(said)
    if told == "numbers":
        return _numbers(said, wanted)
    target = _labels(said, wanted) if told == "labels" else Target.classes(wanted.column, said)
    _refuse_sameness(target)
    return target


def guess(said: Cells) -> Told:
    given = [cell for cell in said if cell is not None]
    if any("|" in cell for cell in given):
        return "labels"
    numbers = [number for cell in given if np.isfinite(number := _number(cell))]
    different = set(numbers)
    if len(numbers) == len(given) and (len(different) > MOST_CLASSES or any(one % 1 for one in different)):
        return "numbers"
    return "class"


def _one_against_the_rest(said: Cells, wanted: Wanted) -> Target:
    held = {one for cell in said if cell is not None for one in _split(cell)}
    if wanted.positive not in held:
        raise DatasetError(
            f"No row of {wanted.column!r} is {wanted.positive!r}.",
            "one of " + examples(sorted(held), 12) + ".",
            "write the class as the column has it.",
        )
    rest = f"not {wanted.positive}"
    binary = [None if c is None else (wanted.positive if wanted.positive in _split(c) else rest) for c in said]
    target = Target.classes(wanted.column, binary, (rest, wanted.positive))
    _refuse_sameness(target)
    return target


def _numbers(said: Cells, wanted: Wanted) -> Target:
    values = np.array([np.nan if cell is None else _number(cell) for cell in said])
    words = [cell for cell, value in zip(said, values, strict=True) if cell is not None and not np.isfinite(value)]
    if words:
        raise DatasetError(
            f"{several(len(words), 'row')} of {wanted.column!r} hold no finite number: {examples(words)}.",
            "a number in every cell that is not empty.",
            "correct them, name what means no answer with --unknown, or ask for --kind class.",
        )
    known = np.isfinite(values)
    if np.ptp(values[known]) == 0:
        raise DatasetError(
            f"Every row of {wanted.column!r} is {values[known][0]:g}.", "numbers that differ.", "name another column."
        )
    filled = np.where(known, values, 0).astype(np.float32)[:, None]
    return Target(wanted.column, "numbers", (wanted.column,), filled, known)


def _labels(said: Cells, wanted: Wanted) -> Target:
    given = [None if cell is None else _split(cell) for cell in said]
    names = tuple(sorted({one for labels in given if labels for one in labels}))
    place = {one: column for column, one in enumerate(names)}
    values = np.zeros((len(said), len(names)), dtype=np.float32)
    for row, labels in enumerate(given):
        for one in labels or ():
            values[row, place[one]] = 1
    return Target(wanted.column, "labels", names, values, np.array([one is not None for one in given]))


def _refuse_sameness(target: Target) -> None:
    rows = target.values[target.known]
    same = len(target.names) < 2 if target.told == "class" else bool((rows == rows[:1]).all())
    if same or not rows.any():
        raise DatasetError(
            f"Every row of {target.name!r} that tells anything tells {examples(list(target.names))}.",
            "at least two classes, or labels that some rows have and others lack.",
            "name another column.",
        )
    if target.told == "class" and len(target.names) >= len(rows):
        raise DatasetError(
            f"{target.name!r} has {several(len(target.names), 'class', 'classes')} in {several(len(rows), 'row')}.",
            "classes that several rows share.",
            "name another column, or ask for --kind numbers.",
        )


def _split(cell: str) -> tuple[str, ...]:
    return tuple(one for part in cell.split("|") if (one := part.strip()))


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


# --- what gives the target away ----------------------------------------------------------------------------------


def give_aways(target: Target, columns: Mapping[str, Cells]) -> list[Note]:
    """A warning for each column that says (nearly) what the target says.

    Rows whose cell another row shares are read alone, since a cell that is one row's own (an id, a long text) fits
    anything: the share of the target's entropy that the cell takes away (mutual information / entropy), of numbers the
    share of variance; columns with too few such rows, or with few rows a cell, say nothing.
    """
    notes = []
    for name, cells in columns.items():
        share, rows = told_by(target, cells)
        if share >= GIVES_AWAY:
            message = (
                f"The column {name!r} says what {target.name!r} says ({share:.0%} of it, on {several(rows, 'row')}): "
                f"leave it out with --ignore {name} unless it is known before the answer is."
            )
            notes.append(Note("gives-away", message, rows))
    return notes


def told_by(target: Target, cells: Cells) -> tuple[float, int]:
    """(share of what the target says, rows that it was measured on); 0 where fewer than half of the rows tell."""
    counts = Counter(cell for row, cell in enumerate(cells) if cell is not None and target.known[row])
    groups: dict[str, int] = {}
    rows, codes = [], []
    for row, cell in enumerate(cells):
        if cell is not None and target.known[row] and counts[cell] > 1:
            rows.append(row)
            codes.append(groups.setdefault(cell, len(groups)))
    if len(rows) < max(SHARED * len(groups), 0.5 * sum(counts.values())) or len(groups) < 2:
        return 0.0, len(rows)
    group, values = np.array(codes, dtype=np.int64), target.values[rows].astype(np.float64)
    if target.told == "numbers":
        spread = values.var(axis=0).sum()
        return (float(1 - _within(values, group).sum() / spread) if spread > 0 else 0.0), len(rows)
    if target.told == "labels":
        _, kinds = np.unique(values, axis=0, return_inverse=True)
    else:
        kinds = values.argmax(axis=1)
    whole = _entropy(np.bincount(kinds))
    if whole == 0:
        return 0.0, len(rows)
    left = sum((group == one).mean() * _entropy(np.bincount(kinds[group == one])) for one in range(len(groups)))
    return float(1 - left / whole), len(rows)


def _within(values: Float64[Array, "rows outputs"], group: Int64[Array, " rows"]) -> Float64[Array, " outputs"]:
    """Mean squared distance of each row from the mean of its group."""
    size = np.bincount(group)
    means = np.stack([np.bincount(group, weights=column) / size for column in values.T], axis=1)
    return ((values - means[group]) ** 2).mean(axis=0)


def _entropy(counts: Int64[Array, " kinds"]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
