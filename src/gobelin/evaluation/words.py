"""Numbers into words: the names of metrics, threads and roles, and how a figure is written.

The report page, its plots and the terminal speak through this module, so that one thing has one name everywhere.
Figures: a share is written in percent, a difference of shares in points (percentage points), anything else as a plain
decimal; an interval as "27.2 to 28.9".
"""

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

THREADS = ("behaviour", "text", "image", "audio", "video", "attributes", "own vectors")
"""The senses, in the order in which bars, beads and labels name them; each has one colour (`--behaviour`, ...)."""

THREAD_WORDS = {
    "behaviour": "log",
    "text": "text",
    "image": "pictures",
    "audio": "sound",
    "video": "video",
    "attributes": "attributes",
    "own vectors": "own vectors",
}

ROLES = {
    "chosen": ("chosen", "the model that was asked for, at the settings that were best on validation"),
    "ablation": ("fewer senses", "the same kind of model, searched in the same way, that may read less"),
    "baseline": ("baseline", "a simpler method, searched with the same budget"),
    "refit": ("refit", "the chosen settings fitted on train and validation together; not comparable with the others"),
}

SPLITS = {
    "time": "Everything before a moment was for learning, what came after it for validation, and the last part for "
    "the test: the models had to foretell.",
    "random": "Of each person's choices a tenth was held back for validation and a tenth for the test, at random.",
    "leave-last": "Of each person's choices the last was held back for the test and the one before it for validation.",
    "cold-items": "A tenth of the items was hidden altogether for validation and another tenth for the test: the "
    "models had to place items that nobody had chosen yet.",
    "given": "The data set itself says which rows are for learning, validation and the test.",
    "none": "Nothing was held out for a test: the model was fitted on everything.",
}


Number = float | int
"""PEP 484 lets an int stand where a float is asked for; the checker of shapes wants it said."""


@dataclass(frozen=True)
class Metric:
    """unit: "share" is written in percent. better: which end is the good one, None where that is a matter of aims.

    group: "found" (does it find what people chose), "lists" (what kind of lists it makes), "ratings" or "predicted"
    (classes, labels and numbers).
    """

    label: str
    meaning: str
    unit: Literal["share", "score", "plain"] = "share"
    better: Literal["higher", "lower"] | None = "higher"
    group: Literal["found", "lists", "ratings", "predicted"] = "found"
    digits: int | None = None


METRICS = {
    "recall": Metric("Recall", "of what a person chose next, the share that stood among the first k suggestions"),
    "ndcg": Metric("NDCG", "the same, but a hit counts more the higher it stands; 1 is a perfect list", "score"),
    "hit_rate": Metric("Hit rate", "the share of people with at least one hit among the first k"),
    "map": Metric("MAP", "precision at the place of each hit, averaged", "score"),
    "mrr": Metric("MRR", "one divided by the place of the first hit, averaged", "score"),
    "precision": Metric("Precision", "of the first k suggestions, the share that the person chose next"),
    "f1": Metric("F1", "the harmonic mean of precision and recall"),
    "accuracy": Metric("Accuracy", "of all items, the share rightly put among the first k or rightly left out; near 1 "
                       "for any list, since most items are rightly left out", digits=2),
    "coverage": Metric("Coverage", "the share of the catalogue that stands in anybody's first k", group="lists"),
    "gini": Metric("Gini", "how unevenly items are suggested; 0: all alike, 1: one item alone", "score", "lower",
                   "lists"),
    "novelty": Metric("Novelty", "how rare the suggested items are, in bits", "plain", None, "lists"),
    "diversity_category": Metric("Diversity of categories", "of the pairs of items in a list, the share without a "
                                 "common category", "score", None, "lists"),
    "diversity_content": Metric("Diversity of content", "how unlike the items of a list are in what they say and show "
                                "(one less the cosine)", "score", None, "lists"),
    "popularity": Metric("Popularity", "how many people had a suggested item, on average", "plain", None, "lists"),
    "popularity_bias": Metric("Popularity bias", "the same against what people had themselves; 0: just as popular",
                              "plain", None, "lists"),
    "rmse": Metric("RMSE", "the error of a predicted rating, large errors weighing more", "plain", "lower",
                   "ratings", 3),
    "mse": Metric("MSE", "the square of RMSE", "plain", "lower", "ratings", 3),
    "mae": Metric("MAE", "the mean error of a predicted rating, in the unit of the ratings", "plain", "lower",
                  "ratings", 3),
    "roc_auc": Metric("ROC AUC", "how often a row of a class is given a higher probability of it than another row; "
                      "0.5: by chance; mean over classes or labels", "score", group="predicted"),
    "pr_auc": Metric("PR AUC", "average precision: precision at each row of a class, by its probability; mean over "
                     "classes or labels", "score", group="predicted"),
    "balanced_accuracy": Metric("Balanced accuracy", "of the rows of each class the share told rightly, averaged over "
                                "classes", group="predicted"),
    "precision_macro": Metric("Precision, macro", "of what is told to be a class the share that is, over classes",
                              group="predicted"),
    "f1_macro": Metric("F1, macro", "the harmonic mean of precision and recall of each class, averaged", "score",
                       group="predicted"),
    "f1_micro": Metric("F1, micro", "the harmonic mean of precision and recall, all labels counted together", "score",
                       group="predicted"),
    "jaccard": Metric("Jaccard", "the labels told rightly, of all that are told or true, averaged over rows", "score",
                      group="predicted"),
    "log_loss": Metric("Log loss", "the surprise at the truth, in nats", "score", "lower", "predicted"),
    "brier": Metric("Brier score", "the squared distance of probabilities from truth", "score", "lower", "predicted"),
    "calibration_error": Metric("Calibration error", "the mean gap between how sure an answer is and how often it is "
                                "right", "score", "lower", "predicted"),
    "loss": Metric("Loss of a row", "the surprise at the truth in nats; of numbers the squared error over the variance",
                   "score", "lower", "predicted"),
    "r2": Metric("R²", "the share of the variance that is told", "score", group="predicted"),
}  # fmt: skip


def metric_of(key: str) -> tuple[Metric, int | None]:
    """("recall@20") -> (what is known of recall, 20). A name nobody knows is shown as it is, as a plain number."""
    base, _, tail = key.partition("@")
    k = int(tail) if tail.isdigit() else None
    known = METRICS.get(base.strip().lower().replace("-", "_").replace(" ", "_"))
    if known is not None:
        return known, k
    if "+" in base:  # "recall+ndcg@20": what validation may judge by
        label = "Geometric mean of " + joined([metric_of(part)[0].label for part in base.split("+")])
        return Metric(label, "their plain mean", "score"), k
    return Metric(humanise(base).capitalize(), "", "plain", None, "lists"), k


def metric_label(key: str) -> str:
    metric, k = metric_of(key)
    return metric.label if k is None else f"{metric.label}@{k}"


@dataclass(frozen=True)
class Measure:
    """A value with its 95 % interval; low and high are None where the report has none."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> bool:
        return self.low is not None and self.high is not None

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, or the value twice: what an axis must make room for."""
        return (
            self.value if self.low is None else self.low,
            self.value if self.high is None else self.high,
        )

    def shifted(self, by: float, scale: float = 1.0) -> "Measure":
        def move(x: float | None) -> float | None:
            return None if x is None else (x - by) * scale

        ends = [move(self.low), move(self.high)]
        if scale < 0:
            ends.reverse()
        return Measure((self.value - by) * scale, ends[0], ends[1])


def number(given: object) -> float | None:
    """A finite float, or None: a report never shows "nan"."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) if math.isfinite(given) else None


def measure(given: object) -> Measure | None:
    """A number, or {"value", "low", "high"} (or "sd" in the place of the ends), as a Measure; None where nothing is."""
    if isinstance(given, Mapping):
        value = number(given.get("value", given.get("mean")))
        if value is None:
            return None
        low, high, sd = number(given.get("low")), number(given.get("high")), number(given.get("sd"))
        if (low is None or high is None) and sd is not None:
            low, high = value - sd, value + sd
        return Measure(value, low, high)
    value = number(given)
    return None if value is None else Measure(value)


def thread_of(sense: str, encoders: Mapping[str, Any] | None = None) -> str:
    """The thread of a sense: by the modality of its encoder, by its name's first word, or "own vectors"."""
    told = (encoders or {}).get(sense)
    modality = str(told.get("modality", "")) if isinstance(told, Mapping) else ""
    for name in (modality, sense, sense.split(".")[0].split(":")[0].strip()):
        name = {"log": "behaviour", "attribute": "attributes", "images": "image"}.get(name, name)
        if name in THREADS:
            return name
    return "own vectors"


def threads_in_words(threads: Iterable[str]) -> str:
    """ "log + text + pictures"."""
    return " + ".join(THREAD_WORDS[t] for t in THREADS if t in {"behaviour", *threads})


# --- figures -----------------------------------------------------------------------------------------------------


def percent(share: Number, digits: int = 1) -> str:
    return f"{minus(share * 100, digits)} %"


def points(share: Number, digits: int = 1) -> str:
    """A difference of two shares, without sign: "5.6 points"."""
    text = f"{abs(share) * 100:.{digits}f}"
    return f"{text} point" if text == f"{1:.{digits}f}" else f"{text} points"


def minus(value: Number, digits: int) -> str:
    """A decimal with a true minus sign; what rounds to nought has no sign."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def figure(value: Number, unit: str, digits: int | None = None) -> str:
    """A number as its unit is written, without the unit's name: 28.1 (percent), 0.142 (score), 11.62 (plain)."""
    if unit == "share":
        return minus(value * 100, 1 if digits is None else digits)
    if unit == "score":
        return minus(value, 3 if digits is None else digits)
    if unit == "count":
        return minus(value, 0)
    return minus(value, digits) if digits is not None else minus(value, 0 if abs(value) >= 1000 else 2)


def with_unit(value: Number, unit: str) -> str:
    return figure(value, unit) + (" %" if unit == "share" else "")


def interval(given: Measure, unit: str, digits: int | None = None, short: bool = False) -> str:
    """ "27.2 to 28.9", or nothing where there is no interval. short: "27.2–28.9" where no end is negative."""
    if given.low is None or given.high is None:
        return ""
    between = "–" if short and given.low >= 0 else " to "
    return f"{figure(given.low, unit, digits)}{between}{figure(given.high, unit, digits)}"


def told(given: Measure, unit: str) -> str:
    """ "28.1 % (27.2 to 28.9)"."""
    span = interval(given, unit)
    return with_unit(given.value, unit) + (f" ({span})" if span else "")


def count(value: Number) -> str:
    return f"{value:,.0f}".replace("-", "−")


def duration(seconds: Number) -> str:
    """ "0.37 s", "12.4 s", "4 min 05 s", "1 h 12 min"."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(megabytes: Number) -> str:
    return f"{megabytes:,.0f} MB" if megabytes < 10_000 else f"{megabytes / 1000:,.1f} GB"


def day(given: object) -> str:
    """Unix seconds as a date; anything else as it is written."""
    seconds = number(given)
    if seconds is None:
        return str(given)
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d")


def humanise(key: str) -> str:
    """ "peak_memory_mb" -> "peak memory mb"."""
    return key.replace("_", " ").strip()


def ranges(label: str) -> str:
    """ "6-15 events" with the dash that ranges have."""
    return re.sub(r"(?<=\d)-(?=\d)", "–", label)


def joined(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def scalar(value: object, key: str = "") -> str:
    """One value of a table that nobody knows in advance (health, settings, counts)."""
    if value is None:
        return "–"
    if isinstance(value, Mapping | list | tuple) and not value:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if "year" in key or "seed" in key else count(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        hint = key.lower()
        if 0 <= value <= 1 and any(word in hint for word in ("share", "coverage", "density", "fraction", "percent")):
            return percent(value, 1 if value >= 0.01 or value == 0 else 3)
        if "second" in hint:
            return duration(value)
        return count(value) if value == round(value) or abs(value) >= 1000 else f"{value:.4g}".replace("-", "−")
    return str(value)
