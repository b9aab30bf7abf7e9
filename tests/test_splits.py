"""A split holds out pairs: no row of a held-out pair stays in train, and nothing is lost without being counted."""

from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy.sparse import csr_array

from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.splits import KINDS, Split, make_split, split_ratings
from gobelin.errors import SplitError, UnknownName
from gobelin.values import FeatureTable, Kind
from gobelin.values.vocabulary import tie_hash


def dataset_of(
    rows: list[tuple], columns: str = "user_id item_id timestamp event", items: int = 0, **options
) -> Dataset:
    log = pd.DataFrame(rows, columns=columns.split())
    ids = [f"i{n}" for n in range(items)] or sorted({row[1] for row in rows if row[1]})
    return Dataset.from_frames(pd.DataFrame({"item_id": ids}), log, **options)


def pairs_of(split: Split, part: str) -> set[tuple[str, str]]:
    pairs = split.pairs(part)
    return {(split.users[u], split.items[i]) for u, i in zip(pairs.users.tolist(), pairs.items.tolist(), strict=True)}


def rows_of(split: Split, events: Events) -> list[tuple[str, str | None, str]]:
    return [
        (split.users[u], split.items[i] if i >= 0 else None, Kind(k).name)
        for u, i, k in zip(events.users.tolist(), events.items.tolist(), events.kinds.tolist(), strict=True)
    ]


def mask_of(split: Split, part: str) -> csr_array:
    """(queries of the part, items) 1 where the user already liked the item."""
    return split.seen(part).matrix(len(split.users), len(split.items))[split.pairs(part).askers()]


def targets_of(split: Split, part: str) -> csr_array:
    """(queries of the part, items) 1 for each pair held out."""
    return split.pairs(part).matrix(len(split.users), len(split.items))[split.pairs(part).askers()]


def block(users: int, items: int) -> list[tuple]:
    """Everyone buys everything, at rising times."""
    return [(f"u{u}", f"i{i}", u * items + i, "purchase") for u in range(users) for i in range(items)]


def test_every_row_of_a_held_out_pair_of_any_kind_leaves_train_and_others_stay() -> None:
    rows = [("u", f"i{n}", n, "purchase") for n in range(10)]
    rows += [("u", f"i{n}", 100 + n, "view") for n in range(10)] + [("u", None, 50, "search"), ("u", "i10", 60, "view")]
    split = make_split(dataset_of(rows, items=11), "none", seed=0)
    [(_, held)] = pairs_of(split, "validation")
    train = Counter(rows_of(split, split.train))
    assert train[("u", held, "purchase")] == train[("u", held, "view")] == 0
    assert sum(train.values()) == 9 + 9 + 1 + 1
    assert train[("u", None, "search")] == 1 and train[("u", "i10", "view")] == 1
    assert Counter(rows_of(split, split.added)) == {("u", held, "purchase"): 1, ("u", held, "view"): 1}


def test_the_core_is_what_remains_when_thin_users_and_items_are_taken_away_again_and_again() -> None:
    # a 5 x 5 block; a sixth user reaches 5 only through item i5, which has 2 users and falls first
    rows = block(5, 5) + [("thin", f"i{n}", 0, "purchase") for n in (0, 1, 2, 3, 5)] + [("u0", "i5", 0, "purchase")]
    split = make_split(dataset_of(rows), "random")
    assert set(split.items) == {"i0", "i1", "i2", "i3", "i4"}
    assert split.rows.tolist() == [0, 1, 2, 3, 4]
    assert (split.counts["users"], split.counts["users_outside"], split.counts["items_outside"]) == (5, 1, 1)
    assert split.counts["events_outside"] == 6
    assert "thin" in split.users and split.histories.lengths.tolist() == [3, 3, 3, 3, 3, 0]
    assert len(split.validation) == len(split.test) == 5


@pytest.mark.parametrize(("n", "held"), [(3, 1), (5, 1), (14, 1), (15, 2), (25, 2), (26, 3), (35, 4)])
def test_a_tenth_of_each_users_pairs_is_held_out_halves_going_to_the_even_number(n: int, held: int) -> None:
    split = make_split(dataset_of(block(2, n)), "random", core=1)
    for part in ("validation", "test"):
        assert np.bincount(split.pairs(part).users).tolist() == [held, held]
    assert len(split.train) == 2 * (n - 2 * held)


def test_a_user_with_fewer_than_three_pairs_is_all_train_in_random() -> None:
    rows = [*block(1, 4), ("few", "i0", 0, "purchase"), ("few", "i1", 0, "purchase")]
    split = make_split(dataset_of(rows), "random", core=1)
    assert split.counts["users_too_small"] == 1
    assert {user for user, _ in pairs_of(split, "test") | pairs_of(split, "validation")} == {"u0"}


def test_another_seed_draws_other_pairs_and_the_same_seed_the_same() -> None:
    dataset = dataset_of(block(5, 30))
    one, again, other = (make_split(dataset, "random", seed) for seed in (1, 1, 2))
    assert pairs_of(one, "test") == pairs_of(again, "test") != pairs_of(other, "test")
    counts = Counter(item for seed in range(60) for _, item in pairs_of(make_split(dataset, "random", seed), "test"))
    assert min(counts.values()) > 10 and len(counts) == 30  # 30 expected: every item is drawn


def test_time_splits_everyone_at_the_same_two_moments_of_the_positive_events() -> None:
    # ten purchases at 0..9: q80 = t[8] = 8, q90 = t[9] = 9; the views do not move the quantiles
    rows = [("u", f"i{n}", n, "purchase") for n in range(10)] + [("u", "i20", 1_000 + n, "view") for n in range(50)]
    split = make_split(dataset_of(rows, items=21))
    assert split.kind == "time" and (split.now, split.later) == (8, 9)
    assert pairs_of(split, "validation") == {("u", "i8")} and pairs_of(split, "test") == {("u", "i9")}
    assert len(split.train) == 8 and split.counts["events_after_train"] == 52
    assert split.refit().now == 9 and len(split.refit().train) == 9


def test_in_time_pairs_already_in_the_history_are_dropped_and_counted() -> None:
    rows = [("u", f"i{n}", n, "purchase") for n in range(17)]  # 0..16 train
    rows += [("u", "i0", 17, "purchase"), ("v", "i17", 17, "purchase")]  # validation: one repeat, one of a new user
    rows += [("v", "i17", 19, "purchase"), ("u", "i18", 19, "purchase")]  # test: a repeat of validation, one target
    rows += [("u", "i18", 1, "view"), ("u", None, 2, "search"), ("u", "i3", 18, "view")]
    # 21 positives: q80 = t[16] = 16, so event 16 is validation too; q90 = t[18] = 17
    split = make_split(dataset_of(rows))
    assert (split.now, split.later) == (16, 17)
    assert pairs_of(split, "validation") == {("u", "i16")}
    assert pairs_of(split, "test") == {("v", "i17"), ("u", "i18")}
    assert split.counts["test_pairs_already_in_history"] == 1  # u, i0 at 17
    assert ("u", "i18", "view") not in rows_of(split, split.train)
    assert ("u", None, "search") in rows_of(split, split.train)
    assert split.counts["cold_users_test"] == 1  # v has no history, and is asked for all the same
    assert split.histories.take(split.test.askers()).lengths.tolist() == [17, 0]
    assert split.counts["cold_pairs_test"] == 2 and split.cold[split.items.row("i17")] == 3
    merged = split.refit()
    assert ("u", "i16", "purchase") in rows_of(merged, merged.train)
    assert ("u", "i18", "view") not in rows_of(merged, merged.train)
    assert merged.train.times.tolist() == sorted(merged.train.times.tolist())


def test_leave_last_takes_the_last_pair_then_the_one_before_and_orders_one_moment_by_hash() -> None:
    rows = [("u", f"i{n}", min(n, 2), "purchase") for n in range(6)] + [
        ("two", "i0", 1, "purchase"),
        ("two", "i1", 2, "purchase"),
    ]
    rows += [("one", "i0", 5, "purchase")]
    for seed in range(5):
        split = make_split(dataset_of(rows), "leave-last", seed)
        tied = ["i2", "i3", "i4", "i5"]
        by_hash = [tied[n] for n in np.argsort(tie_hash(tied, seed))]
        assert pairs_of(split, "test") == {("u", by_hash[-1]), ("two", "i1")}
        assert pairs_of(split, "validation") == {("u", by_hash[-2])}
        assert split.counts["users_too_small"] == 1


def test_cold_items_have_no_event_in_train_and_are_targets_of_their_own_part() -> None:
    rows = block(8, 20) + [("u0", f"i{n}", 0, "view") for n in range(20)]
    split = make_split(dataset_of(rows), "cold-items", seed=3)
    assert Counter(split.cold.tolist()) == {0: 16, 1: 2, 2: 2}
    assert not np.isin(split.train.items, np.flatnonzero(split.cold)).any()
    for part, mark in (("validation", 1), ("test", 2)):
        pairs = split.pairs(part)
        marks = split.cold[pairs.items]
        assert (marks == mark).sum() == 16 and set(marks.tolist()) == {0, mark}
        assert (marks == 0).sum() == 8 * 2  # round(16 / 10) of each user's warm pairs
    after = split.refit()
    assert Counter(after.cold.tolist()) == {0: 18, 2: 2}
    assert not np.isin(after.train.items, np.flatnonzero(after.cold)).any()


def test_a_mere_view_of_a_cold_item_leaves_train_as_well() -> None:
    rows = [*block(8, 20), *(("v", f"i{n}", n, "purchase" if n < 10 else "view") for n in range(20))]
    dropped = 0
    for seed in range(3):
        split = make_split(dataset_of(rows), "cold-items", seed)
        assert not np.isin(split.train.items, np.flatnonzero(split.cold)).any()
        dropped += split.counts["events_of_cold_items"]
    assert dropped > 0


def test_given_follows_the_column_and_a_pair_in_several_parts_belongs_to_the_first() -> None:
    rows = [("u", "a", "train"), ("u", "b", "validation"), ("u", "c", "test"), ("u", "a", "test"), ("u", "b", "test"),
            ("u", "d", "train")]  # fmt: skip
    split = make_split(dataset_of(rows, "user_id item_id split"), "given")
    assert pairs_of(split, "validation") == {("u", "b")} and pairs_of(split, "test") == {("u", "c")}
    assert [item for _, item, _ in rows_of(split, split.train)] == ["a", "d"]
    assert split.counts["test_pairs_already_in_history"] == 2


def test_lists_of_the_test_may_show_validation_where_only_train_is_masked() -> None:
    rows = [("u", "a", "train"), ("u", "b", "validation"), ("u", "c", "test")]
    dataset = dataset_of(rows, "user_id item_id split")
    both, train = (make_split(dataset, "given", mask=mask) for mask in ("train+validation", "train"))
    assert mask_of(both, "test").toarray().tolist() == [[1, 1, 0]]
    assert mask_of(train, "test").toarray().tolist() == [[1, 0, 0]]
    assert mask_of(both, "validation").toarray().tolist() == [[1, 0, 0]]
    assert mask_of(train, "validation").toarray().tolist() == [[1, 0, 0]]
    assert mask_of(train.refit(), "test").toarray().tolist() == [[1, 1, 0]]  # what a history holds is never shown


def test_none_keeps_no_test_and_asks_a_tenth_of_each_user() -> None:
    split = make_split(dataset_of([*block(3, 20), ("one", "i0", 0, "purchase")]), "none")
    assert len(split.test) == 0 and len(split.validation) == 6 and len(split.train) == 55
    assert split.counts["users_too_small"] == 1


def test_a_split_that_leaves_a_part_empty_names_the_setting() -> None:
    one_moment = dataset_of([("u", f"i{n}", 5, "purchase") for n in range(9)])
    with pytest.raises(SplitError, match=r"'time' leaves no pair for train and validation.*--split random"):
        make_split(one_moment)
    with pytest.raises(SplitError, match=r"'random' leaves no pair for train.*--core \(it is 5\)"):
        make_split(one_moment, "random")
    timeless = dataset_of([("u", "a"), ("u", "b")], "user_id item_id")
    for kind in ("time", "leave-last"):
        with pytest.raises(SplitError, match="no times"):
            make_split(timeless, kind)
    with pytest.raises(SplitError, match="no column 'split'"):
        make_split(timeless, "given")
    with pytest.raises(SplitError, match="'random' leaves no pair"):
        make_split(timeless)  # without times, random
    with pytest.raises(SplitError, match="a tenth of them is none"):
        make_split(dataset_of(block(5, 5)), "cold-items", core=5)
    for kind in ("random", "time", "given"):
        with pytest.raises(SplitError, match="no positive event"):
            make_split(Dataset.from_frames(pd.DataFrame({"item_id": ["a"]})), kind)
    with pytest.raises(UnknownName, match="Did you mean 'leave-last'"):
        make_split(timeless, "leave_last")


def test_a_catalogue_without_a_log_is_split_into_nothing_and_keeps_every_item() -> None:
    for kind in (None, "auto", "none"):
        split = make_split(Dataset.from_frames(pd.DataFrame({"item_id": ["a", "b"]})), kind)
        assert (split.kind, list(split.items), split.cold.tolist()) == ("none", ["a", "b"], [3, 3])
        assert len(split.train) == len(split.validation) == len(split.test) == 0


def test_masks_and_targets_are_positive_pairs_by_asking_user() -> None:
    rows = [*block(5, 10), ("u0", "i3", 0, "view")]
    split = make_split(dataset_of(rows, items=11), "random", seed=1)
    for part in ("validation", "test"):
        mask, targets = mask_of(split, part), targets_of(split, part)
        assert mask.shape == targets.shape == (5, 10)
        assert mask.sum() == 5 * (8 if part == "validation" else 9)
        assert (mask * targets).nnz == 0
    both = (mask_of(split, "test") + targets_of(split, "test")).toarray()
    assert (both == 1).all()


def test_a_disliked_item_is_in_the_history_but_not_masked_and_counts_as_cold() -> None:
    rows = [("u", f"i{n}", 5.0) for n in range(10)] + [("u", "bad", 1.0)]
    split = make_split(dataset_of(rows, "user_id item_id rating"), "random", core=1)
    assert "bad" not in split.items  # outside the core of positives
    split = make_split(dataset_of(rows, "user_id item_id rating"), "none")
    bad = split.items.row("bad")
    assert bad in split.train.items and split.cold[bad] == 3
    assert mask_of(split, "validation").toarray()[0, bad] == 0


def test_train_value_is_what_models_are_fitted_on() -> None:
    split = make_split(dataset_of(block(5, 10)), "random")
    train = split.train_value(FeatureTable(split.items, {}))
    assert train.users == split.users and train.now == 49
    np.testing.assert_array_equal(train.counts(), np.bincount(split.train.items, minlength=10))


def test_ratings_of_all_values_are_held_out_and_the_last_of_a_pair_counts() -> None:
    rows = [("u", f"i{n}", n, 1 + n % 5) for n in range(20)] + [
        ("u", "i0", 99, 3.5),
        ("v", "i0", 1, 2),
        ("v", "i1", 1, 2),
    ]
    rows.append(("u", "i7", 100, None))
    split = split_ratings(dataset_of(rows, "user_id item_id timestamp rating"), seed=0)
    assert split is not None and split.kind == "ratings"
    assert (len(split.train), len(split.validation), len(split.test)) == (18, 2, 2)
    assert split.counts["repeats"] == 1 and split.counts["users_too_small"] == 1
    expected = {f"i{n}": 1 + n % 5 for n in range(20)} | {"i0": 3.5}
    for part in ("validation", "test"):
        pairs = split.pairs(part)
        assert [expected[split.items[i]] for i in pairs.items.tolist()] == pairs.ratings.tolist()
    mine = split.train.keep(split.train.users == 0)
    assert [expected[split.items[i]] for i in mine.items.tolist()] == mine.ratings.tolist()


def test_ratings_of_fewer_than_three_values_are_no_scale() -> None:
    assert split_ratings(dataset_of([("u", f"i{n}", n % 2) for n in range(9)], "user_id item_id rating")) is None
    assert split_ratings(dataset_of(block(2, 9))) is None


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[tuple], int]:
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, n_users - 1).map("u{}".format),
                st.integers(0, n_items - 1).map("i{}".format),
                st.integers(0, 20),
                st.sampled_from(["purchase", "purchase", "purchase", "view", "search"]),
                st.sampled_from(["train", "train", "validation", "test"]),
            ),
            min_size=1,
            max_size=120,
        )
    )
    rows = [(u, None if e == "search" and t % 2 else i, t, e, part) for u, i, t, e, part in rows]
    return [("u0", "i0", 0, "purchase", "train"), *rows], n_items


@given(logs(), st.sampled_from(KINDS), st.integers(0, 3), st.integers(1, 3))
def test_no_held_out_pair_is_in_train_and_nothing_is_lost(
    log: tuple[list[tuple], int], kind: str, seed: int, core: int
) -> None:
    rows, n_items = log
    dataset = dataset_of(rows, "user_id item_id timestamp event split", items=n_items)
    try:
        split = make_split(dataset, kind, seed, core)
    except SplitError:
        return
    n = len(split.items)
    keys = {part: set((p.users.astype(int) * n + p.items).tolist()) for part, p in
            (("validation", split.validation), ("test", split.test), ("train", split.train_pairs))}  # fmt: skip
    assert not keys["validation"] & keys["test"]
    seen = set((split.train.users.astype(int) * n + split.train.items)[split.train.items >= 0].tolist())
    assert not seen & (keys["validation"] | keys["test"])
    later = split.refit()
    seen_later = set((later.train.users.astype(int) * n + later.train.items)[later.train.items >= 0].tolist())
    assert not seen_later & keys["test"] and len(later.train) == len(split.train) + len(split.added)
    assert set(keys["validation"]) <= seen_later

    counts, events = split.counts, dataset.events
    assert counts["train_events"] == len(split.train) and counts["events"] == len(events)
    gone = sum(counts[f"events_{why}"] for why in ("outside", "of_held_out_pairs", "of_cold_items", "after_train"))
    assert len(split.train) + gone == len(events)
    assert counts["train"] == len(keys["train"])
    positive = events.positive
    pairs = len(set(zip(events.users[positive].tolist(), events.items[positive].tolist(), strict=True)))
    assert counts["repeats"] == positive.sum() - pairs
    if kind in ("time", "leave-last", "none"):
        assert counts["train"] + counts["validation"] + counts["test"] == pairs
    if kind == "time":
        assert (split.train.times < split.now).all()
    if kind in ("random", "cold-items"):
        total = np.zeros(n)
        for part in (split.train_pairs, split.validation, split.test):
            np.add.at(total, part.items, 1)
        assert (total >= core).all()
    if kind == "random":
        for user in split.test.askers():
            held, whole = (split.test.users == user).sum(), sum((p.users == user).sum() for p in
                (split.train_pairs, split.validation, split.test))  # fmt: skip
            assert held == (split.validation.users == user).sum() == max(1, round(whole / 10))
    for part in ("validation", "test"):
        targets = targets_of(split, part)
        assert targets.nnz == len(split.pairs(part)) and (mask_of(split, part) * targets).nnz == 0
    rows = split.rows.tolist()
    assert [dataset.items[row] for row in rows] == list(split.items) and split.users == dataset.users


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "users", "items", "sizes"),
    [
        ("hm_week", 8_925, 3_186, (46_270, 9_267, 9_267)),
        ("hm_product", 8_693, 2_142, (43_515, 8_947, 8_947)),
        ("movielens_small", 601, 1_955, (32_945, 4_141, 4_141)),
    ],
)
def test_the_random_split_has_the_sizes_of_the_published_baselines(
    real: Path, name: str, users: int, items: int, sizes: tuple[int, int, int]
) -> None:
    split = make_split(Dataset.read(real / name), "random", 0)
    assert (split.counts["users"], len(split.items)) == (users, items)
    assert (len(split.train_pairs), len(split.validation), len(split.test)) == sizes
    assert len(split.train_pairs) == split.train_value(FeatureTable(split.items, {})).matrix().nnz


@pytest.mark.real
def test_the_time_split_of_movielens_leaves_eighteen_known_test_users(real: Path) -> None:
    split = make_split(Dataset.read(real / "movielens_small"))
    lengths = split.histories.take(split.test.askers()).lengths
    assert (len(lengths), int((lengths > 0).sum())) == (80, 18) and split.counts["cold_users_test"] == 62


@pytest.mark.real
def test_movielens_ratings_are_held_out_by_tenths(real: Path) -> None:
    split = split_ratings(Dataset.read(real / "movielens_small"))
    assert (len(split.train), len(split.validation), len(split.test)) == (80_650, 10_093, 10_093)
