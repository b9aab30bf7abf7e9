"""The checker behind jaxtyping's hook: beartype, except where it cannot see the class that `Self` means."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

TOWER = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as for every type checker


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return TOWER(function)
    except BeartypeDecorHintPep673Exception:
        return function
