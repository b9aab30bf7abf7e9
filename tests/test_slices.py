"""Slices: which pairs they mark, and what a model reaches within them, by hand."""

import json
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.sparse import csr_array

from gobelin.evaluation import Slice, evaluate, families, slice_table
from gobelin.evaluation.slices import by_activity, by_coldness, by_missing, by_popularity, by_variant
from gobelin.values import Features, FeatureTable, Ranked, Vocabulary

# three queries, five items; pairs in order: (0, 1) (0, 3) | (1, 0) | (2, 2) (2, 4)
RELEVANT = csr_array(np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 1]], dtype=np.float32))


def marks(slices):
    return {one.name: one.pairs.astype(int).tolist() for one in slices}


def ranked(*rows):
    items = np.array(rows, dtype=np.int32)
    return Ranked(items, np.where(items >= 0, 0, -np.inf).astype(np.float32))


def sense(name, present):
    ids = Vocabulary(f"i{i}" for i in range(len(present)))
    values = np.ones((len(present), 2), dtype=np.float32)
    return Features(name, name.split(".")[0], ids, values, np.array(present, dtype=bool))


def table(**senses):
    made = {name.replace("_", "."): sense(name.replace("_", "."), present) for name, present in senses.items()}
    return FeatureTable(next(iter(made.values())).ids, made)


def test_users_are_cut_by_their_events_at_the_stated_ends():
    assert marks(by_activity(RELEVANT, np.array([0, 5, 6]))) == {
        "0 events": [1, 1, 0, 0, 0],
        "1-5 events": [0, 0, 1, 0, 0],
        "6-15 events": [0, 0, 0, 1, 1],
    }
    assert marks(by_activity(RELEVANT, np.array([16, 50, 51]))) == {
        "16-50 events": [1, 1, 1, 0, 0],
        "over 50 events": [0, 0, 0, 1, 1],
    }


def test_items_are_cut_by_their_train_users_at_the_stated_ends():
    assert marks(by_popularity(RELEVANT, np.array([0, 5, 6, 50, 51]))) == {
        "0-5 events": [1, 0, 1, 0, 0],
        "6-15 events": [0, 0, 0, 1, 0],
        "16-50 events": [0, 1, 0, 0, 0],
        "over 50 events": [0, 0, 0, 0, 1],
    }


def test_any_kind_of_coldness_is_cold():
    assert marks(by_coldness(RELEVANT, np.array([0, 1, 2, 3, 0], dtype=np.uint8))) == {
        "cold items": [1, 1, 0, 1, 0],
        "warm items": [0, 0, 1, 0, 1],
    }


def test_an_item_lacks_a_modality_only_if_every_sense_of_it_is_absent():
    senses = table(text_words=[1, 0, 0, 1, 1], text_sentence=[1, 1, 0, 1, 1], image_lite=[1, 1, 0, 0, 1])
    assert marks(by_missing(RELEVANT, senses)) == {
        "lacks nothing": [1, 0, 1, 0, 1],
        "lacks text": [0, 0, 0, 1, 0],
        "lacks image": [0, 1, 0, 1, 0],
        "lacks everything": [0, 0, 0, 1, 0],
    }
    assert by_missing(RELEVANT, FeatureTable(senses.ids, {})) == []


def test_a_variant_is_another_item_of_a_group_in_this_users_own_history():
    group = ["shirt", "shirt", "sock", None, "sock"]
    histories = csr_array(np.array([[1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0]], dtype=np.float32))
    # user 0 had a shirt: item 1 is a variant, item 3 stands alone; user 1 had only item 3; user 2 had no sock
    assert marks(by_variant(RELEVANT, group, histories)) == {
        "variants": [1, 0, 0, 0, 0],
        "without variants": [0, 1, 1, 1, 1],
    }


def test_items_without_a_group_are_no_variants_of_one_another():
    histories = csr_array(np.ones((3, 5), dtype=np.float32))
    assert marks(by_variant(RELEVANT, [None] * 5, histories)) == {"without variants": [1] * 5}


def test_a_family_that_puts_all_pairs_in_one_slice_is_left_out():
    found = families(RELEVANT, activity=np.array([1, 2, 3]), counts=np.array([1, 9, 1, 1, 1]), cold=np.zeros(5, bool))
    assert list(found) == ["by item popularity"]
    found = families(
        RELEVANT,
        activity=np.array([0, 2, 3]),
        counts=np.ones(5, dtype=np.int64),
        cold=np.array([1, 0, 0, 0, 0], dtype=bool),
        table=table(text_words=[1, 0, 0, 1, 1]),
        group=["a", "a", None, None, None],
        histories=csr_array(np.array([[1, 0, 0, 0, 0]] * 3, dtype=np.float32)),
    )
    assert list(found) == ["by user activity", "cold items", "by missing modality", "product variants"]


def test_recall_and_ndcg_within_a_slice_are_hand_fractions():
    lists = {"weave": ranked([3, 1], [2, 0], [0, 1]), "ease": ranked([0, 2], [0, 4], [4, 2])}
    cut = {"family": [Slice("odd", np.array([0, 1, 1, 1, 1], dtype=bool))]}
    (row,) = slice_table(cut, RELEVANT, lists, np.random.default_rng(0), k=2)["family"]
    assert (row["slice"], row["pairs"], row["users"]) == ("odd", 4, 3)
    weave, ease = row["models"]["weave"], row["models"]["ease"]
    # weave: user 0 finds its pair at 1 (item 1 is outside the slice), user 1 at 2, user 2 none of two
    assert weave["recall@2"]["value"] == approx((1 + 1 + 0) / 3)
    assert weave["ndcg@2"]["value"] == approx((1 + 1 / log2(3) + 0) / 3)
    assert ease["recall@2"]["value"] == approx((0 + 1 + 1) / 3)
    assert ease["ndcg@2"]["value"] == approx((0 + 1 + 1) / 3)
    assert weave["recall@2"]["low"] <= weave["recall@2"]["value"] <= weave["recall@2"]["high"]


def test_a_hit_beyond_k_is_none():
    cut = {"family": [Slice("all", np.ones(5, dtype=bool))]}
    lists = {"m": ranked([0, 1, 3], [1, 2, 0], [0, 1, 3])}
    (row,) = slice_table(cut, RELEVANT, lists, np.random.default_rng(0), k=1)["family"]
    assert row["models"]["m"]["recall@1"]["value"] == 0
    with pytest.raises(ValueError, match="lists of 4"):
        slice_table(cut, RELEVANT, lists, np.random.default_rng(0), k=4)


def test_a_slice_of_some_users_leaves_the_others_out_of_its_mean():
    cut = {"family": by_activity(RELEVANT, np.array([3, 0, 0]))}
    lists = {"m": ranked([1, 3], [4, 3], [0, 3])}
    new, old = slice_table(cut, RELEVANT, lists, np.random.default_rng(0), k=2)["family"]
    assert (new["users"], new["models"]["m"]["recall@2"]["value"]) == (2, 0)
    assert (old["users"], old["models"]["m"]["recall@2"]["value"]) == (1, 1)


@given(st.integers(0, 2**32))
def test_the_slice_of_all_pairs_has_the_metrics_of_the_table(seed):
    rng = np.random.default_rng(seed)
    relevant = csr_array((rng.random((6, 9)) < 0.3).astype(np.float32))
    items = np.stack([rng.permutation(9)[:5] for _ in range(6)]).astype(np.int32)
    lists = ranked(*items.tolist())
    n = int(relevant.nnz)
    if n == 0:
        return
    whole = Slice("all", np.ones(n, dtype=bool))
    (row,) = slice_table({"f": [whole]}, relevant, {"m": lists}, rng, k=5, resamples=5)["f"]
    expected = evaluate(lists, relevant, ks=(5,)).means()
    for metric in ("recall@5", "ndcg@5"):
        assert row["models"]["m"][metric]["value"] == approx(expected[metric])


@given(st.integers(0, 2**32))
def test_recall_weighted_by_pairs_is_the_same_whole_or_cut(seed):
    """Hits are split between the bands, none lost and none twice."""
    rng = np.random.default_rng(seed)
    relevant = csr_array(np.eye(8, dtype=np.float32)[rng.permutation(8)])  # one pair a user: recall is a mean of hits
    lists = ranked(*[rng.permutation(8)[:3].tolist() for _ in range(8)])
    cut = {"f": by_popularity(relevant, rng.integers(0, 80, 8))}
    rows = slice_table(cut, relevant, {"m": lists}, rng, k=3, resamples=5)["f"]
    assert sum(row["pairs"] for row in rows) == 8
    hits = sum(row["pairs"] * row["models"]["m"]["recall@3"]["value"] for row in rows)
    assert hits / 8 == approx(evaluate(lists, relevant, ks=(3,)).means()["recall@3"])


def test_the_table_is_json():
    cut = {"by item popularity": by_popularity(RELEVANT, np.array([0, 5, 6, 50, 51]))}
    made = slice_table(cut, RELEVANT, {"m": ranked([1, 3], [4, 3], [0, 3])}, np.random.default_rng(0), k=2)
    assert json.loads(json.dumps(made)) == made
