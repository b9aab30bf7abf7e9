"""What `dataset.toml` says about a data set."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError

from gobelin.errors import DatasetError, nearest
from gobelin.values import Kind

KindName = Literal["view", "click", "search", "cart", "purchase", "rating", "review"]
FILES = ("items", "interactions", "users")

DEFAULT_WEIGHTS: Mapping[KindName, float] = {
    "view": 0.1,
    "click": 0.2,
    "search": 0.0,
    "cart": 0.5,
    "purchase": 0.5,  # only where a rule of the user's own calls it no positive
    "rating": 0.0,
    "review": 0.0,
}


class DatasetSettings(BaseModel):
    """positive: the rule for what counts as liking ("rating >= 4"); None: decided from the log and then stated here.

    ignore: columns to leave out. categorical: columns to read as categories. group: the column that joins variants of
    one product. event: what a row without an event is. events: their names of events -> ours, or "ignore".
    event_weights: strength of an event that is not positive, 1 being a positive one.
    columns: their names -> ours, for all files, or under the name of one: {"items": {"sku": "item_id"}}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    positive: str | None = None
    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    group: str | None = None
    event: KindName | None = None
    events: Mapping[str, KindName | Literal["ignore"]] = Field(default_factory=dict)
    event_weights: Mapping[KindName, NonNegativeFloat] = Field(default_factory=dict)
    columns: Mapping[str, str | Mapping[str, str]] = Field(default_factory=dict)

    def weight(self, kind: Kind) -> float:
        """Strength of an event of this kind that is not positive."""
        name: KindName = kind.name  # type: ignore[assignment]
        return float(self.event_weights.get(name, DEFAULT_WEIGHTS[name]))

    def renamed(self, file: str) -> dict[str, str]:
        """Their column names -> ours in one of FILES."""
        flat = {theirs: ours for theirs, ours in self.columns.items() if isinstance(ours, str)}
        own = self.columns.get(file, {})
        return flat | (dict(own) if not isinstance(own, str) else {})

    @classmethod
    def read(cls, path: Path) -> "DatasetSettings":
        """Raises DatasetError where the file is not TOML or breaks the schema; every mistake is told at once."""
        try:
            table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as wrong:
            raise DatasetError(
                f"{path.name} cannot be read: {wrong}.",
                "a TOML file in UTF-8.",
                'correct that line; text needs quotes, e.g. positive = "rating >= 4".',
            ) from wrong
        return cls.checked(table, path.name)

    @classmethod
    def checked(cls, table: Mapping[str, object], where: str = "The settings") -> "DatasetSettings":
        try:
            return cls.model_validate(table)
        except ValidationError as wrong:
            raise DatasetError(
                f"{where} cannot be used: " + "; ".join(_told(wrong)) + ".",
                "the keys " + ", ".join(cls.model_fields) + ".",
                "correct them in dataset.toml.",
            ) from wrong


def _told(wrong: ValidationError) -> Iterator[str]:
    for error in wrong.errors():
        where = ".".join(str(step) for step in error["loc"])
        if error["type"] == "extra_forbidden":
            yield f"there is no setting {where!r}.{nearest(where, DatasetSettings.model_fields)}".rstrip(".")
        else:
            yield f"{where} = {error['input']!r}: {error['msg']}"
