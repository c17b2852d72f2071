"""A worker that starts a run of its own: seen, followed, stopped and killed with the run that it belongs to."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.processes import LINUX
from tests.cli.conftest import User, task, waits

SWARM = f"'{sys.executable}' -m swarmskill"


def nested(user: User, *, detached: bool = False) -> str:
    """A task file whose one task starts a run of two, the second of which waits for the first."""
    inner = user.base / "inner.json"
    last = ["sh", "-c", "echo z > z"]
    tasks = [task("first", waits(user.gate())), task("second", last, blockedBy=["first"])]
    inner.write_text(json.dumps({"tasks": tasks}))
    how = f"--detach && until [ -e '{user.gate()}' ]; do sleep 0.02; done" if detached else ""
    return user.tasks(task("outer", ["sh", "-c", f"{SWARM} run '{inner}' {how}"], allow_empty=True))


def until_nested(user: User) -> tuple[str, str]:
    """The ids of the outer and the inner run, once the inner one has a worker."""
    user.until(lambda: len(user.runs()) == 2, 60)
    user.until_running("first")
    outer, inner = user.runs()
    return outer, inner


def outcome(user: User, run: str) -> Any:
    return user.swarm("status", run, "--json").document["outcome"]


def left_in(base: Path) -> list[str]:
    """Command lines of all processes that work below the folder, or were told of it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "environ").read_bytes()
            if f"HOME={base}/home".encode() in told.split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if line]


def test_a_nested_run_is_stopped_from_its_parent_and_goes_on_with_it(user: User) -> None:
    run = user.start("run", nested(user))
    outer, inner = until_nested(user)

    assert user.swarm("status", "--json").document["run_id"] == outer, "RUN is the newest that no worker started"
    tree = user.swarm("tree", "--json").document
    assert [child["run_id"] for child in tree["tasks"][0]["runs"]] == [inner]
    shown = user.swarm("tree").lines
    assert shown[2].startswith("└─ run RUN  running, 0 of 2 tasks")
    assert shown[3].startswith("   └─ ● first  Do first  running")

    said = user.swarm("stop", "--json").document
    assert said == {"run_id": outer, "detail": "it stops when its workers have finished", "passed_on_to": [inner]}
    stopping = lambda: user.swarm("status", inner, "--json").document["stop_reason"]  # noqa: E731
    assert user.until(stopping, 60) == f"with run {outer}"
    user.gate().touch()
    assert user.finish(run).code == 1
    assert [outcome(user, outer), outcome(user, inner)] == ["stopped", "stopped"]
    row = user.swarm("status", inner, "--json").document["tasks"]
    assert [one["outcome"] for one in row] == ["completed", None], "what was in flight was finished, nothing began"

    assert user.swarm("resume").code == 0
    assert len(user.runs()) == 2, "the worker went on with its own run"
    assert [outcome(user, outer), outcome(user, inner)] == ["completed", "completed"]
    rows = user.swarm("report").out.partition("## Runs that its workers started")[2].partition("\n## ")[0]
    assert "| RUN | RUN | outer | completed | 2 tasks: 2 completed |" in rows
    report = (user.folder_of(0) / "report.md").read_text()
    assert f"| {inner} | {outer} | outer | completed | 2 tasks: 2 completed |" in report, "its own mayor's, too"

    lines = user.swarm("events", "--descendant-of", outer, "--type", "task.integrated").lines
    assert [line.split()[2] for line in lines] == ["first", "second", "outer"]
    told = user.swarm("events", "--descendant-of", outer, "--type", "task.*", "--task", "second", "--json").document
    assert {event["run_id"] for event in told["events"]} == {inner}


def test_following_a_family_tells_of_a_run_that_begins_meanwhile(user: User) -> None:
    tasks = nested(user)
    begun = user.swarm("run", user.tasks(task("wait", waits(user.gate("early"))), task_of(tasks)), "--detach", "--json")
    outer = begun.document["run_id"]
    follow = user.start("events", "--follow", "--json", "--descendant-of", outer, "--type", "*.worker_started")
    until_nested(user)
    user.gate().touch()
    user.gate("early").touch()
    lines = [json.loads(line) for line in user.finish(follow).raw.splitlines()]
    inner = user.runs()[1]
    assert [event["task"] for event in lines if event["run_id"] == inner] == ["first", "second"]
    assert sorted(event["task"] for event in lines if event["run_id"] == outer) == ["outer", "wait"]


def task_of(path: str) -> dict[str, Any]:
    (found,) = json.loads(Path(path).read_text())["tasks"]
    return dict(found)


@pytest.mark.skipif(not LINUX, reason="/proc tells who is left")
@pytest.mark.parametrize("detached", [False, True])
def test_kill_leaves_no_orphan_of_any_run(user: User, detached: bool) -> None:
    run = user.start("run", nested(user, detached=detached))
    outer, inner = until_nested(user)
    assert len(left_in(user.base)) >= 4, "the look finds mayors, keepers and workers"
    said = user.swarm("kill", "--json").document
    assert said["passed_on_to"] == [inner]
    assert user.finish(run).code == 1
    deadline = time.monotonic() + 30
    while (left := left_in(user.base)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert outcome(user, outer) == "stopped"
    child = user.swarm("status", inner, "--json").document
    assert (child["outcome"], child["stop_reason"]) == ("stopped", f"with run {outer}"), "whoever could still tell it"
    assert "running" not in {one["phase"] for one in child["tasks"]}
    user.gate().touch()
    assert user.swarm("resume").code == 0, "what was killed can go on"
    if not detached:  # one that is detached ends with its worker at the latest, and that does not wait for it
        assert outcome(user, inner) == "completed"


@pytest.mark.skipif(not LINUX, reason="/proc tells who is left")
def test_kill_ends_the_child_of_a_run_whose_mayor_is_gone(user: User) -> None:
    run = user.start("run", nested(user))
    _, inner = until_nested(user)
    run.kill()
    user.finish(run)
    assert user.swarm("kill", "--json").document["passed_on_to"] == [inner]
    user.until(lambda: not left_in(user.base), 60)
    assert [outcome(user, run) for run in user.runs()] == ["stopped", "stopped"], "though no mayor was left to tell"
    user.gate().touch()
    assert user.swarm("resume").code == 0, "what was killed can go on"
