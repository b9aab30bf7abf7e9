"""A model that is trained, in a whole run: searched and stopped by validation, told, killed and gone on with."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("torch")

import gobelin as gb
from gobelin import recipe, store
from gobelin.contest import contenders
from gobelin.contest.bench import Bench
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.values import FeatureTable

pytestmark = pytest.mark.usefixtures("own_cache")

RECIPE = {
    "tune.trials": 2,
    "report.people": 1,
    "report.resamples": 100,
    "ablations": False,
    "encoders": {"text": {"part": "words"}},
    "baselines": {},
    "model.epochs": 11,
    "model.factors": 8,
    "model.regularisation": 0.01,
}
SET = [
    "tune.trials=1", "report.people=0", "report.resamples=100", "ablations=false", "baselines={}",
    'encoders={text={part="words"}}', "model.epochs=4000", "model.factors=8", "model.learning_rate=0.001",
    "model.regularisation=0.01", "model.patience=4000",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(own_cache, small_shop, tmp_path_factory) -> gb.Run:
    out = tmp_path_factory.mktemp("trained") / "run"
    return gb.run(small_shop, out, recipe="bpr_mf", settings=RECIPE, split="random")


def test_the_report_tells_how_it_learned_and_the_model_stops_where_validation_liked_it(run) -> None:
    told = run.report["models"]["bpr_mf"]
    values = [epoch["value"] for epoch in told["learning"] if epoch["value"] is not None]
    assert told["validation"]["recall+ndcg@20"] == max(values)
    best = next(n for n, epoch in enumerate(told["learning"], 1) if epoch["value"] == max(values))
    assert told["settings"]["epochs"] == best <= 11
    assert all(epoch["loss"] > 0 and epoch["seconds"] > 0 for epoch in told["learning"])
    assert "How it learned" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert len(run.recommend(user=run.served.users[0], k=3)) == 3


def test_nothing_unfinished_is_left_beside_a_finished_run(run) -> None:
    assert not store.work(run.folder).exists()
    assert [path.name for path in run.folder.parent.iterdir()] == [run.folder.name]


def test_what_was_fitted_in_the_search_is_what_its_settings_give(small_shop) -> None:
    data = Dataset.read(small_shop)
    split = make_split(data, "random", 0)
    bench = Bench(split, split.train_value(FeatureTable(split.items, {})))
    made = recipe.load("bpr_mf", RECIPE)
    contender = contenders.Contender("bpr_mf", "chosen", "bpr_mf", made.model.settings, ())
    found = contenders.search(contender, bench, made.tune)
    again = contenders.fit(contender, found.settings, bench.train)
    assert found.fitted is not None
    asked = bench.exam("test").queries
    assert np.array_equal(again.score(asked), found.fitted.score(asked))


def test_a_run_that_is_killed_goes_on_with_its_training(own_cache, small_shop, tmp_path) -> None:
    out = tmp_path / "run"
    asked = [sys.executable, "-m", "gobelin", "run", str(small_shop), "--out", str(out), "--recipe", "bpr_mf"]
    asked += ["--no-final", "--split", "random", *(word for one in SET for word in ("--set", one))]
    process = subprocess.Popen(asked, stderr=subprocess.DEVNULL, start_new_session=True)
    begun, kept = time.monotonic(), []
    while not kept and time.monotonic() - begun < 120 and process.poll() is None:
        time.sleep(0.1)
        kept = list(store.work(out).glob("training/*/training.safetensors"))
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    assert kept
    assert not out.exists()
    subprocess.run([*asked, "--budget", "0.01"], check=True, capture_output=True)  # time for one epoch, not for two
    assert len(gb.Run.open(out).report["models"]["bpr_mf"]["learning"]) > 1
    assert not store.work(out).exists()
