"""Writing the demo shop as a dataset folder: tables, pictures, sounds, clips and `dataset.toml`, one item at a time."""

import csv
import importlib.util
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gobelin.demo.words import words
from gobelin.demo.world import DemoShop, Item
from gobelin.errors import UserError
from gobelin.media.drawing import draw
from gobelin.media.moving import as_webm
from gobelin.media.tones import as_wav, play

SETTINGS = """\
# Drawn by `gobelin demo` (items = {items}, people = {people}, seed = {seed}): a shop whose truth is planted.
# Themes are told by words only, looks are shown by pictures only; people like a theme in a look. Timbres are heard in
# sounds only, motions are seen in clips only; people like one of each.
group = "product_code"  # items that are variants of one product: same words, another look
event = "purchase"  # what a row of the log without an event would be
"""


def write(shop: DemoShop, folder: Path, told: Callable[[int, int], None] | None = None) -> None:
    """Write the shop into `folder`, which is made if need be; `told(done, items)` hears of every item drawn.

    Raises UserError if the folder holds anything already, before a file is touched. A shop that cannot be written to
    its end is no shop: the folder goes again.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"The demo shop cannot be drawn into {folder}.",
            "a folder that is empty or does not exist yet.",
            f"name another one, for example {folder.with_name(folder.name + '-2')}.",
        )
    try:
        _fill(shop, folder, told)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(shop: DemoShop, folder: Path, told: Callable[[int, int], None] | None) -> None:
    for name in ("images", "sounds", "clips"):
        (folder / name).mkdir(parents=True)
    films = importlib.util.find_spec("av") is not None  # of the extra `media`: without it the shop has no clips
    settings = SETTINGS.format(items=len(shop.items), people=len(shop.people), seed=shop.seed)
    (folder / "dataset.toml").write_text(settings, "utf-8")
    _table(folder / "users.csv", ("user_id", "language", "city", "joined"),
           ((p.user_id, p.language, p.city, _date(p.joined)) for p in shop.people))  # fmt: skip
    _table(folder / "interactions.csv", ("user_id", "item_id", "timestamp", "event", "rating", "quantity", "text"),
           _log_rows(shop))  # fmt: skip
    _table(folder / "items.csv", ("item_id", "product_code", "title", "text", "title_zh", "text_zh", "categories",
                                  "brand", "price", "care", "added", "image", "audio", "video"),
           (_row(i, films) for i in shop.items))  # fmt: skip
    for done, item in enumerate(shop.items, 1):
        for path, picture in zip(_paths(item), item.pictures, strict=True):
            draw(picture).save(folder / path, quality=88)
        if item.tune is not None:
            (folder / _sound(item)).write_bytes(as_wav(play(item.tune)))
        if item.clip is not None and films:
            (folder / _clip(item)).write_bytes(as_webm(item.clip))
        if told:
            told(done, len(shop.items))


def _row(item: Item, films: bool) -> Sequence[object]:
    category = words().kinds[item.kind].category
    return (item.item_id, item.product_code, item.title[0], item.text[0], item.title[1], item.text[1], category,
            item.brand, f"{item.price:.2f}", "|".join(item.care), _date(item.added),
            "|".join(_paths(item)), _sound(item), _clip(item) if films else "")  # fmt: skip


def _sound(item: Item) -> str:
    return "" if item.tune is None else f"sounds/{item.item_id}.wav"


def _clip(item: Item) -> str:
    return "" if item.clip is None else f"clips/{item.item_id}.webm"


def _paths(item: Item) -> list[str]:
    ends = ["", *(f"_{number}" for number in range(2, 1 + len(item.pictures)))]
    return [f"images/{item.item_id}{end}.jpg" for end in ends[: len(item.pictures)]]


def _log_rows(shop: DemoShop) -> Iterable[Sequence[object]]:
    for event in shop.events:
        item_id = shop.items[event.item].item_id if event.item >= 0 else ""
        yield (
            shop.people[event.person].user_id,
            item_id,
            event.time,
            event.kind,
            event.rating,
            event.quantity,
            event.text,
        )


def _date(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
