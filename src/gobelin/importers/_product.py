"""One product's metadata as Amazon's data sets have it, in the words of our items table."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("item_id", "title", "text", "categories", "brand", "price", "image_url", "image")

_PRICE = re.compile(r"\$?\s*(\d+(?:,\d{3})*(?:\.\d+)?)")


def described(record: Mapping[str, Any]) -> dict[str, str | None]:
    """COLUMNS less `image`, whichever year's names the record uses; None where it says nothing.

    2014: asin, categories as lists of lists, imUrl. 2018: category, feature, imageURLHighRes. 2023: parent_asin, store,
    features, images. image_url: the addresses of its pictures, largest first choice, joined by `|`.
    """
    return {
        "item_id": _first(record, "parent_asin", "asin"),
        "title": _first(record, "title"),
        "text": "\n".join(_texts(record, "description", "features", "feature")) or None,
        "categories": _categories(record),
        "brand": _first(record, "brand", "store"),
        "price": _price(record.get("price")),
        "image_url": "|".join(dict.fromkeys(_pictures(record))) or None,
    }


def _first(record: Mapping[str, Any], *names: str) -> str | None:
    return next((text for text in _texts(record, *names)), None)


def _texts(record: Mapping[str, Any], *names: str) -> Iterator[str]:
    """The texts under these names, lists flattened, entities read, empty ones left out."""
    for name in names:
        for value in _flat(record.get(name)):
            text = html.unescape(value).strip()
            if text:
                yield text


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _flat(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _categories(record: Mapping[str, Any]) -> str | None:
    names = dict.fromkeys(_texts(record, "categories", "category"))
    if not names:
        names = dict.fromkeys(_texts(record, "main_category", "main_cat"))
    return "|".join(name.replace("|", "/") for name in names) or None


def _price(value: Any) -> str | None:
    """A number as text; a range, or words, are no price."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if value == value else None
    found = _PRICE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1].replace(",", "") if found else None


def _pictures(record: Mapping[str, Any]) -> Iterator[str]:
    """Addresses, one for each picture: the largest that is stated."""
    pictures = record.get("images")
    if isinstance(pictures, Mapping):  # columns instead of rows, as tables are exported
        sizes = {name: value for name, value in pictures.items() if isinstance(value, list)}
        count = max((len(value) for value in sizes.values()), default=0)
        pictures = [{n: v[i] for n, v in sizes.items() if i < len(v)} for i in range(count)]
    found = [one for one in pictures if isinstance(one, Mapping)] if isinstance(pictures, list) else []
    found.sort(key=lambda one: one.get("variant") != "MAIN")  # the main one first, the others as they stand
    addresses = [one.get("hi_res") or one.get("large") or one.get("thumb") for one in found]
    if not any(addresses):
        high = list(_texts(record, "imageURLHighRes"))
        addresses = [*(high or _texts(record, "imageURL")), *_texts(record, "imUrl")]
    for address in addresses:
        if isinstance(address, str) and address.startswith(("http://", "https://")) and "|" not in address:
            yield address
