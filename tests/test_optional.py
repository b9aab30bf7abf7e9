"""A sense that a recipe may go without: what is not installed, at any depth, costs the sense and is told."""

from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("av", reason="clips need the extra 'media'")

from clips import disc, film
from gobelin import parts
from gobelin.data.dataset import Dataset
from gobelin.encoding import encode, unread
from gobelin.errors import MissingExtra
from gobelin.recipe import Recipe

INSIDE = {
    "weights": {"part": "soundtrack", "audio": "yamnet"},
    "extra": {"part": "frames", "image": "hf_image", "settings": {"model": "nobody/nothing"}},
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Three items, two of them with a clip, on a machine without packaged weights and without torch."""
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(parts.EXTRAS, "deep", ("no_such_package_of_depth",))
    film(tmp_path / "a.mkv", [disc(40 + i, 40) for i in range(6)], tone=440)
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "title": ["red coat", "red hat", "blue coat"],
                          "video": ["a.mkv", "a.mkv", None]})  # fmt: skip
    return Dataset.from_frames(items, root=tmp_path)


def recipe(inside: str, optional: bool) -> Recipe:
    video = INSIDE[inside] | {"optional": optional}
    return Recipe.model_validate(
        {"encoders": {"words": {"part": "words"}, "video": video}, "model": {"part": "popularity"}}
    )


@pytest.mark.parametrize(("inside", "lacks"), [("weights", "yamnet"), ("extra", "no_such_package_of_depth")])
def test_what_an_encoder_inside_an_optional_one_lacks_costs_the_sense(shop: Dataset, inside: str, lacks: str) -> None:
    woven = encode(shop, recipe(inside, optional=True))
    assert set(woven.table) == {"words"} and set(woven.encoders) == {"words"}
    assert woven.reports["video"]["absent"]["not given"] == 1
    told = [line for line in unread(woven.reports) if lacks in line["message"]]
    assert [line["count"] for line in told] == [2]


@pytest.mark.parametrize(("inside", "lacks"), [("weights", "yamnet"), ("extra", "no_such_package_of_depth")])
def test_the_same_is_an_error_where_the_recipe_insists(shop: Dataset, inside: str, lacks: str) -> None:
    with pytest.raises(MissingExtra, match=lacks):
        encode(shop, recipe(inside, optional=False))
