"""Networks of towers and tokens: each against the world that was made for it, and what they say of people."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gobelin import parts  # noqa: E402
from gobelin.learning.gates import Gates  # noqa: E402
from gobelin.learning.pooling import Pooling  # noqa: E402
from gobelin.learning.recurrent import Recurrent, Windows  # noqa: E402
from gobelin.learning.senses import Sense  # noqa: E402
from gobelin.learning.tokens import Tokens, mean_held  # noqa: E402
from gobelin.models._tokens import _asked, _context  # noqa: E402
from gobelin.models.multi_vae import MultiVae, _Autoencoder  # noqa: E402
from gobelin.models.two_tower import TwoTower  # noqa: E402
from gobelin.people import SenseMeans, people  # noqa: E402
from gobelin.protocols import Represents  # noqa: E402
from gobelin.testing import worlds  # noqa: E402
from gobelin.testing.models import check_model  # noqa: E402
from gobelin.values import Queries  # noqa: E402

SENSES = ("text.words", "image.pixels")


def chance(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(name: str, train, **said):
    return parts.bind("models", name, said).fit(train, rng())


# Worlds with a known answer


@pytest.mark.parametrize("name", ["two_tower", "multi_input", "mmfn", "mmt"])
def test_both_senses_find_what_neither_finds_alone(name: str) -> None:
    world = worlds.two_senses()
    found = [
        worlds.found(fitted(name, world.train.only(*some), of="senses"), world, k=4)
        for some in ((SENSES[0],), (SENSES[1],), SENSES)
    ]
    assert found[2] > 0.5
    assert max(found[:2]) < 0.6 * found[2]


@pytest.mark.parametrize(
    ("name", "said"), [("multi_input", {"tower": "cnn"}), ("multi_input", {"tower": "rnn"}), ("mmt", {})]
)
def test_readers_of_order_find_the_successor(name: str, said: dict) -> None:
    world = worlds.chain()
    assert worlds.found(fitted(name, world.train, learning_rate=0.003, **said), world, k=1) > 0.9


def test_a_reader_of_no_order_does_not_find_the_successor() -> None:
    world = worlds.chain()
    assert worlds.found(fitted("multi_input", world.train), world, k=1) < 0.8


def test_cold_items_are_found_by_their_senses() -> None:
    world = worlds.cold()
    assert worlds.found(fitted("two_tower", world.train), world, k=2) > 0.9
    assert not fitted("two_tower", world.train, of="ids", epochs=2).item_vectors()[world.train.cold].any()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two_tower", {"pool": "mean", "reads": "past", "of": "senses"}),
        ("multi_vae", {"form": "denoising"}),
    ],
)
def test_other_settings_keep_the_contract_too(name: str, said: dict) -> None:
    check_model(lambda: parts.bind("models", name, said))


# Pieces against their formulas


def test_the_encoder_of_mult_vae_is_the_dense_layer_of_unit_histories() -> None:
    train = worlds.two_senses().train
    network = _Autoencoder(len(train.items), 6, 3, chance())
    x = train.matrix().toarray()
    unit = torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True))
    wanted = network.middle(torch.tanh(unit @ network.into + network.into_bias))
    mean, log_variance = network.encode(train.matrix(), None, 0.0)
    assert torch.allclose(torch.cat([mean, log_variance], dim=1), wanted, atol=1e-5)


def test_the_divergence_weighs_nothing_at_first_and_its_share_at_last() -> None:
    train = worlds.checkerboard(20).train
    slow = MultiVae(epochs=3, anneal=10**9, divergence=1.0).fit(train, rng())
    free = MultiVae(epochs=3, divergence=0.0).fit(train, rng())
    soon = MultiVae(epochs=3, anneal=1, divergence=1.0).fit(train, rng())
    assert slow.curve[-1].loss == pytest.approx(free.curve[-1].loss, abs=1e-4)
    assert soon.curve[0].loss > free.curve[0].loss + 0.01


def test_attention_and_gates_weigh_by_a_softmax_over_what_is_there() -> None:
    x = torch.randn(2, 4, 3, generator=chance())
    allowed = torch.tensor([[True, True, False, True], [False] * 4]).unsqueeze(1)
    pool = Pooling(3, chance(1))
    loud = (torch.tanh(pool.asked(x[0] * 3**0.5)) @ pool.loud)[[0, 1, 3], 0].exp()
    told = pool(x, allowed)
    assert torch.allclose(told[0, 0], (loud / loud.sum()) @ x[0, [0, 1, 3]], atol=1e-6)
    assert not told[1].any()
    assert torch.allclose(Pooling(3, chance(), even=True)(x, allowed)[0, 0], x[0, [0, 1, 3]].mean(0), atol=1e-6)
    gates = Gates(3, chance(1))
    held = allowed[:, 0]
    loud = (torch.tanh(gates.asked(x[0] * 3**0.5)) @ gates.loud)[[0, 1, 3], 0].exp()
    assert torch.allclose(gates(x, held)[0], (loud / loud.sum()) @ x[0, [0, 1, 3]], atol=1e-6)
    assert not gates(x, held)[1].any()


def test_readers_in_order_read_what_is_real_and_the_past_alone() -> None:
    x = torch.randn(1, 6, 4, generator=chance())
    real = torch.tensor([[False, False, True, False, True, True]])
    short = x[:, real[0]]
    for reader in (Recurrent(4, 8, chance(1)), Windows(4, 8, (1, 2), chance(1))):
        read = reader(x, real)
        assert not read[0, :2].any()
        assert torch.allclose(read[0, 3], read[0, 2], atol=1e-6)
        changed = x.clone()
        changed[:, 5] = 3
        assert torch.allclose(reader(changed, real)[0, :5], read[0, :5], atol=1e-6)
        assert not torch.allclose(reader(changed, real)[0, 5], read[0, 5], atol=1e-3)
    read = Recurrent(4, 8, chance(1))
    assert torch.allclose(read(x, real)[0, 5], read(short, torch.ones(1, 3, dtype=torch.bool))[0, 2], atol=1e-6)


def test_windows_are_the_strongest_answer_of_each_filter_so_far() -> None:
    windows = Windows(2, 2, (1, 2), chance())
    x = torch.randn(1, 4, 2, generator=chance(1))
    read = windows(x, torch.ones(1, 4, dtype=torch.bool)).detach()
    one, two = windows.filters[0][0].detach(), windows.filters[1][0].detach()  # (dim, width)
    before = torch.cat([torch.zeros(1, 2), x[0]])
    single = [float((x[0, t] * one[:, 0]).sum()) for t in range(4)]
    double = [float((before[t : t + 2].T * two).sum()) for t in range(4)]
    assert read[0, 3].tolist() == pytest.approx([max(0, *single), max(0, *double)], abs=1e-6)


def test_an_item_is_as_many_vectors_as_it_has_parts() -> None:
    sense = Sense(np.eye(3, dtype=np.float32), np.array([True, False, True]))
    tokens = Tokens(np.array([True, True, False]), {"a": sense}, 4, chance())
    said, held = tokens(torch.arange(3))
    assert tokens.names == ("log", "a")
    assert held.tolist() == [[True, True], [True, False], [False, True]]
    assert torch.equal(mean_held(said, held)[1], tokens.own[1])
    assert torch.allclose(mean_held(said, held)[2], tokens.towers[0](torch.eye(3))[2] / 2, atol=1e-6)
    half = Tokens(np.ones(3, dtype=bool), {"a": sense}, 4, chance(), hide=0.5)
    _, left = half(torch.zeros(1000, dtype=torch.long), chance())
    assert left.any(-1).all()
    assert float((left.sum(-1) == 1).float().mean()) == pytest.approx(0.5, abs=0.05)  # both stay where both fell


def test_an_event_is_foretold_from_others_and_never_from_itself() -> None:
    items = torch.tensor([[0, 5, 7, 5]])
    real = torch.tensor([[False, True, True, True]])
    assert _context(items, real, "others")[0].int().tolist()[1:] == [[0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert _context(items, real, "past")[0].int().tolist() == [[0] * 4, [0] * 4, [0, 1, 0, 0], [0, 1, 1, 0]]
    for seed in range(20):
        asked, context = _asked(items, real, "past", 0.5, chance(seed))
        assert 1 <= int(asked.sum()) <= 2
        assert not (context & asked.unsqueeze(1)).any()
        assert not asked[0, 0]


# People as Features


@pytest.mark.parametrize("name", ["two_tower", "multi_input", "mmt", "mmfn", "means"])
def test_people_are_features_by_each_modality_and_fused(name: str) -> None:
    train = worlds.two_senses().train
    mute = np.zeros(len(train.items), dtype=bool)
    mute[train.histories.items[:3]] = True  # the first person's items have no picture
    train = type(train)(
        train.users, train.items, train.histories, train.table.without({"image.pixels": mute}), train.cold, train.now
    )
    source = SenseMeans.of(train) if name == "means" else fitted(name, train, epochs=20)
    assert isinstance(source, Represents)
    table = people(source, train.users, train.queries(), train.table)
    assert list(table) == ["user.text", "user.image", "user.fused"]
    assert not table["user.image"].present[0]
    assert table["user.text"].present.all()
    assert table["user.fused"].present.all()
    assert not people(source, train.users.take([0]), Queries.of([[]]), train.table).features
    kind = np.repeat(np.arange(16), 4)  # whose words a person likes is kind // 4, whose pictures kind % 4
    for sense, truth in (("user.text", kind // 4), ("user.image", kind % 4)):
        unit = table[sense].unit(table[sense].mean())[1:]
        alike = unit @ unit.T - 9 * (kind[1:, None] == kind[1:])  # among those who do not share both
        assert (truth[1:][alike.argmax(axis=1)] == truth[1:]).mean() > 0.8


def test_the_fused_vector_of_a_model_is_the_one_that_scores() -> None:
    train = worlds.two_senses().train
    model = TwoTower(epochs=2).fit(train, rng())
    assert np.array_equal(model.represent(train.queries()), model.query_vectors(train.queries()))


def test_means_of_senses_are_what_is_written() -> None:
    train = worlds.two_senses().train
    means = SenseMeans.of(train)
    unit = train.table["text.words"].unit(train.table["text.words"].take(np.flatnonzero(train.counts() > 0)).mean())
    told = means.represent(Queries.of([[3, 8], [], [5]]), ["text.words"])
    assert told[0] == pytest.approx((unit[3] + unit[8]) / 2, abs=1e-5)
    assert told[2] == pytest.approx(unit[5], abs=1e-5)
    assert not told[1].any()
    both = means.represent(train.queries()) @ means.item_vectors().T
    assert both.shape == (64, 144)
    assert worlds.found_in(both, worlds.two_senses(), k=4) > 0.9
