"""The runner and its cache: what is encoded once is never encoded again, and what is absent is told."""

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.sentence import Sentence
from gobelin.encoders.word_vectors import WordVectors
from gobelin.encoders.words import Words
from gobelin.errors import RecipeError, StoreError, UserError
from gobelin.features import cache as caching
from gobelin.features import gathering, shards
from gobelin.features.cache import Cache, key_of
from gobelin.features.keyset import KeySet
from gobelin.features.runner import Progress, encode_table
from gobelin.features.selection import Selection
from gobelin.features.wish import wish_of
from gobelin.features.workers import WorkersError
from gobelin.protocols import Content
from gobelin.values import Features, Vocabulary
from letters import Foreign, Letters, Stillborn


def shop(*titles: tuple[str, ...]) -> Selection:
    return Selection(tuple(Content(str(i), {"title": title} if title else {}) for i, title in enumerate(titles)))


def test_several_pieces_of_an_item_are_averaged_and_absent_ones_left_out(tmp_path: Path) -> None:
    catalogue = shop(("aa", "b"), ("ab",), (), ("broken", "aaa"), ("broken",))
    table, reports = encode_table(catalogue, {"text": Letters()}, cache=Cache(tmp_path))
    one = table["text"]
    assert one.values[0].tolist() == [1, 0.5, 1.5]
    assert one.values[1].tolist() == [1, 1, 2]
    assert one.values[3].tolist() == [3, 0, 3]
    assert one.present.tolist() == [True, True, False, True, False]
    assert not one.values[~one.present].any()
    report = reports["text"].as_json()
    assert report["absent"] == {"broken": 1, "not given": 1}
    assert (report["items"], report["present"], report["encoded"], report["cached"]) == (5, 3, 5, 0)


def test_a_second_run_encodes_nothing_and_ten_new_items_encode_ten(tmp_path: Path) -> None:
    titles = [(f"item {i}",) for i in range(40)]
    first, _ = encode_table(shop(*titles), {"text": Letters()}, cache=Cache(tmp_path))
    again = Letters()
    second, reports = encode_table(shop(*titles), {"text": again}, cache=Cache(tmp_path))
    assert again._asked == [] and reports["text"].encoded == 0 and reports["text"].cached == 40
    assert np.array_equal(first["text"].values, second["text"].values)
    more = Letters()
    _, reports = encode_table(shop(*titles, *[(f"new {i}",) for i in range(10)]), {"text": more}, cache=Cache(tmp_path))
    assert more._asked == [f"new {i}" for i in range(10)] and reports["text"].cached == 40


def test_another_setting_or_a_changed_picture_is_another_key(tmp_path: Path) -> None:
    encode_table(shop(("aa",)), {"text": Letters(version=1)}, cache=Cache(tmp_path))
    other = Letters(version=2)
    encode_table(shop(("aa",)), {"text": other}, cache=Cache(tmp_path))
    assert other._asked == ["aa"]
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = key_of("f", path)
    path.write_bytes(b"two")
    assert key_of("f", path) != before and key_of("f", "two") == key_of("f", path) != key_of("g", path)


def test_equal_pieces_are_encoded_once() -> None:
    encoder = Letters()
    table, reports = encode_table(shop(("aa",), ("aa", "b"), ("aa",)), {"text": encoder}, cache=None)
    assert encoder._asked == ["aa", "b"] and reports["text"].encoded == 2
    assert table["text"].values[2].tolist() == [2, 0, 2]


def test_what_is_broken_is_remembered_and_what_was_only_missing_is_tried_again(tmp_path: Path) -> None:
    encode_table(shop(("broken",), ("gone",), ("a",)), {"text": Letters()}, cache=Cache(tmp_path))
    again = Letters()
    table, reports = encode_table(shop(("broken",), ("gone",), ("a",)), {"text": again}, cache=Cache(tmp_path))
    assert again._asked == ["gone"]
    assert reports["text"].absent == {"broken": 1, "missing": 1}
    assert table["text"].present.tolist() == [False, False, True]


def test_pictures_are_known_by_their_bytes_and_missing_ones_are_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    for name, colour in [("a", "red"), ("copy of a", "red"), ("b", "blue")]:
        Image.new("RGB", (20, 30), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    paths = [
        ("a.png",),
        ("copy of a.png",),
        ("b.png", "a.png"),
        ("bad.jpg",),
        ("nowhere.png",),
        ("nowhere.png", "b.png"),
    ]
    given = [Content(str(i), {"image": tuple(tmp_path / p for p in some)}) for i, some in enumerate(paths)]
    table, reports = encode_table(Selection((*given, Content("bare", {}))), {"image": Efficientnet()}, cache=Cache())
    v = table["image"].values
    assert np.array_equal(v[0], v[1])
    assert np.allclose(v[2], (v[0] + v[5]) / 2, atol=1e-6)
    assert reports["image"].encoded == 3
    assert reports["image"].absent == {"broken": 1, "missing": 1, "not given": 1}
    assert table["image"].present.tolist() == [True, True, True, False, False, True, False]


def test_a_killed_run_loses_only_what_was_not_published(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from letters import Letters
from gobelin.protocols import Content
from gobelin.features import cache as caching
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
caching.PUBLISH_ROWS = 64
from gobelin.values import Vocabulary

class Shop:
    titles = [*(f"item {i}" for i in range(200)), "killer"]
    items, vectors = Vocabulary(titles), {}

    def contents(self, rows=None):
        return iter([Content(title, {"title": (title,)}) for title in self.titles])

encode_table(Shop(), {"text": Letters()}, cache=Cache(sys.argv[2]))
"""
    tests = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", script, tests, str(tmp_path)], check=False)
    assert done.returncode == 9
    resumed = Letters()
    encode_table(shop(*[(f"item {i}",) for i in range(200)]), {"text": resumed}, cache=Cache(tmp_path))
    assert len(resumed._asked) == 200 - 192  # three shards of 64 were out; the batch with the killer was the seventh


def test_two_workers_give_the_same_table_as_one(tmp_path: Path) -> None:
    titles = [(f"item {'a' * (i % 7)} {i}",) for i in range(300)]
    log = tmp_path / "log"
    one, _ = encode_table(shop(*titles), {"text": Letters()}, cache=None)
    two, reports = encode_table(shop(*titles), {"text": Letters(log=str(log))}, cache=Cache(tmp_path / "c"), workers=2)
    assert np.array_equal(one["text"].values, two["text"].values) and two["text"].present.all()
    assert reports["text"].encoded == 300
    told = log.read_text().splitlines()
    assert len(told) == 300 and str(os.getpid()) not in {line.split()[0] for line in told}


def test_few_pieces_start_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    encode_table(shop(("aa",)), {"text": Letters(log=str(log))}, cache=None, workers=4)
    assert {line.split()[0] for line in log.read_text().splitlines()} == {str(os.getpid())}


def test_a_piece_that_kills_a_worker_costs_itself_alone(tmp_path: Path) -> None:
    titles = [(f"item {i}",) for i in range(300)]
    titles[40] = ("killer",)
    table, reports = encode_table(shop(*titles), {"text": Letters()}, cache=Cache(tmp_path), workers=2)
    assert reports["text"].absent == {"crashed": 1}
    assert np.flatnonzero(~table["text"].present).tolist() == [40]
    assert table["text"].values[41].tolist() == [0, 0, 7]


def gone(log: Path) -> bool:
    """No worker that wrote into the log is left."""
    return not any(Path("/proc", line.split()[0]).exists() for line in log.read_text().splitlines())


def test_strangers_files_are_read_apart_even_if_they_are_few(tmp_path: Path) -> None:
    log = tmp_path / "log"
    encode_table(shop(("aa",)), {"text": Foreign(log=str(log))}, cache=Cache(tmp_path / "c"))
    assert len(log.read_text().splitlines()) == 1 and str(os.getpid()) not in log.read_text()
    again = tmp_path / "again"
    encode_table(shop(("aa",)), {"text": Foreign(log=str(again))}, cache=Cache(tmp_path / "c"))
    assert not again.exists()  # all was in the cache: no worker


def test_a_worker_that_takes_too_long_is_killed_and_the_rest_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    catalogue = shop(("aa",), ("sleeper",), ("b", "sleeper"), ("hog",), ("broken",), ("ab",))
    begun = time.monotonic()
    table, reports = encode_table(catalogue, {"text": Foreign(log=str(log))}, cache=Cache(tmp_path / "c"))
    assert table["text"].present.tolist() == [True, False, True, False, False, True]
    assert reports["text"].absent == {"broken": 1, "crashed": 1, "took too long": 1}
    assert time.monotonic() - begun < 30 and gone(log)
    assert log.read_text().count("sleeper") == 2  # it had its second try
    kept = Cache(tmp_path / "c").vectors(Foreign().fingerprint(), 3)
    names = [key_of(Foreign().fingerprint(), text) for text in ("aa", "broken", "sleeper", "hog")]
    found = kept.find(np.frombuffer(b"".join(names), dtype=np.uint8).reshape(4, -1))
    assert (found >= 0).tolist() == [True, True, False, False]  # those two are tried again next time


def test_many_workers_lose_only_what_hangs(tmp_path: Path) -> None:
    titles = [("sleeper",) if i == 30 else (f"item {i}",) for i in range(120)]
    log = tmp_path / "log"
    table, reports = encode_table(shop(*titles), {"text": Foreign(log=str(log))}, cache=None, workers=2)
    assert reports["text"].absent == {"took too long": 1} and np.flatnonzero(~table["text"].present).tolist() == [30]
    assert gone(log)


def test_a_worker_whose_parent_is_gone_ends_itself(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from letters import Foreign
from gobelin.features import workers
workers._GRACE = 0.1
from gobelin.features.workers import Batch, encode_batches
import numpy as np
list(encode_batches(Foreign(log=sys.argv[2]), iter([Batch(np.zeros((1, 16), np.uint8), ("sleeper",))]), 1))
"""
    log = tmp_path / "log"
    parent = subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent), str(log)])
    while not log.exists():
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    assert not gone(log)
    until = time.monotonic() + 10
    while not gone(log) and time.monotonic() < until:
        time.sleep(0.05)
    assert gone(log)


def test_a_mistake_in_an_encoder_is_told_from_a_worker_too() -> None:
    titles = [(f"item {i}",) for i in range(300)] + [("mistake",)]
    for workers in (1, 2):
        with pytest.raises(ZeroDivisionError, match="a mistake in the encoder"):
            encode_table(shop(*titles), {"text": Letters()}, cache=None, workers=workers)


def test_what_was_encoded_before_a_mistake_is_kept(tmp_path: Path) -> None:
    titles = [(f"item {i}",) for i in range(70)]
    with pytest.raises(ZeroDivisionError):
        encode_table(shop(*titles, ("mistake",)), {"text": Letters()}, cache=Cache(tmp_path))
    again = Letters()
    encode_table(shop(*titles), {"text": again}, cache=Cache(tmp_path))
    assert again._asked == [f"item {i}" for i in range(64, 70)]  # the third batch of 32 held the mistake


def test_workers_that_cannot_begin_are_an_error_with_a_next_step() -> None:
    with pytest.raises(WorkersError, match="exit code 3"):
        encode_table(shop(*[(f"item {i}",) for i in range(300)]), {"text": Stillborn()}, cache=None, workers=2)


def test_progress_rises_to_the_total() -> None:
    seen: list[Progress] = []
    encode_table(shop(*[(f"{i}",) for i in range(100)]), {"text": Letters()}, cache=None, progress=seen.append)
    done = [p.done for p in seen]
    assert done == sorted(done) and done[0] == 32 and done[-1] == 100 == seen[-1].total
    half = Progress("text", 50, 200, 50, 10.0)
    assert half.rate == 5 and half.left == 30


def test_learned_encoders_are_fitted_on_training_items_only() -> None:
    catalogue = shop(("red coat",), ("red hat",), ("blue coat blue",))
    rows = np.array([0, 1], dtype=np.int32)
    words = Words(fields=("title",), min_df=1)
    table, reports = encode_table(catalogue, {"words": words}, train_rows=rows, rng=np.random.default_rng(0))
    assert words.names() == ["coat", "hat", "red"]
    assert table["words"].sparse and table["words"].present.all()
    assert table["words"].values.toarray()[2].tolist() == [1, 0, 0]
    assert reports["words"].encoded == reports["words"].cached == 0
    fitted, _ = encode_table(shop(("green",)), {"words": words})  # it keeps what it knows
    assert fitted["words"].dim == 3 and not fitted["words"].present[0]
    with pytest.raises(UserError, match="rng"):
        encode_table(catalogue, {"words": Words()})


def test_the_own_vectors_are_joined_by_id_and_keep_their_name() -> None:
    own = Features(
        "mine",
        "own vectors",
        Vocabulary(["2", "0"]),
        np.array([[2, 2], [7, 7]], dtype=np.float32),
        np.array([True, True]),
    )
    catalogue = Selection(shop(("a",), ("b",), ("c",)).given, {"mine": own})
    table, reports = encode_table(catalogue, {"text": Letters()})
    assert list(table) == ["text", "mine"]
    assert table["mine"].values[[0, 2]].tolist() == [[7, 7], [2, 2]]
    assert table["mine"].present.tolist() == [True, False, True]
    assert reports["mine"].absent == {"not given": 1}
    with pytest.raises(RecipeError, match="own vectors"):
        encode_table(catalogue, {"mine": Letters()})


def test_an_empty_catalogue_gives_an_empty_table() -> None:
    table, reports = encode_table(shop(), {"text": Letters(), "words": Words()}, rng=np.random.default_rng(0))
    assert table["text"].values.shape == (0, 3) and len(table.ids) == 0
    assert reports["text"].present == 0


def test_a_large_table_lies_in_a_mapped_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(gathering, "MAPPED", 100)
    plain, _ = encode_table(shop(*[(f"{'a' * i}",) for i in range(1, 50)]), {"text": Letters()})
    assert isinstance(plain["text"].values, np.memmap)
    table, _ = encode_table(shop(*[(f"{'a' * i}",) for i in range(1, 50)]), {"text": Letters()}, cache=Cache(tmp_path))
    assert table["text"].values[:, 0].tolist() == list(range(1, 50))
    assert not list(tmp_path.glob(".scratch*"))  # its room is free when the array goes


def test_large_sparse_rows_lie_in_a_mapped_file(tmp_path: Path, monkeypatch) -> None:
    titles = shop(*[(f"{'red ' * (i % 3)}coat {i % 9}",) for i in range(6_000)], ())  # two blocks of the runner
    small, before = encode_table(titles, {"words": Words()}, rng=np.random.default_rng(0))
    monkeypatch.setattr(gathering, "MAPPED", 100)
    large, after = encode_table(titles, {"words": Words()}, cache=Cache(tmp_path), rng=np.random.default_rng(0))
    whole = Words().fit(titles.given, np.random.default_rng(0)).transform(titles.given)
    for table in (small, large):
        assert (table["words"].values != whole.values).nnz == 0
        assert table["words"].values.indices.dtype == np.int32
        np.testing.assert_array_equal(table["words"].present, whole.present)
    assert isinstance(bottom(large["words"].values.data), mmap.mmap)
    assert not isinstance(bottom(small["words"].values.data), mmap.mmap)
    assert before["words"].absent == after["words"].absent == {"not given": 1}
    assert not list(tmp_path.glob(".scratch*"))


def test_dense_rows_of_a_learned_encoder_lie_in_a_mapped_file_too(tmp_path: Path, monkeypatch) -> None:
    titles = shop(*[(f"coat {'red' if i % 2 else 'blue'} {i % 5}",) for i in range(50)])
    encoder = WordVectors(min_df=1, dimensions=4)
    small, _ = encode_table(titles, {"vectors": encoder}, rng=np.random.default_rng(0))
    monkeypatch.setattr(gathering, "MAPPED", 100)
    large, _ = encode_table(titles, {"vectors": encoder}, cache=Cache(tmp_path), rng=np.random.default_rng(0))
    assert isinstance(large["vectors"].values, np.memmap)
    np.testing.assert_array_equal(large["vectors"].values, small["vectors"].values)


def test_a_set_of_keys_knows_what_a_set_knows() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = KeySet(), set[bytes]()
    for size in (5, 1, 40, 300, 0, 7, 100, 900):
        drawn = rng.integers(0, 3, (size, 16), dtype=np.uint8) * (np.arange(16) < 6)  # 729 keys that end with zeros
        drawn = drawn.astype(np.uint8)
        expected = []
        for key in drawn:
            expected.append(key.tobytes() not in theirs)
            theirs.add(key.tobytes())
        assert ours.add(shards.sortable(drawn)).tolist() == expected
        assert len(ours) == len(theirs)


def bottom(array: object) -> object:
    """What an array's bytes belong to."""
    while (base := getattr(array, "base", None)) is not None:
        array = base
    return array


def keys(*numbers: int) -> np.ndarray:
    return np.array([[n] * 15 + [0] for n in numbers], dtype=np.uint8)


def rows(*numbers: float) -> np.ndarray:
    return np.repeat(np.array(numbers, dtype=np.float32)[:, None], 4, axis=1)


def test_a_cut_or_changed_shard_is_set_aside_and_the_others_serve(tmp_path: Path) -> None:
    for damage in ("cut", "flipped", "header"):
        folder = tmp_path / damage
        store = Cache(folder).vectors("f", 4)
        store.add(keys(1), rows(1), [None])
        store.flush()
        first = next(store.folder.glob("*.safetensors"))
        store.add(keys(2), rows(2), [None])
        store.flush()
        raw = bytearray(first.read_bytes())
        if damage == "cut":
            raw = raw[:-5]
        elif damage == "flipped":
            raw[-1] ^= 1
        else:
            raw[:8] = b"\xff" * 8
        first.write_bytes(bytes(raw))
        again = Cache(folder).vectors("f", 4)
        assert again.find(keys(1, 2)).tolist()[0] == -1 and len(again) == 1
        assert again.read(again.find(keys(2)))[0].tolist() == [[2] * 4]
        assert len(again.damage) == 1 and "set aside" in again.damage[0]
        assert first.with_suffix(".damaged").exists()
        assert Cache(folder).vectors("f", 4).damage == []


def test_a_damaged_shard_is_told_in_the_report_and_encoded_again(tmp_path: Path) -> None:
    encode_table(shop(("aa",)), {"text": Letters()}, cache=Cache(tmp_path))
    shard = next(tmp_path.rglob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1])
    encoder = Letters()
    table, reports = encode_table(shop(("aa",)), {"text": encoder}, cache=Cache(tmp_path))
    assert encoder._asked == ["aa"] and table["text"].values[0].tolist() == [2, 0, 2]
    assert "set aside" in reports["text"].as_json()["notes"][0]


def test_two_writers_at_once_keep_both(tmp_path: Path) -> None:
    one, two = Cache(tmp_path).vectors("f", 4), Cache(tmp_path).vectors("f", 4)
    one.add(keys(3, 1), rows(3, 1), [None, None])
    two.add(keys(2, 3), rows(2, 3), ["broken", None])
    one.flush()
    two.flush()
    both = Cache(tmp_path).vectors("f", 4)
    values, why = both.read(both.find(keys(1, 2, 3)))
    assert values[:, 0].tolist() == [1, 2, 3] and why == [None, "broken", None]


def test_small_shards_are_merged_and_nothing_is_lost(tmp_path: Path) -> None:
    for n in range(1, 21):
        store = Cache(tmp_path).vectors("f", 4)
        store.add(keys(n, 200), rows(n, 200), ["empty" if n % 3 == 0 else None, None])
        store.flush()
    store = Cache(tmp_path).vectors("f", 4)
    assert len(list(store.folder.glob("*.safetensors"))) < 16
    values, why = store.read(store.find(keys(*range(1, 21), 200)))
    assert values[:, 0].tolist() == [*range(1, 21), 200]
    assert why == ["empty" if n % 3 == 0 else None for n in range(1, 21)] + [None]


def test_shards_are_published_by_count_and_by_age(tmp_path: Path, monkeypatch) -> None:
    store = Cache(tmp_path).vectors("f", 4)
    monkeypatch.setattr(caching, "PUBLISH_ROWS", 3)
    store.add(keys(1, 2), rows(1, 2), [None, None])
    assert not list(store.folder.glob("*.safetensors"))
    store.add(keys(3), rows(3), [None])
    assert len(list(store.folder.glob("*.safetensors"))) == 1
    monkeypatch.setattr(caching, "PUBLISH_SECONDS", -1.0)
    store.add(keys(4), rows(4), [None])
    assert len(list(store.folder.glob("*.safetensors"))) == 2


def test_old_temporary_files_go_and_young_ones_stay(tmp_path: Path) -> None:
    folder = Cache(tmp_path).vectors("f", 4).folder
    for name, age in [(".old.part", 2 * 24 * 3600), (".young.part", 60)]:
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    Cache(tmp_path).vectors("f", 4)
    assert [p.name for p in folder.glob(".*.part")] == [".young.part"]


def test_a_later_format_is_refused_with_a_next_step(tmp_path: Path) -> None:
    Cache(tmp_path).vectors("f", 4)
    (tmp_path / "vectors" / "format.json").write_text('{"format": 2}')
    with pytest.raises(StoreError, match="later Gobelin"):
        Cache(tmp_path).vectors("f", 4)
    (tmp_path / "vectors" / "format.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        Cache(tmp_path).vectors("f", 4)


def test_a_cache_that_cannot_be_written_says_where_to_put_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="GOBELIN_CACHE"):
        Cache(tmp_path / "file").vectors("f", 4)


def test_the_default_folder_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path))
    assert Cache().root == tmp_path
    monkeypatch.setenv("GOBELIN_CACHE", " ")
    assert Cache().root == Path.home() / ".cache" / "gobelin"


def test_a_shard_is_a_safetensors_file(tmp_path: Path) -> None:
    import safetensors.numpy

    path = shards.write(tmp_path, keys(9, 4), rows(9, 4), [None, "broken"])
    loaded = safetensors.numpy.load_file(path)
    assert loaded["keys"].tolist() == keys(4, 9).tolist() and loaded["values"][:, 0].tolist() == [4, 9]
    assert loaded["reasons"].tolist() == [1, 0]


def test_a_wish_is_read_by_the_senses_that_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    picture = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(picture)
    words = Words(min_df=1).fit(shop(("red coat",)).given, np.random.default_rng(0))
    senses = {"text": Sentence(), "words": words, "image": Efficientnet()}
    said = wish_of(senses, text="a red coat").vectors
    assert set(said) == {"text", "words"} and said["text"].shape == (512,) and said["words"].shape == (2,)
    assert np.allclose(said["text"], senses["text"].encode(["a red coat"]).values[0], atol=1e-6)
    assert set(wish_of(senses, image=picture).vectors) == {"image"}
    assert set(wish_of(senses, text="octarine", image=picture).vectors) == {"text", "image"}
    with pytest.raises(UserError, match="missing"):
        wish_of(senses, image=tmp_path / "nowhere.png")
    with pytest.raises(UserError, match="No sense"):
        wish_of({"image": Efficientnet()}, text="a red coat")
