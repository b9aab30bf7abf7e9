"""Search: the items nearest to a sentence, a picture or a sound, across senses."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gobelin import ranking
from gobelin.arrays import Array, Int64
from gobelin.errors import UnknownName, UserError, nearest
from gobelin.features.likeness import Likeness, Shared, likeness
from gobelin.features.wish import wish_of
from gobelin.service.served import Served
from gobelin.values import FeatureTable, Wish


def wish(
    served: Served,
    joint: Shared,
    *,
    text: str | None = None,
    image: str | Path | None = None,
    audio: str | Path | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Wish | None:
    """What is asked for, as the run's senses and joint spaces have it; None where nothing is asked."""
    if text is None and image is None and audio is None and not attributes:
        return None
    made = wish_of(
        served.encoders,
        text=text,
        image=None if image is None else Path(image),
        audio=None if audio is None else Path(audio),
        attributes=attributes,
        spaces=set(joint.spaces.values()),
    )
    as_stored = served.standardisers
    vectors = {s: as_stored[s].vector(v) if s in as_stored else v for s, v in made.vectors.items()}
    return replace(made, vectors=vectors)


def search(
    served: Served, joint: Shared, wanted: Wish, *, k: int, by: str | None, ties: Int64[Array, " items"]
) -> pd.DataFrame:
    """rank, item_id, title, score, and a column for each sense that was compared: its standardised likeness.

    by: the name of one sense, or a modality. Items that have none of the senses compared are not listed.
    Raises UserError where the wish meets no sense, UnknownName for a `by` that the run does not have.
    """
    if k < 1:
        raise UserError(f"k is {k}.", "1 or more.", "ask for at least one item.")
    table = served.table if by is None else _only(served.table, by)
    found = likeness(table, joint, wanted)
    if not found.by_sense:
        raise UserError(
            f"The wish cannot be compared with {by or 'any sense of this run'}.",
            "a sense that reads it, or one that shares a joint space with it (sentence, conse, efficientnet ...).",
            "ask in another way, or leave --by out." if by else "run again with a recipe that has such a sense.",
        )
    hidden = np.ones(len(served.items), dtype=bool)
    for _, present in found.by_sense.values():
        hidden &= ~present
    hidden[served.shown :] = True
    absent = np.flatnonzero(hidden)
    mask = csr_array((np.ones(len(absent), np.float32), ([0] * len(absent), absent)), shape=(1, len(hidden)))
    k = min(k, len(hidden) - len(absent))
    if k == 0:
        return _frame(served, found, np.zeros(0, dtype=np.int64))
    ranked = ranking.rank(found.scores[None, :], k, ties=ties, mask=mask)
    return _frame(served, found, ranked.items[0].astype(np.int64))


def _only(table: FeatureTable, by: str) -> FeatureTable:
    names = [sense for sense in table if by in (sense, table[sense].modality)]
    if not names:
        known = list(dict.fromkeys([*table, *(table[sense].modality for sense in table)]))
        raise UnknownName(
            f"This run has no sense {by!r}.{nearest(by, known)}",
            "one of " + (", ".join(known) or "(none)") + ".",
            "leave --by out to search by all.",
        )
    return table.only(*names)


def _frame(served: Served, found: Likeness, rows: Int64[Array, " rows"]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1, dtype=np.int32),
            "item_id": [served.items[int(row)] for row in rows],
            "title": [served.cards.titles[int(row)] for row in rows],
            "score": found.scores[rows],
        }
    )
    for sense, (scores, present) in found.by_sense.items():
        frame[f"by {sense}"] = np.where(present[rows], scores[rows], np.nan)
    return frame
