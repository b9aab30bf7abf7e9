"""A wish in words, a picture or attributes as vectors: what a visitor asks for, in the senses that can read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gobelin.arrays import Array, Float32
from gobelin.errors import UserError
from gobelin.protocols import Content, Encoder, Learned
from gobelin.values import Block


def wish_vectors(
    encoders: Mapping[str, Encoder | Learned],
    *,
    text: str | None = None,
    image: Path | None = None,
    attributes: Mapping[str, str] | None = None,
) -> dict[str, Float32[Array, " dim"]]:
    """{sense: vector} for every encoder that reads anything of the wish; `values.Wish` takes it.

    Learned encoders must be fitted. Raises UserError where the picture cannot be read, or where no sense reads the
    wish at all.
    """
    content = _content(text, image, attributes)
    found = {name: vector for name, one in encoders.items() if (vector := encode_wish(name, one, content)) is not None}
    if not found:
        asked = [name for name, given in (("text", text), ("picture", image), ("attributes", attributes)) if given]
        raise UserError(
            f"No sense of this run can read the {' or '.join(asked) or 'empty wish'}.",
            "a wish in one of the senses " + (", ".join(encoders) or "(none)") + ", in words or values they know.",
            "ask with a sense that the run has, or run again with a recipe that has one for it.",
        )
    return found


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
            "a picture file (JPEG, PNG, WebP, GIF ...)" if encoder.modality == "image" else "content that it reads.",
            "open the file to see whether it is whole, or ask in words.",
        )
    rows = [_dense(block, row) for row in np.flatnonzero(block.present).tolist()]
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)


def _content(text: str | None, image: Path | None, attributes: Mapping[str, str] | None) -> Content:
    fields: dict[str, Any] = {name: (value,) for name, value in (attributes or {}).items() if value.strip()}
    if text is not None and text.strip():
        fields["title"] = (text,)
    if image is not None:
        fields["image"] = (Path(image),)
    return Content("a wish", fields)


def _dense(block: Block, row: int) -> Float32[Array, " dim"]:
    values = block.values[[row]]
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float32).ravel()
