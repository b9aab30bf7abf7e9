"""A finished run: its report, and answers from the model fitted on everything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gobelin import ranking, store
from gobelin.arrays import Array, Bool, Float32, Int32
from gobelin.errors import UserError
from gobelin.features.likeness import Shared, shared
from gobelin.protocols import ItemSimilarities
from gobelin.service import searching, wishes
from gobelin.service.attributes import ItemAttributes, attributes, catalogue_of
from gobelin.service.filling import Filling
from gobelin.service.interests import Traits, interests
from gobelin.service.served import Served, load_model
from gobelin.service.why import Explanation, because, explain
from gobelin.values import Histories, Queries, Ranked
from gobelin.values.vocabulary import tie_hash

USERS_AT_ONCE = 1_000
ITEMS_AT_ONCE = 256


@dataclass(frozen=True)
class Run:
    """A run folder, opened: `report`, `recommend`, `search`, `similar` ... The model is read when first asked."""

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Raises UserError where the folder is no run, StoreError where it is damaged or from a later version."""
        store.open_folder(Path(folder), kind="run")
        return cls(Path(folder))

    @cached_property
    def report(self) -> Mapping[str, Any]:
        """`report.json` as it was written."""
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def served(self) -> Served:
        return load_model(self.folder)

    def recommend(
        self,
        *,
        user: str | None = None,
        history: Sequence[str] | None = None,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        attributes: Mapping[str, str] | None = None,
        traits: Mapping[str, str] | None = None,
        k: int = 10,
        candidates: Sequence[str] | None = None,
        include_seen: bool = False,
        at: int | None = None,
    ) -> pd.DataFrame:
        """The best k items, best first, as rank, item_id, title, score.

        user: someone of the log; history: item ids, oldest first, of a visitor; traits: what a visitor is, by columns
        of the users table; text, image, audio, attributes: a wish, alone or beside a history, which speaks to every
        sense that reads it or shares a joint space with it.
        candidates: only these items; include_seen: also what the history already likes; at: the moment of asking
        (Unix seconds). An empty history without a wish gets the popular items.
        """
        wish = searching.wish(self.served, self._joint, text=text, image=image, audio=audio, attributes=attributes)
        if user is None and history is None and wish is None and not traits:
            raise UserError("Nothing was asked.", "a user, a history or a wish.", "e.g. --user ID or --text WORDS.")
        queries = self._query(user, history, at, traits)
        queries = Queries(queries.users, queries.histories, queries.now, wish)
        ranked = self._rank(queries, k, self._candidates(candidates), include_seen)
        return self._frame(ranked)

    def search(
        self,
        *,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        k: int = 10,
        by: str | None = None,
    ) -> pd.DataFrame:
        """The k items nearest to a sentence (English, Chinese ...), a picture or a sound, whatever anyone did.

        Across senses: a sentence finds items by their texts and by their pictures. by: one sense or modality alone.
        Columns: rank, item_id, title, score, and "by SENSE" for each sense compared: see `features.likeness`.
        """
        wish = searching.wish(self.served, self._joint, text=text, image=image, audio=audio)
        if wish is None:
            raise UserError("Nothing was asked.", "a text, a picture or a sound.", "e.g. --text WORDS.")
        return searching.search(self.served, self._joint, wish, k=k, by=by, ties=self._ties)

    def recommend_many(
        self,
        users: Sequence[str] | None = None,
        *,
        k: int = 10,
        candidates: Sequence[str] | None = None,
        include_seen: bool = False,
        at: int | None = None,
    ) -> pd.DataFrame:
        """For many users (all of the log where None): user_id, rank, item_id, score; by blocks of users."""
        s = self.served
        rows = (
            np.arange(len(s.users), dtype=np.int32)
            if users is None
            else np.array([s.users.row(user, "user") for user in users], dtype=np.int32)
        )
        allowed = self._candidates(candidates)
        frames = []
        for start in range(0, len(rows), USERS_AT_ONCE):
            some = rows[start : start + USERS_AT_ONCE]
            ranked = self._rank(self._of_users(some, at), k, allowed, include_seen)
            frames.append(self._listed("user_id", [s.users[int(u)] for u in some], "item_id", ranked))
        return _joined(frames, ["user_id", "rank", "item_id", "score"])

    def similar(self, item: str, k: int = 10) -> pd.DataFrame:
        """The k items that the model finds nearest to one: what a history of that item alone speaks for."""
        s = self.served
        row = np.array([s.items.row(item)], dtype=np.int32)
        if not isinstance(s.model, ItemSimilarities):
            raise self._compares_nothing()
        scores = s.model.similarities(row)
        mask = csr_array((np.ones(1, dtype=np.float32), ([0], row)), shape=(1, len(s.items)))
        wanted = np.arange(s.shown, dtype=np.int32)
        return self._frame(
            ranking.rank(scores[:, : s.shown], min(k, s.shown), ties=self._ties, candidates=wanted, mask=mask)
        )

    def similar_all(self, k: int = 10) -> pd.DataFrame:
        """For every item its k nearest, as `similar`: item_id, rank, similar_item_id, score; by blocks of items."""
        s = self.served
        if not isinstance(s.model, ItemSimilarities):
            raise self._compares_nothing()
        frames = []
        wanted = np.arange(s.shown, dtype=np.int32)
        for start in range(0, s.shown, ITEMS_AT_ONCE):
            rows = wanted[start : start + ITEMS_AT_ONCE]
            own = csr_array((np.ones(len(rows), np.float32), rows, np.arange(len(rows) + 1)), (len(rows), len(s.items)))
            scores = s.model.similarities(rows)[:, : s.shown]
            ranked = ranking.rank(scores, min(k, s.shown), ties=self._ties, candidates=wanted, mask=own)
            frames.append(self._listed("item_id", [s.items[int(i)] for i in rows], "similar_item_id", ranked))
        return _joined(frames, ["item_id", "rank", "similar_item_id", "score"])

    def _listed(self, asker: str, names: Sequence[str], listed: str, ranked: Ranked) -> pd.DataFrame:
        """A row for each listed item: who asked, its rank, its id under the name `listed`, its score."""
        query, place = np.nonzero(ranked.items >= 0)
        return pd.DataFrame(
            {
                asker: [names[row] for row in query.tolist()],
                "rank": (place + 1).astype(np.int32),
                listed: [self.served.items[int(i)] for i in ranked.items[query, place]],
                "score": ranked.scores[query, place],
            }
        )

    def _compares_nothing(self) -> UserError:
        return UserError(
            f"The model {self.served.contender.name!r} does not compare items.",
            "a model that does, such as weave, ease or item_neighbours.",
            "run another recipe.",
        )

    def explain(
        self,
        item: str,
        *,
        user: str | None = None,
        history: Sequence[str] | None = None,
        include_seen: bool = False,
        at: int | None = None,
    ) -> Explanation:
        """Why an item scores what it scores for someone: exact shares by event and by sense, and its rank without them.

        user: someone of the log; history: item ids of a visitor. The rank is among what `recommend` could show; at:
        as there. Raises UserError where the model does not take its scores apart.
        """
        query, row = self._query(user, history, at), self.served.items.row(item)
        hidden = np.arange(len(self.served.items)) >= self.served.shown
        if not include_seen:
            hidden[_seen(query.histories, len(hidden)).indices] = True
        return explain(self.served, query, row, mask=hidden, ties=self._ties, prior=self._prior)

    def because(
        self,
        items: Sequence[str],
        *,
        user: str | None = None,
        history: Sequence[str] | None = None,
        at: int | None = None,
    ) -> list[str]:
        """For each item the strongest reason in a line: the event that adds most, and what each sense adds."""
        return because(self.served, self._query(user, history, at), [self.served.items.row(item) for item in items])

    def interests(
        self,
        *,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int = 3,
        at: int | None = None,
    ) -> pd.DataFrame:
        """What someone is interested in, strongest first, with evidence: see `service.interests`."""
        return interests(self.served, self._traits, self._query(user, history, at).histories, k)

    def attributes(self, item: str) -> ItemAttributes:
        """All that can be said of an item: the catalogue's columns, what readers find in its texts, pictures and other
        media, and values that the catalogue lacks, predicted from its senses: see `service.attributes`."""
        return attributes(self.served, self._filling, self._catalogue, self.served.items.row(item))

    @cached_property
    def _filling(self) -> Filling:
        """Learns from the catalogue when first asked, once for every column."""
        return Filling(self.served)

    @cached_property
    def _catalogue(self) -> Any:
        return catalogue_of(self.served)

    @cached_property
    def _traits(self) -> Traits:
        """What interests are told by: the same for everyone who asks."""
        return Traits.of(self.served)

    def _query(
        self,
        user: str | None,
        history: Sequence[str] | None,
        at: int | None,
        traits: Mapping[str, str] | None = None,
    ) -> Queries:
        s = self.served
        if user is not None and history is not None:
            raise UserError("Both a user and a history were given.", "one of the two.", "leave one out.")
        if user is not None and traits:
            raise UserError("Both a user and traits were given.", "one of the two.", "a user's traits are known.")
        if user is not None:
            return self._of_users(np.array([s.users.row(user, "user")], dtype=np.int32), at)
        owned = s.cues.of_visitor(traits or {})
        query = Queries.of([[s.items.row(item) for item in (*owned, *(history or ()))]], self._now(at))
        return Queries(query.users, s.cues.told(query.histories, len(owned)), query.now)

    def _of_users(self, rows: Int32[Array, " rows"], at: int | None) -> Queries:
        s = self.served
        histories = s.histories.take(rows)
        if at is not None and histories.times is not None:
            histories = histories.keep(histories.times < at)
        return Queries(rows, histories, self._now(at))

    def _now(self, at: int | None) -> int | None:
        return self.served.now if at is None else at

    def _rank(
        self, queries: Queries, k: int, candidates: Int32[Array, " candidates"] | None, include_seen: bool
    ) -> Ranked:
        s = self.served
        if k < 1:
            raise UserError(f"k is {k}.", "1 or more.", "ask for at least one item.")
        n = s.shown if candidates is None else len(candidates)
        mask = None if include_seen else _seen(queries.histories, len(s.items))
        model: Any = s.model if queries.wish is None else wishes.Wishing(s.model, s.table, self._joint)
        return ranking.top(
            model, queries, min(k, max(n, 1)), ties=self._ties, candidates=candidates, mask=mask, prior=self._prior
        )

    def _candidates(self, items: Sequence[str] | None) -> Int32[Array, " candidates"] | None:
        if items is None:
            return None if not len(self.served.cues) else np.arange(self.served.shown, dtype=np.int32)
        rows = np.unique([self.served.items.row(item) for item in items]).astype(np.int32)
        if not len(rows):
            raise UserError("No candidate was given.", "at least one item id.", "leave --candidates out for all items.")
        return rows

    def _frame(self, ranked: Ranked) -> pd.DataFrame:
        s = self.served
        rows = [int(i) for i in ranked.items[0] if i >= 0]
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(rows) + 1, dtype=np.int32),
                "item_id": [s.items[row] for row in rows],
                "title": [s.cards.titles[row] for row in rows],
                "score": ranked.scores[0, : len(rows)],
            }
        )

    @cached_property
    def _joint(self) -> Shared:
        """The senses in joint spaces, as encoded (not standardised); pictures are led there once, by the first wish."""
        s = self.served
        return shared(s.table.only(*(sense for sense in s.table if sense not in s.standardisers)), s.encoders)

    @cached_property
    def _ties(self) -> Any:
        return tie_hash(self.served.items.ids, self.served.seed)

    @cached_property
    def _prior(self) -> Float32[Array, " items"]:
        s = self.served
        liked = s.histories.items[s.positive]
        return np.bincount(liked, minlength=len(s.items)).astype(np.float32)


def _joined(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))


def _seen(histories: Histories, n_items: int) -> csr_array:
    """(queries, items) what each query already likes: events of full weight. A mere view is no reason to hide."""
    liked: Bool[Array, " events"] = (histories.items >= 0) & (histories.weights >= 1)
    return histories.keep(liked).matrix(n_items)
