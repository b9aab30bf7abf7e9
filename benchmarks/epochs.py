"""CPU seconds of one epoch: our VBPR against Cornac's, our BPR against implicit's compiled loop, and our graph models.

    pip install cornac implicit                # beside Gobelin, best in an environment of their own
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/epochs.py ../shared/data/hm_week

Random split, seed 0. The peers get the same pairs, vectors of items, dimensions and (Cornac) batch; one thread each;
alternating in one process, best of --rounds. An epoch is the difference of a long and a short fit over their
difference of epochs, so that setting up is in neither. Bars: VBPR at most half of Cornac's, BPR within 3 times
implicit's, which has no batches and steps after each pair (ours: after as many as its default says). --profile says
where the time of an epoch goes. On a busy machine ours loses more than implicit's: it waits for memory.
"""

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

from gobelin import parts, recipe
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.encoding import encode
from gobelin.learning.senses import dense, joined
from gobelin.values import Train

GRAPHS = ("lightgcn", "freedom", "mgcn")
DIM = 64
SHORT = 1

Fit = Callable[[int], Any]
"""Fits for so many epochs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="the folder of hm_week")
    parser.add_argument("--only", choices=("vbpr", "bpr_mf", *GRAPHS), action="append", help="several by repetition")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="more in the long fit than in the short one")
    parser.add_argument("--pairs", type=int, default=2048, help="a batch, of all but BPR's")
    parser.add_argument("--profile", action="store_true", help="where an epoch of ours goes, by operator")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train = read(args.dataset)
    pairs = train.matrix().nnz
    print(
        f"{len(train.users):,} users, {len(train.items):,} items, {pairs:,} pairs; {', '.join(train.table)}; {DIM} dims"
    )
    within = True
    for name in args.only or ("vbpr", "bpr_mf", *GRAPHS):
        fits = {"ours": ours(name, train, args.pairs)}
        bar = {"vbpr": 0.5, "bpr_mf": 3.0}.get(name)
        if name == "vbpr" and installed("cornac"):
            fits["Cornac"] = cornac(train, args.pairs)
        if name == "bpr_mf" and installed("implicit"):
            fits["implicit"] = implicit(train)
        seconds = epochs(fits, args.rounds, args.epochs * (20 if name == "bpr_mf" else 1))  # os.times counts 10 ms
        told = ", ".join(f"{who} {value:.3f} s" for who, value in seconds.items())
        if len(seconds) == 2 and bar:
            first, second = seconds.values()
            within &= first <= bar * second
            told += f"; ratio {first / second:.2f} (bar {bar:g})"
        print(f"{name:<10}{told}", flush=True)
        if args.profile:
            profile(fits["ours"])
    sys.exit(0 if within else 1)


def read(folder: str) -> Train:
    made = recipe.load("weave", {})
    data = Dataset.read(folder)
    split = make_split(data, "random", 0, made.split.core)
    table = encode(data, made, train_rows=split.rows[split.cold == 0]).table
    return split.train_value(table.take(split.rows))


def epochs(fits: dict[str, Fit], rounds: int, more: int) -> dict[str, float]:
    """CPU seconds of one epoch each. Fits alternate, and the least of each length counts."""
    spent: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for length in (SHORT, SHORT + more):
            for who, fit in fits.items():
                begun = os.times()
                fit(length)
                ended = os.times()
                cpu = ended.user + ended.system - begun.user - begun.system
                spent.setdefault((who, length), []).append(cpu)
    return {who: (min(spent[who, SHORT + more]) - min(spent[who, SHORT])) / more for who in fits}


def ours(name: str, train: Train, pairs: int) -> Fit:
    sides: dict[str, int] = {"vbpr": {"sense_factors": DIM, "batch": pairs}, "bpr_mf": {}}.get(name, {"batch": pairs})

    def fit(length: int) -> Any:
        model = parts.bind("models", name, {"epochs": length, "factors": DIM, **sides})
        return model.fit(train, np.random.default_rng(0))

    return fit


def cornac(train: Train, pairs: int) -> Fit:
    """Cornac's VBPR on the same pairs; its pictures are our vectors of all senses joined."""
    from cornac.data import Dataset as Theirs
    from cornac.data import ImageModality
    from cornac.models import VBPR

    users, items = train.matrix().nonzero()
    known = train.counts() > 0
    said = joined(dense(train.table, known, np.random.default_rng(0)), len(known))
    # Cornac's rows are in order of first sight: ours of what stands in the log
    log = Theirs.from_uir([(int(u), int(i), 1.0) for u, i in zip(users, items, strict=True)], seed=0)
    order = list(log.iid_map)
    pictures = ImageModality(features=said[order], ids=order, normalized=False)
    log.add_modalities(item_image=pictures.build(id_map=log.iid_map))
    assert np.allclose(pictures.features[: len(order)], said[order])

    def fit(length: int) -> Any:
        model = VBPR(k=DIM, k2=DIM, n_epochs=length, batch_size=pairs, learning_rate=0.003, verbose=False, seed=0)
        return quietly(lambda: model.fit(log))

    return fit


def implicit(train: Train) -> Fit:
    from implicit.bpr import BayesianPersonalizedRanking

    log = csr_matrix(train.matrix())

    def fit(length: int) -> Any:
        model = BayesianPersonalizedRanking(factors=DIM, iterations=length, num_threads=1, random_state=0)
        return model.fit(log, show_progress=False)

    return fit


def quietly(call: Callable[[], Any]) -> Any:
    """Cornac prints when it is done."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        return call()


def profile(fit: Fit) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        fit(SHORT + 2)
    every = [one for one in seen.key_averages() if one.self_cpu_time_total > 0]
    total = sum(one.self_cpu_time_total for one in every)
    for one in sorted(every, key=lambda one: -one.self_cpu_time_total)[:8]:
        print(f"    {one.key:<40}{one.self_cpu_time_total / total:>7.1%}{one.count:>8} calls")


def installed(package: str) -> bool:
    if importlib.util.find_spec(package) is None:
        print(f"{package} is not installed: its column is left out (pip install {package})")
        return False
    return True


if __name__ == "__main__":
    main()
