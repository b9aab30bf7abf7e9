"""The search by Optuna: the best of a known function, the same again, and trainings cut short as hopeless."""

import json
from pathlib import Path
from typing import Any

import pytest

import gobelin as gb
from gobelin import parts, recipe
from gobelin.contest import contenders, methods
from gobelin.contest.bench import Bench
from gobelin.contest.contenders import Contender
from gobelin.contest.tuning import Outcome, Settings
from gobelin.errors import MissingExtra
from gobelin.parts import Knob
from gobelin.recipe import TuneSpec
from test_ensemble_models import small_bench
from test_tuning import KNOBS, START, bowl

pytest.importorskip("optuna")


def search(judge: Any, start: Settings, knobs: list[Knob], trials: int, seconds: float = 60, **more: Any) -> Outcome:
    return methods.search("optuna", judge, start, knobs, trials=trials, seconds=seconds, **more)


def flat_bowl(settings: Settings, tell: Any) -> float:
    return bowl(settings)


def test_it_finds_the_best_of_a_known_function_and_begins_with_the_defaults() -> None:
    found = search(flat_bowl, START, KNOBS, 120)
    assert found.trials[0].settings == START
    assert found.best.settings == {"a": 7, "b": 2, "weight": {"text": 4}, "other": "kept"}


def test_a_word_and_a_number_are_chosen_together() -> None:
    knobs = [Knob("kind", ("cosine", "bm25", "tfidf")), Knob("k", (10, 20, 50, 100, 200))]
    found = search(
        lambda s, tell: (s["kind"] == "bm25") - abs(s["k"] - 100) / 200, {"kind": "cosine", "k": 15}, knobs, 40
    )
    assert found.trials[0].settings == {"kind": "cosine", "k": 15}  # off the grid, as it is
    assert found.best.settings == {"kind": "bm25", "k": 100}


def test_the_same_seed_gives_the_same_trials_and_another_others() -> None:
    one, two, other = (search(flat_bowl, START, KNOBS, 30, seed=seed) for seed in (3, 3, 4))
    assert [t.settings for t in one.trials] == [t.settings for t in two.trials] != [t.settings for t in other.trials]


def test_a_budget_of_trials_or_of_seconds_ends_it_and_a_small_grid_is_settled() -> None:
    assert (len((few := search(flat_bowl, START, KNOBS, 7)).trials), few.ended) == (7, "trials")
    assert (len((late := search(flat_bowl, START, KNOBS, 50, 0)).trials), late.ended) == (1, "seconds")
    whole = search(lambda s, tell: s["x"], {"x": 1}, [Knob("x", (1, 2, 3))], 50)
    assert (len(whole.trials), whole.ended, whole.best.value) == (3, "settled", 3)
    assert search(lambda s, tell: 0.5, {"x": 1}, [], 50).ended == "settled"


def test_the_same_model_is_judged_once() -> None:
    judged: list[int] = []

    def judge(settings: Settings, tell: Any) -> float:
        judged.append(settings["a"] // 2)
        return bowl(settings)

    search(judge, START, KNOBS[:1], 100, key=lambda s: str(s["a"] // 2))
    assert len(judged) == len(set(judged)) == 5


def test_a_setting_of_several_senses_is_moved_for_all_of_them_first() -> None:
    knobs = [Knob("w", (1, 2, 3, 4), sense) for sense in ("text", "image")]
    found = search(
        lambda s, tell: -abs(s["w"]["text"] - 4) - abs(s["w"]["image"] - 3), {"w": {"text": 1, "image": 1}}, knobs, 15
    )
    together = [t.settings["w"] for t in found.trials[:4]]
    assert all(w["text"] == w["image"] for w in together) and len(found.trials) > 4
    assert found.best.settings["w"] == {"text": 4, "image": 3}


def test_a_hopeless_training_is_cut_short_and_never_chosen() -> None:
    """Ten epochs each; a training climbs towards its own height, which is told by the first epochs already."""
    epochs: dict[int, int] = {}

    def judge(settings: Settings, tell: Any) -> float:
        height = settings["x"]
        for epoch in range(1, 11):
            epochs[height] = epoch
            tell(height * epoch / 10)
        return float(height)

    found = search(judge, {"x": 20}, [Knob("x", tuple(range(40)))], 30)
    pruned = [t for t in found.trials if t.pruned]
    assert pruned and all(epochs[t.settings["x"]] < 10 for t in pruned)
    assert all(epochs[t.settings["x"]] == 10 for t in found.trials if not t.pruned)
    assert not found.best.pruned and found.best.value == max(t.value for t in found.trials)


# In the contest


def trained_contender() -> Contender:
    pytest.importorskip("torch")
    settings = {"epochs": 30, "factors": 8, "batch": 64}
    return Contender("BPR", "chosen", "bpr_mf", settings, ())


def test_a_networks_search_prunes_by_what_the_monitor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    contender, bench = trained_contender(), small_bench()
    asked: list[str] = []
    exam = Bench.exam

    def watched(self: Bench, part: Any, *more: Any) -> Any:
        asked.append(part)
        return exam(self, part, *more)

    monkeypatch.setattr(Bench, "exam", watched)
    found = contenders.search(contender, bench, TuneSpec(method="optuna", trials=16, metric="ndcg@5"))
    assert set(asked) == {"validation"}  # no test data is touched
    assert found.trials == len(found.tried) == 16
    assert any(trial.pruned for trial in found.tried)
    assert found.validation == max(trial.value for trial in found.tried if not trial.pruned)
    again = contenders.search(contender, bench, TuneSpec(method="optuna", trials=16, metric="ndcg@5"))
    assert again.settings == found.settings
    assert [trial.settings for trial in again.tried] == [trial.settings for trial in found.tried]


@pytest.mark.parametrize("method", ["walk", "optuna"])
def test_every_trial_is_in_the_run_folder_and_on_the_page(method: str, small_shop: Path, tmp_path: Path) -> None:
    told = {
        "tune.trials": 9, "tune.method": method, "report.people": 0, "report.resamples": 100, "ablations": False,
        "hear": {"searches": 0, "reviews": 0, "traits": 0}, "encoders": {"attributes": {"part": "attributes"}},
        "model": {"part": "blend", "members": {"RP3": {"part": "rp3beta"}, "content": {"part": "content_neighbours"}}},
        "baselines": {"EASE": {"part": "ease"}},
    }  # fmt: skip
    run = gb.run(small_shop, tmp_path / "run", settings=told, split="random", final=False)
    search = json.loads((run.folder / "search.json").read_text())
    assert search["method"] == method
    for name, model in run.report["models"].items():
        assert len(search["models"][name]) == model["trials"] > 1
        best = max(t["value"] for t in search["models"][name] if not t["of"] and not t["pruned"])
        assert best == pytest.approx(next(iter(model["validation"].values())))
    blend = search["models"][run.report["chosen"]]
    assert {t["of"] for t in blend} == {"RP3", "content", ""}
    assert set(search["ratings"]["models"]) >= {"biased_mf"}
    page = (run.folder / "report.html").read_text()
    assert "Trials of EASE" in page and "Trials of biased_mf, predicted ratings" in page


def test_without_optuna_a_recipe_that_asks_for_it_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    find = parts.importlib.util.find_spec
    monkeypatch.setattr(
        parts.importlib.util, "find_spec", lambda name, *m: None if name == "optuna" else find(name, *m)
    )
    with pytest.raises(MissingExtra, match=r"gobelin\[tune\]"):
        recipe.load("weave", ["tune.method=optuna"])
    assert recipe.load("weave").tune.method == "walk"
