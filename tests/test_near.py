"""Near repeats of texts and pictures, and the phrases of a shop: worked examples, guarantees, bounded memory."""

import io
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from gobelin.data.cleaning import CleaningRules, clean
from gobelin.data.dataset import Dataset
from gobelin.data.health import check
from gobelin.data.near import runs, sample
from gobelin.data.near_pictures import BITS, _ones, look_of, near_pictures
from gobelin.data.near_texts import likeness, near_texts
from gobelin.data.phrases import common_phrases, sentences, without
from gobelin.data.pictures import check_pictures

RNG = np.random.default_rng


def prose(rng: np.random.Generator, words: int = 60) -> list[str]:
    return [f"w{number}" for number in rng.integers(0, 5_000, words)]


def test_likeness_is_the_share_of_common_three_word_runs() -> None:
    assert likeness("a b c d e", "a b c d f") == pytest.approx(2 / 4)  # abc bcd | cde | cdf
    assert likeness("A  b, c!", "<p>a b c</p>") == 1
    assert likeness("红色羊毛大衣", "红色羊毛外衣") == pytest.approx(2 / 6)  # 6 characters, 4 runs each, 2 in common
    assert likeness("a b", "c d") == 0 and likeness("", "") == 0


def test_near_repeated_texts_are_counted_without_the_equal_ones() -> None:
    rng = RNG(0)
    base = prose(rng)
    one_word_off = " ".join([*base[:-1], "other"])  # 57 of 59 runs
    half_off = " ".join(base[:30] + prose(rng, 30))
    texts = [" ".join(base), " ".join(base).upper(), one_word_off, half_off, *(" ".join(prose(rng)) for _ in range(50))]
    found = near_texts(texts)
    assert (found.looked, found.near, found.pair) == (54, 1, (0, 2))
    assert found.share == pytest.approx(57 / 59)
    assert near_texts(texts[3:]).near == 0 and near_texts([]).looked == 0 and near_texts([""] * 3).near == 0
    assert near_texts(texts, most=10).looked == 10


def test_nearly_every_pair_with_nine_tenths_in_common_is_found() -> None:
    rng = RNG(1)
    texts = []
    for _ in range(200):
        base = prose(rng)
        texts += [" ".join(base), " ".join([*base[:-3], "x", "y", "z"])]  # 55 of 61 runs in common
    assert near_texts(texts).near >= 198  # a pair meets with a chance of .9999


def test_a_family_of_variants_counts_all_but_the_first() -> None:
    base = prose(RNG(2))
    assert near_texts([" ".join([*base, f"size{i}"]) for i in range(40)]).near == 39


def photograph(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    coarse = RNG(seed).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def test_a_smaller_copy_saved_again_is_nearly_the_same_and_other_pictures_are_not(tmp_path: Path) -> None:
    for i in range(8):
        photograph(i).save(tmp_path / f"{i}.png")
    photograph(3).resize((120, 90)).save(tmp_path / "copy.jpg", quality=70)
    (tmp_path / "same.png").write_bytes((tmp_path / "0.png").read_bytes())
    found = check_pictures(tmp_path, [path.name for path in tmp_path.iterdir()])
    assert found.alike == 1 and not found.broken
    assert found.near["near"] == 1 and found.near["looked"] == 9
    assert found.near["pair"] == ["3.png", "copy.jpg"]


def test_a_product_in_another_colour_or_turned_around_is_another_picture() -> None:
    def shirt(colour: str) -> Image.Image:
        picture = Image.new("RGB", (100, 100), "white")
        ImageDraw.Draw(picture).polygon([(20, 20), (80, 20), (70, 90), (30, 80)], fill=colour)
        return picture

    red, blue = shirt("#c02020"), shirt("#2020c0")
    assert near_pictures([look_of(p) for p in (red, blue, red.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]).near == 0
    assert near_pictures([look_of(red), None, look_of(red)]).pair == (0, 2)
    assert near_pictures([]).near == 0 and near_pictures([None]).looked == 0


def test_hashes_that_differ_in_three_bits_always_meet_and_bits_are_counted() -> None:
    from gobelin.data.near_pictures import Look

    grey = np.full(768, 90, dtype=np.uint8)
    rng = RNG(3)
    base = int(rng.integers(2**63))
    for chosen in itertools.islice(itertools.combinations(rng.permutation(64).tolist(), BITS), 300):
        other = base
        for bit in chosen:
            other ^= 1 << bit
        assert near_pictures([Look(base, grey), Look(other, grey)]).near == 1
    four = base ^ 0b1111
    assert near_pictures([Look(base, grey), Look(four, grey)]).near == 0
    assert near_pictures([Look(base, grey), Look(base, grey + 3)]).near == 0
    values = rng.integers(0, 2**63, 100, dtype=np.uint64)
    assert _ones(values).tolist() == [int(value).bit_count() for value in values]


def test_runs_and_samples() -> None:
    assert [run.tolist() for run in runs(np.array([5, 1, 5, 2, 1, 5]))] == [[1, 4], [0, 2, 5]]
    assert runs(np.array([], dtype=np.int64)) == []
    assert sample(3, 5).tolist() == [0, 1, 2]
    drawn = sample(1_000, 10)
    assert len(set(drawn.tolist())) == 10 and (np.diff(drawn) > 0).all()


def test_sentences_end_at_marks_lines_bullets_and_block_tags() -> None:
    text = "One here. Two there! 三在这里。四在那里 | five<br>six</li><li>seven &amp; <b>eight</b>\nnine"
    expected = ["One here.", "Two there!", "三在这里。", "四在那里", "five", "six", "seven & eight", "nine"]
    assert sentences(text) == expected
    assert sentences("&lt;p&gt;first&lt;/p&gt;second 1.5 cm") == ["first", "second 1.5 cm"]
    assert sentences("<script>one.\ntwo. three</script>") == []


SHIPPING = "Free shipping on all orders over 50."


def texts_of_a_shop(count: int = 100) -> list[list[str]]:
    """Every second item has the phrase; each has a sentence of its own; a short one stands in all."""
    own = [f"Thing number {i} is made of stuff {i}. Machine wash." for i in range(count)]
    return [[text + (f" {SHIPPING}" if i % 2 else "")] for i, text in enumerate(own)]


def test_phrases_of_many_items_are_found_with_their_count_and_short_ones_are_none() -> None:
    said = texts_of_a_shop()
    said[0] = [f"{SHIPPING} {SHIPPING.upper()} {SHIPPING}"]  # one item, however often
    found = common_phrases(lambda: said, 0.05)
    assert [(one.sentence, one.items) for one in found.values()] == [(SHIPPING, 51)]
    assert common_phrases(lambda: said, 0.51) == {}
    assert common_phrases(lambda: said[:6], 0.05) == {}, "four items are no habit"
    assert common_phrases(lambda: [[None], []], 0.05) == {}


def test_a_frequent_sentence_survives_when_few_counts_are_held_and_its_count_is_exact() -> None:
    said = texts_of_a_shop(2_000)
    assert len({one for text in said for one in sentences(text[0])}) > 2_000
    found = common_phrases(lambda: iter(said), 0.05, held=100)
    assert [(one.sentence, one.items) for one in found.values()] == [(SHIPPING, 1_000)]


def test_a_text_without_its_phrases_keeps_the_rest_and_one_without_any_is_untouched() -> None:
    phrases = common_phrases(lambda: texts_of_a_shop(), 0.05)
    assert without(f"<b>A lamp.</b> {SHIPPING.lower()} It  shines.", phrases) == "A lamp.\nIt shines."
    assert without(SHIPPING, phrases) is None
    untouched = "<b>A  lamp</b>"
    assert without(untouched, phrases) is untouched


def shop() -> Dataset:
    said = texts_of_a_shop()
    items = pd.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(100)],
            "title": [SHIPPING] * 50 + [f"Thing {i}" for i in range(50, 100)],
            "text": [text[0] for text in said],
        }
    )
    log = pd.DataFrame([(f"u{u}", f"i{i}") for u in range(4) for i in range(0, 100, 7)], columns=["user_id", "item_id"])
    return Dataset.from_frames(items, log)


def test_health_tells_phrases_and_near_repeats_and_the_rule_takes_the_phrases_out() -> None:
    health = check(shop())
    assert health.phrases == ({"sentence": SHIPPING, "items": 50},)
    rows = {(section, what): value for section, what, value in health.rows()}
    assert rows["Phrases of the shop", "50 texts"] == repr(SHIPPING)
    assert rows["Duplicates", "nearly, texts"] == "0 of 100"
    assert any("clean.boilerplate" in one for one in health.advice)
    cleaned, counts = clean(shop(), CleaningRules(boilerplate=0.05))
    assert counts == {"boilerplate": 50}
    assert cleaned.catalogue.columns["text"][1] == "Thing number 1 is made of stuff 1.\nMachine wash."
    assert cleaned.catalogue.columns["text"][0] == shop().catalogue.columns["text"][0]
    assert cleaned.catalogue.columns["title"][0] == SHIPPING, "titles stay"
    assert cleaned.events is not None and len(cleaned.events) == len(shop().events)
    assert check(cleaned).phrases == ()
    shallow = check(shop(), deep=False)
    assert shallow.phrases == () and shallow.near == {}


def test_an_example_pair_of_near_texts_stands_in_the_table() -> None:
    base = " ".join(prose(RNG(5)))
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "text": [base, f"{base} x", "short"]})
    health = check(Dataset.from_frames(items))
    assert ("Duplicates", "nearly, texts", "1 of 3, e.g. a and b (98% the same)") in health.rows()
    assert health.as_json()["near"]["texts"]["pair"] == ["a", "b"]


@pytest.mark.real
@pytest.mark.parametrize(("name", "least"), [("hm_week", 0.97), ("movielens_small", 0.93)])
def test_copies_of_real_pictures_are_found(real: Path, name: str, least: float) -> None:
    rng = RNG(0)
    files = sorted((real / name / "images").glob("*.jpg"))
    found = 0
    for path in rng.choice(files, 100, replace=False):
        looks, copy = [], io.BytesIO()
        with Image.open(path) as picture:
            whole = picture.convert("RGB")
        scale = rng.uniform(0.6, 0.95)
        smaller = whole.resize((int(whole.width * scale), int(whole.height * scale)), Image.Resampling.LANCZOS)
        smaller.save(copy, "JPEG", quality=int(rng.integers(60, 90)))
        copy.seek(0)
        for file in (path, copy):
            with Image.open(file) as picture:
                picture.draft("RGB", (64, 64))
                looks.append(look_of(picture))
        found += near_pictures(looks).near
    assert found / 100 >= least
