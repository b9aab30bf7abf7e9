"""Bad input through the real commands: one clear error and nothing left behind, or one counted line of the health."""

import io
import json
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from gobelin import store
from gobelin.cli import main

COLOURS = ("red", "blue", "green", "black")
ITEMS = [f"{i:03},{COLOURS[i % 4]} thing {i},{COLOURS[i % 4]}" for i in range(24)]
LOG = [f"u{u},{(4 * i + u) % 24:03},purchase,{1_600_000_000 + 100 * i + u}" for u in range(24) for i in range(6)]
RECIPE = """
ablations = false
tune.trials = 1
split.core = 2
report.resamples = 100
report.people = 2
model.part = "weave"
encoders.text.part = "words"
encoders.attributes.part = "attributes"
"""


@dataclass(frozen=True)
class Said:
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str


Gobelin = Callable[..., Said]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def gobelin(tmp_path, cache, monkeypatch, capsys) -> Gobelin:
    """Runs a command in this process, in `tmp_path`; anything but a GobelinError fails the test as a traceback."""
    monkeypatch.setenv("GOBELIN_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["gobelin", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def shop(tmp_path) -> Path:
    """24 items and 24 people, each of whom buys things of one colour; a recipe beside it."""
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "shop").mkdir()
    return written(tmp_path / "shop")


def written(shop: Path, items: list[str] = ITEMS, log: list[str] = LOG, columns: str = "item_id,title,colour") -> Path:
    (shop / "items.csv").write_text("\n".join([columns, *items]) + "\n", encoding="utf-8")
    (shop / "interactions.csv").write_text("\n".join(["user_id,item_id,event,timestamp", *log]) + "\n")
    return shop


def run(gobelin: Gobelin, *more: str) -> Said:
    return gobelin(
        "run", "shop", "--out", "run", "--recipe", "recipe.toml", "--split", "random", "--no-baselines", *more
    )


def notes(folder: Path) -> dict[str, int]:
    """The counted lines of the health in a run's report."""
    store.open_folder(folder, kind="run", verify=True)
    return {note["code"]: note["count"] for note in json.loads((folder / "report.json").read_text())["health"]["notes"]}


def change(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda shop: (shop / name).write_text((shop / name).read_text().replace(old, new))


ERRORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no items file": (lambda shop: (shop / "items.csv").unlink(), "has no items table"),
    "a repeated id": (change("items.csv", "\n001,", "\n000,"), "1 item id more than once: '000'"),
    "only unknown items": (change("interactions.csv", ",0", ",x0"), "No row of interactions.csv can be used"),
    "not UTF-8": (lambda shop: (shop / "items.csv").write_bytes("item_id,title\n1,杯\n".encode("gb18030")), "iconv"),
    "a doubled column": (change("items.csv", "colour\n", "title\n"), "the column 'title' more than once"),
    "only negatives": (lambda shop: (shop / "dataset.toml").write_text("positive = 'event == \"cart\"'"), "No event"),
    "a directory": (lambda shop: [(shop / "items.csv").unlink(), (shop / "items.csv").mkdir()], "has no items table"),
    "a half file": (lambda shop: (shop / "items.parquet").write_bytes(b"PAR1"), "holds both"),
    "a doubled vector": (
        lambda shop: parquet.write_table(
            pa.table([["000"], [[1.0]], [[2.0]]], names=["item_id", "vector", "vector"]), vectors(shop)
        ),
        "features/mine.parquet has the column 'vector' more than once",
    ),
}  # fmt: skip


def vectors(shop: Path) -> Path:
    (shop / "features").mkdir()
    return shop / "features" / "mine.parquet"


@pytest.mark.parametrize("case", ERRORS)
def test_what_breaks_the_contract_is_one_error_and_no_folder(gobelin, shop, case) -> None:
    spoil, words = ERRORS[case]
    spoil(shop)
    for said in (gobelin("check", "shop"), run(gobelin), gobelin("encode", "shop", "--out", "vectors")):
        assert said.status == 2
        assert words in said.err and len(said.err.splitlines()) == 3
        assert said.out == ""
    assert sorted(p.name for p in shop.parent.iterdir()) == ["recipe.toml", "shop"]


def test_an_error_leaves_an_earlier_run_as_it_was(gobelin, shop) -> None:
    assert run(gobelin).status == 0
    before = (shop.parent / "run" / "manifest.json").read_bytes()
    (shop / "items.csv").unlink()
    assert run(gobelin).status == 2
    assert (shop.parent / "run" / "manifest.json").read_bytes() == before
    assert notes(shop.parent / "run") == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "ablation=false"], "no key 'ablation'. Did you mean 'ablations'"),
        (["--set", "tune.trails=3"], "Did you mean 'trials'"),
        (["--set", "model.regularisaton=3"], "model has no setting 'regularisaton'. Did you mean 'regularisation'"),
        (["--set", "encoders.text.min_fd=3"], "encoders.text has no setting 'min_fd'. Did you mean 'min_df'"),
        (
            ["--set", "baselines.EASE.part=ease", "--set", "baselines.EASE.regularise=3"],
            "Did you mean 'regularisation'",
        ),
        (["--set", "model.regularisation=much"], "valid number"),
        (["--recipe", "latin.toml"], "not TOML"),
        (["--out", "recipe.toml/run"], "is no folder"),
        (["--out", "recipe.toml"], "is no run folder"),
        (["--out", "shop"], "is no run folder"),
    ],
)
def test_a_mistake_in_a_recipe_or_a_path_is_told_before_anything_is_read(gobelin, shop, words, said) -> None:
    (shop.parent / "latin.toml").write_bytes(b"name = '\xff'")
    (shop / "items.csv").write_text("broken, too, but that comes later")
    told = run(gobelin, *words)
    assert told.status in (1, 2)
    assert said in told.err and len(told.err.splitlines()) == 3
    assert not (shop.parent / "run").exists()


def test_rows_that_say_nothing_are_counted_and_left_out(gobelin, shop) -> None:
    log = [f"{line},4" for line in LOG]
    log += ["u1,nowhere,purchase,1600000000,5", "u1,001,purchase,1600000000,good", "u1,001,purchase,soon,5"]
    log += ["u1,001,purchase,1600000000,1e39", "u1,001,purchase,1e300,5", ",001,purchase,1600000000,5"]
    written(shop, log=log)
    change("interactions.csv", "timestamp\n", "timestamp,rating\n")(shop)
    said = run(gobelin)
    assert (said.status, said.err) == (0, "")
    assert notes(shop.parent / "run") == {
        "log-no-user": 1, "log-unknown-item": 1, "log-rating-not-number": 2, "log-no-time": 2
    }  # fmt: skip
    told = gobelin("check", "shop").out
    assert "1 row of interactions.csv left out: for items that are not in the items table ('nowhere')." in told


def test_ids_keep_their_leading_zeros_from_the_file_to_the_answer(gobelin, shop) -> None:
    assert run(gobelin).status == 0
    told = json.loads(gobelin("recommend", "run", "--history", "004", "-k", "5", "--json").out)
    assert all(len(row["item_id"]) == 3 for row in told)
    assert gobelin("recommend", "run", "--history", "4").status == 2


def test_times_in_milliseconds_are_converted_and_said(gobelin, shop) -> None:
    written(shop, log=[f"{line}000" for line in LOG])
    assert run(gobelin).status == 0
    assert notes(shop.parent / "run") == {"times-converted": len(LOG)}
    health = json.loads((shop.parent / "run" / "report.json").read_text())["health"]
    assert health["time"]["first"] == "2020-09-13 12:26:40"
    assert "144 times in milliseconds: converted to seconds." in gobelin("check", "shop").out


def test_people_who_liked_nothing_stay_and_are_counted(gobelin, shop) -> None:
    written(shop, log=[*LOG, "sad,001,view,1600000000", "sad,002,view,1600000000"])
    assert run(gobelin).status == 0
    assert notes(shop.parent / "run") == {"users-without-positive": 1}
    assert len(json.loads(gobelin("recommend", "run", "--user", "sad", "--json").out)) == 10


@pytest.mark.parametrize("log", ["", "user_id,item_id\n", None])
def test_without_a_log_content_alone_compares_items_and_the_health_says_so(gobelin, shop, log) -> None:
    (shop / "interactions.csv").unlink() if log is None else (shop / "interactions.csv").write_text("user_id,item_id\n")
    said = gobelin("run", "shop", "--out", "run", "--recipe", "recipe.toml")
    assert (said.status, said.err) == (0, "")
    assert "nothing was held out" in said.out and "Next: gobelin similar run 000" in said.out
    report = json.loads((shop.parent / "run" / "report.json").read_text())
    assert report["health"]["advice"][0].startswith("There is no log")
    assert report["split"]["kind"] == "none" and report["split"]["items"] == 24
    near = json.loads(gobelin("similar", "run", "002", "-k", "5", "--json").out)
    assert {int(row["item_id"]) % 4 for row in near} == {2}
    assert json.loads(gobelin("recommend", "run", "--text", "black", "-k", "1", "--json").out)[0]["score"] > 0
    left_out = gobelin("run", "shop", "--out", "other", "--recipe", "recipe.toml", "--set", "baselines.EASE.part=ease")
    assert "left out: EASE: EASE learns from the log, and this data set has none." in left_out.out
    for words in (["--split", "random"], ["--set", "model.part=ease"]):
        refused = gobelin("run", "shop", "--out", "third", "--recipe", "recipe.toml", *words)
        assert refused.status == 2 and "add interactions.csv" in refused.err
    assert not (shop.parent / "third").exists()


def test_pictures_that_cannot_be_read_cost_their_item_that_sense_and_are_counted(gobelin, shop) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8))
    whole = {kind: encoded(noise, kind) for kind in ("PNG", "JPEG", "EPS")}
    files = {
        "good.png": whole["PNG"], "cut.png": whole["PNG"][:900], "cut.jpg": whole["JPEG"][:900], "empty.jpg": b"",
        "huge.png": huge_png(whole["PNG"]), "huge.jpg": huge_jpeg(whole["JPEG"]), "text.jpg": b"I am no picture.",
        "postscript.jpg": whole["EPS"],
    }  # fmt: skip
    for name, raw in files.items():
        (shop / name).write_bytes(raw)
    (shop.parent / "outside.png").write_bytes(whole["PNG"])
    (shop / "link.png").symlink_to(shop.parent / "outside.png")
    named = [*files, "../outside.png", str(shop.parent / "outside.png"), "link.png", "none.png"]
    items = [f"{line},{name}" for line, name in zip(ITEMS, named + ["good.png"] * 24, strict=False)]
    written(shop, items, columns="item_id,title,colour,image")
    broken = {"image-broken": 4, "image-empty": 1, "image-too-large": 2}
    outside = {"media-outside": 2, "media-link": 1, "media-missing": 1}
    said = run(gobelin, "--set", "encoders.image.part=efficientnet")
    assert (said.status, said.err) == (0, "")
    assert notes(shop.parent / "run") == broken | outside
    encoders = json.loads((shop.parent / "run" / "report.json").read_text())["encoders"]
    assert (encoders["image"]["present"], encoders["text"]["present"]) == (24 - 11, 24)
    told = gobelin("check", "shop").out
    assert "8 files, 8 checked, 7 broken" in told
    for reason in ("2 damaged", "2 too large", "1 empty", "2 no picture"):
        assert reason in told
    assert "2 image paths left out: they leave the folder." in told


def encoded(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def huge_png(raw: bytes) -> bytes:
    """The same file, whose header says 40,000 x 40,000."""
    header = b"IHDR" + struct.pack(">II", 40_000, 40_000) + raw[24:29]
    return raw[:12] + header + struct.pack(">I", zlib.crc32(header)) + raw[33:]


def huge_jpeg(raw: bytes) -> bytes:
    place = raw.index(b"\xff\xc0") + 5
    return raw[:place] + struct.pack(">HH", 40_000, 40_000) + raw[place + 4 :]


def test_a_text_of_a_million_characters_is_an_item_like_others(gobelin, shop) -> None:
    written(shop, [*ITEMS, "long," + "暖和的大衣" * 200_000 + ",red", 'quoted,"' + "a,\n" * 333_333 + '",red'])
    assert run(gobelin).status == 0
    assert notes(shop.parent / "run") == {}
    assert max(map(len, gobelin("similar", "run", "long", "-k", "30").out.splitlines())) < 300


def test_what_looks_like_markup_is_shown_as_it_was_written(gobelin, shop) -> None:
    written(shop, [*ITEMS, "odd,[/b] [red]:smile: thing,[/x]"], [*LOG, "[/u],odd,purchase,1600000000", "u1,[/i],,"])
    assert run(gobelin).status == 0
    assert "[/b] [red]:smile: thing" in gobelin("recommend", "run", "--history", "000", "-k", "30").out
    assert "('[/i]')" in gobelin("check", "shop").out


def test_vectors_that_are_no_numbers_are_absent_and_counted(gobelin, shop) -> None:
    ids = [line[:3] for line in ITEMS]
    rows = np.random.default_rng(0).normal(size=(24, 5))
    rows[3, 2], rows[4, 0] = np.nan, np.inf
    parquet.write_table(pa.table({"item_id": ids, "vector": rows.tolist()}), vectors(shop))
    assert run(gobelin).status == 0
    assert notes(shop.parent / "run") == {"vectors-not-finite": 2}
    assert "2 vectors of 'mine' with a number that is not finite: absent." in gobelin("check", "shop").out
    run_with = json.loads((shop.parent / "run" / "report.json").read_text())
    assert run_with["encoders"]["mine"]["present"] == 22


def test_a_list_of_ids_that_is_no_text_is_refused(gobelin, shop) -> None:
    assert run(gobelin).status == 0
    (shop.parent / "people").write_bytes(b"\xff\xfe")
    said = gobelin("recommend", "run", "--users", "people")
    assert said.status == 2 and "not UTF-8" in said.err
