"""Two runs of one user that share a limit, seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess

from tests.cli.conftest import Said, User, task, waits, writes

ONE = {"SWARM_MAX_WORKERS_PER_USER": "1", "SWARM_GRACE": "0.3"}


def _first(user: User) -> subprocess.Popen[bytes]:
    """A run whose only worker has the only slot, until a gate opens."""
    first = user.start("run", user.tasks(task("slow", waits(user.gate()), files=["y"])), **ONE)
    user.until_running("slow")
    return first


def _second(user: User, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """Another run, once its only worker waits for that slot."""
    path = user.base / "second.json"
    path.write_text(json.dumps([task("late", writes("z"), files=["z"])]))
    second = user.start("run", str(path), "--land", "never", *words, **ONE, **environment)
    user.until(lambda: len(user.runs()) == 2 and "spawn_queued" in _ledger(user))
    return second


def _ledger(user: User) -> str:
    path = user.folder_of() / "events.jsonl"
    return path.read_text() if path.exists() else ""


def test_a_start_over_the_users_limit_waits_and_starts_when_a_worker_ends(user: User) -> None:
    first = _first(user)
    second = _second(user)
    assert "waits for a slot of this user (1 of 1 in use)" in user.swarm("status").out
    assert "worker waits for a slot of this user (1 of 1 in use)" in user.swarm("why", "late").out
    assert '"worker_started"' not in _ledger(user)
    user.gate().touch()
    assert [user.finish(first).code, user.finish(second).code] == [0, 0]


def test_a_killed_run_frees_its_share(user: User) -> None:
    first = _first(user)
    second = _second(user)
    holder = json.loads((user.folder_of(0) / "keeper" / "address").read_text())["pid"]
    for pid in (first.pid, holder):
        os.kill(pid, signal.SIGKILL)
    said = user.finish(second)
    assert (said.code, "queued    late: waits for a slot of this user (1 of 1 in use)" in said.out) == (0, True)
    first.communicate()
    user.swarm("kill", user.runs()[0])


def test_a_worker_keeps_its_slot_when_its_mayor_is_killed(user: User) -> None:
    first = _first(user)
    first.kill()
    first.communicate()
    second = _second(user)
    assert '"worker_started"' not in _ledger(user)
    user.gate().touch()
    assert user.finish(second).code == 0


def test_a_stop_gives_up_what_waits_for_a_slot(user: User) -> None:
    first = _first(user)
    second = _second(user)
    user.swarm("stop")
    stopped: Said = user.finish(second)
    assert (stopped.code, "stopped" in stopped.out) == (1, True)
    user.gate().touch()
    assert user.finish(first).code == 0
    assert user.swarm("resume", **ONE).code == 0


def test_a_child_run_has_a_worker_though_its_parent_has_the_only_slot(user: User) -> None:
    inner = user.base / "inner.json"
    inner.write_text(json.dumps([task("one", writes("i"), files=["i"]), task("two", writes("j"), files=["j"])]))
    settings = user.home / ".config" / "swarm" / "swarm.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("max_workers_per_user = 1\n")
    child = f'(cd "{user.top}" && swarm run {inner} --land never > "{user.base}/child.log" 2>&1) && echo done > out'
    said = user.swarm("run", user.tasks(task("outer", ["sh", "-c", child], files=["out"])))
    assert said.code == 0, said.out + (user.base / "child.log").read_text()
    assert len(user.runs()) == 2
    assert "waits for" in (user.base / "child.log").read_text()  # one worker at a time is all it may have
