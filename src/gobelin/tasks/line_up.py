"""Who competes: what is told without looking, each sense alone, each fusion, each rule, with each estimator."""

from collections.abc import Sequence

from gobelin import parts
from gobelin.errors import UnknownName, UserError, nearest
from gobelin.tasks.choosing import Contender
from gobelin.tasks.decisions import RULES
from gobelin.values import FeatureTable
from gobelin.values.target import Told

FUSIONS = ("concatenation", "mean", "stacking")
"""Of the feature level and of the decision level, where none is named."""


def line_up(table: FeatureTable, told: Told, estimators: Sequence[str], fusions: Sequence[str]) -> list[Contender]:
    """Senses come before the rules that decide on what they say."""
    senses = tuple(table)
    named = tuple(estimators) or (("ridge", "forest") if told == "numbers" else ("logistic", "forest"))
    out = [Contender("mean" if told == "numbers" else "prior", "prior")]
    if told != "numbers":
        out.append(Contender("majority", "prior", rule="majority"))
    for estimator in named:
        spec = {"part": estimator}
        out += [Contender(f"{sense}: {estimator}", "sense", (sense,), spec) for sense in senses]
        if len(senses) < 2:
            continue
        for name in fusions:
            if name not in RULES:
                out.append(Contender(f"{name}: {estimator}", "fused", senses, spec, {"part": name}))
            elif told in RULES[name]:
                out.append(Contender(f"{name}: {estimator}", "decided", senses, spec, rule=name))
    return out


def check(told: Told, estimators: Sequence[str], fusions: Sequence[str]) -> None:
    """Before anything is encoded. Raises UnknownName, UserError where an estimator cannot tell this, MissingExtra."""
    for estimator in estimators:
        _check_estimator(estimator, told)
    for fusion in fusions:
        _check_fusion(fusion)


def _check_estimator(name: str, told: Told) -> None:
    kind = parts.find("estimators", name).load()
    if told not in kind.tells:  # type: ignore[attr-defined]
        able = [p.name for p in parts.named("estimators") if told in p.load().tells]  # type: ignore[attr-defined]
        raise UserError(
            f"The estimator {name!r} cannot tell {told}.", "one of " + ", ".join(able) + ".", "name another."
        )


def _check_fusion(name: str) -> None:
    known = [*RULES, *(part.name for part in parts.named("fusion"))]
    if name not in known:
        raise UnknownName(
            f"There is no fusion {name!r}.{nearest(name, known)}",
            "one of " + ", ".join(known) + ".",
            "`gobelin parts fusion` lists those of the feature level.",
        )
    if name not in RULES:
        parts.check_extra("fusion", name)
