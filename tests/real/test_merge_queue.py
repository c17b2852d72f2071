"""Whole runs through the command line: what goes on while a slow check holds a merge up, and a kill in its middle."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from swarmskill.core import events as ev
from swarmskill.core.invariants import broken
from swarmskill.core.transitions import fold
from swarmskill.ledger import read_ledger
from swarmskill.model import Outcome
from swarmskill.places import RunFolder, branch_ref, find_run
from swarmskill.repo.integrate import find_integrated
from swarmskill.repo.repository import Repository
from swarmskill.views.attempts import attempts_by_task

ROOT = Path(__file__).resolve().parents[2]

GATE = """\
# Holds the first merge up until so many attempts were accepted.
echo run >> "$SIDE/runs"
[ -e "$SIDE/open" ] && exit 0
until [ "$(grep -c '"type":"validated"' "$SWARM_REPO/.git/swarm/runs/$SWARM_RUN_ID/events.jsonl")" -ge $1 ]; do
  sleep 0.02
done
sleep 0.1
touch "$SIDE/open"
"""

KILLING_GIT = """\
#!/bin/sh
# The run branch's second move is its mayor's last deed.
{git} "$@"
status=$?
case "$*" in *"swarm: integrated"*)
  echo move >> {side}/moves
  [ "$(wc -l < {side}/moves)" -eq 2 ] && kill -9 $PPID ;;
esac
exit $status
"""


class Place:
    """A repository and what is beside it."""

    def __init__(self, folder: Path) -> None:
        self.top, self.side = folder / "repo", folder / "side"
        for new in (self.top, self.side / "bin"):
            new.mkdir(parents=True)
        self.env = {
            "PATH": f"{self.side / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.side),
            "SIDE": str(self.side),
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }
        (self.side / "gate.sh").write_text(GATE)
        (self.top / "README").write_text("start\n")
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "start")

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.top, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def swarm(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "swarmskill", *words]
        return subprocess.run(argv, cwd=self.top, env=self.env, capture_output=True, text=True, check=False, timeout=90)

    def task_list(self, tasks: Sequence[Mapping[str, Any]], check: str) -> Path:
        path = self.side / "tasks.json"
        shared = {"name": "suite", "type": "tests", "tests": check}
        path.write_text(json.dumps({"tasks": tasks, "cross_cutting": [shared]}))
        return path

    @property
    def run(self) -> RunFolder:
        return find_run(self.top / ".git")

    @property
    def events(self) -> tuple[ev.Event, ...]:
        return read_ledger(self.run.ledger).events

    def lines(self, name: str) -> int:
        path = self.side / name
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def writer(name: str, *needs: str) -> dict[str, Any]:
    """A task whose worker writes its file, if what it needs is there; all but t0's wait until a check runs."""
    script = "" if name == "t0" else 'until test -e "$SIDE/runs"; do sleep 0.02; done; '
    script += "".join(f"test -e {need}.txt && " for need in needs) + f"echo {name} > {name}.txt"
    return {
        "id": name,
        "subject": f"Write {name}.txt",
        "files": [f"{name}.txt"],
        "blockedBy": list(needs),
        "run": ["sh", "-c", script],
        "maxRetries": 0,
    }


def first(events: Sequence[ev.Event], kind: type[ev.Event]) -> int:
    return next(index for index, event in enumerate(events) if isinstance(event, kind))


def done_in(events: Sequence[ev.Event]) -> float:
    return events[-1].at - events[0].at


def test_a_slow_check_holds_up_neither_workers_nor_more_than_a_batch(place: Place) -> None:
    names = [f"t{number}" for number in range(9)]
    tasks = [*map(writer, names), writer("last", "t0", "t4", "t8")]
    path = place.task_list(tasks, f"sh {shlex.quote(str(place.side / 'gate.sh'))} 9")
    done = place.swarm("run", str(path), "--max-workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    events = place.events
    state = fold(events)
    assert not broken(state)

    integrated = first(events, ev.Integrated)
    ended = [event for event in events[:integrated] if isinstance(event, ev.WorkerExited)]
    assert len(ended) == 9, "two slots were enough for nine workers while the first merge was being checked"
    assert place.lines("runs") == 3, "one for the first, one for the other eight, one for the last"
    start = next(event for event in events if isinstance(event, ev.WorkerStarted) and event.task == "last")
    there = place.git("ls-tree", "--name-only", start.base).splitlines()
    assert {"t0.txt", "t4.txt", "t8.txt"} <= set(there), "a dependent starts from what holds all its blockers' work"

    on_branch = find_integrated(Repository.open(place.top), state.run_id, state.base)
    assert on_branch == {(name, 1): state.tasks[name].commit for name in [*names, "last"]}
    waits = [attempt.waited_to_merge for own in attempts_by_task(events).values() for attempt in own]
    assert all(waited is not None and 0 < waited < done_in(events) for waited in waits)
    assert "10 accepted attempts waited" in place.run.report.read_text()


def test_a_mayor_that_dies_between_landing_a_batch_and_recording_it(place: Place) -> None:
    names = [f"t{number}" for number in range(5)]
    tasks = [*map(writer, names), writer("last", *names)]
    path = place.task_list(tasks, f"sh {shlex.quote(str(place.side / 'gate.sh'))} 5")
    script = place.side / "bin" / "git"
    real = shutil.which("git", path=os.environ["PATH"])
    script.write_text(KILLING_GIT.format(git=real, side=shlex.quote(str(place.side))))
    script.chmod(0o755)
    killed = place.swarm("run", str(path))
    assert killed.returncode == -9, killed.stdout + killed.stderr
    state = fold(place.events)
    recorded = [name for name, task in state.tasks.items() if task.commit]
    landed = find_integrated(Repository.open(place.top), state.run_id, state.base)
    assert (len(recorded), len(landed)) == (1, 5), "four are on the branch, and nobody has noted it"

    resumed = place.swarm("resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    state = fold(place.events)
    assert not broken(state)
    assert {task.outcome for task in state.tasks.values()} == {Outcome.COMPLETED}
    told = [event.task for event in place.events if isinstance(event, ev.Integrated)]
    assert sorted(told) == ["last", *names], "each once"
    subjects = place.git("log", "--format=%s", f"{state.base}..{branch_ref(state.run_id)}").splitlines()
    assert sorted(subjects) == sorted(f"Write {name}.txt" for name in [*names, "last"])
    assert place.git("rev-parse", "main") == place.git("rev-parse", branch_ref(state.run_id)), "and all is landed"
