"""What every fusion must keep, checked on small tables: for Gobelin's own fusions and for plugins.

    check_fusion(lambda: parts.bind("fusion", "pca", {}))

Each check raises AssertionError with a sentence that says what broke. `CHECKS` names them, to be parametrised over.
A fusion that needs something a table lacks (a target, a second sense) may refuse it with a UserError; nothing else.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gobelin import parts, store
from gobelin.arrays import Array, Bool
from gobelin.errors import UserError
from gobelin.protocols import Fusion
from gobelin.values import Features, FeatureTable, Target, Vocabulary

Make = Callable[[], Fusion]

BRIEF = 2  # epochs that a trained fusion is given
ROWS, LEARN = 60, 45


def check_fusion(make: Make) -> None:
    """All checks. make: a fresh fusion with the settings to check."""
    for check in CHECKS.values():
        check(make)


def check_fused(make: Make) -> None:
    """Dense, finite float32 of one dimension, named "fused", present where any sense is, zero elsewhere."""
    table = _table()
    one = _fit(make, table).fuse(table)
    _whole(one, table)
    everything = np.all([sense.present for sense in table.features.values()], axis=0)
    assert one.values[everything].any(axis=1).all(), "a row that has every sense is all zero"
    assert len(np.unique(one.values[one.present].round(5), axis=0)) > ROWS // 2, "rows that differ are fused alike"


def check_targets(make: Make) -> None:
    """A class, labels, numbers or no target: learned from, or refused."""
    table = _table()
    for target in (_target("class"), _target("labels"), _target("numbers"), None):
        fusion = _fit_or_refuse(make, table, target)
        if fusion is not None:
            _whole(fusion.fuse(table), table)


def check_learn(make: Make) -> None:
    """Neither content nor target of a row that may not be learned from is read by a fit."""
    table, target = _table(), _target("class")
    rest = ~_learn()
    other = _table(seed=1)
    changed = FeatureTable(table.ids, {n: _mixed(one, other[n], rest) for n, one in table.features.items()})
    turned = target.values.copy()
    turned[rest] = np.roll(turned[rest], 1, axis=1)
    honest = _fit(make, table, target).fuse(table)
    blind = _fit(make, changed, replace(target, values=turned)).fuse(table)
    _same(blind, honest, "rows that may not be learned from change what is learned")


def check_known(make: Make) -> None:
    """A target is not read where it is not known."""
    table, target = _table(), _target("numbers")
    hole = np.arange(ROWS) % 4 == 1
    poisoned = target.values.copy()
    poisoned[hole] = np.nan
    zeroed = target.values.copy()
    zeroed[hole] = 0
    told = [_fit(make, table, replace(target, values=v, known=~hole)).fuse(table) for v in (poisoned, zeroed)]
    _same(told[0], told[1], "a target that is not known is read")


def check_missing(make: Make) -> None:
    """Absent rows are never read, neither in a fit nor after it: NaN there changes nothing."""
    table = _table()
    poisoned = FeatureTable(table.ids, {name: _poisoned(one) for name, one in table.features.items()})
    clean, dirty = _fit(make, table), _fit(make, poisoned)
    _same(dirty.fuse(poisoned), clean.fuse(table), "what stands in absent rows is read")


def check_added(make: Make) -> None:
    """Items added later are fused by what they say alone: in any company, a row by itself too."""
    table = _table()
    fusion = _fit(make, table)
    whole = fusion.fuse(table)
    rows = np.array([57, 3, 50], dtype=np.int64)
    _near(fusion.fuse(table.take(rows)).values, whole.values[rows], "a row is fused otherwise beside other rows")
    alone = fusion.fuse(table.take(rows[:1]))
    _near(alone.values, whole.values[rows[:1]], "a row alone is fused otherwise than beside others")
    nobody = fusion.fuse(table.take(np.zeros(0, dtype=np.int64)))
    assert nobody.values.shape == (0, whole.dim), f"of no row the fused values are {nobody.values.shape}"
    other = _table(seed=2)
    ids = Vocabulary(f"new {i}" for i in range(ROWS))
    added = FeatureTable(ids, {name: replace(one, ids=ids) for name, one in other.features.items()})
    new = fusion.fuse(added)
    assert new.ids == ids and new.dim == whole.dim, "items added later have other names or dimensions"
    _whole(new, added)


def check_one_sense(make: Make) -> None:
    """One sense alone is fused; a fit of several fuses a table that has one."""
    table = _table()
    for name in table:
        one = table.only(name)
        fusion = _fit_or_refuse(make, one, _target("class"))
        if fusion is not None:
            _whole(fusion.fuse(one), one)
    several = _fit(make, table)
    for name in table:
        _whole(several.fuse(table.only(name)), table.only(name))


def check_absent_sense(make: Make) -> None:
    """A sense that the table lacks is one that no row has; a sense of which the fit knew nothing is passed over."""
    table = _table()
    fusion = _fit(make, table)
    nowhere = np.ones(ROWS, dtype=bool)
    _same(
        fusion.fuse(table.only("text.words", "attributes")),
        fusion.fuse(table.without({"image.pixels": nowhere})),
        "a sense that is not in the table is not taken as absent everywhere",
    )
    strange = _sense("audio.tone", np.random.default_rng(3).normal(size=(ROWS, 5)), table.ids, nowhere)
    more = FeatureTable(table.ids, {**table.features, "audio.tone": strange})
    _same(fusion.fuse(more), fusion.fuse(table), "a sense that the fit did not have changes the fused rows")
    silent = fusion.fuse(table.without(dict.fromkeys(table, nowhere)))
    assert not silent.present.any() and not silent.values.any(), "rows without any sense are present, or not zero"


def check_never_seen(make: Make) -> None:
    """A sense that no learning row has is passed over or refused; with no sense at all, it is refused."""
    table = _table()
    fusion = _fit_or_refuse(make, table.without({"image.pixels": _learn()}), _target("class"))
    if fusion is not None:
        assert np.isfinite(fusion.fuse(table).values).all(), "a sense that no learning row has makes what is not finite"
    for nothing in (FeatureTable(table.ids, {}), table.without(dict.fromkeys(table, np.ones(ROWS, dtype=bool)))):
        assert _fit_or_refuse(make, nothing, _target("class")) is None, "a fusion of no sense is fitted"


def check_constant(make: Make) -> None:
    """A sense that says the same of every row harms nothing."""
    table = _table()
    same = _sense("image.pixels", np.full((ROWS, 8), 0.1), table.ids, table["image.pixels"].present)
    dull = FeatureTable(table.ids, {**table.features, "image.pixels": same})
    fusion = _fit_or_refuse(make, dull, _target("class"))
    if fusion is not None:
        assert np.isfinite(fusion.fuse(dull).values).all(), "a constant sense makes values that are not finite"


def check_order(make: Make) -> None:
    """The order in which the senses stand in the table changes nothing, in the fit or after it."""
    table = _table()
    back = FeatureTable(table.ids, {name: table[name] for name in reversed(list(table))})
    fusion = _fit(make, table)
    whole = fusion.fuse(table)
    _same(fusion.fuse(back), whole, "the order of the senses changes what is fused")
    _same(_fit(make, back).fuse(table), whole, "the order of the senses changes what is learned")


def check_seed(make: Make) -> None:
    """The same seed gives the same vectors; a fusion fitted again forgets what it was fitted on before."""
    table = _table()
    first = _fit(make, table).fuse(table)
    _same(_fit(make, table).fuse(table), first, "two fits with one seed differ")
    again = _brief(_fit(make, _table(seed=4))).fit(table, _learn(), _target("class"), np.random.default_rng(0))
    _same(again.fuse(table), first, "an earlier fit leaves traces in a later one")


def check_state(make: Make) -> None:
    """What the store writes and reads back fuses the same, bit for bit, and says the same settings."""
    table = _table()
    fusion = _fit(make, table)
    with tempfile.TemporaryDirectory() as folder:
        store.save_state(Path(folder) / "fusion", fusion.state())
        back = type(fusion).from_state(store.load_state(Path(folder) / "fusion"))
    _same(back.fuse(table), fusion.fuse(table), "a fusion read back from its state fuses otherwise")
    said, meant = parts.settings_of(back), parts.settings_of(fusion)
    assert said == meant, f"settings read back are {said}, not {meant}"


def check_settings(make: Make) -> None:
    """Every setting can be stated and bound again; every value of a grid is allowed, the default among them."""
    fusion = make()
    cls, stated = type(fusion), parts.settings_of(fusion)
    again = parts.make(cls, stated, where="the fusion")
    assert parts.settings_of(again) == stated, f"{stated} bound again is {parts.settings_of(again)}"
    assert (cls.__doc__ or "").strip(), "the class has no docstring: its first line is its line in lists"
    default = parts.settings_of(cls())
    for knob in parts.knobs(cls, ["text.words"]):
        for value in knob.values:
            parts.make(cls, {knob.setting: value if knob.sense is None else {knob.sense: value}}, where="the fusion")
        if knob.sense is None:
            at = default[knob.setting]
            assert at in knob.values, f"the default of {knob.name}, {at}, is not on its grid {knob.values}"


def check_untouched(make: Make) -> None:
    """Neither a fit nor a fusing writes into what it was given; what is handed out is the caller's own."""
    table, target, learn = _table(), _target("class"), _learn()
    given = [*(_numbers(one) for one in table.features.values()), target.values, target.known, learn]
    before = [array.copy() for array in given]
    fusion = _brief(make()).fit(table, learn, target, np.random.default_rng(0))
    first = fusion.fuse(table)
    for kept, now in zip(before, given, strict=True):
        assert np.array_equal(kept, now), "the table, the target or the marks were written into"
    copy = replace(first, values=first.values.copy())
    first.values[:] = 0
    _same(fusion.fuse(table), copy, "fused rows are handed out without a copy")


CHECKS: Mapping[str, Callable[[Make], None]] = {
    "fused": check_fused,
    "targets": check_targets,
    "learn": check_learn,
    "known": check_known,
    "missing": check_missing,
    "added": check_added,
    "one sense": check_one_sense,
    "absent sense": check_absent_sense,
    "never seen": check_never_seen,
    "constant": check_constant,
    "order": check_order,
    "seed": check_seed,
    "state": check_state,
    "settings": check_settings,
    "untouched": check_untouched,
}


def _learn() -> Bool[Array, " rows"]:
    """Three rows in four."""
    return np.arange(ROWS) % 4 != 3


def _kinds() -> Array:
    return np.arange(ROWS) * 7 % 3


def _table(seed: int = 0) -> FeatureTable:
    """Three senses of 60 items of three kinds, two dense and one sparse; each lacks some rows, one row lacks all."""
    rng = np.random.default_rng(seed)
    ids = Vocabulary(f"item {i}" for i in range(ROWS))
    kind = _kinds()
    words = np.eye(12)[kind] + 0.5 + rng.normal(0, 0.3, (ROWS, 12))
    pixels = np.eye(8)[kind] + rng.normal(0, 0.3, (ROWS, 8))
    marks = (rng.random((ROWS, 20)) < 0.3) * 1.0
    marks[np.arange(ROWS), kind] = 1
    lacks = np.arange(ROWS)
    return FeatureTable(
        ids,
        {
            "text.words": _sense("text.words", words, ids, lacks % 5 != 0),
            "image.pixels": _sense("image.pixels", pixels, ids, lacks % 3 != 0),
            "attributes": Features(
                "attributes", "attributes", ids, csr_array(marks.astype(np.float32)), (lacks % 4 != 0) & (lacks != 30)
            ),
        },
    )


def _sense(name: str, values: Array, ids: Vocabulary, present: Array) -> Features:
    return Features(name, name.split(".")[0], ids, values.astype(np.float32), present)


def _target(told: Any) -> Target:
    kind, known = _kinds(), np.ones(ROWS, dtype=bool)
    if told == "class":
        return Target.classes("kind", ["abc"[one] for one in kind])
    if told == "labels":
        values = np.stack([kind == 0, kind != 1], axis=1).astype(np.float32)
        return Target("marks", "labels", ("first", "not second"), values, known)
    numbers = np.stack([100.0 + 10 * kind, np.sin(np.arange(ROWS))], axis=1).astype(np.float32)
    return Target("sizes", "numbers", ("length", "sine"), numbers, known)


def _mixed(one: Features, other: Features, rows: Bool[Array, " rows"]) -> Features:
    """The first, but the second's content and marks in those rows, and NaN where it is absent there."""
    values = one.values.toarray() if one.sparse else one.values.copy()
    theirs = other.values.toarray() if other.sparse else other.values
    values[rows] = 5 * theirs[rows]
    present = np.where(rows, ~one.present, one.present)
    return replace(one, values=csr_array(values) if one.sparse else values, present=present)


def _poisoned(one: Features) -> Features:
    values = one.values.toarray() if one.sparse else one.values.copy()
    values[~one.present] = np.nan
    return replace(one, values=csr_array(values) if one.sparse else values)


def _numbers(one: Features) -> Array:
    return np.asarray(one.values.data if isinstance(one.values, csr_array) else one.values)


def _brief(fusion: Any) -> Any:
    if hasattr(fusion, "epochs"):
        fusion.epochs = min(fusion.epochs, BRIEF)
    return fusion


def _fit(make: Make, table: FeatureTable, target: Target | None = None) -> Fusion:
    fusion = _brief(make())
    assert isinstance(fusion, Fusion), f"{type(fusion).__name__} lacks fit, fuse, state or from_state"
    told = _target("class") if target is None else target
    fitted = fusion.fit(table, _learn(), told, np.random.default_rng(0))
    assert fitted is fusion, "fit returns the fusion itself"
    return fusion


def _fit_or_refuse(make: Make, table: FeatureTable, target: Target | None) -> Fusion | None:
    try:
        fitted: Fusion = _brief(make()).fit(table, _learn(), target, np.random.default_rng(0))
        return fitted
    except UserError as refusal:
        said = (refusal.given, refusal.expected, refusal.next_step)
        assert all(said), f"a refusal says what was given, what was expected and the next step, not {said}"
        return None


def _whole(one: Features, table: FeatureTable) -> None:
    assert one.name == "fused", f"the fused sense is named {one.name!r}, not 'fused'"
    assert one.ids == table.ids, "the fused rows are of other items than the table"
    assert isinstance(one.values, np.ndarray), "the fused values are not dense"
    assert one.dim >= 1 and np.isfinite(one.values).all(), "fused values are not finite, or have no dimension"
    assert np.array_equal(one.present, ~table.bare()), "a fused row is present where any sense is, and only there"
    assert not one.values[~one.present].any(), "a row without any sense is not zero"


def _same(one: Features, other: Features, said: str) -> None:
    assert np.array_equal(one.present, other.present), f"{said}: presence"
    assert one.values.shape == other.values.shape, f"{said}: {one.values.shape}, not {other.values.shape}"
    assert np.array_equal(one.values, other.values), f"{said}: by up to {np.abs(one.values - other.values).max():.3g}"


def _near(one: Array, other: Array, said: str) -> None:
    """Equal but for the rounding of matrix products, whose order hangs on the number of rows."""
    room = 1e-4 * max(float(np.abs(other).max(initial=0)), 1e-6)
    assert float(np.abs(one - other).max(initial=0)) <= room, f"{said}: by up to {np.abs(one - other).max():.3g}"
