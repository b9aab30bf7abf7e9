"""weave by neighbourhoods against the exact one, and at sizes where the exact one cannot be solved.

    python benchmarks/large.py real ../shared/data/hm_week ../shared/data/hm_product ../shared/data/movielens_small
    python benchmarks/large.py generated 30000 100000 300000
    python benchmarks/large.py generated 1000000
    python benchmarks/large.py generated 12000 --exact

real: random split, seed 0; settings of the exact weave by --trials on validation; the same settings by neighbourhoods
(`around`, `patch`, `kept` as they are by default) and as vectors of several ranks (`weave_vectors`); NDCG@20 on test
with the paired interval of the ratio, 95 %. Bar of the neighbourhoods: at least 97 %.

generated: N items of N / 50 kinds, 20 N events of N people who each like three kinds, two senses of 64 dimensions
(128 in all) that tell the kind with noise, some items without events. Each size in a process of its own: wall and CPU
seconds of the fit, the peak memory of the whole process, then top 20 of 1,000 people by
`ranking.top`, and NDCG@20 of one held-out event each, against popularity and, with --exact, the exact solver.
Bar at 1,000,000: 16 GB, 90 minutes on 2 cores.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from gobelin import ranking, recipe
from gobelin.contest import contenders
from gobelin.contest.bench import Bench
from gobelin.contest.contenders import Contender
from gobelin.data.cleaning import clean
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.encoding import encode
from gobelin.evaluation.metrics import ndcg
from gobelin.evaluation.statistics import paired_difference
from gobelin.models.popularity import Popularity
from gobelin.models.weave import Weave
from gobelin.models.weave_vectors import WeaveVectors
from gobelin.protocols import Recommender
from gobelin.values import Features, FeatureTable, Histories, Kind, Queries, Train, Vocabulary

PEOPLE = 1_000  # of a generated world that are ranked for
BEST = 20
RANKS = (256, 512, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    real = kinds.add_parser("real")
    real.add_argument("datasets", nargs="+")
    real.add_argument("--trials", type=int, default=25)
    drawn = kinds.add_parser("generated")
    drawn.add_argument("sizes", nargs="+", type=int)
    drawn.add_argument("--exact", action="store_true", help="judge the exact solver too (up to some 15,000 items)")
    args = parser.parse_args()
    if args.kind == "real":
        for folder in args.datasets:
            compare(Path(folder), args.trials)
    elif len(args.sizes) == 1:
        generated(args.sizes[0], args.exact)
    else:
        for size in args.sizes:
            command = [sys.executable, __file__, "generated", str(size), *(["--exact"] if args.exact else [])]
            subprocess.run(command, check=True)


def compare(folder: Path, trials: int) -> None:
    made = recipe.load("weave")
    data, _ = clean(Dataset.read(folder), made.clean)
    split = make_split(data, "random", 0, made.split.core, made.split.mask)
    table = encode(data, made, train_rows=split.rows).table
    bench = Bench(split, split.train_value(table.take(split.rows)))
    contender = Contender("weave", "chosen", "weave", made.model.settings, tuple(bench.train.table))
    found = contenders.search(contender, bench, made.tune.model_copy(update={"trials": trials, "seconds": 3_600}))
    settings = dict(found.settings)
    print(f"{folder.name}: {len(bench.train.items):,} items, {len(bench.train.histories.items):,} events")
    gains = {}
    rivals: dict[str, Recommender] = {
        "exact": Weave(**(settings | {"solver": "exact"})),
        "neighbourhoods": Weave(**(settings | {"solver": "neighbourhoods"})),
        **{f"vectors, {rank}": WeaveVectors(rank=rank, woven=settings) for rank in RANKS},
    }
    for solver, model in rivals.items():
        begun = time.process_time()
        model.fit(bench.train, np.random.default_rng(0))
        seconds = time.process_time() - begun
        gains[solver] = judged(bench, model)
        line = f"  {solver:<16} NDCG@20 {gains[solver].mean():.4f}  {seconds:6.1f} CPU s"
        if solver != "exact":
            gap = paired_difference(gains[solver], gains["exact"], np.random.default_rng(0))
            line += f"  {gap.relative:+.2%} of the exact one [{gap.relative_low:+.2%}, {gap.relative_high:+.2%}]"
        print(line, flush=True)


def judged(bench: Bench, model: Recommender) -> np.ndarray:
    """NDCG@20 of each test user."""
    exam = bench.exam("test")
    ranks = bench.ranks(model, exam)
    query = np.repeat(np.arange(len(exam)), exam.counts)
    hit = np.zeros((len(exam), BEST), dtype=bool)
    hit[query[ranks <= BEST], ranks[ranks <= BEST] - 1] = True
    return ndcg(hit, exam.counts.astype(np.float64))


def generated(n: int, exact: bool) -> None:
    train, held = world(n, np.random.default_rng(0))
    drawn = _peak()
    solvers = ["neighbourhoods", *(["exact"] if exact else [])]
    print(f"{n:,} items, {len(train.histories.items):,} events, {int(train.cold.sum()):,} items without", flush=True)
    for solver in solvers:
        wall, cpu = time.perf_counter(), time.process_time()
        model = Weave(solver=solver, most_items=n).fit(train, np.random.default_rng(0))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        said = f"{wall:8.0f} s  {cpu:8.0f} CPU s  {cpu / n * 1e3:5.2f} ms an item  peak {_peak() / 1024:.2f} GB"
        print(f"  {solver:<16}{said} (data alone {drawn / 1024:.2f})", flush=True)
        print(f"  {'':<16}{_asked(model, train, held)}", flush=True)
    print(f"  {'popularity':<16}{_asked(Popularity().fit(train, np.random.default_rng(0)), train, held)}", flush=True)


def _asked(model: Recommender, train: Train, held: np.ndarray) -> str:
    rows = np.flatnonzero(held >= 0)[:PEOPLE]
    queries = Queries(rows.astype(np.int32), train.histories.take(rows))
    ties = np.random.default_rng(1).permutation(len(train.items)).astype(np.int64)
    mask = csr_array(queries.histories.matrix(len(train.items)))
    begun = time.perf_counter()
    best = ranking.top(model, queries, BEST, ties=ties, mask=mask)
    seconds = (time.perf_counter() - begun) / len(rows)
    gain = np.mean(ndcg(best.items == held[rows, None], np.ones(len(rows))))
    return f"NDCG@20 {gain:.4f}; top 20 in {seconds * 1e3:.1f} ms a person; peak {_peak() / 1024:.2f} GB"


def world(n: int, rng: np.random.Generator) -> tuple[Train, np.ndarray]:
    """A catalogue of n items and its log; the held-out item of each person, -1 where it has no other event."""
    kinds, people = max(n // 50, 4), n
    kind = rng.permutation(np.arange(n) % kinds)
    by_kind = np.argsort(kind, kind="stable").astype(np.int32)
    starts = np.searchsorted(kind[by_kind], np.arange(kinds + 1))
    likes = rng.integers(0, kinds, (people, 3))
    lengths = np.minimum(rng.geometric(1 / 20, people) + 1, 500)
    who = np.repeat(np.arange(people), lengths)
    liked = likes[who, rng.integers(0, 3, len(who))]
    place = starts[liked] + ((starts[liked + 1] - starts[liked]) * rng.random(len(who)) ** 2).astype(np.int64)
    items = by_kind[place]
    noise = rng.random(len(who)) < 0.2  # any item, the first ones of each kind more often
    items[noise] = by_kind[(n * rng.random(int(noise.sum()))).astype(np.int64)]
    last = np.cumsum(lengths) - 1
    held = items[last].copy()
    kept = np.ones(len(who), dtype=bool)
    kept[last] = False
    unseen = rng.random(n) < 0.02
    kept &= ~unseen[items]
    log = Histories(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items,
        np.full(len(items), Kind.purchase, dtype=np.uint8),
        np.ones(len(items), dtype=np.float32),
    ).keep(kept)
    met = np.bincount(log.items, minlength=n) > 0
    seen_before = np.zeros(people, dtype=bool)
    np.logical_or.at(seen_before, log.queries, log.items == held[log.queries])
    held[seen_before | (log.lengths == 0) | unseen[held]] = -1
    names = Vocabulary(str(i) for i in range(n))
    senses = {}
    for name in ("text", "image"):
        values = rng.standard_normal((kinds, 64), dtype=np.float32)[kind]
        values += 1.5 * rng.standard_normal(values.shape, dtype=np.float32)
        senses[name] = Features(name, name, names, values, rng.random(n) < 0.95)
    users = Vocabulary(str(i) for i in range(people))
    return Train(users, names, log, FeatureTable(names, senses), ~met), held


def _peak() -> float:
    """Of the process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
