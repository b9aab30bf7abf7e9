"""From what was found to what to do: is this enough, which split, how long, what to fix first."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gobelin.data.dataset import Dataset
from gobelin.data.notes import several
from gobelin.data.splits import make_split
from gobelin.errors import UserError

SECONDS_A_PICTURE = 0.012  # of one core (EfficientNet-Lite0, decoding included)
SECONDS_A_TEXT = 0.0035  # of one core (universal sentence encoder)
SOLVE_RATE = 5e10  # n^3 a second: a solve of 3,000 items takes half a second on two cores
MOST_SOLVED_WHOLE = 25_000  # items; past it neighbourhoods are solved
SEARCHED_ITEMS = 4_000  # a larger catalogue is searched on its most frequent items
TRIALS, BUDGET = 40, 300.0  # fits and seconds of one search
SEARCHES = 8  # the model, its ablations and the baselines, in units of the model's own search
SCORE_RATE = 5e7  # users times items a second, to judge one setting on validation
VECTOR_BYTES = 4 * (512 + 1_280)  # of one item
BASE_MB, BASE_SECONDS = 300, 20  # of reading, the report, everything else

ENOUGH_USERS, SOME_USERS = 500, 50
SPREAD = 0.35  # of one user's Recall@20, about


@dataclass(frozen=True)
class Plan:
    """enough: "yes", "barely" or "no". split: the kind to run, None without a log. minutes, memory_mb: expected of
    `gobelin run` with that recipe. precision: half the width of the interval that Recall@20 will have, about.
    first: what to fix first, None where nothing needs it."""

    enough: str
    split: str | None
    recipe: str
    users: int
    items: int
    precision: float | None
    minutes: float
    encode_minutes: float
    memory_mb: int
    first: str | None

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def plan_for(dataset: Dataset, facts: Mapping[str, Any]) -> tuple[Plan, tuple[str, ...]]:
    """(the plan, the advice in sentences). facts: what `health.check` found, by its names."""
    kind, users, asked, items, words = _which_split(dataset)
    texts, pictures = (_pieces(dataset, fields) for fields in (("title", "text"), ("image",)))
    cores = os.cpu_count() or 1
    encode = (pictures * SECONDS_A_PICTURE + texts * SECONDS_A_TEXT) / cores
    solve = min(items, MOST_SOLVED_WHOLE) ** 3 / SOLVE_RATE
    searched = min(items, SEARCHED_ITEMS)
    search = min(BUDGET, TRIALS * (searched**3 / SOLVE_RATE + asked * searched / SCORE_RATE))
    run = BASE_SECONDS + SEARCHES * search + 2 * solve if kind else 0.0
    minutes = (encode + run) / 60
    matrices = 3 * 4 * min(items, MOST_SOLVED_WHOLE) ** 2
    memory = int(BASE_MB + (matrices + len(dataset.items) * VECTOR_BYTES) / 2**20)
    enough = "no" if users < SOME_USERS else "barely" if users < ENOUGH_USERS else "yes"
    recipe = "fast" if minutes > 20 else "weave"
    problems = tuple(_problems(dataset, facts))
    precision = 1.96 * SPREAD / np.sqrt(users) if users else None
    plan = Plan(
        enough,
        kind,
        recipe,
        users,
        items,
        None if precision is None else round(float(precision), 4),
        round(minutes, 1),
        round(encode / 60, 1),
        memory,
        problems[0] if problems else None,
    )
    return plan, (
        *_sentences(dataset, plan, words, texts, pictures, "attributes" in facts["coverage"], cores),
        *problems,
    )


def _which_split(dataset: Dataset) -> tuple[str | None, int, int, int, str]:
    """(kind, test users with a history, test users, items, why in words), found by making the splits."""
    if not dataset.events.positive.any():
        return None, 0, 0, len(dataset.items), ""
    found: dict[str, tuple[int, int, int]] = {}
    for kind in ("time", "random"):
        try:
            if kind == "time" and dataset.events.times is None:
                continue
            split = make_split(dataset, kind)
        except UserError:
            continue
        asked = len(split.test.askers())
        found[kind] = (asked - split.counts["cold_users_test"], asked, len(split.items))
    if "time" in found:
        known, asked, items = found["time"]
        if known >= max(100, 0.25 * asked):
            return "time", known, asked, items, f"Its test asks {asked:,} people, {known:,} of them with a history."
    if "random" in found:
        known, asked, items = found["random"]
        why = f"Its test asks {asked:,} people."
        if "time" in found:
            why += (
                f" A split by time would leave only {found['time'][0]:,} test people with a history; "
                "run it as well and report both."
            )
        return "random", known, asked, items, why
    if "time" in found:
        known, asked, items = found["time"]
        return "time", known, asked, items, f"Its test asks {asked:,} people, {known:,} of them with a history."
    return "none", 0, 0, len(dataset.items), "The log is too thin to hold anything out."


def _pieces(dataset: Dataset, fields: Sequence[str]) -> int:
    """Items that have any of the fields; for media the files they name."""
    catalogue = dataset.catalogue
    columns = [catalogue.columns[column] for name in fields for column, _ in catalogue.field(name)]
    if not columns:
        return 0
    if fields == ("image",):
        return sum(value.count("|") + 1 for values in columns for value in values if value)
    return sum(any(values[row] for values in columns) for row in range(len(catalogue)))


def _sentences(
    dataset: Dataset, plan: Plan, words: str, texts: int, pictures: int, attributes: bool, cores: int
) -> Iterator[str]:
    if plan.split is None:
        yield "There is no log: items can be encoded and compared, nothing can be learned about people."
        yield (
            f"Encoding {several(texts, 'text')} and {several(pictures, 'picture')} takes about "
            f"{plan.encode_minutes:g} minutes on {several(cores, 'core')}; then try `gobelin similar`."
        )
        return
    if plan.enough == "yes":
        yield (
            f"This is enough to compare models: with {several(plan.users, 'test person', 'test people')} a Recall@20 "
            f"will be known to about ±{plan.precision:.3f}."
        )
    elif plan.enough == "barely":
        yield (
            f"This is barely enough: with {several(plan.users, 'test person', 'test people')} a Recall@20 will be "
            f"known to about ±{plan.precision:.3f}, so only large differences will show. Run several seeds."
        )
    else:
        yield (
            f"This is not enough to compare models: {several(plan.users, 'test person', 'test people')} with a "
            "history. Content neighbours and popularity are what to trust until there are more."
        )
    yield f"Split: {plan.split}. {words}"
    senses = [name for name, count in (("text", texts), ("image", pictures)) if count]
    senses += [name for name in ("audio", "video") if name in dataset.catalogue.fields]  # where the extra is installed
    senses += (["attributes"] if attributes else []) + list(dataset.catalogue.vectors)
    yield f"Recipe: {plan.recipe}; it reads the log" + "".join(f", {sense}" for sense in senses) + "."
    yield (
        f"Expect about {max(plan.minutes, 0.5):.1f} minutes and {plan.memory_mb:,} MB on {several(cores, 'core')}: "
        f"{plan.encode_minutes:g} minutes to encode once (12 ms a picture, 3.5 ms a text on one core), the rest to "
        f"search and solve (a solve is {plan.items:,} items cubed at 5e10 a second; a search has up to "
        f"{TRIALS} of them and {BUDGET:g} seconds)."
    )


def _problems(dataset: Dataset, facts: Mapping[str, Any]) -> Iterator[str]:
    """What to fix, the most harmful first."""
    notes = {note.code: note for note in dataset.notes}
    rows = len(dataset.events) + sum(note.count for code, note in notes.items() if code in _LOST)
    lost = sum(note.count for code, note in notes.items() if code in _LOST)
    if lost > 0.01 * rows:
        worst = max((note for code, note in notes.items() if code in _LOST), key=lambda note: note.count)
        yield f"Fix the log: {lost / rows:.1%} of its rows cannot be used. {worst.message}"
    leaks = [one["column"] for one in facts["columns"] if one["finding"] == "leak"]
    if leaks:
        yield (
            f"Leave out {', '.join(leaks)}: computed from the log, such a column tells a model what it is to predict. "
            f"Write ignore = [{', '.join(repr(one) for one in leaks)}] in dataset.toml."
        )
    for name, media in facts["media"].items():
        if media["broken"]:
            yield f"Replace {several(media['broken'], f'broken {name} file')}, for example {media['examples'][0]}."
    gone = [note for code, note in notes.items() if code.startswith("media-")]
    for note in gone:
        yield f"Complete the media: {note.message}"
    bots = facts["people"].get("likely_bots", ())
    if bots:
        yield (
            f"Look at {several(len(bots), 'likely bot')}, first {bots[0]['user']!r} ({bots[0]['reason']}); "
            "clean.most_a_day takes such users out."
        )
    if facts["time"].get("suspicious"):
        yield f"Check the times: {facts['time']['suspicious']}"
    if facts["duplicates"]["rows"] > 0.01 * max(len(dataset.events), 1):
        yield (
            f"Look at {several(facts['duplicates']['rows'], 'identical row')} in the log; if they are export errors, "
            "clean.repeat_seconds takes them out."
        )
    phrases = facts["phrases"]
    if phrases:
        yield (
            f"Look at {several(len(phrases), 'sentence')} that many texts hold, first {phrases[0]['sentence'][:60]!r} "
            f"({several(phrases[0]['items'], 'text')}); clean.boilerplate takes such sentences out."
        )
    variants = facts["variants"]
    if not variants["told"] and variants["items"] > 0.05 * len(dataset.items):
        yield (
            f"{several(variants['items'], 'item')} share title and text with another: if they are variants of one "
            "product, name the column that joins them as `group` in dataset.toml."
        )
    identifiers = [one["column"] for one in facts["columns"] if one["finding"] == "identifier"]
    if identifiers:
        yield f"{', '.join(identifiers)} looks like an identifier and will not be read as an attribute."


_LOST = ("log-no-user", "log-unknown-item", "log-no-item", "log-rating-not-number", "log-no-time")
