"""How good predictions are: every figure with its interval over groups (patients), and paired differences.

Groups are drawn again with all their rows. Several repeats of the folds are judged one by one on the same draws, then
averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.arrays import Array, Int64
from gobelin.evaluation.statistics import corrected, draws, interval
from gobelin.tasks.figures import figures
from gobelin.values import Target


@dataclass(frozen=True)
class Answers:
    """What was said of rows while they were unseen, one entry a repeat: (rows, what was said of them)."""

    rows: tuple[Int64[Array, " _"], ...]
    said: tuple[Array, ...]


@dataclass(frozen=True)
class Judge:
    """target: of all rows; groups: rows of one group are drawn together."""

    target: Target
    groups: Int64[Array, " rows"]
    resamples: int = 500
    seed: int = 0x60BE

    def samples(self, answers: Answers, names: Sequence[str] | None = None) -> dict[str, tuple[float, Array]]:
        """name -> (value, its resamples); the draws are the same for all answers of the same rows."""
        wanted = {n: f for n, f in figures(self.target).items() if names is None or n in names}
        found: dict[str, list[tuple[float, Array]]] = {name: [] for name in wanted}
        for rows, said in zip(answers.rows, answers.said, strict=True):
            _, group = np.unique(self.groups[rows], return_inverse=True)
            rng = np.random.default_rng(self.seed)
            p, y = said.astype(np.float64), self.target.values[rows].astype(np.float64)
            one = np.ones((1, len(rows)))
            blocks: dict[str, list[Array]] = {name: [] for name in wanted}
            for counts in draws(int(group.max()) + 1, self.resamples, rng):
                for start in range(0, len(counts), 50):
                    w = counts[start : start + 50][:, group]
                    for name, figure in wanted.items():
                        blocks[name].append(figure(p, y, w))
            for name, figure in wanted.items():
                found[name].append((float(figure(p, y, one)[0]), np.concatenate(blocks[name])))
        return {
            name: (float(np.mean([v for v, _ in several])), np.mean([s for _, s in several], axis=0))
            for name, several in found.items()
        }

    def summary(self, samples: Mapping[str, tuple[float, Array]]) -> dict[str, dict[str, float]]:
        """{"roc_auc": {"value", "low", "high"}}; a figure that is not defined (an area of one class) is left out."""
        out = {}
        for name, (value, drawn) in samples.items():
            if np.isfinite(value) and np.isfinite(drawn).any():
                low, high = interval(drawn[:, None])
                out[name] = {"value": value, "low": float(low[0]), "high": float(high[0])}
        return out

    def differences(
        self, chosen: str, samples: Mapping[str, Mapping[str, tuple[float, Array]]], metric: str
    ) -> list[dict[str, Any]]:
        """The chosen one less each other, on the same draws; p from the share of draws beyond nought, by Holm."""
        rows = []
        value, drawn = samples[chosen][metric]
        for name, others in samples.items():
            if name != chosen:
                gap = drawn - others[metric][1]
                gap = gap[np.isfinite(gap)]
                if not len(gap):
                    continue
                low, high = np.quantile(gap, [0.025, 0.975])
                beyond = min((gap <= 0).mean(), (gap >= 0).mean())
                rows.append({
                    "model": chosen, "against": name, "metric": metric, "difference": value - others[metric][0],
                    "low": float(low), "high": float(high), "p": float(min(1.0, 2 * max(beyond, 1 / (len(gap) + 1)))),
                })  # fmt: skip
        return corrected(rows)
