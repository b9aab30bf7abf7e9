"""What a report is made of: answers gathered from every contender, turned into the JSON that the page draws."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gobelin.contest.bench import Bench, Exam
from gobelin.contest.contenders import Found
from gobelin.contest.line_up import fewer_senses
from gobelin.cues import Cues
from gobelin.data.catalogue import Catalogue
from gobelin.data.dataset import Dataset
from gobelin.data.split import Pairs, Split
from gobelin.evaluation import metrics, slices, statistics
from gobelin.evaluation.beyond import beyond
from gobelin.protocols import Explains, Recommender
from gobelin.recipe import Recipe
from gobelin.values import Histories, Kind, Queries, Ranked, Train, Vocabulary

SHOWN = 20  # items of a list in recommendations.parquet, slices and beyond-accuracy figures
LONGEST = max(metrics.KS)
EXPLAINED = 5_000  # items: above it a float64 solve for six sample people would cost more than the run's own
VERSIONS = ("numpy", "scipy", "scikit-learn", "pyarrow", "onnxruntime", "pillow")


@dataclass(frozen=True)
class Answers:
    """The lists of one model for the test part (of length LONGEST) and its metrics for each user."""

    exam: Exam
    ranked: Ranked
    per_user: statistics.PerUser


@dataclass(frozen=True)
class Judged:
    """A contender that was searched, fitted on train and asked. answers: None where the split has no test part."""

    found: Found
    seconds: Mapping[str, float]
    answers: Answers | None


@dataclass
class Trial:
    """Everything a report is made of; filled by `experiment.run` step by step.

    bench: as the chosen model hears it; stage: the bench with every cue, from which each contender hears what its
    search says. catalogue: of the data set, with a row for each cue behind its items: what `split.rows` points into.
    """

    dataset: Dataset
    recipe: Recipe
    asked: Mapping[str, Any]
    health: Mapping[str, Any]
    bench: Bench
    stage: Bench
    cues: Cues
    catalogue: Catalogue
    encoders: Mapping[str, Any]
    judged: dict[str, Judged] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    joint: Mapping[str, Any] | None = None
    ratings: Mapping[str, Any] | None = None
    refit: Answers | None = None
    people: Sequence[Mapping[str, Any]] = ()

    @property
    def split(self) -> Split:
        return self.bench.split

    @property
    def chosen(self) -> Judged:
        return self.judged[self.recipe.name]


def ask(bench: Bench, model: Recommender) -> Answers | None:
    """The model's lists for every test user; None where nothing was held out for test."""
    exam = bench.exam("test", bench.main)
    if not len(exam):
        return None
    ranked = bench.top(model, exam, LONGEST)
    pool = len(bench.train.items) if exam.candidates is None else len(exam.candidates)
    mask = exam.mask if exam.candidates is None else exam.mask[:, exam.candidates]
    allowed = pool - np.diff(mask.tocsr().indptr).astype(np.int64)
    return Answers(exam, ranked, metrics.evaluate(ranked, exam.relevant, candidates=allowed))


def report(trial: Trial) -> dict[str, Any]:
    """`report.json`, but for seconds and memory."""
    split, data = trial.split, trial.dataset
    validation = {name: judged.found.validation for name, judged in trial.judged.items()}
    main = {n: v for n, v in validation.items() if trial.judged[n].found.contender.role in ("chosen", "baseline")}
    out: dict[str, Any] = {
        "asked": dict(trial.asked),
        "dataset": _dataset(data, split),
        "health": dict(trial.health),
        **({"cues": trial.cues.counts()} if len(trial.cues) else {}),
        "encoders": dict(trial.encoders),
        "split": {
            "kind": split.kind,
            "seed": split.seed,
            "users": len(np.unique(split.train.users)),
            "items": trial.bench.train.shown,
            "train": len(split.train_pairs),
            "validation": len(split.validation),
            "test": len(split.test),
            "core": split.core,
            "mask": split.mask_at_test,
            "counts": {name: int(n) for name, n in split.counts.items()},
        },
        "models": {name: _model(trial, judged) for name, judged in trial.judged.items()},
        "left_out": dict(trial.left_out),
        "chosen": trial.recipe.name,
        "best_on_validation": max(main, key=lambda name: main[name]),
        "comparisons": _comparisons(trial),
        "slices": _slices(trial),
        "people": list(trial.people),
        "settings": trial.recipe.model_dump(mode="json"),
        "versions": _versions(),
    }
    if trial.refit is not None:
        out["models"][f"{trial.recipe.name} (refit on train + validation)"] = {
            "role": "refit",
            "senses": list(trial.chosen.found.contender.senses),
            "settings": plain_settings(trial.chosen.found.settings),
            "metrics": _figures(trial, trial.refit),
            "validation": {},
            "seconds": {},
            "trials": 0,
        }
    if trial.joint is not None:
        out["joint"] = trial.joint
    if trial.ratings is not None:
        out["ratings"] = {name: told for name, told in trial.ratings.items() if name != "tried"}
    return out


def searches(trial: Trial) -> dict[str, Any]:
    """`search.json`: every trial of every search, in order: what was turned, the value on validation, seconds, and
    whether the training was cut short."""
    tune = trial.recipe.tune
    out: dict[str, Any] = {"method": tune.method, "metric": tune.metric}
    out["models"] = {name: [one.as_json() for one in judged.found.tried] for name, judged in trial.judged.items()}
    if trial.ratings is not None:
        out["ratings"] = {"metric": "-rmse", "models": trial.ratings["tried"]}
    return out


def _model(trial: Trial, judged: Judged) -> dict[str, Any]:
    found = judged.found
    return {
        "role": found.contender.role,
        "part": found.contender.part,
        "senses": list(found.contender.senses),
        "settings": plain_settings(found.settings),
        **({"hear": dict(found.hear)} if found.hear else {}),
        "trials": found.trials,
        "search_ended": found.ended,
        "validation": {trial.recipe.tune.metric: found.validation},
        "metrics": {} if judged.answers is None else _figures(trial, judged.answers),
        "seconds": {step: round(s, 3) for step, s in judged.seconds.items()},
        **({"learning": [asdict(epoch) for epoch in found.curve]} if found.curve else {}),
    }


def _figures(trial: Trial, answers: Answers) -> dict[str, Any]:
    """Every metric with its interval. Each model is resampled by a generator of the same seed: the same users."""
    n = trial.recipe.report.resamples
    out: dict[str, Any] = dict(metrics.summarise(answers.per_user, _rng(trial), resamples=n))
    train = trial.bench.train
    out |= beyond(
        answers.ranked,
        train.counts().astype(np.int64),
        len(train.users),
        _rng(trial),
        k=SHOWN,
        candidates=answers.exam.candidates,
        histories=answers.exam.queries.histories.matrix(len(train.items)),
        categories=_categories(trial),
        table=train.table,
        resamples=n,
    )
    return out


def _categories(trial: Trial) -> list[tuple[str, ...]]:
    every = trial.catalogue.categories()
    return [every[row] for row in trial.split.rows.tolist()]


def _comparisons(trial: Trial) -> list[dict[str, Any]]:
    """The chosen model against every other, and against none where it stands alone; p-values corrected together."""
    if trial.chosen.answers is None:
        return []
    per_user = {n: j.answers.per_user for n, j in trial.judged.items() if j.answers is not None}
    pairs = [(trial.recipe.name, other) for other in per_user if other != trial.recipe.name]
    for fewer in fewer_senses(trial.bench.train.table):
        media, less = f"{trial.recipe.name} ({fewer})", [f"{trial.recipe.name} ({one})" for one in fewer.split(" + ")]
        if len(less) > 1:  # what each modality adds to the others: text + image against text, against image
            pairs += [(media, one) for one in less if media in per_user and one in per_user]
    n = trial.recipe.report.resamples
    wanted = [f"recall@{SHOWN}", f"ndcg@{SHOWN}"]
    return statistics.comparisons(per_user, pairs, wanted, _rng(trial), resamples=n) if pairs else []


def _slices(trial: Trial) -> dict[str, Any]:
    if trial.chosen.answers is None:
        return {}
    exam, train, split = trial.chosen.answers.exam, trial.bench.train, trial.split
    histories = exam.queries.histories.matrix(len(train.items))
    catalogue = trial.catalogue
    group = None if catalogue.group is None else [catalogue.group[row] for row in split.rows.tolist()]
    cut = slices.families(
        exam.relevant,
        activity=np.diff(histories.indptr).astype(np.int64),
        counts=train.counts().astype(np.int64),
        cold=split.cold,
        table=train.table if len(train.table) else None,
        group=group,
        histories=histories,
    )
    ranked = {name: judged.answers.ranked for name, judged in trial.judged.items() if judged.answers is not None}
    return dict(slices.slice_table(cut, exam.relevant, ranked, _rng(trial), resamples=trial.recipe.report.resamples))


def people(trial: Trial, model: Recommender, train: Train, answers: Answers) -> list[dict[str, Any]]:
    """A few test users, drawn at random among those with a history: what they had, what is shown and why, what came
    next. model: the chosen one, fitted on train; answers: its lists."""
    wanted = trial.recipe.report.people
    if not wanted:
        return []
    catalogue, rows = trial.catalogue, trial.split.rows
    histories = answers.exam.queries.histories
    able = np.flatnonzero(histories.lengths > 0)
    some = np.sort(_rng(trial).permutation(able)[:wanted])
    titles = catalogue.titles()
    group = catalogue.group

    def card(item: int, **more: Any) -> dict[str, Any]:
        row = int(rows[item])
        images = catalogue.columns.get("image")
        image = None if images is None or images[row] is None else str(images[row]).split("|")[0].strip()
        colour = catalogue.content(row).fields.get("colour")
        return {
            "item": catalogue.items[row], "title": titles[row], "image": image,
            "attribute": str(colour[0]) if colour else None, **more,
        }  # fmt: skip

    out = []
    for query in some.tolist():
        one = histories.take(np.array([query]))
        events = _each_once(one)
        had = {i for i, _ in events}
        had_groups = {group[int(rows[i])] for i in had} - {None} if group is not None else set()
        relevant = answers.exam.relevant[[query]].indices.tolist()
        shown = [
            (int(i), float(s)) for i, s in zip(answers.ranked.items[query], answers.ranked.scores[query], strict=True)
        ]
        first = [(i, s) for i, s in shown[:12] if i >= 0]
        reasons = _reasons(model, train, answers.exam.queries.take(np.array([query])), [i for i, _ in first])
        out.append({
            "user": trial.split.users[int(answers.exam.users[query])],
            "history": [card(i, kind=Kind(kind).name) for i, kind in events[-12:]],
            "recommended": [
                card(i, score=s, hit=i in relevant,
                     variant=group is not None and group[int(rows[i])] in had_groups,
                     **({} if why is None else {"because": {**card(why[0]), "senses": why[1]}}))
                for (i, s), why in zip(first, reasons, strict=True)
            ],
            "held_out": [card(i) for i in relevant[:12]],
        })  # fmt: skip
    return out


def _each_once(history: Histories) -> list[tuple[int, int]]:
    """(item, kind of its strongest event) of each item of one history, by its last event, oldest first."""
    last: dict[int, int] = {}
    for event in np.flatnonzero(history.items >= 0).tolist():
        item = int(history.items[event])
        best = last.pop(item, event)
        last[item] = event if history.weights[event] >= history.weights[best] else best
    return [(item, int(history.kinds[event])) for item, event in last.items()]


def _reasons(
    model: Recommender, train: Train, query: Queries, items: Sequence[int]
) -> list[tuple[int, dict[str, float]] | None]:
    """For each item the one of the history that adds most, and what each sense adds; None where nothing does."""
    if not isinstance(model, Explains) or not items or len(train.items) > EXPLAINED:
        return [None] * len(items)
    found = model.explain(query, np.array(items, dtype=np.int32), train)
    out: list[tuple[int, dict[str, float]] | None] = []
    for place in range(len(items)):
        shares = found.by_event[place]
        senses = {name: float(share) for name, share in zip(found.senses, found.by_sense[place], strict=True)}
        strongest = int(shares.argmax()) if len(shares) else -1
        out.append((int(query.histories.items[strongest]), senses) if strongest >= 0 and shares.max() > 0 else None)
    return out


def _dataset(data: Dataset, split: Split) -> dict[str, Any]:
    events = data.events
    with_item = events.items >= 0
    n_pairs = len(
        np.unique(events.users[with_item].astype(np.int64) * len(data.catalogue.items) + events.items[with_item])
    )
    size = len(data.users) * len(data.catalogue.items)
    kinds = np.bincount(events.kinds, minlength=len(Kind))
    return {
        "name": data.name,
        "users": len(data.users),
        "items": len(data.catalogue.items),
        "events": len(events),
        "pairs": n_pairs,
        "density": n_pairs / size if size else 0.0,
        "kinds": {kind.name: int(kinds[kind]) for kind in Kind if kinds[kind]},
        "first": None if events.times is None or not len(events) else int(events.times.min()),
        "last": None if events.times is None or not len(events) else int(events.times.max()),
        "positive": split.positive,
    }


def write_tables(folder: Path, trial: Trial) -> None:
    """`recommendations.parquet` and `split/*.parquet`: with them anyone can recompute the table."""
    split = trial.split
    answers = trial.chosen.answers
    users: list[str] = []
    items: list[str] = []
    ranks: list[int] = []
    scores: list[float] = []
    if answers is not None:
        shown = answers.ranked.items[:, :SHOWN]
        query, place = np.nonzero(shown >= 0)
        users = [split.users[int(u)] for u in answers.exam.users[query]]
        items = [split.items[int(i)] for i in shown[query, place]]
        ranks = (place + 1).tolist()
        scores = answers.ranked.scores[:, :SHOWN][query, place].tolist()
    table = pa.table({
        "user_id": pa.array(users, pa.string()),
        "item_id": pa.array(items, pa.string()),
        "rank": pa.array(ranks, pa.int32()),
        "score": pa.array(scores, pa.float32()),
    })  # fmt: skip
    pq.write_table(table, folder / "recommendations.parquet", compression="zstd")
    (folder / "split").mkdir()
    for name, pairs in (("train", split.train_pairs), ("validation", split.validation), ("test", split.test)):
        _write_pairs(folder / "split" / f"{name}.parquet", pairs, split.users, split.items)


def _write_pairs(path: Path, pairs: Pairs, users: Vocabulary, items: Vocabulary) -> None:
    times = pa.nulls(len(pairs), pa.int64()) if pairs.times is None else pa.array(pairs.times, pa.int64())
    table = pa.table({
        "user_id": pa.array([users[int(u)] for u in pairs.users], pa.string()),
        "item_id": pa.array([items[int(i)] for i in pairs.items], pa.string()),
        "timestamp": times,
    })  # fmt: skip
    pq.write_table(table, path, compression="zstd")


def _versions() -> dict[str, str]:
    known = {"gobelin": importlib.metadata.version("gobelin"), "python": platform.python_version()}
    return known | {name: importlib.metadata.version(name) for name in VERSIONS}


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them."""
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in settings.items()}


def _rng(trial: Trial) -> np.random.Generator:
    return np.random.default_rng([trial.split.seed, 0x60BE])
