"""Parts are found by their file, listed without import, bound with all mistakes told, and refused with a spelling."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from annotated_types import Gt

from gobelin import parts
from gobelin.errors import MissingExtra, RecipeError, UnknownName
from gobelin.parts import Grid, Knob


@dataclass(kw_only=True)
class Sample:
    """A sample part."""

    rate: Annotated[float, Gt(0), Grid(1, 2, 3)] = 2
    weight: Annotated[Mapping[str, float], Grid(0, 1), "ignored"] = field(default_factory=dict)
    late: Annotated[int, Grid(5, 6, stage="cold")] = 5
    plain: str = "x"
    _fitted: object = field(default=None, init=False)


def test_every_file_of_a_kind_is_a_part_with_a_summary_and_settings() -> None:
    for kind in parts.KINDS:
        for part in parts.named(kind):
            assert part.summary, f"{kind}.{part.name} has no first line"
            assert part.load().__name__ == part.class_name
    assert "regularisation" in parts.find("models", "weave").settings


def test_listing_imports_no_part() -> None:
    code = (
        "import sys; from gobelin import parts; parts.named('models'); parts.named('encoders');"
        "print([m for m in sys.modules if m.startswith(('gobelin.models.', 'gobelin.encoders.', 'onnx', 'sklearn'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "onnxruntime"}
    code = f"import sys, gobelin; print(sorted({{m.split('.')[0] for m in sys.modules}} & {heavy}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_wrong_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'weave'"):
        parts.find("models", "weawe")
    with pytest.raises(UnknownName, match="Did you mean 'models'"):
        parts.named("model")


def test_all_mistakes_of_a_binding_are_told_together() -> None:
    with pytest.raises(RecipeError) as told:
        parts.make(Sample, {"rat": 3, "rate": -1, "late": "often"}, where="sample")
    message = str(told.value)
    assert "Did you mean 'rate'" in message
    assert "greater than 0" in message
    assert "sample.late = 'often'" in message


def test_settings_are_checked_and_come_back_resolved() -> None:
    made = parts.make(Sample, {"rate": 3, "weight": {"text": 1}}, where="sample")
    assert parts.settings_of(made) == {"rate": 3.0, "weight": {"text": 1.0}, "late": 5, "plain": "x"}


def test_knobs_come_in_the_order_of_the_class_one_for_each_sense() -> None:
    assert parts.knobs(Sample, ["text", "image"]) == [
        Knob("rate", (1, 2, 3)),
        Knob("weight", (0, 1), "text"),
        Knob("weight", (0, 1), "image"),
        Knob("late", (5, 6), None, "cold"),
    ]


def test_a_package_that_declares_itself_brings_its_parts(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "outsiders" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "coin_toss.py").write_text('class CoinToss:\n    """Heads or tails."""\n    bias: float = 0.5\n')
    (folder / "_private.py").write_text("class Private: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry = type("Entry", (), {"value": "outsiders"})
    monkeypatch.setattr(parts.importlib.metadata, "entry_points", lambda group: [entry])
    parts.catalogue.cache_clear()
    try:
        part = parts.find("models", "coin_toss")
        assert (part.summary, dict(part.settings)) == ("Heads or tails.", {"bias": "float = 0.5"})
        assert part.load().__name__ == "CoinToss"
        assert ("models", "_private") not in parts.catalogue()
    finally:
        parts.catalogue.cache_clear()


def test_a_part_whose_extra_is_absent_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parts.EXTRAS, "media", ("no_such_package_of_sound",))
    with pytest.raises(MissingExtra, match="no_such_package_of_sound") as wrong:
        parts.need("media", "The part 'spectral'")
    assert wrong.value.next_step == "pip install 'gobelin[media]'" and wrong.value.status == 501


def test_a_part_says_every_extra_that_it_needs_and_is_refused_for_all_of_them_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert parts.find("encoders", "hf_audio").needs == ("deep", "media")
    assert parts.find("encoders", "spectral").needs == ("media",)
    assert parts.find("encoders", "sentence").needs == ()
    monkeypatch.setitem(parts.EXTRAS, "deep", ("no_such_package_of_depth",))
    monkeypatch.setitem(parts.EXTRAS, "media", ("no_such_package_of_sound",))
    with pytest.raises(MissingExtra, match="no_such_package_of_depth and no_such_package_of_sound") as wrong:
        parts.check_extra("encoders", "hf_audio")
    assert wrong.value.next_step == "pip install 'gobelin[deep,media]'"
    monkeypatch.setitem(parts.EXTRAS, "deep", ("json",))
    with pytest.raises(MissingExtra, match="no_such_package_of_sound, which is not") as wrong:
        parts.check_extra("encoders", "hf_audio")
    assert wrong.value.next_step == "pip install 'gobelin[media]'"


def test_without_torch_every_part_that_does_not_ask_for_it_loads_and_the_others_are_refused() -> None:
    code = """
import sys
HIDDEN = ("torch", "transformers")
class Hides:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hides())
import importlib.util
from gobelin import parts
from gobelin.errors import MissingExtra
parts.importlib.util.find_spec = lambda name, find=importlib.util.find_spec: None if name in HIDDEN else find(name)
refused = []
for (kind, name), part in parts.catalogue().items():
    try:
        part.load()
    except MissingExtra as wrong:
        assert "deep" in part.needs and "gobelin[" in wrong.next_step, (kind, name)
        refused.append(name)
print(len(refused))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) >= 2
