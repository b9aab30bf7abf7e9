"""The one loop by which every network here learns, in the open."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gobelin.errors import UserError
from gobelin.learning import checkpoint, optimisers, schedules
from gobelin.protocols import Epoch, Journal

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Plan:
    """How to learn. rate, decay: of the optimiser; warm_up: steps; clip: the longest gradient, None for any.

    every: epochs between two questions to the judge; patience: answers in a row without a better one that end it; of a
    "plateau" schedule, half of them halve the rate.
    """

    epochs: int
    rate: float
    optimiser: optimisers.Name = "adam"
    decay: float = 0.0
    schedule: schedules.Schedule = "constant"
    warm_up: int = 0
    clip: float | None = None
    every: int = 1
    patience: int = 10


def learn(
    network: nn.Module,
    batches: Callable[[np.random.Generator], Iterable[Batch]],
    loss: Callable[[Batch, torch.Generator], Tensor],
    plan: Plan,
    rng: np.random.Generator,
    *,
    judge: Callable[[], float] | None = None,
    journal: Journal | None = None,
) -> tuple[Epoch, ...]:
    """Minimise the mean of `loss` over an epoch's batches, epoch after epoch; the epochs, as they went.

    batches: of one epoch, drawn by the generator it is handed; as many each time. loss: of a batch, with a generator
    for whatever chance it needs. judge: the higher the better; asked each `plan.every` epochs and after the last; in
    the end the network has the parameters that it liked best. journal: where a checkpoint lies and goes.

    Raises UserError where the very first epoch gives no finite loss; later it ends with what was best.
    """
    journal = journal or Journal()
    seed = int(rng.integers(2**62))
    label = f"{seed}; {plan}; {[(name, tuple(value.shape)) for name, value in network.state_dict().items()]}"
    optimiser = optimisers.make(plan.optimiser, network.parameters(), plan.rate, plan.decay)
    kept = checkpoint.restore(journal.folder, label, network, optimiser) if journal.folder else None
    epochs, best, ended = (kept.epochs, dict(kept.best), kept.ended) if kept else ((), _state(network), False)
    begun = saved = time.monotonic()
    while len(epochs) < plan.epochs and not ended:
        told = _epoch(network, optimiser, batches, loss, plan, seed, epochs)
        last = len(epochs) + 1 == plan.epochs
        if not math.isfinite(told.loss):
            if not epochs:
                raise UserError(
                    "The network's loss is not finite in its first epoch.",
                    "a learning rate that the network can follow.",
                    "lower learning_rate, or look for absurd values among the item vectors.",
                )
            ended = True
        elif judge is None:
            _copy(network, best)
        elif last or (len(epochs) + 1) % plan.every == 0:
            network.eval()
            value = judge()
            told = Epoch(told.loss, value, told.seconds)
            if value > _liked(epochs):
                _copy(network, best)
        epochs = (*epochs, told)
        ended = ended or _since(epochs) >= plan.patience or _late(begun, journal)
        now = time.monotonic()
        if journal.folder and (ended or last or now - saved >= journal.apart):
            saved = now
            checkpoint.keep(journal.folder, label, network, optimiser, checkpoint.Kept(epochs, best, ended))
        if journal.tell:
            journal.tell(len(epochs), plan.epochs)
    network.load_state_dict(best)
    network.eval()
    return epochs


def best_epoch(epochs: tuple[Epoch, ...]) -> int:
    """The number, from 1, of the epoch whose parameters were kept."""
    values = [(epoch.value, -number) for number, epoch in enumerate(epochs, 1) if epoch.value is not None]
    return -max(values)[1] if values else len(epochs)


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Callable[[np.random.Generator], Iterable[Batch]],
    loss: Callable[[Batch, torch.Generator], Tensor],
    plan: Plan,
    seed: int,
    before: tuple[Epoch, ...],
) -> Epoch:
    """One epoch of steps. Its chance hangs on the seed and its number alone."""
    begun = time.monotonic()
    number = len(before)
    order = np.random.default_rng([seed, number])
    chance = torch.Generator().manual_seed(int(order.integers(2**62)))
    given = list(batches(order))
    cooled = _cooled(before, plan) if plan.schedule == "plateau" else 1.0
    total = 0.0
    network.train()
    for place, batch in enumerate(given):
        step, steps = number * len(given) + place, plan.epochs * len(given)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * cooled * schedules.factor(plan.schedule, step, steps, plan.warm_up)
        optimiser.zero_grad(set_to_none=True)
        told = loss(batch, chance)
        total += float(told.detach())
        if not math.isfinite(total):
            break
        torch.autograd.backward(told)
        if plan.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
        optimiser.step()
    return Epoch(total / max(len(given), 1), None, time.monotonic() - begun)


def _cooled(before: tuple[Epoch, ...], plan: Plan) -> float:
    values = [epoch.value for epoch in before if epoch.value is not None]
    return schedules.COOL ** schedules.stalled(values, max(plan.patience // 2, 1))


def _liked(epochs: tuple[Epoch, ...]) -> float:
    return max((epoch.value for epoch in epochs if epoch.value is not None), default=-math.inf)


def _since(epochs: tuple[Epoch, ...]) -> int:
    """Answers of the judge after its best one."""
    values = [epoch.value for epoch in epochs if epoch.value is not None]
    return len(values) - 1 - values.index(max(values)) if values else 0


def _late(begun: float, journal: Journal) -> bool:
    return journal.seconds is not None and time.monotonic() - begun >= journal.seconds


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@torch.no_grad()
def _copy(network: nn.Module, to: dict[str, Tensor]) -> None:
    """In place: to make room anew each epoch would cost as much as a quick epoch itself."""
    for name, value in network.state_dict().items():
        to[name].copy_(value)
