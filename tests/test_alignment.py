"""Streams on one timeline and patches on one grid: by hand, and against the integral that the mean is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gobelin.media.alignment import Aligned, Grid, Stream, align, align_grids, pad


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def test_a_clip_its_sound_and_its_words_meet_on_one_timeline() -> None:
    frames = Stream.at(column(1, 2, 3, 4), [0.0, 0.5, 1.0, 1.5])  # each stays until the next
    sound = Stream.at(column(10, 20), [0.0, 1.0], lasts=1.0)
    words = Stream.at(column(100, 300, 500), [0.1, 0.4, 1.6], lasts=0.0)
    out = align([frames, sound, words], rate=1.0)
    assert out.edges.tolist() == [0.0, 1.0, 2.0]
    assert out.values.tolist() == [[1.5, 10, 200], [3.5, 20, 500]]
    assert out.mask.all()
    finer = align([frames, sound, words], rate=2.0)
    assert finer.values.tolist() == [[1, 10, 200], [2, 10, 0], [3, 20, 0], [4, 20, 500]]
    assert finer.mask[:, 2].tolist() == [True, False, False, True]


def test_a_piece_counts_by_the_time_it_shares_with_a_step() -> None:
    out = align([Stream.at(column(0, 9), [0.0, 1.0], lasts=1.0)], steps=3)  # steps of 2/3 s
    assert np.allclose(out.values[:, 0], [0, 4.5, 9])
    assert np.allclose(align([Stream.at(column(3, 6), [0.0, 0.5], lasts=1.0)], steps=1).values, [[4.5]])


def test_a_missing_stream_is_masked_and_does_not_lower_a_mean() -> None:
    seen, heard = Stream.at(column(2, 4), [0.0, 1.0]), Stream.none(1)
    side_by_side = align([seen, heard], steps=2)
    assert side_by_side.values.tolist() == [[2, 0], [4, 0]]
    assert side_by_side.mask.tolist() == [[True, False], [True, False]]
    assert align([seen, heard], steps=2, join="mean").values.tolist() == [[2], [4]]
    late = Stream.at(column(8), [1.0], lasts=1.0)
    assert align([seen, late], steps=2, join="mean").values.tolist() == [[2], [6]]
    nothing = align([Stream.none(3), Stream.none(2)], steps=4)
    assert nothing.values.shape == (4, 5)
    assert not nothing.mask.any()
    assert align([Stream.none(3)], rate=2.0).values.shape == (1, 3)


def test_moments_on_the_edges_are_never_lost() -> None:
    words = Stream.at(column(1, 2, 4), [0.0, 1.0, 2.0], lasts=0.0)
    assert align([words], steps=2).values.tolist() == [[1], [3]]
    assert align([words], rate=1.0).values.tolist() == [[1], [3]]
    assert align([words], steps=2, span=(0.0, 2.0)).values.tolist() == [[1], [3]]
    assert align([words], rate=1.0, span=(0.0, 5.0)).mask[:, 0].tolist() == [True, True, True, False, False]
    assert align([Stream.at(column(7), [3.0])], steps=2).values.max() == 7


def test_a_span_leaves_out_what_lies_outside() -> None:
    frames = Stream.at(column(1, 2, 3, 4), [0.0, 1.0, 2.0, 3.0])
    assert align([frames], steps=2, span=(1.0, 3.0)).values.tolist() == [[2], [3]]
    assert align([frames], steps=1, span=(10.0, 12.0)).mask.tolist() == [[False]]


@hypothesis_settings(max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 9))
def test_steps_hold_the_mean_of_what_a_fine_sampling_sees(seed: int, pieces: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 40, pieces) / 8
    stream = Stream(rng.normal(size=(pieces, 2)).astype(np.float32), starts, starts + rng.integers(1, 16, pieces) / 8)
    out = align([stream], steps=steps, span=(0.0, 6.0))
    moments = (np.arange(6 * 840) + 0.5) / 840  # divides eighths of a second and every number of steps asked for
    inside = (moments[:, None] >= stream.starts) & (moments[:, None] < stream.ends)
    for step in range(steps):
        here = inside[(moments >= out.edges[step]) & (moments < out.edges[step + 1])].sum(axis=0)
        assert bool(here.any()) == bool(out.mask[step, 0])
        if here.any():
            assert np.allclose(out.values[step], here @ stream.values / here.sum(), atol=2e-2)


def test_items_of_different_length_are_padded_and_masked() -> None:
    short = align([Stream.at(column(1, 2), [0.0, 1.0]), Stream.none(1)], rate=1.0)
    long = align([Stream.none(1), Stream.at(column(5, 6, 7), [0.0, 1.0, 2.0])], rate=1.0)
    both = pad([short, long])
    assert both.values.tolist() == [[[1, 0], [2, 0], [0, 0]], [[0, 5], [0, 6], [0, 7]]]
    assert both.mask.sum(axis=(1, 2)).tolist() == [2, 3]
    assert both.lengths.tolist() == [2, 3]
    assert not both.mask[0, 2].any()
    cut = pad([short, long], steps=1)
    assert cut.values.shape == (2, 1, 2)
    assert cut.lengths.tolist() == [1, 1]
    assert pad([short], steps=5).values.shape == (1, 5, 2)
    with pytest.raises(ValueError, match="different dims"):
        pad([short, align([Stream.none(1)], steps=1)])
    with pytest.raises(ValueError, match="at least one item"):
        pad([])


def test_grids_of_different_sizes_meet_by_area() -> None:
    two = Grid(np.array([[1, 2], [3, 4]], dtype=np.float32)[:, :, None])
    four = Grid(np.arange(16, dtype=np.float32).reshape(4, 4, 1))
    out = align_grids([two, four], 2, 2)
    assert out.values[:, :, 0].tolist() == [[1, 2], [3, 4]]
    assert out.values[:, :, 1].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert align_grids([two], 4, 4).values[:, :, 0].tolist() == [[1, 1, 2, 2]] * 2 + [[3, 3, 4, 4]] * 2
    assert np.allclose(align_grids([two], 1, 3).values[0, :, 0], [2, 2.5, 3])
    assert np.allclose(align_grids([two, four], 1, 1, join="mean").values, [[[(2.5 + 7.5) / 2]]])


def test_absent_patches_are_not_read() -> None:
    values = np.array([[1, np.nan], [3, 5]], dtype=np.float32)[:, :, None]
    present = np.array([[True, False], [True, True]])
    out = align_grids([Grid(values, present)], 1, 2)
    assert out.values[:, :, 0].tolist() == [[2, 5]]
    alone = align_grids([Grid(values, present)], 2, 2)
    assert alone.mask[:, :, 0].tolist() == present.tolist()
    assert alone.values[0, 1, 0] == 0


def test_what_cannot_be_aligned_is_told() -> None:
    one, two = Stream.none(1), Stream.none(2)
    with pytest.raises(ValueError, match=r"\[1, 2\] dims cannot be averaged"):
        align([one, two], steps=1, join="mean")
    with pytest.raises(ValueError, match="either steps or rate"):
        align([one])
    with pytest.raises(ValueError, match="at least one stream"):
        align([], steps=1)
    with pytest.raises(ValueError, match="before it begins"):
        align([one], steps=1, span=(2.0, 1.0))
    with pytest.raises(ValueError, match="ends before it starts"):
        Stream(column(1), np.array([2.0]), np.array([1.0]))
    assert isinstance(align([one], steps=2), Aligned)
