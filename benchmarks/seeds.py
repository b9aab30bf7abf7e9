"""The main contest over several seeds: means, the best baseline by validation, and a pooled paired interval.

    python benchmarks/seeds.py ../shared/data/hm_week --split random --seeds 3
    python benchmarks/seeds.py ../shared/data/hm_product --split cold-items --seeds 5

Every model of the recipe is searched on validation, alike, for each seed; the test part is looked at once.
"""

import argparse
import json
import sys

import numpy as np

from gobelin import recipe
from gobelin.contest.evidence import Trial, write_tables  # noqa: F401
from gobelin.data.dataset import Dataset
from gobelin.evaluation.statistics import over_seeds, pooled_difference
from gobelin.experiment import contest
from gobelin.meter import Meter

METRICS = ("recall@20", "ndcg@20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--split", default="random")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--recipe", default="weave")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--drop", type=float, default=None, help="share of items stripped of all content")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--refit", action="store_true", help="judge a fit on train + validation as well")
    parser.add_argument("--json", default=None, help="a file to write the figures to")
    args = parser.parse_args()
    data = Dataset.read(args.dataset)
    made = recipe.load(args.recipe, args.set).with_split(args.split)
    trials: list[Trial] = []
    for seed in range(args.first, args.first + args.seeds):
        meter = Meter()
        drop = None if args.drop is None else {"all": args.drop}
        with meter.running():
            trial, _ = contest(
                data, made, seed=seed, baselines=not args.no_baselines, refit=args.refit, drop=drop, meter=meter
            )
        trials.append(trial)
        for name, judged in trial.judged.items():
            assert judged.answers is not None
            means = judged.answers.per_user.means()
            cost = " ".join(f"{step} {s:.1f}" for step, s in judged.seconds.items())
            print(
                f"seed {seed}  {name:<32}  validation {judged.found.validation:.4f}  "
                + "  ".join(f"{m} {means[m]:.4f}" for m in METRICS)
                + f"  fits {judged.found.trials} ({judged.found.ended})  s: {cost}",
                flush=True,
            )
        if trial.refit is not None:
            means = trial.refit.per_user.means()
            print(f"seed {seed}  refit on train + validation  " + "  ".join(f"{m} {means[m]:.4f}" for m in METRICS))
        print(f"seed {seed}  settings {json.dumps(trial.chosen.found.settings)}", flush=True)
        if trial.joint is not None:
            print(f"seed {seed}  joint {json.dumps(trial.joint)}", flush=True)
        print(f"seed {seed}  variants {_without_variants(trial)}", flush=True)
        print(f"seed {seed}  {json.dumps(meter.as_json())}", flush=True)
    out = summary(trials)
    print(json.dumps(out, indent=1))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file, indent=1)


def summary(trials: list[Trial]) -> dict[str, object]:
    names = [n for n in trials[0].judged if all(n in t.judged for t in trials)]
    means = {n: {m: over_seeds([_means(t, n)[m] for t in trials]) for m in METRICS} for n in names}
    chosen = trials[0].recipe.name
    refits = [t.refit.per_user.means() for t in trials if t.refit is not None]
    if refits:
        means["refit on train + validation"] = {m: over_seeds([r[m] for r in refits]) for m in METRICS}
    baselines = [
        max(
            (n for n, j in t.judged.items() if j.found.contender.role == "baseline"),
            key=lambda n, t=t: t.judged[n].found.validation,
            default=None,
        )
        for t in trials
    ]
    out: dict[str, object] = {"mean over seeds": means, "best baseline by validation": baselines}
    if all(b is not None for b in baselines):
        for metric in METRICS:
            out[f"mean of it, {metric}"] = float(
                np.mean([_means(t, b)[metric] for t, b in zip(trials, baselines, strict=True)])
            )
            out[f"{chosen} - it, {metric}"] = _pooled(trials, [chosen] * len(trials), baselines, metric)
    for fewer in names:
        if trials[0].judged[fewer].found.contender.role == "ablation":
            out[f"{chosen} - {fewer}, ndcg@20"] = _pooled(
                trials, [chosen] * len(trials), [fewer] * len(trials), "ndcg@20"
            )
            out[f"{chosen} - {fewer}, recall@20"] = _pooled(
                trials, [chosen] * len(trials), [fewer] * len(trials), "recall@20"
            )
    pair = (f"{chosen} (text + image)", f"{chosen} (text)")
    if all(p in names for p in pair):
        for metric in METRICS:
            out[f"image on top of text, {metric}"] = _pooled(
                trials, [pair[0]] * len(trials), [pair[1]] * len(trials), metric
            )
    return out


def _means(trial: Trial, name: str) -> dict[str, float]:
    answers = trial.judged[name].answers
    assert answers is not None
    return answers.per_user.means()


def _pooled(trials, ours, theirs, metric) -> dict[str, object]:  # type: ignore[no-untyped-def]
    a = [t.judged[n].answers for t, n in zip(trials, ours, strict=True)]
    b = [t.judged[n].answers for t, n in zip(trials, theirs, strict=True)]
    users = [x.exam.users.astype(np.int64) for x in a]
    found = pooled_difference(
        [x.per_user[metric] for x in a], [x.per_user[metric] for x in b], users, np.random.default_rng(0)
    )
    return found.as_json()


def _without_variants(trial: Trial) -> str:
    from gobelin.contest.evidence import _slices

    rows = _slices(trial).get("product variants", [])
    return "; ".join(
        f"{row['slice']} ({row['pairs']} pairs): "
        + ", ".join(f"{n} {m['recall@20']['value']:.4f}" for n, m in row["models"].items() if "(" not in n)
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
