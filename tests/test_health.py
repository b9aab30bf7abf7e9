"""Health counts what is there, names what is wrong, and says what to do, in words and as JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gobelin.data.dataset import Dataset
from gobelin.data.health import check
from gobelin.data.pictures import check_pictures


def picture(path: Path, colour: int, size: tuple[int, int] = (40, 40)) -> None:
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(colour).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def shop(n_users: int = 8, n_items: int = 30, **columns: list) -> Dataset:
    """Everyone buys everything, an hour apart; titles differ."""
    items = pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(n_items)], "title": [f"Thing {n}" for n in range(n_items)], **columns}
    )
    rows = [
        (f"u{u}", f"i{i}", 1_600_000_000 + 3_600 * i + u, "purchase") for u in range(n_users) for i in range(n_items)
    ]
    return Dataset.from_frames(items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event"]))


def findings(dataset: Dataset) -> dict[str, str]:
    return {one["column"]: one["finding"] for one in check(dataset).columns}


def test_counts_density_kinds_time_and_duplicates_are_those_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title,text\na,Mug,Blue\nb,Mug,Blue\nc,Cup,\n")
    (tmp_path / "interactions.csv").write_text(
        "user_id,item_id,timestamp,event\n"
        "u,a,1600000000,purchase\nu,a,1600000000,purchase\nu,b,1600086400,purchase\nv,a,1600043200,view\nv,x,1,view\n"
    )
    health = check(Dataset.read(tmp_path))
    counts = health.counts
    assert (counts["users"], counts["items"], counts["items_with_events"], counts["events"]) == (2, 3, 2, 4)
    assert (counts["positive_events"], counts["pairs"], counts["density"]) == (3, 2, 2 / (2 * 2))
    assert health.kinds == {"view": 1, "purchase": 3} and health.positive == 'event == "purchase"'
    assert health.time["first"] == "2020-09-13 12:26:40" and health.time["days"] == 1.0
    assert health.duplicates == {"rows": 1, "texts": 1}
    assert health.unmatched == {"items_without_events": 1, "users_without_events": 0, "rows_unknown_item": 1}
    assert health.variants == {"by": "identical title and text", "told": False, "groups": 1, "items": 2, "largest": 2}
    assert any(one.startswith("Fix the log: 20.0% of its rows") for one in health.advice)
    assert health.plan.enough == "no" and health.plan.first == health.advice[4]


def test_coverage_is_by_items_and_by_events_and_by_language(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title,title_zh,colour\na,Mug,杯,\nb,,瓶,red\nc,,,\nd,,,\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id\nu,a\nv,a\nu,b\nu,c\n")
    coverage = check(Dataset.read(tmp_path)).coverage
    assert coverage["title"] == {"items": 2, "share_of_items": 0.5, "share_of_events": 0.75}
    assert coverage["title (zh)"] == coverage["title"]
    assert coverage["attributes"] == {"items": 1, "share_of_items": 0.25, "share_of_events": 0.25}
    assert coverage["nothing but an id"] == {"items": 2, "share_of_items": 0.5, "share_of_events": 0.25}


def test_broken_pictures_are_found_with_their_reason(tmp_path: Path) -> None:
    picture(tmp_path / "p" / "good.jpg", 1)
    picture(tmp_path / "p" / "good.png", 2)
    (tmp_path / "p" / "same.jpg").write_bytes((tmp_path / "p" / "good.jpg").read_bytes())
    whole = (tmp_path / "p" / "good.jpg").read_bytes()
    (tmp_path / "p" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    whole = (tmp_path / "p" / "good.png").read_bytes()
    (tmp_path / "p" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p" / "text.jpg").write_text("no picture at all")
    (tmp_path / "p" / "empty.jpg").write_bytes(b"")
    names = ["good.jpg", "good.png", "same.jpg", "cut.jpg", "cut.png", "text.jpg", "empty.jpg"]
    found = check_pictures(tmp_path / "p", names)
    assert found.broken == {"cut.jpg": "damaged", "cut.png": "damaged", "text.jpg": "no picture", "empty.jpg": "empty"}
    assert (found.files, found.checked, found.alike) == (7, 7, 1)
    assert check_pictures(tmp_path / "p", names, most=3).checked == 3

    (tmp_path / "p" / "s.wav").write_bytes(b"")
    rows = "".join(f"{n},p/{name},{'p/s.wav' if n == 0 else ''}\n" for n, name in enumerate(names))
    (tmp_path / "items.csv").write_text("item_id,image,audio\n" + rows)
    health = check(Dataset.read(tmp_path))
    assert health.media["image"]["broken"] == 4 and health.media["audio"]["reasons"] == {"empty": 1}
    assert health.duplicates["pictures"] == 1
    assert any(one.startswith("Replace 4 broken image files") for one in health.advice)
    assert check(Dataset.read(tmp_path), deep=False).media == {}


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "large.png", 1, (50, 50))
    picture(tmp_path / "larger.png", 1, (90, 90))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000)
    found = check_pictures(tmp_path, ["large.png", "larger.png"])
    assert set(found.broken.values()) == {"too large"}


def test_columns_that_identify_give_away_or_say_nothing_are_named() -> None:
    rng = np.random.default_rng(0)
    n = 40
    rows = [(f"u{u}", f"i{i}", 1 + (i * 7 + u) % 5) for i in range(n) for u in range(i + 1)]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    mean = log.groupby("item_id").rating.mean()
    items = pd.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(n)],
            "rating_count": [i + 1 for i in range(n)],
            "quality": [mean[f"i{i}"] for i in range(n)],
            "barcode": [f"4006{i:06d}" for i in rng.permutation(n)],
            "sku": [f"A-{i}" for i in range(n)],
            "shop": "one",
            "nothing": None,
            "released": [f"2020-01-{i % 28 + 1:02d}T00:00:{i:02d}" for i in range(n)],
            "price": rng.random(n),
            "colour": rng.choice(["red", "blue"], n),
            "blurb": [f"A fine thing, number {i}" for i in range(n)],
            "year": rng.integers(1990, 2000, n),
        }
    )
    dataset = Dataset.from_frames(items, log)
    assert findings(dataset) == {
        "rating_count": "leak",
        "quality": "leak",
        "barcode": "identifier",
        "sku": "identifier",
        "shop": "constant",
        "nothing": "empty",
    }
    assert any(one.startswith("Leave out rating_count, quality") for one in check(dataset).advice)
    kept = Dataset.from_frames(items, log, settings={"categorical": ["sku"], "ignore": ["rating_count"]})
    assert {"sku", "rating_count"}.isdisjoint(findings(kept))


def test_a_machine_is_told_from_a_keen_person_and_from_times_that_are_days() -> None:
    keen = [("keen", f"i{n}", 1_600_000_000 + 3_601 * n) for n in range(120)]
    bot = [("bot", f"i{n}", 1_599_999_960 + n // 2) for n in range(120)]
    crowd = [(f"u{u}", f"i{n}", 1_600_000_007 + 5_000 * n + u) for u in range(20) for n in range(5)]
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(120)]})
    log = pd.DataFrame(keen + bot + crowd, columns=["user_id", "item_id", "timestamp"])
    health = check(Dataset.from_frames(items, log))
    assert [one["user"] for one in health.people["likely_bots"]] == ["bot"]
    assert health.people["power_users"] == 2 and health.people["median_events"] == 5
    assert health.people["likely_bots"][0]["reason"] == "120 events within one minute"
    assert any("'bot' (120 events within one minute)" in one for one in health.advice)
    by_day = log.assign(timestamp=log.timestamp // 86_400 * 86_400)
    people = check(Dataset.from_frames(items, by_day)).people
    assert people["likely_bots"] == []


def test_advice_names_split_recipe_minutes_memory_and_the_next_step() -> None:
    known = check(shop(n_users=700))  # one moment for everyone: the last items fall into test, all users are known
    assert (known.plan.split, known.plan.enough, known.plan.recipe) == ("time", "yes", "weave")
    assert known.plan.users == 700 and known.plan.precision == pytest.approx(1.96 * 0.35 / 700**0.5, abs=1e-4)
    assert known.plan.minutes > 0 and known.plan.memory_mb >= 300 and known.plan.first is None
    assert known.advice[1].startswith("Split: time.") and "Recipe: weave" in known.advice[2]
    few = check(shop(n_users=60))
    assert (few.plan.split, few.plan.enough) == ("random", "barely")
    alone = check(Dataset.from_frames(pd.DataFrame({"item_id": ["a"], "title": ["Mug"]})))
    assert alone.plan.split is None and alone.advice[0].startswith("There is no log")


def test_times_that_cannot_be_seconds_are_doubted() -> None:
    items, rows = pd.DataFrame({"item_id": ["a", "b"]}), [("u", "a", 20240101), ("v", "b", 20240102)]
    health = check(Dataset.from_frames(items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])))
    assert any(one.startswith("Check the times: all lie in 1970") for one in health.advice)


def test_json_is_plain_and_the_table_tells_the_same(tmp_path: Path) -> None:
    for dataset in (shop(), Dataset.from_frames(pd.DataFrame({"item_id": ["a"]}))):
        health = check(dataset)
        told = json.loads(json.dumps(health.as_json(), allow_nan=False))
        assert told["counts"]["items"] == len(dataset.items)
        assert told["advice"] == list(health.advice) and told["plan"]["split"] == health.plan.split
        rows = health.rows()
        assert ("Size", "items", f"{len(dataset.items):,}") in rows
        assert all(isinstance(cell, str) for row in rows for cell in row)


@pytest.mark.real
def test_hm_week_is_found_sound_with_its_variants(real: Path) -> None:
    health = check(Dataset.read(real / "hm_week"), deep=False)
    assert health.counts["pairs"] == 89_791 and health.time["resolution"] == "day"
    assert health.variants["groups"] == 2_099 and health.people["likely_bots"] == []
    assert health.columns == () and (health.plan.split, health.plan.users) == ("time", 696)


@pytest.mark.real
def test_movielens_is_advised_a_random_split_because_time_leaves_few(real: Path) -> None:
    health = check(Dataset.read(real / "movielens_small"), deep=False)
    assert health.plan.split == "random" and "only 18 test people" in health.advice[1]
    assert health.coverage["text"]["share_of_events"] == pytest.approx(0.982, abs=5e-4)
