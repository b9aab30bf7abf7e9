"""Plots: where marks stand, that intervals are drawn, that labels keep out of each other's way."""

import re

import pytest

from gobelin.evaluation import marks, plots
from gobelin.evaluation.words import Measure, duration, figure, interval, measure, metric_of, percent, ranges, scalar


def numbers(markup: str, tag: str, attribute: str, kind: str = "") -> list[float]:
    """An attribute of every element of that tag and class, in order."""
    found = re.findall(rf"<{tag}[^>]*>", markup)
    return [
        float(re.search(rf' {attribute}="([^"]+)"', one)[1]) for one in found if not kind or f'class="{kind}"' in one
    ]


@pytest.mark.parametrize(
    ("raw", "step"), [(0.011, 0.02), (0.02, 0.02), (0.021, 0.025), (0.03, 0.05), (0.07, 0.1), (3, 5), (130, 200)]
)
def test_steps_are_round_numbers(raw: float, step: float) -> None:
    assert marks.nice_step(raw) == pytest.approx(step)


def test_an_axis_begins_at_nought_and_makes_room_for_intervals() -> None:
    scale = marks.axis([Measure(0.2, 0.15, 0.25)], 0.0, 100.0, room=1.0)
    assert (scale.low, scale.high) == (0.0, 0.25)
    assert scale(0.0) == 0.0 and scale(0.25) == 100.0 and scale(0.125) == 50.0
    below = marks.axis([Measure(-0.1, -0.2, 0.1)], 0.0, 100.0, room=1.0)
    assert (below.low, below.high) == (-0.2, 0.1)
    assert marks.axis([], 0.0, 1.0).high > 0


def test_ticks_hold_nought_and_stay_within_the_axis() -> None:
    ticks = marks.Scale(-0.02, 0.31, 0.0, 1.0).ticks(5)
    assert ticks == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert 0.0 in ticks


def test_a_whisker_runs_from_low_to_high() -> None:
    rows = [plots.Dot("a", Measure(0.2, 0.1, 0.4)), plots.Dot("b", Measure(0.1))]
    drawn = plots.dots("t", rows, "share", "x", 720)
    base = numbers(drawn, "line", "x1", "base")[0]
    bead = numbers(drawn, "circle", "cx", "f-behaviour")
    low, high = (numbers(drawn, "line", "x1", "whisker")[at] for at in (0, 1))
    assert (bead[0] - base) / (low - base) == pytest.approx(2, abs=0.02)
    assert (high - base) / (low - base) == pytest.approx(4, abs=0.02)
    assert (bead[1] - base) == pytest.approx(low - base, abs=0.02)
    assert drawn.count('class="interval"') == 1  # b has none to draw


@pytest.mark.parametrize("width", [plots.WIDE, plots.NARROW])
def test_no_mark_leaves_its_drawing(width: int) -> None:
    values = [Measure(0.3, 0.1, 0.5), Measure(0.01, 0.0, 0.02)]
    drawings = [
        plots.dots("t", [plots.Dot("a rather long name of a model", v, ("text",), "baseline") for v in values], "share",
                   "x", width),
        plots.lines("t", [("0-5", "9 pairs"), ("over 5", "8 pairs")], [plots.Series("weave", tuple(values), ("text",))],
                    "share", "x", width),
        plots.plane("t", [plots.Point(f"m{i}", v, v) for i, v in enumerate(values)], ("x", "y"), width),
        plots.bars("t", [("encode", 3.0, "1 MB"), ("fit", 0.0, "")], duration, width),
        plots.tapestry("t", "weave", Measure(1.0, 0.99, 1.0), ("text",), ("EASE", Measure(0.0, 0.0, 0.1)), width),
    ]  # fmt: skip
    for drawn in drawings:
        height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', drawn)[1])
        for attribute, end in (("cx", width), ("x1", width), ("x2", width), ("cy", height), ("y1", height)):
            tag = "circle" if attribute.startswith("c") else "line"
            assert all(-1 <= at <= end + 1 for at in numbers(drawn, tag, attribute)), attribute
        assert all(-1 <= at <= height for at in numbers(drawn, "text", "y"))


def test_a_bead_is_cut_into_the_threads_that_a_model_reads() -> None:
    assert 'class="f-behaviour"' in marks.bead(0, 0, ())
    assert marks.bead(0, 0, ("text",)).count("<path") == 0
    three = marks.bead(0, 0, ("text", "image", "own vectors"))
    assert re.findall(r'<path[^>]*class="f-([a-z-]+)"', three) == ["text", "image", "own-vectors"]
    assert "ring" in marks.bead(0, 0, (), strong=True)


def test_a_twined_line_shares_its_length_among_its_threads() -> None:
    drawn = marks.twine([(0, 0), (90, 0)], ("text", "image", "audio"))
    assert re.findall(r'stroke-dasharray="([\d ]+)"', drawn) == ["8 16"] * 3
    assert [abs(float(x)) for x in re.findall(r'stroke-dashoffset="(-?[\d.]+)"', drawn)] == [0, 8, 16]


@pytest.mark.parametrize(("share", "stitches"), [(0.0, 0), (0.005, 1), (0.28, 28), (0.281, 29), (1.0, 100)])
def test_the_tapestry_is_woven_as_far_as_the_share_goes(share: float, stitches: int) -> None:
    drawn = plots.tapestry("t", "weave", Measure(share), ("text",), None)
    woven = "".join(re.findall(r'<path d="([^"]*)" class="f-text', drawn))
    assert woven.count("M") == stitches
    lengths = sum(float(x) for x in re.findall(r"h([\d.]+)v", woven))
    assert lengths == pytest.approx((plots.WIDE - 2) * share, abs=stitches * 0.006 + 0.01)
    assert re.search(r'<path d="([^"]*)" class="warp"', drawn)[1].count("M") == 100


def test_labels_are_spread_apart_and_kept_inside() -> None:
    assert marks.spread([10, 12, 50], 15, 0, 100) == [10, 25, 50]
    assert marks.spread([98, 99], 15, 0, 100) == [85, 100]
    assert marks.spread([-5, 3], 15, 0, 100) == [0, 15]
    assert marks.spread([], 15, 0, 100) == []


def test_names_in_a_plane_cover_neither_marks_nor_one_another() -> None:
    points = [plots.Point(f"model {i}", Measure(0.5 + i * 0.004), Measure(0.2 + i * 0.001)) for i in range(5)]
    drawn = plots.plane("t", points, ("x", "y"))
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="label">(model \d)', drawn)
    boxes = [(float(x), float(y) - 10, float(x) + marks.letters(name), float(y) + 3) for x, y, name in found]
    assert len(boxes) == 5
    for at, a in enumerate(boxes):
        for b in boxes[at + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_gaps_in_a_series_are_left_out() -> None:
    series = [plots.Series("a", (Measure(0.1), None, Measure(0.3))), plots.Series("none", (None, None, None))]
    drawn = plots.lines("t", [("x", ""), ("y", ""), ("z", "")], series[:1], "share", "axis")
    assert len(numbers(drawn, "circle", "cx", "f-behaviour")) == 2
    assert "y:" not in re.search(r'aria-label="([^"]*)"', drawn)[1]
    plots.lines("t", [("x", ""), ("y", ""), ("z", "")], series, "share", "axis")


def test_bars_begin_at_nought_and_keep_their_proportions() -> None:
    drawn = plots.bars("t", [("a", 4.0, ""), ("b", 1.0, ""), ("none", 0.0, "")], duration)
    wide = numbers(drawn, "rect", "width")
    assert wide[0] / wide[1] == pytest.approx(4, rel=0.01)
    assert len(set(numbers(drawn, "rect", "x"))) == 1
    assert "0.00 s" in drawn


def test_a_mini_plot_puts_value_and_interval_on_the_common_scale() -> None:
    drawn = plots.mini("a", Measure(0.5, 0.25, 0.75), (0.0, 1.0), "share")
    assert numbers(drawn, "line", "x1", "stroke") == [60.0]
    assert numbers(drawn, "rect", "x") == [32.0] and numbers(drawn, "rect", "width") == [56.0]


def test_every_drawing_says_its_finding_and_its_numbers() -> None:
    drawn = plots.dots("A finding", [plots.Dot("<b>", Measure(0.281, 0.273, 0.289))], "share", "x")
    assert "<title>A finding</title>" in drawn
    assert 'aria-label="A finding. &lt;b&gt;: 28.1 % (27.3 to 28.9)"' in drawn
    assert "<b>" not in drawn


def test_long_names_are_cut_to_their_room() -> None:
    assert marks.shorten("short", 100) == "short"
    cut = marks.shorten("a name that goes on and on", 60)
    assert cut.endswith("…") and marks.letters(cut) <= 60
    assert marks.letters("羊毛") == 26


# --- figures -----------------------------------------------------------------------------------------------------


def test_figures_are_written_as_their_unit_is() -> None:
    assert (figure(0.2807, "share"), figure(0.1416, "score"), figure(11.618, "plain")) == ("28.1", "0.142", "11.62")
    assert percent(-0.012) == "−1.2 %"
    assert figure(-0.0001, "share") == "0.0"
    assert interval(Measure(0.28, 0.27, 0.29), "share") == "27.0 to 29.0"
    assert interval(Measure(0.28, 0.27, 0.29), "share", short=True) == "27.0–29.0"
    assert interval(Measure(0.0, -0.01, 0.01), "share", short=True) == "−1.0 to 1.0"
    assert interval(Measure(0.28), "share") == ""
    assert [duration(s) for s in (0.368, 12.44, 59.97, 245, 4320)] == [
        "0.37 s",
        "12.4 s",
        "60.0 s",
        "4 min 05 s",
        "1 h 12 min",
    ]
    assert ranges("6-15 events") == "6–15 events" and ranges("pre-war") == "pre-war"
    assert [scalar(x) for x in (None, True, 1234, 0.12345, [], float("nan"))] == [
        "–",
        "yes",
        "1,234",
        "0.1235",
        "none",
        "–",
    ]
    assert scalar(0.00228, "density") == "0.228 %"


def test_measures_come_from_numbers_intervals_and_spreads_and_never_from_nan() -> None:
    assert measure(0.5) == Measure(0.5) and measure(1) == Measure(1.0)
    assert measure({"value": 0.5, "low": 0.4, "high": 0.6}) == Measure(0.5, 0.4, 0.6)
    assert measure({"mean": 0.5, "sd": 0.1}) == Measure(0.5, 0.4, 0.6)
    assert measure({"value": float("nan"), "low": 0.1, "high": 0.2}) is None
    assert measure("words") is None and measure(None) is None
    assert Measure(0.2, 0.1, 0.4).shifted(0.0, -1.0) == Measure(-0.2, -0.4, -0.1)


def test_metrics_are_known_by_name_and_the_unknown_is_shown_as_it_is() -> None:
    assert metric_of("recall@20")[0].label == "Recall" and metric_of("recall@20")[1] == 20
    assert metric_of("diversity_content@10")[0].label == "Diversity of content"
    assert metric_of("recall+ndcg@20")[0].label == "Geometric mean of Recall and NDCG"
    strange, k = metric_of("my_own_score")
    assert (strange.label, strange.unit, k) == ("My own score", "plain", None)
