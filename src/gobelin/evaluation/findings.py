"""What the numbers of a report say: the sentence that a manager would quote, and a one-line finding for each plot.

Everything is composed from `report.json`; nothing is claimed that an interval does not carry.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gobelin.evaluation.words import (
    THREAD_WORDS,
    THREADS,
    Measure,
    duration,
    figure,
    interval,
    measure,
    metric_label,
    metric_of,
    number,
    percent,
    points,
    thread_of,
    with_unit,
)

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Model:
    """One row of the report: threads are the senses it reads beside behaviour."""

    name: str
    role: str
    threads: tuple[str, ...]
    metrics: Mapping[str, Measure]
    validation: Mapping[str, float]
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """A report as the page reads it. models: chosen, ablations, baselines, refit; of each the better before the worse.

    metric: the key that findings are about ("recall@20"); judged: the key by which validation chose; k: its cut.
    baseline: the baseline that was best on validation (on test where no validation figure is known).
    alone: the model of the same kind that reads the log only, where it was fitted.
    """

    report: Mapping[str, Any]
    models: tuple[Model, ...]
    chosen: Model | None
    baseline: Model | None
    alone: Model | None
    metric: str
    judged: str
    k: int

    @property
    def unit(self) -> str:
        return metric_of(self.metric)[0].unit

    def of(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)

    def value(self, model: Model) -> Measure | None:
        return model.metrics.get(self.metric)

    def judgement(self, model: Model) -> float | None:
        return judgement(model.validation, self.judged)


def facts(report: Mapping[str, Any]) -> Facts:
    encoders = report.get("encoders") or {}
    models = [_model(str(name), raw, encoders) for name, raw in (report.get("models") or {}).items()]
    asked = report.get("asked") or {}
    judged = str(asked.get("metric") or "ndcg@20")
    k = metric_of(judged)[1] or 20
    keys = [key for model in models for key in model.metrics]
    metric = next((key for key in (f"recall@{k}", judged, *keys) if key in keys), f"recall@{k}")
    order = {role: at for at, role in enumerate(("chosen", "ablation", "baseline", "refit"))}
    sign = -1 if metric_of(metric)[0].better == "lower" else 1

    def place(model: Model) -> tuple[int, float]:
        own = model.metrics.get(metric)
        return order.get(model.role, len(order)), -sign * own.value if own else float("inf")

    models.sort(key=place)
    wanted = str(report.get("chosen"))
    chosen = next((m for m in models if m.name == wanted), next((m for m in models if m.role == "chosen"), None))
    rivals = [m for m in models if m.role == "baseline" and m is not chosen]
    judged_rivals = [m for m in rivals if judgement(m.validation, judged) is not None]
    by_test = next((m for m in rivals if metric in m.metrics), None)
    baseline = max(judged_rivals, key=lambda m: judgement(m.validation, judged) or 0.0) if judged_rivals else by_test
    alone = next((m for m in models if m.role == "ablation" and not m.threads), None)
    return Facts(report, tuple(models), chosen, baseline, alone, metric, judged, k)


def _model(name: str, raw: Mapping[str, Any], encoders: Mapping[str, Any]) -> Model:
    threads = {thread_of(str(sense), encoders) for sense in raw.get("senses") or ()} - {"behaviour"}
    metrics = {str(key): found for key, given in (raw.get("metrics") or {}).items() if (found := measure(given))}
    validation = {}
    for key, given in (raw.get("validation") or {}).items():
        found = measure(given)
        if found:
            validation[str(key)] = found.value
    role = str(raw.get("role") or "baseline")
    return Model(name, role, tuple(t for t in THREADS if t in threads), metrics, validation, raw)


def judgement(validation: Mapping[str, float], judged: str) -> float | None:
    """The validation figure by which models were chosen; "recall+ndcg@20" is their geometric mean."""
    if judged in validation:
        return validation[judged]
    names, _, k = judged.partition("@")
    values = [validation.get(f"{name}@{k}") for name in names.split("+")]
    known = [value for value in values if value is not None]
    product = math.prod(known)
    return product ** (1 / len(known)) if known and len(known) == len(values) else None


# --- one model against another -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """difference: model less other. clear: beyond the noise. paired: from a paired test, not from two intervals."""

    difference: Measure
    clear: bool
    paired: bool


def versus(known: Facts, model: Model, other: Model, metric: str | None = None) -> Verdict | None:
    """The report's paired comparison, either way round; else what the two intervals carry; None without values."""
    metric = metric or known.metric
    for row in known.report.get("comparisons") or ():
        names = str(row.get("model")), str(row.get("against"))
        if row.get("metric") != metric or names not in ((model.name, other.name), (other.name, model.name)):
            continue
        found = comparison(row)
        if found is not None:
            flipped = found.difference.shifted(0.0, -1.0) if names[0] == other.name else found.difference
            return Verdict(flipped, found.clear, True)
    a, b = model.metrics.get(metric), other.metrics.get(metric)
    if a is None or b is None:
        return None
    apart = a.known and b.known and (a.ends[0] > b.ends[1] or b.ends[0] > a.ends[1])
    return Verdict(Measure(a.value - b.value), apart, False)


def comparison(row: Mapping[str, Any]) -> Verdict | None:
    """A row of `comparisons`: clear where the interval leaves nought out and the corrected p, if told, is small."""
    value = number(row.get("difference"))
    if value is None:
        return None
    difference = Measure(value, number(row.get("low")), number(row.get("high")))
    p = number(row.get("p_corrected"))
    p = number(row.get("p")) if p is None else p
    apart = difference.known and not difference.ends[0] <= 0 <= difference.ends[1]
    return Verdict(difference, (apart or not difference.known) and (p is None or p < SIGNIFICANT) and value != 0, True)


# --- the sentence ------------------------------------------------------------------------------------------------


def sentence(report: Mapping[str, Any]) -> str:
    """What a manager would quote: the chosen model, what it finds, its interval, and how the best baseline compares."""
    known = facts(report)
    chosen = known.chosen
    if chosen is None:
        return "No model was fitted, so there is nothing to say yet."
    own = known.value(chosen)
    if own is None:
        return f"{chosen.name} was fitted on everything: nothing was held out, so nothing says how well it does."
    return f"{_warning(known)} {_claim(known, chosen, own)}{_against(known, chosen)}".strip()


def _claim(known: Facts, chosen: Model, own: Measure) -> str:
    name = str(
        (known.report.get("dataset") or {}).get("name") or (known.report.get("asked") or {}).get("dataset") or ""
    )
    metric, k = metric_of(known.metric)
    start = f"On {name}, {chosen.name}" if name else chosen.name
    span = f" (95 % interval {interval(own, metric.unit)})" if own.known else ""
    if metric.label != "Recall":
        return f"{start} reaches {metric_label(known.metric)} {with_unit(own.value, metric.unit)}{span}"
    new = " from among new items" if (known.report.get("split") or {}).get("kind") == "cold-items" else ""
    return (
        f"{start} finds {percent(own.value)} of what people chose next{new} in its first {k} "
        f"suggestion{'' if k == 1 else 's'}{span}"
    )


def _against(known: Facts, chosen: Model) -> str:
    if known.baseline is None:
        return "; no baseline was run, so nothing says whether a simpler method would do as well."
    theirs, verdict = known.value(known.baseline), versus(known, chosen, known.baseline)
    if theirs is None or verdict is None:
        return f"; the best baseline, {known.baseline.name}, was not judged by this."
    name, unit = known.baseline.name, known.unit
    better = verdict.difference.value * (-1 if metric_of(known.metric)[0].better == "lower" else 1)
    size = step_in_words(verdict.difference, unit)
    if not verdict.clear:
        return f"; the best baseline, {name}, finds {with_unit(theirs.value, unit)}: {size} is within the noise."
    if better > 0:
        return f"; the best baseline, {name}, finds {with_unit(theirs.value, unit)}: {size} is beyond the noise."
    return f"; a baseline, {name}, finds more, {with_unit(theirs.value, unit)}: {size} is beyond the noise."


def step_in_words(difference: Measure, unit: str) -> str:
    """ "the difference of 5.6 points (4.9 to 6.3)": always told as a positive step, whoever is ahead."""
    step = difference if difference.value >= 0 else difference.shifted(0.0, -1.0)
    span = f" ({interval(step, unit)})" if step.known else ""
    return f"the difference of {points(step.value) if unit == 'share' else figure(step.value, unit)}{span}"


def _warning(known: Facts) -> str:
    """Told first: on validation, the only honest judge, something else did better than what was asked for."""
    chosen, best = known.chosen, known.of(str(known.report.get("best_on_validation")))
    if chosen is None:
        return ""
    own = known.judgement(chosen)
    if best is None and known.baseline is not None and own is not None:
        theirs = known.judgement(known.baseline)
        best = known.baseline if theirs is not None and theirs > own else None
    if best is None or best is chosen or best.role == "refit":
        return ""
    theirs = known.judgement(best)
    figures = ""
    if own is not None and theirs is not None:
        figures = f" ({metric_label(known.judged)} {theirs:.3f} against {own:.3f})"
    what = "a baseline" if best.role == "baseline" else "the same model with fewer senses"
    return f"On validation {what}, {best.name}, did better than {chosen.name}{figures}."


# --- findings: the titles of plots -------------------------------------------------------------------------------


def models_finding(known: Facts) -> str:
    chosen, rival = known.chosen, known.baseline
    own = known.value(chosen) if chosen else None
    if chosen is None or own is None:
        return "How the models compare"
    verdict = versus(known, chosen, rival) if rival else None
    if rival is None or verdict is None:
        return f"{chosen.name} reaches {metric_label(known.metric)} {with_unit(own.value, known.unit)}"
    step = (
        points(verdict.difference.value) if known.unit == "share" else figure(abs(verdict.difference.value), known.unit)
    )
    if not verdict.clear:
        return f"{chosen.name} and the best baseline, {rival.name}, lie within each other’s noise"
    if verdict.difference.value > 0:
        return f"{chosen.name} finds {step} more than the best baseline, {rival.name}"
    return f"A baseline, {rival.name}, finds {step} more than {chosen.name}"


def tapestry_finding(known: Facts, own: Measure) -> str:
    name = known.chosen.name if known.chosen else ""
    return f"Of 100 things that a person chose next, {name} had suggested {own.value * 100:.0f}"


def senses_finding(known: Facts, rows: Sequence[tuple[Model, Measure]]) -> str:
    """rows: the log alone first, then what reads more, ending with what reads most."""
    base, base_value = rows[0]
    full, full_value = rows[-1]
    verdict = versus(known, full, base)
    if verdict is not None and not verdict.clear:
        return "What items say and show adds nothing beyond the noise here"
    gain = full_value.value - base_value.value
    if gain < 0:
        return f"The log alone finds more than everything together, by {points(gain)}"
    steps = [
        (THREAD_WORDS[model.threads[0]], value.value - base_value.value)
        for model, value in rows[1:-1]
        if len(model.threads) == 1 and not base.threads
    ]
    if not steps or known.unit != "share":
        size = points(gain) if known.unit == "share" else figure(gain, known.unit)
        return f"What items say and show adds {size} to the log alone"
    (first, change), *others = steps
    rest = "".join(f", {word} {figure(step, 'share')}" for word, step in others)
    rest += f", all together {figure(gain, 'share')}"
    return f"{first.capitalize()} adds {figure(change, 'share')} points to the log{rest}"


def slices_finding(family: str, chosen: str, rival: str, rows: Sequence[tuple[str, Measure, Measure]]) -> str:
    """rows: (slice, rival, chosen). Where is the gain largest, and does it cost anything elsewhere?"""
    gains = [(own.value - other.value, name) for name, other, own in rows]
    best, where = max(gains)
    worst, there = min(gains)
    whose = "people" if "activity" in family.lower() or "user" in family.lower() else "items"
    if best <= 0:
        return f"{rival} does at least as well on every slice"
    thin = where == rows[0][0] and "popularity" in family.lower()
    if thin:
        text = f"Content helps most where behaviour is thin: {points(best)} more on {whose} with {where}"
    else:
        text = f"{chosen} gains most on {whose} with {where}: {points(best)} over {rival}"
    row = next(row for row in rows if row[0] == there)
    if worst < 0 and row[1].known and row[2].known and row[2].ends[1] < row[1].ends[0]:
        text += f", and costs {points(worst)} on {whose} with {there}"
    return text


def learning_finding(best: int, epochs: int) -> str:
    if best == epochs:
        return f"Validation was still rising after {epochs} epochs: more may bring more"
    return f"Validation liked epoch {best} of {epochs} best; what was learned then is kept"


def loss_finding(losses: Sequence[float]) -> str:
    return f"The loss went from {losses[0]:.3g} to {losses[-1]:.3g}"


def joint_finding(chosen_c: float | None, warm_cost: float, cold: float) -> str:
    start = f"With new items weighed up {chosen_c:g} times, " if chosen_c is not None else "At best, "
    cost = f"for {percent(warm_cost)} less among known ones" if warm_cost > 0.0005 else "at no cost to known ones"
    return f"{start}{percent(cold)} of what people chose among new items is found, {cost}"


def lists_finding(known: Facts, rows: Sequence[tuple[Model, Measure, Measure]]) -> str:
    """rows: (model, coverage, accuracy)."""
    chosen = next(((m, x, y) for m, x, y in rows if m is known.chosen), None)
    if chosen is None:
        return "What is found, and how much of the catalogue is shown"
    model, shown, _ = chosen
    widest = max(rows, key=lambda row: row[1].value)
    if widest[0] is model:
        return f"{model.name} shows the most of the catalogue, {percent(shown.value, 0)}"
    return (
        f"{model.name} shows {percent(shown.value, 0)} of the catalogue; the widest, {widest[0].name}, "
        f"{percent(widest[1].value, 0)}"
    )


def time_finding(seconds: Sequence[tuple[str, float]]) -> str:
    total = sum(value for _, value in seconds)
    name, most = max(seconds, key=lambda pair: pair[1])
    if total <= 0:
        return "Every step took less than a moment"
    return f"All in all {duration(total)}; {name} took {percent(most / total, 0)} of it"
