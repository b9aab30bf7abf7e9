"""What people say and who they are, as items that nobody is shown.

    cues = Cues.of(dataset, recipe.hear)
    dataset = cues.dataset(dataset)         # the catalogue with a row for each cue, the log with their events
    split = cues.split(split, dataset)      # the same for a split of the data set without them

A search ("winter coat"), a word of a review ("soft") and a trait ("city = Lyon") each get a row past the catalogue's
items, and stand in histories as events on it. So every model hears them as it hears what people take: who searched
for the same, or lives in the same city, is alike; and a search has words, which lie near the words of items. A visitor
without an event is asked by traits and searches alone. Cues are never candidates, and no target of validation or test.

Which cues there are is read from the whole log, as the catalogue is; who said what, from train alone. An event of a
review goes with its pair: where the pair is held out, so are the words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array, vstack

from gobelin.data.catalogue import Catalogue
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.split import CUE, Split
from gobelin.errors import DatasetError, UserError, nearest
from gobelin.media.stop_words import stop_words
from gobelin.media.text import cut, plain, words
from gobelin.readers._sentiment import sentiment
from gobelin.recipe import HearSpec
from gobelin.values import Features, Histories, Kind, Vocabulary

LONGEST = 120  # characters kept of a search
FEW = 2  # people who must share a word or a trait: alone it says nothing of anyone else
BINS = 5  # of a trait that is a number, with equally many people
NUMERIC = 12  # different numbers from which on a trait is cut into bins
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_SEARCH, _WORD, _TRAIT = "search: ", "word: ", "trait: "


@dataclass(frozen=True)
class Cues:
    """searches, words: lower case; traits: "column = value"; edges: where a numeric column is cut into bins.

    Their ids are "search: winter coat", "word: soft", "trait: city = lyon", in this order.
    """

    hear: HearSpec = field(default_factory=HearSpec)
    searches: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset, hear: HearSpec) -> Self:
        """The cues of a data set, at most `hear.most` of a kind, those of the most people first.

        A search that is not among them speaks through its words, as a review does.
        """
        if not len(data.events):
            return cls(hear)  # nobody took anything: there is nothing to learn of what is said
        said = _said(data.events)
        searches: list[str] = []
        if hear.searches:
            searches = _frequent(((user, text) for user, kind, text in said if kind == Kind.search), hear.most, 1)
        whole = set(searches)
        spoken = (
            (user, word)
            for user, kind, text in said
            if (hear.reviews if kind == Kind.review else hear.searches and text not in whole)
            for word in _content_words(text)
        )
        columns = {name: values for name, values in data.traits.items() if hear.traits and _tells(values)}
        edges = {name: told for name, values in columns.items() if (told := _edges(values)) is not None}
        bare = cls(hear, tuple(searches), tuple(_frequent(spoken, hear.most, FEW)), (), edges)
        owned = ((user, trait) for user, traits in enumerate(bare._owned(columns)) for trait in traits)
        return replace(bare, traits=tuple(_frequent(owned, hear.most, FEW)))

    def __len__(self) -> int:
        return len(self.searches) + len(self.words) + len(self.traits)

    def loudness(self) -> dict[str, float | None]:
        """By kind of event, of those kinds that there are cues of, how loud they are; None: it is to be searched."""
        there = {"search": self.searches, "review": self.words, "trait": self.traits}
        return {
            kind: None if loud == "auto" else loud for kind, loud in self.hear.by_kind().items() if there[kind] and loud
        }

    def at(self, loudness: Mapping[str, float]) -> Self:
        """The cues as loud as said, by kind of event, without those that are silent."""
        hear = self.hear.at(loudness)
        return replace(
            self,
            hear=hear,
            searches=self.searches if hear.searches else (),
            words=self.words if hear.searches or hear.reviews else (),
            traits=self.traits if hear.traits else (),
        )

    def said_in(self, data: Dataset) -> Self:
        """The cues that somebody of the data set still says or is: the words of who is forgotten are forgotten."""
        begin, ids = len(data.items), self.ids
        rows = self._heard(data.events, begin, data.traits).items
        heard = {ids[row - begin] for row in np.unique(rows[rows >= begin]).tolist()}
        return replace(
            self,
            searches=tuple(one for one in self.searches if _SEARCH + one in heard),
            words=tuple(one for one in self.words if _WORD + one in heard),
            traits=tuple(one for one in self.traits if _TRAIT + one in heard),
        )

    def counts(self) -> dict[str, int]:
        return {"searches": len(self.searches), "words": len(self.words), "traits": len(self.traits)}

    @property
    def ids(self) -> list[str]:
        return (
            [_SEARCH + one for one in self.searches]
            + [_WORD + one for one in self.words]
            + [_TRAIT + one for one in self.traits]
        )

    def dataset(self, data: Dataset) -> Dataset:
        """The data set with a row of the catalogue and the events of every cue; itself where there is none."""
        if not len(self):
            return data
        events = self._heard(data.events, len(data.items), data.traits)
        return replace(data, catalogue=self.catalogue(data.catalogue), events=events)

    def split(self, split: Split, data: Dataset) -> Split:
        """The split with the cues behind its items. data: as it was split, without cues."""
        if not len(self):
            return split
        begin, n = len(split.items), len(self)
        return replace(
            split,
            items=Vocabulary([*split.items, *self.ids]),
            rows=np.concatenate([split.rows, len(data.items) + np.arange(n)]).astype(np.int32),
            train=self._heard(split.train, begin, data.traits),
            added=self._heard(split.added, begin, {}),
            cold=np.concatenate([split.cold, np.full(n, CUE, dtype=np.uint8)]),
        )

    def of_visitor(self, traits: Mapping[str, str]) -> list[str]:
        """The ids of what a visitor is, by column; UserError where no cue tells of it."""
        found: list[str] = []
        for column, value in traits.items():
            names = [one for one in self._values(column, value) if one in set(self.traits)]
            if not names:
                known = sorted({one.partition(" = ")[0] for one in self.traits})
                if column in known:
                    known = [one for one in self.traits if one.startswith(f"{column} = ")]
                raise UserError(
                    f"Nothing is known of people with {column} = {value}.{nearest(f'{column} = {value}', known)}",
                    "one of " + (", ".join(known[:20]) or "(this run has heard of no traits)") + ".",
                    "name a column and a value of the users table.",
                )
            found += [_TRAIT + one for one in names]
        return found

    def told(self, histories: Histories, n: int) -> Histories:
        """A visitor's history whose first n events are traits."""
        kinds, weights = histories.kinds.copy(), histories.weights.copy()
        kinds[:n], weights[:n] = Kind.trait, _loud(self.hear.traits)
        return replace(histories, kinds=kinds, weights=weights)

    def state(self) -> dict[str, Any]:
        edges = {name: list(told) for name, told in self.edges.items()}
        return {
            "hear": self.hear.model_dump(), "searches": list(self.searches), "words": list(self.words),
            "traits": list(self.traits), "edges": edges,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        edges = {name: tuple(told) for name, told in state["edges"].items()}
        lists = {name: tuple(state[name]) for name in ("searches", "words", "traits")}
        return cls(HearSpec(**state["hear"]), edges=edges, **lists)

    def catalogue(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with a row for each cue behind its items; itself where there is none."""
        if not len(self):
            return catalogue
        known = [one for one in self.ids if one in catalogue.items]
        if known:
            raise DatasetError(
                f"The catalogue has an item {known[0]!r}, which is how what people say is named here.",
                "item ids that do not begin with 'search: ', 'word: ' or 'trait: '.",
                "rename the item, or set hear.searches, hear.reviews and hear.traits to 0.",
            )
        n = len(self)
        columns = {name: (*values, *[None] * n) for name, values in catalogue.columns.items()}
        titles = columns.get("title", (None,) * (len(catalogue) + n))
        said = (*self.searches, *self.words, *[None] * len(self.traits))  # a trait has no words that describe a thing
        columns["title"] = (*titles[: len(catalogue)], *said)
        items = Vocabulary([*catalogue.items, *self.ids])
        vectors = {name: _longer(one, items) for name, one in catalogue.vectors.items()}
        group = None if catalogue.group is None else (*catalogue.group, *[None] * n)
        return replace(catalogue, items=items, columns=columns, vectors=vectors, group=group)

    def _heard(self, events: Events, begin: int, traits: Mapping[str, Sequence[str | None]]) -> Events:
        """The events with those of cues, whose rows begin at `begin`; traits come first, words behind their event."""
        row = {one: begin + place for place, one in enumerate(self.ids)}
        told: list[tuple[int, int, int, int, float]] = []  # (event that it came with, user, item, kind, weight)

        def add(at: int, user: int, cue: str, kind: Kind, weight: float) -> None:
            if weight > 0 and cue in row:
                told.append((at, user, row[cue], kind, weight))

        for user, owned in enumerate(self._owned(traits)):
            for trait in owned:
                add(-1, user, _TRAIT + trait, Kind.trait, _loud(self.hear.traits))
        search, review = (_loud(one) for one in (self.hear.searches, self.hear.reviews))
        for at, text in _texts(events):
            user, kind = int(events.users[at]), Kind(int(events.kinds[at]))
            searched = kind == Kind.search
            weight = search if searched else review * (1 + sentiment(text)) / 2
            if searched and _SEARCH + text in row:
                add(at, user, _SEARCH + text, kind, weight)
                continue
            for word in _content_words(text):
                add(at, user, _WORD + word, kind, weight)
        place, users, items, kinds, weights = np.array(told, dtype=np.float64).reshape(-1, 5).T
        return events.among(
            place.astype(np.int64),
            users.astype(np.int32),
            items.astype(np.int32),
            kinds.astype(np.uint8),
            weights.astype(np.float32),
        )

    def _owned(self, traits: Mapping[str, Sequence[str | None]]) -> Iterable[list[str]]:
        """What each user is, in the order of the vocabulary of users."""
        if not traits:
            return []
        return ([trait for name, value in zip(traits, row, strict=True) for trait in self._values(name, value)]
                for row in zip(*traits.values(), strict=True))  # fmt: skip

    def _values(self, column: str, value: str | None) -> list[str]:
        if value is None or not value.strip():
            return []
        if column not in self.edges:
            parts = [" ".join(plain(part).lower().split()) for part in value.split("|")]
            return [f"{column} = {cut(part, LONGEST)}" for part in dict.fromkeys(parts) if part]
        number = _number(value)
        if number is None:
            return []
        edges = self.edges[column]
        place = int(np.searchsorted(edges, number, side="right"))
        low = f"from {edges[place - 1]:g}" if place else ""
        high = f"below {edges[place]:g}" if place < len(edges) else ""
        return [f"{column} = {' '.join(filter(None, (low, high)))}"]


def _loud(told: float | str) -> float:
    """What is to be searched is scaled later (`Split.hearing`)."""
    return 1.0 if isinstance(told, str) else told


def _texts(events: Events) -> Iterable[tuple[int, str]]:
    """(place, text in lower case) of searches and reviews that say anything."""
    if events.texts is None:
        return
    for at in np.flatnonzero(np.isin(events.kinds, (Kind.search, Kind.review))).tolist():
        text = events.texts[at]
        said = " ".join(plain(text).lower().split()) if text else ""
        if said:
            yield at, cut(said, LONGEST) if events.kinds[at] == Kind.search else said


def _said(events: Events) -> list[tuple[int, int, str]]:
    """(user, kind, text), each once."""
    return list(dict.fromkeys((int(events.users[at]), int(events.kinds[at]), text) for at, text in _texts(events)))


def _content_words(text: str) -> list[str]:
    silent = stop_words()
    return [word for word in dict.fromkeys(words(text)) if word not in silent and (len(word) > 1 or not word.isascii())]


def _frequent(said: Iterable[tuple[int, str]], most: int, least: int) -> list[str]:
    """What at least so many different people have in common, the most frequent first."""
    counts = Counter(what for _, what in dict.fromkeys(said))
    kept = [(-count, what) for what, count in counts.items() if count >= least]
    return [what for _, what in sorted(kept)[:most]]


def _tells(values: Sequence[str | None]) -> bool:
    """Whether a column may say what people have in common: no dates, no names of their own."""
    filled = [value.strip() for value in values if value is not None and value.strip()]
    dates = sum(_DATE.match(value) is not None for value in filled)
    alone = len(set(filled)) > 0.5 * len(filled) and _edges(filled) is None
    return bool(filled) and dates < 0.5 * len(filled) and not alone


def _number(value: str) -> float | None:
    try:
        number = float(value.replace(",", ""))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _edges(values: Sequence[str | None]) -> tuple[float, ...] | None:
    """Where a column of numbers is cut; None for one of categories."""
    filled = [value for value in values if value is not None and value.strip()]
    numbers = [number for value in filled if (number := _number(value)) is not None]
    if len(numbers) < 0.9 * len(filled) or len(set(numbers)) < NUMERIC:
        return None
    cuts = np.quantile(numbers, np.arange(1, BINS) / BINS)
    return tuple(float(f"{one:.4g}") for one in np.unique(cuts))


def _longer(one: Features, items: Vocabulary) -> Features:
    """Features with an absent row for each item that came behind."""
    n = len(items) - len(one.ids)
    empty = np.zeros((n, one.dim), dtype=np.float32)
    values = vstack([one.values, csr_array(empty)], format="csr") if one.sparse else np.vstack([one.values, empty])
    return replace(one, ids=items, values=values, present=np.concatenate([one.present, np.zeros(n, dtype=bool)]))
