"""A change applied against a fresh solve with the same frozen settings and scalers: the same arrays, and how long.

    python benchmarks/change.py ../shared/data/hm_week

On the random split's train part, float64 on both sides, alternating, best of --repeats: 1 to 1,000 random events,
events of 20 users, 50 items added (with their events: columns of their own; without: regressed ones), 100 users
forgotten. `choice` is what the cost rule picks. The first change after a fit or a load pays one more solve,
which is not counted here.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gobelin import recipe
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.encoding import encode
from gobelin.models import _change
from gobelin.models._change import changed, changed_ground
from gobelin.models._exact import Exact, thinned
from gobelin.models.weave import Weave
from gobelin.values import Histories, Train

SIZES = (1, 30, 100, 300, 500, 700, 1_000, 1_500)
SETTINGS = {"regularisation": 100.0, "user_power": 0.5, "item_power": 0.1, "history_power": 0.1, "head": 0.2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    data, rng = Dataset.read(args.dataset), np.random.default_rng(0)
    split = make_split(data, "random", 0)
    woven = encode(data, recipe.load("weave"), train_rows=split.rows)
    whole = split.train_value(woven.table.take(split.rows))
    print(f"{len(whole.items):,} items, {len(whole.users):,} users, {len(whole.histories.items):,} events")
    print(f"{'change':<34}{'rank':>6}{'choice':>8}{'gap':>10}{'update s':>10}{'solve s':>9}{'ratio':>7}")
    drawn = rng.permutation(len(whole.items))
    new, unseen = np.sort(drawn[:50]), np.sort(drawn[50:150])
    some = silenced(whole, unseen)  # with items that nobody met, as a shop has them
    cases = [(f"{n:,} random events", whole, with_events(whole, n, len(whole.users), rng)) for n in SIZES]
    cases += [
        ("60 events of 20 users", whole, with_events(whole, 60, 20, rng)),
        ("the same, 100 items unseen", some, with_events(some, 60, 20, rng)),
        ("50 items with their events", without_items(whole, new), whole),
        ("50 items, half without events", without_items(some, new), silenced(some, new[::2])),
        ("100 users forgotten", whole, forgotten(whole, rng.choice(len(whole.users), 100, replace=False))),
    ]
    for name, before, after in cases:
        measure(name, before, after, args.repeats)


def measure(name: str, before: Train, after: Train, repeats: int) -> None:
    model = Weave(**SETTINGS, weight=dict.fromkeys(before.table, 10.0))
    model.fit(before, np.random.default_rng(0))
    known = model.exactly(before)
    ground = changed_ground(known.ground, after, 1, model.most_items)
    rank = _change._difference(known.ground, ground).rank
    choice = "update" if _change.cheap(rank, len(known.ground.solved)) else "solve"
    rule, _change.cheap = _change.cheap, lambda rank, solved: True
    updates, solves = [], []
    for _ in range(repeats):
        updated, seconds = timed(lambda: arrays(changed(known, after, 1, model.most_items)))
        updates.append(seconds)
        solved, seconds = timed(lambda: arrays(Exact.solved(changed_ground(known.ground, after, 1, model.most_items))))
        solves.append(seconds)
    _change.cheap = rule
    gap = max(float(np.abs(a - b).max()) for a, b in zip(updated, solved, strict=True) if a.size)
    ratio = min(updates) / min(solves)
    print(
        f"{name:<34}{rank:>6}{choice:>8}{gap:>10.1e}{min(updates):>10.2f}{min(solves):>9.2f}{ratio:>7.2f}", flush=True
    )


def arrays(exact: Exact) -> list[np.ndarray]:
    """What a model scores with."""
    rest = exact.ground.rest
    return [exact.matrix, *([exact.base, np.asarray(thinned(exact, rest))] if len(rest) else [])]


def timed(work: Callable[[], list[np.ndarray]]) -> tuple[list[np.ndarray], float]:
    begun = time.perf_counter()
    out = work()
    return out, time.perf_counter() - begun


def with_events(train: Train, n: int, users: int, rng: np.random.Generator) -> Train:
    """n more purchases by some of the users."""
    took = _lists(train)
    for user in rng.choice(rng.choice(len(took), users, replace=False), n):
        took[user].append(int(rng.integers(len(train.items))))
    return _train(train, Histories.of(took))


def forgotten(train: Train, users: np.ndarray) -> Train:
    kept = np.setdiff1d(np.arange(len(train.users)), users)
    return replace(train, users=train.users.take(kept.tolist()), histories=train.histories.take(kept))


def without_items(train: Train, gone: np.ndarray) -> Train:
    kept = np.setdiff1d(np.arange(len(train.items)), gone)
    place = np.full(len(train.items), -1, dtype=np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    table = train.table.take(kept)
    return Train(train.users, table.ids, train.histories.recode(place), table, train.cold[kept], train.now)


def silenced(train: Train, items: np.ndarray) -> Train:
    return _train(train, train.histories.keep(~np.isin(train.histories.items, items)))


def _lists(train: Train) -> list[list[int]]:
    bounds = train.histories.starts
    return [train.histories.items[bounds[u] : bounds[u + 1]].tolist() for u in range(len(train.users))]


def _train(train: Train, histories: Histories) -> Train:
    met = np.bincount(histories.items[histories.items >= 0], minlength=len(train.items)) > 0
    return replace(train, histories=histories, cold=~met)


if __name__ == "__main__":
    main()
