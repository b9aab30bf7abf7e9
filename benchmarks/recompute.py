"""Recompute a run's table from its files alone, without Gobelin: by plain Python and, where installed, by ranx.

    pip install ranx
    python benchmarks/recompute.py runs/first

Bars: equal to report.json within 1e-6; no train or validation pair recommended; no test pair in train.
"""

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

K = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    run = Path(parser.parse_args().run)
    report = json.loads((run / "report.json").read_text())
    said = {m: report["models"][report["chosen"]]["metrics"][f"{m}@{K}"]["value"] for m in ("recall", "ndcg")}
    parts = {name: pairs(run / "split" / f"{name}.parquet") for name in ("train", "validation", "test")}
    lists: dict[str, list[str]] = defaultdict(list)
    for row in sorted(
        pq.read_table(run / "recommendations.parquet").to_pylist(), key=lambda r: (r["user_id"], r["rank"])
    ):
        lists[row["user_id"]].append(row["item_id"])
    shown = {(u, i) for u, items in lists.items() for i in items}
    wanted: dict[str, set[str]] = defaultdict(set)
    for user, item in parts["test"]:
        wanted[user].add(item)
    if report["split"]["kind"] == "cold-items":  # the main table asks for the cold items only
        warm = {i for _, i in parts["train"]} | {i for _, i in parts["validation"]}
        wanted = {u: left for u, items in wanted.items() if (left := items - warm)}
    recall, ndcg = [], []
    for user, items in wanted.items():
        hits = [1 if item in items else 0 for item in lists.get(user, [])[:K]]
        recall.append(sum(hits) / len(items))
        gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits))
        ndcg.append(gain / sum(1 / math.log2(rank + 2) for rank in range(min(K, len(items)))))
    own = {"recall": sum(recall) / len(recall), "ndcg": sum(ndcg) / len(ndcg)}
    print("figure   report.json  own script   difference")
    for name in said:
        print(f"{name:<8} {said[name]:.8f}   {own[name]:.8f}   {abs(said[name] - own[name]):.1e}")
    try:
        from ranx import Qrels, Run, evaluate
    except ImportError:
        print("ranx is not installed: skipped")
    else:
        qrels = Qrels({u: dict.fromkeys(items, 1) for u, items in wanted.items()})
        ranked = Run({u: {i: float(K - r) for r, i in enumerate(lists.get(u, [])[:K])} or {"-": 0.0} for u in wanted})
        theirs = evaluate(qrels, ranked, [f"recall@{K}", f"ndcg@{K}"])
        for name in said:
            value = float(theirs[f"{name}@{K}"])
            print(f"{name:<8} {said[name]:.8f}   {value:.8f}   {abs(said[name] - value):.1e}   (ranx)")
    print(
        f"train pairs recommended: {len(shown & parts['train'])}; validation pairs: {len(shown & parts['validation'])}"
    )
    print(f"test pairs in train: {len(parts['test'] & parts['train'])}")


def pairs(path: Path) -> set[tuple[str, str]]:
    table = pq.read_table(path)
    return set(zip(table["user_id"].to_pylist(), table["item_id"].to_pylist(), strict=True))


if __name__ == "__main__":
    main()
