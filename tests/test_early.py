"""Early fusion: what each tower reads, what nobody may read, and a class that only two raw senses together tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gobelin import parts, store
from gobelin.errors import RecipeError, UserError
from gobelin.fusion._early_network import hidden, parted
from gobelin.fusion.early import Early
from gobelin.learning.joining import Joining
from gobelin.learning.towers import tower_of
from gobelin.protocols import Foretells, Fusion
from gobelin.values import FeatureTable, Layout, Target
from raw import CLIP, LEARN, PICTURE, RNG, SOUND, WORDS, features, mixed, numbers, pictures, puzzle, table, texts

BRIEF = {"epochs": 2, "width": 8, "batch": 16}


@pytest.mark.parametrize(
    ("layout", "length"), [(WORDS, 6), (PICTURE, 4), (Layout.of("picture 20x9x3"), 6), (SOUND, 4), (CLIP, 4), (None, 1)]
)
def test_a_tower_makes_a_short_sequence_and_marks_what_is_nothing(layout: Layout | None, length: int) -> None:
    chance = torch.Generator().manual_seed(0)
    tower = tower_of(layout, 7 if layout is None else layout.dim, 8, 0.0, chance)
    rows = torch.rand(3, 7 if layout is None else layout.dim, generator=chance) * 0.9 + 0.1
    rows = rows * 30 if layout == WORDS else rows
    tokens, real = tower(rows, None)
    assert tokens.shape == (3, length, 8) and tower.length == length and real.all()
    if layout is not None and layout.kind != "picture":
        half = rows.view(3, layout.shape[0], -1).clone()
        half[1, layout.shape[0] // 2 :] = 0
        _, marks = tower(half.view(3, -1), None)
        assert marks[0].all() and marks[1].tolist() == [place < length // 2 for place in range(length)]


def test_on_one_timeline_a_token_lies_in_the_steps_of_its_seconds() -> None:
    """Two seconds of sound beside one of film, in four steps; words have no time and go over all of it."""
    joining = Joining((4, 2, 2), (2.0, 1.0, 0.0), 3, "mean", 4, torch.Generator().manual_seed(0))
    assert torch.equal(joining.shares0, torch.eye(4))
    assert joining.shares1.tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    assert joining.shares2.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    tokens = [torch.full((1, length, 3), float(value)) for length, value in ((4, 1), (2, 3), (2, 7))]
    real = [torch.ones(1, 4, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 2, dtype=torch.bool)]
    with torch.no_grad():
        joining.which.zero_()
        joining.places.zero_()
        joined, marks = joining(tokens, real)
    assert joined[0, :, 0].tolist() == [2, 2, 1, 1] and marks.all()


def test_views_part_the_senses_and_hiding_leaves_one() -> None:
    chance = torch.Generator().manual_seed(0)
    held = torch.rand(200, 4, generator=chance) < 0.6
    left, right = parted(held, chance)
    several = held.sum(-1) > 1
    assert torch.equal((left | right), held) and not (left & right)[several].any()
    assert left[several].any(-1).all() and right[several].any(-1).all()
    assert torch.equal(left[~several], held[~several])
    kept = hidden(held, 0.7, chance)
    assert not (kept & ~held).any() and torch.equal(kept.any(-1), held.any(-1)) and kept.sum() < held.sum()


@pytest.mark.parametrize(
    ("reads", "join"), [("attention", "sequence"), ("mlp", "concatenate"), ("cnn", "mean"), ("rnn", "sequence")]
)
def test_nothing_absent_is_read_and_what_is_learned_comes_back_bit_for_bit(reads, join, tmp_path: Path) -> None:
    given, target = mixed(), numbers()
    fusion = Early(reads=reads, join=join, **BRIEF).fit(given, LEARN, target, RNG(0))
    assert isinstance(fusion, Fusion) and isinstance(fusion, Foretells)
    fused = fusion.fuse(given)
    assert np.isfinite(fused.values).all() and fused.present.tolist() == [i != 7 for i in range(48)]
    # zeros instead of NaN, other content where it may not be learned from, the senses turned round: the same network
    other = mixed(seed=1)
    swapped = [
        replace(one, values=np.nan_to_num(np.where(LEARN[:, None], one.values, other[name].values)))
        for name, one in reversed(given.features.items())
    ]
    again = Early(reads=reads, join=join, **BRIEF).fit(table(*swapped), LEARN, target, RNG(0))
    assert np.array_equal(again.fuse(given).values, fused.values)
    store.save_state(tmp_path / "fusion", fusion.state())
    back = Early.from_state(store.load_state(tmp_path / "fusion"))
    assert np.array_equal(back.fuse(given).values, fused.values)
    assert np.array_equal(back.predict(given), fusion.predict(given))
    # tables that no longer say how their rows lie, one row of one, and one that lacks senses
    bare = table(*(replace(one, layout=None) for one in given.features.values()))
    assert np.array_equal(back.fuse(bare).values, fused.values)
    assert np.allclose(back.fuse(given.take(np.array([5]))).values, fused.values[5:6], atol=1e-5)
    nowhere = np.ones(48, dtype=bool)
    few = back.fuse(given.only("text", "own"))
    hushed = back.fuse(given.without({"audio": nowhere, "image": nowhere, "video": nowhere}))
    assert np.array_equal(few.values, hushed.values) and np.array_equal(few.present, hushed.present)


def test_an_answer_is_in_the_target_s_unit_and_its_mean_where_nothing_is_said() -> None:
    given, target = mixed(), numbers()
    said = Early(**BRIEF).fit(given, LEARN, target, RNG(0)).predict(given)
    taught = LEARN & target.known & (np.arange(48) != 7)
    assert np.allclose(said[7], target.values[taught].mean(axis=0))
    assert 800 < said[:, 0].min() < said[:, 0].max() < 1200
    kinds = Target.classes("kind", ["abc"[i % 3] for i in range(48)])
    odds = Early(**BRIEF).fit(given, LEARN, kinds, RNG(0)).predict(given)
    assert np.allclose(odds.sum(axis=1), 1, atol=1e-5) and odds.min() >= 0
    marks = Target("marks", "labels", ("x", "y"), (RNG(0).random((48, 2)) < 0.4).astype(np.float32), kinds.known)
    labels = Early(**BRIEF).fit(given, LEARN, marks, RNG(0)).predict(given)
    assert labels.shape == (48, 2) and labels.min() > 0 and labels.max() < 1


def test_augmentation_changes_what_is_learned_and_strength_nought_is_the_plain_rows(monkeypatch) -> None:
    from gobelin.fusion import early

    given, target = mixed(), numbers()
    plain = Early(augment=0.0, **BRIEF).fit(given, LEARN, target, RNG(0)).fuse(given).values
    turned = Early(augment=1.0, **BRIEF).fit(given, LEARN, target, RNG(0)).fuse(given).values
    monkeypatch.setattr(early, "augmented", lambda rows, layout, strength, rng: rows)
    without = Early(augment=1.0, **BRIEF).fit(given, LEARN, target, RNG(0)).fuse(given).values
    assert np.array_equal(plain, without) and not np.allclose(plain, turned)


def accuracy(fusion: Early, given: FeatureTable, target: Target, rows: np.ndarray) -> float:
    return float((fusion.predict(given).argmax(axis=1) == target.codes())[rows].mean())


def test_a_class_that_two_raw_senses_tell_together_is_learned_and_neither_alone_tells_it() -> None:
    given, target, learn = puzzle(300)
    settings = {"width": 16, "epochs": 40, "batch": 32, "hide": 0.0, "learning_rate": 0.005, "augment": 0.1}
    both = Early(reads="attention", **settings).fit(given, learn, target, RNG(0))
    assert accuracy(both, given, target, ~learn) > 0.85
    settings["epochs"] = 4
    for name in ("image", "text"):
        alone = Early(reads="mlp", **settings).fit(given.only(name), learn, target, RNG(0))
        assert accuracy(alone, given.only(name), target, ~learn) < 0.65


@pytest.mark.long
@pytest.mark.parametrize("join", ["sequence", "concatenate", "mean"])
@pytest.mark.parametrize("reads", ["attention", "mlp", "cnn", "rnn"])
def test_every_body_and_every_join_solves_the_puzzle(reads: str, join: str) -> None:
    given, target, learn = puzzle(400)
    settings = {"width": 16, "epochs": 60, "batch": 32, "hide": 0.0, "learning_rate": 0.005, "augment": 0.1}
    fusion = parts.bind("fusion", "early", {"reads": reads, "join": join, **settings})
    assert accuracy(fusion.fit(given, learn, target, RNG(0)), given, target, ~learn) > 0.8


def test_without_a_target_views_of_one_item_meet() -> None:
    """Picture and text share a hidden kind; no target names it, and fused vectors of either sense tell it."""
    rng = RNG(0)
    kind = rng.random(180) < 0.5
    given, learn = table(pictures(kind, rng), texts(kind, rng)), np.arange(180) < 120
    settings = {"width": 16, "epochs": 8, "batch": 32, "learning_rate": 0.005, "augment": 0.1, "reads": "mlp"}
    fusion = Early(**settings).fit(given, learn, None, RNG(0))
    with pytest.raises(UserError, match="without a target"):
        fusion.predict(given)
    seen = fusion.fuse(given.only("image")).values
    middles = np.stack([seen[learn & (kind == one)].mean(axis=0) for one in (False, True)])
    told = np.linalg.norm(seen[:, None] - middles, axis=2).argmin(axis=1) == kind
    assert told[~learn].mean() > 0.9


def test_mistakes_are_one_clear_error() -> None:
    with pytest.raises(RecipeError, match="no layout"):
        Early(layouts={"image": "photo 3x3"})
    with pytest.raises(RecipeError, match="3 heads"):
        Early(width=32, heads=3)
    given = mixed()
    with pytest.raises(UserError, match="768 numbers"):
        Early(layouts={"image": "picture 9x9x3"}).fit(given, LEARN, None, RNG(0))
    unknown = replace(numbers(), known=np.zeros(48, dtype=bool))
    with pytest.raises(UserError, match="known target 'sizes'"):
        Early(**BRIEF).fit(given, LEARN, unknown, RNG(0))
    fusion = Early(**BRIEF).fit(given, LEARN, None, RNG(0))
    with pytest.raises(UserError, match="rows of 5 numbers"):
        fusion.fuse(table(features("own", np.ones((2, 5)), None)))
    nothing = given.without(dict.fromkeys(given, np.ones(48, dtype=bool)))
    with pytest.raises(UserError, match="any sense"):
        Early(**BRIEF).fit(nothing, LEARN, None, RNG(0))
