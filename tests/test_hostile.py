"""Whatever strangers send costs its item that sense, under a reason; the run ends, and no worker outlives its limit."""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="hostile clips need the extra 'media'")

from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.motion import Motion
from gobelin.encoders.spectral import Spectral
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
from gobelin.features.selection import Selection
from gobelin.protocols import Content
from hostile import KINDS, Kind

pytestmark = pytest.mark.usefixtures("own_cache")


def shop(folder: Path, sense: str) -> tuple[Selection, list[Kind]]:
    """One item for each kind of the sense, and one whose file is not there."""
    kinds = [one for one in KINDS if one.sense == sense]
    (folder / sense).mkdir()
    given = [Content(one.name, {sense: (one.write(folder / sense),)}) for one in kinds]
    return Selection((*given, Content("missing", {sense: (folder / "nowhere",)}))), kinds


def test_there_are_thirty_kinds() -> None:
    assert len(KINDS) >= 30 and len({one.name for one in KINDS}) == len(KINDS)


@pytest.mark.parametrize("sense", ["image", "audio", "video"])
def test_each_kind_costs_its_item_that_sense_and_has_its_reason(tmp_path: Path, sense: str) -> None:
    catalogue, kinds = shop(tmp_path, sense)
    encoder = {"image": Efficientnet, "audio": Spectral, "video": partial(Motion, max_frames=500)}[sense]()
    table, reports = encode_table(catalogue, {sense: encoder}, cache=Cache(tmp_path / "cache"))
    expected = {one.name: one.reason is None for one in kinds} | {"missing": False}
    assert dict(zip(catalogue.items, table[sense].present.tolist(), strict=True)) == expected
    assert np.isfinite(table[sense].values).all()
    counted = Counter(one.reason for one in kinds if one.reason) + Counter({"missing": 1})
    assert reports[sense].absent == counted
    opened = [(one, next(iter(c.fields[sense]))) for one, c in zip(kinds, catalogue.given, strict=False)]
    alone = encoder.encode([path for _, path in opened])  # the encoder itself says the same of each
    assert {one.name: why for (one, _), why in zip(opened, alone.reasons, strict=True)} == {
        one.name: one.reason for one in kinds
    }
