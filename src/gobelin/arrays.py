"""Named shapes. Axis names: items, users, queries, candidates, events, rows, dim, k.

The test suite checks them at every call through jaxtyping's import hook; at run time they are documentation.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int8, Int32, Int64, UInt8

Array = np.ndarray

ItemMatrix = Float32[Array, "items dim"]
Scores = Float32[Array, "queries candidates"]
ItemSquare = Float32[Array, "items items"]
Rows = Int32[Array, " rows"]
Presence = Bool[Array, " rows"]

__all__ = [
    "Array",
    "Bool",
    "Float",
    "Float32",
    "Float64",
    "Int8",
    "Int32",
    "Int64",
    "ItemMatrix",
    "ItemSquare",
    "Presence",
    "Rows",
    "Scores",
    "UInt8",
]
