"""Cleaning a log and its texts by stated rules, each counted. Without a rule nothing is dropped."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gobelin.arrays import Array, Bool, Int64
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.findings import said
from gobelin.data.phrases import common_phrases, without
from gobelin.errors import DatasetError
from gobelin.values import Vocabulary
from gobelin.values.histories import DAY


class CleaningRules(BaseModel):
    """most_a_day: a user with more events than this within one UTC day is taken for a machine and leaves.

    repeat_seconds: an event that repeats the one before it (same user, item and kind) within so many seconds goes, so
    a burst leaves its first event. lowest_rating, highest_rating: events rated outside go. after, before: events
    earlier than `after`, or not earlier than `before`, go (an ISO date in UTC, or Unix seconds).
    least_events: users with fewer events than this leave, when the other rules are done.

    boilerplate: a sentence of at least four words that stands in more than this share of the items' texts (.05: a
    twentieth; and in at least five) leaves them all, for every encoder that reads `text`; titles stay as they are. All
    texts of the catalogue are counted, those of items held out too: no event is looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_a_day: int | None = Field(default=None, ge=1)
    repeat_seconds: int | None = Field(default=None, ge=0)
    lowest_rating: float | None = None
    highest_rating: float | None = None
    after: int | str | None = None
    before: int | str | None = None
    least_events: int | None = Field(default=None, ge=1)
    boilerplate: float | None = Field(default=None, gt=0, lt=1)

    @field_validator("after", "before")
    @classmethod
    def _a_moment(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, str):
            _seconds(value)
        return value

    @property
    def of_the_log(self) -> bool:
        """Whether a rule about events is asked for."""
        return any(value is not None for name, value in self if name != "boilerplate")


def clean(dataset: Dataset, rules: CleaningRules) -> tuple[Dataset, dict[str, int]]:
    """(the data set without what the rules drop, what each took in the order of their work): items whose text lost a
    sentence for `boilerplate`, events for the rules of the log, then users that left with their last event.

    Users who lose every event leave the data set. Raises DatasetError where a rule needs times or ratings that the log
    does not have, or where no positive event remains.
    """
    counts: dict[str, int] = {}
    if rules.boilerplate is not None:
        dataset, counts["boilerplate"] = _without_phrases(dataset, rules.boilerplate)
    if not rules.of_the_log or not len(dataset.events):
        return dataset, counts
    events = dataset.events
    for name, holds in _steps(rules):
        dropped = holds(events)
        counts[name] = int(dropped.sum())
        events = events.keep(~dropped)
    if not events.positive.any():
        raise DatasetError(
            "The cleaning rules leave no positive event: " + ", ".join(f"{n} {c:,}" for n, c in counts.items()) + ".",
            "rules that leave a log.",
            "loosen [clean] in the recipe.",
        )
    gone = np.setdiff1d(dataset.events.users, events.users)
    counts["users"] = len(gone)
    if len(gone):
        stay = np.setdiff1d(np.arange(len(dataset.users), dtype=np.int32), gone)
        place = np.full(len(dataset.users), -1, dtype=np.int32)
        place[stay] = np.arange(len(stay), dtype=np.int32)
        rows = stay.tolist()
        traits = {name: tuple(values[row] for row in rows) for name, values in dataset.traits.items()}
        users = Vocabulary(dataset.users[row] for row in rows)
        return replace(dataset, users=users, traits=traits, events=replace(events, users=place[events.users])), counts
    return replace(dataset, events=events), counts


def _without_phrases(dataset: Dataset, share: float) -> tuple[Dataset, int]:
    """(the data set without the sentences that more than this share of the texts hold, items that lost one)."""
    catalogue = dataset.catalogue
    phrases = common_phrases(lambda: (said(catalogue, row) for row in range(len(catalogue))), share)
    if not phrases:
        return dataset, 0
    columns = dict(catalogue.columns)
    touched: set[int] = set()
    for column, _ in catalogue.field("text"):
        kept = tuple(None if text is None else without(text, phrases) for text in columns[column])
        touched |= {row for row, text in enumerate(columns[column]) if text != kept[row]}
        columns[column] = kept
    return replace(dataset, catalogue=replace(catalogue, columns=columns)), len(touched)


def _steps(rules: CleaningRules) -> list[tuple[str, Callable[[Events], Bool[Array, " events"]]]]:
    """The rules asked for, in the order in which they work: what is dropped early no longer counts later."""
    steps: list[tuple[str, Callable[[Events], Bool[Array, " events"]]]] = []
    if rules.after is not None or rules.before is not None:
        steps.append(("outside_dates", lambda e: _outside(e, rules)))
    if rules.lowest_rating is not None or rules.highest_rating is not None:
        steps.append(("rating_outliers", lambda e: _outliers(e, rules)))
    if rules.most_a_day is not None:
        steps.append(("bots", lambda e: _machines(e, int(rules.most_a_day or 0))))
    if rules.repeat_seconds is not None:
        steps.append(("repeats", lambda e: _repeats(e, int(rules.repeat_seconds or 0))))
    if rules.least_events is not None:
        least = rules.least_events
        steps.append(("few_events", lambda e: np.bincount(e.users)[e.users] < least))
    return steps


def _outside(events: Events, rules: CleaningRules) -> Bool[Array, " events"]:
    times = _times(events, "after and before")
    drop = np.zeros(len(events), dtype=bool)
    if rules.after is not None:
        drop |= times < _seconds(rules.after)
    if rules.before is not None:
        drop |= times >= _seconds(rules.before)
    return drop


def _outliers(events: Events, rules: CleaningRules) -> Bool[Array, " events"]:
    if events.ratings is None:
        raise DatasetError(
            "The log has no ratings, but lowest_rating or highest_rating asks for them.",
            "a column 'rating' in the interactions.",
            "take the rule out of [clean].",
        )
    drop = np.zeros(len(events), dtype=bool)
    if rules.lowest_rating is not None:
        drop |= events.ratings < rules.lowest_rating
    if rules.highest_rating is not None:
        drop |= events.ratings > rules.highest_rating
    return drop


def _machines(events: Events, most: int) -> Bool[Array, " events"]:
    """Every event of a user who passes `most` on any day."""
    day = _times(events, "most_a_day") // DAY
    starts = np.flatnonzero(np.r_[True, (np.diff(events.users) != 0) | (np.diff(day) != 0)])  # sorted: days are runs
    lengths = np.diff(np.r_[starts, len(events)])
    return np.isin(events.users, events.users[starts[lengths > most]])


def _repeats(events: Events, seconds: int) -> Bool[Array, " events"]:
    times = _times(events, "repeat_seconds")
    order = np.lexsort((times, events.kinds, events.items, events.users))
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for column in (events.users, events.items, events.kinds):
        same &= np.diff(column[order].astype(np.int64)) == 0
    same &= np.diff(times[order]) <= seconds
    drop = np.zeros(len(order), dtype=bool)
    drop[order[1:][same]] = True
    return drop & (events.items >= 0)  # two searches have no item in common


def _times(events: Events, rule: str) -> Int64[Array, " events"]:
    if events.times is None:
        raise DatasetError(
            f"The log has no times, but {rule} asks for them.",
            "a column 'timestamp' in the interactions.",
            "take the rule out of [clean].",
        )
    return events.times


def _seconds(moment: int | str) -> int:
    if isinstance(moment, int):
        return moment
    read = datetime.fromisoformat(moment)
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
