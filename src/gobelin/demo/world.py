"""The demo shop's world: products with a theme and a look, people with tastes, and what those people did.

The truth. A product's *theme* is told by its words and by nothing else, its *look* is shown by its picture and by
nothing else, its *timbre* is heard in its sound alone, its *motion* is seen in its clip alone; kind, brand, price and
all other columns are drawn independently of the four. A person has one or two *tastes*, a theme in a look, and likes
one timbre and one motion. Each purchase first draws how the product matches a taste (`BOUGHT`), then a product that
does, by popularity and by liking (`LIKED`): most fit in theme and look. Views (`VIEWED`) mostly fit in one of them:
seeing is not wanting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gobelin.demo.words import Bilingual, Words, words
from gobelin.errors import UserError
from gobelin.media.drawing import WALLS, Picture
from gobelin.media.moving import MOTIONS, Clip
from gobelin.media.tones import TIMBRES, Tune
from gobelin.media.weaving import LOOKS, WEAVES

T = TypeVar("T")

DAY = 86_400
START = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
DAYS = 60
ITEMS, PEOPLE = 1_200, 1_800
"""Sparse enough that the log alone finds half of what words and pictures together find. Fewer items or more people make
the log stronger, and it needs the content less."""


class Match(IntEnum):
    """How a product fits a taste."""

    NEITHER = 0
    THEME = 1
    LOOK = 2
    BOTH = 3


#                   NEITHER THEME LOOK  BOTH
BOUGHT = np.array([0.04, 0.19, 0.19, 0.58])
VIEWED = np.array([0.25, 0.30, 0.30, 0.15])
LIKED = 30.0  # so much more often a product is met whose timbre is liked, and again whose motion is
HEARD, FILMED = 0.94, 0.94  # shares of the items with a sound, with a clip


@dataclass(frozen=True)
class Item:
    """A product as the catalogue lists it, with its truth: `theme`, `look`, `timbre`, `motion` count `words().themes`,
    `LOOKS`, `TIMBRES`, `MOTIONS`."""

    item_id: str
    product_code: str
    title: Bilingual
    text: Bilingual
    kind: int
    brand: str
    price: float
    care: tuple[str, ...]
    added: int  # Unix seconds
    pictures: tuple[Picture, ...]  # empty: the shop has no picture of it
    theme: int
    look: int
    new: bool  # nobody has met it yet
    timbre: int = 0
    motion: int = 0
    tune: Tune | None = None  # None: the shop has no sound of it
    clip: Clip | None = None


@dataclass(frozen=True)
class Person:
    """A customer, with the truth: `tastes` are (theme, look) pairs, the first one the stronger; the liked timbre and
    motion go with any of them."""

    user_id: str
    language: str  # en or zh
    city: str
    joined: int
    tastes: tuple[tuple[int, int], ...]
    timbre: int = 0
    motion: int = 0


class Event(NamedTuple):
    """One row of the log; `person` and `item` are row numbers (item -1: a search that opened nothing)."""

    person: int
    item: int
    kind: str
    time: int
    rating: int | None = None
    quantity: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Reason:
    """Why a product suits a history, by construction: the products of the history that share something with it."""

    both: tuple[int, ...]
    theme: tuple[int, ...]
    look: tuple[int, ...]
    product: tuple[int, ...]  # other variants of the same product


@dataclass(frozen=True)
class DemoShop:
    """The shop and its truth. Row numbers index `items` and `people` everywhere."""

    seed: int
    items: tuple[Item, ...]
    people: tuple[Person, ...]
    events: tuple[Event, ...]  # by time

    @cached_property
    def themes(self) -> np.ndarray:
        """The theme of each item, (items,)."""
        return np.array([item.theme for item in self.items])

    @cached_property
    def looks(self) -> np.ndarray:
        """The look of each item, (items,)."""
        return np.array([item.look for item in self.items])

    def match(self, person: int) -> np.ndarray:
        """How each item fits the person's best fitting taste, as `Match` values, (items,)."""
        return _match(self.themes, self.looks, self.people[person].tastes).max(0)

    def history(self, person: int, kind: str = "purchase") -> tuple[int, ...]:
        """The items of a person's events of one kind, oldest first."""
        return tuple(event.item for event in self._events_of[person] if event.kind == kind and event.item >= 0)

    def reason(self, item: int, history: Sequence[int]) -> Reason:
        """The planted reason for an item: what an honest explanation would point at in the history."""
        others = [i for i in dict.fromkeys(history) if i != item]
        theme = [i for i in others if self.themes[i] == self.themes[item]]
        look = [i for i in others if self.looks[i] == self.looks[item]]
        return Reason(
            both=tuple(i for i in theme if i in look),
            theme=tuple(i for i in theme if i not in look),
            look=tuple(i for i in look if i not in theme),
            product=tuple(i for i in others if self.items[i].product_code == self.items[item].product_code),
        )

    @cached_property
    def _events_of(self) -> list[list[Event]]:
        events: list[list[Event]] = [[] for _ in self.people]
        for event in self.events:
            events[event.person].append(event)
        return events


def build(items: int = ITEMS, people: int = PEOPLE, seed: int = 0) -> DemoShop:
    """Draw a shop: the same arguments give the same shop, and a shop of another size keeps its truth.

    Raises UserError for fewer than 100 items or 10 people: below that a taste has no products to choose from.
    """
    if items < 100 or people < 10:
        raise UserError(
            f"A demo shop of {items} items and {people} people is too small for its tastes.",
            "at least 100 items and 10 people.",
            "ask for more.",
        )
    rng = np.random.default_rng(seed)
    catalogue = _with_sound_and_clip(_catalogue(items, rng), np.random.default_rng([seed, 1]))
    crowd = _with_ear_and_eye(_crowd(people, rng), np.random.default_rng([seed, 2]))
    return DemoShop(seed, catalogue, crowd, _log(catalogue, crowd, rng))


# --- the catalogue ---------------------------------------------------------------------------------------------


def _catalogue(size: int, rng: np.random.Generator) -> tuple[Item, ...]:
    """Products until there are `size` items; a product in several looks gives several items with the same words."""
    speech, items, titles = words(), list[Item](), set[str]()
    themes, looks = _deal(len(speech.themes), size, rng), _deal(len(LOOKS), size, rng)
    while len(items) < size:
        code = f"{100 + 7 * len(items):05d}"  # leading zeros: an id is a text
        first = _product(code, int(themes[len(items)]), speech, titles, rng)
        variants = min(int(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05])), size - len(items))
        taken = [int(looks[len(items)])]
        while len(taken) < variants:
            taken.append(int(rng.choice([look for look in range(len(LOOKS)) if look not in taken])))
        for number, look in enumerate(taken, 1):
            pictures = _pictures(speech.kinds[first.kind].key, look, rng)
            items.append(replace(first, item_id=f"{code}{number:02d}", look=look, pictures=pictures))
    return tuple(_thinned(items, rng))


def _deal(choices: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Every choice about equally often, in random order."""
    return rng.permutation(np.arange(size) % choices)


def _product(code: str, theme: int, speech: Words, titles: set[str], rng: np.random.Generator) -> Item:
    kind = int(rng.integers(len(speech.kinds)))
    brand = _one(speech.brands, rng)
    return Item(
        item_id="",
        product_code=code,
        title=_title(theme, kind, brand, speech, titles, rng),
        text=_description(theme, kind, speech, rng),
        kind=kind,
        brand=brand,
        price=round(float(speech.kinds[kind].price * rng.lognormal(0, 0.25))) - 0.05,
        care=tuple(sorted(rng.choice(speech.care, int(rng.integers(1, 3)), replace=False).tolist())),
        added=START - int(rng.integers(1, 300)) * DAY,
        pictures=(),
        theme=theme,
        look=-1,
        new=False,
    )


def _title(theme: int, kind: int, brand: str, speech: Words, titles: set[str], rng: np.random.Generator) -> Bilingual:
    """Most titles open with a phrase of the theme, one in six says brand and number only."""
    thing, thing_zh = speech.kinds[kind].name
    name, name_zh = _one(speech.themes[theme].names, rng)
    title, title_zh = f"{name} {thing}", f"{name_zh}{thing_zh}"
    if rng.random() < 1 / 6:
        number = int(rng.integers(2, 99))
        title, title_zh = f"{brand} {thing} No. {number}", f"{brand} {number}号{thing_zh}"
    elif title in titles:
        title, title_zh = f"{brand} {title}", f"{brand} {title_zh}"
    titles.add(title)
    return title, title_zh


def _description(theme: int, kind: int, speech: Words, rng: np.random.Generator) -> Bilingual:
    """Two stories, often a use, the craft and a note that any product may carry, in varying order."""
    theme_ = speech.themes[theme]
    parts = [theme_.stories[i] for i in rng.choice(len(theme_.stories), 2, replace=False)]
    parts += [_one(theme_.uses, rng)] if rng.random() < 0.7 else []
    plain = [_one(speech.kinds[kind].craft, rng)] if rng.random() < 0.6 else []
    plain += [_one(speech.notes, rng)] if rng.random() < 0.25 else []
    parts = plain + parts if rng.random() < 0.3 else parts + plain
    return " ".join(part[0] for part in parts), "".join(part[1] for part in parts)


def _pictures(kind: str, look: int, rng: np.random.Generator) -> tuple[Picture, ...]:
    """One picture, sometimes two: same product, other light and place."""
    girth, gauge = rng.uniform(0.9, 1.1), rng.uniform(0.85, 1.1)
    return tuple(
        Picture(
            kind, LOOKS[look], int(rng.choice([176, 192, 208])), int(rng.integers(len(WALLS))),
            girth=girth, zoom=rng.uniform(0.8, 0.92), shift=(rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.02)),
            tilt=rng.uniform(-12, 12), gauge=gauge, light=rng.uniform(0.94, 1.05),
        )
        for _ in range(2 if rng.random() < 0.06 else 1)
    )  # fmt: skip


def _thinned(items: list[Item], rng: np.random.Generator) -> list[Item]:
    """Take from some items their picture (6 %), words (6 %), both (2 %), Chinese (8 %); make some new (4 %)."""
    lot = rng.permutation(np.linspace(0, 1, len(items), endpoint=False))
    newcomers = rng.permutation(len(items))[: round(0.04 * len(items))]
    for i, item in enumerate(items):
        if lot[i] < 0.08:
            item = replace(item, pictures=())
        if 0.06 <= lot[i] < 0.14:
            item = replace(item, title=("", ""), text=("", ""))
        elif lot[i] >= 0.92:
            item = replace(item, title=(item.title[0], ""), text=(item.text[0], ""))
        if i in newcomers:
            item = replace(item, new=True, added=START + (DAYS - int(rng.integers(3))) * DAY)
        items[i] = item
    return items


def _with_sound_and_clip(items: tuple[Item, ...], rng: np.random.Generator) -> tuple[Item, ...]:
    """A timbre and a motion for each product (its variants share them), a sound and a clip for most items."""
    motions, weaves = list(MOTIONS), list(WEAVES)
    timbre, motion = _deal(len(TIMBRES), len(items), rng), _deal(len(motions), len(items), rng)
    heard, filmed = (rng.permutation(len(items)) < share * len(items) for share in (HEARD, FILMED))
    first: dict[str, int] = {}
    out = []
    for row, item in enumerate(items):
        like = first.setdefault(item.product_code, row)
        tune = Tune(
            TIMBRES[timbre[like]],
            pitch=float(220 * 2 ** rng.uniform(0, 1)),
            notes=tuple(rng.integers(0, 6, rng.integers(2, 5)).tolist()),
            loudness=float(rng.uniform(0.4, 0.8)),
            seed=row,
        )
        clip = Clip(
            motions[motion[like]],
            weaves[rng.integers(len(weaves))],
            speed=float(rng.uniform(0.8, 1.2) * rng.choice([-1, 1])),
            strength=float(rng.uniform(0.8, 1.2)),
            start=float(rng.uniform(0, 1)),
            place=(int(rng.integers(480)), int(rng.integers(480))),
        )
        out.append(
            replace(
                item,
                timbre=int(timbre[like]),
                motion=int(motion[like]),
                tune=tune if heard[row] else None,
                clip=clip if filmed[row] else None,
            )
        )
    return tuple(out)


# --- the people and what they do -------------------------------------------------------------------------------


def _crowd(size: int, rng: np.random.Generator) -> tuple[Person, ...]:
    speech = words()
    themes, looks = len(speech.themes), len(LOOKS)
    people = []
    for number in range(size):
        tastes = [(int(rng.integers(themes)), int(rng.integers(looks)))]
        if rng.random() < 0.2:  # the second taste differs in both, so that mixing up the two is a mistake
            theme, look = tastes[0]
            tastes.append((int(theme + rng.integers(1, themes)) % themes, int(look + rng.integers(1, looks)) % looks))
        people.append(
            Person(
                user_id=f"u{number + 1:05d}",
                language="zh" if rng.random() < 0.4 else "en",
                city=_one(speech.cities, rng),
                joined=START - int(rng.integers(0, 700)) * DAY,
                tastes=tuple(tastes),
            )
        )
    return tuple(people)


def _with_ear_and_eye(people: tuple[Person, ...], rng: np.random.Generator) -> tuple[Person, ...]:
    timbres, motions = rng.integers(len(TIMBRES), size=len(people)), rng.integers(len(MOTIONS), size=len(people))
    return tuple(
        replace(person, timbre=int(timbre), motion=int(motion))
        for person, timbre, motion in zip(people, timbres, motions, strict=True)
    )


def _match(themes: np.ndarray, looks: np.ndarray, tastes: Sequence[tuple[int, int]]) -> np.ndarray:
    """How each item fits each taste, (tastes, items)."""
    return np.stack([(themes == theme) * Match.THEME + (looks == look) * Match.LOOK for theme, look in tastes])


def _log(items: tuple[Item, ...], people: tuple[Person, ...], rng: np.random.Generator) -> tuple[Event, ...]:
    shelf = _Shelf(items, rng)
    events: list[Event] = []
    for row, person in enumerate(people):
        events += _life(row, person, shelf, rng)
    return tuple(sorted(events, key=lambda event: event.time))  # stable: a session keeps its order


class _Shelf:
    """What can be met in the shop: the items that are not new, and how popular each is."""

    def __init__(self, items: tuple[Item, ...], rng: np.random.Generator) -> None:
        self.items = items
        self.themes, self.looks, self.timbres, self.motions = (
            np.array([getattr(item, name) for item in items]) for name in ("theme", "look", "timbre", "motion")
        )
        self.popularity = rng.lognormal(0, 0.2, len(items)) * [not item.new for item in items]

    def liking(self, person: Person) -> np.ndarray:
        """How readily a person meets each item: by popularity, by what is heard and by how it moves, (items,)."""
        return self.popularity * LIKED ** ((self.timbres == person.timbre) * 1 + (self.motions == person.motion))

    def pick(
        self, match: np.ndarray, shares: np.ndarray, free: np.ndarray, liking: np.ndarray, rng: np.random.Generator
    ) -> int:
        """A free item: first how it matches, then which, by liking; if no such item is left, any item."""
        kind = rng.choice(len(shares), p=shares)
        weight = liking * free * (match == kind)
        if not weight.any():
            weight = liking * free
        total = np.cumsum(weight)
        return int(np.searchsorted(total, rng.random() * total[-1], side="right"))


def _life(row: int, person: Person, shelf: _Shelf, rng: np.random.Generator) -> list[Event]:
    """All events of one person: sessions of searching, looking, buying, and opinions some days later."""
    matches = _match(shelf.themes, shelf.looks, person.tastes)
    best, liking = matches.max(0), shelf.liking(person)
    purchases = 6 + int(rng.poisson(0.4))
    free = np.ones(len(shelf.items), bool)
    events: list[Event] = []
    days = np.sort(rng.choice(DAYS - 12, purchases, replace=False))
    while purchases:
        basket = min(purchases, int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])))
        purchases -= basket
        clock = (
            START + int(days[purchases]) * DAY + int(np.clip(rng.normal(19, 3), 6, 23) * 3600) + int(rng.integers(3600))
        )
        taste = int(rng.random() < 0.4) if len(person.tastes) > 1 else 0
        for _ in range(basket):
            item = shelf.pick(matches[taste], BOUGHT, free, liking, rng)
            free[item] = False
            visit = _visit(row, person, item, matches[taste], liking, shelf, clock, rng)
            events += visit
            clock = visit[-1].time + int(rng.integers(30, 400))
            events += _opinion(row, person, item, Match(best[item]), shelf, clock, rng)
    return events


def _visit(
    row: int,
    person: Person,
    item: int,
    match: np.ndarray,
    liking: np.ndarray,
    shelf: _Shelf,
    clock: int,
    rng: np.random.Generator,
) -> list[Event]:
    """The way to one purchase: perhaps a search, some other items looked at, then view, cart, purchase."""
    events: list[Event] = []

    def step(kind: str, target: int, **more: Any) -> None:
        nonlocal clock
        events.append(Event(row, target, kind, clock, **more))
        clock += int(rng.integers(8, 240))

    if rng.random() < 0.4:  # a search may open what was found, or nothing
        found = rng.random() < 0.5
        queries = words().themes[shelf.items[item].theme].queries
        step("search", item if found else -1, text=_one(queries, rng)[person.language == "zh"])
        if found:
            step("click", item)
    anything = np.ones(len(shelf.items), bool)
    for _ in range(int(rng.integers(0, 4))):
        seen = shelf.pick(match, VIEWED, anything, liking, rng)
        step("view", seen)
        if rng.random() < 0.06:
            step("cart", seen)  # and left there
    step("view", item)
    step("cart", item)
    step("purchase", item, quantity=1 if rng.random() < 0.94 else int(rng.integers(2, 5)))
    return events


def _opinion(
    row: int, person: Person, item: int, match: Match, shelf: _Shelf, clock: int, rng: np.random.Generator
) -> list[Event]:
    """Days after a purchase perhaps a rating, perhaps a review: the better the match, the kinder."""
    if rng.random() > 0.4:
        return []
    clock += int(rng.integers(2 * DAY, 9 * DAY))
    value = int(np.clip(round(rng.normal({Match.BOTH: 4.7, Match.NEITHER: 2.4}.get(match, 3.6), 0.6)), 1, 5))
    events = [Event(row, item, "rating", clock, rating=value)]
    if rng.random() < 0.45:
        speech = words()
        opening = _one(speech.delighted if value == 5 else speech.content if value >= 3 else speech.let_down, rng)
        closing = (
            _one(speech.themes[shelf.items[item].theme].remarks, rng) if value >= 4 and rng.random() < 0.7 else ("", "")
        )
        zh = person.language == "zh"
        text = opening[1] + closing[1] if zh else f"{opening[0]} {closing[0]}".strip()
        events.append(Event(row, item, "review", clock + int(rng.integers(20, 300)), rating=value, text=text))
    return events


def _one(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]
