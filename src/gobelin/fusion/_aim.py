"""What fused vectors are for, as columns of about one size: centred classes and labels, standardised numbers."""

import numpy as np

from gobelin.arrays import Array, Bool, Float64, Int64
from gobelin.errors import UserError
from gobelin.values import Target


def known_rows(target: Target, learn: Bool[Array, " rows"]) -> Int64[Array, " known"]:
    """Rows that may be learned from and whose target is known. Raises UserError where there is none."""
    if len(target.known) != len(learn):
        raise ValueError(f"a target of {len(target.known)} rows for {len(learn)}")
    rows = np.flatnonzero(target.known & learn)
    if not len(rows):
        raise UserError(
            f"The target {target.name!r} is known of no row from which the fusion may learn.",
            "some rows with a known target.",
            "leave the target out, or name another column.",
        )
    return rows


def columns(target: Target, rows: Int64[Array, " some"]) -> Float64[Array, "some outputs"]:
    """Numbers with deviation 1 over these rows (a constant one 0), all centred on them."""
    values = target.values[rows].astype(np.float64)
    values -= values.mean(axis=0)
    if target.told == "numbers":
        deviation = values.std(axis=0)
        values *= np.where(deviation > 1e-9, 1 / np.maximum(deviation, 1e-9), 0)
    return values
