"""Our EASE and ALS against RecTools' EASE and implicit's ALS: one split, one mask, the same fixed settings.

    pip download --no-deps recbole            # MovieLens-100k stands in this wheel; nothing of it is installed
    pip install rectools implicit             # beside Gobelin, best in an environment of their own
    python benchmarks/ml100k.py recbole-1.2.1-py3-none-any.whl

The atomic files are imported, liked films (rating >= 4) split at random (seed 0, 5-core), train and validation masked.
Every model's scores go through one plain ranking that is written here and knows nothing of Gobelin's. Nothing is
tuned. What is not installed is left out and named. Bar: Recall@20 within .003; ALS starts at random, so its figure is
the mean over --starts. Settings of implicit: alpha = 1 + 1 / unseen and l / unseen, which is the same objective.
"""

import argparse
import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, csr_matrix

from gobelin.contest.bench import Bench
from gobelin.data.dataset import Dataset
from gobelin.data.split import Split
from gobelin.data.splits import make_split
from gobelin.importers import import_dataset
from gobelin.models.als import Als
from gobelin.models.ease import Ease
from gobelin.values import FeatureTable

BAR = 0.003
REGULARISATION = (50.0, 100.0, 500.0)  # of EASE
FACTORS, UNSEEN, L = 64, 0.1, 3.0  # of ALS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="recbole's wheel, or a folder with ml-100k.inter")
    parser.add_argument("--starts", type=int, default=10, help="random starts of each ALS")
    parser.add_argument("--iterations", type=int, default=60, help="of each ALS; at 15 neither has settled")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = read(args.source, Path(scratch))
    split = make_split(data, "random", 0)
    table = FeatureTable(split.items, {})
    bench = Bench(split, split.train_value(table))
    print(
        f"{len(data.events):,} ratings read; split random, seed 0: {split.counts['users']:,} users, "
        f"{len(split.items):,} items, {split.counts['train']:,} / {len(split.validation):,} / {len(split.test):,} pairs"
    )
    x = bench.train.matrix()
    within = ease(bench, x) & als(bench, x, args.starts, args.iterations)
    sys.exit(0 if within else 1)


def read(source: Path, scratch: Path) -> Dataset:
    """ml-100k through our own importer, from the wheel or a folder."""
    if source.suffix == ".whl":
        inside = "recbole/dataset_example/ml-100k/ml-100k"
        with zipfile.ZipFile(source) as wheel:
            for ending in (".inter", ".item", ".user"):
                (scratch / f"ml-100k{ending}").write_bytes(wheel.read(inside + ending))
        source = scratch
    done = import_dataset("recbole", source, scratch / "dataset")
    return Dataset.read(done.folder)


def ease(bench: Bench, x: csr_array) -> bool:
    print(f"\n{'EASE, l':<12}{'ours':>10}{'RecTools':>10}{'difference':>12}{'most, entries':>15}")
    rectools = installed("rectools")
    within = True
    for l2 in REGULARISATION:
        model = Ease(regularisation=l2).fit(bench.train, np.random.default_rng(0))
        ours = recall(x @ model.similarities(np.arange(x.shape[1], dtype=np.int32)), bench.split)
        check(bench, model, ours)
        if not rectools:
            print(f"{l2:<12g}{ours:>10.4f}{'-':>10}")
            continue
        theirs_matrix = rectools_matrix(x, l2)
        theirs = recall(x @ theirs_matrix, bench.split)
        apart = np.abs(model.similarities(np.arange(x.shape[1], dtype=np.int32)) - theirs_matrix).max()
        print(f"{l2:<12g}{ours:>10.4f}{theirs:>10.4f}{ours - theirs:>+12.4f}{apart:>15.1e}")
        within &= abs(ours - theirs) <= BAR
    return within


def rectools_matrix(x: csr_array, l2: float) -> np.ndarray:
    """RecTools' item-item matrix in our order of items."""
    from rectools import Columns
    from rectools.dataset import Dataset as Theirs
    from rectools.models import EASEModel

    users, items = x.nonzero()
    log = pd.DataFrame({Columns.User: users, Columns.Item: items, Columns.Weight: 1.0,
                        Columns.Datetime: pd.Timestamp("2000-01-01")})  # fmt: skip
    dataset = Theirs.construct(log)
    model = EASEModel(regularization=l2)
    model.fit(dataset)
    outer = dataset.item_id_map.external_ids.astype(int)
    matrix = np.zeros((x.shape[1], x.shape[1]), dtype=np.float32)
    matrix[np.ix_(outer, outer)] = model.weight
    return matrix


def als(bench: Bench, x: csr_array, starts: int, iterations: int) -> bool:
    print(f"\nALS, {FACTORS} factors, unseen {UNSEEN}, l {L}, {iterations} iterations, {starts} starts")
    ours = []
    for start in range(starts):
        model = Als(factors=FACTORS, unseen=UNSEEN, regularisation=L, iterations=iterations)
        model.fit(bench.train, np.random.default_rng(start))
        ours.append(recall(model.score(bench.train.queries()), bench.split))
        check(bench, model, ours[-1])
    print(f"ours      {told(ours)}")
    if not installed("implicit"):
        return True
    from implicit.als import AlternatingLeastSquares

    theirs = []
    for start in range(starts):
        other: Any = AlternatingLeastSquares(
            factors=FACTORS, regularization=L / UNSEEN, alpha=1 + 1 / UNSEEN, iterations=iterations,
            random_state=start, num_threads=1,
        )  # fmt: skip
        log = csr_matrix(x)
        other.fit(log, show_progress=False)
        # users folded in from their history, as ours are: the factors of the last iteration lag half a step behind
        people = other.recalculate_user(np.arange(x.shape[0]), log)
        theirs.append(recall(people @ other.item_factors.T, bench.split))
    print(f"implicit  {told(theirs)}")
    apart = float(np.mean(ours) - np.mean(theirs))
    print(f"difference of the means {apart:+.4f}")
    return abs(apart) <= BAR


def recall(scores: np.ndarray, split: Split, k: int = 20) -> float:
    """Mean over test users of hits / test items, what train and validation hold left out."""
    held = {part: split.pairs(part) for part in ("validation", "test")}
    scores = np.array(scores, dtype=np.float64)
    for pairs in (split.train_pairs, held["validation"]):
        scores[pairs.users, pairs.items] = -np.inf
    found = []
    for user in held["test"].askers():
        wanted = held["test"].items[held["test"].users == user]
        best = np.argsort(-scores[user], kind="stable")[:k]
        found.append(np.isin(wanted, best).mean())
    return float(np.mean(found))


def check(bench: Bench, model: Any, plain: float) -> None:
    """Gobelin's own ranking and metric say what the plain one here says."""
    own = bench.value(model, bench.exam("test"), "recall@20")
    assert abs(own - plain) < 5e-4, f"the plain ranking says {plain:.5f}, gobelin {own:.5f}"


def installed(package: str) -> bool:
    if importlib.util.find_spec(package) is None:
        print(f"{package} is not installed: its column is left out (pip install {package})")
        return False
    return True


def told(values: list[float]) -> str:
    return f"mean {np.mean(values):.4f}  (each " + " ".join(f"{value:.4f}" for value in values) + ")"


if __name__ == "__main__":
    main()
