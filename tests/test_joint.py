"""The joint space: class names' points, bridges, and what is near to a wish across senses."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gobelin.encoders._convex import TEXT, convex, named_points
from gobelin.encoders.conse import Conse
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.sentence import Sentence
from gobelin.errors import UnknownName, UserError
from gobelin.experiment import run as run_experiment
from gobelin.features.likeness import likeness, shared
from gobelin.features.wish import wish_of
from gobelin.protocols import Bridges, Joint
from gobelin.service import Run
from gobelin.values import Features, FeatureTable, Vocabulary, Wish

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_point_is_the_mean_of_the_likeliest_classes_by_probability() -> None:
    points = np.array([[4, 0], [0, 4], [8, 8]], dtype=np.float32)
    seen = np.array([[0.5, 0.3, 0.2], [0.0, 0.0, 0.0], [0.1, 0.1, 0.8]], dtype=np.float32)
    # the third row's second place is shared: both are kept
    assert np.allclose(convex(seen, points, 2, 1.0), [[5 / 8 * 4, 3 / 8 * 4], [0, 0], [6.8, 6.8]], atol=1e-5)
    half = np.sqrt([0.5, 0.3, 0.2])
    half /= half.sum()
    assert np.allclose(convex(seen[:1], points, 3, 2.0), half @ points, atol=1e-5)
    assert np.allclose(convex(seen[:1], points, 1, 5.0), [[4, 0]])


def test_a_temperature_on_probabilities_is_one_on_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 6)) * 3
    soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cooled = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(axis=1, keepdims=True)
    assert np.allclose(convex(soft.astype(np.float32), np.eye(6, dtype=np.float32), 6, 2.5), cooled, atol=1e-5)


def test_a_named_point_lies_between_its_names_and_near_their_translation() -> None:
    points = named_points((("dog", "hound"), ("car",), ("apple",)), "a photo of a {}")
    assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-5)
    asked = TEXT.encode(["狗", "汽车", "苹果"]).values
    assert (asked @ points.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_a_picture_lies_nearest_to_the_name_of_what_is_drawn(tmp_path: Path) -> None:
    """A traffic light: one of the few things that the network knows even when drawn as plainly as this."""
    picture = Image.new("RGB", (224, 224), "skyblue")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((82, 20, 142, 204), fill="black")
    for y, colour in ((28, "red"), (88, "gold"), (148, "lime")):
        pen.ellipse((90, y, 134, y + 44), fill=colour)
    picture.save(tmp_path / "light.png")
    point = Conse().encode([tmp_path / "light.png"]).values[0]
    asked = TEXT.encode(["traffic light", "交通灯", "a dog", "a cup of coffee", "连衣裙"]).values
    near = asked @ point
    assert min(near[:2]) > max(near[2:]) + 0.03


def test_the_bridge_of_efficientnet_leads_where_conse_encodes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    network, conse = Efficientnet(), Conse()
    assert isinstance(network, Bridges) and not isinstance(network, Joint)
    assert isinstance(conse, Joint) and isinstance(Sentence(), Joint) and conse.space == Sentence.space
    assert network.bridges_to == conse.space
    led = network.bridge(network.encode([tmp_path / "a.png"]).values)
    assert np.allclose(led, conse.encode([tmp_path / "a.png"]).values, atol=1e-6)
    with Image.open(tmp_path / "a.png") as opened:
        assert np.allclose(conse.encode_pictures([opened.convert("RGB")]).values, led, atol=1e-4)


def test_every_setting_of_conse_that_changes_a_vector_changes_the_fingerprint() -> None:
    names = {
        Conse(**{key: value}).fingerprint() for key, value in (("kept", 5), ("temperature", 1.0), ("frame", "pad"))
    }
    assert len(names | {Conse().fingerprint()}) == 4
    assert Conse(max_megapixels=3).fingerprint() == Conse().fingerprint()


@dataclass
class Told:
    """Stands for an encoder of which only its place is asked. space: as `Joint`."""

    space: str


@dataclass
class Turned:
    """A bridge that turns its plane by a right angle."""

    bridges_to: ClassVar[str] = "plane"

    def bridge(self, vectors):
        return np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)


ITEMS = Vocabulary(["a", "b", "c", "d"])


def sense(name: str, modality: str, rows: list[list[float]], absent: tuple[int, ...] = ()) -> Features:
    present = np.array([row not in absent for row in range(len(rows))])
    return Features(name, modality, ITEMS, np.array(rows, dtype=np.float32), present)


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


TEXTS = sense("text", "text", [[1, 0], [-1, 0], [0, 1], [9, 9]], absent=(3,))
PICTURES = sense("image", "image", [[0, -1], [0, 1], [-1, 0], [1, 0]])  # turned: (1,0) (-1,0) (0,-1) (0,1)
TABLE = FeatureTable(ITEMS, {"text": TEXTS, "image": PICTURES})


def test_a_text_finds_items_by_texts_and_by_pictures_that_a_bridge_leads() -> None:
    joint = shared(TABLE, {"text": Told("plane"), "image": Turned()})
    assert joint.spaces == {"text": "plane", "image": "plane"}
    assert np.allclose(joint.features["image"].values, [[1, 0], [-1, 0], [0, -1], [0, 1]])
    found = likeness(TABLE, joint, Wish({"text": vector(5, 1 / 3)}, {"plane": {"text": vector(1, 0)}}))
    # texts: the mean (0, 1/3) goes from both: cosines 3/sqrt 10, -3/sqrt 10, 0 and their spread sqrt(3/5)
    three = 3 / np.sqrt(10) / np.sqrt(3 / 5)
    text, there = found.by_sense["text"]
    assert np.allclose(text, [three, -three, 0, 0], atol=1e-5) and there.tolist() == [True, True, True, False]
    # pictures: cosines 1, -1, 0, 0 with the spread sqrt(1/2)
    image, everywhere = found.by_sense["image"]
    assert np.allclose(image, [np.sqrt(2), -np.sqrt(2), 0, 0], atol=1e-5) and everywhere.all()
    assert np.allclose(found.scores, (text + image) / 2)


def test_an_item_that_lacks_a_sense_is_found_by_another() -> None:
    joint = shared(TABLE, {"text": Told("plane"), "image": Turned()})
    found = likeness(TABLE, joint, Wish({"text": vector(0, -1)}, {"plane": {"text": vector(0, 1)}}))
    assert found.scores.argmax() == 3 and found.by_sense["text"][0][3] == 0


def test_senses_of_another_space_do_not_hear_the_wish() -> None:
    joint = shared(TABLE, {"text": Told("elsewhere"), "image": Turned()})
    found = likeness(TABLE, joint, Wish({}, {"elsewhere": {"text": vector(1, 0)}}))
    assert set(found.by_sense) == {"text"}
    assert not likeness(TABLE, shared(TABLE, {}), Wish({}, {"plane": {"text": vector(1, 0)}})).by_sense


def test_a_bridge_is_not_crossed_where_its_modality_is_in_the_space_already() -> None:
    both = FeatureTable(ITEMS, {"own": sense("own", "image", [[1, 0]] * 4), **TABLE.features})
    joint = shared(both, {"own": Told("plane"), "image": Turned(), "text": Told("plane")})
    assert set(joint.features) == {"own", "text"}


def test_a_picture_is_centred_by_the_pictures_when_it_meets_texts() -> None:
    """Pictures lie far off in one direction, which says nothing: only what differs among them counts."""
    far = sense("image", "image", [[100, 1], [100, -1], [100, 1], [100, -1]])
    table = FeatureTable(ITEMS, {"text": sense("text", "text", [[1, 0], [0, 1], [0, -1], [-1, 0]]), "image": far})
    joint = shared(table, {"text": Told("plane"), "image": Told("plane")})
    found = likeness(table, joint, Wish({"image": vector(100, 1)}, {"plane": {"image": vector(100, 1)}}))
    assert found.by_sense["text"][0].argmax() == 1


def test_many_items_give_what_few_give(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = shared(TABLE, {"text": Told("plane"), "image": Turned()})
    wish = Wish({"text": vector(0.3, 1)}, {"plane": {"text": vector(0.3, 1)}})
    whole = likeness(TABLE, joint, wish).scores
    monkeypatch.setattr("gobelin.features.likeness._ROWS", 3)
    joint = shared(TABLE, {"text": Told("plane"), "image": Turned()})
    assert np.allclose(likeness(TABLE, joint, wish).scores, whole, atol=1e-6)


def test_a_run_with_pictures_alone_reads_words_through_the_joint_space(tmp_path: Path) -> None:
    senses = {"image": Efficientnet()}
    wish = wish_of(senses, text="a red coat", spaces={Sentence.space})
    assert not wish.vectors
    assert np.allclose(wish.points[Sentence.space]["text"], TEXT.encode(["a red coat"]).values[0], atol=1e-6)
    with pytest.raises(UserError, match="No sense of this run can read the text"):
        wish_of(senses, text="a red coat")


def test_a_run_with_texts_alone_reads_a_picture_through_the_joint_space(tmp_path: Path) -> None:
    Image.new("RGB", (30, 30), "red").save(tmp_path / "a.png")
    wish = wish_of({"text": Sentence()}, image=tmp_path / "a.png", spaces={Sentence.space})
    assert np.allclose(wish.points[Sentence.space]["image"], Conse().encode([tmp_path / "a.png"]).values[0], atol=1e-6)
    with pytest.raises(UserError, match="missing"):
        wish_of({"text": Sentence()}, image=tmp_path / "nowhere.png", spaces={Sentence.space})


@pytest.fixture(scope="module")
def opened(small_shop: Path, own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the default senses on the demo shop."""
    out = tmp_path_factory.mktemp("joint") / "run"
    settings = ["tune.trials=1", "report.resamples=100"]
    run_experiment(small_shop, out, settings=settings, split="random", baselines=False, budget=1)
    return Run.open(out)


def test_words_in_two_languages_find_drawn_mugs_by_their_pictures_alone(opened: Run) -> None:
    kinds = dict(zip(opened.served.items, opened.served.cards.categories, strict=True))
    chance = np.mean(["Mugs" in kind for kind in kinds.values()])
    for asked in ("a mug", "马克杯"):
        found = opened.search(text=asked, k=10, by="image")
        assert list(found.columns) == ["rank", "item_id", "title", "score", "by image"]
        assert np.mean(["Mugs" in kinds[item] for item in found["item_id"]]) > 3 * chance


def test_a_search_across_senses_averages_them_and_says_which_spoke(opened: Run) -> None:
    item, title = opened.served.items[3], opened.served.cards.titles[3]
    found = opened.search(text=title, k=5)
    assert found["item_id"][0] == item and {"by text", "by words", "by image"} <= set(found.columns)
    senses = found.filter(like="by ")
    assert np.allclose(found["score"], senses.fillna(0).mean(axis=1), atol=1e-5)


def test_a_picture_finds_its_own_item_first_and_texts_hear_it_too(opened: Run, small_shop: Path) -> None:
    path = opened.served.cards.images[3]
    found = opened.search(image=small_shop / path, k=3, by="image")
    assert found["item_id"][0] == opened.served.items[3]
    assert {"by text", "by image"} <= set(opened.search(image=small_shop / path, k=3).columns)
    assert len(opened.recommend(image=small_shop / path, k=3)) == 3


def test_what_cannot_be_searched_is_told(opened: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Nothing was asked"):
        opened.search()
    with pytest.raises(UnknownName, match="Did you mean 'image'"):
        opened.search(text="a mug", by="imge")
    with pytest.raises(UserError, match="cannot be compared with attributes"):
        opened.search(text="a mug", by="attributes")
    with pytest.raises(UserError, match="k is 0"):
        opened.search(text="a mug", k=0)
    with pytest.raises(UserError, match="missing"):
        opened.search(image=tmp_path / "nowhere.png")
