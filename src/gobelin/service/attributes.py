"""All that can be said of one item: what the catalogue gives, what readers find in its content, what is predicted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gobelin import parts
from gobelin.data.catalogue import MEDIA_FIELDS, TEXT_FIELDS, Catalogue
from gobelin.data.dataset import Dataset
from gobelin.errors import MissingExtra, UserError
from gobelin.protocols import Content, Reader
from gobelin.service.filling import Filling
from gobelin.service.served import Served
from gobelin.values import UNREADABLE, Reading

COLUMNS = ("attribute", "value", "confidence", "source")
_BRANDS = {"brand", "brands", "brand_name", "manufacturer", "maker", "品牌", "厂商"}


@dataclass(frozen=True)
class ItemAttributes:
    """readings: the catalogue's own (source "catalogue"), then those of readers, then predicted ones, each kind as it
    comes. notes: what could not be read, and why."""

    item_id: str
    title: str
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        rows = [(one.attribute, one.value, one.confidence, one.source) for one in self.readings]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def as_json(self) -> dict[str, Any]:
        return {
            "item_id": self.item_id,
            "title": self.title,
            "attributes": [one.as_json() for one in self.readings],
            "notes": list(self.notes),
        }


def catalogue_of(served: Served) -> tuple[Catalogue | None, str | None]:
    """The catalogue of the data set's folder, read anew, and why it is not there."""
    if served.root is None:
        return None, "The run does not know the folder of its data set: only what its model keeps of the item is read."
    if not served.root.is_dir():
        return None, f"The data set's folder {served.root} is gone: only what the run keeps of the item is read."
    try:
        return Dataset.read(served.root).catalogue, None
    except UserError as wrong:
        return None, f"The data set's folder {served.root} cannot be read ({wrong.given})."


def attributes(
    served: Served, filling: Filling, catalogue: tuple[Catalogue | None, str | None], row: int
) -> ItemAttributes:
    known, why = catalogue
    notes = [] if why is None else [why]
    item = served.items[row]
    if known is not None and item in known.items:
        content = known.content(known.items.row(item))
        own = [*_own(content)]
    else:
        if known is not None:
            notes.append(f"The data set's folder {served.root} no longer holds this item: what the run keeps is read.")
        content, own = _card(served, row), []
    readings = [*own, *_read(content, _brands(known, filling), notes), *filling.predict(row)]
    return ItemAttributes(item, served.cards.titles[row], tuple(readings), tuple(notes))


def _own(content: Content) -> Iterator[Reading]:
    for name, values in content.fields.items():
        if name not in (*TEXT_FIELDS, *MEDIA_FIELDS):
            yield Reading(name, str(values[0]), 1.0, "catalogue")


def _card(served: Served, row: int) -> Content:
    """Title, categories and the first picture, which a run keeps of every item; the picture where its file is."""
    fields: dict[str, tuple[str, ...] | tuple[Path, ...]] = {"title": (served.cards.titles[row],)}
    if served.cards.categories[row]:
        fields["categories"] = (served.cards.categories[row],)
    if (image := served.cards.images[row]) is not None and served.root is not None:
        fields["image"] = (served.root / image,)
    return Content(served.items[row], fields)


def _read(content: Content, brands: tuple[str, ...], notes: list[str]) -> Iterator[Reading]:
    for part in parts.named("readers"):
        cls: Any = part.load()
        fields = cls.fields if isinstance(cls.fields, tuple) else ()
        if not any(content.fields.get(name) for name in fields):
            continue
        try:
            reader: Reader = parts.bind("readers", part.name, {"brands": brands} if "brands" in part.settings else {})
        except MissingExtra as wrong:
            notes.append(f"{cls.source}: {wrong.given} ({wrong.next_step})")
            continue
        for reading in reader.read([content])[0]:
            if reading.attribute == UNREADABLE:
                notes.append(f"{cls.source}: {reading.value}.")
            else:
                yield reading


def _brands(catalogue: Catalogue | None, filling: Filling) -> tuple[str, ...]:
    """Values of the column of brands, where there is one."""
    columns: Mapping[str, Any] = {} if catalogue is None else catalogue.columns
    for name, values in columns.items():
        if name.lower() in _BRANDS:
            return tuple(sorted({value for value in values if value is not None and len(value) > 1}))
    return next((column.values for column in filling.columns.values() if column.name.lower() in _BRANDS), ())
