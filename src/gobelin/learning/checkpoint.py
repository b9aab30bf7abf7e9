"""A training on disk, after any of its epochs: parameters, the optimiser's state, the best so far, how it went.

One safetensors file, whole or absent. Chance needs no state: each epoch draws from generators seeded by the training's
seed and the epoch's number, so what comes after a checkpoint is what would have come without it, bit for bit.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from gobelin.files import replace_file
from gobelin.protocols import Epoch

FILE = "training.safetensors"
_VERSION = "1"


@dataclass(frozen=True)
class Kept:
    """What a checkpoint brings back beside the tensors put in their places. best: parameters by name."""

    epochs: tuple[Epoch, ...]
    best: Mapping[str, Tensor]
    ended: bool


def keep(folder: Path, label: str, network: nn.Module, optimiser: Optimizer, kept: Kept) -> None:
    """Write the checkpoint of that folder. label: what the training is of; another one does not read it."""
    tensors = {f"network.{name}": value.detach() for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in kept.best.items()}
    for place, state in optimiser.state_dict()["state"].items():
        tensors |= {
            f"optimiser.{place}.{name}": torch.as_tensor(value) for name, value in state.items() if value is not None
        }
    told = {
        "version": _VERSION,
        "label": label,
        "ended": json.dumps(kept.ended),
        "epochs": json.dumps([asdict(epoch) for epoch in kept.epochs]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / FILE, save({name: value.contiguous() for name, value in tensors.items()}, told))


def restore(folder: Path, label: str, network: nn.Module, optimiser: Optimizer) -> Kept | None:
    """Put a checkpoint's tensors into network and optimiser; None, and nothing touched, where none of that label is.

    A file that cannot be read is as good as none: the training begins anew.
    """
    path = folder / FILE
    try:
        raw = path.read_bytes()
        told, tensors = _header(raw), load(raw)
    except (OSError, SafetensorError, ValueError):
        return None
    if told.get("version") != _VERSION or told.get("label") != label:
        return None
    network.load_state_dict(_of(tensors, "network."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _of(tensors, "optimiser.").items():
        place, what = name.split(".", 1)
        state.setdefault(int(place), {})[what] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    epochs = tuple(Epoch(**epoch) for epoch in json.loads(told["epochs"]))
    return Kept(epochs, _of(tensors, "best."), json.loads(told["ended"]))


def _of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _header(raw: bytes) -> dict[str, str]:
    """The metadata of safetensors' header, which `load` does not give."""
    length = int.from_bytes(raw[:8], "little")
    return dict(json.loads(raw[8 : 8 + length]).get("__metadata__", {}))
