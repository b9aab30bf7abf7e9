"""Cleaning drops what its rules state, counts each, and drops nothing unasked."""

import pandas as pd
import pytest
from pydantic import ValidationError

from gobelin.data.cleaning import CleaningRules, clean
from gobelin.data.dataset import Dataset
from gobelin.errors import DatasetError

DAY = 86_400


def dataset_of(rows: list[tuple], columns: str = "user_id item_id timestamp", **settings: str) -> Dataset:
    log = pd.DataFrame(rows, columns=columns.split())
    items = pd.DataFrame({"item_id": sorted({row[1] for row in rows})})
    users = pd.DataFrame({"user_id": sorted({row[0] for row in rows}), "age": range(len({row[0] for row in rows}))})
    return Dataset.from_frames(items, log, users, settings=settings)


def test_nothing_is_dropped_unasked() -> None:
    dataset = dataset_of([("u", "a", 1), ("u", "a", 1)])
    assert clean(dataset, CleaningRules()) == (dataset, {})


def test_a_user_with_too_many_events_on_one_day_leaves_with_all_events() -> None:
    rows = [("bot", "a", n) for n in range(4)] + [("bot", "a", 9 * DAY)]
    rows += [("ann", "a", n * DAY) for n in range(9)] + [("bo", "a", n) for n in range(3)]
    cleaned, counts = clean(dataset_of(rows), CleaningRules(most_a_day=3))
    assert counts == {"bots": 5, "users": 1}
    assert cleaned.users.ids == ("ann", "bo") and cleaned.traits == {"age": ("0", "1")}
    assert cleaned.events.users.tolist() == [0] * 9 + [1] * 3


def test_a_burst_of_one_user_item_and_kind_leaves_its_first_event() -> None:
    rows = [("u", "a", 0, "view"), ("u", "a", 5, "view"), ("u", "a", 10, "view"), ("u", "a", 16, "view"),
            ("u", "b", 6, "view"), ("u", "a", 6, "cart"), ("v", "a", 7, "view")]  # fmt: skip
    cleaned, counts = clean(dataset_of(rows, "user_id item_id timestamp event"), CleaningRules(repeat_seconds=5))
    assert counts == {"repeats": 2, "users": 0}  # at 5 and 10, each within 5 of the one before; 16 is 6 later
    assert sorted(cleaned.events.times.tolist()) == [0, 6, 6, 7, 16]


def test_searches_are_no_repeats_of_each_other() -> None:
    log = pd.DataFrame(
        {"user_id": ["u"] * 3, "item_id": [None, None, "a"], "timestamp": 1, "event": ["search", "search", "view"]}
    )
    dataset = Dataset.from_frames(pd.DataFrame({"item_id": ["a"]}), log)
    assert clean(dataset, CleaningRules(repeat_seconds=60))[1]["repeats"] == 0


def test_ratings_outside_the_stated_range_go_and_events_without_a_rating_stay() -> None:
    rows = [("u", "a", 0.0), ("u", "b", 1.0), ("u", "c", 5.0), ("u", "d", 6.0), ("v", "a", None), ("v", "b", 5.0)]
    dataset = dataset_of(rows, "user_id item_id rating", positive="rating >= 4")
    cleaned, counts = clean(dataset, CleaningRules(lowest_rating=1, highest_rating=5))
    assert counts == {"rating_outliers": 2, "users": 0} and len(cleaned.events) == 4


@pytest.mark.parametrize("before", ["2020-01-03", "2020-01-03T00:00:00+00:00", 1_578_009_600])
def test_events_outside_the_dates_go_before_excluded(before: str | int) -> None:
    days = [("u", "a", f"2020-01-0{n}") for n in range(1, 5)]
    cleaned, counts = clean(dataset_of(days), CleaningRules(after="2020-01-02", before=before))
    assert counts == {"outside_dates": 3, "users": 0}
    assert cleaned.events.times.tolist() == [1_577_923_200]


def test_users_with_few_events_are_counted_after_the_other_rules() -> None:
    rows = [("u", "a", 0), ("u", "a", 1), ("u", "b", 99), ("v", "a", 0), ("v", "b", 50), ("v", "c", 99)]
    cleaned, counts = clean(dataset_of(rows), CleaningRules(repeat_seconds=1, least_events=3))
    assert counts == {"repeats": 1, "few_events": 2, "users": 1}
    assert cleaned.users.ids == ("v",) and len(cleaned.events) == 3


def test_rules_that_need_what_the_log_lacks_or_leave_nothing_are_told() -> None:
    timeless = dataset_of([("u", "a")], "user_id item_id")
    for rules in (CleaningRules(most_a_day=1), CleaningRules(repeat_seconds=1), CleaningRules(after=0)):
        with pytest.raises(DatasetError, match="no times"):
            clean(timeless, rules)
    with pytest.raises(DatasetError, match="no ratings"):
        clean(timeless, CleaningRules(lowest_rating=1))
    with pytest.raises(DatasetError, match="leave no positive event: few_events 1"):
        clean(timeless, CleaningRules(least_events=2))


def test_a_rule_that_is_no_rule_is_refused() -> None:
    for wrong in ({"most_a_day": 0}, {"after": "yesterday"}, {"bots": True}):
        with pytest.raises(ValidationError):
            CleaningRules(**wrong)
