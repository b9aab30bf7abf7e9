"""A wish in words, a picture, a sound or attributes: vectors in the senses that read it, points in joint spaces."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Float32
from gobelin.errors import MissingExtra, UserError
from gobelin.protocols import Bridges, Content, Encoder, Joint, Learned
from gobelin.values import Block, Wish


def wish_of(
    encoders: Mapping[str, Encoder | Learned],
    *,
    text: str | None = None,
    image: Path | None = None,
    audio: Path | None = None,
    attributes: Mapping[str, str] | None = None,
    spaces: Set[str] = frozenset(),
) -> Wish:
    """The wish as every encoder that reads anything of it has it, and its points in the joint spaces.

    spaces: those that items can be found in. Where no encoder of the run brings a text, a picture or a sound into
    one of them, a part of that space with its defaults does (`sentence`, `conse` ...).
    Learned encoders must be fitted. Raises UserError where a file cannot be read, or where nothing reads the wish.
    """
    content = _content(text, image, audio, attributes)
    read = {name: encode_wish(name, encoder, content) for name, encoder in encoders.items()}
    vectors = {name: vector for name, vector in read.items() if vector is not None}
    points: dict[str, dict[str, Float32[Array, " dim"]]] = {}
    for name, vector in vectors.items():
        encoder: Any = encoders[name]
        if isinstance(encoder, Joint):
            points.setdefault(encoder.space, {}).setdefault(encoders[name].modality, vector)
    for name, vector in vectors.items():
        encoder, modality = encoders[name], encoders[name].modality
        if isinstance(encoder, Bridges) and modality not in points.get(encoder.bridges_to, {}):
            points.setdefault(encoder.bridges_to, {})[modality] = encoder.bridge(vector[None, :])[0]
    told = {name for name, given in (("text", text), ("image", image), ("audio", audio)) if given}
    for space in sorted(spaces):
        for modality in sorted(told - set(points.get(space, {}))):
            if (point := _into(space, modality, content)) is not None:
                points.setdefault(space, {})[modality] = point
    if not vectors and not any(space in spaces for space in points):
        asked = [name for name, given in zip(_ASKED, (text, image, audio, attributes), strict=True) if given]
        raise UserError(
            f"No sense of this run can read the {' or '.join(asked) or 'empty wish'}.",
            "a wish in one of the senses " + (", ".join(encoders) or "(none)") + ", in words or values they know.",
            "ask with a sense that the run has, or run again with a recipe that has one for it.",
        )
    return Wish(vectors, points)


def _into(space: str, modality: str, content: Content) -> Float32[Array, " dim"] | None:
    """By the first part of that space and modality; None where there is none, or its extra is not installed."""
    for part in parts.named("encoders"):
        kind = part.load()
        if getattr(kind, "space", None) == space and getattr(kind, "modality", None) == modality:
            try:
                return encode_wish(part.name, parts.bind("encoders", part.name, {}), content)
            except MissingExtra:
                continue
    return None


def encode_wish(name: str, encoder: Encoder | Learned, content: Content) -> Float32[Array, " dim"] | None:
    """One vector of one encoder (the mean of its pieces); None where it reads nothing of this content.

    Raises UserError where it should read a piece and cannot (a broken picture).
    """
    if isinstance(encoder, Learned):
        block = encoder.transform([content])
        return _dense(block, 0) if block.present[0] else None
    pieces = list(encoder.pieces(content))
    if not pieces:
        return None
    block = encoder.encode(pieces)
    if not block.present.any():
        reason = next((reason for reason in block.reasons if reason), "empty")
        raise UserError(
            f"{pieces[0]} cannot be used by {name!r}: {reason}.",
            _READABLE.get(encoder.modality, "content that it reads."),
            "open the file to see whether it is whole, or ask in words.",
        )
    rows = [_dense(block, row) for row in np.flatnonzero(block.present).tolist()]
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)


_ASKED = ("text", "picture", "sound", "attributes")
_READABLE = {
    "image": "a picture file (JPEG, PNG, WebP, GIF ...).",
    "audio": "a sound file (WAV, FLAC, OGG, MP3 ...).",
}


def _content(text: str | None, image: Path | None, audio: Path | None, attributes: Mapping[str, str] | None) -> Content:
    fields: dict[str, Any] = {name: (value,) for name, value in (attributes or {}).items() if value.strip()}
    if text is not None and text.strip():
        fields["title"] = (text,)
    if image is not None:
        fields["image"] = (Path(image),)
    if audio is not None:
        fields["audio"] = (Path(audio),)
    return Content("a wish", fields)


def _dense(block: Block, row: int) -> Float32[Array, " dim"]:
    values = block.values[[row]]
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float32).ravel()
