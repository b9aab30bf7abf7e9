"""Predictions: targets, folds, three levels, figures, calibration, shares, and the whole of `gobelin predict`."""

import csv
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from gobelin import parts, store
from gobelin.cli.app import app
from gobelin.errors import DatasetError, SplitError, UnknownName, UserError
from gobelin.tasks import figures, folds, targets
from gobelin.tasks.calibration import Calibration, coverage
from gobelin.tasks.competing import Effort
from gobelin.tasks.decisions import decided, learned_weights
from gobelin.tasks.judging import Answers, Judge
from gobelin.tasks.levels import Fused, OneSense, restored
from gobelin.tasks.line_up import check, line_up
from gobelin.tasks.prediction import Lists, Plan, predict
from gobelin.tasks.records import Reading, read
from gobelin.tasks.saved import load, predict_new
from gobelin.tasks.shares import shares
from gobelin.tasks.targets import Wanted, give_aways, read_target
from gobelin.values import Features, FeatureTable, Target, Vocabulary

RNG = np.random.default_rng
STAND_IN = '''
from dataclasses import dataclass, field
import numpy as np
from gobelin.values import Features

@dataclass(kw_only=True)
class SideBySide:
    """The senses side by side."""
    def fit(self, table, learn, target, rng):
        self.dims = {name: table[name].dim for name in sorted(table)}
        return self
    def fuse(self, table):
        out = np.zeros((len(table.ids), sum(self.dims.values())), dtype=np.float32)
        start = 0
        for name, dim in self.dims.items():
            if name in table:
                rows = np.flatnonzero(table[name].present)
                block = table[name].values[rows]
                out[rows, start : start + dim] = block.toarray() if table[name].sparse else block
            start += dim
        return Features("fused", "fused", table.ids, out, ~table.bare())
    def state(self):
        return {"dims": self.dims}
    @classmethod
    def from_state(cls, state):
        part = cls()
        part.dims = dict(state["dims"])
        return part
'''


@pytest.fixture(scope="module")
def fusion(tmp_path_factory: pytest.TempPathFactory):
    """A fusion of a plugin: `side_by_side`."""
    root = tmp_path_factory.mktemp("plugin")
    (root / "plugin_of_fusion" / "fusion").mkdir(parents=True)
    (root / "plugin_of_fusion" / "__init__.py").write_text("")
    (root / "plugin_of_fusion" / "fusion" / "__init__.py").write_text("")
    (root / "plugin_of_fusion" / "fusion" / "side_by_side.py").write_text(STAND_IN)
    entry = importlib.metadata.EntryPoint("mine", "plugin_of_fusion", "gobelin.parts")
    plain = importlib.metadata.entry_points

    def also(**asked):
        return [*plain(**asked), entry] if asked == {"group": "gobelin.parts"} else plain(**asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        patch.setattr(importlib.metadata, "entry_points", also)
        parts.catalogue.cache_clear()
        yield "side_by_side"
    parts.catalogue.cache_clear()
    sys.modules.pop("plugin_of_fusion", None)


def table(rows: int = 90, seed: int = 0) -> tuple[FeatureTable, Target]:
    """Four classes: `left` tells one bit, `right` the other; every ninth row lacks left, every seventh right."""
    rng = RNG(seed)
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    ids = Vocabulary(f"r{row}" for row in range(rows))
    senses = {}
    for name, bit, gap in (("left", a, 9), ("right", b, 7)):
        values = rng.normal(0, 0.6, (rows, 4)).astype(np.float32)
        values[:, 0] += 2 * bit - 1
        present = np.arange(rows) % gap != 0
        values[~present] = 99  # must not be read
        senses[name] = Features(name, "own vectors", ids, values, present)
    return FeatureTable(ids, senses), Target.classes("bits", [f"{x}{y}" for x, y in zip(a, b, strict=True)])


def halves(rows: int) -> tuple[np.ndarray, np.ndarray]:
    learn = np.arange(rows) % 3 != 0
    return learn, np.flatnonzero(~learn)


# --- targets ---------------------------------------------------------------------------------------------------------


def test_the_kind_of_a_target_follows_from_its_cells() -> None:
    assert read_target(["a", None, "b", "a"], Wanted("x")).told == "class"
    assert read_target(["0", "1", "0"], Wanted("x")).told == "class"  # few whole numbers
    assert read_target(["0.5", "1", "7"], Wanted("x")).told == "numbers"
    assert read_target(["a|b", "b", None, "c"], Wanted("x")).told == "labels"
    labels = read_target(["a|b", "b", None, "c"], Wanted("x"))
    assert labels.names == ("a", "b", "c") and labels.values[0].tolist() == [1, 1, 0] and not labels.known[2]


def test_one_class_stands_against_the_rest_and_named_cells_are_no_answer() -> None:
    target = read_target(["COVID", "todo", "flu", None, "COVID|flu"], Wanted("x", positive="COVID", unknown=("todo",)))
    assert target.names == ("not COVID", "COVID")
    assert target.codes().tolist() == [1, -1, 0, -1, 1]


@pytest.mark.parametrize(
    ("cells", "wanted", "says"),
    [
        ([None, "nan"], Wanted("x"), "of no row"),
        (["a", "a", None], Wanted("x"), "Every row"),
        (["a", "b", "c"], Wanted("x"), "3 classes in 3 rows"),
        (["1.5", "many", "3"], Wanted("x", "numbers"), "no finite number"),
        (["1.5", "inf", "3"], Wanted("x", "numbers"), "no finite number"),
        (["2", "2"], Wanted("x", "numbers"), "Every row"),
        (["a", "b"], Wanted("x", positive="c"), "No row"),
        (["a|b", "a|b"], Wanted("x"), "Every row"),
    ],
)
def test_a_target_that_tells_nothing_is_one_clear_error(cells, wanted, says) -> None:
    with pytest.raises(DatasetError, match=says):
        read_target(cells, wanted)


def test_a_column_that_gives_the_target_away_is_warned_of_and_no_other() -> None:
    rng = RNG(0)
    said = ["ill" if one else "well" for one in rng.integers(0, 2, 60)]
    target = Target.classes("finding", said)
    columns = {
        "code": ["1" if one == "ill" else "2" for one in said],
        "id": [str(row) for row in range(60)],
        "noise": [str(one) for one in rng.integers(0, 2, 60)],
        "pairs": [str(row // 2) for row in rng.permutation(60)],
    }
    notes = give_aways(target, columns)
    assert [note.code for note in notes] == ["gives-away"] and "'code'" in notes[0].message
    twins = Target.classes("finding", [one for one in said for _ in (0, 1)])
    assert targets.told_by(twins, [str(row // 2) for row in range(120)])[0] == 0  # variants share their text
    numbers = Target("n", "numbers", ("n",), rng.normal(size=(60, 1)).astype(np.float32), np.ones(60, dtype=bool))
    rounded = [f"{x:.2f}"[:4] for x in np.repeat(numbers.values[:10, 0], 6)]
    doubled = Target("n", "numbers", ("n",), np.repeat(numbers.values[:10], 6, axis=0), np.ones(60, dtype=bool))
    assert targets.told_by(doubled, rounded)[0] > 0.98


# --- folds -----------------------------------------------------------------------------------------------------------


def test_groups_are_never_parted_and_every_row_is_judged_once_a_repeat() -> None:
    _, target = table()
    groups = np.arange(90) // 3
    plan, _ = folds.plan(target, folds=4, repeats=2, seed=0, groups=groups)
    assert len(plan) == 8
    for repeat in (0, 1):
        judged = np.concatenate([fold.judge for fold in plan if fold.repeat == repeat])
        assert sorted(judged.tolist()) == list(range(90))
    for fold in plan:
        assert not set(groups[fold.learn]) & set(groups[fold.judge])
        assert len(set(target.codes()[fold.judge])) == 4  # every class in every fold
    assert [f.judge.tolist() for f in plan[:4]] != [f.judge.tolist() for f in plan[4:]]


def test_in_time_everything_learned_comes_before_everything_judged() -> None:
    _, target = table()
    times = RNG(0).integers(0, 30, 90).astype(float)
    plan, _ = folds.plan(target, folds=5, repeats=1, seed=0, times=times)
    assert len(plan) == 4
    assert all(times[fold.learn].max() < times[fold.judge].min() for fold in plan)
    with pytest.raises(SplitError, match="by time"):
        folds.plan(target, folds=5, repeats=1, seed=0, times=np.zeros(90))


def test_a_given_split_is_kept_and_one_without_test_rows_is_refused() -> None:
    _, target = table()
    plan, _ = folds.plan(target, folds=5, repeats=1, seed=0, given=["test"] * 20 + ["dev"] * 69 + [None])
    assert plan[0].judge.tolist() == list(range(20))
    with pytest.raises(SplitError, match="0 rows are 'test'"):
        folds.plan(target, folds=5, repeats=1, seed=0, given=["dev"] * 90)


def test_too_few_groups_are_an_error_and_thin_classes_are_counted() -> None:
    _, target = table()
    with pytest.raises(SplitError, match="3 groups cannot be dealt to 5 folds"):
        folds.plan(target, folds=5, repeats=1, seed=0, groups=np.arange(90) // 30)
    rare = Target.classes("x", ["a"] * 40 + ["b"] * 48 + ["once", "twice"])
    _, notes = folds.plan(rare, folds=5, repeats=1, seed=0, groups=np.arange(90) // 2)
    assert {note.code: note.count for note in notes} == {"thin-class": 2, "one-group": 2}


# --- levels ----------------------------------------------------------------------------------------------------------


def test_both_senses_together_beat_either_at_the_feature_and_at_the_decision_level(fusion: str) -> None:
    senses, target = table(300)
    learn, judged = halves(300)

    def right(said: np.ndarray) -> float:
        return float((said[judged].argmax(axis=1) == target.codes()[judged]).mean())

    spec = {"part": "logistic"}
    members = {name: OneSense(name, spec).fit(senses, learn, target, RNG(0)) for name in senses}
    alone = max(right(one.predict(senses)) for one in members.values())
    fused = Fused({"part": fusion}, spec).fit(senses, learn, target, RNG(0))
    assert right(fused.predict(senses)) > alone + 0.2
    said = np.stack([one.predict(senses) for one in members.values()])
    there = np.stack([senses[name].present for name in members])
    for rule, gain in (("mean", 0.1), ("soft_vote", 0.1), ("stacking", 0.2)):
        weights = learned_weights(rule, said[:, learn], target.take(np.flatnonzero(learn)))
        assert right(decided(rule, "class", said, there, weights, members["left"]._prior)) > alone + gain, rule


def test_a_row_is_told_by_the_senses_that_it_has_and_by_the_prior_without_any() -> None:
    said = np.array([[[0.9, 0.1]] * 3, [[0.2, 0.8]] * 3], dtype=np.float32)
    there = np.array([[True, True, False], [True, False, False]])
    prior = np.array([0.6, 0.4], dtype=np.float32)
    out = decided("mean", "class", said, there, np.zeros(0), prior)
    assert np.allclose(out[:, 0], [0.55, 0.9, 0.6])
    out = decided("weighted", "class", said, there, np.array([0.75, 0.25]), prior)
    assert np.allclose(out[:, 0], [0.75 * 0.9 + 0.25 * 0.2, 0.9, 0.6])
    assert np.allclose(decided("hard_vote", "class", said, there, np.zeros(0), prior)[:, 0], [0.5, 1, 0.6])
    soft = 0.5 * (0.81 / 0.82 + 0.04 / 0.68)
    assert np.allclose(decided("soft_vote", "class", said, there, np.zeros(0), prior)[0, 0], soft)


def test_learned_weights_pass_over_a_member_that_says_nothing() -> None:
    rng = RNG(0)
    for told in ("class", "labels", "numbers"):
        truth = rng.integers(0, 2, (200, 1)).astype(np.float32)
        values = np.concatenate([1 - truth, truth], axis=1) if told == "class" else truth
        names = ("no", "yes")[: values.shape[1]]
        target = Target("x", told, names, values, np.ones(200, dtype=bool))
        good = np.clip(values * 0.6 + 0.2 + rng.normal(0, 0.1, values.shape), 0.01, 0.99)
        noise = rng.uniform(0.3, 0.7, values.shape)
        for rule in ("weighted", "stacking"):
            weights = learned_weights(rule, np.stack([good, noise]).astype(np.float32), target)
            assert weights[0] > 4 * weights[1] >= 0, (told, rule)


def test_every_level_comes_back_from_its_state_and_takes_a_table_without_senses(fusion: str, tmp_path: Path) -> None:
    senses, target = table()
    learn, _ = halves(90)
    for made in (OneSense("left", {"part": "tree"}), Fused({"part": fusion}, {"part": "logistic"})):
        made.fit(senses, learn, target, RNG(0))
        store.save_state(tmp_path / "state", made.state())
        again = restored(store.load_state(tmp_path / "state"))
        for some in (senses, senses.only("right"), senses.only()):
            assert np.array_equal(made.predict(some), again.predict(some))
        assert np.allclose(again.predict(senses.only()), target.values[learn].mean(axis=0))


def test_names_that_do_not_compete_are_refused_with_the_nearest(fusion: str) -> None:
    senses, _ = table()
    with pytest.raises(UnknownName, match="stacking"):
        check("class", ("logistic",), ("stackin",))
    with pytest.raises(UserError, match="cannot tell numbers"):
        check("numbers", ("logistic",), ("mean",))
    names = [one.name for one in line_up(senses, "class", ("tree",), (fusion, "mean"))]
    assert names == ["prior", "majority", "left: tree", "right: tree", f"{fusion}: tree", "mean: tree"]


# --- figures ---------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_scikit_learn_with_the_rows_drawn_as_weights() -> None:
    rng = RNG(0)
    _, target = table(80)
    y, codes = target.values.astype(float), target.codes()
    p = rng.dirichlet(np.ones(4), 80).round(1) + 1e-3  # ties
    p /= p.sum(axis=1, keepdims=True)
    w = rng.integers(0, 3, (2, 80)).astype(float)
    found = {name: figure(p, y, w) for name, figure in figures.figures(target).items()}
    best = p.argmax(axis=1)
    for draw in range(2):
        own = w[draw]
        auc = [metrics.roc_auc_score(y[:, c], p[:, c], sample_weight=own) for c in range(4)]
        precision = [metrics.average_precision_score(y[:, c], p[:, c], sample_weight=own) for c in range(4)]
        expected = {
            "roc_auc": np.mean(auc),
            "pr_auc": np.mean(precision),
            "accuracy": metrics.accuracy_score(codes, best, sample_weight=own),
            "balanced_accuracy": metrics.balanced_accuracy_score(codes, best, sample_weight=own),
            "f1_macro": metrics.f1_score(codes, best, average="macro", sample_weight=own),
            "precision_macro": metrics.precision_score(
                codes, best, average="macro", sample_weight=own, zero_division=0
            ),
            "log_loss": metrics.log_loss(codes, p, sample_weight=own),
        }
        for name, value in expected.items():
            assert found[name][draw] == pytest.approx(value, abs=1e-9), name


def test_figures_of_labels_and_numbers_are_hand_fractions() -> None:
    y = np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 1]], dtype=np.float32)
    p = np.array([[0.9, 0.1, 0.8, 0.7, 0.6, 0.5, 0.4], [0.1, 0.2, 0.9, 0.3, 0.4, 0.5, 0.8]])
    target = Target("x", "labels", tuple("abcdefg"), y, np.ones(2, dtype=bool))
    one = np.ones((1, 2))
    found = {name: float(figure(p, y, one)[0]) for name, figure in figures.figures(target).items()}
    assert found["recall@5"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["f1_micro@2"] == pytest.approx(2 * 3 / (4 + 4))
    assert found["jaccard@2"] == pytest.approx((1 / 3 + 1) / 2)
    numbers = Target("n", "numbers", ("n",), np.array([[1], [3]], dtype=np.float32), np.ones(2, dtype=bool))
    told = {n: float(f(np.array([[2.0], [3.0]]), numbers.values, one)[0]) for n, f in figures.figures(numbers).items()}
    assert told == pytest.approx({"r2": 0.5, "mae": 0.5, "rmse": 0.5**0.5, "mse": 0.5})


def test_an_interval_is_wider_where_rows_come_in_groups() -> None:
    rng = RNG(0)
    truth = np.repeat(rng.integers(0, 2, 30), 10)
    sure = np.repeat(rng.uniform(0, 1, 30), 10)
    target = Target.classes("x", [str(one) for one in truth])
    answers = Answers((np.arange(300),), (np.stack([1 - sure, sure], axis=1),))

    def width(groups: np.ndarray) -> float:
        judge = Judge(target, groups, resamples=200)
        told = judge.summary(judge.samples(answers, ["accuracy"]))["accuracy"]
        return told["high"] - told["low"]

    assert width(np.arange(300) // 10) > 2 * width(np.arange(300))


def test_calibration_tempers_what_is_too_sure_and_abstention_lowers_the_risk() -> None:
    rng = RNG(0)
    honest = rng.beta(2, 2, 600)
    truth = rng.random(600) < honest
    target = Target.classes("x", ["yes" if one else "no" for one in truth], ("no", "yes"))
    odds = 3 * np.log(honest / (1 - honest))  # three times too sure
    said = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=1).astype(np.float32)
    half = np.arange(600) < 300
    found = Calibration.fit(said, target, half)
    assert found.slope == pytest.approx(1 / 3, abs=0.1)
    rest = np.flatnonzero(~half)
    gap = figures.calibration_error
    one = np.ones((1, 300))
    before, after = (gap(p[rest].astype(float), target.values[rest], one)[0] for p in (said, found.apply(said)))
    assert after < before / 2
    curve = coverage(Answers((rest,), (found.apply(said)[rest],)), Judge(target, np.arange(600), resamples=50))
    assert curve[0]["risk"] < curve[-1]["risk"] and curve[-1]["coverage"] == 1
    assert Calibration.from_state(found.state()) == found


def test_shares_sum_to_the_prediction_and_an_absent_sense_has_none(fusion: str) -> None:
    senses, target = table()
    learn, _ = halves(90)
    fitted = Fused({"part": fusion}, {"part": "forest", "trees": 10}).fit(senses, learn, target, RNG(0))
    found, empty = shares(fitted, senses, ("left", "right"))
    assert np.allclose(found.sum(axis=0) + empty, fitted.predict(senses), atol=1e-5)
    absent = ~senses["left"].present
    present_only = senses["right"].present & absent
    assert np.allclose(found[0][present_only], 0, atol=1e-6) and np.abs(found[1][present_only]).max() > 0.1


# --- the whole -------------------------------------------------------------------------------------------------------


def write_records(folder: Path, rows: int = 96, seed: int = 0) -> Path:
    """Notes tell one half of a finding, a column the other; patients have two rows each; every tenth row lacks its
    note, every eighth its finding."""
    rng = RNG(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "records.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["record_id", "patient", "note", "place", "age", "finding", "code", "split"])
        for row in range(rows):
            a, b = rng.integers(0, 2, 2)
            note = "" if row % 10 == 3 else ("fever and cough" if a else "rested and calm") + f" word{row % 5}"
            finding = "" if row % 8 == 7 else ("ill" if a + b == 2 else "well" if a + b == 0 else "watch")
            age = int(rng.integers(20, 90))
            split = "test" if row % 4 == 0 else "dev"
            out.writerow([f"0{row:03}", f"p{row // 2}", note, "ward" if b else "home", age, finding, finding, split])
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, fusion: str):
    """(the folder of records, that of the prediction, the report)."""
    folder = tmp_path_factory.mktemp("predict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOBELIN_CACHE", str(folder / "cache"))
        records = write_records(folder / "notes")
        report = predict(
            records,
            Wanted("finding"),
            folder / "run",
            reading=Reading(text=("note",), features=("words", "attributes"), ignore=("split",)),
            plan=Plan(group_by="patient", folds=3),
            lists=Lists(("logistic",), (fusion, "stacking"), settings=("encoders.attributes.min_count=1",)),
            effort=Effort(trials=2, seconds=20),
        )
        yield records, folder / "run", report


def test_a_prediction_says_what_was_left_out_and_what_gives_the_target_away(done) -> None:
    _, run, report = done
    told = {note["code"]: note for note in report["notes"]}
    assert told["no-target"]["count"] == 12 and report["rows"] == 84
    assert "'code'" in told["gives-away"]["message"]
    assert json.loads((run / "predict.json").read_text(encoding="utf-8"))["chosen"] == report["chosen"]
    page = (run / "predict.html").read_text(encoding="utf-8")
    assert report["chosen"] in page and "<script" not in page
    assert {"reliability", "coverage", "calibrated", "shares"} <= set(report)


def test_contenders_stand_beside_baselines_with_intervals_and_paired_differences(done, fusion: str) -> None:
    _, _, report = done
    assert list(report["contenders"]) == [
        "prior", "majority", "words: logistic", "attributes: logistic", f"{fusion}: logistic", "stacking: logistic",
    ]  # fmt: skip
    for one in report["contenders"].values():
        honest = {k: m for k, m in one["metrics"].items() if k != "calibration_error"}  # draws only ever add to that
        assert all(m["low"] - 1e-9 <= m["value"] <= m["high"] + 1e-9 for m in honest.values())
        assert all(trials <= 2 * max(len(one["senses"]), 1) for trials in one["trials"])
    assert {row["metric"] for row in report["comparisons"]} == {"roc_auc", "loss"}
    value = {name: one["metrics"]["accuracy"]["value"] for name, one in report["contenders"].items()}
    assert value[report["chosen"]] > value["majority"]


def test_the_table_of_predictions_has_each_judged_row_once_with_shares(done) -> None:
    _, run, report = done
    rows = pq.read_table(run / "predictions.parquet").to_pandas()
    assert len(rows) == 84 and rows["item_id"].is_unique and rows["item_id"].str.startswith("0").all()
    probabilities = rows[[f"p:{name}" for name in report["outputs"]]].sum(axis=1)
    assert np.allclose(probabilities, 1, atol=1e-4)
    assert any(column.startswith("share:") for column in rows)


def test_a_saved_model_tells_new_records_that_lack_columns(done, tmp_path: Path) -> None:
    records, run, report = done
    rows = predict_new(run, records)
    assert len(rows) == 96 and set(rows[0]) == {"item_id", "told", "sure", *(f"p:{n}" for n in report["outputs"])}
    assert load(run).kept_back == {"finding": "the target", "patient": "the group"}
    (tmp_path / "records.csv").write_text("record_id,note,place\n7,fever and cough word1,ward\n8,,\n", encoding="utf-8")
    fresh = predict_new(run, tmp_path)
    assert [row["item_id"] for row in fresh] == ["7", "8"]
    with pytest.raises(UserError, match="is no prediction folder"):
        predict_new(tmp_path, records)


def test_what_learns_words_never_saw_the_rows_that_are_judged(done) -> None:
    from gobelin.data.dataset import Dataset
    from gobelin.recipe import load as load_recipe
    from gobelin.tasks.records import narrowed
    from gobelin.tasks.weaving import Weaving

    records, _, _ = done
    how = Reading(text=("note",), features=("words",))
    kept, recipe = narrowed(read(records, how), load_recipe(), how, {"finding": "the target"})
    assert isinstance(kept.data, Dataset) and "finding" not in kept.data.catalogue.columns
    woven = Weaving.of(kept.data, recipe, 1)
    few = woven.at(np.flatnonzero([bool(n and "word0" in n) for n in kept.columns["note"]]))
    assert set(few.encoders["words"].names()) == {"fever", "and", "cough", "rested", "calm", "word0"}
    assert len(few.table.ids) == 96


@pytest.mark.parametrize(
    ("how", "kept_back", "kind", "says"),
    [
        (Reading(features=("finding", "place")), {"finding": "the target"}, UserError, "which is the target"),
        (Reading(features=("plac",)), {}, UnknownName, "Did you mean 'place'"),
        (Reading(ignore=("agee",)), {}, UnknownName, "Did you mean 'age'"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(how, kept_back, kind, says, tmp_path: Path) -> None:
    from gobelin.recipe import load as load_recipe
    from gobelin.tasks.records import narrowed

    with pytest.raises(kind, match=says):
        narrowed(read(write_records(tmp_path), how), load_recipe(), how, kept_back)


def test_a_folder_without_a_table_and_a_column_that_is_not_there_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"neither items\.csv nor records\.csv"):
        read(tmp_path, Reading())
    folder = write_records(tmp_path / "notes")
    with pytest.raises(UnknownName, match="Did you mean 'finding'"):
        read(folder, Reading()).column("findin")
    with pytest.raises(DatasetError, match="no column 'notes'"):
        read(folder, Reading(text=("notes",)))
    with pytest.raises(DatasetError, match="more than once"):
        read(folder, Reading(id="patient"))


def test_constant_features_and_a_given_split_from_the_command_line(done, tmp_path: Path, capsys) -> None:
    records, _, _ = done
    words = [
        "predict", str(records), "--target", "finding", "--split", "split", "--features", "attributes",
        "--ignore", "code,place,note", "--set", "encoders.attributes.categorical=['age']", "--set",
        "encoders.attributes.min_count=50", "--estimators", "tree", "--fusions", "mean", "--trials", "1", "--json",
        "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    with pytest.raises(DatasetError, match="No sense finds anything"):
        app(words, standalone_mode=False)
    words[words.index("encoders.attributes.min_count=50")] = "encoders.attributes.min_count=2"
    app(words, standalone_mode=False)
    report = json.loads(capsys.readouterr().out)
    assert report["judged"] == len([n for n in range(96) if n % 4 == 0 and n % 8 != 7])
    assert report["chosen"] == "attributes: tree"
    with pytest.raises(UserError, match="was not told what to tell"):
        app(["predict", str(records), "--out", str(tmp_path / "x")], standalone_mode=False)
