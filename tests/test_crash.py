"""Killed at any moment, on a full disk, beside another run: what was published stays, the rest is as if never begun."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gobelin import store
from gobelin.features import shards
from gobelin.features.cache import key_of
from gobelin.service import Run

TITLES = [f"thing {i} a{'ab' * (i % 7)}" for i in range(320)]

ENCODER = """
import time
from gobelin.features import cache

cache.PUBLISH_ROWS = 32  # ten shards of these titles instead of one
from letters import Letters

class Slow(Letters):
    "Letters that take their time, and write down what they were asked."

    def encode(self, pieces):
        time.sleep(0.03)
        return super().encode(pieces)
"""


@pytest.fixture
def place(tmp_path) -> Path:
    """A shop, a recipe, and a package with an encoder that says what it encodes; folders are made by the commands."""
    shop, plugin = tmp_path / "shop", tmp_path / "plugin"
    (plugin / "slowly" / "encoders").mkdir(parents=True)
    (plugin / "slowly" / "__init__.py").touch()
    (plugin / "slowly" / "encoders" / "__init__.py").touch()
    (plugin / "slowly" / "encoders" / "slow.py").write_text(ENCODER)
    told = plugin / "slowly-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: slowly\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[gobelin.parts]\nslowly = slowly\n")
    shop.mkdir()
    ids = [f"{i:03}" for i in range(len(TITLES))]
    pd.DataFrame({"item_id": ids, "title": TITLES}).to_csv(shop / "items.csv", index=False)
    rows = [(f"u{u}", ids[(7 * i + u) % 320]) for u in range(80) for i in range(8)]
    pd.DataFrame(rows, columns=["user_id", "item_id"]).to_csv(shop / "interactions.csv", index=False)
    (tmp_path / "recipe.toml").write_text(
        'ablations = false\ntune.trials = 2\nsplit.core = 1\nreport.resamples = 100\nmodel.part = "weave"\n'
        f'encoders.text.part = "slow"\nencoders.text.log = "{tmp_path / "log"}"\n'
    )
    return tmp_path


RECIPE = ("--recipe", "recipe.toml", "--workers", "1")


def begin(
    place: Path, *words: str, recipe: tuple[str, ...] = RECIPE, limit: int | None = None, cache: Path | None = None
) -> subprocess.Popen[str]:
    tests = Path(__file__).parent
    environment = {
        **os.environ, "GOBELIN_CACHE": str(cache or place / "cache"), "OMP_NUM_THREADS": "1", "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join([str(place / "plugin"), str(tests), str(tests.parent / "src")]),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "gobelin", *words, *recipe],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


COMMANDS = {
    "run": ["run", "shop", "--out", "out", "--split", "random", "--no-baselines"],
    "vectors": ["encode", "shop", "--out", "out"],
}


def people(place: Path) -> set[str]:
    """Whom the run's model answers for."""
    return set(pd.read_parquet(place / "out" / "model" / "users.parquet")["user_id"])


def asked(place: Path) -> list[str]:
    """The pieces that the encoder was given, in every process so far."""
    log = place / "log"
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []


def published(place: Path) -> set[str]:
    """Titles whose vectors stand in the cache, read without Gobelin's own opening of it."""
    from letters import Letters

    folders = list((place / "cache" / "vectors").glob("*/"))
    keys = {bytes(key) for folder in folders for path in folder.glob(f"*{shards.SUFFIX}") for key in
            shards.read(path, Letters.dim).keys}  # fmt: skip
    return {title for title in TITLES if key_of(Letters().fingerprint(), title) in keys}


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("moments", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_kill_at_any_moment_leaves_a_whole_folder_or_none_and_loses_no_vector(place, kind, moments) -> None:
    rng = np.random.default_rng([moments, len(kind)])
    begun = time.monotonic()
    assert finish(begin(place, *COMMANDS[kind]))[0] == 0
    whole = time.monotonic() - begun
    shutil.rmtree(place / "out")
    shutil.rmtree(place / "cache")
    for moment in np.sort(rng.uniform(0.3, 1.0, moments)) * whole:
        if rng.random() < 0.3 and (place / "cache").exists():
            shutil.rmtree(place / "cache")  # so that late moments meet an encoder at work, too
        before = published(place)
        (place / "log").unlink(missing_ok=True)
        process = begin(place, *COMMANDS[kind])
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        finish(process)
        assert not before & set(asked(place))
        assert before <= published(place)
        if (place / "out").exists():
            store.open_folder(place / "out", kind=kind, verify=True)
    before = published(place)
    (place / "log").unlink(missing_ok=True)
    assert finish(begin(place, *COMMANDS[kind]))[0] == 0
    store.open_folder(place / "out", kind=kind, verify=True)
    assert sorted(asked(place)) == sorted(set(TITLES) - before)
    assert not list(place.glob(".out.*"))


@pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.long)])
def test_a_kill_of_an_update_leaves_the_run_as_it_was_or_as_it_should_be(place, moments) -> None:
    assert finish(begin(place, *COMMANDS["run"]))[0] == 0
    first = (place / "out" / "report.json").read_bytes()
    log = pd.read_csv(place / "shop" / "interactions.csv", dtype=str)
    more = pd.DataFrame({"user_id": ["u1", "new"], "item_id": ["005", "007"]})
    pd.concat([log[log["user_id"] != "u7"], more]).to_csv(place / "shop" / "interactions.csv", index=False)
    update = ["update", "out", "shop"]
    shutil.copytree(place / "out", place / "spare")
    begun = time.monotonic()
    assert finish(begin(place, "update", "spare", "shop", recipe=()))[0] == 0
    whole = time.monotonic() - begun
    for moment in np.sort(np.random.default_rng(moments).uniform(0.3, 1.0, moments)) * whole:
        process = begin(place, *update, recipe=())
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        finish(process)
        store.open_folder(place / "out", kind="run", verify=True)
        updated = (place / "out" / "report.json").read_bytes() != first
        assert ("u7" in people(place)) != updated and ("new" in people(place)) == updated
    assert finish(begin(place, *update, recipe=()))[0] == 0
    assert "u7" not in people(place) and "new" in people(place)
    assert not list(place.glob(".out.*"))


def test_two_runs_at_once_on_one_cache_are_both_right(place) -> None:
    alone = begin(place, *COMMANDS["run"], cache=place / "other")
    assert finish(alone) == (0, "")
    wanted = Run.open(place / "out").report
    both = [begin(place, *[w.replace("out", name) if w == "out" else w for w in COMMANDS["run"]]) for name in "ab"]
    assert [finish(one) for one in both] == [(0, ""), (0, "")]
    for name in "ab":
        store.open_folder(place / name, kind="run", verify=True)
        report = Run.open(place / name).report
        assert report["models"]["recipe"]["metrics"] == wanted["models"]["recipe"]["metrics"]
        assert report["encoders"]["text"]["present"] == len(TITLES)
    assert published(place) == set(TITLES)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 64 KiB: on Linux, for root, where mounting is allowed."""
    folder = Path(tempfile.mkdtemp(prefix="gobelin-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False,
                          capture_output=True) if shutil.which("mount") else None  # fmt: skip
    if done is None or done.returncode:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def said_once(status: int, err: str, *words: str) -> bool:
    return status == 1 and len(err.splitlines()) == 3 and all(word in err for word in words)


def test_a_cache_on_a_full_disk_is_one_error_and_keeps_what_was_published(place, small_disk) -> None:
    (small_disk / "filling").write_bytes(b"x" * (40 << 10))
    (place / "cache").symlink_to(small_disk)
    assert said_once(*finish(begin(place, *COMMANDS["run"])), "No space left", "GOBELIN_CACHE")
    kept = published(place)
    assert kept and kept != set(TITLES)
    assert not (place / "out").exists() and not list(place.glob(".out.*"))
    assert not list(small_disk.rglob(".*"))
    (small_disk / "filling").unlink()
    (place / "log").unlink()
    assert finish(begin(place, *COMMANDS["run"])) == (0, "")
    assert not kept & set(asked(place))


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_full_disk_while_publishing_is_one_error_and_leaves_nothing(place, small_disk, kind) -> None:
    words = [str(small_disk / "out") if word == "out" else word for word in COMMANDS[kind]]
    if kind == "vectors":
        (small_disk / "filling").write_bytes(b"x" * (60 << 10))
    assert said_once(*finish(begin(place, *words)), "could not be written", "No space left", "name another folder")
    assert [p.name for p in small_disk.iterdir() if p.name != "filling"] == []


def test_a_demo_shop_that_does_not_fit_is_one_error_and_no_folder(place, small_disk) -> None:
    words = ["demo", str(small_disk / "shop"), "--items", "100", "--people", "10"]
    assert said_once(*finish(begin(place, *words, recipe=())), "No space left")
    assert list(small_disk.iterdir()) == []


def test_a_file_that_may_not_grow_is_one_error_and_leaves_the_earlier_run(place) -> None:
    assert finish(begin(place, *COMMANDS["run"])) == (0, "")
    before = (place / "out" / store.MANIFEST).read_bytes()
    for most in (1 << 10, 40 << 10):  # a table of the split; the model's arrays
        assert said_once(*finish(begin(place, *COMMANDS["run"], limit=most)), "File too large", "name another folder")
        assert (place / "out" / store.MANIFEST).read_bytes() == before
        store.open_folder(place / "out", kind="run", verify=True)
        assert not list(place.glob(".out.*"))
