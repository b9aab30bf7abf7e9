"""Small worlds with a known answer: a model either finds it or is wrong. Each is drawn in a few milliseconds.

world = checkerboard()
model.fit(world.train, np.random.default_rng(0))
assert found(model, world, k=1) == 1.0
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Bool, Float32, Int32, Int64, Scores
from gobelin.protocols import Recommender
from gobelin.values import Features, FeatureTable, Histories, Kind, Train, Vocabulary
from gobelin.values.histories import DAY

START = 1_600_000_000  # Unix seconds at which every world begins


@dataclass(frozen=True)
class World:
    """What a model is fitted on, and what it should find.

    answers: (users, items), 1 where an item was held out for a user. candidates: the items among which it must be
    found (None: all that the user has not had).
    """

    train: Train
    answers: csr_array
    candidates: Int32[Array, " candidates"] | None = None


@dataclass(frozen=True)
class RatedWorld:
    """Ratings to fit on, and pairs with the rating that was held out. noise: its standard deviation, best possible."""

    train: Train
    users: Int32[Array, " pairs"]
    items: Int32[Array, " pairs"]
    ratings: Float32[Array, " pairs"]
    noise: float


def found(model: Recommender, world: World, k: int) -> float:
    """Share of the answers that a fitted model puts among its k best: see `found_in`."""
    return found_in(model.score(world.train.queries()), world, k)


def found_in(scores: Scores, world: World, k: int) -> float:
    """Share of the answers with fewer than k better candidates among what their user has not had.

    Other answers of the same user take no place away; a candidate of equal score does.
    """
    return float(np.mean(finds(scores, world, k)))


def finds(scores: Scores, world: World, k: int) -> Bool[Array, " answers"]:
    """Which answers `found_in` counts, in the order of `world.answers.tocoo()`."""
    others = scores.copy()
    had, answers = world.train.matrix().tocoo(), world.answers.tocoo()
    own = scores[answers.row, answers.col]
    others[had.row, had.col] = -np.inf
    others[answers.row, answers.col] = -np.inf
    if world.candidates is not None:
        others[:, np.setdiff1d(np.arange(scores.shape[1]), world.candidates)] = -np.inf
    ahead = (others[answers.row] >= own[:, None]).sum(axis=1)
    return np.asarray(ahead < k)


def checkerboard(size: int = 50, seed: int = 0) -> World:
    """Users of an odd row like odd items, users of an even row even ones; the diagonal is withheld and is the answer.

    The board of the library `implicit`. Liked items are rated 5 (weight 1), a third of the others 1 (weight 0), in
    random order of time. Two senses know the colour of an item: "text.words" dense, "attributes" one-hot and sparse.
    Popularity knows nothing here.
    """
    rng = np.random.default_rng(seed)
    user, item = (part.ravel() for part in np.indices((size, size)))
    like = (user + item) % 2 == 0
    seen = np.where(like, user != item, (user + 2 * item) % 3 == 0)
    colour = np.arange(size) % 2
    words = rng.normal(0, 0.3, (size, 8)) + np.where(colour, 1, -1)[:, None] * np.eye(8)[0]
    items = _names("item", size)
    senses = [
        _sense("text.words", "text", items, words),
        Features("attributes", "attributes", items, csr_array(np.eye(2, dtype=np.float32)[colour]), _all(size)),
    ]
    train = _train(user[seen], item[seen], np.where(like, 5, 1)[seen], size, items, senses, rng)
    return World(train, csr_array(np.eye(size, dtype=np.float32)))


def two_senses(seed: int = 0) -> World:
    """What a person likes is one kind of words and one kind of picture: text tells half of it, images the other half.

    16 tastes (4 kinds of words x 4 of pictures) of 9 items and 4 people each. Everyone had 3 items of their taste;
    3 more are held out. The log alone is thin, each sense alone leaves four tastes open, both together leave one.
    """
    rng = np.random.default_rng(seed)
    taste = np.repeat(np.arange(16), 9)
    items = _names("item", len(taste))
    person = np.repeat(np.arange(16), 4)
    picks = np.stack([rng.permutation(np.flatnonzero(taste == t))[:6] for t in person])  # (people, 6)
    had, held = picks[:, :3], picks[:, 3:]
    senses = [
        _sense("text.words", "text", items, _drawn(taste // 4, 4, rng)),
        _sense("image.pixels", "image", items, _drawn(taste % 4, 4, rng)),
    ]
    user = np.repeat(np.arange(len(person)), 3)
    train = _train(user, had.ravel(), np.full(had.size, 5), len(person), items, senses, rng)
    return World(train, _marks(user, held.ravel(), (len(person), len(items))))


def spare_sense(tells: Literal["again", "nothing"], seed: int = 0) -> World:
    """Words tell a taste fairly well; pictures tell the same again, dimly, or nothing at all.

    Tastes, people and held-out items are those of `two_senses`, but "text.words" tells all of the 16 tastes.
    "image.pixels" repeats them under twice the noise ("again") or is noise alone ("nothing"). Log and words are
    the same for a seed in both. Who weighs senses must not fall below who has words only.
    """
    plain = two_senses(seed)
    rng = np.random.default_rng([seed, 1])
    taste, items = np.repeat(np.arange(16), 9), plain.train.items
    words = _drawn(taste, 16, rng, noise=0.25)
    dim = _drawn(taste, 16, rng, noise=0.5)
    blank = rng.normal(0, 0.5, dim.shape)
    pictures = {"again": dim, "nothing": blank}[tells]
    table = {name: _sense(name, name.split(".")[0], items, values) for name, values in
             (("text.words", words), ("image.pixels", pictures))}  # fmt: skip
    return replace(plain, train=replace(plain.train, table=FeatureTable(items, table)))


def popular(users: int = 400, items: int = 60, seed: int = 0) -> World:
    """Nothing but popularity tells: everyone draws 10 different items, item i with weight 1 / (i + 1), 2 are held out.

    No person has a taste, so the order 0, 1, 2, ... is the best that there is; the one sense, "text.words", is noise.
    """
    rng = np.random.default_rng(seed)
    race = rng.exponential(size=(users, items)) * np.arange(1, items + 1)  # the first 10 in: drawn one by one
    picks = rng.permuted(np.argsort(race, axis=1)[:, :10], axis=1)
    had, held = picks[:, :8], picks[:, 8:]
    names = _names("item", items)
    senses = [_sense("text.words", "text", names, rng.normal(size=(items, 8)))]
    user = np.repeat(np.arange(users), 8)
    train = _train(user, had.ravel(), np.full(had.size, 5), users, names, senses, rng)
    return World(train, _marks(np.repeat(np.arange(users), 2), held.ravel(), (users, items)))


def chain(items: int = 30, users: int = 60, steps: int = 8, seed: int = 0) -> World:
    """Each item has one successor, on a ring in hidden order; everyone walks `steps` steps from somewhere.

    The answer is the successor of the last item. All items are about equally popular.
    """
    rng = np.random.default_rng(seed)
    ring = rng.permutation(items)
    begin = np.arange(users) * items // users + rng.integers(0, items)
    walks = ring[(begin[:, None] + np.arange(steps + 1)) % items]  # (users, steps + 1)
    user = np.repeat(np.arange(users), steps)
    when = START + np.tile(np.arange(steps) * DAY, users)
    names = _names("item", items)
    train = _train(user, walks[:, :-1].ravel(), np.full(user.size, 5), users, names, [], rng, when)
    return World(train, _marks(np.arange(users), walks[:, -1], (users, items)))


def habits(ordered: bool = True, tastes: int = 4, seed: int = 0) -> World:
    """Within a taste, each item calls for one other next; everyone takes 7 items of their taste, half as called.

    The answer is what a person's last item calls for, which they have not had. 12 items and 60 people for each taste.
    ordered: False tells every history in random order, with the same events, times and answers: who had what is all
    that is left to know, and which of them came last is not in it.
    """
    rng = np.random.default_rng(seed)
    size, steps = 12, 7
    calls = np.stack([rng.permutation(size) for _ in range(tastes)])  # a ring in each taste: one calls for the next
    walks, answers = [], []
    for person in range(60 * tastes):
        taste = person % tastes
        ring = calls[taste]
        at = int(rng.integers(size))
        had = [at]
        while len(had) < steps or (at + 1) % size in had:
            if len(had) == steps:  # what is called for was had: another end
                had.pop()
                at = int(rng.choice(np.setdiff1d(np.arange(size), had)))
            else:
                called = (at + 1) % size
                free = np.setdiff1d(np.arange(size), had)
                at = called if called in free and rng.random() < 0.5 else int(rng.choice(free))
            had.append(at)
        walks.append(taste * size + ring[had])
        answers.append(taste * size + ring[(at + 1) % size])
    told = np.array(walks) if ordered else rng.permuted(np.array(walks), axis=1)
    user = np.repeat(np.arange(len(walks)), steps)
    when = START + np.tile(np.arange(steps) * DAY, len(walks))
    names = _names("item", tastes * size)
    train = _train(user, told.ravel(), np.full(user.size, 5), len(walks), names, [], rng, when)
    return World(train, _marks(np.arange(len(walks)), np.array(answers), (len(walks), tastes * size)))


def cold(seed: int = 0) -> World:
    """One item in eight has no event yet and is marked cold; its content says whom it is for.

    4 tastes of 16 items and 10 people; everyone had 6 warm items of their taste. The answers are the cold items of
    the taste, found among all cold ones.
    """
    rng = np.random.default_rng(seed)
    taste, person = np.repeat(np.arange(4), 16), np.repeat(np.arange(4), 10)
    is_cold = np.arange(64) % 8 == 0
    had = np.stack([rng.permutation(np.flatnonzero((taste == t) & ~is_cold))[:6] for t in person])
    answers = (person[:, None] == taste[None, :]) & is_cold[None, :]
    items, user = _names("item", 64), np.repeat(np.arange(40), 6)
    senses = [_sense("text.words", "text", items, _drawn(taste, 4, rng))]
    train = _train(user, had.ravel(), np.full(had.size, 5), 40, items, senses, rng, cold=is_cold)
    return World(train, csr_array(answers.astype(np.float32)), np.flatnonzero(is_cold).astype(np.int32))


def rated(users: int = 60, items: int = 50, rank: int = 2, noise: float = 0.1, seed: int = 0) -> RatedWorld:
    """Ratings that are a mean, a bias of each user and item, and an inner product of `rank` terms, plus noise.

    70 % of the pairs are in the train part, the rest is held out.
    """
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(users, rank)), rng.normal(size=(items, rank))
    bias = rng.normal(0, 0.4, users)[:, None] + rng.normal(0, 0.4, items)[None]
    truth = 3 + bias + 0.6 * p @ q.T + rng.normal(0, noise, (users, items))
    user, item = (part.ravel() for part in np.indices((users, items)))
    kept = rng.random(user.size) < 0.7
    value = truth.ravel().astype(np.float32)
    train = _train(user[kept], item[kept], value[kept], users, _names("item", items), [], rng)
    return RatedWorld(train, user[~kept].astype(np.int32), item[~kept].astype(np.int32), value[~kept], noise)


def _train(
    user: Array,
    item: Array,
    rating: Array,
    users: int,
    items: Vocabulary,
    senses: list[Features],
    rng: np.random.Generator,
    when: Int64[Array, " events"] | None = None,
    cold: Bool[Array, " items"] | None = None,
) -> Train:
    """A train value of rating events; what is rated below 4 is no sign of liking. Without `when`: one event a day."""
    if when is None:
        when = START + rng.permutation(len(user)).astype(np.int64) * DAY
    order = np.lexsort((when, user))
    user, item, rating, when = user[order], item[order], rating[order], when[order]
    histories = Histories(
        starts=np.searchsorted(user, np.arange(users + 1)).astype(np.int64),
        items=item.astype(np.int32),
        kinds=np.full(len(item), Kind.rating, dtype=np.uint8),
        weights=(rating >= 4).astype(np.float32),
        ratings=rating.astype(np.float32),
        times=when.astype(np.int64),
    )
    table = FeatureTable(items, {one.name: one for one in senses})
    unmarked = np.zeros(len(items), dtype=bool)
    return Train(
        _names("user", users), items, histories, table, unmarked if cold is None else cold, int(when.max()) + 1
    )


def _names(kind: str, count: int) -> Vocabulary:
    return Vocabulary(f"{kind} {i}" for i in range(count))


def _all(count: int) -> Bool[Array, " rows"]:
    return np.ones(count, dtype=bool)


def _sense(name: str, modality: str, items: Vocabulary, values: Array) -> Features:
    return Features(name, modality, items, values.astype(np.float32), _all(len(items)))


def _drawn(kind: Array, kinds: int, rng: np.random.Generator, noise: float = 0.15) -> Array:
    """(rows, 2 kinds) vectors around a corner for each kind, away from the origin. noise: its standard deviation."""
    corners = np.eye(2 * kinds)[:kinds]
    return np.asarray(corners[kind] + 0.5 + rng.normal(0, noise, (len(kind), 2 * kinds)))


def _marks(users: Array, items: Array, shape: tuple[int, int]) -> csr_array:
    marks = np.zeros(shape, dtype=np.float32)
    marks[users, items] = 1
    return csr_array(marks)
