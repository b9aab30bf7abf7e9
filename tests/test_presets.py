"""Every preset runs from end to end on a small demo shop: its own split, model and baselines, with cheap encoders."""

from pathlib import Path
from typing import Any

import pytest

import gobelin as gb
from gobelin import parts, recipe
from gobelin.errors import MissingExtra

pytestmark = pytest.mark.usefixtures("own_cache")

CHEAP: dict[str, Any] = {
    "tune.trials": 1,
    "report.people": 0,
    "report.resamples": 100,
    "ablations": False,
    "encoders": {"text": {"part": "words"}, "attributes": {"part": "attributes"}},
}
OWN: dict[str, dict[str, Any]] = {"sequence": {"model.epochs": 1, "model.factors": 16, "model.layers": 1}}


@pytest.mark.parametrize("name", [name for name in recipe.presets() if name not in ("best", "weave")])
def test_a_preset_runs_on_the_demo_shop(name: str, small_shop: Path, tmp_path: Path) -> None:
    try:
        whole = recipe.load(name)
    except MissingExtra as wrong:
        pytest.skip(str(wrong))
    senses = {} if not whole.encoders else CHEAP["encoders"]
    run = gb.run(
        small_shop, tmp_path / "run", recipe=name, settings={**CHEAP, "encoders": senses, **OWN.get(name, {})},
        split=None if whole.split.kind != "auto" else "random",
    )  # fmt: skip
    report = run.report
    assert report["chosen"] == name and not report["left_out"]
    assert {judged["part"] for judged in report["models"].values()} >= {b.part for b in whole.baselines.values()}
    assert set(report["encoders"]) == set(senses)
    assert report["split"]["kind"] == ("random" if whole.split.kind == "auto" else whole.split.kind)
    assert all("recall@20" in judged["metrics"] for judged in report["models"].values())
    assert len(run.recommend(user=run.served.users[0], k=3)) == 3
    assert len(report["ratings"]["models"]) == 5 if name == "ratings" else True


def test_cold_asks_those_alone_who_can_tell_something_of_an_item_without_events() -> None:
    whole = recipe.load("cold")
    assert whole.split.kind == "cold-items"
    for spec in (whole.model, *whole.baselines.values()):
        assert any(knob.sense for knob in parts.knobs(parts.find("models", spec.part).load(), ["text"]))
