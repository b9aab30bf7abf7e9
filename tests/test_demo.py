"""The demo shop keeps its promises: a folder that follows the contract, and a truth that is where it should be."""

import csv
import re
import tomllib
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gobelin.demo import DemoShop, Match, build, write
from gobelin.demo.words import words
from gobelin.demo.world import FILMED, HEARD
from gobelin.errors import UserError
from gobelin.media.drawing import KINDS, Picture, draw
from gobelin.media.weaving import LOOKS, WEAVES

COLOURS = re.compile(
    r"\b(blue|indigo|navy|red|terracotta|green|moss|yellow|saffron|mustard|berry|pink|black|white|grey|gray|teal"
    r"|lagoon|lilac|purple|brown|gold(en)?|silver|strip\w*|dott?\w*|check(ed|s)?|gingham|herringbone|diamonds?|triangles?"
    r"|houndstooth|crosses|pattern\w*|colou?r\w*)\b|[蓝红绿紫橙灰黑白]|黄色|粉色|金色|银色|条纹|格子|圆点|菱形|花纹|颜色",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def shop() -> DemoShop:
    return build(items=300, people=150, seed=3)


@pytest.fixture(scope="module")
def large() -> DemoShop:
    """Enough items to tell chance from a leak."""
    return build(items=2000, people=10, seed=1)


@pytest.fixture(scope="module")
def folder(shop: DemoShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    write(shop, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- the folder ------------------------------------------------------------------------------------------------


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(build(items=100, people=20, seed=5), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) > 90
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_another_seed_draws_another_shop(shop: DemoShop) -> None:
    assert build(items=300, people=150, seed=4).items != shop.items


def test_the_shop_leaves_the_global_random_state_alone() -> None:
    before = str(np.random.get_state())  # noqa: NPY002
    build(items=100, people=10)
    assert str(np.random.get_state()) == before  # noqa: NPY002


def test_the_tables_have_the_columns_of_the_contract(folder: Path, shop: DemoShop) -> None:
    items, log, users = (rows(folder / f"{name}.csv") for name in ("items", "interactions", "users"))
    assert (len(items), len(log), len(users)) == (300, len(shop.events), 150)
    contract = {"item_id", "title", "text", "title_zh", "text_zh", "categories", "image", "audio", "video"}
    assert contract | {"product_code", "brand", "price", "care", "added"} == set(items[0])
    assert {"user_id", "item_id", "timestamp", "event", "rating", "quantity", "text"} == set(log[0])
    assert "user_id" in users[0]
    settings = tomllib.loads((folder / "dataset.toml").read_text("utf-8"))
    assert settings == {"group": "product_code", "event": "purchase"}


def test_ids_are_unique_and_keep_their_leading_zeros(folder: Path) -> None:
    ids = [row["item_id"] for row in rows(folder / "items.csv")]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"\d{7}", item_id) for item_id in ids)
    assert any(item_id.startswith("0") for item_id in ids)


def test_the_log_mentions_no_stranger(folder: Path) -> None:
    items, users = ({row[f"{kind}_id"] for row in rows(folder / f"{kind}s.csv")} for kind in ("item", "user"))
    log = rows(folder / "interactions.csv")
    assert {row["item_id"] for row in log} <= items | {""} and {row["user_id"] for row in log} <= users
    assert {row["event"] for row in log if not row["item_id"]} == {"search"}


def test_every_picture_is_listed_and_opens(folder: Path) -> None:
    listed = [path for row in rows(folder / "items.csv") for path in row["image"].split("|") if path]
    assert sorted(listed) == sorted(f"images/{path.name}" for path in (folder / "images").iterdir())
    assert any("|" in row["image"] for row in rows(folder / "items.csv"))
    for path in listed:
        with Image.open(folder / path) as picture:
            assert picture.format == "JPEG" and picture.width == picture.height and 160 <= picture.width <= 224


def test_a_folder_that_holds_something_is_left_alone(shop: DemoShop, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match=r"cannot be drawn into .*empty or does not exist.*name another one"):
        write(shop, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_shop_too_small_for_its_tastes_is_refused() -> None:
    with pytest.raises(UserError, match=r"20 items and 150 people is too small.*at least 100 items"):
        build(items=20, people=150)


# --- what the shop holds ---------------------------------------------------------------------------------------


def test_some_items_lack_words_some_pictures_some_both(shop: DemoShop) -> None:
    lacks = Counter((not item.title[0], not item.pictures) for item in shop.items)
    assert lacks[True, False] == pytest.approx(0.06 * 300, abs=2)
    assert lacks[False, True] == pytest.approx(0.06 * 300, abs=2)
    assert lacks[True, True] == pytest.approx(0.02 * 300, abs=2)


def test_english_and_chinese_stand_side_by_side_and_some_chinese_is_lacking(shop: DemoShop) -> None:
    told = [item for item in shop.items if item.title[0]]
    assert all(re.search(r"[\u4e00-\u9fff]", item.text[1]) for item in told if item.text[1])
    assert all(bool(item.title[1]) == bool(item.text[1]) for item in told)
    assert sum(not item.title[1] for item in told) == pytest.approx(0.08 * 300, abs=2)


def test_variants_share_their_words_and_differ_in_look(shop: DemoShop) -> None:
    products: dict[str, list[int]] = {}
    for row, item in enumerate(shop.items):
        products.setdefault(item.product_code, []).append(row)
    variants = [group for group in products.values() if len(group) > 1]
    assert len(variants) > 20
    for group in variants:
        assert len({shop.items[i].look for i in group}) == len(group)
        assert len({(shop.items[i].theme, shop.items[i].kind, shop.items[i].brand) for i in group}) == 1
        assert len({shop.items[i].text[0] for i in group} - {""}) <= 1


def test_nobody_has_met_a_new_item(shop: DemoShop) -> None:
    met = {event.item for event in shop.events}
    new = {row for row, item in enumerate(shop.items) if item.new}
    assert len(new) == 12 and not new & met
    assert min(shop.items[i].added for i in new) > np.median([event.time for event in shop.events])


def test_all_kinds_of_events_occur_with_what_belongs_to_them(shop: DemoShop) -> None:
    kinds = Counter(event.kind for event in shop.events)
    assert set(kinds) == {"view", "click", "search", "cart", "purchase", "rating", "review"}
    for event in shop.events:
        assert bool(event.text) == (event.kind in ("search", "review"))
        assert (event.rating is not None) == (event.kind in ("rating", "review"))
        assert (event.quantity is not None) == (event.kind == "purchase")
        assert event.rating is None or 1 <= event.rating <= 5


def test_a_purchase_follows_its_view_and_cart_and_an_opinion_follows_the_purchase(shop: DemoShop) -> None:
    first: dict[tuple[int, int, str], int] = {}
    for event in shop.events:
        first.setdefault((event.person, event.item, event.kind), event.time)
    bought = [(person, item) for person, item, kind in first if kind == "purchase"]
    for person, item in bought:
        assert first[person, item, "view"] < first[person, item, "cart"] < first[person, item, "purchase"]
    for (person, item, kind), time in first.items():
        if kind in ("rating", "review"):
            assert time > first[person, item, "purchase"] + 86_400


def test_events_come_by_time_within_sixty_days(shop: DemoShop) -> None:
    times = [event.time for event in shop.events]
    assert times == sorted(times) and times[-1] - times[0] < 61 * 86_400


def test_people_search_and_review_in_their_own_language(shop: DemoShop) -> None:
    for event in shop.events:
        if event.text:
            chinese = bool(re.search(r"[\u4e00-\u9fff]", event.text))
            assert chinese == (shop.people[event.person].language == "zh")


# --- the planted truth -----------------------------------------------------------------------------------------


def test_words_never_name_a_look() -> None:
    speech = words()
    phrases = [*speech.notes, *speech.delighted, *speech.content, *speech.let_down]
    for theme in speech.themes:
        phrases += [*theme.names, *theme.stories, *theme.uses, *theme.queries, *theme.remarks]
    for kind in speech.kinds:
        phrases += [kind.name, *kind.craft]
    assert [phrase for phrase in phrases if COLOURS.search(" ".join(phrase))] == []


def test_themes_come_in_many_words_and_often_without_their_name(shop: DemoShop) -> None:
    speech = words()
    assert all(len(theme.names) >= 10 and len(theme.stories) >= 8 for theme in speech.themes)
    named = [speech.themes[item.theme].key in item.title[0].lower() for item in shop.items if item.title[0]]
    assert np.mean(named) < 0.2


def test_the_words_tell_the_theme(shop: DemoShop) -> None:
    phrases = [[story[0] for story in theme.stories] for theme in words().themes]
    for item in shop.items:
        if item.text[0]:
            told = [sum(phrase in item.text[0] for phrase in theme) for theme in phrases]
            assert np.argmax(told) == item.theme and sum(told) == 2


def test_the_mean_colour_of_a_picture_tells_the_look_and_not_the_theme(shop: DemoShop) -> None:
    shown = [item for item in shop.items if item.pictures]
    means = np.array([np.asarray(draw(item.pictures[0]).resize((8, 8))).reshape(-1) for item in shown], float)
    away = np.linalg.norm(means[:, None] - means[None], axis=2)
    np.fill_diagonal(away, np.inf)
    nearest = away.argmin(1)
    looks, themes = (np.array([getattr(item, name) for item in shown]) for name in ("look", "theme"))
    assert (looks[nearest] == looks).mean() > 0.95
    assert (themes[nearest] == themes).mean() < 0.25


@pytest.mark.parametrize("truth", ["theme", "look"])
@pytest.mark.parametrize("column", ["kind", "brand", "price", "care", "added", "pictures", "title"])
def test_no_other_column_leaks_the_truth(large: DemoShop, truth: str, column: str) -> None:
    """Chi-squared of the column against the truth stays near its degrees of freedom (five of its deviations)."""
    items = [item for item in large.items if not item.new]
    firsts = {item.product_code: item for item in reversed(items)}.values()  # variants are not independent
    value = {
        "kind": lambda item: item.kind,
        "brand": lambda item: item.brand,
        "price": lambda item: int(np.log2(item.price)),
        "care": lambda item: item.care[0],
        "added": lambda item: item.added % 7,
        "pictures": lambda item: len(item.pictures),
        "title": lambda item: bool(item.title[0]),
    }[column]
    counts = Counter((getattr(item, truth), value(item)) for item in firsts)
    lines, columns = (sorted({key[axis] for key in counts}) for axis in (0, 1))
    seen = np.array([[counts[line, entry] for entry in columns] for line in lines], float)
    expected = seen.sum(1, keepdims=True) * seen.sum(0, keepdims=True) / seen.sum()
    chi, freedom = ((seen - expected) ** 2 / expected).sum(), (len(lines) - 1) * (len(columns) - 1)
    assert chi < freedom + 5 * np.sqrt(2 * max(freedom, 1))


def test_theme_and_look_are_drawn_independently(large: DemoShop) -> None:
    cells = np.zeros((len(words().themes), len(LOOKS)))
    np.add.at(cells, (large.themes, large.looks), 1)
    assert cells.min() > 10 and cells.max() < 60


def test_purchases_follow_taste_and_views_follow_half_of_it(shop: DemoShop) -> None:
    matches = [shop.match(person) for person in range(len(shop.people))]
    bought = {(event.person, event.item) for event in shop.events if event.kind == "purchase"}
    viewed = {(event.person, event.item) for event in shop.events if event.kind == "view"} - bought
    bought_as, viewed_as = ([int(matches[person][item]) for person, item in pairs] for pairs in (bought, viewed))
    assert np.equal(bought_as, Match.BOTH).mean() > 0.45 and np.equal(bought_as, Match.NEITHER).mean() < 0.15
    assert np.isin(viewed_as, [Match.THEME, Match.LOOK]).mean() > 0.5


def test_a_better_match_is_rated_higher(shop: DemoShop) -> None:
    rated: dict[int, list[int]] = {match: [] for match in Match}
    for event in shop.events:
        if event.kind == "rating" and event.rating:
            rated[int(shop.match(event.person)[event.item])].append(event.rating)
    single = np.mean(rated[Match.THEME] + rated[Match.LOOK])
    assert np.mean(rated[Match.NEITHER]) < single < np.mean(rated[Match.BOTH])


def test_the_planted_reason_names_what_an_item_shares_with_a_history(shop: DemoShop) -> None:
    item = next(i for i, one in enumerate(shop.items) if shop.items[i - 1].product_code == one.product_code)
    themes, looks = shop.themes == shop.themes[item], shop.looks == shop.looks[item]
    alike = next(i for i in np.flatnonzero(themes & looks) if i != item)
    masks = (themes & ~looks, looks & ~themes, ~looks & ~themes)
    told, shown, other = (int(np.flatnonzero(mask)[-1]) for mask in masks)
    reason = shop.reason(item, [other, told, shown, int(alike), item - 1, told])
    assert reason.both == (alike,) and set(reason.theme) == {told, item - 1} and reason.look == (shown,)
    assert reason.product == (item - 1,)


# --- pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_product_is_drawn_in_its_own_shape(kind: str) -> None:
    picture = draw(Picture(kind, LOOKS[0], size=160))
    assert picture.size == (160, 160) and picture.mode == "RGB"
    others = [draw(Picture(other, LOOKS[0], size=160)) for other in KINDS if other != kind]
    assert all(np.abs(np.asarray(picture, int) - np.asarray(other, int)).mean() > 1 for other in others)


@pytest.mark.parametrize("weave", WEAVES)
def test_a_weave_repeats_without_a_seam(weave: str) -> None:
    x, y = np.meshgrid(np.arange(192), np.arange(192))
    yarn = WEAVES[weave](x, y)
    assert (yarn[:96, :96] == yarn[96:, 96:]).all() and yarn.min() >= 0 and yarn.max() <= 3
    assert len(np.unique(yarn)) >= 2


def test_a_kind_without_a_drawing_is_refused_with_the_kinds_that_have_one() -> None:
    with pytest.raises(ValueError, match="'kettle': choose one of vase, mug"):
        Picture("kettle", LOOKS[0])


def test_most_items_are_heard_and_filmed_and_the_files_open(folder: Path, shop: DemoShop) -> None:
    listed = rows(folder / "items.csv")
    for column, share in (("audio", HEARD), ("video", FILMED)):
        paths = [row[column] for row in listed if row[column]]
        assert 0.5 < share < 1 and len(paths) == round(share * len(listed))
        assert all((folder / path).stat().st_size > 500 for path in paths)
    with wave.open(str(folder / next(row["audio"] for row in listed if row["audio"]))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (
            1,
            16_000,
            pytest.approx(16_000, abs=3),
        )


def test_people_meet_what_they_like_to_hear_and_to_see_more_often(shop: DemoShop) -> None:
    """With liking 1 a timbre of six would be met in a sixth of the purchases."""
    for name in ("timbre", "motion"):
        met = [
            getattr(shop.items[item], name) == getattr(person, name)
            for row, person in enumerate(shop.people)
            for item in shop.history(row)
        ]
        assert np.mean(met) > 2 / 6
