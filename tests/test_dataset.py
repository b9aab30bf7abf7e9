"""A folder or frames become one checked value: what is wrong stops with a clear error or is counted, never silent."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from gobelin.data.catalogue import LANGUAGES, language_of
from gobelin.data.dataset import Dataset
from gobelin.data.log import default_rule
from gobelin.data.rule import EVERY, Rule
from gobelin.errors import DatasetError
from gobelin.values import Features, Kind, Vocabulary
from gobelin.values.vocabulary import tie_hash

ITEMS = "item_id,title,text\n007,Mug,Blue\n7,Cup,\n8,Vase,Tall\n"
LOG = "user_id,item_id,timestamp,event\nana,007,30,purchase\nbo,8,10,view\nana,8,20,view\n"


def folder(tmp_path: Path, **files: str | bytes) -> Path:
    """Writes files by stem: items, interactions, users as CSV, `toml` as dataset.toml."""
    for stem, content in files.items():
        name = "dataset.toml" if stem == "toml" else f"{stem}.csv"
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def notes_of(dataset: Dataset) -> dict[str, int]:
    return {note.code: note.count for note in dataset.notes}


def test_ids_are_text_so_a_leading_zero_survives(tmp_path: Path) -> None:
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=LOG))
    assert dataset.items.ids == ("007", "7", "8")
    assert dataset.catalogue.titles() == ["Mug", "Cup", "Vase"]
    assert dataset.catalogue.columns["text"] == ("Blue", None, "Tall")
    assert dataset.notes == (dataset.notes[0],)  # bo liked nothing
    assert notes_of(dataset) == {"users-without-positive": 1}


def test_events_are_sorted_by_user_then_time_and_carry_kind_weight_and_positive(tmp_path: Path) -> None:
    events = Dataset.read(folder(tmp_path, items=ITEMS, interactions=LOG)).events
    assert events.users.tolist() == [0, 0, 1]
    assert events.items.tolist() == [2, 0, 2]
    assert events.times.tolist() == [20, 30, 10]
    assert events.kinds.tolist() == [Kind.view, Kind.purchase, Kind.view]
    assert events.positive.tolist() == [False, True, False]
    np.testing.assert_allclose(events.weights, [0.1, 1.0, 0.1])
    histories = events.histories(3)
    assert histories.starts.tolist() == [0, 2, 3, 3]


def test_events_of_one_moment_keep_their_order_in_the_file(tmp_path: Path) -> None:
    log = "user_id,item_id,timestamp\nu,8,5\nv,7,1\nu,7,5\nu,007,5\n"
    assert Dataset.read(folder(tmp_path, items=ITEMS, interactions=log)).events.items.tolist() == [2, 1, 0, 1]


def test_quoted_line_breaks_commas_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    items = b'\xef\xbb\xbfitem_id,title\na,"two\nlines, one cell"\n"b",plain\n'
    dataset = Dataset.read(folder(tmp_path, items=items))
    assert dataset.items.ids == ("a", "b")
    assert dataset.catalogue.columns["title"][0] == "two\nlines, one cell"


def test_text_that_looks_like_nothing_is_text(tmp_path: Path) -> None:
    dataset = Dataset.read(folder(tmp_path, items="item_id,title\nNA,null\nnan,  \n"))
    assert dataset.items.ids == ("NA", "nan")
    assert dataset.catalogue.columns["title"] == ("null", None)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"items": "商品名称,x\n".encode("gb18030")}, ["items.csv is not UTF-8", "iconv"]),
        ({"items": "item_id,title\na,商品名称\n".encode("gb18030")}, ["items.csv is not UTF-8", "iconv"]),
        ({"items": ""}, ["items.csv is empty"]),
        ({"items": "item_id\n"}, ["holds no item"]),
        ({"items": "item_id;title\na;b\n"}, ["semicolons"]),
        ({"items": "item_id,title\na,b,c\n"}, ["items.csv cannot be read", "double quotes"]),
        ({"items": "item_id,title,title\na,b,c\n"}, ["'title' more than once"]),
        ({"items": "itemid,title\na,b\n"}, ["no column 'item_id'", "[columns]"]),
        ({"items": "item_id\na\nb\na\na\n"}, ["1 item id more than once: 'a'"]),
        ({"items": ITEMS, "interactions": "user,item_id\nu,7\n"}, ["no column 'user_id'", "Did you mean 'user'"]),
        ({"items": ITEMS, "interactions": "user_id,item_id\nu,99\n"}, ["No row", "'99'"]),
        ({"items": ITEMS, "interactions": "user_id,item_id,event\nu,7,buy\n"}, ["'buy'", "[events]"]),
        ({"items": ITEMS, "interactions": "user_id,item_id,split\nu,7,later\n"}, ["'later'"]),
        ({"items": ITEMS, "users": "user_id\nu\nu\n"}, ["1 user id more than once"]),
        ({"items": ITEMS, "toml": "positiv = 'x'"}, ["'positiv'", "Did you mean 'positive'"]),
        ({"items": ITEMS, "toml": "positive = rating"}, ["dataset.toml cannot be read"]),
        ({"items": ITEMS, "toml": "group = 'titel'"}, ["'titel'", "Did you mean 'title'"]),
        ({"items": ITEMS, "toml": "columns = {sku = 'item_id'}"}, ["maps a column 'sku'"]),
        ({"items": ITEMS, "toml": "columns = {text = 'title'}"}, ["would both become 'title'"]),
        ({"items": ITEMS, "interactions": LOG, "toml": "positive = 'rating > 3'"}, ["column 'rating'"]),
        ({"items": ITEMS, "interactions": LOG, "toml": "positive = 'event == \"cart\"'"}, ["No event is positive"]),
        ({"items": ITEMS, "interactions": LOG, "toml": "positive = 'event == \"buy\"'"}, ["names an event 'buy'"]),
        ({"items": ITEMS, "interactions": LOG, "toml": "event = 'buy'"}, ["event = 'buy'"]),
        ({"items": ITEMS, "interactions": LOG, "toml": "event_weights = {view = -1}"}, ["event_weights.view"]),
    ],
)
def test_what_breaks_the_contract_is_one_clear_error(tmp_path: Path, files: dict, words: list[str]) -> None:
    with pytest.raises(DatasetError) as told:
        Dataset.read(folder(tmp_path, **files))
    for word in words:
        assert word in str(told.value)


def test_a_missing_folder_table_or_both_forms_of_it_are_told(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with pytest.raises(DatasetError, match="Did you mean 'shop'"):
        Dataset.read(tmp_path / "shoop")
    (tmp_path / "shop" / "item.csv").write_text("x")
    with pytest.raises(DatasetError, match=r"Did you mean 'item.csv'"):
        Dataset.read(tmp_path / "shop")
    folder(tmp_path, items=ITEMS)
    (tmp_path / "items.parquet").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"both items.csv and items.parquet"):
        Dataset.read(tmp_path)
    (tmp_path / "items.csv").unlink()
    with pytest.raises(DatasetError, match=r"items.parquet cannot be read"):
        Dataset.read(tmp_path)


def test_rows_that_cannot_be_used_are_counted_once_each_and_the_rest_stays(tmp_path: Path) -> None:
    log = (
        "user_id,item_id,timestamp,rating,event\n"
        "u,7,1,5,\n"  # good
        ",7,1,5,\n"  # no user, counted as such
        "u,99,1,5,\nu,98,1,x,\n"  # unknown items; the second also lacks a number
        "u,,1,5,\n"  # no item, no search
        "u,,1,,search\n"  # a search needs none
        "u,8,1,good,\n"  # rating
        "u,8,yesterday,4,\nu,8,,4,\n"  # time
        "u,8,1,NaN,view\n"  # a missing number is no mistake
    )
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log))
    assert notes_of(dataset) == {
        "log-no-user": 1,
        "log-unknown-item": 2,
        "log-no-item": 1,
        "log-rating-not-number": 1,
        "log-no-time": 2,
    }
    assert sorted(dataset.events.items.tolist()) == [-1, 1, 2]
    assert dataset.positive == EVERY  # one rating is no scale
    assert dataset.events.positive.tolist() == [True, False, True]


def test_a_catalogue_without_a_log_is_a_data_set_and_an_empty_log_is_the_same(tmp_path: Path) -> None:
    alone = Dataset.read(folder(tmp_path, items=ITEMS))
    assert len(alone.events) == len(alone.users) == 0
    empty = Dataset.read(folder(tmp_path, interactions="user_id,item_id\n"))
    assert len(empty.events) == 0 and empty.notes == ()
    assert empty.events.histories(0).starts.tolist() == [0]


@pytest.mark.parametrize(
    ("written", "seconds", "code"),
    [
        (["1600214400", "1600214401.9"], [1600214400, 1600214401], None),
        (["1600214400000", "1600214401500"], [1600214400, 1600214401], "times-converted"),
        (["1600214400000000", "1600214401000000"], [1600214400, 1600214401], "times-converted"),
        (["1600214400000000000", "1600214401000000000"], [1600214400, 1600214401], "times-converted"),
        (["2020-09-16", "2020-09-16T00:00:01Z"], [1600214400, 1600214401], "times-as-dates"),
        (["2020-09-16 02:00:00+02:00", "1600214401"], [1600214400, 1600214401], "times-as-dates"),
    ],
)
def test_times_become_unix_seconds_whatever_their_unit(
    tmp_path: Path, written: list[str], seconds: list[int], code: str | None
) -> None:
    log = "user_id,item_id,timestamp\n" + "".join(f"u,7,{one}\n" for one in written)
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log))
    assert dataset.events.times.tolist() == seconds
    assert [note.code for note in dataset.notes] == ([code] if code else [])


def test_times_that_mostly_lack_are_not_used_and_no_row_is_lost(tmp_path: Path) -> None:
    log = "user_id,item_id,timestamp\nu,7,5\nu,8,\nu,007,\n"
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log))
    assert dataset.events.times is None and len(dataset.events) == 3
    assert notes_of(dataset) == {"times-unused": 2}


def test_the_default_rule_is_purchases_then_four_fifths_of_the_scale_then_everything() -> None:
    def rule(*ratings: float) -> str:
        return default_rule(np.full(len(ratings), Kind.rating, np.uint8), np.array(ratings, dtype=np.float32)).text

    assert default_rule(np.array([Kind.view, Kind.purchase], dtype=np.uint8), None).text == 'event == "purchase"'
    assert rule(np.nan, 4.5, 1) == "rating >= 4"
    assert rule(9, 1) == "rating >= 8"
    assert rule(*[3, 5] * 100, 50) == "rating >= 4"  # one slip of the pen
    assert rule(1, 0) == "rating >= 0.8"
    assert rule(1, 1) == default_rule(np.zeros(2, dtype=np.uint8), None).text == EVERY


def test_reviews_and_ratings_are_no_purchases_where_the_log_has_purchases(tmp_path: Path) -> None:
    log = "user_id,item_id,event,rating,text\nu,7,purchase,,\nu,7,review,5,fine\nu,8,rating,5,\n"
    events = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log)).events
    assert events.positive.tolist() == [True, False, False]
    assert events.weights.tolist() == [1, 0, 0]
    assert events.texts == [None, "fine", None] and events.ratings.tolist()[1:] == [5, 5]


def test_event_weights_can_be_set_and_a_failed_rating_weighs_nothing(tmp_path: Path) -> None:
    log = "user_id,item_id,event,rating\nu,7,purchase,2\nu,8,purchase,5\nu,8,view,\nu,7,cart,\n"
    toml = 'positive = "rating >= 4"\n[event_weights]\nview = 0.3\n'
    events = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log, toml=toml)).events
    np.testing.assert_allclose(events.weights, [0, 1, 0.3, 0.5])


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("rating >= 4", [0, 1, 0]),
        ("4 <= rating", [0, 1, 0]),
        ("1 < rating < 5", [1, 0, 0]),
        ('event == "view"', [1, 0, 0]),
        ('event != "view"', [0, 1, 1]),
        ('event in ["cart", "purchase"]', [0, 1, 1]),
        ('event not in ("cart",)', [1, 1, 0]),
        ("rating in [2, 5]", [1, 1, 0]),
        ("rating != 2", [0, 1, 0]),  # a row without a rating matches nothing
        ('event == "view" and rating < 3 or event == "cart"', [1, 0, 1]),
        ("not rating >= 4", [1, 0, 1]),
        ('channel == "web" or price > -1', [1, 1, 0]),
    ],
)
def test_rules_compare_columns_with_values(tmp_path: Path, rule: str, holds: list[int]) -> None:
    log = "user_id,item_id,event,rating,channel,price\nu,7,view,2,shop,0\nu,8,purchase,5,web,\nu,007,cart,,,\n"
    toml = f"positive = '''{rule}'''"
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log, toml=toml))
    assert dataset.events.positive.astype(int).tolist() == holds
    assert dataset.positive == rule


@pytest.mark.parametrize(
    "rule",
    ["rating => 4", "rating", "rating + 1 > 2", "len(event) > 1", "event < 'view'", "1 < 2", "rating == kind",
     "__import__('os').system('x') == 0", "event is 'view'", "rating > [1]", "event == view", "(" * 500,
     "rating >= b'4'"],
)  # fmt: skip
def test_a_rule_that_is_no_comparison_is_refused_and_never_run(rule: str) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        Rule.parse(rule)


def test_media_outside_the_folder_linked_out_of_it_or_missing_are_absent_and_counted(tmp_path: Path) -> None:
    inside, outside = tmp_path / "shop", tmp_path / "secret"
    (inside / "images").mkdir(parents=True)
    outside.mkdir()
    for path in (inside / "images" / "a.jpg", inside / "images" / "b.jpg", outside / "s.jpg"):
        path.write_bytes(b"x")
    (inside / "images" / "alias.jpg").symlink_to(inside / "images" / "a.jpg")
    (inside / "images" / "leak.jpg").symlink_to(outside / "s.jpg")
    (inside / "linked").symlink_to(outside)
    items = "item_id,image,image_zh,audio\n" + "\n".join(
        [
            "0,images/a.jpg|images/b.jpg,,",
            "1,../secret/s.jpg,,",
            f"2,{outside}/s.jpg,,",
            "3,images/leak.jpg,,",
            "4,linked/s.jpg,,",
            "5,images/none.jpg|images\\b.jpg,images/../images/a.jpg,",
            "6,images,,",
            "7,http://example.org/a.jpg,,",
            "8,images/alias.jpg,,images/none.wav",
            f"9,{inside}/images/a.jpg,,",
        ]
    )
    dataset = Dataset.read(folder(inside, items=items))
    assert dataset.catalogue.columns["image"] == (
        "images/a.jpg|images/b.jpg", None, None, None, None, "images/b.jpg", None, None, "images/alias.jpg",
        "images/a.jpg",
    )  # fmt: skip
    assert [(note.code, note.count) for note in dataset.notes] == [
        ("media-address", 1),
        ("media-link", 2),
        ("media-missing", 2),
        ("media-outside", 2),
        ("media-missing", 1),
    ]
    several = dataset.catalogue.content(5).fields["image"]
    assert several == (inside.resolve() / "images/b.jpg", inside.resolve() / "images/a.jpg")
    assert "image" not in dataset.catalogue.content(1).fields


def test_a_language_suffix_is_the_same_field_in_that_language_and_brand_id_is_no_language(tmp_path: Path) -> None:
    items = (
        "item_id,title_zh,title,brand,brand_id,colour,colour_de,imdb_id,categories,categories_zh\n"
        "a,杯子,Mug,X,9,red,rot,tt1,Home| Cups ,家居\nb,,,,,,,,,\nc,花瓶,,,,,,,,\n"
    )
    catalogue = Dataset.read(folder(tmp_path, items=items)).catalogue
    assert catalogue.field("title") == [("title", None), ("title_zh", "zh")]
    assert catalogue.field("colour") == [("colour", None), ("colour_de", "de")]
    assert catalogue.field("brand") == [("brand", None)] and catalogue.field("imdb") == []
    content = catalogue.content(0)
    assert content.item == "a" and content.fields["title"] == ("Mug", "杯子")
    assert content.fields["colour"] == ("red", "rot") and content.fields["brand_id"] == ("9",)
    assert catalogue.content(1).fields == {}
    assert catalogue.categories() == [("Home", "Cups"), (), ()]
    assert catalogue.titles() == ["Mug", "b", "花瓶"]
    assert [one.item for one in catalogue.contents([2, 0])] == ["c", "a"]
    assert {"zh", "en", "de"} <= LANGUAGES and language_of("text_source", ["text"]) == ("text_source", None)


def test_settings_ignore_group_and_map_columns(tmp_path: Path) -> None:
    items = "sku,name,colour,model\n1,Mug,red,M\n2,Mug,blue,M\n"
    log = "who,sku,kind\nu,1,gekauft\nu,2,Werbung\nu,2,view\n"
    toml = (
        'ignore = ["colour", "size"]\ngroup = "model"\n'
        '[columns]\nsku = "item_id"\nname = "title"\nwho = "user_id"\n[columns.interactions]\nkind = "event"\n'
        '[events]\ngekauft = "purchase"\nWerbung = "ignore"\n'
    )
    dataset = Dataset.read(folder(tmp_path, items=items, interactions=log, toml=toml))
    assert list(dataset.catalogue.columns) == ["title", "model"]
    assert dataset.catalogue.group == ("M", "M")
    assert dataset.events.kinds.tolist() == [Kind.purchase, Kind.view]
    assert notes_of(dataset) == {"setting-unknown-column": 1, "log-ignored-event": 1}


def test_chinese_column_names_and_events_are_recognised_and_noted(tmp_path: Path) -> None:
    items = "商品编号,标题,图片,颜色\n01,杯子,x.jpg,红\n"
    log = "用户编号,商品编号,时间戳,行为\n甲,01,5,购买\n甲,01,4,浏览\n"
    dataset = Dataset.read(folder(tmp_path, items=items, interactions=log))
    assert dataset.items.ids == ("01",) and dataset.catalogue.titles() == ["杯子"]
    assert dataset.events.kinds.tolist() == [Kind.view, Kind.purchase]
    assert "颜色" in dataset.catalogue.columns
    assert sorted(note.count for note in dataset.notes if note.code == "columns-recognised") == [3, 4]


def test_users_of_the_table_follow_those_of_the_log_and_traits_go_by_user(tmp_path: Path) -> None:
    users = "user_id,age\nzoe,40\nana,30\n"
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=LOG, users=users))
    assert dataset.users.ids == ("ana", "bo", "zoe")
    assert dataset.traits == {"age": ("30", None, "40")}
    assert notes_of(dataset) == {"users-without-positive": 1, "users-without-events": 1, "users-untold": 1}


def test_the_split_column_is_read_in_words_or_in_numbers(tmp_path: Path) -> None:
    log = "user_id,item_id,split\nu,7,train\nu,8,validation\nu,007,2\nu,8,\n"
    dataset = Dataset.read(folder(tmp_path, items=ITEMS, interactions=log))
    assert dataset.events.part.tolist() == [0, 1, 2, 0]
    assert notes_of(dataset) == {"split-unstated": 1}


def test_own_vectors_are_joined_by_id_and_what_is_not_finite_is_absent(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    rows = {"item_id": ["8", "99", "7"], "vector": [[1.0, 2.0], [0.0, 0.0], [np.nan, 1.0]]}
    parquet.write_table(pa.table(rows), tmp_path / "features" / "mine.parquet")
    dataset = Dataset.read(folder(tmp_path, items=ITEMS))
    mine = dataset.catalogue.vectors["mine"]
    assert (mine.name, mine.modality, mine.ids) == ("mine", "own vectors", dataset.items)
    assert mine.present.tolist() == [False, False, True]
    assert mine.values.tolist() == [[0, 0], [0, 0], [1, 2]]
    assert notes_of(dataset) == {"vectors-unknown-item": 1, "vectors-not-finite": 1}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"7": [1.0], "8": [1.0, 2.0]}, "differ in length: 1, 2"),
        ({"x": [1.0]}, "describe no item"),
        ({"7": ["a"]}, "no number"),
        (pd.DataFrame({"item_id": ["7", "7"], "vector": [[1.0], [1.0]]}), "more than once"),
        (pd.DataFrame({"item_id": ["7"]}), "no column 'vector'"),
    ],
)
def test_vectors_that_cannot_be_read_are_told(given: object, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        Dataset.from_frames(pd.DataFrame({"item_id": ["7", "8"]}), vectors={"mine": given})


def test_vectors_in_python_come_as_a_mapping_a_frame_or_features() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"]})
    values = np.array([[3.0, 4.0]], dtype=np.float32)
    features = Features("f", "text", Vocabulary(["b"]), values, np.array([True]))
    frame = pd.DataFrame({"item_id": ["b"], "vector": [[3.0, 4.0]]})
    dataset = Dataset.from_frames(items, vectors={"one": {"b": [3, 4]}, "two": frame, "three": features})
    for one in dataset.catalogue.vectors.values():
        assert one.values.tolist() == [[0, 0], [3, 4]] and one.present.tolist() == [False, True]


def test_frames_and_parquet_give_the_same_data_set_as_csv(tmp_path: Path) -> None:
    items = pd.DataFrame({"item_id": [10, 20], "title": ["A", None], "price": [1.5, 2.0], "tags": [["x", "y"], []]})
    log = pd.DataFrame(
        {
            "user_id": [1, 1, 2, 2],
            "item_id": [10.0, 20.0, 20.0, np.nan],  # what pandas makes of whole numbers with a gap
            "rating": np.array([5, 2.5, 3, np.nan], dtype=np.float32),
            "timestamp": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]),
        }
    )
    frames = Dataset.from_frames(items, log, name="shop")
    items.to_parquet(tmp_path / "items.parquet")
    log.to_parquet(tmp_path / "interactions.parquet")
    stored = Dataset.read(tmp_path)
    written = tmp_path / "csv"
    written.mkdir()
    items.assign(tags=["x|y", ""]).to_csv(written / "items.csv", index=False)
    log.to_csv(written / "interactions.csv", index=False)
    for other in (stored, Dataset.read(written)):
        assert other.items == frames.items and other.users == frames.users
        assert other.catalogue.columns["tags"] == ("x|y", None) == frames.catalogue.columns["tags"]
        assert other.catalogue.columns["title"] == ("A", None)
        assert other.events.items.tolist() == [0, 1, 1] == frames.events.items.tolist()
        assert other.events.times.tolist() == frames.events.times.tolist() == [1577836800, 1577923200, 1578009600]
        assert other.events.ratings.tolist() == [5, 2.5, 3]
        assert notes_of(other).get("log-pointed-id", 3) == 3
        assert notes_of(other)["log-no-item"] == notes_of(frames)["log-no-item"] == 1


def test_frames_without_a_root_have_no_media_and_say_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    items = pd.DataFrame({"image": ["a.jpg"]}, index=pd.Index(["i"], name="item_id"))
    assert notes_of(Dataset.from_frames(items)) == {"media-no-root": 1}
    assert Dataset.from_frames(items, root=tmp_path).catalogue.content(0).fields["image"] == (
        tmp_path.resolve() / "a.jpg",
    )


def test_ids_of_several_types_in_one_frame_are_text() -> None:
    dataset = Dataset.from_frames(pd.DataFrame({"item_id": [1, "b", 2.5]}))
    assert dataset.items.ids == ("1", "b", "2.5")


def test_tie_hashes_are_the_same_everywhere_and_other_for_other_seeds() -> None:
    # blake2b with an 8-byte digest, salted by the seed: computed apart from this package
    assert tie_hash(["a", "b"], 0).tolist() == [1_702_698_405_120_146_464, 4_226_560_797_588_928_834]
    ids = [str(n) for n in range(1_000)]
    zero, one = tie_hash(ids, 0), tie_hash(ids, 1)
    assert len(set(zero.tolist())) == 1_000 and (zero >= 0).all()
    assert abs(np.corrcoef(np.argsort(np.argsort(zero)), np.argsort(np.argsort(one)))[0, 1]) < 0.15


@pytest.mark.real
def test_hm_week_is_read_whole_and_fast(real: Path) -> None:
    start = time.perf_counter()
    dataset = Dataset.read(real / "hm_week")
    assert time.perf_counter() - start < 3  # 0.2 s alone on two cores; the hook and neighbours cost more
    assert (len(dataset.items), len(dataset.users), len(dataset.events)) == (9_790, 12_049, 91_278)
    assert dataset.positive == 'event == "purchase"' and dataset.events.positive.all()
    assert dataset.items[0] == "0111565001" and dataset.catalogue.group[0] == "0111565"
    assert dataset.notes == ()


@pytest.mark.real
def test_movielens_is_read_with_its_chinese_and_its_missing_pictures(real: Path) -> None:
    dataset = Dataset.read(real / "movielens_small")
    assert (len(dataset.items), len(dataset.users), len(dataset.events)) == (9_742, 610, 100_836)
    assert dataset.positive == "rating >= 4" and int(dataset.events.positive.sum()) == 48_580
    assert dataset.catalogue.content(0).fields["title"] == ("Toy Story (1995)", "玩具总动员")
    assert sum(value is not None for value in dataset.catalogue.columns["image"]) == 9_520
    assert "imdb_id" not in dataset.catalogue.columns
