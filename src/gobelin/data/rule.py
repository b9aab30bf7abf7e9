"""The rule for what counts as liking: a few comparisons of columns, read safely.

rating >= 4          event == "purchase"          event in ["purchase", "cart"] and quantity > 0
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gobelin.arrays import Array, Bool, Float64
from gobelin.errors import DatasetError, nearest

EVERY = "every event with an item"
"""The rule of a log that holds neither purchases nor ratings."""

_LARGEST = 2**1000  # a float holds it

_ORDER: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


@runtime_checkable
class Columns(Protocol):
    """What a rule looks at: the log's columns as numbers (NaN: none) or as text codes."""

    def __contains__(self, name: str) -> bool: ...

    def names(self) -> Iterable[str]: ...

    def numbers(self, name: str) -> Float64[Array, " rows"]: ...

    def matches(self, name: str, values: list[str]) -> Bool[Array, " rows"]:
        """Rows whose text is one of these."""
        ...

    def filled(self, name: str) -> Bool[Array, " rows"]:
        """Rows that hold anything."""
        ...


@dataclass(frozen=True)
class Rule:
    """A parsed rule. text: as written; names: the columns it looks at."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr | None

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Raises DatasetError where the text is no rule; nothing of it is ever executed."""
        if text.strip() == EVERY:
            return cls(EVERY, (), None)
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            _check(tree)
        except (SyntaxError, ValueError, RecursionError) as wrong:
            reason = wrong.msg if isinstance(wrong, SyntaxError) else str(wrong)
            raise DatasetError(
                f"The rule {text!r} in `positive` cannot be read: {reason}.",
                "comparisons of a column with a value, joined by `and`, `or`, `not`.",
                'write for example positive = "rating >= 4" or positive = \'event in ["purchase", "cart"]\'.',
            ) from wrong
        names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
        return cls(text.strip(), tuple(names), tree)

    def apply(self, columns: Columns, n: int) -> Bool[Array, " rows"]:
        """True for each of the n rows that the rule holds for; a row without a value matches no comparison."""
        for name in self.names:
            if name not in columns:
                known = sorted(columns.names())
                raise DatasetError(
                    f"The rule {self.text!r} looks at a column {name!r} that the log does not have."
                    f"{nearest(name, known)}",
                    "one of " + ", ".join(known) + ".",
                    "correct `positive` in dataset.toml.",
                )
        if self._tree is None:
            return np.ones(n, dtype=bool)
        return np.asarray(_value(self._tree, columns), dtype=bool)


def _check(node: ast.expr) -> None:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            for a, op, b in zip(sides, ops, others, strict=False):
                if isinstance(op, ast.In | ast.NotIn):
                    if not isinstance(a, ast.Name) or not isinstance(_constant(b), list):
                        raise ValueError("`in` needs a column on its left and a list on its right")
                elif type(op) not in _ORDER:
                    raise ValueError("only == != < <= > >= in are understood")
                elif isinstance(a, ast.Name) == isinstance(b, ast.Name):
                    raise ValueError("a comparison needs a column on one side and a value on the other")
                else:
                    constant = _constant(b if isinstance(a, ast.Name) else a)
                    if isinstance(constant, list):
                        raise ValueError("a list goes with `in`")
                    if isinstance(constant, str) and not isinstance(op, ast.Eq | ast.NotEq):
                        raise ValueError("text can be compared by == and != only")
        case _:
            raise ValueError(f"`{ast.unparse(node)}` is no comparison")


def _constant(node: ast.expr) -> str | int | float | list[str | int | float]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"`{ast.unparse(node)}` is no value; text needs quotes") from None
    for one in value if isinstance(value, list | tuple | set) else [value]:
        if not isinstance(one, str | int | float):
            raise ValueError(f"{one!r} is neither a number nor text")
        if isinstance(one, int) and abs(one) > _LARGEST:
            raise ValueError("a number in it is too large")
    return list(value) if isinstance(value, list | tuple | set) else value


def _value(node: ast.expr, columns: Columns) -> Bool[Array, " rows"]:
    match node:
        case ast.BoolOp(op=op, values=values):
            joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return np.asarray(joined.reduce([_value(value, columns) for value in values]))
        case ast.UnaryOp(operand=operand):
            return ~_value(operand, columns)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            steps = [_step(a, op, b, columns) for a, op, b in zip(sides, ops, others, strict=False)]
            return np.asarray(np.logical_and.reduce(steps))
    raise AssertionError(ast.dump(node))  # _check let nothing else pass


def _step(a: ast.expr, op: ast.cmpop, b: ast.expr, columns: Columns) -> Bool[Array, " rows"]:
    name = a.id if isinstance(a, ast.Name) else b.id  # type: ignore[attr-defined]
    value = _constant(b if isinstance(a, ast.Name) else a)
    values = value if isinstance(value, list) else [value]
    if isinstance(op, ast.In | ast.NotIn) or isinstance(value, str):
        found = columns.matches(name, [one for one in values if isinstance(one, str)])
        numbers = [one for one in values if not isinstance(one, str)]
        if numbers:
            found = found | np.isin(columns.numbers(name), numbers)
        return columns.filled(name) & ~found if isinstance(op, ast.NotIn | ast.NotEq) else found
    left = columns.numbers(name)
    known = ~np.isnan(left)
    ordered = _ORDER[type(op)]
    holds = ordered(left, value) if isinstance(a, ast.Name) else ordered(value, left)
    return np.asarray(known & holds)
