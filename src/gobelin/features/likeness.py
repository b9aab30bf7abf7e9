"""How near every item is to a wish: in the senses that read it, and in the joint spaces that others share with them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gobelin.arrays import Array, Bool, Float32, Int32
from gobelin.protocols import Bridges, Joint
from gobelin.values import Features, FeatureTable, Wish

_ROWS = 8192  # items at a time


@dataclass(frozen=True)
class Shared:
    """The senses of a catalogue that lie in a joint space or were led into one. spaces: of each, by sense."""

    features: Mapping[str, Features]
    spaces: Mapping[str, str]

    def centre(self, space: str, modality: str) -> Float32[Array, " dim"] | None:
        """Where the catalogue's own content of a modality lies in a space; None where there is none."""
        for sense, features in self.features.items():
            if features.modality == modality and self.spaces[sense] == space and features.present.any():
                return _mean(features)
        return None


def shared(table: FeatureTable, encoders: Mapping[str, Any]) -> Shared:
    """What of a table can be compared across senses. A bridge is not crossed where a sense of its modality is there."""
    features: dict[str, Features] = {}
    spaces: dict[str, str] = {}
    for sense in table:
        if isinstance(encoder := encoders.get(sense), Joint):
            features[sense], spaces[sense] = table[sense], encoder.space
    there = {(spaces[sense], one.modality) for sense, one in features.items()}
    for sense in table:
        encoder = encoders.get(sense)
        if isinstance(encoder, Bridges) and (encoder.bridges_to, table[sense].modality) not in there:
            features[sense], spaces[sense] = _led(table[sense], encoder), encoder.bridges_to
    return Shared(features, spaces)


@dataclass(frozen=True)
class Likeness:
    """scores: of every item; by_sense: standardised, with what each sense has to say of whom (present)."""

    scores: Float32[Array, " items"]
    by_sense: Mapping[str, tuple[Float32[Array, " items"], Bool[Array, " items"]]]


def likeness(table: FeatureTable, joint: Shared, wish: Wish) -> Likeness:
    """Cosines of features centred by the catalogue's mean, standardised over the items that have the sense, then
    averaged over the senses; an item without a sense counts as its mean there, so others may still find it.

    A sense that reads the wish itself is compared in its own space, another one in the joint space. A text is centred
    by the mean of what it is compared with; a picture or a sound by the mean of the catalogue's pictures or sounds,
    where there are any, since mixtures of class names lie elsewhere than descriptions do.
    """
    found: dict[str, tuple[Float32[Array, " items"], Bool[Array, " items"]]] = {}
    for sense in table:
        told = []
        if sense in wish.vectors:
            told.append(_cosines(table[sense], wish.vectors[sense], None))
        elif sense in joint.features:
            space = joint.spaces[sense]
            for modality, point in wish.points.get(space, {}).items():
                centre = None if modality == "text" else joint.centre(space, modality)
                told.append(_cosines(joint.features[sense], point, centre))
        if told and (present := table[sense].present).any():
            found[sense] = np.mean([_standard(cosines, present) for cosines in told], axis=0), present
    total = np.zeros(len(table.ids), dtype=np.float32)
    for scores, _ in found.values():
        total += scores / len(found)
    return Likeness(total, found)


def _cosines(
    features: Features, vector: Float32[Array, " dim"], centre: Float32[Array, " dim"] | None
) -> Float32[Array, " items"]:
    """centre: what is taken from the vector; the mean of the features where None. Sparse ones are not centred."""
    mean = None if features.sparse else _mean(features)
    if mean is not None:
        vector = vector - (mean if centre is None else centre)
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    out = np.zeros(len(features.present), dtype=np.float32)
    for rows, block in _blocks(features):
        out[rows] = block.unit(mean) @ vector
    return out


def _standard(cosines: Float32[Array, " items"], present: Bool[Array, " items"]) -> Float32[Array, " items"]:
    there = cosines[present].astype(np.float64)
    spread = float(there.std())
    out = np.zeros(len(cosines), dtype=np.float32)
    if spread > 1e-9:
        out[present] = (there - there.mean()) / spread
    return out


def _mean(features: Features) -> Float32[Array, " dim"]:
    total = np.zeros(features.dim, dtype=np.float64)
    for _, block in _blocks(features):
        total += np.asarray(block.values[block.present].sum(axis=0, dtype=np.float64)).ravel()
    return (total / max(int(features.present.sum()), 1)).astype(np.float32)


def _led(features: Features, encoder: Bridges) -> Features:
    values: Any = None
    for rows, block in _blocks(features):
        led = encoder.bridge(np.asarray(block.values[block.present], dtype=np.float32))
        if values is None:
            values = np.zeros((len(features.present), led.shape[1]), dtype=np.float32)
        values[rows[block.present]] = led
    return replace(features, values=np.zeros((0, 0), dtype=np.float32) if values is None else values)


def _blocks(features: Features) -> Iterator[tuple[Int32[Array, " rows"], Features]]:
    for start in range(0, len(features.present), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(features.present)), dtype=np.int32)
        yield rows, features.take(rows)
