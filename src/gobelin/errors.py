"""The error tree. Every message says what was given, what was expected, and the next step.

GobelinError                500
├── UserError               400   something the person gave cannot be used; shown without a traceback
│   ├── DatasetError        400   a dataset folder or frame breaks the contract
│   ├── RecipeError         400   a recipe or a setting breaks the schema
│   ├── SplitError          400   a split would leave a part empty
│   ├── UnknownName         404   a part, user, item, run or column that does not exist
│   └── MissingExtra        501   a part whose extra is not installed, or whose weights were not got
└── StoreError              500   a run folder or cache that is damaged, or from a later version
"""

import difflib
from collections.abc import Iterable


class GobelinError(Exception):
    """One sentence each: what was `given`, what was `expected`, the `next_step`."""

    status = 500

    def __init__(self, given: str, expected: str, next_step: str) -> None:
        self.given, self.expected, self.next_step = given, expected, next_step
        super().__init__(f"{given} Expected: {expected} Next: {next_step}")

    def __reduce__(self) -> tuple[object, ...]:  # crosses process borders whole
        return type(self), (self.given, self.expected, self.next_step)

    def as_json(self) -> dict[str, object]:
        """The one shape in which an error leaves the house, on a terminal with --json and over HTTP."""
        return {
            "error": type(self).__name__,
            "given": self.given,
            "expected": self.expected,
            "next_step": self.next_step,
        }


class UserError(GobelinError):
    status = 400


class DatasetError(UserError):
    pass


class RecipeError(UserError):
    pass


class SplitError(UserError):
    pass


class UnknownName(UserError):
    status = 404


class MissingExtra(UserError):
    status = 501


class StoreError(GobelinError):
    pass


def nearest(name: str, known: Iterable[str]) -> str:
    """' Did you mean "weave"?' or an empty string: appended to messages about names."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.55)
    return f" Did you mean {close[0]!r}?" if close else ""
