"""Models that read a history in order: where order matters they are ahead of those that do not, and there alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gobelin import parts  # noqa: E402
from gobelin.learning.loop import Plan  # noqa: E402
from gobelin.learning.sequences import cloze, padded  # noqa: E402
from gobelin.models import _sequential as sequential  # noqa: E402
from gobelin.testing import worlds  # noqa: E402
from gobelin.testing.models import check_model  # noqa: E402
from gobelin.values import Histories, Queries  # noqa: E402

SMALL = {"factors": 32, "layers": 1, "learning_rate": 0.003}
READERS = {
    "sasrec": {**SMALL, "epochs": 150},
    "gru4rec": {**SMALL, "hidden": 32, "epochs": 60},
    "bert4rec": {**SMALL, "epochs": 200, "batch": 32, "dropout": 0.1},
}
UNORDERED = {"ease": {}, "als": {}, "weave": {}}


def chance(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(name: str, train, **said):
    return parts.bind("models", name, said).fit(train, rng())


# Worlds with a known answer


@pytest.mark.parametrize("name", ["sasrec", "gru4rec", pytest.param("bert4rec", marks=pytest.mark.long)])
def test_order_is_used_where_it_matters_and_invents_nothing_where_it_does_not(name: str) -> None:
    """What is expected: half of the steps in `habits` follow from the item before, and so does the answer. Who knows
    only what a person had is left with five items of their taste and finds a bit more than one in five; who knows which
    came last can find it always. BERT4Rec, whose hidden places alone teach, needs far more epochs for the same. With
    the histories in random order nobody can know more than the set: the reader of order has no lead, nor loses more
    than a little by looking at what says nothing.
    """
    found = {}
    for ordered in (True, False):
        world = worlds.habits(ordered)
        best = max(worlds.found(fitted(one, world.train, **said), world, k=1) for one, said in UNORDERED.items())
        found[ordered] = best, worlds.found(fitted(name, world.train, **READERS[name]), world, k=1)
    best, own = found[True]
    assert best < 0.4
    assert own > (1.2 * best if name == "bert4rec" else 2 * best)
    best, own = found[False]
    assert best - 0.15 < own < best + 0.05


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gru4rec", {}),
        ("gru4rec", {"loss": "bpr_max"}),
        ("bert4rec", {"batch": 16, "epochs": 300}),
        ("sasrec", {"loss": "softmax"}),
        ("sasrec", {"in_batch": 0.5, "form": "gated"}),
    ],
)
def test_the_successor_on_the_chain_is_found(name: str, said: dict) -> None:
    world = worlds.chain()
    assert worlds.found(fitted(name, world.train, **{**READERS[name], **said}), world, k=1) > 0.9


@pytest.mark.parametrize("name", READERS)
def test_an_item_that_nobody_took_is_found_by_its_senses(name: str) -> None:
    world = worlds.cold()
    assert worlds.found(fitted(name, world.train, **READERS[name], of="senses"), world, k=2) > 0.8
    assert not fitted(name, world.train, of="ids", epochs=1).item_vectors()[world.train.cold].any()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gru4rec", {"layers": 2, "hidden": 48, "loss": "bpr_max", "in_batch": 0.5}),
        ("sasrec", {"form": "gated", "loss": "gbce", "length": 3}),
        ("bert4rec", {"loss": "softmax", "length": 3, "masked": 0.6, "of": "senses"}),
    ],
)
def test_other_settings_keep_the_contract_too(name: str, said: dict) -> None:
    check_model(lambda: parts.bind("models", name, said))


# Pieces against what they say


@pytest.mark.parametrize("name", READERS)
def test_a_batch_makes_no_vectors_of_items_that_it_does_not_need(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = sequential.ItemVectors.forward

    def counted(self, rows=None, chance=None):
        if chance is not None:
            asked.append(len(rows))
        return plain(self, rows, chance)

    monkeypatch.setattr(sequential.ItemVectors, "forward", counted)
    world = worlds.habits()
    fitted(name, world.train, epochs=1, batch=2, negatives=3)
    assert max(asked) <= 2 * 7 + 3 + 1  # events of two people, negatives, the row that padding shows
    fitted(name, world.train, epochs=1, batch=2, loss="softmax")
    assert min(asked[-10:]) == 48


@pytest.mark.parametrize("name", ["sasrec", "gru4rec"])
def test_what_is_read_hangs_on_the_past_alone(name: str) -> None:
    train = worlds.habits().train
    reader = fitted(name, train, epochs=1)._kept.reader
    vectors = torch.randn(2, 6, 128, generator=chance())
    nothing = torch.zeros(2, 6, dtype=torch.int64)
    real = torch.ones(2, 6, dtype=torch.bool)
    real[1, :2] = False
    seen = sequential.Seen(nothing, nothing, real, torch.zeros_like(real))
    later = vectors.clone()
    later[:, 4:] = 3
    one, other = (reader.read(x, seen, None) for x in (vectors, later))
    assert torch.allclose(one[:, :4], other[:, :4], atol=1e-5)
    assert not torch.allclose(one[:, 4], other[:, 4], atol=1e-2)
    unreal = vectors.clone()
    unreal[1, :2] = 3
    assert torch.allclose(reader.read(unreal, seen, None)[1, 2:], one[1, 2:], atol=1e-5)


def test_what_is_hidden_is_not_read_and_all_else_is() -> None:
    reader = fitted("bert4rec", worlds.habits().train, epochs=1)._kept.reader
    vectors = torch.randn(1, 5, 128, generator=chance())
    real = torch.ones(1, 5, dtype=torch.bool)
    hidden = torch.tensor([[False, False, True, False, False]])

    def said(vectors, kind: int = 0):
        kinds = torch.where(hidden, kind, 0)
        return reader.read(vectors, sequential.Seen(kinds, kinds, real, hidden), None)[0, 2]

    plain = said(vectors)
    for place in range(5):
        changed = vectors.clone()
        changed[0, place] = 3
        assert torch.allclose(said(changed), plain, atol=1e-5) is (place == 2)
    assert torch.allclose(said(vectors, kind=3), plain)


def test_the_cloze_hides_its_share_and_leaves_something_on_both_sides() -> None:
    given = padded(Histories.of([[1], [2, 3], list(range(20)), []] * 500), 20)
    real = torch.from_numpy(given.real)
    hidden = cloze(real, 0.3, chance())
    assert not (hidden & ~real).any()
    count, of = hidden.sum(-1), real.sum(-1)
    assert (count[of >= 2] >= 1).all()
    assert (count[of >= 1] < of[of >= 1]).all()
    assert float(count[of == 20].float().mean()) == pytest.approx(6, abs=0.3)
    last = cloze(real, 0.3, chance(), alone=1.0)
    assert last[of >= 2].nonzero()[:, 1].unique().tolist() == [19]


def test_negatives_are_mixed_of_the_taken_and_the_uniform_and_corrected_for_it() -> None:
    often = np.array([6, 0, 3, 1])
    course = sequential.Course(Plan(1, 0.1), 5, 8, "sampled_softmax", 4, in_batch=0.3)
    drawn = sequential._Drawn.of(often, course)
    assert (drawn.uniform, drawn.within) == (2, 1)  # of the 3 items that anybody took
    share = 1 / 3
    wanted = share * often[[0, 2, 3]] / 10 + (1 - share) / 3
    assert torch.allclose(drawn.log_q[[0, 2, 3]].exp(), torch.tensor(wanted, dtype=torch.float32))
    some = torch.stack([drawn.some(torch.tensor([2]), chance(seed)) for seed in range(60)])
    assert set(some[:, :2].flatten().tolist()) == {0, 2, 3}
    assert some[:, 2].tolist() == [2] * 60
    plain = sequential._Drawn.of(often, sequential.Course(Plan(1, 0.1), 5, 8, "sampled_softmax", 4))
    assert plain.log_q is None
    every = sequential._Drawn.of(often, sequential.Course(Plan(1, 0.1), 5, 8, "softmax", 4))
    assert every.some(torch.tensor([2]), chance()).tolist() == [0, 2, 3]


@pytest.mark.parametrize("name", READERS)
def test_a_long_history_is_learned_whole_and_asked_by_its_end(name: str) -> None:
    """The ring is walked once; with a length of 4 its early steps stand in windows alone."""
    ring = list(range(24))
    train = worlds.chain().train
    walk = Histories.of([ring[start:] + ring[:start] for start in (0, 6, 13, 19)])  # windows begin everywhere
    train = type(train)(
        type(train.users)(f"u{i}" for i in range(4)), train.items, walk, train.table, train.cold, train.now
    )
    model = fitted(name, train, **{**READERS[name], "length": 4, "epochs": 250, "batch": 8, "dropout": 0.0})
    asked = [[a, b, c] for a, b, c, _ in zip(ring, ring[1:], ring[2:], ring[3:], strict=False)]
    best = model.score(Queries.of(asked)).argmax(axis=1)
    assert np.mean(best == np.array(ring[3:])) > 0.8
    longer = (
        Queries.of([[20, 19, 18, *asked[0]], asked[0]])
        if name == "bert4rec"
        else Queries.of([[20, 19, 18, 7, *asked[0]], [7, *asked[0]]])
    )
    told = model.score(longer)
    assert np.allclose(told[0], told[1], atol=1e-5)  # only the end of it is read
