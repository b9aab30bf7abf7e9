"""How networks learn: losses against their formulas, samplers against their laws, propagation against dense algebra,
gradients against finite differences, a training that is killed against one that is not."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gobelin.errors import UserError  # noqa: E402
from gobelin.learning import checkpoint, losses, optimisers, schedules  # noqa: E402
from gobelin.learning.items import ItemVectors  # noqa: E402
from gobelin.learning.layers import Block, Gated, Tower, dropout, linear, table  # noqa: E402
from gobelin.learning.loop import Plan, best_epoch, learn  # noqa: E402
from gobelin.learning.propagation import Propagation, normalised  # noqa: E402
from gobelin.learning.row_bpr import row_bpr  # noqa: E402
from gobelin.learning.sampling import Negatives  # noqa: E402
from gobelin.learning.senses import Sense, dense  # noqa: E402
from gobelin.learning.sequences import padded, shuffled, windows  # noqa: E402
from gobelin.models._preferring import preferring  # noqa: E402
from gobelin.protocols import Epoch, Journal  # noqa: E402
from gobelin.values import Features, FeatureTable, Histories, Vocabulary  # noqa: E402


def chance(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Losses by hand


def test_bpr_is_the_logistic_loss_of_the_gap() -> None:
    told = losses.bpr(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    assert float(told) == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2, rel=1e-6)
    several = losses.bpr(torch.tensor([1.0]), torch.tensor([[0.0, 3.0]]))
    assert float(several) == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2, rel=1e-6)


def test_sampled_softmax_takes_off_how_often_a_negative_is_drawn() -> None:
    positive, negative = torch.tensor([2.0]), torch.tensor([[1.0, 0.0]])
    plain = losses.sampled_softmax(positive, negative)
    assert float(plain) == pytest.approx(math.log(math.e**2 + math.e + 1) - 2, rel=1e-6)
    corrected = losses.sampled_softmax(
        positive, negative, torch.log(torch.tensor([0.5])), torch.log(torch.tensor([[0.25, 0.25]]))
    )
    wanted = math.log(math.e**2 / 0.5 + math.e / 0.25 + 1 / 0.25) - math.log(math.e**2 / 0.5)
    assert float(corrected) == pytest.approx(wanted, rel=1e-6)


def test_sampled_softmax_over_everything_is_the_softmax() -> None:
    scores = torch.randn(5, 7, generator=chance())
    target = torch.tensor([0, 3, 6, 2, 2])
    rest = torch.stack([row[torch.arange(7) != t] for row, t in zip(scores, target, strict=True)])
    own = scores.gather(1, target[:, None])[:, 0]
    assert float(losses.sampled_softmax(own, rest)) == pytest.approx(float(losses.softmax(scores, target)), rel=1e-6)


def test_gbce_without_calibration_is_binary_cross_entropy() -> None:
    positive, negative = torch.tensor([0.5]), torch.tensor([[0.2, -1.0]])
    plain = -sum(math.log(1 / (1 + math.exp(-x))) for x in (0.5, -0.2, 1.0))
    assert float(losses.gbce(positive, negative, 11, 0.0)) == pytest.approx(plain, rel=1e-6)
    # t = 1: the positive's probability to the power of the share that was drawn, 2 of 10
    raised = -0.2 * math.log(1 / (1 + math.exp(-0.5))) - sum(math.log(1 / (1 + math.exp(-x))) for x in (-0.2, 1.0))
    assert float(losses.gbce(positive, negative, 11, 1.0)) == pytest.approx(raised, rel=1e-6)


def test_bpr_max_weighs_negatives_by_their_softmax() -> None:
    positive, negative = torch.tensor([2.0]), torch.tensor([[1.0, 0.0, -1e4]])  # the last does not count
    weight = math.e / (math.e + 1)
    ahead = weight / (1 + math.exp(-1)) + (1 - weight) / (1 + math.exp(-2))
    assert float(losses.bpr_max(positive, negative)) == pytest.approx(-math.log(ahead), rel=1e-6)
    assert float(losses.bpr_max(positive, negative, 0.5)) == pytest.approx(0.5 * weight - math.log(ahead), rel=1e-6)


def test_info_nce_of_equal_sides_is_small_and_of_shuffled_ones_large() -> None:
    sides = torch.randn(16, 32, generator=chance())
    assert float(losses.info_nce(sides, 3 * sides, 0.05)) < 0.01
    assert float(losses.info_nce(sides, sides.roll(1, 0), 0.05)) > 5


def test_multinomial_and_divergence_by_hand() -> None:
    told = losses.multinomial(torch.zeros(1, 4), torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    assert float(told) == pytest.approx(2 * math.log(4), rel=1e-6)
    assert float(losses.normal_divergence(torch.zeros(3, 2), torch.zeros(3, 2))) == 0
    assert float(losses.normal_divergence(torch.tensor([[1.0]]), torch.tensor([[0.0]]))) == pytest.approx(0.5)


def test_ordinal_probabilities_sum_to_one() -> None:
    cuts, score = torch.tensor([-1.0, 0.5, 2.0]), torch.tensor([0.3])
    each = [math.exp(-float(losses.ordinal(score, cuts, torch.tensor([level])))) for level in range(4)]
    assert sum(each) == pytest.approx(1, rel=1e-5)
    assert each[0] == pytest.approx(1 / (1 + math.exp(1.3)), rel=1e-5)


# Gradients against finite differences, in float64


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.bpr(x[:, 0], x[:, 1:]),
        lambda x: losses.sampled_softmax(x[:, 0], x[:, 1:]),
        lambda x: losses.gbce(x[:, 0], x[:, 1:], 20, 0.75),
        lambda x: losses.bpr_max(x[:, 0], x[:, 1:], 0.3),
        lambda x: losses.info_nce(x, x.flip(1), 0.5),
        lambda x: losses.multinomial(x, torch.arange(12.0, dtype=x.dtype).view(3, 4)),
        lambda x: losses.normal_divergence(x[:, :2], x[:, 2:]),
        lambda x: losses.ordinal(x[:, 0], torch.tensor([-1.0, 1.0], dtype=x.dtype), torch.tensor([0, 1, 2])),
    ],
)
def test_gradients_are_those_of_finite_differences(loss) -> None:
    x = torch.randn(3, 4, generator=chance(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (x,), atol=1e-6, rtol=1e-4)


def test_layers_have_the_gradients_of_finite_differences() -> None:
    block = Block(4, 2, 0.0, chance()).double()
    x = torch.randn(2, 3, 4, generator=chance(1), dtype=torch.float64, requires_grad=True)
    allowed = torch.ones(3, 3, dtype=torch.bool).tril().unsqueeze(0)
    assert torch.autograd.gradcheck(lambda x: block(x, allowed), (x,), atol=1e-6, rtol=1e-4)
    gated = Gated(4, 2, 0.0, chance()).double()
    assert torch.autograd.gradcheck(lambda x: gated(x, allowed), (x,), atol=1e-6, rtol=1e-4)
    tower = Tower((4, 5, 2), 0.0, chance()).double()
    assert torch.autograd.gradcheck(tower, (x,), atol=1e-6, rtol=1e-4)


def test_heads_that_do_not_divide_a_vector_are_told() -> None:
    with pytest.raises(UserError, match=r"3 heads and vectors of 64.*(?s:.)*set heads to 1, or factors to 66"):
        Block(64, 3, 0.0, torch.Generator())


def test_attention_looks_only_where_it_may() -> None:
    block = Block(8, 2, 0.0, chance())
    x = torch.randn(1, 5, 8, generator=chance(1))
    allowed = torch.ones(5, 5, dtype=torch.bool).tril().unsqueeze(0)
    later = x.clone()
    later[:, 3:] = 7
    assert torch.allclose(block(x, allowed)[:, :3], block(later, allowed)[:, :3], atol=1e-6)
    assert not torch.allclose(block(x, allowed)[:, 3:], block(later, allowed)[:, 3:], atol=1e-2)


def test_shut_gates_leave_a_layer_out_and_open_ones_let_it_through() -> None:
    layer = Gated(8, 2, 0.0, chance())
    x = torch.randn(1, 5, 8, generator=chance(1))
    allowed = torch.ones(1, 5, 5, dtype=torch.bool)
    with torch.no_grad():
        for gate in layer.gates:
            gate.weight.zero_()
            gate.bias.fill_(-50)
        assert torch.allclose(layer(x, allowed), x, atol=1e-6)
        for gate in layer.gates:
            gate.bias.fill_(50)
        y = x + layer.attention(layer.first(x), allowed)
        up, beside = layer.into(layer.second(y)), layer.beside(layer.second(y))
        assert torch.allclose(layer(x, allowed), y + layer.out(up * torch.sigmoid(up) * beside), atol=1e-5)


# Propagation against dense algebra


def sparse(rows: int, columns: int, seed: int = 0) -> csr_array:
    drawn = rng(seed)
    held = np.where(drawn.random((rows, columns)) < 0.3, drawn.random((rows, columns)), 0)
    return csr_array(held.astype(np.float32))


def test_propagation_is_the_dense_product_there_and_back() -> None:
    matrix = sparse(7, 5)
    dense_one = torch.from_numpy(matrix.toarray())
    x = torch.randn(5, 3, generator=chance(), requires_grad=True)
    wanted = dense_one @ x
    told = Propagation(matrix)(x)
    assert torch.allclose(told, wanted, atol=1e-6)
    weight = torch.randn(7, 3, generator=chance(1))
    (mine,) = torch.autograd.grad((told * weight).sum(), x)
    (theirs,) = torch.autograd.grad((wanted * weight).sum(), x)
    assert torch.allclose(mine, theirs, atol=1e-6)
    y = torch.randn(7, 2, generator=chance(2))
    assert torch.allclose(Propagation(matrix).back(y), dense_one.T @ y, atol=1e-6)


def test_the_normalised_log_has_the_degrees_under_roots() -> None:
    log = csr_array(np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32))
    wanted = [[1 / math.sqrt(2), 1 / math.sqrt(2 * 2), 0], [0, 1 / math.sqrt(2), 0], [0, 0, 0]]
    assert np.allclose(normalised(log).toarray(), wanted)


# Chance


def test_dropout_keeps_the_mean_and_nothing_without_chance() -> None:
    x = torch.ones(20_000)
    dropped = dropout(x, 0.25, chance())
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropout(x, 0.25, None) is x


def test_negatives_are_never_taken_and_follow_their_law() -> None:
    log = csr_array(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0]], dtype=np.float32))
    drawn = Negatives(log).draw(np.array([0, 1, 2]), 3000, rng())
    assert set(drawn[0].tolist()) == {2, 3}
    assert set(drawn[1].tolist()) == {1, 2, 3}
    by_count = Negatives(log, "popularity", power=1.0)
    assert np.allclose(by_count.chances, np.array([3, 1, 1, 0.5]) / 5.5)
    often = np.bincount(by_count.draw(np.array([1]), 9000, rng())[0], minlength=4) / 9000
    assert np.allclose(often, np.array([0, 1, 1, 0.5]) / 2.5, atol=0.02)
    barred = Negatives(log, barred=np.array([False, False, True, False]))
    assert set(barred.draw(np.array([1]), 500, rng())[0].tolist()) == {1, 3}


def test_someone_who_took_everything_is_answered_all_the_same() -> None:
    assert Negatives(csr_array(np.ones((1, 3), dtype=np.float32))).draw(np.array([0]), 4, rng()).shape == (1, 4)


def test_schedules_rise_and_fall() -> None:
    rates = [schedules.factor("cosine", step, 12, 2) for step in range(12)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert rates[-1] < 0.05
    assert schedules.factor("warm-up", 9, 12, 2) == 1
    assert schedules.stalled([1, 2, 1, 1, 1, 1], 2) == 2
    assert schedules.stalled([1, 2, 3], 1) == 0


# The loop


def line(seed: int = 0) -> tuple[nn.Module, "torch.Tensor", "torch.Tensor"]:
    x = torch.randn(64, 3, generator=chance(seed))
    network = linear(3, 1, chance())
    with torch.no_grad():
        network.weight.fill_(0)
        network.bias.fill_(0)
    return network, x, (x @ torch.tensor([1.0, -2.0, 0.5]) + 3).unsqueeze(-1)


def fit_line(plan: Plan, **more):
    network, x, y = line()

    def batches(order: np.random.Generator):
        rows = torch.from_numpy(order.permutation(64))
        return [rows[start : start + 16] for start in range(0, 64, 16)]

    def loss(rows, generator):
        return losses.squared(network(dropout(x[rows], 0.1 if more.get("noisy") else 0, generator)), y[rows])

    told = {name: value for name, value in more.items() if name != "noisy"}
    if "judge" in told:
        judge = told["judge"]
        told["judge"] = lambda: judge(network)
    return network, learn(network, batches, loss, plan, rng(), **told)


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
def test_a_line_is_learned(optimiser: optimisers.Name) -> None:
    network, epochs = fit_line(Plan(150, 0.05, optimiser))
    assert epochs[-1].loss < 1e-3 < epochs[0].loss
    assert torch.allclose(network.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=0.03)


def test_the_best_epoch_is_kept_and_patience_ends_it() -> None:
    answers = iter([0.1, 0.5, 0.3, 0.2, 0.1, 0.9])
    seen: list[torch.Tensor] = []

    def judge(network) -> float:
        seen.append(network.weight.detach().clone())
        return next(answers)

    network, epochs = fit_line(Plan(50, 0.01, patience=3), judge=judge)
    assert [epoch.value for epoch in epochs] == [0.1, 0.5, 0.3, 0.2, 0.1]
    assert best_epoch(epochs) == 2
    assert torch.equal(network.weight, seen[1])


def test_no_global_chance_is_touched() -> None:
    before = torch.random.get_rng_state()
    fit_line(Plan(3, 0.01), noisy=True)
    table(3, 4, 1.0, chance())
    assert torch.equal(before, torch.random.get_rng_state())


class Killed(BaseException):
    pass


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path, optimiser: optimisers.Name) -> None:
    plan = Plan(9, 0.05, optimiser, schedule="cosine", warm_up=3)
    whole, told = fit_line(plan, noisy=True, judge=lambda network: -float(network.bias.detach()))

    def dies(epoch: int, epochs: int) -> None:
        if epoch == 4:
            raise Killed

    with pytest.raises(Killed):
        fit_line(
            plan, noisy=True, judge=lambda network: -float(network.bias.detach()),
            journal=Journal(tmp_path, apart=0, tell=dies),
        )  # fmt: skip
    began = []
    again, after = fit_line(
        plan, noisy=True, judge=lambda network: -float(network.bias.detach()),
        journal=Journal(tmp_path, apart=0, tell=lambda epoch, epochs: began.append(epoch)),
    )  # fmt: skip
    assert began[0] == 5
    assert [epoch.loss for epoch in after] == [epoch.loss for epoch in told]
    assert torch.equal(again.weight, whole.weight)
    assert torch.equal(again.bias, whole.bias)


def test_a_checkpoint_of_something_else_or_a_broken_one_is_as_good_as_none(tmp_path: Path) -> None:
    network, _, _ = line()
    optimiser = optimisers.make("adam", network.parameters(), 0.1, 0)
    checkpoint.keep(tmp_path, "a", network, optimiser, checkpoint.Kept((Epoch(1.0, None, 0.1),), {}, False))
    assert checkpoint.restore(tmp_path, "b", network, optimiser) is None
    found = checkpoint.restore(tmp_path, "a", network, optimiser)
    assert found is not None
    assert found.epochs == (Epoch(1.0, None, 0.1),)
    (tmp_path / checkpoint.FILE).write_bytes(b"\x10\0\0\0\0\0\0\0{")
    assert checkpoint.restore(tmp_path, "a", network, optimiser) is None


def test_a_rate_that_no_network_can_follow_is_one_clear_error() -> None:
    with pytest.raises(UserError, match="not finite"):
        fit_line(Plan(5, 1e25, "sgd"))


def test_seconds_end_a_training() -> None:
    _, epochs = fit_line(Plan(10_000, 0.01), journal=Journal(seconds=0.0))
    assert len(epochs) == 1


# What networks read


def test_senses_are_dense_unit_rows_and_what_is_absent_is_zero() -> None:
    items = Vocabulary(f"i{i}" for i in range(40))
    values = rng().normal(size=(40, 6)).astype(np.float32)
    values[3] = np.nan
    present = np.arange(40) != 3
    wide = csr_array(np.abs(rng(1).normal(size=(40, 500))).astype(np.float32))
    made = FeatureTable(
        items, {"a": Features("a", "text", items, values, present), "b": Features("b", "image", items, wide, present)}
    )
    told = dense(made, np.arange(40) < 30, rng())
    assert told["a"].values.shape == (40, 6)
    assert told["b"].values.shape == (40, 28)
    for sense in told.values():
        assert np.isfinite(sense.values).all()
        assert not sense.values[3].any()
        lengths = np.linalg.norm(sense.values[sense.present], axis=1)
        assert np.allclose(lengths, np.sqrt(sense.values.shape[1]), rtol=1e-4)


def test_an_item_without_events_speaks_by_its_senses_alone() -> None:
    known = np.array([True, True, False])
    sense = Sense(np.eye(3, dtype=np.float32), np.array([True, False, True]))
    both = ItemVectors(known, {"a": sense}, 4, chance())
    vectors = both()
    assert torch.equal(vectors[1], both.own[1])
    assert torch.allclose(vectors[2], both.maps[0](torch.eye(3))[2] / 4**0.5)
    assert not ItemVectors(known, {"a": sense}, 4, chance(), of="ids")()[2].any()


def test_histories_are_padded_on_the_left_with_the_latest_last() -> None:
    made = padded(Histories.of([[4, 2], [], [1, 3, 0, 2]]), 3)
    assert made.items.tolist() == [[0, 4, 2], [0, 0, 0], [3, 0, 2]]
    assert made.real.tolist() == [[False, True, True], [False] * 3, [True] * 3]
    batches = list(shuffled(made, 1, rng()))
    assert sorted(batch.items.shape for batch in batches) == [(1, 2), (1, 3)]


def test_windows_cut_a_long_history_from_its_end_and_leave_nothing_out() -> None:
    histories = Histories.of([[0, 1, 2, 3, 4, 5, 6], [], [7, 8], [9, 10, 11, 12, 13]])
    plain = windows(histories, 3)
    assert [row[told].tolist() for row, told in zip(plain.items, plain.real, strict=True)] == [
        [0], [1, 2, 3], [4, 5, 6], [], [7, 8], [9, 10], [11, 12, 13],
    ]  # fmt: skip
    lapped = windows(histories, 3, shared=1)
    assert [row[told].tolist() for row, told in zip(lapped.items, lapped.real, strict=True)] == [
        [0, 1, 2], [2, 3, 4], [4, 5, 6], [], [7, 8], [9, 10, 11], [11, 12, 13],
    ]  # fmt: skip
    assert windows(histories, 9).items.tolist() == padded(histories, 9).items.tolist()


@pytest.mark.parametrize("length", [1, 2, 5, 30])
def test_each_event_but_a_first_one_is_once_the_next_of_another(length: int) -> None:
    drawn = rng(3)
    histories = [drawn.integers(0, 50, size).tolist() for size in (0, 1, 2, 3, 7, 31, 64, 65)]
    given = windows(Histories.of(histories), length + 1, shared=1)
    follows = given.real[:, :-1] & given.real[:, 1:]
    pairs = zip(given.items[:, :-1][follows].tolist(), given.items[:, 1:][follows].tolist(), strict=True)
    assert sorted(pairs) == sorted(pair for history in histories for pair in pairwise(history))


# A history becomes a vector


def test_the_preferred_vector_is_where_the_loss_is_flat() -> None:
    drawn = rng()
    items = drawn.normal(size=(30, 4)).astype(np.float32)
    loud = drawn.normal(size=30).astype(np.float32) / 5
    log = csr_array(np.where(drawn.random((6, 30)) < 0.2, 1, 0).astype(np.float32))
    others = np.arange(30)
    found = preferring(log, items, loud, others, 0.5)
    for row in range(6):
        taken = log.indices[log.indptr[row] : log.indptr[row + 1]]
        z = torch.from_numpy(found[row]).double().requires_grad_()
        scores = torch.from_numpy(items).double() @ z + torch.from_numpy(loud).double()
        if not len(taken):
            assert not found[row].any()
            continue
        value = losses.bpr(scores[taken], scores.unsqueeze(0).expand(len(taken), -1)) + 0.25 * (z**2).sum()
        (slope,) = torch.autograd.grad(value, z)
        assert float(slope.abs().max()) < 2e-3


# BPR by rows


def test_triples_are_bpr_and_the_weight_of_their_rows_and_so_are_their_gradients() -> None:
    drawn = chance()
    tables = [torch.randn(shape, generator=drawn, dtype=torch.float64) for shape in ((4, 3), (5, 3), (5,))]
    people, items, loud = (one.requires_grad_() for one in tables)
    users, taken, others = torch.tensor([0, 2, 2, 3]), torch.tensor([1, 1, 4, 0]), torch.tensor([0, 2, 1, 1])
    told = row_bpr(people, items, loud, (users, taken, others), 0.3)
    z, near, far = people[users], items[taken], items[others]
    plain = losses.bpr((z * near).sum(-1) + loud[taken], (z * far).sum(-1) + loud[others])
    plain = plain + 0.15 * ((z**2).sum() + (near**2).sum() + (far**2).sum()) / 4
    assert float(told.detach()) == pytest.approx(float(plain.detach()), rel=1e-12)
    mine, theirs = (torch.autograd.grad(one, (people, items, loud)) for one in (told, plain))
    for one, other in zip(mine, theirs, strict=True):
        assert one.is_sparse
        assert torch.allclose(one.to_dense(), other, atol=1e-12)


def test_adagrad_by_rows_moves_each_row_by_its_own_memory_and_no_other_row() -> None:
    rows = nn.Parameter(torch.zeros(3, 2))
    optimiser = optimisers.make("rows", [rows], 0.1, 0.0)
    rows.grad = torch.sparse_coo_tensor(
        [[0, 2, 2]], [[3.0, 4.0], [1.0, 1.0], [1.0, 3.0]], (3, 2), check_invariants=True
    )
    optimiser.step()
    first, third = 0.1 / 12.5**0.5, 0.1 / 6**0.5  # mean squares: 25/2; 1 and 5 of the row that is named twice
    wanted = torch.tensor([[-3 * first, -4 * first], [0.0, 0.0], [-2 * third, -4 * third]])
    assert torch.allclose(rows.detach(), wanted, atol=1e-6)
    before = rows.detach().clone()
    rows.grad = torch.sparse_coo_tensor([[0]], [[1.0, 0.0]], (3, 2), check_invariants=True)
    optimiser.step()
    assert float(rows.detach()[0, 0]) == pytest.approx(-3 * first - 0.1 / 13**0.5, rel=1e-5)
    assert torch.equal(rows.detach()[1:], before[1:])


def test_adagrad_by_rows_takes_no_decay() -> None:
    with pytest.raises(ValueError, match="decay"):
        optimisers.make("rows", [nn.Parameter(torch.zeros(1, 1))], 0.1, 0.01)
