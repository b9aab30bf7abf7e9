"""What is trained walks down the slope that it says, and what is solved stands where the slope is nothing.

The loss of every model that learns is caught as its loop gets it, in a float64 copy of its network, and its gradient
is held against central differences along random directions. Beside it: optima that no other test holds.
"""

import importlib
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gobelin import parts  # noqa: E402
from gobelin.learning import losses, propagation  # noqa: E402
from gobelin.learning.gates import Gates  # noqa: E402
from gobelin.learning.pooling import Pooling  # noqa: E402
from gobelin.learning.recurrent import Recurrent, Windows  # noqa: E402
from gobelin.models import _transfer  # noqa: E402
from gobelin.models._kernel import kernel  # noqa: E402
from gobelin.models._near import blended  # noqa: E402
from gobelin.models._rated import ratings_of  # noqa: E402
from gobelin.models.als import Als  # noqa: E402
from gobelin.models.biased_mf import BiasedMf  # noqa: E402
from gobelin.models.ease import Ease  # noqa: E402
from gobelin.models.freedom import _Network as Freedom  # noqa: E402
from gobelin.testing import worlds  # noqa: E402

LOOPS = ("bpr_mf", "vbpr", "feature_mf", "multi_vae", "_graph", "_sequential", "_tokens")  # modules that call `learn`
TOLERANCE = 1e-5  # relative, of a directional derivative in float64 with steps of 1e-6
LEARNED = [part.name for part in parts.named("models") if hasattr(part.load(), "curve")]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def chance(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


class Caught(BaseException):
    """Ends a fit where its training would begin."""


def caught(name: str, monkeypatch: pytest.MonkeyPatch, **said: Any) -> tuple[nn.Module, Any]:
    """The network of a model, in float64, and its loss of one batch, chance held."""
    held: dict[str, Any] = {}

    def learn(network: nn.Module, batches: Any, loss: Any, *_: Any, **__: Any) -> None:
        held.update(network=network, batches=batches, loss=loss)
        raise Caught

    for module in LOOPS:
        monkeypatch.setattr(importlib.import_module(f"gobelin.models.{module}"), "learn", learn)
    single = propagation._tensor
    monkeypatch.setattr(propagation, "_tensor", lambda matrix: single(matrix).double())
    with pytest.raises(Caught):
        parts.bind("models", name, said).fit(worlds.two_senses().train, rng())
    network = held["network"].double()
    if isinstance(getattr(network, "senses", None), list):  # kept beside the parameters, as float32
        network.senses = [(values.double(), present) for values, present in network.senses]
    batch = next(iter(held["batches"](rng())))
    return network, lambda: held["loss"](batch, chance())


@pytest.mark.parametrize("name", LEARNED)
def test_a_training_walks_down_the_gradient_of_its_own_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"anneal": 1} if name == "multi_vae" else {}  # its weight of the divergence grows with each call
    network, loss = caught(name, monkeypatch, **said)
    given = [one for one in network.parameters() if one.requires_grad]
    draw = chance(1)
    with torch.no_grad():  # away from where everything is zero, and some slopes with it
        for one in given:
            one += 0.3 * torch.randn(one.shape, generator=draw, dtype=one.dtype) / max(one.shape[-1:] or (1,)) ** 0.5
    slopes = torch.autograd.grad(loss(), given, allow_unused=True)
    assert any(slope is not None and bool(slope.abs().sum() > 0) for slope in slopes)
    for _ in range(3):
        way = [torch.randn(one.shape, generator=draw, dtype=one.dtype) for one in given]
        told = sum(float((slope * step).sum()) for slope, step in zip(slopes, way, strict=True) if slope is not None)
        ends = []
        with torch.no_grad():
            for side in (1e-6, -2e-6):
                for one, step in zip(given, way, strict=True):
                    one += side * step
                ends.append(float(loss()))
            for one, step in zip(given, way, strict=True):
                one += 1e-6 * step
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(told, rel=TOLERANCE, abs=1e-7)


# Losses and layers that tests/test_learning.py has not


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.bpr(x[:, 0], x[:, 1]),
        lambda x: losses.softmax(x, torch.tensor([0, 3, 1])),
        lambda x: losses.squared(x[:, 0], x[:, 1]),
        lambda x: losses.sampled_softmax(x[:, 0], x[:, 1:], x[:, 1].abs().log(), x[0, :3].abs().log()),
    ],
    ids=["bpr of one", "softmax", "squared", "corrected softmax"],
)
def test_gradients_are_those_of_finite_differences(loss: Any) -> None:
    x = torch.randn(3, 4, generator=chance(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (x,), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("layer", ["recurrent", "windows", "gates", "pooling"])
def test_layers_have_the_gradients_of_finite_differences(layer: str) -> None:
    x = torch.randn(2, 3, 4, generator=chance(), dtype=torch.float64, requires_grad=True)
    real = torch.tensor([[False, True, True], [True, True, True]])
    made, seen = {
        "recurrent": (Recurrent(4, 5, chance(1)), real),
        "windows": (Windows(4, 4, (1, 2), chance(1)), real),
        "gates": (Gates(4, chance(1)), real),
        "pooling": (Pooling(4, chance(1)), real.unsqueeze(1)),
    }[layer]
    assert torch.autograd.gradcheck(lambda x: made.double()(x, seen), (x,), atol=1e-6, rtol=1e-4)


def test_items_alike_are_gone_along_as_dense_algebra_does() -> None:
    train = worlds.two_senses().train
    known = train.counts() > 0
    alike = blended(train.table, {}, known, 5)
    network = Freedom(known, alike, 2, {}, 3, chance())
    s, y = alike.toarray(), network.first.detach().numpy()
    assert network.alike().detach().numpy() == pytest.approx(s @ (s @ y), abs=1e-6)


# Optima


def test_ease_stands_where_its_normal_equations_hold() -> None:
    train = worlds.two_senses().train
    x = train.matrix().toarray().astype(np.float64)
    n = x.shape[1]
    b = Ease(regularisation=7.0).fit(train, rng()).similarities(np.arange(n, dtype=np.int32)).astype(np.float64)
    slope = x.T @ (x @ b - x) + 7 * b
    np.fill_diagonal(slope, 0)  # the diagonal is held at zero
    assert not np.diag(b).any()
    assert np.abs(slope).max() < 1e-5 * np.abs(x.T @ x).max()


def test_als_settles_where_the_normal_equations_of_its_items_hold() -> None:
    train = worlds.two_senses().train
    x = train.matrix().toarray().astype(np.float64)
    model = Als(factors=6, unseen=0.3, regularisation=0.5, iterations=150).fit(train, rng())
    z, y = model.query_vectors(train.queries()).astype(np.float64), model.item_vectors().astype(np.float64)
    slope = ((0.3 + x) * (z @ y.T - x)).T @ z + 0.5 * y
    assert np.abs(slope).max() < 2e-3 * np.abs(x.T @ z).max()


def test_biased_mf_settles_where_the_slope_of_its_objective_is_nothing() -> None:
    train = worlds.rated(users=20, items=15).train
    model = BiasedMf(
        factors=3, regularisation=0.8, bias_regularisation=0.5, epochs=1000, batch=10_000, learning_rate=0.05
    )
    model.fit(train, rng())
    users, items, ratings = ratings_of(train.histories)
    p, q = (model.state()[side].astype(np.float64) for side in ("users", "items"))
    wrong = ratings - model.state()["mean"] - p[users, 0] - q[items, 0] - (p[users, 1:] * q[items, 1:]).sum(axis=1)
    for mine, other, rows, others in ((p, q, users, items), (q, p, items, users)):
        slope = np.array([0.5, 0.8, 0.8, 0.8]) * mine
        pull = wrong[:, None] * np.column_stack([np.ones(len(rows)), other[others, 1:]])
        np.add.at(slope, rows, -pull)
        assert np.abs(slope).max() < 0.03 * np.abs(pull).sum() / len(mine)


@pytest.mark.parametrize("tau", [0.0, 0.5])
def test_new_items_are_the_mixtures_that_kernel_ridge_regression_asks_for(tau: float) -> None:
    train = worlds.two_senses().train
    solved, rest = np.arange(0, 120, dtype=np.int64), np.arange(120, 144, dtype=np.int64)
    told = _transfer.Kernels(train.table, solved, rest).mixture({"text.words": 3.0, "image.pixels": 1.0}, tau, 0.7)
    every = np.ones(144, dtype=bool)
    k = np.zeros((144, 144))
    for name, share in (("text.words", 0.75), ("image.pixels", 0.25)):
        f = train.table[name].values.astype(np.float64)
        f = f - f[solved].mean(axis=0)
        f /= np.linalg.norm(f, axis=1, keepdims=True)
        k += share * kernel((f @ f.T).astype(np.float32), every, every, tau)
    left = told @ (k[:120, :120] + 0.7 * np.eye(120)) - k[120:, :120]
    assert np.abs(left).max() < 1e-4
