"""The whole thread on a small demo shop: one run, everything it promises, and answers from it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import gobelin as gb
from gobelin import demo, store
from gobelin.contest import contenders
from gobelin.errors import RecipeError, UnknownName, UserError

RECIPE = {
    "tune.trials": 4,
    "report.people": 2,
    "report.resamples": 100,
    "ablations": False,
    "encoders": {"text": {"part": "words"}, "attributes": {"part": "attributes"}},
    "baselines": {
        "popularity": {"part": "popularity"},
        "EASE": {"part": "ease"},
        "content": {"part": "content_neighbours"},
    },
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def shop(small_shop) -> Path:
    return small_shop


@pytest.fixture(scope="module")
def run(own_cache, shop, tmp_path_factory) -> gb.Run:
    out = tmp_path_factory.mktemp("runs") / "first"
    return gb.run(shop, out, settings=RECIPE, split="random", refit=True, command="gobelin run shop")


def test_the_run_folder_holds_what_the_contract_names(run) -> None:
    names = {p.relative_to(run.folder).as_posix() for p in run.folder.rglob("*") if p.is_file()}
    assert {"recipe.toml", "report.json", "report.html", "recommendations.parquet", "manifest.json"} <= names
    assert {f"split/{part}.parquet" for part in ("train", "validation", "test")} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".npy"))]
    store.open_folder(run.folder, kind="run", verify=True)


def test_the_report_has_every_key_of_the_contract_with_intervals(run) -> None:
    report = run.report
    assert {"dataset", "health", "split", "models", "chosen", "seconds", "peak_memory_mb", "slices", "versions"} <= set(
        report
    )
    refit = "weave (refit on train + validation)"
    assert set(report["models"]) == {"weave", "popularity", "EASE", "content", refit}
    for model in report["models"].values():
        figure = model["metrics"]["recall@20"]
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert report["models"]["weave"]["trials"] <= 4
    assert report["peak_memory_mb"] > 0
    assert {"read", "encode", "search", "fit", "rank", "final fit"} <= set(report["seconds"])


def test_no_pair_crosses_from_one_part_into_another(run) -> None:
    parts = {p: _pairs(run.folder / "split" / f"{p}.parquet") for p in ("train", "validation", "test")}
    shown = _pairs(run.folder / "recommendations.parquet")
    assert not parts["test"] & parts["train"]
    assert not parts["test"] & parts["validation"]
    assert not parts["validation"] & parts["train"]
    assert not shown & (parts["train"] | parts["validation"])


def test_an_independent_recount_gives_the_same_recall(run) -> None:
    shown = pq.read_table(run.folder / "recommendations.parquet").to_pandas()
    test = pq.read_table(run.folder / "split" / "test.parquet").to_pandas()
    hits = test.merge(shown, on=["user_id", "item_id"]).groupby("user_id").size()
    recall = (hits.reindex(test["user_id"].unique(), fill_value=0) / test.groupby("user_id").size()).mean()
    assert recall == pytest.approx(run.report["models"]["weave"]["metrics"]["recall@20"]["value"], abs=1e-9)
    assert shown.groupby("user_id")["rank"].max().max() == 20


def test_the_same_seed_gives_the_same_lists(run, shop, tmp_path) -> None:
    again = gb.run(shop, tmp_path / "again", settings=RECIPE, split="random", baselines=False, final=False)
    one, two = (pq.read_table(r.folder / "recommendations.parquet") for r in (run, again))
    assert one.equals(two)
    with pytest.raises(UserError, match="no fitted model"):
        again.recommend(text="wool")


def test_the_recipe_of_the_folder_runs_again(run, shop, tmp_path) -> None:
    again = gb.run(shop, tmp_path / "again", recipe=run.folder / "recipe.toml", baselines=False, final=False)
    assert again.report["models"]["weave"]["metrics"] == run.report["models"]["weave"]["metrics"]


def test_a_person_a_history_and_a_wish_are_answered(run) -> None:
    served = run.served
    user = int(np.argmax(served.histories.lengths))
    own = served.histories.take(np.array([user]))
    liked = {served.items[int(i)] for i, w in zip(own.items, own.weights, strict=True) if w >= 1}
    told = run.recommend(user=served.users[user], k=15)
    assert list(told.columns) == ["rank", "item_id", "title", "score"]
    assert len(told) == 15
    assert not liked & set(told["item_id"])
    assert liked & set(run.recommend(user=served.users[user], k=100, include_seen=True)["item_id"])
    visitor = run.recommend(history=list(liked)[:3], k=5)
    assert len(visitor) == 5
    wished = run.recommend(text=served.cards.titles[3], k=160, history=[])
    assert served.items[3] in set(wished["item_id"][:5])
    both = run.recommend(user=served.users[user], text=served.cards.titles[3], k=5)
    assert both["item_id"].tolist() != told["item_id"].tolist()[:5]


def test_an_empty_history_gets_the_popular_items(run) -> None:
    served = run.served
    counts = np.bincount(served.histories.items[served.positive], minlength=len(served.items))
    best = run.recommend(history=[], k=3)["item_id"]
    assert [int(counts[served.items.row(item)]) for item in best] == sorted(counts.tolist(), reverse=True)[:3]


def test_candidates_bound_the_answer(run) -> None:
    some = list(run.served.items)[:7]
    told = run.recommend(history=[run.served.items[9]], candidates=some, k=20)
    assert set(told["item_id"]) <= set(some)


def test_many_people_get_what_each_would_get_alone(run) -> None:
    users = list(run.served.users)[:5]
    many = run.recommend_many(users, k=4)
    for user in users:
        alone = run.recommend(user=user, k=4)["item_id"].tolist()
        assert many[many["user_id"] == user]["item_id"].tolist() == alone


def test_items_that_nobody_met_can_be_recommended_and_compared(run) -> None:
    served = run.served
    new = sorted(set(range(len(served.items))) - set(served.histories.items.tolist()))
    assert new, "the demo shop has new items"
    near = run.similar(served.items[new[0]], k=5)
    assert served.items[new[0]] not in set(near["item_id"])
    assert near["score"].iloc[0] > 0
    assert set(run.recommend(text=served.cards.titles[new[0]], k=3)["item_id"]) & {served.items[new[0]]}


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        ({}, UserError),
        ({"user": "nobody"}, UnknownName),
        ({"history": ["nothing"]}, UnknownName),
        ({"user": "u00000", "history": []}, UserError),
        ({"history": [], "k": 0}, UserError),
        ({"image": "no-such.jpg"}, UserError),
        ({"history": [], "candidates": []}, UserError),
    ],
)
def test_a_question_that_cannot_be_answered_says_so(run, ask, error) -> None:
    with pytest.raises(error):
        run.recommend(**ask)


def test_why_an_item_is_recommended_sums_to_its_score_and_its_rank(run) -> None:
    user = run.served.users[3]
    listed = run.recommend(user=user, k=3)
    for place, item in enumerate(listed["item_id"]):
        found = run.explain(item, user=user)
        assert found.rank == place + 1
        assert found.score == pytest.approx(listed["score"][place], rel=1e-3)
        assert found.prior + found.events["share"].sum() == pytest.approx(found.score, rel=1e-9)
        assert found.senses["share"].sum() == pytest.approx(found.score, rel=1e-9)
        assert set(found.senses["sense"]) == {"log", "text", "attributes"}
        assert (found.events["rank_without"].dropna() >= 1).all()
        json.dumps(found.as_json())
    assert len(run.because(list(listed["item_id"]), user=user)) == 3


def test_the_planted_reason_is_the_strongest(run, shop) -> None:
    truth = demo.build(items=160, people=220, seed=0)
    row = {item.item_id: place for place, item in enumerate(truth.items)}
    right = []
    for user in list(run.served.users)[:60]:
        item = run.recommend(user=user, k=1)["item_id"][0]
        events = run.explain(item, user=user).events
        shares = events.groupby("item_id")["share"].sum()
        planted = truth.reason(row[item], [row[i] for i in shares.index])
        if planted.both or planted.theme:  # this recipe reads no pictures
            right.append(row[shares.idxmax()] in {*planted.both, *planted.theme, *planted.look, *planted.product})
    assert len(right) > 30 and np.mean(right) >= 0.95


def test_an_empty_history_is_explained_by_what_is_popular(run) -> None:
    found = run.explain(run.served.items[0], history=[])
    assert not len(found.events) and found.score == 0
    assert run.because([run.served.items[0]], history=[]) == ["popular"]


def test_interests_name_what_a_person_takes_more_than_others_with_evidence(run) -> None:
    user = run.served.users[3]
    found = run.interests(user=user, k=2)
    took = set(run.explain(run.served.items[0], user=user).events["item_id"])
    assert {"text", "attributes", "fused"} == set(found["by"]) and (found["yours"] > found["everyone"]).all()
    assert all(set(evidence) <= took and evidence for evidence in found["evidence"])
    assert found.groupby("by").size().max() == 2
    assert not len(run.interests(history=[]))


def test_ablations_can_be_named(shop, tmp_path) -> None:
    found = gb.run(shop, tmp_path / "run", settings=RECIPE | {"ablations": ["log"], "baselines": {}}, final=False)
    assert set(found.report["models"]) == {"weave", "weave (log)"}
    with pytest.raises(RecipeError, match=r"'lgo'.*log"):
        gb.run(shop, tmp_path / "run", settings=RECIPE | {"ablations": ["lgo"]}, final=False)


def test_without_a_test_part_it_tunes_and_fits_and_says_no_figure(shop, tmp_path) -> None:
    made = gb.run(shop, tmp_path / "all", settings=RECIPE, split="none", baselines=False)
    assert made.report["models"]["weave"]["metrics"] == {}
    assert made.report["models"]["weave"]["validation"]["recall+ndcg@20"] > 0
    assert len(made.recommend(history=[], k=3)) == 3
    assert "weave" in (made.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("split", ["time", "leave-last", "cold-items"])
def test_every_split_runs_through(shop, tmp_path, split) -> None:
    made = gb.run(shop, tmp_path / "run", settings=RECIPE, split=split, final=False)
    assert made.report["split"]["kind"] == split
    assert made.report["models"]["weave"]["metrics"]["recall@20"]["value"] > 0
    if split == "cold-items":
        curve = made.report["joint"]["curve"]
        assert curve[0]["cold"] <= curve[-1]["cold"]
        assert made.report["models"]["weave"]["settings"]["cold_scale"] == made.report["joint"]["chosen_c"]


def test_dropping_all_content_leaves_the_log(shop, tmp_path) -> None:
    bare = gb.run(
        shop, tmp_path / "bare", settings=RECIPE, split="random", baselines=False, final=False, drop={"all": 1.0}
    )
    assert bare.report["models"]["weave"]["metrics"]["recall@20"]["value"] > 0
    with pytest.raises(UserError, match="no sense of this run"):
        gb.run(shop, tmp_path / "x", settings=RECIPE, baselines=False, final=False, drop={"smell": 0.5})


def test_a_foreign_folder_is_left_alone(shop, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="is no run folder"):
        gb.run(shop, tmp_path, settings=RECIPE, split="random", baselines=False, final=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_frames_do_what_a_folder_does(tmp_path) -> None:
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"item_id": [f"{i:03}" for i in range(40)], "title": [f"thing {i % 4}" for i in range(40)]})
    rows = [(f"u{u}", f"{i:03}") for u in range(60) for i in rng.choice(np.arange(u % 4, 40, 4), 7, replace=False)]
    log = pd.DataFrame(rows, columns=["user_id", "item_id"])
    dataset = gb.Dataset.from_frames(items, log)
    made = gb.run(dataset, tmp_path / "run", settings=RECIPE, baselines=False)
    assert made.report["split"]["kind"] == "random"
    assert made.report["models"]["weave"]["metrics"]["recall@20"]["value"] > 0.8  # four kinds of people, four of things
    assert "007" in made.served.items


def test_a_comparison_pairs_users_over_seeds_and_draws_its_page(shop, tmp_path) -> None:
    told = gb.compare(
        shop, ["weave", "ease", "popularity"], tmp_path / "cmp", split="random", seeds=2, drops=[("all", 0.5)],
        settings=["tune.trials=2", "encoders.image.part=words", "encoders.text.part=words"],
    )  # fmt: skip
    assert set(told["recipes"]) == {"weave", "ease", "popularity"}
    assert [row["against"] for row in told["comparisons"]] == ["ease", "ease", "popularity", "popularity"]
    assert all(row["p"] <= row["p_corrected"] <= 1 for row in told["comparisons"])
    assert told["drops"][0]["share"] == 0.5
    assert json.loads((tmp_path / "cmp" / "compare.json").read_text())["recipes"]
    assert "<svg" in (tmp_path / "cmp" / "compare.html").read_text(encoding="utf-8")
    with pytest.raises(RecipeError):
        gb.compare(shop, ["ease", "ease"], tmp_path / "x")


def test_settings_that_are_searched_once_are_kept_for_the_other_seeds(shop, tmp_path) -> None:
    told = gb.compare(
        shop, ["ease", "weave"], tmp_path / "once", split="random", seeds=2, search_once=True,
        settings=["tune.trials=3", "encoders.image.part=words", "encoders.text.part=words"],
    )  # fmt: skip
    for recipe in told["recipes"].values():
        first, second = recipe["seeds"]["0"], recipe["seeds"]["1"]
        assert first["settings"] == second["settings"]
        assert (first["trials"], second["trials"]) == (3, 1)
        assert first["metrics"] != second["metrics"]


def _pairs(path: Path) -> set[tuple[str, str]]:
    table = pq.read_table(path)
    return set(zip(table["user_id"].to_pylist(), table["item_id"].to_pylist(), strict=True))


def test_compare_judges_every_way_of_filling_in_by_its_name(shop, tmp_path) -> None:
    told = gb.compare(
        shop, ["weave"], tmp_path / "fills", split="random", drops=[("all", 0.5)], fills=["mask", "propagation"],
        settings=["tune.trials=2", "encoders.image.part=words", "encoders.text.part=words"],
    )  # fmt: skip
    names = ["weave, fill = mask", "weave, fill = propagation"]
    assert list(told["recipes"]) == names and list(told["drops"][0]["recipes"]) == names
    found = [told["drops"][0]["recipes"][name]["metrics"]["ndcg@20"]["value"] for name in names]
    assert found[0] != found[1]
    with pytest.raises(RecipeError, match="nothing"):
        gb.compare(shop, ["weave"], tmp_path / "x", split="random", fills=["nothing"])


def test_a_comparison_that_is_interrupted_goes_on_with_what_it_has_judged(shop, tmp_path, monkeypatch) -> None:
    searched: list[str] = []
    real = contenders.search

    def search(contender, *others, **more):
        if contender.part == "als" and not searched.count("als"):
            searched.append("als")
            raise KeyboardInterrupt
        searched.append(contender.part)
        return real(contender, *others, **more)

    monkeypatch.setattr(contenders, "search", search)
    asked = {"split": "random", "settings": ["tune.trials=2", "encoders={text={part='words'}}"], "seeds": 1}
    with pytest.raises(KeyboardInterrupt):
        gb.compare(shop, ["ease", "rp3beta", "als"], tmp_path / "cmp", **asked)
    assert not (tmp_path / "cmp").exists()
    told = gb.compare(shop, ["ease", "rp3beta", "als"], tmp_path / "cmp", **asked)
    assert searched == ["ease", "rp3beta", "als", "als"]
    assert [path.name for path in tmp_path.iterdir()] == ["cmp"]
    whole = gb.compare(shop, ["ease", "rp3beta", "als"], tmp_path / "again", **asked)
    assert [one["mean"] for one in whole["recipes"].values()] == [one["mean"] for one in told["recipes"].values()]
    assert whole["comparisons"] == told["comparisons"]
