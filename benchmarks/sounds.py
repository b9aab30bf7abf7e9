"""Which of ten kinds a sound is (ESC-10), by a linear probe on each audio encoder: accuracy by official fold.

    gobelin models get yamnet
    python benchmarks/sounds.py ../shared/data/audio_esc10

400 recordings of five seconds, five folds; clips of one source stay in one fold. For each fold the columns are
standardised on the four others and a logistic regression is fitted there, its strength chosen by cross-validation over
those four folds alone (each left out once), by log loss. `both` puts the two encoders' columns side by side, each
sense scaled to the same total variance. Bars: yamnet .95, spectral .75, both .96.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from gobelin import parts

STRENGTHS = np.logspace(-5, 1, 13)
BARS = {"spectral": 0.75, "yamnet": 0.95, "both": 0.96}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    args = parser.parse_args()
    clips = pd.read_csv(args.dataset / "clips.csv")
    paths = [args.dataset / name for name in clips["audio"]]
    labels, folds = clips["label"].to_numpy(), clips["fold"].to_numpy()
    senses = {}
    for name in ("spectral", "yamnet"):
        begun = time.process_time()
        block = parts.bind("encoders", name, {}).encode(paths)
        assert block.present.all(), "every clip can be read"
        senses[name] = [block.values.astype(np.float64)]
        print(f"{name}: {block.values.shape[1]} numbers, {(time.process_time() - begun) / len(paths):.4f} CPU-s a clip")
    senses["both"] = senses["spectral"] + senses["yamnet"]
    order = sorted(set(folds))
    print(f"{'encoder':<10}" + "".join(f"  fold {fold}" for fold in order) + "    all    bar")
    for name, blocks in senses.items():
        right = np.zeros(len(labels), dtype=bool)
        for fold in order:
            test = folds == fold
            right[test] = probe(blocks, labels, folds, ~test).predict(scaled(blocks, ~test)[test]) == labels[test]
        by_fold = "".join(f"{right[folds == fold].mean():8.3f}" for fold in order)
        print(f"{name:<10}{by_fold}{right.mean():7.3f}{BARS[name]:7.2f}")


def probe(blocks: list[np.ndarray], labels: np.ndarray, folds: np.ndarray, train: np.ndarray) -> LogisticRegression:
    """Fitted on `train` with the strength that loses least over its own folds."""
    losses = np.zeros(len(STRENGTHS))
    for inner in sorted(set(folds[train])):
        fit, held = train & (folds != inner), train & (folds == inner)
        x = scaled(blocks, fit)
        for i, strength in enumerate(STRENGTHS):
            model = logistic(strength).fit(x[fit], labels[fit])
            losses[i] += log_loss(labels[held], model.predict_proba(x[held]), labels=model.classes_)
    return logistic(STRENGTHS[losses.argmin()]).fit(scaled(blocks, train)[train], labels[train])


def logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=3_000, tol=1e-3)


def scaled(blocks: list[np.ndarray], train: np.ndarray) -> np.ndarray:
    """Each column standardised on the rows of `train`, each encoder divided by the root of its columns."""
    out = []
    for block in blocks:
        spread = block[train].std(axis=0)
        kept = spread > 1e-9
        columns = (block[:, kept] - block[train][:, kept].mean(axis=0)) / spread[kept]
        out.append(columns * np.sqrt(1_000 / kept.sum()))
    return np.concatenate(out, axis=1)


if __name__ == "__main__":
    main()
