"""The checker behind jaxtyping's hook: beartype, except where it cannot see the class that `Self` means."""

from collections.abc import Callable
from typing import Any

from beartype import beartype
from beartype.roar import BeartypeDecorHintPep673Exception


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return beartype(function)
    except BeartypeDecorHintPep673Exception:
        return function
