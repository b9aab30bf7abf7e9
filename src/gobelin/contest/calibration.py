"""How loud new items may speak: the scale of regressed columns in a ranking among all items, chosen on validation."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int64
from gobelin.contest import contenders
from gobelin.contest.bench import Bench, PartName, judged
from gobelin.contest.contenders import Found
from gobelin.data.split import WARM
from gobelin.recipe import TuneSpec

GRID = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0)
CURVE = "recall@20"
LEAST_USERS = 30  # with fewer who want a new item, validation says nothing of its scale
WARM_COST = 0.02  # share of warm recall that the new items may cost on validation, so that test stays under 3 %


@dataclass(frozen=True)
class Joint:
    """The trade-off curve: for each scale what warm and cold items get in one ranking among all (Recall@20)."""

    chosen: float
    validation: tuple[tuple[float, float, float], ...]  # (scale, warm, cold)

    def with_test(self, bench: Bench, model: Any) -> dict[str, Any]:
        """As the report has it, with the same curve on the test part (shown, never chosen by)."""
        test = curve(bench, model, "test")
        rows = [
            {"c": c, "warm": warm, "cold": cold, "warm_validation": vw, "cold_validation": vc}
            for (c, warm, cold), (_, vw, vc) in zip(test, self.validation, strict=True)
        ]
        return {"chosen_c": self.chosen, "metric": CURVE, "curve": rows}


def calibrated(found: Found, bench: Bench, tune: TuneSpec) -> tuple[Found, Joint | None]:
    """The found settings with `cold_scale` chosen on validation, where the model has one and the split can judge it.

    `cold-items`: the scale that gives new items most while known items lose at most WARM_COST of their recall.
    Other splits: the scale that the search's own metric likes best.
    """
    bench = bench.hearing(found.hear)
    fixed = "cold_scale" in found.contender.settings
    if fixed or "cold_scale" not in found.settings or len(bench.exam("validation", "all", "cold")) < LEAST_USERS:
        return found, None
    model: Any = contenders.fit(found.contender, found.settings, bench.train)
    rows = curve(bench, model, "validation")
    if bench.main == "cold":
        floor = (1 - WARM_COST) * rows[0][1]
        chosen = max((row for row in rows if row[1] >= floor), key=lambda row: (row[2], -row[0]))[0]
    else:
        exam = bench.exam("validation")
        chosen = max(GRID, key=lambda c: (bench.value(_scaled(model, c), exam, tune.metric), -c))
    return replace(found, settings={**found.settings, "cold_scale": chosen}), Joint(chosen, tuple(rows))


def curve(bench: Bench, model: Any, part: PartName) -> list[tuple[float, float, float]]:
    """(scale, warm recall, cold recall) for every scale of the grid; the model keeps the scale it had."""
    before = model.cold_scale
    exam = bench.exam(part)
    user = np.repeat(np.arange(len(exam)), exam.counts)
    warm = bench.split.cold[exam.relevant.indices] == WARM
    rows = []
    for c in GRID:
        ranks = bench.ranks(_scaled(model, c), exam)  # one ranking among all: both figures come from it
        rows.append((c, _recall(ranks[warm], user[warm]), _recall(ranks[~warm], user[~warm])))
    model.cold_scale = before
    return rows


def _recall(ranks: Int64[Array, " pairs"], user: Int64[Array, " pairs"]) -> float:
    """Mean over the users of these pairs."""
    return judged(ranks, np.unique(user, return_counts=True)[1], CURVE)


def _scaled(model: Any, scale: float) -> Any:
    model.cold_scale = scale
    return model
