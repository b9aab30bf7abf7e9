"""What readers read from sentences in two languages, and from pictures that were drawn to show it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gobelin import parts
from gobelin.encoders.attributes import Attributes
from gobelin.errors import MissingExtra
from gobelin.features.readings import read_through
from gobelin.protocols import Content, Reader
from gobelin.readers.picture_facts import PictureFacts
from gobelin.readers.text_facts import TextFacts
from gobelin.testing.encoders import check_encoder
from gobelin.values import UNREADABLE, Reading, surest

pytestmark = pytest.mark.usefixtures("own_cache")


def said(text: str, attribute: str, field: str = "title", **settings) -> list[str]:
    (readings,) = TextFacts(**settings).read([Content("a", {field: (text,)})])
    return [one.value for one in readings if one.attribute == attribute]


@pytest.mark.parametrize(
    ("text", "attribute", "values"),
    [
        ("Lamp, now $1,019.99", "price", ["$1019.99"]),
        ("特价￥199", "price", ["¥199"]),
        ("售价 199元 包邮", "price", ["¥199"]),
        ("12 euros each", "price", ["€12"]),
        ("三元素 5元素 chart", "price", []),
        ("Wool coat XL", "size", ["XL"]),
        ("size: M", "size", ["M"]),
        ("尺码：S/M/L", "size", ["S", "M", "L"]),
        ("M&S vest, it's L'Atelier", "size", []),
        ("a tray of 12 cm", "size", ["12 cm"]),
        ("地毯 70×110厘米", "size", ["70 x 110 cm"]),
        ("rug, 70 by 110 cm", "size", ["70 x 110 cm"]),
        ("500毫升 杯", "size", ["500 ml"]),
        ("42码 靴子", "size", ["42"]),
        ("flour, 2 kg", "weight", ["2 kg"]),
        ("a 4G phone of 5MP", "weight", []),
        ("100% cotton shirt", "material", ["cotton"]),
        ("纯棉衬衫", "material", ["cotton"]),
        ("棉质 毛呢 大衣", "material", ["wool", "cotton"]),
        ("faux leather bag", "material", ["imitation leather"]),
        ("without leather, plastic-free", "material", []),
        ("不含塑料的竹制篮子", "material", ["bamboo"]),
        ("Navy blue jumper", "colour", ["navy"]),
        ("酒红色 连衣裙", "colour", ["burgundy"]),
        ("Gray and yellow", "colour", ["grey", "yellow"]),
        ("coloured prints", "colour", []),
        ("Heat (1995)", "year", ["1995"]),
        ("2019年春季", "year", ["2019"]),
        ("1980年代", "year", []),
        ("I do not love it: broken and useless", "sentiment", ["negative"]),
        ("质量很好，非常喜欢", "sentiment", ["positive"]),
        ("不喜欢，很失望", "sentiment", ["negative"]),
        ("a box of nails", "sentiment", []),
    ],
)
def test_a_sentence_says_what_it_says(text: str, attribute: str, values: list[str]) -> None:
    assert said(text, attribute) == values


def test_a_brand_is_a_name_that_the_catalogue_knows_as_a_whole_word() -> None:
    brands = ("Kesh", "Tofu & Sons", "小米")
    assert said("KESH lamp by Tofu & Sons", "brand", brands=brands) == ["Kesh", "Tofu & Sons"]
    assert said("小米手机", "brand", brands=brands) == ["小米"]
    assert said("Keshia's lamp, fresh kesh", "brand", brands=brands) == []
    assert said("Kesh lamp", "brand") == []


def test_a_saving_is_a_weak_price_and_a_word_outside_the_title_a_weaker_one() -> None:
    def sure(text: str, attribute: str, field: str) -> float:
        (readings,) = TextFacts().read([Content("a", {field: (text,)})])
        return next(one.confidence for one in readings if one.attribute == attribute)

    assert sure("save $20", "price", "title") < 0.5 < sure("$20", "price", "title")
    assert sure("a red lamp", "colour", "text") < sure("a red lamp", "colour", "title")


def test_all_languages_and_fields_are_read_and_each_value_stands_once_where_it_is_surest() -> None:
    content = Content("a", {"title": ("Cotton shirt", "黑色 棉衬衫"), "text": ("Made of cotton. <b>12 cm</b>",)})
    (readings,) = TextFacts().read([content])
    assert [(one.attribute, one.value, one.source) for one in readings] == [
        ("size", "12 cm", "text"), ("material", "cotton", "title"), ("colour", "black", "title"),
    ]  # fmt: skip
    assert TextFacts().read([Content("b", {})]) == [[]]


def cloth(path: Path, kind: str, ink: str, ground: str, step: int = 20, turn: int = 0) -> Path:
    """A garment's outline on white, filled with a cloth."""
    size = 200
    big = Image.new("RGB", (2 * size, 2 * size), ground)
    pen = ImageDraw.Draw(big)
    across = Image.new("RGB", big.size, ground)
    other = ImageDraw.Draw(across)
    for along in range(0, 2 * size, step):
        if kind in ("striped", "checked"):
            pen.rectangle((0, along, 2 * size, along + step // 2 - 1), fill=ink)
            other.rectangle((along, 0, along + step // 2 - 1, 2 * size), fill=ink)
        if kind == "dotted":
            for x in range((along // step % 2) * step // 2, 2 * size, step):
                pen.ellipse((x, along, x + step * 0.55, along + step * 0.55), fill=ink)
    if kind == "checked":
        big = Image.blend(big, across, 0.5)
    if kind == "patterned":
        rng = np.random.default_rng(step)
        for _ in range(140):
            x, y, w, h = (*rng.integers(0, 2 * size, 2).tolist(), *rng.integers(6, 60, 2).tolist())
            pen.polygon(
                [(x, y), (x + w, y + h // 3), (x + w // 2, y + h)], fill=tuple(rng.integers(0, 255, 3).tolist())
            )
    big = big.rotate(turn).crop((size // 2, size // 2, size // 2 + size, size // 2 + size))
    outline = Image.new("L", (size, size), 0)
    ImageDraw.Draw(outline).polygon([(30, 20), (170, 20), (185, 180), (15, 180)], fill=255)
    out = Image.new("RGB", (size, size), "white")
    out.paste(big, mask=outline)
    out.save(path)
    return path


def seen(path: Path, attribute: str, **settings) -> list[str]:
    (readings,) = PictureFacts(**{"concepts": 0, "pattern": True, **settings}).read([Content("a", {"image": (path,)})])
    return [one.value for one in readings if one.attribute == attribute]


@pytest.mark.parametrize(
    ("drawn", "named"),
    [("black", "black"), ("#e01020", "red"), ("navy", "navy"), ("#2f74e0", "blue"), ("green", "green"),
     ("yellow", "yellow"), ("orange", "orange"), ("purple", "purple"), ("pink", "pink"), ("#6b4428", "brown"),
     ("teal", "turquoise"), ("olive", "olive"), ("maroon", "burgundy"), ("gray", "grey"), ("beige", "beige"),
     ("white", "white")],
)  # fmt: skip
def test_a_colour_is_named_and_the_white_around_it_is_not(tmp_path: Path, drawn: str, named: str) -> None:
    assert seen(cloth(tmp_path / "a.png", "plain", drawn, drawn), "colour") == [named]


def test_two_colours_are_both_named_each_with_its_share(tmp_path: Path) -> None:
    picture = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(picture).rectangle((10, 10, 89, 69), fill="#e01020")
    ImageDraw.Draw(picture).rectangle((10, 70, 89, 89), fill="black")
    picture.save(tmp_path / "a.png")
    (readings,) = PictureFacts(concepts=0).read([Content("a", {"image": (tmp_path / "a.png",)})])
    told = {one.value: one.confidence for one in readings if one.attribute == "colour"}
    assert told == pytest.approx({"red": 0.75, "black": 0.25}, abs=0.03)


@pytest.mark.parametrize("turn", [0, 30])
@pytest.mark.parametrize(("ink", "ground"), [("black", "yellow"), ("#224488", "#dddddd")])
@pytest.mark.parametrize("kind", ["plain", "striped", "checked", "dotted", "patterned"])
def test_a_pattern_is_told_by_its_waves(tmp_path: Path, kind: str, ink: str, ground: str, turn: int) -> None:
    told = [seen(cloth(tmp_path / f"{step}.png", kind, ink, ground, step, turn), "pattern") for step in (12, 20, 30)]
    assert told == [[kind]] * 3


def test_a_broken_picture_is_a_reading_with_its_reason_and_its_neighbours_are_whole(tmp_path: Path) -> None:
    good = cloth(tmp_path / "a.png", "plain", "red", "red")
    (tmp_path / "b.png").write_bytes(b"this is no picture")
    reader = PictureFacts(pattern=True, concepts=1, probable=0)
    told = reader.read([Content("a", {"image": (good,)}), Content("b", {"image": (tmp_path / "b.png",)}),
                        Content("c", {"image": (tmp_path / "none.png",)}), Content("d", {})])  # fmt: skip
    assert told[1:] == [
        [Reading(UNREADABLE, "broken", 1.0, "image")], [Reading(UNREADABLE, "missing", 1.0, "image")], [],
    ]  # fmt: skip
    assert [one.attribute for one in told[0]] == ["colour", "pattern", "concept"]
    assert told[0] == reader.read([Content("a", {"image": (good,)})])[0]


def test_concepts_are_the_classes_that_the_network_thinks_probable(tmp_path: Path) -> None:
    from gobelin.encoders.efficientnet import Efficientnet

    path = cloth(tmp_path / "a.png", "striped", "black", "white")
    (told,) = PictureFacts(concepts=4, probable=0.02).read([Content("a", {"image": (path,)})])
    network = Efficientnet()
    scores = network.scores([path]).values[0]
    best = np.argsort(-scores)[:4]
    expected = [(network.classes()[i].lower(), round(float(scores[i]), 3)) for i in best if scores[i] >= 0.02]
    assert [(one.value, one.confidence) for one in told if one.attribute == "concept"] == expected


def test_a_reading_is_between_zero_and_one_and_the_surest_of_each_value_is_kept() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Reading("colour", "red", 1.2, "title")
    some = [Reading("b", "x", 0.2, "text"), Reading("a", "y", 0.9, "text"), Reading("b", "x", 0.5, "title"),
            Reading("b", "z", 0.7, "text")]  # fmt: skip
    assert surest(some) == [some[3], some[2], some[1]]


@pytest.mark.parametrize("name", [part.name for part in parts.named("readers")])
def test_every_reader_names_what_it_reads_and_says_nothing_of_nothing(name: str) -> None:
    try:
        reader = parts.bind("readers", name, {})
    except MissingExtra as wrong:
        pytest.skip(str(wrong))
    assert isinstance(reader, Reader) and reader.fields and reader.source
    assert reader.read([]) == [] and reader.read([Content("bare", {})]) == [[]]
    assert reader.fingerprint() == parts.bind("readers", name, {}).fingerprint()


class Counting:
    """A reader that counts the items that it is asked for."""

    source, fields = "image", ("image",)

    def __init__(self) -> None:
        self.asked = 0

    def fingerprint(self) -> str:
        return "counting"

    def read(self, contents):
        self.asked += len(contents)
        return [
            [Reading("bytes", str(content.fields["image"][0].stat().st_size), 0.5, "image")] for content in contents
        ]


def test_what_was_read_once_is_read_again_only_when_the_content_changes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    content = Content("a", {"image": (tmp_path / "a",), "title": ("A",)})
    reader = Counting()
    first = read_through(reader, [content], tmp_path / "cache")
    again = read_through(reader, [Content("b", {"image": (tmp_path / "a",)})], tmp_path / "cache")
    assert first == again == [[Reading("bytes", "3", 0.5, "image")]] and reader.asked == 1
    (tmp_path / "a").write_bytes(b"another")
    assert read_through(reader, [content], tmp_path / "cache")[0][0].value == "7" and reader.asked == 2


def test_a_cache_that_is_no_database_costs_reading_again_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "readings.sqlite").write_bytes(b"this is no database" * 100)
    reader = Counting()
    for asked in (1, 2):
        assert read_through(reader, [Content("a", {"image": (tmp_path / "a",)})], tmp_path)[0][0].value == "3"
        assert reader.asked == asked


def test_readings_become_columns_of_the_attributes(tmp_path: Path) -> None:
    contents = [
        Content(
            str(i), {"title": (title,), "image": (cloth(tmp_path / f"{i}.png", "plain", ink, ink),), "shelf": ("1",)}
        )
        for i, (title, ink) in enumerate([("Cotton", "red"), ("棉布", "red"), ("Wool", "black"), ("羊毛", "black")])
    ]
    encoder = Attributes(read=("text_facts", "picture_facts")).fit(contents, np.random.default_rng(0))
    names = encoder.names()
    wanted = {"colour (image) = black", "colour (image) = red", "material (text) = cotton", "material (text) = wool"}
    assert wanted <= set(names)
    values = encoder.transform(contents).values.toarray()
    red = names.index("colour (image) = red")
    assert (values[:, red] > 0).tolist() == [True, True, False, False]
    wish = encoder.transform([Content("a wish", {"title": ("something of wool",)})])
    assert [names[i] for i in wish.values.indices] == ["material (text) = wool"]
    assert not any("(" in name for name in Attributes().fit(contents, np.random.default_rng(0)).names())


def test_attributes_that_read_media_keep_the_contract(tmp_path: Path) -> None:
    check_encoder(lambda: Attributes(read=("text_facts",)), tmp_path)


@pytest.mark.real
def test_colours_of_photographs_agree_with_the_catalogue_more_often_than_its_commonest_colour_would(real: Path) -> None:
    """150 articles: black, white, grey, red, blue, pink, green, yellow are called the same by people."""
    from gobelin.data.dataset import Dataset

    catalogue = Dataset.read(real / "hm_week").catalogue
    told = {"Black": {"black"}, "White": {"white"}, "Grey": {"grey"}, "Red": {"red", "burgundy"}, "Green": {"green"},
            "Blue": {"blue", "navy"}, "Pink": {"pink"}, "Yellow": {"yellow"}}  # fmt: skip
    column = catalogue.columns["perceived_colour_master_name"]
    rows = [row for row, value in enumerate(column) if value in told]
    rows = np.random.default_rng(0).choice(rows, 150, replace=False).tolist()
    readings = PictureFacts(concepts=0, least=0.01).read([catalogue.content(row) for row in rows])
    first = [next(one.value for one in some if one.attribute == "colour") for some in readings]
    right = np.mean([name in told[str(column[row])] for name, row in zip(first, rows, strict=True)])
    most = max(np.unique([str(column[row]) for row in rows], return_counts=True)[1]) / len(rows)
    assert right > most + 0.1, (right, most)


def test_clips_tell_their_length_their_shots_and_whether_anything_moves(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    from gobelin.readers.clip_facts import ClipFacts

    def clip(name: str, colours: list[str], moves: int) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as file:
            stream = file.add_stream("mpeg4", rate=12)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            for step in range(36):
                picture = Image.new("RGB", (64, 64), colours[step * len(colours) // 36])
                x = 4 + step * moves % 44
                ImageDraw.Draw(picture).rectangle((x, 10, x + 14, 50), fill="black")
                file.mux(stream.encode(av.VideoFrame.from_image(picture)))
            file.mux(stream.encode())
        return path

    (tmp_path / "broken.mp4").write_bytes(b"no clip at all")
    paths = [clip("still.mp4", ["white"], 0), clip("cut.mp4", ["white", "red", "blue"], 1),
             clip("lively.mp4", ["white"], 9), tmp_path / "broken.mp4"]  # fmt: skip
    still, cut, lively, broken = ClipFacts(concepts=0).read([Content("x", {"video": (path,)}) for path in paths])
    assert {one.attribute: one.value for one in still} == {"shots": "1", "length": "3 s", "motion": "still"}
    assert {one.attribute: one.value for one in cut}["shots"] == "3"
    assert {one.attribute: one.value for one in lively}["motion"] == "lively"
    assert [one.attribute for one in broken] == [UNREADABLE]
