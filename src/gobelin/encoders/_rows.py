"""Pieces to a block, one row each: what encoders do around their own reading, whatever they read.

A piece that cannot be read is an `Unreadable`, whose reason stands with its absent row.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.media.foreign import Unreadable
from gobelin.values import Block

Piece = TypeVar("Piece")
Content = TypeVar("Content")


def rows_of(
    pieces: Sequence[Piece],
    dim: int,
    read: Callable[[Piece], Content | Unreadable],
    describe: Callable[[Content], Any],
) -> Block:
    """One piece after another. describe: what was read to its vector (dim,), or to an `Unreadable` that tells why
    there is none."""
    values = np.zeros((len(pieces), dim), dtype=np.float32)
    reasons: list[str | None] = [None] * len(pieces)
    for row, piece in enumerate(pieces):
        content = read(piece)
        vector = content if isinstance(content, Unreadable) else describe(content)
        if isinstance(vector, Unreadable):
            reasons[row] = vector.reason
        else:
            values[row] = vector
    return _block(values, reasons)


def rows_in_batches(
    pieces: Sequence[Piece],
    dim: int,
    read: Callable[[Piece], Content | Unreadable],
    prepare: Callable[[Content], Iterable[Array]],
    run: Callable[[Array], Array],
    together: int,
) -> Block:
    """Several inputs of a network in a call. Each piece is read as its turn comes, and kept as its inputs alone.

    prepare: what was read to inputs of equal shape, one or several. run: (n, ...) inputs, n at most `together`, to
    (n, dim); the row of a piece is the sum over its inputs.
    """
    values = np.zeros((len(pieces), dim), dtype=np.float32)
    reasons: list[str | None] = [None] * len(pieces)
    rows: list[int] = []
    inputs: list[Array] = []

    def flush() -> None:
        np.add.at(values, rows, run(np.stack(inputs)))
        rows.clear()
        inputs.clear()

    for row, piece in enumerate(pieces):
        content = read(piece)
        if isinstance(content, Unreadable):
            reasons[row] = content.reason
            continue
        for one in prepare(content):
            rows.append(row)
            inputs.append(one)
            if len(rows) == together:
                flush()
    if rows:
        flush()
    return _block(values, reasons)


def rows_of_texts(
    texts: Sequence[str], dim: int, run: Callable[[list[str]], Array], together: int | None = None
) -> Block:
    """Texts with a letter or a sign in them; others are absent as "empty".

    run: some texts to (n, dim). together: how many of similar length go into a call (`by_length`); None: all, in order.
    """
    values = np.zeros((len(texts), dim), dtype=np.float32)
    present = np.array([bool(text.strip()) for text in texts], dtype=bool)
    if together is None:
        groups = [np.flatnonzero(present).tolist()] if present.any() else []
    else:
        groups = by_length(texts, together)
    for rows in groups:
        values[rows] = run([texts[row] for row in rows])
    return _block(values, [None if here else "empty" for here in present.tolist()])


def by_length(texts: Sequence[str], together: int) -> list[list[int]]:
    """Rows of texts of similar length, at most `together` in a group: little padding, one pass a group."""
    rows = sorted((row for row, text in enumerate(texts) if text.strip()), key=lambda row: (len(texts[row]), row))
    return [rows[start : start + together] for start in range(0, len(rows), together)]


def itself(content: Content) -> Content:
    """The `read` of pieces that are read already."""
    return content


def unit(values: Float32[Array, "rows dim"]) -> Float32[Array, "rows dim"]:
    """Rows brought to the length 1; rows of zeros stay."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-12))


def _block(values: Float32[Array, "rows dim"], reasons: Sequence[str | None]) -> Block:
    return Block(values, np.array([reason is None for reason in reasons], dtype=bool), tuple(reasons))
