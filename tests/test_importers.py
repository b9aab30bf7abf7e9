"""Each importer, on a small folder in its format that the test itself makes; broken, foreign and empty ones as well."""

import gzip
import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import gobelin
from gobelin import parts
from gobelin.data.dataset import Dataset
from gobelin.data.draft import Draft
from gobelin.data.rule import EVERY
from gobelin.data.splits import make_split
from gobelin.errors import DatasetError, RecipeError, StoreError, UnknownName, UserError
from gobelin.importers import Imported, Importer, import_dataset

USERS, ITEMS = 12, 10
PAIRS = [(u, i) for u in range(USERS) for i in range(ITEMS) if (u + i) % 3]  # what everyone did in these worlds


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def recbole(folder: Path) -> None:
    log = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    log += [f"u{u}\t00{i}\t{1 + (u * i) % 5}\t{1_000_000 + u * 100 + i}.0" for u, i in PAIRS]
    write(folder / "toy.inter", "\n".join(log))
    items = ["item_id:token\tmovie_title:token_seq\tclass:token_seq\tyear:float\ttags:token_seq\timage:float_seq"]
    items += [
        f"00{i}\t{'爱情 故事' if i == 3 else f'Film {i}'}\tDrama Comedy\t199{i}\ta b\t{i} 1 0.5" for i in range(ITEMS)
    ]
    write(folder / "toy.item", "\n".join(items))
    write(folder / "toy.user", "\n".join(["user_id:token\tage:float", *(f"u{u}\t{20 + u}" for u in range(USERS))]))


def mmrec(folder: Path) -> None:
    log = ["userID\titemID\trating\ttimestamp\tx_label"]
    log += [f"{u}\t{i}\t{1 + (u * i) % 5}.0\t{1_000_000 + u}\t{max(i - 7, 0)}" for u, i in PAIRS]
    write(folder / "toy.inter", "\n".join(log))
    image, text = np.arange(ITEMS * 4.0).reshape(ITEMS, 4), np.ones((ITEMS, 3))
    image[0], text[5, 1] = 0, np.nan
    np.save(folder / "image_feat.npy", image)
    np.save(folder / "text_feat.npy", text.astype(np.float32))
    write(folder / "i_id_mapping.csv", "asin\titemID\n" + "".join(f"00B{i}\t{i}\n" for i in range(ITEMS)))
    write(folder / "u_id_mapping.csv", "user_id\tuserID\n" + "".join(f"A{u}\t{u}\n" for u in range(USERS)))
    meta = pd.DataFrame({"itemID": range(ITEMS), "title": [f"Thing {i}" for i in range(ITEMS)],
                         "categories": ["[['Baby', 'Feeding']]"] * ITEMS, "price": ["1.5"] * ITEMS})  # fmt: skip
    meta.to_csv(folder / "meta-toy.csv", index=False)


def movielens(folder: Path) -> None:
    ratings = [f"{u},{i},{1 + (u * i) % 5}.0,{1_000_000 + u}" for u, i in PAIRS]
    write(folder / "ratings.csv", "\n".join(["userId,movieId,rating,timestamp", *ratings]))
    films = [f'{i},"Film, the {i} (199{i})",{"Drama|Comedy" if i else "(no genres listed)"}' for i in range(ITEMS)]
    write(folder / "movies.csv", "\n".join(["movieId,title,genres", *films]))
    write(folder / "tags.csv", "userId,movieId,tag,timestamp\n1,1,Pixar,1\n2,1,pixar,2\n3,1,fun,3\n")
    write(folder / "links.csv", "movieId,imdbId,tmdbId\n1,0114709,862\n")


def amazon(folder: Path) -> None:
    reviews = [{"reviewerID": f"A{u}", "asin": f"000{i}", "overall": 1.0 + (u * i) % 5, "unixReviewTime": 1_000_000 + u,
                "reviewText": "很好" if i == 1 else "good", "summary": "Yes"} for u, i in PAIRS]  # fmt: skip
    write(folder / "reviews_Toy_5.json", "\n".join(map(json.dumps, reviews)))
    metadata = [{"asin": f"000{i}", "title": f"Tom's thing {i} &amp; more", "categories": [["Toys", "Blocks"]],
                 "price": 3.5, "brand": "Acme", "imUrl": f"http://127.0.0.1:1/{i}"} for i in range(ITEMS)]  # fmt: skip
    with gzip.open(folder / "meta_Toy.json.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(repr, metadata)))  # as Python prints them, with single quotes


WORLDS: dict[str, Callable[[Path], None]] = {f.__name__: f for f in (recbole, mmrec, movielens, amazon)}


@pytest.fixture
def imported(tmp_path) -> Callable[..., tuple[Imported, Dataset]]:
    """Makes the world of a format, imports it and reads what was written."""

    def make(format: str, **settings) -> tuple[Imported, Dataset]:
        source = tmp_path / "source"
        if not source.exists():
            source.mkdir()
            WORLDS[format](source)
        done = import_dataset(format, source, tmp_path / "ours", settings)
        return done, Dataset.read(done.folder)

    return make


@pytest.fixture(params=[part.name for part in parts.named("importers")])
def format(request) -> str:
    return request.param


def test_every_importer_has_a_world_here() -> None:
    assert {part.name for part in parts.named("importers")} == set(WORLDS)


def test_every_importer_keeps_the_promise(format, imported) -> None:
    assert isinstance(parts.bind("importers", format, {}), Importer)
    done, dataset = imported(format)
    assert done.told.written["interactions"] == len(dataset.events) == len(PAIRS)
    assert done.told.written["items"] == len(dataset.items) == ITEMS
    assert done.told.written["people in the log"] == USERS
    assert sum(done.told.read.values()) >= len(PAIRS) + ITEMS
    assert done.told.left_out == {}
    assert not [note for note in dataset.notes if "left out" in note.message]
    assert gobelin.check(dataset).as_json()["advice"]
    assert make_split(dataset, "given" if format == "mmrec" else "random", 0, 1).counts["test"] > 0
    json.dumps(done.as_json())


def test_every_importer_refuses_what_it_cannot_read(format, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "other" / "notes.txt", "nothing of the kind")
    write(tmp_path / "lone.txt", "nothing of the kind")
    for source in ("empty", "other", "lone.txt"):
        with pytest.raises(DatasetError) as told:
            import_dataset(format, tmp_path / source, tmp_path / "ours")
        assert source in told.value.given
    with pytest.raises(DatasetError, match="Did you mean 'other'"):
        import_dataset(format, tmp_path / "othr", tmp_path / "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "lone.txt", "other"]


def test_every_importer_refuses_a_folder_that_is_not_its_own(format, tmp_path) -> None:
    source, target = tmp_path / "source", tmp_path / "thesis"
    source.mkdir()
    WORLDS[format](source)
    write(target / "chapter.txt", "years of work")
    for place in (target, source):
        with pytest.raises(UserError, match="is no dataset folder"):
            import_dataset(format, source, place)
    assert [path.name for path in target.iterdir()] == ["chapter.txt"]
    target = tmp_path / "ours"
    import_dataset(format, source, target)
    import_dataset(format, source, target)  # an earlier import is replaced
    assert Dataset.read(target)
    with (target / "dataset.toml").open("a") as file:
        file.write("# my own words\n")
    with pytest.raises(UserError, match=r"was changed since.*dataset\.toml"):
        import_dataset(format, source, target)
    assert "my own words" in (target / "dataset.toml").read_text()


def test_every_importer_leaves_nothing_when_it_is_stopped(format, tmp_path, monkeypatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    WORLDS[format](source)

    def stop(draft: Draft, origin: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Draft, "finish", stop)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(format, source, tmp_path / "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_every_importer_says_what_is_empty(format, tmp_path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    WORLDS[format](source)
    log = next(path for path in source.iterdir() if path.name.startswith(("toy.inter", "ratings", "reviews")))
    log.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"is empty|has no file with reviews"):
        import_dataset(format, source, tmp_path / "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_log_without_rows_is_an_error(tmp_path) -> None:
    for name, line in (("recbole", "user_id:token\titem_id:token"), ("mmrec", "userID\titemID\tx_label")):
        write(tmp_path / name / "a.inter", line + "\n")
        with pytest.raises(DatasetError, match="no event remains of 0 rows read"):
            import_dataset(name, tmp_path / name, tmp_path / "ours")


def test_a_wrong_format_or_setting_is_refused_with_the_nearest_one(tmp_path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'recbole'"):
        import_dataset("reckbole", tmp_path, tmp_path / "ours")
    with pytest.raises(RecipeError, match="Did you mean 'tags'"):
        import_dataset("movielens", tmp_path, tmp_path / "ours", {"tag": False})


def test_recbole_fields_become_titles_categories_attributes_and_vectors(imported) -> None:
    done, dataset = imported("recbole")
    assert dataset.items[0] == "000"  # text
    row = dataset.items.rows(["003"])[0]
    columns = dataset.catalogue.columns
    assert columns["title"][row] == "爱情 故事"
    assert columns["categories"][row] == "Drama|Comedy"
    assert (columns["year"][row], columns["tags"][row]) == ("1993", "a|b")
    assert dataset.catalogue.vectors["image_feat"].values[row].tolist() == [3, 1, 0.5]
    assert dataset.traits["age"][0] == "20"
    assert dataset.positive == "rating >= 4"
    assert done.told.read == {"toy.inter": len(PAIRS), "toy.item": ITEMS, "toy.user": USERS}


def test_recbole_finds_or_is_told_the_fields_of_the_ids(tmp_path) -> None:
    write(tmp_path / "a" / "a.inter", "uid:token\tthing:token\nu\t1\n")
    with pytest.raises(DatasetError, match=r"no token field with 'user'.*has uid, thing.*--set user=FIELD"):
        import_dataset("recbole", tmp_path / "a", tmp_path / "ours")
    import_dataset("recbole", tmp_path / "a" / "a.inter", tmp_path / "ours", {"user": "uid", "item": "thing"})
    assert Dataset.read(tmp_path / "ours").items[0] == "1"
    write(tmp_path / "b" / "b.inter", "the_user:token\tmy_item:token\tviewed_time:float\nu\t007\t5\n")
    import_dataset("recbole", tmp_path / "b", tmp_path / "ours")
    frame = pd.read_parquet(tmp_path / "ours" / "interactions.parquet")
    assert frame.to_dict("records") == [{"user_id": "u", "item_id": "007", "timestamp": 5}]
    write(tmp_path / "c" / "c.inter", "user_id\titem_id\nu\t1\n")
    with pytest.raises(DatasetError, match="'user_id', which is no field with its type"):
        import_dataset("recbole", tmp_path / "c", tmp_path / "ours")
    write(tmp_path / "c" / "d.inter", "")
    with pytest.raises(DatasetError, match=r"has 2 files NAME\.inter"):
        import_dataset("recbole", tmp_path / "c", tmp_path / "ours")
    write(tmp_path / "e" / "e.inter", "user_id:token\titem_id:token\n名\t1\n", "gb18030")
    with pytest.raises(DatasetError, match="not UTF-8"):
        import_dataset("recbole", tmp_path / "e", tmp_path / "ours")


def test_recbole_fields_that_would_meet_under_one_name_stay_apart(tmp_path) -> None:
    write(tmp_path / "a.inter", "user_id:token\titem_id:token\tasin:token\nu\t1\tB\n")
    write(tmp_path / "a.item", "asin:token\titem_id:token\tcategory:token\tcategories:token\nB\t1\tc\td\n")
    import_dataset("recbole", tmp_path, tmp_path / "ours", {"item": "asin"})
    assert pq.read_table(tmp_path / "ours" / "items.parquet").to_pylist() == [
        {"item_id": "B", "item_id_": "1", "categories": "c", "categories_": "d"}
    ]
    assert Dataset.read(tmp_path / "ours").items.ids == ("B",)


def test_broken_rows_are_counted_and_the_rest_stays(tmp_path) -> None:
    write(
        tmp_path / "a.inter",
        "user_id:token\titem_id:token\trating:float\nu\t1\t5\nu\t2\nu\t3\t4\t9\n\nu\t\t3\nu\t4\tmany\nu\t5\t\n",
    )
    write(
        tmp_path / "a.item",
        "item_id:token\tname:token\tv:float_seq\n1\tOne\t1 2\n1\tAgain\t1 2\n\tNone\t\n4\tFour\t1 2 3\n9\tNine\tx\n",
    )
    told = import_dataset("recbole", tmp_path / "a.inter", tmp_path / "ours").told
    assert told.read == {"a.inter": 6, "a.item": 5}
    assert told.left_out == {
        "a.inter: lines with another number of columns": 2,
        "events without a user or an item": 1,
        "events whose rating is not a number": 1,
        "items that stand there again: the first row counts": 1,
        "items without an id": 1,
    }
    assert told.notes == {
        "vectors 'v' that are broken or of another length: absent": 2,
        "items that only the log names: without content": 1,
    }
    assert told.written == {"features/v": 1, "interactions": 2, "items": 4, "people in the log": 1}
    assert Dataset.read(tmp_path / "ours").catalogue.columns["title"] == ("One", "Four", "Nine", None)


def test_mmrec_keeps_the_split_the_original_ids_and_the_vectors(imported) -> None:
    done, dataset = imported("mmrec")
    frame = pd.read_parquet(done.folder / "interactions.parquet")
    assert frame["split"].value_counts().to_dict() == {"train": 64, "validation": 8, "test": 8}
    assert (frame["user_id"][0], frame["item_id"][0]) == ("A0", "00B1")
    assert dataset.positive == EVERY
    vectors = dataset.catalogue.vectors
    assert vectors["image_feat"].present.sum() == ITEMS - 1 and vectors["text_feat"].present.sum() == ITEMS - 1
    row = dataset.items.rows(["00B2"])[0]
    assert vectors["image_feat"].values[row].tolist() == [8, 9, 10, 11]
    assert not vectors["image_feat"].present[dataset.items.rows(["00B0"])[0]]
    assert dataset.catalogue.columns["categories"][row] == "Baby|Feeding"
    assert done.told.notes["vectors 'image_feat' of noughts or not finite: absent"] == 1
    split = make_split(dataset, "given")
    assert (split.counts["train"], len(split.validation), len(split.test)) == (64, 8, 8)


def test_mmrec_without_mapping_or_metadata_has_items_for_every_row_of_its_arrays(tmp_path) -> None:
    write(tmp_path / "a.inter", "userID\titemID\tx_label\n0\t0\t0\n0\t1\t2\n1\t1\t7\n")
    np.save(tmp_path / "audio_feat.npy", np.ones((4, 2)))
    told = import_dataset("mmrec", tmp_path, tmp_path / "ours").told
    assert told.left_out == {"events whose x_label is not 0, 1 or 2": 1}
    assert told.written == {"features/audio_feat": 4, "interactions": 2, "items": 4, "people in the log": 1}
    np.save(tmp_path / "audio_feat.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match=r"audio_feat.npy cannot be read"):
        import_dataset("mmrec", tmp_path, tmp_path / "ours")
    np.save(tmp_path / "audio_feat.npy", np.ones(4))
    with pytest.raises(DatasetError, match=r"of the shape \(4,\)"):
        import_dataset("mmrec", tmp_path, tmp_path / "ours")
    write(tmp_path / "b" / "a.inter", "user_id:token\tthing:token\n")
    with pytest.raises(DatasetError, match="RecBole's format"):
        import_dataset("mmrec", tmp_path / "b", tmp_path / "ours")


def test_a_list_of_the_test_may_show_validation_where_the_split_says_so(imported) -> None:
    _, dataset = imported("mmrec")
    ours, theirs = (make_split(dataset, "given", mask=mask) for mask in ("train+validation", "train"))
    assert len(theirs.seen("validation")) == len(ours.seen("validation")) == ours.counts["train"]
    assert len(theirs.seen("test")) == theirs.counts["train"]
    assert len(ours.seen("test")) == ours.counts["train"] + len(ours.validation)
    again = theirs.refit()  # what the history holds is never shown
    assert len(again.seen("test")) == theirs.counts["train"] + len(theirs.validation)


def test_movielens_with_commas(imported) -> None:
    _, dataset = imported("movielens")
    columns = dataset.catalogue.columns
    row = dataset.items.rows(["1"])[0]
    assert (columns["title"][row], columns["year"][row]) == ("Film, the 1", "1991")
    assert columns["categories"][row] == "Drama|Comedy"
    assert columns["categories"][dataset.items.rows(["0"])[0]] is None
    assert columns["text"][row] == "pixar, fun"
    assert "imdb_id" not in columns and dataset.positive == "rating >= 4"
    done, dataset = imported("movielens", tags="false")
    assert dataset.catalogue.columns["text"][row] is None
    frame = pd.read_parquet(done.folder / "items.parquet")
    assert frame.loc[1, "imdb_id"] == "0114709"


def test_movielens_100k_in_latin_1(tmp_path) -> None:
    folder = tmp_path / "download" / "ml-100k"
    write(folder / "u.data", "1\t01\t4\t881250949\n2\t01\t3\t881250950\n2\t2\t5\t881250951\nshort\n")
    flags = ["0"] * 19
    flags[3] = flags[5] = "1"
    write(
        folder / "u.item",
        f"01|Misérables, Les (1995)|01-Jan-1995||http://a/|{'|'.join(flags)}\n2|unknown||||1{'|0' * 18}\n",
        "latin-1",
    )
    write(folder / "u.user", "1|24|M|technician|08571\n2|53|F|other|94043\n")
    done = import_dataset("movielens", tmp_path / "download", tmp_path / "ours")  # as the archive unpacks
    dataset = Dataset.read(done.folder)
    assert dataset.items.ids == ("01", "2")
    assert dataset.catalogue.columns["title"] == ("Misérables, Les", "unknown")
    assert dataset.catalogue.columns["categories"] == ("Animation|Comedy", None)
    assert dataset.traits["zip_code"] == ("08571", "94043")
    assert done.told.left_out == {"u.data: lines with another number of columns": 1}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_movielens_in_dat_files(tmp_path, encoding) -> None:
    write(tmp_path / "ratings.dat", "1::1193::5::978300760\n2::661::3.5::978302109\n")
    write(tmp_path / "movies.dat", "661::Café: a film (1996)::Drama\n1193::Flew (1975)::Drama|Comedy\n", encoding)
    write(tmp_path / "users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")
    write(tmp_path / "tags.dat", "1::661::warm::978300760\n")
    dataset = Dataset.read(import_dataset("movielens", tmp_path, tmp_path / "ours").folder)
    assert dataset.catalogue.columns["title"] == ("Café: a film", "Flew")
    assert dataset.catalogue.columns["text"] == ("warm", None)
    assert dataset.events.ratings is not None and dataset.events.ratings.tolist() == [5, 3.5]
    assert dataset.traits["occupation"] == ("10", "16")


def test_a_delimiter_of_two_bytes_is_never_cut(tmp_path) -> None:
    rows = [f"{n % 50}::{'x' * (n % 7)}{n % 90}::4::{n}" for n in range(300_000)]
    write(tmp_path / "ratings.dat", "\n".join(rows))
    told = import_dataset("movielens", tmp_path, tmp_path / "ours").told
    assert told.written["interactions"] == 300_000 and not told.left_out


def test_amazon_of_2014_with_python_literals(imported) -> None:
    done, dataset = imported("amazon")
    row = dataset.items.rows(["0001"])[0]
    columns = dataset.catalogue.columns
    assert columns["title"][row] == "Tom's thing 1 & more"
    assert (columns["categories"][row], columns["brand"][row], columns["price"][row]) == ("Toys|Blocks", "Acme", "3.5")
    assert "image_url" not in columns and columns["image"][row] is None
    assert "Yes\n很好" in (dataset.events.texts or ())
    assert dataset.positive == "rating >= 4"
    assert pd.read_parquet(done.folder / "items.parquet")["image_url"][1] == "http://127.0.0.1:1/1"


def test_amazon_of_2023_and_2018(tmp_path) -> None:
    new = {"user_id": "A", "parent_asin": "01", "asin": "02", "rating": 5.0, "timestamp": 1588687728923, "text": "x",
           "title": "t", "images": []}  # fmt: skip
    write(tmp_path / "new" / "Toy.jsonl", json.dumps(new) + "\n")
    meta = {"parent_asin": "01", "title": "T", "features": ["a"], "description": ["b"], "store": "S", "price": None,
            "categories": ["C", "D"], "main_category": "M",
            "images": [{"large": "http://h/2.jpg", "variant": "PT01"},
                       {"hi_res": "http://h/1.jpg", "large": "http://h/0.jpg", "variant": "MAIN"}]}  # fmt: skip
    write(tmp_path / "new" / "meta_Toy.jsonl", json.dumps(meta) + "\n" + json.dumps({**meta, "parent_asin": "09"}))
    import_dataset("amazon", tmp_path / "new", tmp_path / "ours", {"reviewed_only": "true"})
    log = pd.read_parquet(tmp_path / "ours" / "interactions.parquet")
    assert log.to_dict("records") == [
        {"user_id": "A", "item_id": "01", "rating": 5.0, "timestamp": 1588687728, "text": "t\nx"}
    ]
    items = pq.read_table(tmp_path / "ours" / "items.parquet").to_pylist()
    assert items == [{"item_id": "01", "title": "T", "text": "b\na", "categories": "C|D", "brand": "S", "price": None,
                      "image_url": "http://h/1.jpg|http://h/2.jpg", "image": None}]  # fmt: skip
    old = {"reviewerID": "A", "asin": "01", "overall": 4.0, "unixReviewTime": 1514764800, "verified": True}
    write(tmp_path / "mid" / "Toy_5.json", json.dumps(old))
    product = {"asin": "01", "title": "T", "category": ["C"], "feature": ["f"], "description": ["d"], "brand": "B",
               "price": "$1,299.50", "imageURLHighRes": ["https://h/h.jpg"], "imageURL": ["https://h/l"]}  # fmt: skip
    odd = {**product, "asin": "02", "price": "$1 - $3", "imageURLHighRes": ["file:///etc/passwd"], "imageURL": []}
    write(tmp_path / "mid" / "meta_Toy.json", json.dumps(product) + "\n" + json.dumps(odd))
    import_dataset("amazon", tmp_path / "mid", tmp_path / "ours")
    items = pd.read_parquet(tmp_path / "ours" / "items.parquet")
    assert items["price"].fillna("").tolist() == ["1299.50", ""]
    assert items["image_url"].fillna("").tolist() == ["https://h/h.jpg", ""]


def test_amazon_counts_broken_lines_and_names_a_broken_archive(tmp_path) -> None:
    good = json.dumps({"reviewerID": "A", "asin": "1", "overall": 5.0, "unixReviewTime": 1})
    write(tmp_path / "a" / "r.json", f"{good}\nnonsense\n[1]\n__import__('os').system('true')\n{'(' * 9999}\n{good}\n")
    told = import_dataset("amazon", tmp_path / "a", tmp_path / "ours").told
    assert told.left_out == {"r.json: lines that are no record": 4} and told.read == {"r.json": 6}
    half = {"asin": "1", "title": "\ud83d and a path C:\\d"}
    write(tmp_path / "a" / "m.json", json.dumps(half) + "\n{'asin': '2', 'title': 'C:\\d'}\n")
    import_dataset("amazon", tmp_path / "a", tmp_path / "ours")
    assert Dataset.read(tmp_path / "ours").catalogue.columns["title"] == ("? and a path C:\\d", "C:\\d")
    whole = gzip.compress(("\n".join([good] * 9999)).encode())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "r.json.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"r.json.gz cannot be read"):
        import_dataset("amazon", tmp_path / "b", tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_a_disk_that_is_full_leaves_nothing(tmp_path, monkeypatch) -> None:
    movielens(tmp_path / "source")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match="No space left on device"):
        import_dataset("movielens", tmp_path / "source", tmp_path / "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.fixture
def shop_of_pictures() -> Iterator[tuple[str, list[str]]]:
    """(address, what was asked for) of a server with one good picture, one too large, one missing, one broken."""
    asked: list[str] = []
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, "JPEG")
    bodies = {"/good.jpg": buffer.getvalue(), "/large.jpg": buffer.getvalue() + b"\0" * 2**20, "/page.jpg": b"<html>"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = bodies.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_pictures_are_fetched_when_asked_and_once(tmp_path, shop_of_pictures, monkeypatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    address, asked = shop_of_pictures
    names = ["good", "large", "page", "missing", "good"]
    reviews = [{"reviewerID": "A", "asin": str(i), "overall": 5, "unixReviewTime": i} for i in range(len(names))]
    products = [{"asin": str(i), "imUrl": f"{address}/{name}.jpg"} for i, name in enumerate(names)]
    write(tmp_path / "source" / "reviews.json", "\n".join(map(json.dumps, reviews)))
    write(tmp_path / "source" / "meta.json", "\n".join(map(json.dumps, products)))
    import_dataset("amazon", tmp_path / "source", tmp_path / "ours")
    assert asked == []
    settings = {"pictures": True, "megabytes": 0.5}
    told = import_dataset("amazon", tmp_path / "source", tmp_path / "ours", settings).told
    assert told.notes == {
        "pictures fetched": 1,
        "pictures not fetched: larger than 0.5 MB": 1,
        "pictures not fetched: no picture that can be read": 1,
        "pictures not fetched: the server answered 404": 1,
    }
    dataset = Dataset.read(tmp_path / "ours")
    images = dataset.catalogue.columns["image"]
    assert [image is not None for image in images] == [True, False, False, False, True]
    assert (tmp_path / "ours" / str(images[0])).is_file()
    assert sorted(asked) == ["/good.jpg", "/large.jpg", "/missing.jpg", "/page.jpg"]
    told = import_dataset("amazon", tmp_path / "source", tmp_path / "other", settings).told
    assert told.notes["pictures there already"] == 1 and asked.count("/good.jpg") == 1


def test_pictures_of_nobody_are_counted(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "source").mkdir()
    amazon(tmp_path / "source")  # nothing listens on its port
    told = import_dataset("amazon", tmp_path / "source", tmp_path / "ours", {"pictures": True, "seconds": 2}).told
    assert told.notes == {"pictures not fetched: no connection": ITEMS}


def test_an_imported_folder_can_be_run(tmp_path, imported) -> None:
    done, _ = imported("mmrec")
    settings = {
        "tune.trials": 1,
        "encoders.text.part": "words",
        "report.resamples": 100,
        "split.mask": "train",
        "baselines": {},
    }
    run = gobelin.run(done.folder, tmp_path / "run", recipe="fast", settings=settings, split="given")
    assert run.report["split"]["mask"] == "train"
    assert run.report["dataset"]["items"] == ITEMS
    assert {"image_feat", "text_feat", "text"} <= set(run.report["encoders"])
    assert run.recommend(history=["00B1"], k=3)["item_id"].tolist()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "May show what was held out for validation" in page


def test_the_lazy_name_is_the_function() -> None:
    assert gobelin.import_dataset is import_dataset
