"""Every fusion keeps its contract, and each check of the contract can fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin import parts
from gobelin.errors import RecipeError, UserError
from gobelin.fusion.cca import Cca
from gobelin.fusion.concatenation import Concatenation
from gobelin.fusion.pca import Pca
from gobelin.fusion.ridge_maps import RidgeMaps
from gobelin.fusion.weighting import Weighting
from gobelin.testing.fusion import CHECKS, check_fusion
from gobelin.values import Features, FeatureTable, Target, Vocabulary

FUSIONS = [part.name for part in parts.named("fusion")]
SAID = {  # settings that take another path than the defaults do
    "concatenation": [{"most": 4}],
    "weighting": [
        {"form": "exponential"},
        {"by": "given", "weights": {"text.words": 0.3, "image.pixels": 0.0}},
        {"by": "given", "form": "exponential", "weights": {"attributes": 2.0}},
    ],
    "pca": [{"dim": 3}],
    "cca": [{"beside": True}, {"dim": 2, "ridge": 10}],
    "attention": [{"layers": 0, "dim": 8}],
    "bilinear": [{"rank": 1}],
    "contrastive": [{"dim": 3}],
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_keeps_the_contract(name: str, check: str) -> None:
    CHECKS[check](lambda: parts.bind("fusion", name, {}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(name, said, marks=[pytest.mark.long] if "deep" in parts.find("fusion", name).needs else [])
        for name in SAID
        for said in SAID[name]
    ],
)
def test_other_settings_keep_the_contract_too(name: str, said: dict) -> None:
    for check in ("targets", "missing", "added", "order", "state"):
        CHECKS[check](lambda: parts.bind("fusion", name, said))


# Fusions that are wrong in one thing each: every check can fail


class Plain:
    """Right, but for what a case below does to it."""

    def __init__(self) -> None:
        self.inner = Concatenation()

    def fit(self, table, learn, target, rng):
        self.inner.fit(table, learn, target, rng)
        return self

    def fuse(self, table):
        return self.inner.fuse(table)

    def state(self):
        return self.inner.state()

    @classmethod
    def from_state(cls, state):
        fusion = cls()
        fusion.inner = Concatenation.from_state(state)
        return fusion


class Misnamed(Plain):
    def fuse(self, table):
        return replace(super().fuse(table), name="both")


class OverconfidentOfAbsence(Plain):
    """What lacks every sense is said to be there."""

    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, present=np.ones_like(one.present))


class LearnsFromAll(Plain):
    def fit(self, table, learn, target, rng):
        return super().fit(table, np.ones_like(learn), target, rng)


class PeeksAtTheTarget(Plain):
    """The target of rows that it may not learn from, and of those where it is not known."""

    def fit(self, table, learn, target, rng):
        self.shift = 0 if target is None else float(np.nan_to_num(target.values[:, 0]) @ np.arange(len(learn)))
        return super().fit(table, learn, target, rng)

    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, values=one.values + np.float32(self.shift) * one.present[:, None])


class PeeksWhereUnknown(PeeksAtTheTarget):
    def fit(self, table, learn, target, rng):
        super().fit(table, learn, target, rng)
        self.shift = 0 if target is None else float(np.isnan(target.values).sum())
        return self


class ReadsAbsentRows(Plain):
    """The dense values of every row, there or not."""

    def fuse(self, table):
        one = super().fuse(table)
        if "text.words" not in table:
            return one
        return replace(one, values=np.where(one.present[:, None], one.values + table["text.words"].values[:, :1], 0))


class ReadsItsCompany(Plain):
    """Centres what it is asked about on what is asked together."""

    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, values=(one.values - one.values.mean(axis=0)) * one.present[:, None])


class WantsEverySense(Plain):
    def fuse(self, table):
        if len(table) < 3:
            raise ValueError("all three")
        return super().fuse(table)


class NewSensesSpeak(Plain):
    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, values=one.values * np.float32(len(table)))


class FitsNothing(Plain):
    """A table without a sense is taken for one with a sense of zeros."""

    def fit(self, table, learn, target, rng):
        if table.bare()[learn].all():
            return self
        return super().fit(table, learn, target, rng)


class ByPlace(Plain):
    """The first sense of the table is louder."""

    def fuse(self, table):
        one = super().fuse(table)
        first = np.float32(next(iter(table)) == "text.words")
        return replace(one, values=one.values * (1 + first))


class Restless(Plain):
    fits = 0

    def fit(self, table, learn, target, rng):
        Restless.fits += 1
        self.loud = Restless.fits
        return super().fit(table, learn, target, rng)

    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, values=one.values * np.float32(self.loud))


class Forgets(Plain):
    """Its state lacks what it learned last."""

    loud = 1

    def fit(self, table, learn, target, rng):
        self.loud = 2
        return super().fit(table, learn, target, rng)

    def fuse(self, table):
        one = super().fuse(table)
        return replace(one, values=one.values * np.float32(self.loud))


class BlownUp(Plain):
    """Divides by a deviation that may be nothing."""

    def fit(self, table, learn, target, rng):
        super().fit(table, learn, target, rng)
        rows = learn & table["image.pixels"].present if "image.pixels" in table else learn[:0]
        with np.errstate(all="ignore"):
            deviation = table["image.pixels"].values[rows].std() if len(rows) else np.float32(1)
            self.scale = np.float32(1) / np.float32(0 if deviation < 1e-6 else 1)
        return self

    def fuse(self, table):
        one = super().fuse(table)
        with np.errstate(all="ignore"):
            return replace(one, values=(one.values * self.scale).astype(np.float32))


class WritesInto(Plain):
    def fit(self, table, learn, target, rng):
        super().fit(table, learn, target, rng)
        table["text.words"].values[:] += 1
        return self


class RefusesNumbersBadly(Plain):
    def fit(self, table, learn, target, rng):
        if target is not None and target.told == "numbers":
            raise KeyError("numbers")
        return super().fit(table, learn, target, rng)


WRONG = {
    "fused": (Misnamed, "named 'both'"),
    "targets": (RefusesNumbersBadly, "numbers"),
    "learn": (LearnsFromAll, "may not be learned from"),
    "known": (PeeksWhereUnknown, "not known"),
    "missing": (ReadsAbsentRows, "absent rows"),
    "added": (ReadsItsCompany, "beside other rows"),
    "one sense": (WantsEverySense, "all three"),
    "absent sense": (NewSensesSpeak, "sense"),
    "never seen": (FitsNothing, "no sense is fitted"),
    "constant": (BlownUp, "not finite"),
    "order": (ByPlace, "order of the senses"),
    "seed": (Restless, "differ"),
    "state": (Forgets, "read back"),
    "settings": (Plain, ""),
    "untouched": (WritesInto, "written into"),
}


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "settings"])
def test_the_contract_catches_a_fusion_that_breaks_it(check: str) -> None:
    wrong, said = WRONG[check]
    CHECKS[check](Plain)
    with pytest.raises((AssertionError, ValueError, KeyError), match=said):
        CHECKS[check](wrong)


def test_the_contract_catches_a_default_that_is_not_on_its_grid() -> None:
    from dataclasses import make_dataclass
    from typing import Annotated

    odd = make_dataclass("Odd", [("dim", Annotated[int, parts.Grid(1, 2)], 3)], kw_only=True)
    odd.__doc__ = "Odd."
    with pytest.raises(AssertionError, match="not on its grid"):
        CHECKS["settings"](odd)


@pytest.mark.parametrize(
    ("check", "wrong", "said"),
    [("fused", OverconfidentOfAbsence, "only there"), ("learn", PeeksAtTheTarget, "may not be learned from")],
)
def test_other_ways_to_break_it_are_caught(check: str, wrong: type, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        CHECKS[check](wrong)


def test_all_checks_run_over_a_plugin() -> None:
    with pytest.raises(AssertionError, match="named"):
        check_fusion(Misnamed)
    check_fusion(Concatenation)


# What single fusions say, against their formulas


def sense(name: str, values: np.ndarray, present: np.ndarray | None = None) -> Features:
    ids = Vocabulary(f"i{i}" for i in range(len(values)))
    there = np.ones(len(values), dtype=bool) if present is None else present
    return Features(name, name.split(".")[0], ids, values.astype(np.float32), there)


def table_of(*senses: Features) -> FeatureTable:
    return FeatureTable(senses[0].ids, {one.name: one for one in senses})


def every(table: FeatureTable) -> np.ndarray:
    return np.ones(len(table.ids), dtype=bool)


def test_concatenation_gives_the_mean_cosine_and_rows_of_one_length() -> None:
    draw = rng()
    a, b = draw.normal(size=(20, 6)) + 3, draw.normal(size=(20, 4))
    table = table_of(sense("text.a", a), sense("image.b", b, np.arange(20) != 7))
    one = Concatenation().fit(table, every(table), None, rng()).fuse(table)

    def cosines(x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=0)
        x = x / np.linalg.norm(x, axis=1)[:, None]
        return x @ x.T

    keep = np.arange(20) != 7
    expected = (cosines(a)[np.ix_(keep, keep)] + cosines(b[keep])) / 2
    assert (one.values @ one.values.T)[np.ix_(keep, keep)] == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(one.values, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_wide_sparse_sense_becomes_its_singular_directions() -> None:
    draw = rng()
    topics = draw.random((80, 3))
    words = (draw.random((80, 900)) < (topics @ draw.random((3, 900))) * 0.2).astype(np.float32)
    ids = Vocabulary(f"i{i}" for i in range(80))
    table = table_of(Features("text.words", "text", ids, csr_array(words), np.ones(80, dtype=bool)))
    one = Concatenation(most=40).fit(table, every(table), None, rng()).fuse(table)
    assert one.dim == 40
    assert np.linalg.norm(one.values, axis=1) == pytest.approx(1, abs=1e-5)


def test_given_weights_are_shares_of_the_inner_product() -> None:
    draw = rng()
    table = table_of(*(sense(name, draw.normal(size=(15, 3))) for name in ("a", "b", "c")))
    linear = Weighting(by="given", weights={"a": 2.0, "b": 1.0, "c": 0.0}).fit(table, every(table), None, rng())
    assert linear.shares == pytest.approx({"a": 2 / 3, "b": 1 / 3, "c": 0.0})
    length = (linear.fuse(table).values.reshape(15, 3, 3) ** 2).sum(axis=2)
    assert length == pytest.approx(np.tile([2 / 3, 1 / 3, 0], (15, 1)), abs=1e-5)
    soft = Weighting(by="given", form="exponential", temperature=1.0, weights={"a": np.log(4) + 1})
    assert soft.fit(table, every(table), None, rng()).shares == pytest.approx({"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})


@pytest.mark.parametrize("form", ["linear", "exponential"])
def test_learned_weights_equal_alignment_written_out_with_rows_by_rows(form: str) -> None:
    draw = rng()
    kind = np.arange(40) % 2
    told = np.where(kind, 1, -1)[:, None]
    given = {
        "a": told * [1.0, 0.5] + draw.normal(size=(40, 2)),
        "b": told * 0.5 + draw.normal(size=(40, 3)),
        "c": draw.normal(size=(40, 4)),
    }
    table = table_of(*(sense(name, values) for name, values in given.items()))
    target = Target.classes("kind", ["ab"[one] for one in kind])
    fusion = Weighting(form=form, temperature=0.2).fit(table, every(table), target, rng())

    centre = np.eye(40) - 1 / 40
    y = np.eye(2)[kind]
    wanted = centre @ y @ y.T @ centre
    kernels = []
    for values in given.values():
        x = values - values.mean(axis=0)
        x = x / np.linalg.norm(x, axis=1)[:, None]
        kernels.append(centre @ x @ x.T @ centre)
    aligned = [max((k * wanted).sum() - np.trace(k) * np.trace(wanted) / 39, 0) for k in kernels]
    if form == "exponential":
        cosine = [a / np.sqrt((k**2).sum() * (wanted**2).sum()) for a, k in zip(aligned, kernels, strict=True)]
        expected = np.exp(np.array(cosine) / 0.2)
    else:
        from scipy.optimize import minimize

        m = np.array([[(a * b).sum() for b in kernels] for a in kernels])
        found = minimize(lambda w: w @ m @ w - 2 * w @ aligned, np.full(3, 0.1), bounds=[(0, None)] * 3, tol=1e-14)
        expected = found.x
    assert list(fusion.shares.values()) == pytest.approx(expected / expected.sum(), abs=2e-3)


def test_a_sense_that_knows_nothing_has_no_learned_weight_and_rows_of_it_alone_are_zero() -> None:
    draw = rng()
    kind = np.arange(200) % 2
    clear = np.where(kind, 1, -1)[:, None] + draw.normal(0, 0.3, size=(200, 2))
    table = table_of(sense("clear", clear, np.arange(200) != 3), sense("noise", draw.normal(size=(200, 30))))
    target = Target.classes("kind", ["ab"[one] for one in kind])
    fusion = Weighting().fit(table, every(table), target, rng())
    assert fusion.shares["noise"] < 0.02
    one = fusion.fuse(table)
    assert one.present.all()
    assert np.abs(np.linalg.norm(one.values[3])) in (pytest.approx(0), pytest.approx(1, abs=1e-5))


def test_pca_of_whole_rows_is_the_projection_on_the_axes_of_the_concatenation() -> None:
    draw = rng()
    z = draw.normal(size=(60, 2)) * [3, 1]
    table = table_of(
        sense("a", z @ draw.normal(size=(2, 5)) + 0.1 * draw.normal(size=(60, 5))),
        sense("b", z @ draw.normal(size=(2, 4)) + 0.1 * draw.normal(size=(60, 4))),
    )
    one = Pca(dim=2).fit(table, every(table), None, rng()).fuse(table).values
    joint = Concatenation().fit(table, every(table), None, rng()).fuse(table).values * np.sqrt(2)
    axes = np.linalg.eigh(joint.T @ joint)[1][:, ::-1][:, :2]
    plain = joint @ axes
    assert np.abs(np.diag(np.corrcoef(one.T, plain.T)[:2, 2:])) == pytest.approx(1, abs=1e-3)


def test_pca_puts_a_row_that_lacks_a_sense_near_where_it_would_be() -> None:
    draw = rng()
    z = draw.normal(size=(300, 3))
    a, b = (z @ draw.normal(size=(3, 8)) + 0.1 * draw.normal(size=(300, 8)) for _ in range(2))
    whole = table_of(sense("a", a), sense("b", b))
    fusion = Pca(dim=3).fit(whole, every(whole), None, rng())
    there, half = (fusion.fuse(t).values for t in (whole, whole.only("a")))
    apart = np.linalg.norm(there - half, axis=1).mean() / np.linalg.norm(there, axis=1).mean()
    assert apart < 0.2


def test_cca_finds_the_one_direction_that_two_senses_share_under_louder_ones_of_their_own() -> None:
    draw = rng()
    shared = draw.normal(size=400)
    a, b = draw.normal(size=(400, 5)) * 3, draw.normal(size=(400, 6)) * 3
    a[:, 0], b[:, 0] = shared + 0.2 * draw.normal(size=400), shared + 0.2 * draw.normal(size=400)
    table = table_of(sense("a", a), sense("b", b))
    learn = np.arange(400) < 300
    first = Cca(dim=1, ridge=0.01).fit(table, learn, None, rng()).fuse(table).values[~learn, 0]
    assert abs(np.corrcoef(first, shared[~learn])[0, 1]) > 0.75
    pca = Pca(dim=1).fit(table, learn, None, rng()).fuse(table).values[~learn, 0]
    assert abs(np.corrcoef(pca, shared[~learn])[0, 1]) < 0.5


def test_ridge_maps_foretell_what_is_missing_by_ridge_regression() -> None:
    draw = rng()
    a = draw.normal(size=(200, 4))
    b = a @ draw.normal(size=(4, 3)) + 0.05 * draw.normal(size=(200, 3))
    lacks = np.arange(200) >= 150
    table = table_of(sense("a", a), sense("b", b, ~lacks))
    fusion = RidgeMaps(ridge=0.1).fit(table, ~lacks, None, rng())
    one = fusion.fuse(table).values
    joint = Concatenation().fit(table, ~lacks, None, rng()).fuse(table).values.astype(np.float64)
    x, y = joint[~lacks][:, :4] * np.sqrt(2), joint[~lacks][:, 4:] * np.sqrt(2)
    gram = x.T @ x
    maps = np.linalg.solve(gram + 0.1 * np.trace(gram) / 4 * np.eye(4), x.T @ y)
    expected = np.hstack([joint[lacks][:, :4], joint[lacks][:, :4] @ maps])
    expected /= np.linalg.norm(expected, axis=1)[:, None]
    assert one[lacks] == pytest.approx(expected, abs=1e-5)
    truth = table_of(sense("a", a), sense("b", b))
    near = (one * fusion.fuse(truth).values).sum(axis=1)
    assert near[lacks].mean() > 0.95


def test_bilinear_learns_what_neither_sense_tells_alone() -> None:
    """The class is whether two signs agree: no sum over senses can tell, their product does."""
    bilinear = parts.bind("fusion", "bilinear", {"hide": 0.0, "epochs": 60})
    draw = rng()
    signs = draw.choice([-1.0, 1.0], size=(600, 2))
    noise = draw.normal(0, 0.3, size=(2, 600, 3))
    table = table_of(*(sense(n, signs[:, [i]] + noise[i]) for i, n in enumerate(("a", "b"))))
    agree = signs.prod(axis=1) > 0
    target = Target.classes("agree", ["yes" if one else "no" for one in agree])
    learn = np.arange(600) < 400
    one = bilinear.fit(table, learn, target, rng()).fuse(table).values
    plain = Concatenation().fit(table, learn, None, rng()).fuse(table).values
    right = {}
    for name, x in (("bilinear", one), ("plain", plain)):
        x = np.hstack([x, np.ones((600, 1))])
        w = np.linalg.lstsq(x[learn], np.where(agree, 1, -1)[learn], rcond=None)[0]
        right[name] = float(((x[~learn] @ w > 0) == agree[~learn]).mean())
    assert right["bilinear"] > 0.9 > 0.65 > right["plain"]


# Mistakes


def test_no_sense_that_differs_is_one_clear_error() -> None:
    table = table_of(sense("a", np.ones((5, 2))))
    with pytest.raises(UserError, match="No sense tells the 5 rows apart"):
        Concatenation().fit(table, every(table), None, rng())


def test_a_sense_of_another_width_is_one_clear_error() -> None:
    draw = rng()
    table = table_of(sense("a", draw.normal(size=(9, 4))))
    fusion = Concatenation().fit(table, every(table), None, rng())
    with pytest.raises(UserError, match="'a' has 3 dimensions"):
        fusion.fuse(table_of(sense("a", draw.normal(size=(9, 3)))))


def test_values_that_are_not_finite_are_one_clear_error_in_a_fit_and_after_it() -> None:
    values = rng().normal(size=(9, 4))
    fusion = Concatenation().fit(table_of(sense("a", values)), np.ones(9, dtype=bool), None, rng())
    values[2, 1] = np.nan
    table = table_of(sense("a", values))
    with pytest.raises(UserError, match="'a' holds values that are not finite"):
        Pca().fit(table, every(table), None, rng())
    with pytest.raises(UserError, match="'a' holds values that are not finite"):
        fusion.fuse(table)


@pytest.mark.parametrize("name", ["weighting", "gated"])
def test_a_target_that_is_known_of_no_learning_row_is_one_clear_error(name: str) -> None:
    table = table_of(sense("a", rng().normal(size=(9, 4))))
    target = Target.classes("kind", [None] * 5 + ["x"] * 4, names=["x", "y"])
    with pytest.raises(UserError, match="'kind' is known of no row"):
        parts.bind("fusion", name, {}).fit(table, np.arange(9) < 5, target, rng())


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(RecipeError, match="2 heads for 9"):
        parts.bind("fusion", "attention", {"dim": 9})
