"""The search finds what it should, spends what it may, and judges no model twice."""

import pytest

from gobelin.contest import tuning
from gobelin.parts import Knob

GRID = tuple(range(10))
KNOBS = [Knob("a", GRID), Knob("b", GRID), Knob("weight", GRID, "text")]


def bowl(settings) -> float:
    """Highest at a = 7, b = 2, text = 4."""
    return -((settings["a"] - 7) ** 2) - (settings["b"] - 2) ** 2 - (settings["weight"]["text"] - 4) ** 2


START = {"a": 3, "b": 3, "weight": {"text": 5}, "other": "kept"}


def test_it_reaches_the_best_of_a_smooth_bowl() -> None:
    found = tuning.search(bowl, START, KNOBS, trials=100, seconds=60)
    assert found.best.settings == {"a": 7, "b": 2, "weight": {"text": 4}, "other": "kept"}
    assert found.ended == "settled"
    assert len(found.trials) < 25


def test_it_never_ends_below_its_start() -> None:
    found = tuning.search(lambda s: float(s["a"] == 3), START, KNOBS, trials=100, seconds=60)
    assert found.best.settings == START


def test_it_makes_no_more_trials_than_it_may() -> None:
    found = tuning.search(bowl, START, KNOBS, trials=4, seconds=60)
    assert (len(found.trials), found.ended) == (4, "trials")


def test_without_time_the_start_is_judged_all_the_same() -> None:
    found = tuning.search(bowl, START, KNOBS, trials=100, seconds=0)
    assert (len(found.trials), found.ended) == (1, "seconds")


def test_the_same_model_is_judged_once() -> None:
    judged = []

    def judge(settings) -> float:
        judged.append(settings["a"])
        return bowl(settings)

    tuning.search(judge, START, KNOBS[:1], trials=100, seconds=60, key=lambda s: str(s["a"] // 2))
    assert len(judged) == len({a // 2 for a in judged})


@pytest.mark.parametrize(("value", "place"), [(3, 3), (3.4, 3), (100, 9)])
def test_a_start_off_the_grid_steps_from_its_nearest_value(value, place) -> None:
    knob = Knob("a", GRID)
    assert tuning.position({"a": value}, knob) == place


def test_strides_grow_while_they_pay_and_a_far_best_is_found_in_few_fits() -> None:
    knob = Knob("x", tuple(range(12)))
    found = tuning.search(lambda s: -abs(s["x"] - 9), {"x": 0}, [knob], trials=40, seconds=60)
    assert found.best.settings["x"] == 9 and len(found.trials) <= 8


def test_a_setting_of_several_senses_is_moved_for_all_of_them_first() -> None:
    """Only together do they pay: one alone is worse."""
    knobs = [Knob("w", (1, 2, 3), sense) for sense in ("text", "image")]

    def judge(settings):
        text, image = settings["w"]["text"], settings["w"]["image"]
        return text + image - 10 * abs(text - image)

    found = tuning.search(judge, {"w": {"text": 1, "image": 1}}, knobs, trials=40, seconds=60)
    assert found.best.settings["w"] == {"text": 3, "image": 3}


def test_a_step_that_lost_much_is_not_tried_again_but_one_that_lost_little_is() -> None:
    """`b` is hopeless at first sight; `c` only just failed, and pays once `a` has moved."""
    judged: list[dict] = []

    def judge(settings) -> float:
        judged.append(settings)
        a, b, c = settings["a"], settings["b"], settings["c"]
        return 10.0 * a - 1_000.0 * b + c * (a - 5.5)

    knobs = [Knob("c", (0, 1)), Knob("b", (0, 1)), Knob("a", tuple(range(10)))]
    found = tuning.search(judge, {"a": 5, "b": 0, "c": 0}, knobs, trials=100, seconds=60)
    assert found.best.settings == {"a": 9, "b": 0, "c": 1}
    assert sum(settings["b"] for settings in judged) == 1
