"""One fit of weave, forming G included, against LAPACK's potrf + potri of the same size and type.

    python benchmarks/solve.py ../shared/data/hm_week runs/hm_week

Alternating, best of five. The settings are those that the run chose. Bar: at most 4 times.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.linalg import lapack

from gobelin import recipe
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.encoding import encode
from gobelin.models.weave import Weave
from gobelin.parts import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("run", help="a run folder: its settings, split and seed are taken")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    report = json.loads((Path(args.run) / "report.json").read_text())
    settings = report["models"][report["chosen"]]["settings"]
    made = recipe.load(Path(args.run) / "recipe.toml")
    data = Dataset.read(args.dataset)
    split = make_split(data, report["split"]["kind"], report["split"]["seed"], made.split.core)
    table = encode(data, made, train_rows=split.rows[split.cold == 0]).table
    train = split.train_value(table.take(split.rows))
    n = len(train.items)
    raw = np.random.default_rng(0).standard_normal((n, 64)).astype(np.float32)
    spd = np.asfortranarray(raw @ raw.T + 100 * np.eye(n, dtype=np.float32))
    ours, theirs = [], []
    for _ in range(args.rounds):
        begun = time.perf_counter()
        make(Weave, settings, where="weave").fit(train, np.random.default_rng(0))
        ours.append(time.perf_counter() - begun)
        square = spd.copy(order="F")
        begun = time.perf_counter()
        factor, failed = lapack.spotrf(square, lower=1, overwrite_a=1, clean=0)
        lapack.spotri(factor, lower=1, overwrite_c=1)
        theirs.append(time.perf_counter() - begun)
        assert not failed
    print(f"items {n}, senses {len(table)}; best of {args.rounds}, alternating")
    print(
        f"weave fit {min(ours):.3f} s; potrf + potri {min(theirs):.3f} s; ratio {min(ours) / min(theirs):.2f} (bar 4)"
    )


if __name__ == "__main__":
    main()
