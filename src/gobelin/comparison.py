"""Several recipes, several seeds, and what happens when senses are missing: one page, paired tests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gobelin import store
from gobelin.contest.contenders import Found
from gobelin.contest.evidence import SHOWN, Judged, plain_settings
from gobelin.data.dataset import Dataset
from gobelin.errors import RecipeError
from gobelin.evaluation.metrics import summarise
from gobelin.evaluation.report import write_compare
from gobelin.evaluation.statistics import corrected, over_seeds, pooled_difference
from gobelin.experiment import Progress, contest, resolved
from gobelin.meter import Meter
from gobelin.recipe import PartSpec, Recipe

METRICS = (f"recall@{SHOWN}", f"ndcg@{SHOWN}")

Whole = Mapping[str, Mapping[int, Judged]]
"""What was judged, by recipe and seed."""


def compare(
    dataset: Dataset | str | Path,
    recipes: Sequence[str],
    out: str | Path,
    *,
    split: str | None = None,
    seeds: int = 1,
    drops: Sequence[tuple[str, float]] = (),
    fills: Sequence[str] = (),
    search_once: bool = False,
    budget: float | None = None,
    settings: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Each recipe's model, searched and judged on the splits of seeds 0 .. seeds - 1; OUT/compare.{json,html} hold it.

    The first recipe is compared with every other one, user by user over all seeds, p-values corrected for their number
    (Holm). drops: (sense or "all", share): everything again with that share of items stripped of it. fills: ways to put
    in what is missing (`features.filling`): each recipe once for each of them, named "weave, fill = mean".
    search_once: settings are searched on seed 0 and kept for the others (a trained model still stops by validation).
    What was judged before a process was killed is not judged again.
    """
    if len(set(recipes)) != len(recipes) or not recipes:
        raise RecipeError(f"Recipes {', '.join(recipes) or '(none)'}.", "one or more, each once.", "e.g. weave,ease.")
    made = {name: resolved(name, settings, split, budget) for name in recipes}
    if fills:
        made = {
            f"{name}, fill = {way}": resolved(name, [*settings, f"model.fill={way}"], split, budget)
            for name in recipes
            for way in fills
        }
    store.ready(Path(out), kind="comparison")
    data = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    with store.working(Path(out)) as work:
        result = judged_by_recipe(
            data, made, seeds=seeds, drops=drops, search_once=search_once, workers=workers, progress=progress,
            command=command, work=work,
        )  # fmt: skip
        with store.publish(Path(out), kind="comparison") as folder:
            store.write_json(folder / "compare.json", result)
            write_compare(result, folder)
    return result


def judged_by_recipe(
    data: Dataset,
    made: Mapping[str, Recipe],
    *,
    seeds: int,
    work: Path,
    drops: Sequence[tuple[str, float]] = (),
    search_once: bool = False,
    pairs: Callable[[Whole], Sequence[tuple[str, str]]] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> dict[str, Any]:
    """What `compare.json` holds of these recipes, by the names they are given.

    pairs: of all that was judged, who is compared with whom; None: the first with every other one, as in `compare`.
    work: where a process that is killed leaves what was judged, for the next call.
    """
    tell = progress or (lambda step, done, total: None)
    meter = Meter()
    asked: dict[str, Any] = {}
    searched: dict[tuple[str, str], Recipe] = {}

    def judged(name: str, seed: int, drop: Mapping[str, float] | None) -> Judged:
        once = name, repr(drop)
        with meter.step(name):
            trial, _ = contest(
                data, searched.get(once, made[name]), seed=seed, baselines=False, drop=drop, workers=workers,
                meter=meter, tell=lambda step, done, total: tell(f"{name}, seed {seed}: {step}", done, total),
                work=work,
            )  # fmt: skip
        if search_once:
            searched.setdefault(once, _settled(made[name], trial.chosen.found))
        asked.update(trial.asked)
        if trial.chosen.answers is None:
            raise RecipeError("The split 'none' holds out no test.", "a split with a test part.", "choose another.")
        return trial.chosen

    with meter.running():
        whole = {name: {seed: judged(name, seed, None) for seed in range(seeds)} for name in made}
        dropped = [
            (sense, share, {n: {s: judged(n, s, {sense: share}) for s in range(seeds)} for n in made})
            for sense, share in drops
        ]
    return {
        "asked": {
            **{key: asked[key] for key in ("dataset", "split")},
            "command": command,
            "metric": METRICS[0],
            "seeds": list(range(seeds)),
        },
        "recipes": {
            name: {**_recipe(found), "memory_mb": round(meter.memory_mb.get(name, 0.0), 1)}
            for name, found in whole.items()
        },
        "comparisons": _comparisons(whole, pairs),
        "drops": [
            {
                "field": sense,
                "share": share,
                "recipes": {name: {"metrics": _mean(found)} for name, found in by_name.items()},
                "comparisons": _comparisons(by_name, pairs),
            }
            for sense, share, by_name in dropped
        ],
        **_by_step(meter, set(made)),
    }


def _settled(made: Recipe, found: Found) -> Recipe:
    """The recipe with nothing left to search."""
    model = PartSpec(part=found.contender.part, **found.settings)
    return made.model_copy(update={"model": model, "hear": made.hear.at(found.hear)})


def _by_step(meter: Meter, recipes: set[str]) -> dict[str, Any]:
    """The meter's figures without those of whole recipes, which stand beside their names."""
    told = meter.as_json()
    return {
        key: {step: value for step, value in one.items() if step not in recipes} if isinstance(one, dict) else one
        for key, one in told.items()
    }


def _recipe(found: Mapping[int, Judged]) -> dict[str, Any]:
    by_seed = {}
    for seed, one in found.items():
        assert one.answers is not None
        by_seed[str(seed)] = {
            "metrics": summarise(one.answers.per_user, _rng()),
            "settings": plain_settings(one.found.settings),
            "validation": one.found.validation,
            "trials": one.found.trials,
            "search_ended": one.found.ended,
            "seconds": round(sum(one.seconds.values()), 3),
        }
    senses = next(iter(found.values())).found.contender.senses
    return {"senses": list(senses), "seeds": by_seed, "mean": _mean(found)}


def _mean(found: Mapping[int, Judged]) -> dict[str, Any]:
    """Mean and deviation over seeds; with one seed the interval over people."""
    users = [one.answers.per_user for one in found.values() if one.answers is not None]
    if len(users) == 1:
        return dict(summarise(users[0], _rng()))
    out = {}
    for metric in users[0].values:
        values = [float(np.nanmean(one[metric])) for one in users]
        spread = over_seeds(values)
        out[metric] = {"value": spread["mean"], "sd": spread["sd"]}
    return out


def _comparisons(whole: Whole, pairs: Callable[[Whole], Sequence[tuple[str, str]]] | None) -> list[dict[str, Any]]:
    first, *rest = whole
    rows: list[dict[str, Any]] = []
    for name, other in [(first, other) for other in rest] if pairs is None else pairs(whole):
        for metric in METRICS:
            ours, theirs, users = [], [], []
            for seed, one in whole[name].items():
                a, b = one.answers, whole[other][seed].answers
                assert a is not None and b is not None
                shared, left, right = np.intersect1d(a.exam.users, b.exam.users, return_indices=True)
                ours.append(a.per_user[metric][left])
                theirs.append(b.per_user[metric][right])
                users.append(shared.astype(np.int64))
            found = pooled_difference(ours, theirs, users, _rng())
            rows.append({"model": name, "against": other, "metric": metric, **found.as_json()})
    return corrected(rows)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0x60BE)
