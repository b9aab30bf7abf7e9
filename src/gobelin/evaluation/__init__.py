"""How good, how sure, for whom: metrics, intervals and slices as numbers; `report` draws them.

    per_user = evaluate(ranked, relevant)                     # recall@20 ... of every user with a test item
    figures = summarise(per_user, rng)                        # {"recall@20": {"value", "low", "high"}, ...}
    lists = beyond(ranked, counts, train_users, rng)          # coverage, novelty, diversity, Gini, popularity bias
    table = comparisons(models, pairs, metrics, rng)          # paired, corrected for their number
    cut = slice_table(families(...), relevant, lists, rng)    # by activity, popularity, coldness, senses, variants

A `csr_array` of (queries, items) says what is relevant; its rows are those of `ranked`.
"""

from gobelin.evaluation.beyond import beyond
from gobelin.evaluation.metrics import KS, evaluate, rating_errors
from gobelin.evaluation.slices import Slice, families, slice_table
from gobelin.evaluation.statistics import (
    Difference,
    Estimate,
    PerUser,
    comparisons,
    holm,
    over_seeds,
    paired_difference,
    pooled_difference,
    sign_flip_p,
    summarise,
)

__all__ = [
    "KS",
    "Difference",
    "Estimate",
    "PerUser",
    "Slice",
    "beyond",
    "comparisons",
    "evaluate",
    "families",
    "holm",
    "over_seeds",
    "paired_difference",
    "pooled_difference",
    "rating_errors",
    "sign_flip_p",
    "slice_table",
    "summarise",
]
