"""A published folder is whole or absent, says what it is, and holds no pickle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gobelin import store
from gobelin.errors import StoreError, UserError


def test_what_was_written_is_read_back(tmp_path) -> None:
    state = {
        "name": "七",
        "rate": np.float32(0.5),
        "rows": np.arange(6, dtype=np.int32).reshape(2, 3),
        "sparse": csr_array(np.eye(3, dtype=np.float32)),
        "nested": {"text": {"weight": 1.5}, "none": None, "list": [1, "two", np.int64(3)]},
    }
    store.save_state(tmp_path / "state", state)
    back = store.load_state(tmp_path / "state")
    assert back["name"] == "七"
    assert back["rate"] == 0.5
    assert back["nested"] == {"text": {"weight": 1.5}, "none": None, "list": [1, "two", 3]}
    np.testing.assert_array_equal(back["rows"], state["rows"])
    assert back["rows"].dtype == np.int32
    np.testing.assert_array_equal(back["sparse"].toarray(), np.eye(3))


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.none())))
def test_any_plain_state_survives(tmp_path_factory, state) -> None:
    path = tmp_path_factory.mktemp("state") / "state"
    store.save_state(path, state)
    assert store.load_state(path) == state


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path) -> None:
    target = tmp_path / "run"
    with store.publish(target, kind="run") as folder:
        (folder / "a.txt").write_text("first")
    with pytest.raises(RuntimeError), store.publish(target, kind="run") as folder:
        (folder / "a.txt").write_text("second")
        raise RuntimeError
    assert (target / "a.txt").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_run_replaces_a_run_but_nothing_else(tmp_path) -> None:
    target = tmp_path / "run"
    for text in ("first", "second"):
        with store.publish(target, kind="run") as folder:
            (folder / "a.txt").write_text(text)
    assert (target / "a.txt").read_text() == "second"
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "cat.jpg").write_text("meow")
    with pytest.raises(UserError, match="is no run folder"), store.publish(foreign, kind="run"):
        pass
    assert (foreign / "cat.jpg").read_text() == "meow"


def test_a_later_version_is_refused(tmp_path) -> None:
    with store.publish(tmp_path / "run", kind="run") as folder:
        (folder / "a.txt").write_text("a")
    path = tmp_path / "run" / store.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "version": store.VERSION + 1}))
    with pytest.raises(StoreError, match="later Gobelin"):
        store.open_folder(tmp_path / "run", kind="run")


def test_damage_is_found_when_asked(tmp_path) -> None:
    with store.publish(tmp_path / "run", kind="run") as folder:
        (folder / "a.txt").write_text("a")
    store.open_folder(tmp_path / "run", kind="run", verify=True)
    (tmp_path / "run" / "a.txt").write_text("b")
    with pytest.raises(StoreError, match="missing or changed"):
        store.open_folder(tmp_path / "run", kind="run", verify=True)
    (tmp_path / "run" / store.MANIFEST).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        store.open_folder(tmp_path / "run", kind="run")


def test_another_kind_of_folder_is_refused(tmp_path) -> None:
    with store.publish(tmp_path / "v", kind="vectors") as folder:
        (folder / "a.txt").write_text("a")
    with pytest.raises(UserError, match="holds a vectors"):
        store.open_folder(tmp_path / "v", kind="run")
    with pytest.raises(UserError, match="no run folder"):
        store.open_folder(tmp_path, kind="run")


KILLED = """
import sys, time
from pathlib import Path
from gobelin import store
target = Path(sys.argv[1])
print("ready", flush=True)
for i in range(1000):
    with store.publish(target, kind="run") as folder:
        for name in "abc":
            (folder / name).write_text(str(i) * 50_000)
"""


def test_a_killed_process_leaves_a_whole_folder_or_none(tmp_path) -> None:
    target = tmp_path / "run"
    rng = np.random.default_rng(0)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        signal_after = float(rng.uniform(0.01, 0.1))
        try:
            process.wait(timeout=signal_after)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if Path(target).exists():
            store.open_folder(target, kind="run", verify=True)
            assert len({(target / name).read_text() for name in "abc"}) == 1


KILLED_AT_A_RENAME = """
import os, signal, sys
from pathlib import Path
from gobelin import store
target, last, rename = Path(sys.argv[1]), int(sys.argv[2]), Path.rename
count = 0
def counted(self, other):
    global count
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, other)
Path.rename = counted
with store.publish(target, kind="run") as folder:
    (folder / "a.txt").write_text("second")
"""


@pytest.mark.parametrize(("last", "kept"), [(1, "first"), (2, "first"), (3, "second")])
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_a_kill_between_two_renames_loses_no_folder_and_leaves_no_stray(tmp_path, last, kept, who) -> None:
    target = tmp_path / "run"
    with store.publish(target, kind="run") as folder:
        (folder / "a.txt").write_text("first")
    done = subprocess.run([sys.executable, "-c", KILLED_AT_A_RENAME, str(target), str(last)], check=False)
    assert done.returncode == -signal.SIGKILL
    if who == "reader":
        store.open_folder(target, kind="run", verify=True)
        assert (target / "a.txt").read_text() == kept
    else:
        with pytest.raises(ZeroDivisionError), store.publish(target, kind="run"):
            raise ZeroDivisionError
        assert (target / "a.txt").read_text() == kept
        assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_a_living_process_fills_is_not_swept(tmp_path) -> None:
    target = tmp_path / "run"
    (tmp_path / ".run.0123abcd.part").mkdir()  # nobody holds this one
    (tmp_path / ".run.b.0123abcd.part").mkdir()  # a stranger's: of a target named run.b
    with store.publish(target, kind="run") as one:
        (one / "a.txt").write_text("one")
        with store.publish(target, kind="run") as two:
            (two / "a.txt").write_text("two")
        assert (one / "a.txt").read_text() == "one"
    assert (target / "a.txt").read_text() == "one"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".run.b.0123abcd.part", "run"]


def test_writers_at_once_all_succeed_and_one_of_them_stands(tmp_path) -> None:
    target = tmp_path / "run"
    script = KILLED.replace("range(1000)", "range(40)")
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.DEVNULL) for _ in range(3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    store.open_folder(target, kind="run", verify=True)
    assert len({(target / name).read_text() for name in "abc"}) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_target_is_where_it_points_to(tmp_path, monkeypatch) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    monkeypatch.chdir(tmp_path / "far")
    for target in (Path(), tmp_path / "link"):
        with store.publish(target, kind="run") as folder:
            (folder / "a.txt").write_text("a")
    assert (tmp_path / "link").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["far", "link"]
    store.open_folder(tmp_path / "link", kind="run", verify=True)


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "file" / "run", tmp_path / "file" / "deep" / "run"):
        with pytest.raises(StoreError, match="no folder"):
            store.ready(target, kind="run")
        with pytest.raises(StoreError, match="could not be written"), store.publish(target, kind="run"):
            pass
    store.ready(tmp_path / "new" / "run", kind="run")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
