"""How sure a figure is: intervals by resampling users, paired comparisons, corrections for their number.

Users are the unit of chance: a resample draws as many users as there are, with repetition, and takes all that belongs
to each. Every figure here is a ratio of two sums over users (a mean is the sum of values over the count of users), so a
block of resamples is one product: counts drawn for each user, (resamples, users), times (users, figures).
Efron & Tibshirani, An Introduction to the Bootstrap (1993); intervals are percentile intervals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, TypedDict

import numpy as np

from gobelin.arrays import Array, Bool, Float64, Int64

_BLOCK_BYTES = 16 * 2**20  # counts of one block of resamples
_EXACT = 12  # up to so many nonzero differences, every pattern of signs is tried


class Estimate(TypedDict):
    """A figure with its interval, as `report.json` has it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PerUser:
    """Values of several metrics for the same users. rows: their rows among the queries; NaN: not defined for a user."""

    rows: Int64[Array, " users"]
    values: Mapping[str, Float64[Array, " users"]]

    def __post_init__(self) -> None:
        for name, column in self.values.items():
            if len(column) != len(self.rows):
                raise ValueError(f"{name} has {len(column)} values for {len(self.rows)} users")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Float64[Array, " users"]:
        return self.values[name]

    def means(self) -> dict[str, float]:
        """Plain means, without intervals: what a search needs. A metric that is defined for nobody is left out."""
        defined = {name: column[~np.isnan(column)] for name, column in self.values.items()}
        return {name: float(column.mean()) for name, column in defined.items() if len(column)}

    def keep(self, users: Bool[Array, " users"]) -> "PerUser":
        return PerUser(self.rows[users], {name: column[users] for name, column in self.values.items()})


def resampled(
    above: Float64[Array, "users figures"],
    below: Float64[Array, "users figures"],
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Float64[Array, "resamples figures"]:
    """Each figure sum(above) / sum(below) in each resample of the users; NaN where a resample has nothing below."""
    parts = []
    constant = bool(np.all(below == 1))
    for counts in draws(len(above), resamples, rng):
        under = np.float64(len(above)) if constant else counts @ below
        parts.append(counts @ above / np.where(under > 0, under, np.nan))
    return np.concatenate(parts)


def interval(
    samples: Float64[Array, "resamples figures"], level: float = 0.95
) -> tuple[Float64[Array, " figures"], Float64[Array, " figures"]]:
    """(low, high) of each figure: the percentiles that leave (1 - level) / 2 outside on each side."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def summarise(
    per_user: PerUser, rng: np.random.Generator, level: float = 0.95, resamples: int = 1000
) -> dict[str, Estimate]:
    """Mean over users and percentile interval of every metric; NaN values are left out of both.

    The draws depend on `rng` and the number of users alone, so models that are summarised with generators of one
    seed are judged on the same resamples. A metric that is defined for nobody is left out.
    """
    names = [name for name, column in per_user.values.items() if not np.isnan(column).all()]
    if not names:
        return {}
    values = np.stack([per_user.values[name] for name in names], axis=1).astype(np.float64)
    return ratios(dict(zip(names, values.T, strict=True)), {}, rng, level, resamples)


def ratios(
    above: Mapping[str, Float64[Array, " users"]],
    below: Mapping[str, Float64[Array, " users"]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> dict[str, Estimate]:
    """sum(above) / sum(below) of each name with its interval, over the same resamples of users.

    below: 1 for each user with a value where a name has none (a mean over users). NaN above: the user is left out.
    """
    names = list(above)
    tops = np.stack([above[name] for name in names], axis=1).astype(np.float64)
    there = ~np.isnan(tops)
    bottoms = np.stack([below.get(name, there[:, i].astype(np.float64)) for i, name in enumerate(names)], axis=1)
    tops, bottoms = np.where(there, tops, 0.0), np.where(there, bottoms, 0.0)
    values = tops.sum(axis=0) / bottoms.sum(axis=0)
    low, high = interval(resampled(tops, bottoms, rng, resamples), level)
    return {
        name: Estimate(value=float(values[i]), low=float(low[i]), high=float(high[i])) for i, name in enumerate(names)
    }


@dataclass(frozen=True)
class Difference:
    """Ours less theirs, paired by user. relative: divided by their mean (None where that is zero); p: sign flips."""

    difference: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    p: float
    users: int

    def as_json(self) -> dict[str, float | int | None]:
        return asdict(self)


def paired_difference(
    ours: Float64[Array, " rows"],
    theirs: Float64[Array, " rows"],
    rng: np.random.Generator,
    *,
    clusters: Int64[Array, " rows"] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    flips: int = 5000,
) -> Difference:
    """The mean difference with its percentile interval, the same relative to theirs, and the p-value of `sign_flip_p`.

    Rows where either is NaN are left out. clusters: rows of one user (several seeds) are drawn and flipped together.
    Raises ValueError where no row is left.
    """
    there = ~(np.isnan(ours) | np.isnan(theirs))
    if not there.any():
        raise ValueError("no user has a value in both models")
    gap, base = (ours - theirs)[there], theirs[there]
    cluster = np.arange(len(gap)) if clusters is None else np.unique(clusters[there], return_inverse=True)[1]
    gaps, bases = np.bincount(cluster, weights=gap), np.bincount(cluster, weights=base)
    rows = np.bincount(cluster).astype(np.float64)
    relative = bool(base.sum() > 0)
    samples = resampled(
        np.stack([gaps, gaps], axis=1), np.stack([rows, bases if relative else rows], axis=1), rng, resamples
    )
    low, high = interval(samples, level)
    return Difference(
        difference=float(gap.mean()),
        low=float(low[0]),
        high=float(high[0]),
        relative=float(gap.sum() / base.sum()) if relative else None,
        relative_low=float(low[1]) if relative else None,
        relative_high=float(high[1]) if relative else None,
        p=sign_flip_p(gaps, rng, flips),
        users=len(gaps),
    )


def pooled_difference(
    ours: Sequence[Float64[Array, " _"]],
    theirs: Sequence[Float64[Array, " _"]],
    users: Sequence[Int64[Array, " _"]],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    flips: int = 5000,
) -> Difference:
    """One paired difference over several seeds: entry s of each sequence is a seed, `users` says whose each value is.

    The mean is over all (seed, user) rows; a user keeps together what the seeds say of them, since seeds share people.
    """
    return paired_difference(
        np.concatenate(list(ours)),
        np.concatenate(list(theirs)),
        rng,
        clusters=np.concatenate(list(users)),
        level=level,
        resamples=resamples,
        flips=flips,
    )


def sign_flip_p(gaps: Float64[Array, " users"], rng: np.random.Generator, flips: int = 5000) -> float:
    """Two-sided p-value of "either model could have been the other": each user's difference flips its sign at random.

    Exact (all patterns) up to 12 nonzero differences; else (1 + as extreme) / (1 + flips), which is never 0
    (Phipson & Smyth 2010).
    """
    gaps = gaps[gaps != 0]  # a tie is the same either way
    if not len(gaps):
        return 1.0
    seen = abs(gaps.sum()) - 1e-9 * np.abs(gaps).sum()  # sums in another order must not fall below by rounding
    if len(gaps) <= _EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(gaps))))
        return float(np.mean(np.abs(signs @ gaps) >= seen))
    extreme = 0
    size = max(1, _BLOCK_BYTES // (8 * len(gaps)))
    for start in range(0, flips, size):
        heads = rng.integers(0, 2, size=(min(size, flips - start), len(gaps)), dtype=np.int8)
        extreme += int(np.count_nonzero(np.abs(2 * (heads @ gaps) - gaps.sum()) >= seen))
    return (1 + extreme) / (1 + flips)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down rule (1979), in the order given.

    The smallest of m is multiplied by m, the next by m - 1 ..., none falls below one before it, none passes 1.
    """
    order = np.argsort(ps, kind="stable")
    raised = np.asarray(ps, dtype=np.float64)[order] * np.arange(len(ps), 0, -1)
    corrected = np.empty(len(ps))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(p) for p in corrected]


def comparisons(
    models: Mapping[str, PerUser],
    pairs: Iterable[tuple[str, str]],
    metrics: Sequence[str],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """The `comparisons` of report.json: every (model, against) on every metric, p corrected over all of them."""
    rows: list[dict[str, Any]] = []
    for name, against in pairs:
        ours, theirs = models[name], models[against]
        if not np.array_equal(ours.rows, theirs.rows):
            raise ValueError(f"{name} and {against} were judged on different users")
        for metric in metrics:
            found = paired_difference(ours[metric], theirs[metric], rng, level=level, resamples=resamples)
            rows.append({"model": name, "against": against, "metric": metric, **found.as_json()})
    return corrected(rows)


def corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with `p_corrected` beside each `p`, by Holm over all of them."""
    for row, p in zip(rows, holm([float(row["p"]) for row in rows]), strict=True):
        row["p_corrected"] = p
    return rows


def over_seeds(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean and sample standard deviation (n - 1) over seeds; the deviation of one seed is unknown."""
    return {
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "seeds": len(values),
    }


def draws(users: int, resamples: int, rng: np.random.Generator) -> Iterator[Float64[Array, "some users"]]:
    """How often each user is drawn in each resample, by blocks of resamples."""
    size = max(1, _BLOCK_BYTES // (8 * max(users, 1)))
    for start in range(0, resamples, size):
        some = min(size, resamples - start)
        drawn = rng.integers(0, users, size=(some, users)) + np.arange(some)[:, None] * users
        yield np.bincount(drawn.ravel(), minlength=some * users).reshape(some, users).astype(np.float64)
