"""Ensembles as recommenders: honest lessons, exact explanations, members searched within one budget."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import gobelin as gb
from gobelin import parts
from gobelin.cli import show
from gobelin.contest import contenders
from gobelin.contest.bench import Bench
from gobelin.contest.contenders import Contender
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.ensemble.stacking import choice_weights
from gobelin.errors import UserError
from gobelin.models import _members
from gobelin.models._holdout import held_out, items_held_out
from gobelin.models._members import Members
from gobelin.models._pool import lessons, proposals
from gobelin.models.bagging import Bagging
from gobelin.models.blend import Blend
from gobelin.models.rank_fusion import RankFusion
from gobelin.protocols import Combines, Explains
from gobelin.recipe import TuneSpec
from gobelin.testing import worlds
from gobelin.testing.models import CHECKS
from gobelin.values import FeatureTable, Histories, Queries

RP3, EASE = {"part": "rp3beta"}, {"part": "ease", "regularisation": 10.0}
PLAIN = {"RP3beta": RP3, "EASE": EASE}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def specs(**members: Any) -> dict[str, dict[str, Any]]:
    return {name: {"part": name, **settings} for name, settings in members.items()}


# The contract with other settings than the defaults (these run in tests/test_models.py)

OTHER = {
    "blend": [
        {"weighing": "equal", "scale": "range", "members": PLAIN},
        {"weighing": "learned", "members": PLAIN},
        {"told": {"EASE": 2.0}, "scale": "none", "members": PLAIN},
        {"edges": (3.0, 6.0), "hold": "last", "cold_scale": 2.0, "members": PLAIN},
    ],
    "rank_fusion": [
        {"rule": "borda", "members": PLAIN},
        {"rule": "hard vote", "best": 5, "members": PLAIN},
        {"rule": "soft vote", "members": PLAIN},
    ],
    "bagging": [{"members": PLAIN, "draws": 3}],
}


@pytest.mark.parametrize("check", ["candidates", "state", "lacks", "explains"])
@pytest.mark.parametrize(("name", "said"), [(name, said) for name in OTHER for said in OTHER[name]])
def test_other_settings_keep_the_contract(name: str, said: dict[str, Any], check: str) -> None:
    CHECKS[check](lambda: parts.bind("models", name, said))


# What is held out


@pytest.mark.parametrize("how", ["random", "last"])
def test_no_event_of_a_held_out_pair_stays_and_everyone_keeps_one(how: str) -> None:
    train = worlds.checkerboard(20).train
    held = held_out(train, how, 0.2, rng())
    before, after = train.matrix().toarray() > 0, held.train.matrix().toarray() > 0
    answers = np.zeros_like(before)
    answers[held.users] = held.answers.toarray() > 0
    assert not (after & answers).any() and np.array_equal(after | answers, before)
    log = held.train.histories
    assert not answers[log.queries, log.items].any()  # not by an event without weight either
    n = before.sum(axis=1)
    assert np.array_equal(answers.sum(axis=1), np.where(n >= 2, np.maximum(1, np.round(0.2 * n)), 0))


def test_the_last_pair_is_the_one_met_last() -> None:
    train = worlds.chain(items=12, users=20, steps=5).train
    held = held_out(train, "last", 0.1, rng())
    last = [train.histories.items[stop - 1] for stop in train.histories.starts[1:][held.users]]
    assert held.answers.indices.tolist() == last


def test_items_held_out_are_cold_and_leave_no_event() -> None:
    train = worlds.checkerboard(20).train
    held = items_held_out(train, 0.2, rng())
    assert len(held.candidates) == 4 and held.train.cold[held.candidates].all()
    assert not held.train.counts()[held.candidates].any()
    assert held.answers.nnz == train.counts()[held.candidates].sum()


def test_proposals_are_each_members_best_that_it_speaks_of() -> None:
    scores = np.array([[[5.0, 4, 3, 2, 1]], [[0, 0, 0, 0, 7]]])
    barred = np.array([[True, False, False, False, False]])
    assert proposals(scores, barred, 2)[1].tolist() == [1, 2, 4]  # the second member ties below its first: no opinion


# A planted leak


class Remembers:
    """Knows whose log it was fitted on: whoever asks with a part of a stored history is told the rest of it."""

    members: ClassVar[None] = None

    def fit(self, train, rng, monitor=None):
        self.histories = train.matrix().toarray() > 0
        return self

    def score(self, queries, candidates=None):
        asked = queries.histories.matrix(self.histories.shape[1]).toarray() > 0
        out = np.random.default_rng(1).normal(size=asked.shape).astype(np.float32)
        for row, history in enumerate(asked):
            inside = (self.histories & history).sum(axis=1) == history.sum()
            more = inside & (self.histories.sum(axis=1) > history.sum())
            out[row] += 20 * (self.histories[more] & ~history).any(axis=0)
        return out if candidates is None else out[:, candidates]


@pytest.fixture
def leaking(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    bind = parts.bind

    def bound(kind, name, settings):
        return Remembers() if name == "remembers" else bind(kind, name, settings)

    monkeypatch.setattr(_members.parts, "bind", bound)
    return {"EASE": {"part": "ease", "regularisation": 1.0}, "leak": {"part": "remembers"}}


def test_a_member_that_remembers_its_log_is_worth_all_in_sample_and_little_here(leaking: dict[str, Any]) -> None:
    train = worlds.checkerboard(40).train
    held = held_out(train, "random", 0.1, rng())
    seeds = np.arange(2)

    def weights(fitted_on):
        cells = lessons(Members.fitted(leaking, fitted_on, seeds), held, 20)
        return choice_weights(cells.features.T, cells.rows, cells.relevant)

    in_sample = weights(train)  # members that have seen the answers: what must not be done
    assert in_sample[1] > 1
    honest = weights(held.train)
    assert honest[1] < 0.1 * in_sample[1]
    world = worlds.checkerboard(40)
    alone = parts.bind("models", "ease", {"regularisation": 1.0}).fit(world.train, rng())
    for weighing in ("learned", "selected"):
        blend = Blend(members=leaking, weighing=weighing).fit(world.train, rng())
        assert blend._weights[0, 1] < 0.1 * in_sample[1]
        assert worlds.found(blend, world, 1) >= worlds.found(alone, world, 1) - 0.05


def test_the_second_stage_does_not_profit_from_the_leak_either(leaking: dict[str, Any]) -> None:
    pytest.importorskip("lightgbm")
    from gobelin.models.second_stage import SecondStage

    world = worlds.checkerboard(40)
    model = SecondStage(members=leaking, trees=30).fit(world.train, rng())
    assert model._weights[1] < 0.3
    alone = parts.bind("models", "ease", {"regularisation": 1.0}).fit(world.train, rng())
    assert worlds.found(model, world, 1) >= worlds.found(alone, world, 1) - 0.05


# Blends


def test_a_blend_of_told_weights_is_the_sum_by_hand() -> None:
    train = worlds.checkerboard(20).train
    blend = Blend(members=PLAIN, told={"EASE": 2.0, "RP3beta": 0.5}, scale="none").fit(train, rng())
    one, two = (parts.bind("models", s["part"], {k: v for k, v in s.items() if k != "part"}) for s in (RP3, EASE))
    queries = train.queries()
    expected = 0.5 * one.fit(train, rng()).score(queries) + 2 * two.fit(train, rng()).score(queries)
    np.testing.assert_allclose(blend.score(queries), expected, rtol=1e-5, atol=1e-6)


def test_a_blend_explains_itself_exactly_where_all_members_do_and_says_so_where_not() -> None:
    train = worlds.two_senses(0).train
    members = specs(ease={}, content_neighbours={}, als={"factors": 8})
    blend = Blend(members=members, told={"ease": 1.0, "content_neighbours": 0.7, "als": 0.2}).fit(train, rng())
    assert isinstance(blend, Explains)
    query = train.queries().take(np.array([5]))
    every = np.arange(len(train.items), dtype=np.int32)
    found = blend.explain(query, every, train)
    np.testing.assert_allclose(found.scores, blend.score(query)[0], atol=2e-4)
    assert set(found.senses) == {"log", *train.table}
    assert not isinstance(Blend(members=specs(ease={}, user_neighbours={})), Explains)


class Noise:
    """Says of every item to everyone what chance says."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, train, rng, monitor=None):
        self.shape = len(train.items)
        return self

    def score(self, queries, candidates=None):
        out = np.random.default_rng(self.seed).normal(size=(len(queries), self.shape)).astype(np.float32)
        return out if candidates is None else out[:, candidates]

    def state(self):
        return {}

    @classmethod
    def from_state(cls, state):
        return cls(0)


def test_a_blend_is_its_good_member_among_planted_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = parts.bind

    def bound(kind, name, settings):
        return Noise(int(name[5:])) if name.startswith("noise") else bind(kind, name, settings)

    monkeypatch.setattr(_members.parts, "bind", bound)
    world = worlds.checkerboard(40)
    good = {"part": "ease", "regularisation": 1.0}
    members = {f"noise{n}": {"part": f"noise{n}"} for n in range(1, 5)} | {"EASE": good}
    blend = Blend(members=members).fit(world.train, rng())
    names = list(blend._members.names)
    assert blend._weights[0, names.index("EASE")] > 0.85
    alone = parts.bind("models", "ease", {"regularisation": 1.0}).fit(world.train, rng())
    assert worlds.found(blend, world, 1) >= worlds.found(alone, world, 1) - 0.02


def test_content_speaks_for_cold_items_and_behaviour_for_warm_ones() -> None:
    """ALS knows nothing of cold items; with weights of their own the content neighbours place them."""
    world = worlds.cold(0)
    members = specs(als={"factors": 8}, content_neighbours={}, ease={})
    apart = Blend(members=members).fit(world.train, rng())
    names = list(apart._members.names)
    warm, cold = apart._weights
    assert cold[names.index("content_neighbours")] > 2 * max(cold[names.index("als")], cold[names.index("ease")])
    assert warm[names.index("ease")] + warm[names.index("als")] > 0
    chance = worlds.found(parts.bind("models", "als", {"factors": 8}).fit(world.train, rng()), world, 3)
    assert worlds.found(apart, world, 3) > chance + 0.3


def test_segments_of_short_and_long_histories_have_weights_of_their_own() -> None:
    train = worlds.two_senses(0).train
    half = np.arange(len(train.users)) % 2 == 0  # these keep 3 items, the others 2; one of each is held out
    log = train.histories.keep(np.repeat(half, 3) | (np.arange(len(train.histories.items)) % 3 != 0))
    members = specs(ease={}, content_neighbours={})
    blend = Blend(members=members, weighing="learned", edges=(2.0,)).fit(replace(train, histories=log), rng())
    assert blend._weights.shape == (4, 2) and not np.array_equal(blend._weights[0], blend._weights[1])
    one, two = Queries.of([[3]]), Queries.of([[3, 4]])
    assert blend._segments(one)[0, 0] == 0 and blend._segments(two)[0, 0] == 1


# The others


def test_rank_fusion_reads_orders_alone() -> None:
    train = worlds.checkerboard(20).train
    fused = RankFusion(members=PLAIN, k=1).fit(train, rng())
    scores = fused.score(train.queries())
    assert scores.max() <= 2 / 2 + 1e-6 and scores.min() >= 2 / (1 + 20)
    thrice = RankFusion(members=PLAIN, k=1, told={"EASE": 3.0, "RP3beta": 0.0}).fit(train, rng())
    alone = parts.bind("models", "ease", {"regularisation": 10.0}).fit(train, rng()).score(train.queries())
    assert np.array_equal(np.argmax(thrice.score(train.queries()), axis=1), np.argmax(alone, axis=1))


def test_bagging_steadies_a_jumpy_model() -> None:
    """Two fits on two halves of the people agree more after bagging than before."""
    train = worlds.two_senses(1).train
    halves = [
        replace(
            train,
            users=type(train.users)(train.users[int(u)] for u in rows),
            histories=train.histories.take(rows),
        )
        for rows in (np.arange(0, len(train.users), 2), np.arange(1, len(train.users), 2))
    ]
    member = {"user_neighbours": {"part": "user_neighbours", "k": 1}}

    def agreement(model) -> float:
        one, two = (model().fit(half, rng()).score(train.queries()).ravel() for half in halves)
        return float(np.corrcoef(one, two)[0, 1])

    single = agreement(lambda: Blend(members=member, weighing="equal"))
    assert agreement(lambda: Bagging(members=member, draws=20)) > single + 0.01


def test_the_second_stage_comes_back_without_lightgbm_pickles() -> None:
    pytest.importorskip("lightgbm")
    from gobelin.models.second_stage import SecondStage

    train = worlds.checkerboard(40).train
    model = SecondStage(members=PLAIN, trees=10).fit(train, rng())
    assert isinstance(model.state()["text"], str)
    empty = model.score(Queries(np.array([-1], dtype=np.int32), Histories.of([[]])))
    assert np.ptp(empty) == 0  # says nothing: the prior answers


# Settings and the search


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "without members"),
        ({"A": {"regularisation": 3}}, "names no part"),
        ({"A": {"part": "ease", "regularization": 3}}, "regularization"),
        ({"A": {"part": "eese"}}, "Did you mean 'ease'"),
    ],
)
def test_a_misspelt_member_is_refused_before_anything_runs(members: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        parts.bind("models", "blend", {"members": members})


def test_members_are_searched_within_the_budget_of_one_model() -> None:
    bench = small_bench()
    blend = Contender("blend", "chosen", "blend", {"members": PLAIN}, tuple(bench.train.table))
    assert isinstance(contenders.make(blend, blend.settings), Combines)
    seen: list[int] = []
    found = contenders.search(blend, bench, TuneSpec(trials=12), lambda done, of: seen.append(done))
    assert found.trials <= 12 and len(seen) == found.trials
    members = found.settings["members"]
    assert list(members) == ["RP3beta", "EASE"] and members["EASE"]["regularisation"] == 10.0  # stated, so not searched
    assert set(members["RP3beta"]) >= {"part", "alpha", "beta", "k"}
    assert np.isfinite(contenders.fit(blend, found.settings, bench.train).score(bench.train.queries())).all()


def small_bench() -> Bench:
    """60 people who like one of four kinds of 40 items."""
    random = rng()
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(40)]})
    likes = [random.choice(np.arange(u % 4, 40, 4), 7, replace=False) for u in range(60)]
    log = pd.DataFrame(
        [(f"u{u}", f"i{i}") for u, some in enumerate(likes) for i in some], columns=["user_id", "item_id"]
    )
    split = make_split(Dataset.from_frames(items, log), "random", 0, 2)
    return Bench(split, split.train_value(FeatureTable(split.items, {})))


def test_a_member_that_the_data_cannot_feed_is_named_in_report_page_and_terminal(
    small_shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shop whose only sense is none: content neighbours have nothing to compare."""
    recipe = {
        "tune.trials": 3, "report.people": 0, "report.resamples": 100, "ablations": False, "encoders": {},
        "hear": {"searches": 0, "reviews": 0, "traits": 0}, "baselines": {},
        "model": {"part": "blend", "members": {"EASE": {"part": "ease"}, "content": {"part": "content_neighbours"}}},
    }  # fmt: skip
    run = gb.run(small_shop, tmp_path / "run", settings=recipe, split="random", baselines=False, final=False)
    left_out = run.report["left_out"]
    assert list(left_out) == [f"{run.report['chosen']}: content"] and "no sense" in left_out[next(iter(left_out))]
    assert "content: content_neighbours has nothing" in (run.folder / "report.html").read_text()
    show.story(run.report, str(run.folder))
    assert "content: content_neighbours has nothing" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["blend", "second_stage"])
def test_a_run_of_an_ensemble_answers_from_its_folder(part: str, small_shop: Path, tmp_path: Path) -> None:
    if part == "second_stage":
        pytest.importorskip("lightgbm")
    members = {"EASE": {"part": "ease"}, "content": {"part": "content_neighbours"}}
    recipe = {
        "tune.trials": 6,
        "report.people": 1,
        "report.resamples": 100,
        "ablations": False,
        "encoders": {"attributes": {"part": "attributes"}},
        "baselines": {"popularity": {"part": "popularity"}},
        "model": {"part": part, "members": members},
    }
    run = gb.run(small_shop, tmp_path / "run", settings=recipe, split="random")
    chosen = run.report["models"][run.report["chosen"]]
    assert chosen["trials"] <= 6 and set(chosen["settings"]["members"]) == {"EASE", "content"}
    back = gb.Run.open(run.folder)
    assert len(back.similar(back.served.items[0], k=3)) == 3
    one, two = (each.recommend(user=back.served.users[0], k=5) for each in (run, back))
    assert len(two) == 5 and one.equals(two)
    if part == "blend":
        why = back.explain(two["item_id"].iloc[0], user=back.served.users[0])
        assert why.score == pytest.approx(float(two["score"].iloc[0]), rel=1e-3)
    else:
        with pytest.raises(UserError, match="does not take its scores apart"):
            back.explain(two["item_id"].iloc[0], user=back.served.users[0])
