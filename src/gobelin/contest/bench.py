"""The bench on which every contender is judged: the same queries, masks, ties and prior, on validation and on test."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin import ranking
from gobelin.arrays import Array, Bool, Float32, Int32, Int64
from gobelin.data.split import COLD_ELSE, COLD_TEST, COLD_VALIDATION, CUE, WARM, Split
from gobelin.evaluation.metrics import ndcg
from gobelin.protocols import Recommender
from gobelin.values import Queries, Ranked, Train
from gobelin.values.vocabulary import tie_hash

Among = Literal["all", "warm", "cold"]
PartName = Literal["validation", "test"]


@dataclass(frozen=True)
class Exam:
    """Questions with known answers.

    users: row of each query's user; relevant, mask: (queries, items), what was held out and what may not be shown;
    candidates: the items that are ranked, None for all.
    """

    users: Int32[Array, " queries"]
    queries: Queries
    relevant: csr_array
    mask: csr_array
    candidates: Int32[Array, " candidates"] | None

    def __len__(self) -> int:
        return len(self.users)

    @property
    def counts(self) -> Int64[Array, " queries"]:
        """How many relevant items each query has; never 0."""
        return np.diff(self.relevant.indptr).astype(np.int64)


@dataclass(frozen=True)
class Bench:
    """A split, the train value made from it, and how to ask."""

    split: Split
    train: Train

    @cached_property
    def ties(self) -> Int64[Array, " items"]:
        return tie_hash(self.train.items.ids, self.split.seed)

    @cached_property
    def prior(self) -> Float32[Array, " items"]:
        """What a query without any signal gets: popularity in the train part."""
        return self.train.counts().astype(np.float32)

    @property
    def main(self) -> Among:
        """Where the main table ranks: among the cold items of the part in `cold-items`, among all otherwise."""
        return "cold" if self.split.kind == "cold-items" else "all"

    def hearing(self, loudness: Mapping[str, float]) -> "Bench":
        """The bench with cues (`gobelin.cues`) as loud as said, by kind of event; without those that are silent."""
        if not self.train.cues:
            return self
        split = self.split.hearing(loudness)
        return Bench(split, split.train_value(self.train.table.of(split.items)))

    def exam(self, part: PartName, among: Among = "all", restrict: Among = "all") -> Exam:
        """The users with a held-out pair, asking with their train history.

        among: which items are candidates; restrict: which of the held-out pairs count (of those among them).
        Train positives are masked, and at test the validation pairs as well unless the split says otherwise.
        """
        pairs = self.split.pairs(part)
        shape = len(self.train.users), len(self.train.items)
        here = self._items(part, among)
        relevant = pairs.keep((here & self._items(part, restrict))[pairs.items]).matrix(*shape)
        users = np.flatnonzero(np.diff(relevant.indptr)).astype(np.int32)
        mask = self.split.seen(part).matrix(*shape)
        return Exam(
            users,
            Queries(users, self.train.histories.take(users), self.train.now),
            csr_array(relevant[users]),
            csr_array(mask[users]),
            None if here.all() else np.flatnonzero(here).astype(np.int32),
        )

    def ranks(self, model: Recommender, exam: Exam) -> Int64[Array, " pairs"]:
        """The rank, from 1, of each relevant pair, in the order of `exam.relevant`'s entries."""
        return ranking.ranks(
            model,
            exam.queries,
            exam.relevant,
            candidates=exam.candidates,
            mask=exam.mask,
            ties=self.ties,
            prior=self.prior,
        )

    def top(self, model: Recommender, exam: Exam, k: int) -> Ranked:
        return ranking.top(
            model, exam.queries, k, candidates=exam.candidates, mask=exam.mask, ties=self.ties, prior=self.prior
        )

    def value(self, model: Recommender, exam: Exam, metric: str) -> float:
        """The figure a search goes by, e.g. "ndcg@20"; "recall+ndcg@20" is their geometric mean."""
        return judged(self.ranks(model, exam), exam.counts, metric)

    def _items(self, part: PartName, among: Among) -> Bool[Array, " items"]:
        if among == "all":  # items that are cold in the other part would only stand in the way
            return ~np.isin(self.split.cold, (COLD_TEST if part == "validation" else COLD_VALIDATION, CUE))
        if among == "warm":
            return self.split.cold == WARM
        return np.isin(self.split.cold, (COLD_VALIDATION if part == "validation" else COLD_TEST, COLD_ELSE))


def judged(ranks: Int64[Array, " pairs"], counts: Int64[Array, " users"], metric: str) -> float:
    """Mean over users of a metric, or the geometric mean of several joined by +, from the ranks of relevant items.

    counts: how many of the ranks are each user's, in their order; at least 1. Geometric, so that a gain of one in a
    hundred counts alike in each metric, however large they are.
    """
    if not len(counts):
        return 0.0
    names, _, at = metric.partition("@")
    k = int(at)
    query = np.repeat(np.arange(len(counts)), counts)
    within = ranks <= k
    hit = np.zeros((len(counts), k), dtype=bool)
    hit[query[within], ranks[within] - 1] = True
    hits = hit.sum(axis=1)
    gains = {
        "recall": hits / counts,
        "precision": hits / k,
        "hit_rate": hits > 0,
        "ndcg": ndcg(hit, counts.astype(np.float64)),
        "mrr": np.where(hits > 0, 1 / (hit.argmax(axis=1) + 1), 0),
    }
    means = [float(np.mean(gains[name])) for name in names.split("+")]
    return float(np.prod(means) ** (1 / len(means)))
