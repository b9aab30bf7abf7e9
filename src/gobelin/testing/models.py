"""What every recommender must keep, checked on small worlds: for Gobelin's own models and for plugins.

    check_model(lambda: parts.bind("models", "ease", {}))

Each check raises AssertionError with a sentence that says what broke. `CHECKS` names them, to be parametrised over.
A model that needs something a world lacks (times, ratings, senses) may refuse it with a UserError; nothing else.
"""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gobelin import parts, store
from gobelin.arrays import Array, Scores
from gobelin.errors import UserError
from gobelin.protocols import (
    Embeds,
    Explains,
    ItemSimilarities,
    Journal,
    Learns,
    Monitor,
    Rates,
    Recommender,
    Retrieves,
)  # fmt: skip
from gobelin.testing import worlds
from gobelin.values import Features, FeatureTable, Histories, Kind, Queries, Train, Vocabulary, Wish

Make = Callable[[], Recommender]

BRIEF = 4  # epochs that a trained model is given, but where it must have learned


def check_model(make: Make, *, personal: bool = True) -> None:
    """All checks. make: a fresh model with the settings to check. personal: False for one that answers all alike."""
    for name, check in CHECKS.items():
        if personal or name != "beats chance":
            check(make)


def check_scores(make: Make) -> None:
    """Scores are finite float32, one for each query and candidate."""
    train = _train()
    scores = _fit(make, train).score(train.queries())
    _whole(scores, len(train.users), len(train.items))
    none = np.zeros(0, dtype=np.int64)
    _whole(_fit(make, train).score(train.queries().take(none)), 0, len(train.items))


def check_candidates(make: Make) -> None:
    """Scores of some candidates, in any order, are those columns of the scores of all."""
    train = _train()
    model = _fit(make, train)
    whole = model.score(train.queries())
    for some in ([7, 3, 11, 0], [5], []):
        rows = np.array(some, dtype=np.int32)
        part = model.score(train.queries(), rows)
        _whole(part, len(train.users), len(rows))
        _same(part, whole[:, rows], "candidates change the scores")


def check_batches(make: Make) -> None:
    """A query scores the same alone, in another order, and beside an empty history."""
    train = _train()
    model, queries = _fit(make, train), train.queries()
    whole = model.score(queries)
    back = np.arange(len(queries), dtype=np.int64)[::-1].copy()
    _same(model.score(queries.take(back)), whole[back], "the order of queries changes their scores")
    for row in (0, len(queries) - 1):
        alone = model.score(queries.take(np.array([row])))
        _same(alone, whole[row : row + 1], "a query alone scores otherwise than in a batch")
    mixed = model.score(Queries.of([[], [2, 4], []]))
    _same(mixed[1:2], model.score(Queries.of([[2, 4]])), "an empty history beside a query changes its scores")
    _same(mixed[:1], mixed[2:], "two empty histories score differently")


def check_user_is_history(make: Make) -> None:
    """A stranger with the same history gets the same scores: no stored row of a user is read."""
    train = _train()
    model, queries = _fit(make, train), train.queries()
    strangers = replace(queries, users=np.full(len(queries), -1, dtype=np.int32))
    _same(model.score(strangers), model.score(queries), "a stranger is scored otherwise than a user of equal history")


def check_odd_histories(make: Make) -> None:
    """Empty, repeated, bare histories and events without an item are all answered."""
    train = _train()
    model = _fit(make, train)
    _whole(model.score(Queries.of([[], [1], [1, 1, 1, 3]])), 3, len(train.items))
    n = len(train.items)
    searches = Histories(
        starts=np.array([0, 2, 4], dtype=np.int64),
        items=np.array([-1, 2, -1, -1], dtype=np.int32),
        kinds=np.array([Kind.search, Kind.view, Kind.search, Kind.search], dtype=np.uint8),
        weights=np.array([0, 0.1, 0, 0], dtype=np.float32),
        texts=["red", None, "blue", None],
    )
    users = np.array([-1, -1], dtype=np.int32)
    _whole(model.score(Queries(users, searches)), 2, n)
    every = np.arange(n).tolist()
    _whole(model.score(Queries.of([every])), 1, n)


def check_seed(make: Make) -> None:
    """The same seed gives the same scores; a model fitted again forgets what it was fitted on before."""
    train = _train()
    first, second = _fit(make, train), _fit(make, train)
    _exact(first.score(train.queries()), second.score(train.queries()), "two fits with one seed differ")
    other = _train(size=14, seed=1)
    again = _fit(make, other).fit(train, np.random.default_rng(0))
    _exact(again.score(train.queries()), first.score(train.queries()), "an earlier fit leaves traces in a later one")


def check_state(make: Make) -> None:
    """What the store writes and reads back scores the same and says the same settings."""
    train = _train()
    model = _fit(make, train)
    with tempfile.TemporaryDirectory() as folder:
        store.save_state(Path(folder) / "model", model.state())
        back = type(model).from_state(store.load_state(Path(folder) / "model"))
    queries = Queries.of([[], [1, 3], [2]], now=train.now)
    for asked in (train.queries(), queries):
        _exact(back.score(asked), model.score(asked), "a model read back from its state scores otherwise")
    said, meant = parts.settings_of(back), parts.settings_of(model)
    assert said == meant, f"settings read back are {said}, not {meant}"


def check_settings(make: Make) -> None:
    """Every setting can be stated and bound again; every value of a grid is allowed, the default among them."""
    model = make()
    cls, stated = type(model), parts.settings_of(model)
    again = parts.make(cls, stated, where="the model")
    assert parts.settings_of(again) == stated, f"{stated} bound again is {parts.settings_of(again)}"
    assert (cls.__doc__ or "").strip(), "the class has no docstring: its first line is its line in lists"
    default = parts.settings_of(cls())
    for knob in parts.knobs(cls, ["text.words"]):
        for value in knob.values:
            given = value if knob.sense is None else {knob.sense: value}
            parts.make(cls, {knob.setting: given}, where="the model")
        if knob.sense is None:
            at = default[knob.setting]
            assert at in knob.values, f"the default of {knob.name}, {at}, is not on its grid {knob.values}"


def check_untouched(make: Make) -> None:
    """Neither a fit nor a score writes into what it was given."""
    train = _train()
    before = [a.copy() for a in _arrays(train)]
    model = _fit(make, train)
    model.score(train.queries(), np.arange(4, dtype=np.int32))
    scores = model.score(train.queries())
    scores[:] = 0  # the caller's own: the next answer must not change
    assert np.any(model.score(train.queries()) != 0), "scores are handed out without a copy"
    for kept, now in zip(before, _arrays(train), strict=True):
        assert np.array_equal(kept, now, equal_nan=kept.dtype.kind == "f"), "the train value was written into"


def check_senses(make: Make) -> None:
    """No sense at all, senses of which no item holds anything, and items that lack some: answered or refused."""
    train = _train()
    n = len(train.items)
    every, some = np.ones(n, dtype=bool), np.arange(n) % 3 == 0
    poisoned = _poison(train.table.without({"text.words": some}), some)
    for table in (
        FeatureTable(train.items, {}),
        train.table.without(dict.fromkeys(train.table, every)),
        train.table.without({"text.words": some, "attributes": ~some}),
        poisoned,
    ):
        model = _fit_or_refuse(make, replace(train, table=table))
        if model is not None:
            _whole(model.score(train.queries()), len(train.users), n)


def check_lacks(make: Make) -> None:
    """A log without times, without ratings, without events, of one user, of one item: answered or refused."""
    train = _train()
    log = train.histories
    timeless = replace(train, histories=replace(log, times=None), now=None)
    unrated = replace(train, histories=replace(log, ratings=None))
    silent = replace(train, histories=log.keep(np.zeros(len(log.items), dtype=bool)))
    one_user = replace(train, users=Vocabulary(["only"]), histories=log.take(np.array([3])))
    for lacking in (timeless, unrated, silent, one_user, _one_item()):
        model = _fit_or_refuse(make, lacking)
        if model is not None:
            _whole(model.score(lacking.queries()), len(lacking.users), len(lacking.items))
            _whole(model.score(Queries.of([[], [0]])), 2, len(lacking.items))


def check_new_items(make: Make) -> None:
    """Items without events, cold ones among them, are scored like any other, and may stand in a history."""
    train = _with_new_items(_train(), 3)
    model = _fit(make, train)
    n = len(train.items)
    _whole(model.score(train.queries()), len(train.users), n)
    _whole(model.score(Queries.of([[n - 1], [0, n - 2]])), 2, n)


def check_monitor(make: Make) -> None:
    """A fit with a monitor is handed models that score, and ends as a model that does."""
    train = _train()

    def value(model: Recommender) -> float:
        scores = model.score(train.queries())
        _whole(scores, len(train.users), len(train.items))
        return float(scores.std())

    model = make().fit(train, np.random.default_rng(0), value)
    _whole(model.score(train.queries()), len(train.users), len(train.items))


def check_wish(make: Make) -> None:
    """A wish beside the queries is answered, or refused with a UserError."""
    train = _train()
    model = _fit(make, train)
    wish = Wish({"text.words": np.asarray(train.table["text.words"].values[1], dtype=np.float32)})
    try:
        scores = model.score(replace(Queries.of([[], [2]]), wish=wish))
    except UserError as refusal:
        _speaks(refusal)
    else:
        _whole(scores, 2, len(train.items))


def check_capabilities(make: Make) -> None:
    """What a model can do beside scoring agrees with its scores."""
    train = _train()
    model, queries, n = _fit(make, train), train.queries(), len(train.items)
    scores = model.score(queries)
    if isinstance(model, Embeds):
        theirs, items = model.query_vectors(queries), model.item_vectors()
        _same(theirs @ items.T, scores, "inner products of the vectors are not the scores")
    if isinstance(model, Rates):
        who, what = np.array([0, 1, -1, 2, -1], dtype=np.int32), np.array([1, 0, 3, -1, -1], dtype=np.int32)
        ratings = model.rate(who, what)
        assert ratings.shape == (5,) and np.isfinite(ratings).all(), f"ratings are {ratings}"
        known = train.histories.ratings
        assert known is not None and ratings.min() >= known.min() and ratings.max() <= known.max(), (
            f"ratings {ratings} leave the range of the log"
        )
    if isinstance(model, ItemSimilarities):
        rows = np.array([4, 0, 4], dtype=np.int32)
        alike = model.similarities(rows)
        _whole(alike, 3, n)
        _exact(alike[0], alike[2], "one item asked twice has two similarities")
    if isinstance(model, Retrieves):
        ranked = model.top(queries, 5, None)
        best = -np.sort(-scores, axis=1)[:, :5]
        _same(ranked.scores, best, "the best by `top` are not the best by `score`")


def check_explains(make: Make) -> None:
    """Shares of a model that explains sum to its scores; an event that is not there has none."""
    train = _train()
    model = _fit(make, train)
    if not isinstance(model, Explains):
        return
    every = np.arange(len(train.items), dtype=np.int32)
    for user in (0, 3):
        query = train.queries().take(np.array([user]))
        found = model.explain(query, every, train)
        assert found.shares.dtype == np.float64, "shares are float64"
        assert found.shares.shape[1] == len(query.histories.items), "one share for each event of the history"
        assert set(found.senses) <= {"log", *train.table}, f"senses {found.senses} are neither the log nor of the table"
        _same(found.scores, model.score(query)[0], "the shares do not sum to the score")
        some = np.array([5, 2], dtype=np.int32)
        part = model.explain(query, some, train)
        np.testing.assert_allclose(part.shares, found.shares[some], rtol=1e-9, atol=1e-12)
    silent = Queries.of([[]], train.now)
    nothing = model.explain(silent, every, train)
    assert nothing.shares.shape[1] == 0, "an empty history has no events to share"
    _same(nothing.scores, model.score(silent)[0], "an empty history's score is the prior's")


def check_training(make: Make) -> None:
    """A training that was killed goes on to the same numbers; the best epoch of a monitored one can be had without."""
    train = _train()
    if not isinstance(make(), Learns):
        return

    def learn(monitor: Monitor | None = None, journal: Journal | None = None, epochs: int = BRIEF) -> Learns:
        model: Any = make()
        model.epochs = epochs
        return model.fit(train, np.random.default_rng(0), monitor, journal)

    def dies(epoch: int, epochs: int) -> None:
        if epoch == 2:
            raise _Killed

    whole = learn()
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(_Killed):
            learn(journal=Journal(Path(folder), apart=0, tell=dies))
        again = learn(journal=Journal(Path(folder), apart=0))
    assert len(whole.curve) == len(again.curve) == BRIEF, f"{len(whole.curve)}, {len(again.curve)} epochs, not {BRIEF}"
    told = [[epoch.loss for epoch in one.curve] for one in (whole, again)]
    assert told[0] == told[1], f"a training that was killed went on otherwise: losses {told[1]}, not {told[0]}"
    _exact(_scores(again, train), _scores(whole, train), "a training that was killed ends otherwise")
    watched = learn(monitor=lambda model: -float(model.score(train.queries()).std()))
    brief = learn(epochs=watched.best_epoch)
    _exact(_scores(brief, train), _scores(watched, train), "`best_epoch` epochs are not the model that was kept")


class _Killed(BaseException):
    pass


def _scores(model: Any, train: Train) -> Scores:
    return np.asarray(model.score(train.queries()))


def check_beats_chance(make: Make) -> None:
    """On the checkerboard the withheld diagonal comes first: chance finds it once in 21 times."""
    world = worlds.checkerboard(40)
    model = make().fit(world.train, np.random.default_rng(0))
    share = worlds.found(model, world, k=1)
    assert share >= 0.8, f"on the checkerboard {share:.0%} of the answers come first, at least 80 % are needed"


CHECKS: Mapping[str, Callable[[Make], None]] = {
    "scores": check_scores,
    "candidates": check_candidates,
    "batches": check_batches,
    "user is history": check_user_is_history,
    "odd histories": check_odd_histories,
    "seed": check_seed,
    "state": check_state,
    "settings": check_settings,
    "untouched": check_untouched,
    "senses": check_senses,
    "lacks": check_lacks,
    "new items": check_new_items,
    "monitor": check_monitor,
    "wish": check_wish,
    "capabilities": check_capabilities,
    "explains": check_explains,
    "training": check_training,
    "beats chance": check_beats_chance,
}


def _train(size: int = 20, seed: int = 0) -> Train:
    return worlds.checkerboard(size, seed).train


def _fit(make: Make, train: Train) -> Recommender:
    model: Any = make()
    assert isinstance(model, Recommender), f"{type(model).__name__} lacks fit, score, state or from_state"
    if isinstance(model, Learns):
        model.epochs = min(model.epochs, BRIEF)
    fitted = model.fit(train, np.random.default_rng(0))
    assert fitted is model, "fit returns the model itself"
    return fitted


def _fit_or_refuse(make: Make, train: Train) -> Recommender | None:
    try:
        return _fit(make, train)
    except UserError as refusal:
        _speaks(refusal)
        return None


def _speaks(refusal: UserError) -> None:
    said = (refusal.given, refusal.expected, refusal.next_step)
    assert all(said), f"a refusal says what was given, what was expected and the next step, not {said}"


def _whole(scores: Scores, rows: int, columns: int) -> None:
    assert scores.shape == (rows, columns), f"scores have the shape {scores.shape}, not {(rows, columns)}"
    assert scores.dtype == np.float32, f"scores are {scores.dtype}, not float32"
    assert np.isfinite(scores).all(), f"{(~np.isfinite(scores)).sum()} scores are not finite"


def _same(a: Array, b: Array, said: str) -> None:
    room = 1e-3 * max(float(np.abs(b).max(initial=0)), 1e-6)
    apart = float(np.abs(a - b).max(initial=0))
    assert apart <= room, f"{said}: by up to {apart:.3g}"


def _exact(a: Array, b: Array, said: str) -> None:
    assert np.array_equal(a, b), f"{said}: by up to {np.abs(a - b).max():.3g}"


def _arrays(train: Train) -> list[Array]:
    log = train.histories
    found: list[Any] = [log.starts, log.items, log.kinds, log.weights, log.ratings, log.times, train.cold]
    for one in train.table.features.values():
        found += [one.present, one.values.data if isinstance(one.values, csr_array) else one.values]
    return [a for a in found if isinstance(a, np.ndarray)]


def _poison(table: FeatureTable, rows: Array) -> FeatureTable:
    """Absent rows of the dense sense filled with what must not be read."""
    words = table["text.words"]
    values = words.values.copy()
    values[rows] = np.nan
    return FeatureTable(table.ids, {**table.features, "text.words": replace(words, values=values)})


def _one_item() -> Train:
    items = Vocabulary(["only"])
    log = Histories.of([[0], [0], []])
    log = replace(log, times=np.array([worlds.START, worlds.START + 1]), ratings=np.array([5, 4], dtype=np.float32))
    words = Features("text.words", "text", items, np.ones((1, 8), dtype=np.float32), np.ones(1, dtype=bool))
    table = FeatureTable(items, {"text.words": words})
    return Train(Vocabulary("abc"), items, log, table, np.zeros(1, dtype=bool), worlds.START + 2)


def _with_new_items(train: Train, count: int) -> Train:
    """The same log and `count` more items without events that look like the first ones; the last is not marked."""
    n = len(train.items)
    items = Vocabulary([*train.items.ids, *(f"new {i}" for i in range(count))])
    rows = np.concatenate([np.arange(n), np.arange(count)])
    table = FeatureTable(items, {name: one.take(rows, items) for name, one in train.table.features.items()})
    cold = np.arange(n + count) >= n
    cold[-1] = False
    return replace(train, items=items, table=table, cold=cold)
