"""What several commands take, said once."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from gobelin.errors import UserError

DatasetArg = Annotated[
    Path, typer.Argument(help="A dataset folder: items.csv, interactions.csv, pictures.", show_default=False)
]
RunArg = Annotated[Path, typer.Argument(help="A folder that `gobelin run` wrote.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of tables.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="part.key=value, e.g. model.regularisation=200. May be repeated.")
]
Workers = Annotated[
    int | None, typer.Option(help="Processes that decode and encode. Default: one a core.", show_default=False)
]


def equals(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UserError(f"{option} {text!r} has no name and value.", "name=value.", f"e.g. {option} colour=red.")
    return name, value


def names(joined: str | None) -> tuple[str, ...]:
    """What was joined by commas; none where the option was not given."""
    return tuple(one.strip() for one in (joined or "").split(",") if one.strip())


def command() -> str:
    """What was typed, for the report."""
    return shlex.join(["gobelin", *sys.argv[1:]])
