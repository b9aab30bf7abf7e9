"""How the learning rate goes: a factor of it for each step."""

import math
from typing import Literal

Schedule = Literal["constant", "warm-up", "cosine", "plateau"]
COOL = 0.5  # what a plateau makes of the rate


def factor(schedule: Schedule, step: int, steps: int, warm_up: int) -> float:
    """Of the learning rate at a step, from 0, of `steps` in all.

    "warm-up": rising over the first `warm_up` steps, then constant; "cosine": rising alike, then down to nothing along
    half a cosine (Loshchilov and Hutter, ICLR 2017). "plateau" is constant here: `stalled` says when it falls.
    """
    if schedule in ("constant", "plateau"):
        return 1.0
    if step < warm_up:
        return (step + 1) / warm_up
    if schedule == "warm-up":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1)))


def stalled(values: list[float], patience: int) -> int:
    """How many times a plateau has been reached: `patience` judgements in a row without a better one."""
    falls, best, since = 0, -math.inf, 0
    for value in values:
        if value > best:
            best, since = value, 0
            continue
        since += 1
        if since == patience:
            falls, since = falls + 1, 0
    return falls
