"""What was read from content: an attribute, its value, how sure that is, and where it stands."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

UNREADABLE = "unreadable"
"""The attribute of a reading that says why there is no other: its value is the reason ("broken", "missing")."""


@dataclass(frozen=True, order=True)
class Reading:
    """attribute: "colour"; value: as people write it, in English ("black", "$19.99", "30 cm").

    confidence: 0 to 1, from the strength of a rule or from a model: the reader's docstring says what it means.
    source: title | text | image | audio | video, or a sentence that says what it was told from.
    """

    attribute: str
    value: str
    confidence: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"a confidence of {self.confidence} is not between 0 and 1")

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"confidence": round(self.confidence, 4)}


def surest(readings: Iterable[Reading]) -> list[Reading]:
    """Each value of an attribute once, from where it is surest; attributes as they come, the surest value first."""
    best: dict[tuple[str, str], Reading] = {}
    order: dict[str, int] = {}
    for one in readings:
        order.setdefault(one.attribute, len(order))
        known = best.get((one.attribute, one.value))
        if known is None or one.confidence > known.confidence:
            best[one.attribute, one.value] = one
    return sorted(best.values(), key=lambda one: (order[one.attribute], -one.confidence))
