"""Is this data set fit for use? Counted facts, then advice; `gobelin check`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gobelin.data import findings
from gobelin.data.advice import Plan, plan_for
from gobelin.data.catalogue import MEDIA_FIELDS
from gobelin.data.dataset import Dataset
from gobelin.data.events import Events
from gobelin.data.notes import Note, several
from gobelin.data.pictures import MediaCheck, check_pictures, check_sizes
from gobelin.data.split import distinct_pairs
from gobelin.values import Kind
from gobelin.values.histories import DAY


@dataclass(frozen=True)
class Health:
    """What was found, part by part, and what to do about it.

    counts: users, items, events, pairs, density. near: texts and pictures that nearly repeat another, of those looked
    at, with a pair; phrases: sentences that many texts hold (both only where `check` looked deep). unmatched: rows and
    ids that match nothing. coverage: of each field by items and by events. media: files checked and broken. people:
    activity, power users, likely bots. variants, columns: as in `findings`. notes: what was met while reading. plan,
    advice: see `advice`.
    """

    name: str
    positive: str
    counts: Mapping[str, int | float]
    kinds: Mapping[str, int]
    ratings: Mapping[str, int]
    time: Mapping[str, Any]
    duplicates: Mapping[str, int]
    near: Mapping[str, Mapping[str, Any]]
    phrases: tuple[Mapping[str, Any], ...]
    unmatched: Mapping[str, int]
    coverage: Mapping[str, Mapping[str, int | float]]
    media: Mapping[str, Mapping[str, Any]]
    people: Mapping[str, Any]
    variants: Mapping[str, Any]
    columns: tuple[Mapping[str, str], ...]
    notes: tuple[Note, ...]
    plan: Plan
    advice: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values by name; NaN (a share of nothing) becomes None."""
        plain = dict(vars(self))
        plain["notes"] = [vars(note) for note in self.notes]
        plain["plan"] = self.plan.as_json()
        return {name: _plain(value) for name, value in plain.items()}

    def rows(self) -> list[tuple[str, str, str]]:
        """(section, what, value) for a table, in reading order; empty sections are left out."""
        out: list[tuple[str, str, str]] = []
        for what, size in self.counts.items():
            out.append(("Size", what.replace("_", " "), f"{size:.5%}" if what == "density" else f"{size:,}"))
        out.append(("Size", "positive events are", self.positive))
        out += [("Kinds of event", kind, f"{count:,}") for kind, count in self.kinds.items()]
        out += [("Ratings", value, f"{count:,}") for value, count in self.ratings.items()]
        out += [("Time", what, str(value)) for what, value in self.time.items() if value is not None]
        for name, one in self.coverage.items():
            of_events = "" if np.isnan(one["share_of_events"]) else f", {one['share_of_events']:.1%} of events"
            out.append(("Coverage", name, f"{one['items']:,} items ({one['share_of_items']:.1%}{of_events})"))
        for name, files in self.media.items():
            told = ", ".join(f"{count:,} {reason}" for reason, count in files["reasons"].items())
            value = f"{several(files['files'], 'file')}, {files['checked']:,} checked, {files['broken']:,} broken"
            out.append(("Media", name, value + (f" ({told})" if told else "")))
        out += [("Duplicates", what.replace("_", " "), f"{count:,}") for what, count in self.duplicates.items()]
        for what, near in self.near.items():
            pair = f", e.g. {' and '.join(near['pair'])} ({near['share']:.0%} the same)" if near["near"] else ""
            out.append(("Duplicates", f"nearly, {what}", f"{near['near']:,} of {near['looked']:,}{pair}"))
        for phrase in self.phrases[:_PHRASES]:
            out.append(("Phrases of the shop", f"{phrase['items']:,} texts", repr(phrase["sentence"][:_SHOWN])))
        if len(self.phrases) > _PHRASES:
            out.append(("Phrases of the shop", "and more", f"{len(self.phrases) - _PHRASES:,}"))
        out += [("Matching nothing", what.replace("_", " "), f"{count:,}") for what, count in self.unmatched.items()]
        for what, fact in self.people.items():
            if what == "likely_bots":
                out += [("People", f"likely bot {one['user']}", one["reason"]) for one in fact[:5]]
                out.append(("People", "likely bots", f"{len(fact):,}"))
            else:
                shown = f"{fact:.1%}" if what.endswith("share_of_events") else f"{fact:,}"
                out.append(("People", what.replace("_", " "), shown))
        variants = self.variants
        groups = f"{several(variants['groups'], 'group')} of {several(variants['items'], 'item')}"
        groups += f", the largest of {variants['largest']:,}" if variants["groups"] else ""
        out.append(("Variants", f"by {variants['by']}", groups))
        out += [("Columns", one["column"], f"{one['finding']}: {one['detail']}") for one in self.columns]
        out += [("Met while reading", note.code, note.message) for note in self.notes]
        return out


_PHRASES, _SHOWN = 5, 80  # phrases in the table; characters of each


def check(dataset: Dataset, deep: bool = True) -> Health:
    """Looks at everything. deep: opens and decodes the pictures (all up to 20,000, a sample past that), compares texts
    and counts sentences (all up to 100,000)."""
    events, n_items = dataset.events, len(dataset.items)
    resolution = findings.resolution_of(events)
    media = _media(dataset) if deep else {}
    facts: dict[str, Any] = {
        "counts": _counts(dataset),
        "kinds": {
            Kind(kind).name: count
            for kind, count in enumerate(np.bincount(events.kinds, minlength=len(Kind)).tolist())
            if count
        },
        "ratings": findings.histogram(events),
        "time": _time(events, resolution),
        "duplicates": {
            "rows": findings.repeated_rows(events),
            "texts": findings.repeated_texts(dataset.catalogue),
            **({"pictures": media["image"].alike} if "image" in media else {}),
        },
        "near": {
            **({"texts": findings.near_repeated_texts(dataset.catalogue)} if deep else {}),
            **({"pictures": dict(media["image"].near)} if "image" in media else {}),
        },
        "phrases": tuple(findings.shop_phrases(dataset.catalogue)) if deep else (),
        "unmatched": {
            "items_without_events": int((findings.events_of_items(events, n_items) == 0).sum()),
            "users_without_events": len(dataset.users) - len(np.unique(events.users)),
            **{
                f"rows_{note.code.removeprefix('log-').replace('-', '_')}": note.count
                for note in dataset.notes
                if note.code in ("log-unknown-item", "log-no-item", "log-no-user")
            },
        },
        "coverage": findings.coverage(dataset),
        "media": {name: _told(one) for name, one in media.items()},
        "people": findings.people(dataset, resolution),
        "variants": findings.variants(dataset.catalogue, dataset.settings.group),
        "columns": tuple(findings.suspicious_columns(dataset)),
    }
    plan, advice = plan_for(dataset, facts)
    return Health(name=dataset.name, positive=dataset.positive, notes=dataset.notes, plan=plan, advice=advice, **facts)


def _counts(dataset: Dataset) -> dict[str, int | float]:
    events = dataset.events
    pairs = len(distinct_pairs(events, len(dataset.items))[0])
    users, items = len(np.unique(events.users)), len(np.unique(events.items[events.items >= 0]))
    return {
        "users": len(dataset.users),
        "users_with_events": users,
        "items": len(dataset.items),
        "items_with_events": items,
        "events": len(events),
        "positive_events": int(events.positive.sum()),
        "pairs": pairs,
        "density": pairs / (users * items) if users and items else 0.0,
    }


def _time(events: Events, resolution: str | None) -> dict[str, Any]:
    if events.times is None or not len(events):
        return {}
    first, last = int(events.times.min()), int(events.times.max())
    suspicious = None
    if last < 365 * DAY:
        suspicious = "all lie in 1970; are these seconds since then, or a date such as 20240131 or a running number?"
    elif last > datetime.now(UTC).timestamp() + 366 * DAY:
        suspicious = "the last lies more than a year ahead."
    return {
        "first": _iso(first),
        "last": _iso(last),
        "days": round((last - first) / DAY, 1),
        "resolution": resolution,
        "unit": "seconds",
        "suspicious": suspicious,
    }


def _iso(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds"


def _media(dataset: Dataset) -> dict[str, MediaCheck]:
    catalogue = dataset.catalogue
    out: dict[str, MediaCheck] = {}
    if catalogue.root is None:
        return out
    for name in MEDIA_FIELDS:
        values = [value for column, _ in catalogue.field(name) for value in catalogue.columns[column] if value]
        paths = [path for value in values for path in value.split("|")]
        if paths:
            out[name] = (check_pictures if name == "image" else check_sizes)(catalogue.root, paths)
    return out


def _told(check: MediaCheck) -> dict[str, Any]:
    return {
        "files": check.files,
        "checked": check.checked,
        "broken": len(check.broken),
        "reasons": check.reasons,
        "examples": list(check.broken)[:5],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
