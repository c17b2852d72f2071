"""Shared values under parallel writers, and leases that end."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from swarmskill.mail.kv import Store, VersionConflict
from swarmskill.mail.leases import Leases

PARALLEL = multiprocessing.get_context("spawn")


def count_up(folder: Path, times: int) -> None:
    store = Store(folder)
    for _ in range(times):
        while True:
            entry = store.get("n")
            try:
                store.put(
                    "n", str(int(entry.value) + 1 if entry else 1), writer="w", expected=entry.version if entry else 0
                )
                break
            except VersionConflict:
                continue


def test_parallel_compare_and_set_loses_no_count(tmp_path: Path) -> None:
    counters = [PARALLEL.Process(target=count_up, args=(tmp_path, 50)) for _ in range(4)]
    for one in counters:
        one.start()
    for one in counters:
        one.join(60)
    assert [one.exitcode for one in counters] == [0] * 4
    entry = Store(tmp_path).get("n")
    assert (entry.value, entry.version) == ("200", 200)


def test_a_writer_that_is_killed_leaves_no_lock_and_no_half_value(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(5):
        writer = PARALLEL.Process(target=count_up, args=(tmp_path, 10**6))
        writer.start()
        before = store.get("n").version if store.get("n") else 0
        store.watch("n", before + 5, 30)
        writer.kill()
        writer.join(30)
        assert writer.exitcode == -signal.SIGKILL
        entry = store.get("n")
        assert int(entry.value) == entry.version
        assert store.put("n", str(entry.version + 1), writer="me").version == entry.version + 1


def test_a_value_that_expired_is_absent_and_its_version_goes_on(tmp_path: Path) -> None:
    now = 100.0
    store = Store(tmp_path, lambda: now)
    assert store.put("lock", "a", writer="a", ttl=10, expected=0).version == 1
    with pytest.raises(VersionConflict, match="has version 1, not 0"):
        store.put("lock", "b", writer="b", ttl=10, expected=0)
    now = 110.0
    assert (store.get("lock"), store.entries()) == (None, [])
    assert store.put("lock", "b", writer="b", ttl=10, expected=0).version == 2


@pytest.mark.parametrize(
    "keys", [("a", "A"), ("a/b", "a.b"), ("", " "), ("é", "e"), ("../x", "x"), ("k" * 500, "k" * 501)]
)
def test_no_two_keys_share_a_file(tmp_path: Path, keys: tuple[str, str]) -> None:
    store = Store(tmp_path)
    for key in keys:
        store.put(key, f"value of {key}", writer="w")
    assert [store.get(key).value for key in keys] == [f"value of {key}" for key in keys]
    assert {path.parent for path in tmp_path.rglob("*.json")} == {tmp_path / "kv"}


def test_leases_are_granted_with_their_conflicts_and_end_by_themselves(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    first = leases.reserve("1-1", "1", ["src/**"], now=0, ttl=10, reason="grammar")
    assert first.conflicts == ()
    second = leases.reserve("2-1", "2", ["docs/a.md", "src/b.py"], now=5, ttl=10, exclusive=False)
    assert [(one.path, one.other_path, one.lease.holder) for one in second.conflicts] == [("src/b.py", "src/**", "1-1")]
    assert leases.reserve("3-1", "3", ["docs/a.md"], now=5, exclusive=False).conflicts == ()
    assert leases.reserve("1-2", "1", ["src/b.py"], now=5, exclusive=False).conflicts == ()
    assert leases.reserve("4-1", "4", ["src/b.py"], now=10, exclusive=False).conflicts == ()
    assert {one.holder for one in leases.active(10)} == {"2-1", "3-1", "1-2", "4-1"}


def test_released_leases_are_kept_for_later(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    leases.reserve("1-1", "1", ["a", "b"], now=0)
    leases.reserve("1-1", "1", ["c"], now=1)
    leases.reserve("2-1", "2", ["a"], now=2)
    assert [one.paths for one in leases.release("1-1", ["b"])] == [("a", "b")]
    assert [one.paths for one in leases.release("1-1")] == [("c",)]
    assert leases.release("1-1") == []
    assert [one.holder for one in leases.active(3)] == ["2-1"]
    assert len(list((tmp_path / "leases" / "released").iterdir())) == 2
