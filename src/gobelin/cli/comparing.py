"""`gobelin compare` as tables."""

from collections.abc import Mapping
from typing import Any

from gobelin.cli import show


def show_comparison(result: Mapping[str, Any]) -> None:
    metrics = ["recall@20", "ndcg@20"]
    seeds = len(result["asked"]["seeds"])
    rows = [
        [
            name,
            *(_figure(recipe["mean"][m]) for m in metrics),
            f"{_seconds(recipe):,.1f}",
            f"{recipe['memory_mb']:,.0f}",
            _search(recipe),
        ]
        for name, recipe in result["recipes"].items()
    ]
    spread = "± sd over seeds" if seeds > 1 else "[interval over people]"
    title = f"{result['asked']['dataset']}, {result['asked']['split']} split, {seeds} seed(s); {spread}"
    show.table(["recipe", *metrics, "seconds", "MB", "search"], rows, title=title)
    if result["comparisons"]:
        show.out.print()
        _tests(result["comparisons"])
    for drop in result["drops"]:
        show.out.print()
        title = f"{drop['share']:.0%} of items without {'any sense' if drop['field'] == 'all' else drop['field']}"
        rows = [[n, *(_figure(r["metrics"][m]) for m in metrics)] for n, r in drop["recipes"].items()]
        show.table(["recipe", *metrics], rows, title=title)
        _tests(drop["comparisons"])


def show_fusions(result: Mapping[str, Any]) -> None:
    """A line for each method, a column for each set of senses: NDCG@20 after Recall@20."""
    from gobelin.evaluation.fused import LEVELS, fusions_sentence

    cells, found = result["cells"], result["recipes"]
    means = {(tuple(c["senses"]), c["level"], c["method"]): found[name]["mean"] for name, c in cells.items()}
    sets = list(dict.fromkeys(senses for senses, _, _ in means if len(senses) > 1))
    asked = result["asked"]
    title = f"{asked['dataset']}, {asked['split']} split, {len(asked['seeds'])} seed(s); recall@20 / ndcg@20"
    alone = [
        [" + ".join(senses) or "the log alone", *(_figure(mean[m]) for m in ("recall@20", "ndcg@20"))]
        for (senses, level, _), mean in means.items()
        if level in ("log", "alone")
    ]
    show.table(["senses", "recall@20", "ndcg@20"], alone, title=title)
    show.out.print()
    methods = dict.fromkeys((level, method) for _, level, method in means if level not in ("log", "alone"))
    rows = [
        [method, LEVELS[level], *(_both(means.get((senses, level, method))) for senses in sets)]
        for level, method in sorted(methods, key=lambda one: list(LEVELS).index(one[0]))
    ]
    heads = [" + ".join(senses) if len(senses) < 4 else f"all {len(senses)}" for senses in sets]
    show.table(["method", "level", *heads], rows, numeric=2)
    show.out.print()
    show.out.print(fusions_sentence(result))


def _both(mean: Mapping[str, Any] | None) -> str:
    return "-" if mean is None else f"{mean['recall@20']['value']:.4f} / {mean['ndcg@20']['value']:.4f}"


def _tests(comparisons: list[Mapping[str, Any]]) -> None:
    rows = [
        [f"{c['model']} - {c['against']}", c["metric"], f"{c['difference']:+.4f} [{c['low']:+.4f}, {c['high']:+.4f}]",
         _relative(c),
         f"{c['p_corrected']:.4f}"]
        for c in comparisons
    ]  # fmt: skip
    show.table(["difference, paired by user", "metric", "absolute", "relative", "p (Holm)"], rows, numeric=2)


def _relative(c: Mapping[str, Any]) -> str:
    if c["relative_low"] is None:
        return "-"
    return f"{c['relative']:+.1%} [{c['relative_low']:+.1%}, {c['relative_high']:+.1%}]"


def _figure(figure: Mapping[str, float]) -> str:
    if "low" in figure:
        return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
    return f"{figure['value']:.4f}" + ("" if figure.get("sd") is None else f" ± {figure['sd']:.4f}")


def _search(recipe: Mapping[str, Any]) -> str:
    """Fits of the first seed and what ended the search: one that the seconds cut off had less than the others."""
    first = recipe["seeds"][min(recipe["seeds"], key=int)]
    return f"{first['trials']} fits, {first['search_ended']}"


def _seconds(recipe: Mapping[str, Any]) -> float:
    return float(sum(seed["seconds"] for seed in recipe["seeds"].values()))
