"""Why an item is recommended: shares of its score by event and by sense, and where it would stand without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from gobelin import ranking
from gobelin.arrays import Array, Bool, Float32, Float64, Int32, Int64
from gobelin.errors import UserError
from gobelin.protocols import Explains
from gobelin.service.served import Served
from gobelin.values import Contributions, Histories, Kind, Queries

AT_ONCE = 1_000  # items taken apart at once


@dataclass(frozen=True)
class Explanation:
    """Why one item scores what it scores for one history.

    score = prior + the sum of `events`.share; `senses`.share says the same by sense. rank: from 1, among what could
    be shown. events: item_id, title, kind, time, share, one column for each sense, rank_without (the item's rank if
    that item's events were not in the history; missing for an event that says nothing). senses: sense, share,
    rank_without (its rank if that sense said nothing).
    """

    item_id: str
    title: str
    score: float
    rank: int
    prior: float
    events: pd.DataFrame
    senses: pd.DataFrame

    def as_json(self) -> dict[str, Any]:
        return {
            "item_id": self.item_id,
            "title": self.title,
            "score": self.score,
            "rank": self.rank,
            "prior": self.prior,
            "events": _records(self.events),
            "senses": _records(self.senses),
        }


def because(served: Served, query: Queries, items: Sequence[int]) -> list[str]:
    """For each item a line: the event that adds most, and what each sense adds to the whole score."""
    if not len(items):
        return []
    found = contributions(served, query, np.array(items, dtype=np.int32))
    lines = []
    for place in range(len(items)):
        shares = found.by_event[place]
        if not len(shares) or shares.max() <= 0:
            lines.append("popular")
            continue
        first = int(query.histories.items[shares.argmax()])
        lines.append(f"{served.cards.titles[first]} ({', '.join(_percents(found.senses, found.by_sense[place]))})")
    return lines


def _percents(senses: Sequence[str], shares: Float64[Array, " senses"]) -> list[str]:
    """Shares of the summed sizes, the largest first; what rounds to nothing is left out."""
    size = float(np.abs(shares).sum()) or 1.0
    order = np.argsort(-shares, kind="stable").tolist()
    return [f"{senses[i]} {shares[i] / size:.0%}" for i in order if abs(shares[i]) >= 0.005 * size]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict(orient="records")]


def contributions(served: Served, query: Queries, items: Int32[Array, " wanted"]) -> Contributions:
    """The model's own account of the scores of some items. Raises UserError where the model gives none."""
    if not isinstance(served.model, Explains):
        raise UserError(
            f"The model {served.contender.name!r} does not take its scores apart.",
            "a model that does: weave, ease, als, markov, rp3beta, item_neighbours, content_neighbours, blends.",
            "run another recipe.",
        )
    return served.model.explain(query, items, served.train)


def explain(
    served: Served,
    query: Queries,
    item: int,
    *,
    mask: Bool[Array, " items"],
    ties: Int64[Array, " items"],
    prior: Float32[Array, " items"],
) -> Explanation:
    """mask: items that could not be shown; the item itself is always ranked."""
    found = contributions(served, query, np.array([item], dtype=np.int32))
    allowed = np.flatnonzero(~mask | (np.arange(len(mask)) == item)).astype(np.int32)

    def rank_of(scores: Float64[Array, " candidates"]) -> int:
        listed = ranking.rank(
            scores[None, :].astype(np.float32), len(allowed), ties=ties, candidates=allowed, prior=prior
        )
        return int(np.flatnonzero(listed.items[0] == item)[0]) + 1

    totals, by_sense = _by_sense(served, query, allowed)
    senses = pd.DataFrame(
        {
            "sense": list(found.senses),
            "share": found.by_sense[0],
            "rank_without": [rank_of(totals - by_sense[:, place]) for place in range(len(found.senses))],
        }
    )
    return Explanation(
        item_id=served.items[item],
        title=served.cards.titles[item],
        score=float(found.scores[0]),
        rank=rank_of(totals),
        prior=float(found.prior[0]),
        events=_events(served, query, found, rank_of, allowed),
        senses=senses.sort_values("share", ascending=False, kind="stable", ignore_index=True),
    )


def _by_sense(
    served: Served, query: Queries, items: Int32[Array, " wanted"]
) -> tuple[Float64[Array, " wanted"], Float64[Array, "wanted senses"]]:
    """The scores of many items and what each sense adds to them, by blocks."""
    blocks = [contributions(served, query, items[start : start + AT_ONCE]) for start in range(0, len(items), AT_ONCE)]
    return np.concatenate([b.scores for b in blocks]), np.concatenate([b.by_sense for b in blocks])


def _events(
    served: Served, query: Queries, found: Contributions, rank_of: Any, allowed: Int32[Array, " allowed"]
) -> pd.DataFrame:
    histories = query.histories
    shares = found.by_event[0]
    without: dict[int, int] = {}
    for row in np.unique(histories.items[(histories.items >= 0) & (shares != 0)]).tolist():
        rest = Queries(query.users, histories.keep(histories.items != row), query.now)
        without[row] = rank_of(np.asarray(served.model.score(rest, allowed)[0], dtype=np.float64))
    said = np.flatnonzero(histories.items >= 0)
    items = histories.items[said].tolist()
    told: dict[str, Any] = {
        "item_id": [served.items[row] for row in items],
        "title": [served.cards.titles[row] for row in items],
        "kind": [Kind(kind).name for kind in histories.kinds[said].tolist()],
        "time": _times(histories, said),
        "share": shares[said],
    }
    for place, sense in enumerate(found.senses):
        told[sense] = found.shares[0, said, place]
    told["rank_without"] = pd.array([without.get(row) for row in items], dtype="Int64")
    frame = pd.DataFrame(told)
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _times(histories: Histories, said: Int64[Array, " said"]) -> list[str | None]:
    if histories.times is None:
        return [None] * len(said)
    return [datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M") for t in histories.times[said].tolist()]
