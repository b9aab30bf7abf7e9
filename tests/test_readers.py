"""Whatever a file or a frame holds, a reader answers with a data set that is right or with one clear error."""

import csv
import io
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from gobelin.data.dataset import Dataset
from gobelin.data.health import check
from gobelin.data.rule import Rule
from gobelin.errors import UserError
from gobelin.values import Kind

IDS = ["007", "7", "0", "12", "12.0", "a", "Ä", "商品", " a", "nan", ""]
TIMES = ["1600000000", "1600000000000", "-5", "0", "1e300", "1e25", "inf", "nan", "2020-02-30", "2020-02-29", "9" * 30,
         "0001-01-01", "9999-12-31T23:59:59Z", "20240131", "soon", "1_000", ""]  # fmt: skip
NUMBERS = ["1", "5", "4.5", "-1", "1e300", "-1e39", "3e38", "inf", "nan", "x", "1,5", "٣", ""]
EVENTS = ["view", "Purchase", "search", "购买", "rating", "", "", "", "buy"]
CELLS = {"item_id": IDS, "user_id": IDS, "timestamp": TIMES, "rating": NUMBERS, "quantity": NUMBERS, "event": EVENTS,
         "split": ["train", "test", "0", "2", "", "later"], "image": ["a.png|b.png", "../c", "\0", "http://x/y", ""],
         "categories": ["a|b", "|", " | ", ""]}  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), include_characters="a\",\n'| "))
RULES = st.sampled_from(["rating >= 4", "rating in [1, 5]", 'event == "view"', "colour == 'x' or not quantity < 2", ""])


def cells(column: str) -> st.SearchStrategy[str]:
    known = CELLS.get(column)
    return WORDS if known is None else st.sampled_from(known) | st.sampled_from(known) | WORDS


@st.composite
def tables(draw: st.DrawFn, needed: tuple[str, ...], others: tuple[str, ...], most: int) -> dict[str, list[str]]:
    """Columns in any order; a needed one is rarely missing, the last one never."""
    names = [name for name in needed[:-1] if draw(st.integers(0, 30))] + [needed[-1]]
    names += draw(st.lists(st.sampled_from(others), unique=True, max_size=4))
    names = draw(st.permutations(names))
    rows = draw(st.integers(0, most))
    return {name: draw(st.lists(cells(name), min_size=rows, max_size=rows)) for name in names}


ITEMS = tables(("item_id",), ("title", "title_zh", "text", "categories", "image", "price", "colour"), 6)
LOGS = tables(
    ("user_id", "item_id"), ("timestamp", "rating", "event", "quantity", "text", "split", "colour"), 15
)  # fmt: skip


def as_csv(table: dict[str, list[str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)  # a row of one empty cell is a row, too
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return stream.getvalue().encode()


def read(items: bytes, log: bytes, toml: bytes = b"") -> Dataset:
    with tempfile.TemporaryDirectory() as name:
        for file, raw in (("items.csv", items), ("interactions.csv", log), ("dataset.toml", toml)):
            (Path(name) / file).write_bytes(raw)
        return Dataset.read(name)


def toml_of(rule: str) -> bytes:
    return f"positive = '''{rule}'''\n".encode() if rule else b""


@given(ITEMS, LOGS, RULES)
def test_a_table_gives_what_it_says_or_one_error(items: dict, log: dict, rule: str) -> None:
    try:
        dataset = read(as_csv(items), as_csv(log), toml_of(rule))
    except UserError as told:
        assert told.given and told.expected and told.next_step
        return
    ids = [one.strip() for one in items["item_id"] if one.strip()]
    assert list(dataset.items) == ids and len(set(ids)) == len(ids)
    if "title" in items:
        kept = [title for one, title in zip(items["item_id"], items["title"], strict=True) if one.strip()]
        assert dataset.catalogue.columns["title"] == tuple(title.strip() or None for title in kept)
    events, users, rows = dataset.events, dataset.users, len(log["item_id"])
    if not rows:
        assert not len(events) and not len(users)
        return
    left_out = sum(note.count for note in dataset.notes if note.code.startswith("log-") and "left out" in note.message)
    assert len(events) + left_out == rows
    told = Counter((user.strip(), item.strip()) for user, item in zip(log["user_id"], log["item_id"], strict=True))
    told.update({(user, item.removesuffix(".0")): n for (user, item), n in told.items() if item not in ids})
    pairs = zip(events.users.tolist(), events.items.tolist(), strict=True)
    here = Counter((users[u], dataset.items[i] if i >= 0 else "") for u, i in pairs)
    assert here <= told
    assert (events.kinds[events.items < 0] == Kind.search).all()
    for column in (events.ratings, events.quantities):
        assert column is None or not np.isinf(column).any()
    if events.times is not None and len(events):
        assert np.abs(events.times).max() < 1e11
        same = np.diff(events.users) == 0
        assert (np.diff(events.times)[same] >= 0).all()
    assert not len(events) or events.positive.any()
    check(dataset).as_json()


@given(ITEMS, LOGS)
def test_text_comes_in_alike_from_a_file_and_from_a_frame(items: dict, log: dict) -> None:
    found = []
    for make in (
        lambda: read(as_csv(items), as_csv(log)),
        lambda: Dataset.from_frames(pd.DataFrame(items, dtype=object), pd.DataFrame(log, dtype=object)),
    ):
        try:
            found.append(make())
        except UserError as told:
            found.append(type(told))
    one, two = found
    if isinstance(one, type) or isinstance(two, type):
        assert one == two
        return
    assert one.items == two.items and one.users == two.users and one.positive == two.positive
    media = ("image",)  # a frame without a root has none
    assert {k: v for k, v in one.catalogue.columns.items() if k not in media} == {
        k: v for k, v in two.catalogue.columns.items() if k not in media
    }
    for name, column in vars(one.events).items():
        np.testing.assert_array_equal(column, getattr(two.events, name), err_msg=name)


VALID = {
    "items": 'item_id,title,price\n007,"Mug, blue",3\n7,杯子,4\n8,,\n'.encode(),
    "log": b"user_id,item_id,timestamp,rating,event\nu,007,1600000000,5,\nv,7,1600000001,1,view\nv,8,1600000009,4,\n",
    "toml": b'positive = "rating >= 4"\ngroup = "price"\n[event_weights]\nview = 0.2\n[columns]\n',
}


@given(
    st.sampled_from([*VALID]),
    st.lists(st.tuples(st.integers(0, 120), st.binary(max_size=3) | st.sampled_from([b'"', b"\n", b",", b"\0", b"\r"]),
                       st.integers(0, 4)), max_size=5),
)  # fmt: skip
def test_damaged_bytes_give_a_data_set_or_one_error(file: str, damage: list[tuple[int, bytes, int]]) -> None:
    files = dict(VALID)
    for place, noise, removed in damage:
        files[file] = files[file][:place] + noise + files[file][place + removed :]
    try:
        dataset = read(**files)
    except UserError as told:
        assert told.given and told.next_step
        return
    check(dataset).as_json()


ANYTHING = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(st.characters()), st.booleans(), st.binary(max_size=3),
    st.lists(st.integers(0, 3), max_size=2), st.dates(), st.datetimes(), st.timedeltas(), st.decimals(),
    st.complex_numbers(), st.sampled_from([pd.NA, pd.NaT, float("inf"), 2**70, "\ud800", (), {"a": 1}]),
)  # fmt: skip
KINDS = st.sampled_from([
    ANYTHING, st.integers(-5, 5), st.integers(0, 5).map(str), st.floats(), st.datetimes(), st.timedeltas(),
    st.binary(max_size=2), st.complex_numbers(), st.booleans(),
    st.integers(0, 5).map(lambda n: pd.Period(str(2000 + n), "Y")),
    st.integers(0, 5).map(lambda n: pd.Interval(n, n + 1)),
])  # fmt: skip


@st.composite
def frames(draw: st.DrawFn, needed: tuple[str, ...], others: tuple[str, ...]) -> pd.DataFrame:
    rows = draw(st.integers(0, 5))
    names = [*needed, *draw(st.lists(st.sampled_from(others), max_size=3))]
    columns = []
    for _ in names:
        values = draw(st.lists(draw(KINDS), min_size=rows, max_size=rows))
        plain = draw(st.booleans()) or not rows or "\ud800" in map(str, values)  # pandas guesses no type for that one
        columns.append(pd.Series(values, dtype=object if plain else None))
        if draw(st.integers(0, 5)) == 0:
            columns[-1] = columns[-1].map(ascii).astype("category")
    return pd.concat(columns, axis=1, keys=names)


@given(
    frames(("item_id",), ("title", "price", "image", "x")),
    frames(("user_id", "item_id"), ("timestamp", "rating", "event", "quantity")),
)
def test_a_frame_of_any_type_gives_a_data_set_or_one_error(items: pd.DataFrame, log: pd.DataFrame) -> None:
    try:
        dataset = Dataset.from_frames(items, log)
    except UserError as told:
        assert told.given and told.next_step
        return
    assert len(dataset.items) <= len(items) and len(dataset.events) <= len(log)
    check(dataset).as_json()


@given(st.lists(st.sampled_from(["rating", "event", ">=", "==", "in", "not", "and", "(", ")", "[", "]", "4", "'view'",
                                 "9" * 400, "1e999", "-", "nan", ",", "None", "b'x'", "5j", "{", "}", ":=", "\0"]),
                max_size=8).map(" ".join))  # fmt: skip
def test_a_rule_is_read_or_refused(text: str) -> None:
    try:
        rule = Rule.parse(text)
        read(VALID["items"], VALID["log"], toml_of(text))
    except UserError as told:
        assert told.given and told.next_step
        return
    assert set(rule.names) <= {"rating", "event"}
