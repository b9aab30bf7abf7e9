"""What each sense adds on the demo shop: several shops, drawn from several seeds, their people pooled.

    python benchmarks/shops.py --shops 4

Each shop is drawn, encoded, split at random and searched as `gobelin run` does, once for each set of senses. The people
of different shops are different people, so the means and bootstrap intervals are over all of them. Planted truth: what
it shows is that a sense is heard where it carries taste, not what sounds or clips are worth in a real shop.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from gobelin import recipe
from gobelin.demo import build, write
from gobelin.evaluation.statistics import PerUser, summarise
from gobelin.experiment import contest

SETS = ("text", "text + image", "text + image + audio", "text + image + audio + video")
METRICS = ("recall@20", "ndcg@20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="seed of the first shop")
    parser.add_argument("--set", action="append", default=[], help="a setting of the recipe, as in `gobelin run`")
    args = parser.parse_args()
    made = recipe.load("weave", [*args.set, "baselines={}", f"ablations={list(SETS)}"]).with_split("random")
    found: dict[str, list[PerUser]] = {name: [] for name in SETS}
    for seed in range(args.first, args.first + args.shops):
        with tempfile.TemporaryDirectory() as folder:
            write(build(seed=seed), Path(folder) / "shop")
            trial, _ = contest(Path(folder) / "shop", made, seed=seed, baselines=True)
        for name in SETS:
            answers = trial.judged[f"weave ({name})"].answers
            assert answers is not None
            found[name].append(answers.per_user)
            print(f"shop {seed}  {name:<32}{answers.per_user.means()['ndcg@20']:.4f}", flush=True)
    people = sum(len(one["ndcg@20"]) for one in found[SETS[0]])
    print(f"\n{args.shops} shops, {people:,} people\n{'':<34}" + "".join(f"{metric:>26}" for metric in METRICS))
    for name, several in found.items():
        pooled = PerUser(np.arange(people), {m: np.concatenate([one[m] for one in several]) for m in METRICS})
        told = summarise(pooled, np.random.default_rng(0))
        cells = (f"{told[m]['value']:.4f} [{told[m]['low']:.4f}, {told[m]['high']:.4f}]" for m in METRICS)
        print(f"{name:<34}" + "".join(f"{cell:>26}" for cell in cells))


if __name__ == "__main__":
    main()
