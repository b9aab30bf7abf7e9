"""The log as it was written, made into events; every row that is left out is counted under its reason."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gobelin.arrays import Array, Bool, Float32, Float64, Int8, Int32, Int64, UInt8
from gobelin.data.events import Events
from gobelin.data.notes import Notebook, examples, several
from gobelin.data.reading import Table, factorise, numbers
from gobelin.data.rule import EVERY, Rule
from gobelin.data.settings import DatasetSettings
from gobelin.errors import DatasetError, nearest
from gobelin.values import Kind, Vocabulary
from gobelin.values.histories import LOGGED

_KIND_NAMES = {
    **{kind.name: kind.name for kind in LOGGED},
    "浏览": "view",
    "点击": "click",
    "搜索": "search",
    "加购": "cart",
    "购买": "purchase",
    "评分": "rating",
    "评论": "review",
    "评价": "review",
}
_IGNORED = 254
_WHOLE = re.compile(r"\d+\.0")

_PARTS = {"train": 0, "validation": 1, "valid": 1, "val": 1, "test": 2, "0": 0, "1": 1, "2": 2}

_SCALES = (1.0, 5.0, 10.0, 20.0, 100.0)  # tops of rating scales in use

_UNITS = ((1e17, 10**9, "nanoseconds"), (1e14, 10**6, "microseconds"), (1e11, 10**3, "milliseconds"))
"""A time at least this large is in this unit: as seconds it would lie beyond the year 5,000."""


class Log(NamedTuple):
    events: Events
    users: Vocabulary
    rule: str


def read_log(table: Table | None, items: Vocabulary, settings: DatasetSettings, notes: Notebook) -> Log:
    """The events of a log, its users in order of appearance, and the rule for liking that was used.

    Raises DatasetError where a needed column is missing, a kind of event or a part of a split is unknown, the rule
    cannot be used, or nothing remains.
    """
    if table is None or table.rows == 0:
        return Log(Events.none(), Vocabulary(()), settings.positive or EVERY)
    users, names = factorise(table.need("user_id"))
    rows, unknown = _item_rows(table, items, notes)
    rating, bad_rating = _numbers(table, "rating")
    times, no_time = _times(table, notes)
    kinds = _kinds(table, settings, rating)
    kept = _left_in(table, users, rows, unknown, kinds, bad_rating, no_time, notes)
    if not kept.any():
        raise DatasetError(
            f"No row of {table.name} can be used (of {table.rows:,}). " + " ".join(n.message for n in notes.all()),
            "user_id and item_id columns whose items stand in the items table.",
            "compare the item ids of both files; they are text, so '007' and '7' are two items.",
        )
    index = np.flatnonzero(kept)
    index = index[np.lexsort((users[index],) if times is None else (times[index], users[index]))]
    table, kinds, rows = table.take(index), kinds[index], rows[index]
    ratings = None if rating is None else rating[index].astype(np.float32)
    rule = Rule.parse(settings.positive) if settings.positive else default_rule(kinds, ratings)
    positive = rule.apply(_LogColumns(table, kinds), len(index)) & (rows >= 0)
    if not positive.any():
        raise DatasetError(
            f"No event is positive under the rule {rule.text!r}; the log has {kind_counts(kinds)}.",
            "a rule that holds for what people liked.",
            "set `positive` in dataset.toml.",
        )
    codes, compact = np.unique(users[index], return_inverse=True)
    quantity, bad_quantity = _numbers(table, "quantity")
    count = 0 if bad_quantity is None else int(bad_quantity.sum())
    notes.add("log-quantity-not-number", f"{several(count, 'quantity', 'quantities')} not a number: unread.", count)
    liked = np.unique(compact[positive])
    notes.add(
        "users-without-positive",
        f"{several(len(codes) - len(liked), 'user')} without a positive event: they stay, and are asked nothing.",
        len(codes) - len(liked),
    )
    events = Events(
        users=compact.astype(np.int32),
        items=rows,
        kinds=kinds,
        positive=positive,
        weights=_weights(kinds, positive, ratings, rule, settings),
        times=None if times is None else times[index],
        ratings=ratings,
        quantities=None if quantity is None else quantity.astype(np.float32),
        texts=table.texts("text") if "text" in table else None,
        part=_parts(table, notes),
    )
    return Log(events, Vocabulary(names[code] for code in codes.tolist()), rule.text)


def default_rule(kinds: UInt8[Array, " rows"], ratings: Float32[Array, " rows"] | None) -> Rule:
    """Purchases if there are any, else four fifths of the rating scale (`rating >= 4` of 5), else every event.

    The scale is the smallest of 1, 5, 10, 20, 100 that holds 99 % of the ratings, so that one slip of the pen moves
    nothing. Ratings that are all equal say nothing.
    """
    if np.any(kinds == Kind.purchase):
        return Rule.parse('event == "purchase"')
    given = np.zeros(0) if ratings is None else ratings[~np.isnan(ratings)]
    if len(np.unique(given)) > 1:
        highest = float(np.quantile(given, 0.99, method="higher"))
        top = next((top for top in _SCALES if highest <= top), highest)
        return Rule.parse(f"rating >= {0.8 * top:g}")
    return Rule.parse(EVERY)


def kind_counts(kinds: UInt8[Array, " rows"]) -> str:
    """'90 view, 10 purchase'."""
    counts = np.bincount(kinds, minlength=len(Kind))
    return ", ".join(f"{count:,} {Kind(kind).name}" for kind, count in enumerate(counts.tolist()) if count)


def _item_rows(table: Table, items: Vocabulary, notes: Notebook) -> tuple[Int32[Array, " rows"], Bool[Array, " rows"]]:
    """(row of the item of each line, -1 where it has none or an unknown one; True where it is unknown).

    An unknown '12.0' whose '12' is known is that item: pandas writes whole numbers so where some are missing.
    """
    codes, names = factorise(table.need("item_id"))
    known = np.append(items.rows(names), np.int32(-1))
    pointed = [code for code in np.flatnonzero(known[:-1] < 0).tolist() if _WHOLE.fullmatch(names[code])]
    if pointed:
        known[pointed] = items.rows(names[code].removesuffix(".0") for code in pointed)
        count = int(np.isin(codes, [code for code in pointed if known[code] >= 0]).sum())
        notes.add("log-pointed-id", f"{several(count, 'row')} with an item id such as '12.0': read as '12'.", count)
    rows = known[codes]
    return rows, (rows < 0) & (codes >= 0)


def _numbers(table: Table, column: str) -> tuple[Float64[Array, " rows"] | None, Bool[Array, " rows"] | None]:
    if column not in table:
        return None, None
    values, bad = numbers(table.columns[column])
    return (None if np.isnan(values).all() and not bad.any() else values), bad


def _kinds(table: Table, settings: DatasetSettings, ratings: Float64[Array, " rows"] | None) -> UInt8[Array, " rows"]:
    """The kind of each row; where none is stated: the setting, else a rating where it has one, else a view."""
    unstated = Kind.view if settings.event is None else Kind[settings.event]
    kinds = np.full(table.rows, unstated, dtype=np.uint8)
    if settings.event is None and ratings is not None:
        kinds[~np.isnan(ratings)] = Kind.rating
    if "event" not in table:
        return kinds
    codes, names = factorise(table.columns["event"])
    stated = {**_KIND_NAMES, **{theirs.lower(): ours for theirs, ours in settings.events.items()}}
    unknown = sorted(name for name in names if name.lower() not in stated)
    if unknown:
        raise DatasetError(
            f"{table.name} has kinds of event that are not known: {examples(unknown)}."
            f"{nearest(unknown[0].lower(), _KIND_NAMES)}",
            "one of " + ", ".join(kind.name for kind in LOGGED) + ".",
            f'say in dataset.toml what they are: [events] {unknown[0]!r} = "purchase", or "ignore".',
        )
    ours = [stated[name.lower()] for name in names]
    of_name = np.array([_IGNORED if one == "ignore" else Kind[one] for one in ours] + [0], dtype=np.uint8)
    return np.where(codes >= 0, of_name[codes], kinds).astype(np.uint8)


def _left_in(
    table: Table,
    users: Int32[Array, " rows"],
    rows: Int32[Array, " rows"],
    unknown: Bool[Array, " rows"],
    kinds: UInt8[Array, " rows"],
    bad_rating: Bool[Array, " rows"] | None,
    no_time: Bool[Array, " rows"] | None,
    notes: Notebook,
) -> Bool[Array, " rows"]:
    """Rows that can be used; each other row is counted once, under the first reason that holds."""
    nowhere = np.zeros(table.rows, dtype=bool)
    names = [
        str(one) for one in table.columns["item_id"].filter(pa.array(unknown)).slice(0, 1_000).unique().to_pylist()
    ]
    reasons = [
        ("log-ignored-event", kinds == _IGNORED, "of a kind that dataset.toml ignores"),
        ("log-no-user", users < 0, "without a user"),
        ("log-unknown-item", unknown, f"for items that are not in the items table ({examples(names)})"),
        ("log-no-item", (rows < 0) & (kinds != Kind.search), "without an item that are no searches"),
        ("log-rating-not-number", nowhere if bad_rating is None else bad_rating, "whose rating is not a number"),
        ("log-no-time", nowhere if no_time is None else no_time, "whose time is missing or not understood"),
    ]
    kept = np.ones(table.rows, dtype=bool)
    for code, holds, words in reasons:
        count = int((kept & holds).sum())
        notes.add(code, f"{several(count, 'row')} of {table.name} left out: {words}.", count)
        kept &= ~holds
    return kept


def _times(table: Table, notes: Notebook) -> tuple[Int64[Array, " rows"] | None, Bool[Array, " rows"] | None]:
    """(Unix seconds, True where a row has no readable time); None where the log has no times.

    Numbers may be seconds, milli-, micro- or nanoseconds; anything else is read as an ISO date, UTC where it names
    no zone. Where more than half of the rows lack a time, times are not used at all.
    """
    if "timestamp" not in table:
        return None, None
    column = table.columns["timestamp"]
    seconds, bad = numbers(column)
    if bad.any():
        codes, names = factorise(column)
        text = pd.Series(names, dtype="object")
        read = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
        moments = np.append(pd.DatetimeIndex(read).as_unit("s").asi8.astype(np.float64), np.nan)
        moments[np.append(read.isna().to_numpy(), True)] = np.nan
        seconds[bad] = moments[codes[bad]]
        count = int((bad & ~np.isnan(seconds)).sum())
        notes.add("times-as-dates", f"{several(count, 'time')} written as dates: read as UTC.", count)
    size = np.abs(seconds)
    for least, per_second, unit in _UNITS:
        larger = (size >= least) & ~bad
        count = int(larger.sum())
        seconds[larger] /= per_second
        size = np.where(larger, 0, size)
        notes.add("times-converted", f"{several(count, 'time')} in {unit}: converted to seconds.", count)
    seconds[np.abs(seconds) >= _UNITS[-1][0]] = np.nan  # in no unit is this a moment
    missing = np.isnan(seconds)
    if missing.mean() > 0.5:
        count = int(missing.sum())
        notes.add("times-unused", f"{several(count, 'row')} of {table.rows:,} lack a time: no time is used.", count)
        return None, None
    return np.floor(np.nan_to_num(seconds)).astype(np.int64), missing


def _parts(table: Table, notes: Notebook) -> Int8[Array, " rows"] | None:
    if "split" not in table:
        return None
    codes, names = factorise(table.columns["split"])
    unknown = sorted(name for name in names if name.lower() not in _PARTS)
    if unknown:
        raise DatasetError(
            f"The column 'split' of {table.name} holds {examples(unknown)}.",
            "train, validation or test (or 0, 1, 2).",
            "correct those rows, or rename the column if it means something else.",
        )
    count = int((codes < 0).sum())
    notes.add("split-unstated", f"{several(count, 'row')} of {table.name} without a split: read as train.", count)
    places = np.array([_PARTS[name.lower()] for name in names] + [0], dtype=np.int8)
    return np.asarray(places[codes])


def _weights(
    kinds: UInt8[Array, " rows"],
    positive: Bool[Array, " rows"],
    ratings: Float32[Array, " rows"] | None,
    rule: Rule,
    settings: DatasetSettings,
) -> Float32[Array, " rows"]:
    """1 for a positive event, else the strength of its kind; 0 where a rating failed the rule."""
    weights = np.array([settings.weight(kind) for kind in LOGGED], dtype=np.float32)[kinds]
    if ratings is not None and "rating" in rule.names:
        stated = np.array([kind.name in settings.event_weights for kind in LOGGED])[kinds]
        weights[~np.isnan(ratings) & ~stated] = 0
    weights[positive] = 1
    return np.asarray(weights)


class _LogColumns:
    """The log's columns as a rule sees them; `event` is our kind, stated or not."""

    def __init__(self, table: Table, kinds: UInt8[Array, " rows"]) -> None:
        self._table, self._kinds = table, kinds

    def __contains__(self, name: str) -> bool:
        return name == "event" or name in self._table

    def names(self) -> Iterable[str]:
        return {"event", *self._table.columns}

    def numbers(self, name: str) -> Float64[Array, " rows"]:
        if name == "event":
            return np.full(len(self._kinds), np.nan)
        return numbers(self._table.columns[name])[0]

    def matches(self, name: str, values: list[str]) -> Bool[Array, " rows"]:
        if name == "event":
            known = [kind.name for kind in LOGGED]
            unknown = [value for value in values if value not in known]
            if unknown:
                raise DatasetError(
                    f"The rule in `positive` names an event {unknown[0]!r}.{nearest(unknown[0], known)}",
                    "one of " + ", ".join(known) + ".",
                    "correct `positive` in dataset.toml.",
                )
            return np.isin(self._kinds, [Kind[value] for value in values])
        found = pc.is_in(self._table.columns[name], pa.array(values, pa.string()))
        return np.asarray(found.to_numpy(), dtype=bool)

    def filled(self, name: str) -> Bool[Array, " rows"]:
        if name == "event":
            return np.ones(len(self._kinds), dtype=bool)
        return np.asarray(self._table.columns[name].is_valid().to_numpy(), dtype=bool)
