"""Recipes bind before anything runs, tell every mistake, and resolve to the TOML of the run folder."""

import tomllib

import pytest

from gobelin import recipe
from gobelin.errors import RecipeError, UnknownName


@pytest.mark.parametrize("name", recipe.presets())
def test_every_preset_binds_and_its_first_line_is_its_command(name) -> None:
    loaded = recipe.load(name)
    text = (recipe.resources.files("gobelin") / "recipes" / f"{name}.toml").read_text()
    assert text.startswith("# gobelin run DATASET --out RUN")
    assert (f"--recipe {name}" in text.splitlines()[0]) == (name != recipe.DEFAULT)
    assert recipe.summary(name)
    assert loaded.name == name


def test_a_model_is_a_recipe() -> None:
    made = recipe.load("ease", ["model.regularisation=200"])
    assert (made.model.part, made.model.settings) == ("ease", {"regularisation": 200})
    assert made.encoders


def test_overrides_reach_any_depth_and_bare_words_are_text() -> None:
    made = recipe.load("weave", ["tune.trials=7", "model.weight.text=3.5", "encoders.words.part=words"])
    assert made.tune.trials == 7
    assert made.model.settings["weight"] == {"text": 3.5}
    assert made.encoders["words"].part == "words"


def test_a_model_of_hugging_face_is_one_setting() -> None:
    made = recipe.load(
        "weave", ["encoders.image.part=hf:openai/clip-vit-base-patch32", "encoders.text_2.part=hf:./own"]
    )
    assert made.encoders["image"].part == "hf_image"
    assert made.encoders["image"].settings == {"model": "openai/clip-vit-base-patch32"}
    assert (made.encoders["text_2"].part, made.encoders["text_2"].settings) == ("hf_text", {"model": "./own"})
    assert "hf_image" in made.as_toml() and "hf:" not in made.as_toml()
    with pytest.raises(RecipeError, match=r"hf:some/model.*encoders\.words\.part=hf_text"):
        recipe.load("weave", ["encoders.words.part=hf:some/model"])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("tune.trails=7", "Did you mean 'trials'"),
        ("tune.metric=taste@20", "recall@20"),
        ("model.part=weawe", "Did you mean 'weave'"),
        ("tune.trials", "has no '='"),
        ("tune.trials=none", "trials"),
        ("name.x=1", "is a value, not a table"),
    ],
)
def test_mistakes_are_told_with_the_next_step(override, told) -> None:
    with pytest.raises((RecipeError, UnknownName)) as wrong:
        recipe.load("weave", [override])
    assert told in str(wrong.value)
    assert wrong.value.next_step


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'fast'"):
        recipe.load("fats")
    with pytest.raises(RecipeError, match="no recipe file"):
        recipe.load("nowhere.toml")


def test_a_file_is_a_recipe_and_its_toml_comes_back_the_same(tmp_path) -> None:
    made = recipe.load("weave", ["tune.trials=3"])
    path = tmp_path / "mine.toml"
    path.write_text(made.as_toml(), encoding="utf-8")
    again = recipe.load(path)
    assert again == made
    assert tomllib.loads(made.as_toml())["tune"]["trials"] == 3
