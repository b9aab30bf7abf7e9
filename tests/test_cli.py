"""The commands, run as a person would: results on stdout, mistakes in three lines, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gobelin.cli.app import app

QUICK = ["--set", "tune.trials=2", "--set", "encoders.text.part=words", "--set", "encoders.image.part=words",
         "--set", "report.resamples=100", "--recipe", "fast"]  # fmt: skip


def gobelin(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GOBELIN_CACHE": str(cache), "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "gobelin", *words], capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a shop and a run in it."""
    folder = tmp_path_factory.mktemp("cli")
    drawn = gobelin("demo", str(folder / "shop"), "--items", "120", "--people", "150", cache=folder / "cache")
    assert drawn.returncode == 0, drawn.stderr
    done = gobelin(
        "run", str(folder / "shop"), "--out", str(folder / "run"), "--split", "random", *QUICK, cache=folder / "cache"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # progress is silent where nobody watches
    assert "recall@20" in done.stdout
    assert "Next: gobelin recommend" in done.stdout
    return folder


def ask(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return gobelin(*words, cache=place / "cache")


def test_attributes_tells_what_an_item_is_and_where_that_comes_from(place) -> None:
    item = pd.read_csv(place / "shop" / "items.csv", dtype=str).dropna(subset=["image"])["item_id"].iloc[0]
    told = json.loads(ask(place, "attributes", str(place / "run"), item, "--json").stdout)
    assert told["item_id"] == item and {one["source"] for one in told["attributes"]} >= {"catalogue", "image"}
    shown = ask(place, "attributes", str(place / "run"), item)
    assert "confidence" in shown.stdout and "catalogue" in shown.stdout
    wrong = ask(place, "attributes", str(place / "run"), "no such item")
    assert wrong.returncode != 0 and "Traceback" not in wrong.stderr


def test_check_prints_tables_or_data(place) -> None:
    assert "120" in ask(place, "check", str(place / "shop")).stdout
    told = json.loads(ask(place, "check", str(place / "shop"), "--json").stdout)
    assert told["advice"]


def test_search_finds_a_title_and_shows_what_each_sense_says(place) -> None:
    items = pd.read_csv(place / "shop" / "items.csv", dtype=str).dropna(subset="title")
    asked = ("search", str(place / "run"), "--text", items["title"].iloc[0], "-k", "2")
    rows = json.loads(ask(place, *asked, "--json").stdout)
    assert rows[0]["item_id"] == items["item_id"].iloc[0] and rows[0]["by text"] > 2
    assert items["title"].iloc[0] in ask(place, *asked).stdout


def test_recommend_answers_a_person_a_visitor_and_a_wish(place) -> None:
    items = pd.read_csv(place / "shop" / "items.csv", dtype=str)
    people = pd.read_csv(place / "shop" / "users.csv", dtype=str)
    run = str(place / "run")
    rows = json.loads(ask(place, "recommend", run, "--user", people["user_id"][0], "-k", "3", "--json").stdout)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert "rank" in ask(place, "recommend", run, "--history", ",".join(items["item_id"][:2])).stdout
    assert json.loads(ask(place, "recommend", run, "--text", items["title"].dropna().iloc[0], "--json").stdout)
    assert json.loads(ask(place, "similar", run, items["item_id"][0], "--json").stdout)


def test_lists_for_everyone_go_to_a_file(place) -> None:
    for name in ("all.parquet", "all.csv"):
        done = ask(place, "recommend", str(place / "run"), "--all-users", "--out", str(place / name), "-k", "2")
        assert done.returncode == 0, done.stderr
    read = pd.read_parquet(place / "all.parquet")
    assert len(read) == 300
    assert len(pd.read_csv(place / "all.csv")) == 300


def test_encode_writes_vectors_that_a_data_set_can_use(place) -> None:
    done = ask(place, "encode", str(place / "shop"), "--out", str(place / "vectors"),
               "--set", "encoders.text.part=words", "--set", "encoders.image.part=words", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    frame = pd.read_parquet(place / "vectors" / "text.parquet")
    assert list(frame.columns) == ["item_id", "vector"]
    assert json.loads(done.stdout)["text"]["present"] == len(frame)


def test_import_prints_a_table_or_data(place) -> None:
    source = place / "toy.inter"
    source.write_text("user_id:token\titem_id:token\trating:float\nu\t007\t5\nu\t8\n", encoding="utf-8")
    done = ask(place, "import", "recbole", str(source), str(place / "toy"))
    assert done.returncode == 0, done.stderr
    assert "lines with another number of columns" in done.stdout
    assert "Next: gobelin check" in done.stdout
    told = json.loads(ask(place, "import", "recbole", str(source), str(place / "toy"), "--json").stdout)
    assert told["written"] == {"interactions": 1, "items": 1, "people in the log": 1}


def test_parts_and_models_are_listed(place) -> None:
    told = json.loads(ask(place, "parts", "models", "--json").stdout)
    assert {"weave", "ease", "popularity"} <= {part["name"] for part in told["models"]}
    assert "regularisation" in ask(place, "parts", "models").stdout
    assert {m["dim"] for m in json.loads(ask(place, "models", "list", "--json").stdout)} >= {512, 1280, 384}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "nowhere"], "nowhere"),
        (["import", "reckbole", "SHOP", "x"], "Did you mean 'recbole'"),
        (["import", "recbole", "SHOP", "x"], "no file NAME.inter"),
        (["import", "recbole", "SHOP", "x", "--pictures"], "has no setting 'pictures'"),
        (["run", "SHOP", "--out", "x", "--recipe", "weve"], "Did you mean 'weave'"),
        (["run", "SHOP", "--out", "x", "--set", "tune.trails=3"], "Did you mean 'trials'"),
        (["run", "SHOP", "--out", "x", "--split", "tmie"], "tmie"),
        (["run", "SHOP", "--out", "SHOP"], "is no run folder"),
        (["recommend", "SHOP", "--user", "a"], "is no run folder"),
        (["recommend", "RUN", "--user", "nobody"], "no user 'nobody'"),
        (["recommend", "RUN"], "Nothing was asked"),
        (["search", "RUN"], "Nothing was asked"),
        (["search", "RUN", "--text", "a mug", "--by", "txt"], "Did you mean 'text'"),
        (["search", "RUN", "--audio", "nowhere.wav"], "can read the sound"),
        (["recommend", "RUN", "--users", "nowhere.txt"], "no file nowhere.txt"),
        (["recommend", "RUN", "--history", "", "--out", "x.xls"], ".parquet or .csv"),
        (["similar", "RUN", "nothing"], "no item 'nothing'"),
        (["parts", "modls"], "Did you mean 'models'"),
        (["compare", "SHOP", "--recipes", "weave", "--out", "x", "--drop", "image"], "--drop"),
    ],
)
def test_a_mistake_ends_in_three_lines_and_status_two(place, words, said) -> None:
    given = [{"SHOP": str(place / "shop"), "RUN": str(place / "run")}.get(word, word) for word in words]
    done = ask(place, *given)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "next:" in done.stderr


def test_a_mistake_with_json_is_data(place) -> None:
    done = ask(place, "recommend", str(place / "run"), "--user", "nobody", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["error"] == "UnknownName"
    assert told["next_step"]


def test_every_command_teaches_by_an_example() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"gobelin {command.name or command.callback.__name__}" in (command.callback.__doc__ or "")
