"""What a look at the catalogue and the people finds: coverage, variants, suspicious columns, likely machines."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import spearmanr

from gobelin.arrays import Array, Bool, Float64
from gobelin.data.catalogue import MEDIA_FIELDS, TEXT_FIELDS, Catalogue
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.near import sample
from gobelin.data.near_texts import MOST as MOST_TEXTS
from gobelin.data.near_texts import near_texts
from gobelin.data.phrases import common_phrases
from gobelin.data.reading import numbers
from gobelin.values.histories import DAY

INHUMAN_A_MINUTE = 60  # one event a second for a minute
INHUMAN_A_DAY = 1_440  # one a minute around the clock
COMMON = 0.05  # share of the texts from which a sentence is a phrase of the shop
POWER = 3.0  # robust standard deviations of the logarithm above the median

_POPULAR = re.compile(
    r"(^|_)(n|num|number|count|counts|reviews?|ratings?|popularity|popular|sales|sold|orders|purchases|views|clicks|likes"
    r"|rank|avg|average|mean|score|stars|votes)(_|$)|热度|销量|评分|浏览量|点击",
    re.IGNORECASE,
)


def coverage(dataset: Dataset) -> dict[str, dict[str, int | float]]:
    """field -> how many items have it, their share, and the share of events on items that have it."""
    weights = events_of_items(dataset.events, len(dataset.items))
    catalogue = dataset.catalogue
    total = max(int(weights.sum()), 1)
    out: dict[str, dict[str, int | float]] = {}

    def put(name: str, has: Bool[Array, " items"]) -> None:
        out[name] = {
            "items": int(has.sum()),
            "share_of_items": round(float(has.mean()), 4),
            "share_of_events": round(float(weights[has].sum() / total), 4) if weights.any() else float("nan"),
        }

    anything = np.zeros(len(catalogue), dtype=bool)
    for name in (*TEXT_FIELDS, "categories", *MEDIA_FIELDS):
        columns = catalogue.field(name)
        if not columns:
            continue
        masks = [filled(catalogue.columns[column]) for column, _ in columns]
        put(name, np.logical_or.reduce(masks))
        anything |= np.logical_or.reduce(masks)
        for (_, language), mask in zip(columns, masks, strict=True):
            if language:
                put(f"{name} ({language})", mask)
    attributes = [filled(catalogue.columns[column]) for column in attribute_columns(catalogue)]
    if attributes:
        put("attributes", np.logical_or.reduce(attributes))
        anything |= np.logical_or.reduce(attributes)
    for name, features in catalogue.vectors.items():
        put(f"own vectors {name}", features.present)
        anything |= features.present
    put("nothing but an id", ~anything)
    return out


def attribute_columns(catalogue: Catalogue) -> list[str]:
    plain = {column for name in (*TEXT_FIELDS, *MEDIA_FIELDS, "categories") for column, _ in catalogue.field(name)}
    return [column for column in catalogue.columns if column not in plain]


def filled(values: Sequence[str | None]) -> Bool[Array, " items"]:
    return np.fromiter((value is not None for value in values), dtype=bool, count=len(values))


def events_of_items(events: Events, n_items: int) -> Array:
    """(items,) events on each, of any kind."""
    return np.bincount(events.items[events.items >= 0], minlength=n_items)


def described(catalogue: Catalogue, rows: Iterable[int] | None = None) -> Iterator[str]:
    """Title and text of some items (of all where None), joined; empty where an item has neither."""
    columns = [catalogue.columns[column] for name in TEXT_FIELDS for column, _ in catalogue.field(name)]
    for row in range(len(catalogue)) if rows is None else rows:
        yield "\n".join(value for c in columns if (value := c[row]))


def _digests(texts: Iterable[str | None]) -> Array:
    """16 bytes for each text that holds anything: equal texts, and they alone, have equal ones."""
    digest = (hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=16).digest() for one in texts if one)
    return np.fromiter(digest, dtype="V16")


def variants(catalogue: Catalogue, column: str | None) -> dict[str, Any]:
    """Groups of items that are one product: by the `group` column, else by identical title and text."""
    told = catalogue.group is not None
    keys = _digests(catalogue.group if catalogue.group is not None else described(catalogue))
    several = [size for size in np.unique(keys, return_counts=True)[1].tolist() if size > 1]
    return {
        "by": f"the column {column!r}" if told else "identical title and text",
        "told": told,
        "groups": len(several),
        "items": sum(several),
        "largest": max(several, default=1),
    }


def repeated_texts(catalogue: Catalogue) -> int:
    """Items whose title and text repeat those of an earlier item."""
    keys = _digests(described(catalogue))
    return len(keys) - len(np.unique(keys))


def near_repeated_texts(catalogue: Catalogue, most: int = MOST_TEXTS) -> dict[str, Any]:
    """Items whose title and text nearly repeat those of another, of those compared, and the ids of such a pair."""
    filled = np.fromiter((row for row, text in enumerate(described(catalogue)) if text), dtype=np.int64)
    rows = filled[sample(len(filled), most)].tolist()
    return near_texts(list(described(catalogue, rows)), most).as_json([catalogue.items[row] for row in rows])


def shop_phrases(catalogue: Catalogue, most: int = MOST_TEXTS) -> list[dict[str, Any]]:
    """Sentences that more than a twentieth of the texts hold, the most frequent first; of a sample past `most`."""
    rows = sample(len(catalogue), most).tolist()
    found = common_phrases(lambda: (said(catalogue, row) for row in rows), COMMON)
    return [{"sentence": one.sentence, "items": one.items} for one in found.values()]


def said(catalogue: Catalogue, row: int) -> list[str | None]:
    """The texts of an item (not its title), one for each language that the catalogue has."""
    return [catalogue.columns[column][row] for column, _ in catalogue.field("text")]


def repeated_rows(events: Events) -> int:
    """Events that are identical to an earlier one in everything the log says."""
    columns: dict[str, Any] = {"user": events.users, "item": events.items, "kind": events.kinds}
    for name in ("times", "ratings", "quantities", "texts"):
        column = getattr(events, name)
        if column is not None:
            columns[name] = column
    return int(pd.DataFrame(columns).duplicated().sum())


def suspicious_columns(dataset: Dataset) -> list[dict[str, str]]:
    """Attribute columns that are empty, constant, identifiers, or that give away what is to be predicted."""
    catalogue, events = dataset.catalogue, dataset.events
    counts = events_of_items(events, len(catalogue)).astype(np.float64)
    means = _mean_ratings(events, len(catalogue))
    asked = {dataset.settings.group, *dataset.settings.categorical}
    found: list[dict[str, str]] = []
    for column in attribute_columns(catalogue):
        if column in asked:
            continue
        for finding, detail in _suspicions(column, catalogue.columns[column], counts, means):
            found.append({"column": column, "finding": finding, "detail": detail})
    return found


def _suspicions(
    column: str,
    values: Sequence[str | None],
    counts: Float64[Array, " items"],
    means: Float64[Array, " items"],
) -> Iterator[tuple[str, str]]:
    known = [value for value in values if value is not None]
    distinct = len(set(known))
    if not known:
        yield "empty", "no item has a value"
        return
    if distinct == 1 and len(known) == len(values) > 1:
        yield "constant", f"every item has {known[0][:60]!r}"
        return
    number = numbers(pa.chunked_array([pa.array(values, pa.string())]))[0]
    numeric = bool((~np.isnan(number)).sum() >= 0.5 * len(known))
    if numeric:
        named = bool(_POPULAR.search(column))
        for what, against in (("number of events", counts), ("mean rating", means)):
            both = ~np.isnan(number) & ~np.isnan(against)
            rho = _spearman(number[both], against[both])
            if abs(rho) >= (0.3 if named else 0.8):
                yield "leak", f"follows the {what} of an item (rank correlation {rho:.2f})"
                return
    if len(known) >= 20 and distinct >= 0.95 * len(known) and _code_like(known, number):
        yield "identifier", f"{distinct:,} different values on {len(known):,} items"


def _code_like(known: Sequence[str], number: Float64[Array, " items"]) -> bool:
    """Whole numbers, or short words without a space that are no dates: what a machine would call things."""
    values = number[~np.isnan(number)]
    if len(values) >= 0.95 * len(known):
        return bool(np.all(values == np.floor(values)))
    sample = pd.Series(known[:1_000], dtype="object")
    if pd.to_datetime(sample, format="ISO8601", errors="coerce", utc=True).notna().mean() > 0.9:
        return False
    return sum(" " not in one and "," not in one and "|" not in one and len(one) <= 40 for one in known) >= 0.95 * len(
        known
    )


def _spearman(a: Float64[Array, " both"], b: Float64[Array, " both"]) -> float:
    if len(a) < 20 or np.all(a == a[0]) or np.all(b == b[0]):
        return 0.0
    return float(spearmanr(a, b).statistic)


def _mean_ratings(events: Events, n_items: int) -> Float64[Array, " items"]:
    means = np.full(n_items, np.nan)
    if events.ratings is None:
        return means
    rated = (events.items >= 0) & ~np.isnan(events.ratings)
    n = np.bincount(events.items[rated], minlength=n_items)
    total = np.bincount(events.items[rated], weights=events.ratings[rated], minlength=n_items)
    means[n > 0] = total[n > 0] / n[n > 0]
    return means


def people(dataset: Dataset, resolution: str | None) -> dict[str, Any]:
    """How much people did, who did far more than the others, and who is likely a machine, with the reason.

    Power users: the logarithm of their count lies 3 robust standard deviations (1.4826 MAD, at least .25) above the
    median. Likely bots: a user with more than ten times the median who reached 60 events within one minute (where
    times are that fine) or 1,440 within one day.
    """
    events = dataset.events
    counts = np.bincount(events.users, minlength=len(dataset.users))
    active = counts[counts > 0]
    if not len(active):
        return {}
    logs = np.log(active)
    median = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - median))), 0.25)
    power = np.flatnonzero(counts > np.exp(median + POWER * spread))
    bots = [
        {"user": dataset.users[user], "events": int(counts[user]), "reason": reason}
        for user, reason in sorted(_machines(events, resolution).items(), key=lambda one: -counts[one[0]])
        if counts[user] > 10 * np.exp(median)
    ]
    return {
        "median_events": float(np.median(active)),
        "most_events": int(active.max()),
        "users_with_one_event": int((active == 1).sum()),
        "power_users": len(power),
        "power_share_of_events": round(float(counts[power].sum() / len(events)), 4),
        "likely_bots": bots,
    }


def _machines(events: Events, resolution: str | None) -> Mapping[int, str]:
    found: dict[int, str] = {}
    if events.times is None:
        return found
    spans = [(DAY, INHUMAN_A_DAY, "day")]
    if resolution == "second":
        spans.append((60, INHUMAN_A_MINUTE, "minute"))
    for seconds, most, word in spans:
        moments = events.times // seconds
        starts = np.flatnonzero(np.r_[True, (np.diff(events.users) != 0) | (np.diff(moments) != 0)])
        lengths = np.diff(np.r_[starts, len(events)])
        for start, length in zip(starts[lengths >= most].tolist(), lengths[lengths >= most].tolist(), strict=True):
            user = int(events.users[start])
            if user not in found or word == "minute":
                found[user] = f"{length:,} events within one {word}"
    return found


def resolution_of(events: Events) -> str | None:
    """The finest step of the log's times: day, hour, minute or second; None without times."""
    if events.times is None:
        return None
    for seconds, word in ((DAY, "day"), (3_600, "hour"), (60, "minute")):
        if np.mean(events.times % seconds == 0) >= 0.95:
            return word
    return "second"


def histogram(events: Events) -> dict[str, int]:
    """value -> number of ratings; ten bins where there are more than twenty values."""
    if events.ratings is None:
        return {}
    given = events.ratings[~np.isnan(events.ratings)]
    values, counts = np.unique(given, return_counts=True)
    if len(values) <= 20:
        return {f"{value:g}": int(count) for value, count in zip(values, counts, strict=True)}
    counts, edges = np.histogram(given, bins=10)
    return {f"{a:g} to {b:g}": int(n) for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)}
