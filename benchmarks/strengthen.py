"""Does a second sense at training time help to recognise classes by the first one alone?

    python benchmarks/strengthen.py ../shared/data/hm_week --target product_group_name

Pictures (`pixels`, 32 x 32) are asked for a column's classes; titles and descriptions (`tokens`, no categories) are
there while the network learns and never when it is asked. All are the fusion `early` with the same settings:

    alone        the picture, in training too
    both         picture and text, senses hidden at random, asked by the picture
    agree        the same, and the two senses of an item must know each other among the batch
    more         the same, with items beside whose class nobody told: picture and text teach each other there
    shuffled     `more` with each text moved to another item: a control, it must not help

Variants of one product stay on one side. Accuracy and macro F1 on the test items, the mean over seeds (rows, network),
with the 95 % interval of accuracy's difference to `alone` by a bootstrap over test items, paired within each seed.
Classes of fewer than one item in a hundred are left out. Sounds: ESC-10 has class names and no second sense, and in the
demo shop no sense tells another's classes by construction, so neither can show it. About 70 CPU-seconds a seed.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy

import argparse
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from gobelin import parts
from gobelin.data.dataset import Dataset
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
from gobelin.values import FeatureTable, Target

SETTINGS = {"reads": "mlp", "augment": 0.3, "epochs": 40, "patience": 8}
HIDDEN = {"hide": 0.4}
Score = tuple[np.ndarray, float]  # which test items were told rightly; macro F1
LEARNED = ("alone", "both", "agree", "more", "shuffled")


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("dataset", type=Path)
    told.add_argument("--target", default="product_group_name")
    told.add_argument("--told", type=int, default=400, help="items whose class is known in training")
    told.add_argument("--untold", type=int, default=600, help="items beside them")
    told.add_argument("--test", type=int, default=1500)
    told.add_argument("--seeds", type=int, default=1)
    told.add_argument("--group", default="product_code")
    asked = told.parse_args()

    catalogue = Dataset.read(asked.dataset).catalogue
    encoders = {
        "image": parts.bind("encoders", "pixels", {}),
        "text": parts.bind("encoders", "tokens", {"fields": ("title", "text")}),
    }
    whole, _ = encode_table(catalogue, encoders, cache=Cache())
    said = np.array(catalogue.columns[asked.target])
    counts = Counter(said.tolist())
    kept = np.array([bool(one) and counts[one] >= len(said) / 100 for one in said.tolist()])
    names = sorted(set(said[kept].tolist()))
    products = np.unique(np.array(catalogue.columns[asked.group]), return_inverse=True)[1]

    scores: dict[str, list[Score]] = {name: [] for name in LEARNED}
    for seed in range(asked.seeds):
        rng = np.random.default_rng(seed)
        order = rng.permutation(products.max() + 1)[products]
        rows = np.flatnonzero(kept)[np.argsort(order[kept], kind="stable")]  # product by product
        sizes = np.cumsum([asked.told, asked.untold, asked.test])
        taught, more, test = np.split(rows[: sizes[2]], sizes[:2])
        seen = set(products[np.concatenate([taught, more])].tolist())
        test = np.array([row for row in test if products[row] not in seen])
        table = whole.take(np.concatenate([taught, more, test]).astype(np.int64))
        classes = said[np.concatenate([taught, more, test])]
        place = np.arange(len(classes))
        is_told, may = place < len(taught), place < len(taught) + len(more)
        known = [str(one) if here else None for one, here in zip(classes, is_told, strict=True)]
        target = Target.classes(asked.target, known, names)
        truth = Target.classes(asked.target, classes.tolist(), names).codes()[~may]
        for name in LEARNED:
            begun = time.process_time()
            given, settings = arranged(name, table, rng)
            learn = may if name in ("more", "shuffled") else is_told
            fusion = parts.bind("fusion", "early", settings).fit(given, learn, target, np.random.default_rng(seed))
            answer = fusion.predict(given.only("image"))[~may].argmax(axis=1)
            scores[name].append((answer == truth, f1_score(truth, answer, average="macro")))
            right, used = scores[name][-1][0].mean(), time.process_time() - begun
            print(f"seed {seed} {name:<10} {right:.4f} {len(fusion.curve)} epochs {used:.0f} CPU-s", flush=True)

    guess = max(np.bincount(truth)) / len(truth)
    print(f"\n{len(names)} classes, the commonest {guess:.3f}; {len(truth)} test items, {asked.seeds} seeds")
    print(f"{'learned from':<12} {'accuracy':>9} {'macro F1':>9}   accuracy less that of alone")
    for name in LEARNED:
        f1 = np.mean([one for _, one in scores[name]])
        accuracy = np.mean([right.mean() for right, _ in scores[name]])
        print(f"{name:<12} {accuracy:9.4f} {f1:9.4f}   {gap(scores[name], scores['alone'])}")
    print(f"more, less shuffled: {gap(scores['more'], scores['shuffled'])}")


def gap(one: list[Score], other: list[Score]) -> str:
    """The difference of accuracy, the mean over seeds, with its interval: test items drawn anew, each seed's own."""
    rng = np.random.default_rng(0)
    gaps = [a.astype(float) - b for (a, _), (b, _) in zip(one, other, strict=True)]
    means = [np.mean([own[rng.integers(len(own), size=len(own))].mean() for own in gaps]) for _ in range(2_000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{np.mean([own.mean() for own in gaps]):+.4f} [{low:+.4f}, {high:+.4f}]"


def arranged(name: str, table: FeatureTable, rng: np.random.Generator) -> tuple[FeatureTable, dict[str, object]]:
    """What a contender learns from, and its settings."""
    if name == "alone":
        return table.only("image"), {**SETTINGS, "hide": 0.0}
    if name == "both":
        return table, {**SETTINGS, **HIDDEN}
    if name == "shuffled":
        text = table["text"]
        moved = rng.permutation(len(table.ids))
        other = replace(text, values=text.values[moved], present=text.present[moved])
        table = FeatureTable(table.ids, {**table.features, "text": other})
    return table, {**SETTINGS, **HIDDEN, "agree": 1.0}


if __name__ == "__main__":
    main()
