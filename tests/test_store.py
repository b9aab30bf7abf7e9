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
