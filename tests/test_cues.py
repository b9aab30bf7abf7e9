"""What people say and who they are: heard where it tells the taste, by people without events too, and never shown."""

import numpy as np
import pandas as pd
import pytest

import gobelin as gb
from gobelin import recipe
from gobelin.contest.bench import Bench
from gobelin.cues import Cues
from gobelin.data.split import CUE
from gobelin.data.splits import make_split
from gobelin.encoding import encode
from gobelin.errors import DatasetError, UserError
from gobelin.models.weave import Weave
from gobelin.recipe import HearSpec
from gobelin.values import FeatureTable, Kind

KINDS = ("tea", "music", "garden", "winter", "kitchen", "travel", "paper", "stars")
CITIES = ("Lyon", "Bergen", "Oaxaca", "Kyoto", "Quito", "Tartu", "Cork", "Davos")
SETTINGS = {
    "encoders": {"text": {"part": "words"}},
    "tune.trials": 40,
    "report.people": 2,
    "report.resamples": 200,
    "ablations": ["without cues"],
    "baselines": {"ease": {"part": "ease"}},
}


def shop(told: str, *, people: int = 400, seed: int = 0) -> gb.Dataset:
    """Eight tastes of twelve items; everyone takes three of their taste and two of any, half of the people take
    nothing in train at all. What tells the taste is said in a search, written in a review of something else, or stands
    in the users table (`told`: "searches", "reviews", "traits", "nothing": then everyone says anything)."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({
        "item_id": [f"i{number}" for number in range(96)],
        "title": [f"{KINDS[number % 8]} thing {rng.choice(['plain', 'small', 'blue', 'old'])}" for number in range(96)],
    })  # fmt: skip
    rows = []
    taste = rng.integers(0, 8, people)
    shown = taste if told != "nothing" else rng.integers(0, 8, people)
    for person in range(people):
        own = rng.permutation(np.arange(taste[person], 96, 8))[:5]
        anything = rng.permutation(96)[:2]
        new = person % 2 == 0
        log = [("purchase", item, None, "test" if new or place >= 3 else "train") for place, item in enumerate(own)]
        log += [("purchase", item, None, "train") for item in anything if not new and item not in own]
        log = [(*one[:3], "validation" if one[3] == "test" and place % 2 else one[3]) for place, one in enumerate(log)]
        said = KINDS[shown[person]]
        if told in ("searches", "nothing"):
            log.append(("search", None, f"A {said} gift" if rng.random() < 0.5 else said, "train"))
        if told == "reviews":
            other = next(item for item in rng.permutation(96) if item not in own)
            log.append(("review", other, f"bought for the {said}, great", "train"))
        rows += [(f"u{person}", None if item is None else f"i{item}", event, text, part, place)
                 for place, (event, item, text, part) in enumerate(log)]  # fmt: skip
    columns = ["user_id", "item_id", "event", "text", "split", "timestamp"]
    log = pd.DataFrame(rows, columns=columns).assign(timestamp=lambda t: 1_600_000_000 + t.timestamp * 3600)
    users = pd.DataFrame({
        "user_id": [f"u{person}" for person in range(people)],
        "city": [CITIES[kind] for kind in (shown if told == "traits" else rng.integers(0, 8, people))],
        "age": rng.integers(18, 80, people),
    })  # fmt: skip
    return gb.Dataset.from_frames(items, log, users, name=told)


def judged(told: str, folder) -> tuple[dict, dict]:
    run = gb.run(shop(told), out=folder, settings=SETTINGS, split="given", final=False)
    models = run.report["models"]
    return models["weave"]["metrics"], models["weave (without cues)"]["metrics"]


@pytest.mark.parametrize("told", ["searches", "reviews", "traits"])
def test_what_tells_the_taste_is_worth_hearing(told: str, tmp_path) -> None:
    heard, deaf = judged(told, tmp_path / "run")
    assert heard["ndcg@20"]["low"] > deaf["ndcg@20"]["high"]


def test_what_tells_nothing_does_little_harm(tmp_path) -> None:
    heard, deaf = judged("nothing", tmp_path / "run")
    assert heard["ndcg@20"]["high"] > deaf["ndcg@20"]["low"]


@pytest.mark.parametrize("told", ["searches", "traits"])
def test_people_without_an_event_are_answered_by_what_they_said_or_are(told: str) -> None:
    """Half of the people took nothing in train; a popular item is all that a deaf model can tell them."""
    data = shop(told)
    cues = Cues.of(data, HearSpec())
    split = make_split(data, "given")
    told_split = cues.split(split, data)
    found = {}
    for name, one, source in (("heard", told_split, cues.dataset(data)), ("deaf", split, data)):
        table = encode(source, recipe.load("weave", SETTINGS), train_rows=split.rows).table.take(one.rows)
        bench = Bench(one, one.train_value(table))
        model = Weave().fit(bench.train, np.random.default_rng(0))
        exam = bench.exam("test")
        ranks = bench.ranks(model, exam)
        new = np.repeat(exam.users % 2 == 0, exam.counts)
        found[name] = float(np.mean(ranks[new] <= 12))
    assert found["deaf"] < 0.3 < 0.7 < found["heard"]


def test_a_cue_is_never_a_candidate_and_never_held_out() -> None:
    data = shop("searches")
    cues = Cues.of(data, HearSpec())
    for kind in ("random", "leave-last", "time", "cold-items", "given", "none"):
        split = make_split(data, kind, 0, 1)
        told = cues.split(split, data)
        assert (told.cold[-len(cues) :] == CUE).all() and (told.cold[: -len(cues)] != CUE).all()
        assert told.validation is split.validation and told.test is split.test
        train = told.train_value(FeatureTable(told.items, {}))
        assert train.cues == len(cues) and train.shown == len(split.items)
        bench = Bench(told, train)
        for part in ("validation", "test"):
            assert not np.isin(bench.exam(part).candidates, np.arange(len(split.items), len(told.items))).any()
        again = told.refit()
        assert (again.cold == CUE).sum() == len(cues)


def test_words_of_a_review_go_with_the_pair_that_is_held_out() -> None:
    """Else the split would whisper: who reviewed it took it."""
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "title": ["one", "two", "three"]})
    log = pd.DataFrame(
        [(user, item, "review", f"the {word} is splendid", 5, part)
         for user in ("u", "v") for item, word, part in (("a", "apple", "train"), ("b", "berry", "test"),
                                                         ("c", "cherry", "validation"))],
        columns=["user_id", "item_id", "event", "text", "rating", "split"],
    )  # fmt: skip
    data = gb.Dataset.from_frames(items, log, settings={"positive": "rating >= 4"})
    cues = Cues.of(data, HearSpec())
    assert set(cues.words) == {"apple", "berry", "cherry", "splendid"}
    told = cues.split(make_split(data, "given"), data)
    said = {told.items[item] for item in told.train.items.tolist()}
    assert said == {"a", "word: apple", "word: splendid"}
    assert {told.items[item] for item in told.refit().train.items.tolist()} == said | {"c", "word: cherry"}


def log_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "item_id", "event", "text", "timestamp"])


ITEMS = pd.DataFrame({"item_id": ["a", "b"], "title": ["one", "two"]})


def test_events_of_cues_stand_where_they_were_said() -> None:
    log = log_of(
        ("u", "a", "purchase", None, 10), ("u", None, "search", "Warm  COAT", 20), ("u", "b", "purchase", None, 30),
        ("v", "a", "purchase", None, 5), ("v", None, "search", "warm coat", 6),
    )  # fmt: skip
    users = pd.DataFrame({"user_id": ["u", "v", "w", "x"], "city": ["Lyon", "Lyon", "Lyon", "lyon|Cork"]})
    data = gb.Dataset.from_frames(ITEMS, log, users)
    cues = Cues.of(data, HearSpec(searches=0.5))
    assert cues.ids == ["search: warm coat", "trait: city = lyon"]
    heard = cues.dataset(data)
    events = heard.events
    told = [(heard.users[int(u)], "-" if i < 0 else heard.items[int(i)], Kind(int(k)).name, float(w), int(t))
            for u, i, k, w, t in zip(events.users, events.items, events.kinds, events.weights, events.times,
                                     strict=True)]  # fmt: skip
    assert told == [
        ("u", "trait: city = lyon", "trait", 1.0, 10), ("u", "a", "purchase", 1.0, 10), ("u", "-", "search", 0.0, 20),
        ("u", "search: warm coat", "search", 0.5, 20), ("u", "b", "purchase", 1.0, 30),
        ("v", "trait: city = lyon", "trait", 1.0, 5), ("v", "a", "purchase", 1.0, 5), ("v", "-", "search", 0.0, 6),
        ("v", "search: warm coat", "search", 0.5, 6), ("w", "trait: city = lyon", "trait", 1.0, 5),
        ("x", "trait: city = lyon", "trait", 1.0, 5),
    ]  # fmt: skip
    assert heard.catalogue.titles() == ["one", "two", "warm coat", "trait: city = lyon"]
    assert not events.positive[events.items >= 2].any()
    assert Cues.from_state(cues.state()) == cues


def test_a_review_is_heard_by_how_well_it_speaks() -> None:
    log = log_of(
        ("u", "a", "purchase", None, 1), ("v", "a", "purchase", None, 1),
        ("u", "b", "review", "great sleeves", 2), ("v", "b", "review", "terrible sleeves", 2),
    )  # fmt: skip
    cues = Cues.of(data := gb.Dataset.from_frames(ITEMS, log), HearSpec(reviews=0.8))
    heard = cues.dataset(data).events
    sleeves = 2 + cues.ids.index("word: sleeves")
    said = {int(u): float(w) for u, i, w in zip(heard.users, heard.items, heard.weights, strict=True) if i == sleeves}
    assert said == {0: pytest.approx(0.8)}


def test_numbers_are_cut_into_bins_and_what_one_person_has_alone_is_left_out() -> None:
    people = [f"u{n}" for n in range(50)]
    log = log_of(*((person, "a", "purchase", None, n) for n, person in enumerate(people)))
    users = pd.DataFrame(
        {"user_id": people, "age": range(20, 70), "mail": [f"{p}@x" for p in people], "joined": ["2020-01-02"] * 50}
    )
    cues = Cues.of(gb.Dataset.from_frames(ITEMS, log, users), HearSpec())
    assert cues.traits == (
        "age = below 29.8", "age = from 29.8 below 39.6", "age = from 39.6 below 49.4", "age = from 49.4 below 59.2",
        "age = from 59.2",
    )  # fmt: skip


def test_without_anything_to_hear_nothing_changes() -> None:
    log = log_of(("u", "a", "purchase", None, 1), ("v", None, "search", "coat", 2), ("v", "a", "purchase", None, 3))
    data = gb.Dataset.from_frames(ITEMS, log)
    for hear in (HearSpec(searches=0, reviews=0, traits=0), HearSpec(most=0)):
        cues = Cues.of(data, hear)
        assert len(cues) == 0 and cues.dataset(data) is data
    alone = gb.Dataset.from_frames(ITEMS, None, pd.DataFrame({"user_id": ["u", "v"], "city": ["x", "x"]}))
    assert len(Cues.of(alone, HearSpec())) == 0


def test_an_item_that_is_named_like_a_cue_is_one_clear_error() -> None:
    items = pd.DataFrame({"item_id": ["a", "search: coat"], "title": ["one", "two"]})
    log = log_of(("u", "a", "purchase", None, 1), ("u", None, "search", "coat", 2))
    data = gb.Dataset.from_frames(items, log)
    with pytest.raises(DatasetError, match="search: coat"):
        Cues.of(data, HearSpec()).dataset(data)


def test_a_run_answers_with_items_alone_and_hears_a_visitor_by_traits(tmp_path) -> None:
    data = shop("traits")
    settings = SETTINGS | {"ablations": False, "baselines": {}, "tune.trials": 2, "hear.traits": 1}
    run = gb.run(data, out=tmp_path / "run", settings=settings, split="given")
    run = gb.Run.open(tmp_path / "run")
    own = set(data.items)
    shown = run.recommend(traits={"city": "Kyoto"}, k=12)
    assert set(shown["item_id"]) <= own
    assert shown["title"].str.startswith("winter").mean() > 0.8  # whom Kyoto likes: the fourth taste
    assert set(run.recommend_many(["u0", "u1"], k=96, include_seen=True)["item_id"]) <= own
    assert set(run.similar("i0", k=95)["item_id"]) <= own and set(run.similar_all(k=95)["similar_item_id"]) <= own
    assert set(run.search(text="winter", k=90)["item_id"]) <= own
    why = run.explain(shown["item_id"][0], user="u1")
    assert any(one.startswith("trait: city") for one in why.events["item_id"])
    assert why.events["share"].sum() + why.prior == pytest.approx(why.score)
    with pytest.raises(UserError, match="city = Rome"):
        run.recommend(traits={"city": "Rome"})
    after = gb.update(run, data, out=tmp_path / "after")
    assert after.recommend(traits={"city": "Kyoto"}, k=12)["item_id"].tolist() == shown["item_id"].tolist()


def test_the_search_says_how_loud_a_model_hears_and_the_run_keeps_it(tmp_path) -> None:
    run = gb.run(shop("searches"), out=tmp_path / "run", settings=SETTINGS, split="given")
    models = run.report["models"]
    assert models["weave"]["hear"]["search"] > 0
    assert "hear" not in models["weave (without cues)"]
    assert run.report["cues"]["searches"] == 16
    cues = gb.Run.open(tmp_path / "run").served.cues
    assert cues.hear.searches == models["weave"]["hear"]["search"]
    assert bool(cues.traits) == (models["weave"]["hear"]["trait"] > 0)


def test_a_loudness_that_is_said_is_not_searched(tmp_path) -> None:
    settings = SETTINGS | {"hear.searches": 0.5, "hear.reviews": 0, "hear.traits": 0, "tune.trials": 3}
    report = gb.run(shop("searches"), out=tmp_path / "run", settings=settings, split="given", final=False).report
    assert report["models"]["weave"]["hear"] == {"search": 0.5}
    assert report["cues"] == {"searches": 16, "words": 0, "traits": 0}
