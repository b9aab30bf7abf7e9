"""The tests of the core fail where the core is wrong: each mutation below is planted in a copy and must be caught.

A mutation is one edit of one file. The tests beside it are run on the copy in a process of their own; they must fail
(a copy that cannot be imported counts as not caught), and on the copy without any mutation they must pass.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Mutation(NamedTuple):
    """name: what goes wrong; file, old, new: the edit (`old` stands once in the file); test: who must notice."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTATIONS = [
    Mutation(
        "the mask is dropped from lists",
        "ranking.py",
        "    work[masked] = -np.inf\n    best",
        "    best",
        "test_ranking.py",
    ),
    Mutation(
        "the mask is dropped from ranks",
        "ranking.py",
        "masked = _masked_cells(None if mask is None else mask[chunk], candidates, n_items)",
        "masked = _masked_cells(None, candidates, n_items)",
        "test_ranking.py",
    ),
    Mutation(
        "ties fall the other way",
        "ranking.py",
        'hashed = np.argsort(ties[items], kind="stable")',
        'hashed = np.argsort(-ties[items], kind="stable")',
        "test_ranking.py",
    ),
    Mutation(
        "ties at the last place fall by position",
        "ranking.py",
        "above | _first(level, kept - np.count_nonzero(above, axis=1), first)",
        "above | _first(level, kept - np.count_nonzero(above, axis=1), np.arange(n))",
        "test_ranking.py",
    ),
    Mutation(
        "the prior answers last to first",
        "ranking.py",
        "np.lexsort((by_hash, -prior[items]))",
        "np.lexsort((by_hash, prior[items]))",
        "test_ranking.py",
    ),
    Mutation(
        "a rank starts at 0",
        "ranking.py",
        "out[entry[some]] = 1 + _before",
        "out[entry[some]] = _before",
        "test_ranking.py",
    ),
    Mutation(
        "a retrieved list may lack what was masked",
        "ranking.py",
        "depth = k + 1 + int(masked[rows].max())",
        "depth = k + 1",
        "test_ranking.py",
    ),
    Mutation(
        "the discount of NDCG is off by one",
        "evaluation/metrics.py",
        "np.log2(np.arange(2, k + 2))",
        "np.log2(np.arange(3, k + 3))",
        "test_metrics.py",
    ),
    Mutation(
        "the ideal of NDCG holds one item too many",
        "evaluation/metrics.py",
        "ideal[np.minimum(n, k).astype(np.int64) - 1]",
        "ideal[np.minimum(n, k - 1).astype(np.int64)]",
        "test_metrics.py",
    ),
    Mutation(
        "recall divides by what fits into the list",
        "evaluation/metrics.py",
        'values[f"recall@{k}"] = found / n',
        'values[f"recall@{k}"] = found / np.minimum(n, k)',
        "test_metrics.py",
    ),
    Mutation(
        "users without a hit are left out of MRR",
        "evaluation/metrics.py",
        "np.where(first <= k, 1 / first, 0.0)",
        "np.where(first <= k, 1 / first, np.nan)",
        "test_metrics.py",
    ),
    Mutation(
        "an interval is drawn from one user too few",
        "evaluation/statistics.py",
        "rng.integers(0, users,",
        "rng.integers(0, users - 1,",
        "test_statistics.py",
    ),
    Mutation(
        "p-values are not made to rise",
        "evaluation/statistics.py",
        "np.maximum.accumulate(raised)",
        "raised",
        "test_statistics.py",
    ),
    Mutation(
        "validation leaks into train",
        "data/cut.py",
        "plan.early & ~to_validate & ~to_test & (cold == 0)",
        "plan.early & ~to_test & (cold == 0)",
        "test_splits.py",
    ),
    Mutation(
        "other events of a held-out pair stay in train",
        "data/cut.py",
        "to_test = with_item & np.isin(keys, test_keys)",
        "to_test = events.positive & np.isin(keys, test_keys)",
        "test_splits.py",
    ),
    Mutation(
        "cold items keep their other events",
        "data/cut.py",
        "plan.early & ~to_validate & ~to_test & (cold == 0)",
        "plan.early & ~to_validate & ~to_test",
        "test_splits.py",
    ),
    Mutation(
        "the moment of the split belongs to train",
        "data/splits.py",
        "Plan(parts, items, everyone, times < q80, times < q90",
        "Plan(parts, items, everyone, times <= q80, times < q90",
        "test_splits.py",
    ),
    Mutation(
        "validation may be recommended at test",
        "data/split.py",
        "return self.train_pairs if only_train else self.train_pairs.joined(self.validation)",
        "return self.train_pairs",
        "test_splits.py",
    ),
    Mutation(
        "test pairs are asked for on validation",
        "data/split.py",
        'return self.validation if part == "validation" else self.test',
        "return self.test",
        "test_splits.py",
    ),
    Mutation(
        "presence is ignored by the kernel",
        "models/_kernel.py",
        "    cosine[~rows] = 0\n",
        "",
        "test_weave.py",
    ),
    Mutation(
        "presence is ignored by the mean of a sense",
        "values/features.py",
        "np.asarray(self.values[self.present].mean(axis=0)",
        "np.asarray(self.values.mean(axis=0)",
        "test_values.py",
    ),
    Mutation(
        "the item itself counts in its own column",
        "models/_linear.py",
        "    b[np.diag_indices(len(b))] = 0\n",
        "",
        "test_weave.py",
    ),
    Mutation(
        "a user with many events counts for as many",
        "models/_loom.py",
        "diags_array((active ** (-user_power / 2))",
        "diags_array((active ** (user_power / 2))",
        "test_weave.py",
    ),
    Mutation(
        "new items speak as loudly in every ranking",
        "models/weave.py",
        "out[:, far] = np.float32(self.cold_scale) * _columns(",
        "out[:, far] = _columns(",
        "test_weave.py",
    ),
    Mutation(
        "the search keeps what validation likes least",
        "contest/tuning.py",
        "        if better.value > best.value:",
        "        if better.value < best.value:",
        "test_tuning.py",
    ),
    Mutation(
        "the joint ranking holds the other part's cold items",
        "contest/bench.py",
        '(COLD_TEST if part == "validation" else COLD_VALIDATION, CUE)',
        "(255, CUE)",
        "test_bench.py",
    ),
    Mutation(
        "a cue may be recommended",
        "contest/bench.py",
        '(COLD_TEST if part == "validation" else COLD_VALIDATION, CUE)',
        'COLD_TEST if part == "validation" else COLD_VALIDATION',
        "test_cues.py::test_a_cue_is_never_a_candidate_and_never_held_out",
    ),
    Mutation(
        "a silent cue is heard",
        "data/split.py",
        "events.weights * factor[events.kinds]",
        "events.weights",
        "test_cues.py::test_a_silent_cue_is_no_row_and_a_louder_one_weighs_more",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its tests, to be mutated."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _verdict(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of some test files of the copy; shapes are not checked, so a test must notice by itself."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not long"]
        + [f"tests/{test}" for test in tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "GOBELIN_NO_SHAPES": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_copy_passes_as_it_is(copy: Path) -> None:
    code = "import gobelin; print(gobelin.__file__)"
    env = {**os.environ, "PYTHONPATH": str(copy / "src")}
    where = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert Path(where.strip()).is_relative_to(copy), "the tests must run on the copy"
    found = _verdict(copy, *sorted({mutation.test for mutation in MUTATIONS}))
    assert found.returncode == 0, found.stdout[-2000:]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_mutation_of_the_core_is_caught(copy: Path, mutation: Mutation) -> None:
    path = copy / "src" / "gobelin" / mutation.file
    whole = path.read_text(encoding="utf-8")
    places = whole.count(mutation.old)
    assert places == 1, f"{mutation.old!r} stands {places} times in {mutation.file}; it must stand once"
    path.write_text(whole.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        found = _verdict(copy, mutation.test)
    finally:
        path.write_text(whole, encoding="utf-8")
    said = found.stdout[-2000:] + found.stderr[-500:]
    assert found.returncode == 1, f"pytest gave {found.returncode}; 1 says that a test failed\n{said}"
