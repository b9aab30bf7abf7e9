"""`gobelin fusions`: which cells there are, what each is, and what is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from gobelin import demo
from gobelin.data.dataset import Dataset
from gobelin.errors import RecipeError
from gobelin.fusions import Cell, by_modality, fusions, line_up
from gobelin.models._members import checked, heard
from gobelin.models.rank_fusion import RankFusion
from gobelin.testing import worlds

SMALL = ["split.core=1", 'encoders={words = {part = "words"}, attributes = {part = "attributes"}}']


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fusions") / "shop"
    demo.write(demo.build(items=120, people=100), folder)
    return folder


def test_cells_are_the_log_each_sense_each_pair_and_all() -> None:
    cells = line_up(["text", "image", "audio"], {"weave": "woven", "mean": "decision"})
    assert [cell.name for cell in cells] == [
        "log", "text", "image", "audio",
        "text + image: weave", "text + image: mean", "text + audio: weave", "text + audio: mean",
        "image + audio: weave", "image + audio: mean", "text + image + audio: weave", "text + image + audio: mean",
    ]  # fmt: skip
    assert len(line_up(["text", "image"], {"weave": "woven"})) == 4, "of two senses the pair is all"


def test_every_level_is_judged_and_compared(shop: Path, tmp_path: Path) -> None:
    told = fusions(
        shop, tmp_path / "out", methods=["weave", "concatenation", "mean"], trials=1, split="random", settings=SMALL
    )
    told = json.loads(json.dumps(told))
    assert told == json.loads((tmp_path / "out" / "fusions.json").read_text())
    both = ["text", "attributes"]
    assert [(c["senses"], c["level"]) for c in told["cells"].values()] == [
        ([], "log"), (["text"], "alone"), (["attributes"], "alone"),
        (both, "woven"), (both, "feature"), (both, "decision"),
    ]  # fmt: skip
    values = {name: told["recipes"][name]["mean"]["recall@20"]["value"] for name in told["cells"]}
    assert len(set(values.values())) > 2, "cells are different models"
    rows = {(row["model"], row["against"]) for row in told["comparisons"]}
    woven, fused = "text + attributes: weave", "text + attributes: concatenation"
    assert (fused, woven) in rows and (woven, woven) not in rows
    singles = [against for model, against in rows if model == woven]
    assert len(singles) == 1 and singles[0] in ("text", "attributes")
    page = (tmp_path / "out" / "fusions.html").read_text()
    assert "feature level" in page and "decision level" in page and "the log alone" in page


def test_a_misspelt_sense_or_method_is_told_before_anything_is_judged(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"Methods 'concatenatoin'.*concatenation"):
        fusions(shop, tmp_path / "out", methods=["concatenatoin"])
    with pytest.raises(RecipeError, match="Senses 'picture'"):
        fusions(shop, tmp_path / "out", senses=["picture", "text"])
    with pytest.raises(RecipeError, match="two senses or more"):
        fusions(shop, tmp_path / "out", senses=["text"])
    assert not (tmp_path / "out").exists()


def test_modalities_are_those_of_which_the_catalogue_has_something(shop: Path) -> None:
    from gobelin import recipe

    found = by_modality(recipe.load("weave", []), Dataset.read(shop))
    assert found["text"] == ("text", "words") and set(found) >= {"text", "image", "attributes"}
    assert Cell(("text",), "alone", "weave").name == "text"


def test_a_member_hears_the_senses_that_it_names() -> None:
    train = worlds.two_senses().train
    spec = {"part": "content_neighbours", "senses": ["text.words"]}
    ours = RankFusion(members={"one": spec}).fit(train, np.random.default_rng(0))
    theirs = RankFusion(members={"one": {"part": "content_neighbours"}}).fit(
        train.only("text.words"), np.random.default_rng(0)
    )
    assert np.array_equal(ours.score(train.queries()), theirs.score(train.queries()))
    assert heard({"part": "weave"}, train) is train
    with pytest.raises(RecipeError, match="hears 'image'"):
        checked({"one": {**spec, "senses": "image"}})
