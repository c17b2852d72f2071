"""`swarm run` with real agent programs in a fresh home, all asking one scripted model; and what the run recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil
import pytest

from swarmskill.core.events import Event, WorkerExited, WorkerReported, WorkerStarted
from swarmskill.errors import Refused
from swarmskill.ledger import read_ledger
from swarmskill.model import WorkerEnd
from swarmskill.places import RunFolder, find_run
from tests.real.agents.live import aim
from tests.real.agents.programs import KEY
from tests.real.harness import Project, Ran
from tests.scripted_model import Request, ScriptedModel, script

E = TypeVar("E", bound=Event)
T = TypeVar("T", bound=Callable[..., Any])

AGENTS = ("claude", "codex", "opencode", "gemini", "qwen", "acp:gemini --acp")
"""Every agent that has a program of its own, and one that is driven by ACP."""

_LIMIT = 150.0

# Prices are the user's own: what a run costs is then known for every model.
_SETTINGS = """\
grace = 2
[prices]
"gpt-*" = { input = 10, cached = 1, output = 20 }
"gemini-*" = { input = 10, cached = 1, output = 20 }
"fake-model" = { input = 10, cached = 1, output = 20 }
"scripted" = { input = 10, cached = 1, output = 20 }
"""


def program_of(agent: str) -> str:
    """The program behind an agent's name: `acp:gemini --acp` is Gemini's."""
    return agent.removeprefix("acp:").split()[0]


def task(name: str, *steps: Any, blocked_by: tuple[str, ...] = (), check: Any = None, **more: Any) -> dict[str, Any]:
    """A task with the script that it is done by: a text, or steps. It is to leave `<name>.txt`."""
    told = steps[0] if steps and isinstance(steps[0], str) else script(*(steps or done(name)))
    return {
        "id": name,
        "subject": f"Write {name}",
        "description": f"Write {name}.txt.\n\n{told}",
        "blockedBy": list(blocked_by),
        "files": [f"{name}.txt", f"{name}-half.txt"],
        "validation": check or {"files_exist": [f"{name}.txt"]},
        **more,
    }


def half(name: str) -> dict[str, Any]:
    """The step of a worker that comes half-way. A file of its own: not every agent overwrites one that it has not read."""
    return {"write": f"{name}-half.txt", "content": "half\n"}


def done(name: str) -> tuple[Any, ...]:
    """The steps of a worker that does its task as its prompt wants it."""
    report = {"detail": f"wrote {name}.txt", "artifacts": [f"{name}.txt"], "files_changed": [f"{name}.txt"]}
    return {"write": f"{name}.txt", "content": "good\n"}, {"report": report}, {"text": f"{name} is done"}


def slow_with(*agents: str) -> Callable[[T], T]:
    """Marks a test that takes a minute or more with some agents: for these it runs only where SWARM_SLOW_AGENTS=1 is set."""

    def mark(test: T) -> T:
        @wraps(test)
        def wrapped(*given: Any, agent: str, **named: Any) -> Any:
            if agent in agents and os.environ.get("SWARM_SLOW_AGENTS") != "1":
                pytest.skip("takes a minute or more: set SWARM_SLOW_AGENTS=1")
            return test(*given, agent=agent, **named)

        return cast("T", wrapped)

    return mark


@dataclass(frozen=True, slots=True)
class Fleet:
    """A project, a home in which some programs ask the model, each under its name as label."""

    project: Project
    model: ScriptedModel
    home: Path

    @classmethod
    def gather(cls, project: Project, model: ScriptedModel, folder: Path, *agents: str) -> Fleet:
        """A home for these agents, and a repository with a commit. Skips the test where a program is absent."""
        environment = aim(folder, model, *dict.fromkeys(map(program_of, agents)))
        home = Path(environment["HOME"])
        settings = home / ".config" / "swarm" / "swarm.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(_SETTINGS, encoding="utf-8")
        named = {name: value for name, value in project.environment.items() if not name.startswith("XDG_")}
        project.environment = {**named, **environment}
        (project.top / "wait.sh").write_text("#!/bin/sh\nexec sleep 987\n")
        (project.top / "wait.sh").chmod(0o755)
        project.commit_all("start")
        return cls(project, model, home)

    def run(self, agent: str, tasks: list[dict[str, Any]], *options: str) -> Ran:
        """Run the tasks to the end. The document is on standard output."""
        return self._checked(self.project.swarm(*self._words(agent, tasks, *options), timeout=_LIMIT))

    def resume(self, *options: str) -> Ran:
        """Go on with the run."""
        return self._checked(self.project.swarm("resume", "--json", *options, timeout=_LIMIT))

    @contextmanager
    def under_way(self, agent: str, tasks: list[dict[str, Any]], *options: str) -> Iterator[subprocess.Popen[str]]:
        """A run at work. Whatever the test leaves of it is killed."""
        words = [sys.executable, "-m", "swarmskill", *self._words(agent, tasks, *options)]
        process = subprocess.Popen(
            words, cwd=self.project.top, env=self.project.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
            for left in self.processes():
                with suppress(psutil.Error):
                    left.kill()

    def settle(self, process: subprocess.Popen[str]) -> Ran:
        """How a run that was under way ended."""
        out, err = process.communicate(timeout=_LIMIT)
        return self._checked(Ran(process.returncode, out, err, 0.0))

    @property
    def folder(self) -> RunFolder:
        """The newest run's."""
        return find_run(self.project.top / ".git")

    def events(self, kind: type[E], task_id: str = "") -> list[E]:
        """The events of one kind in the ledger, about one task or all."""
        recorded = read_ledger(self.folder.ledger).events
        found = [event for event in recorded if isinstance(event, kind)]
        return [event for event in found if not task_id or getattr(event, "task", "") == task_id]

    def ends(self, task_id: str) -> list[WorkerEnd]:
        """How the workers of a task ended, attempt after attempt."""
        return [event.end for event in self.events(WorkerExited, task_id)]

    def sessions(self, task_id: str) -> int:
        """How many conversations a task took."""
        return len({end.report.session for end in self.ends(task_id)})

    def prompt(self, task_id: str) -> str:
        """What the last worker of a task was told."""
        return self.folder.prompt(f"{task_id}-{len(self.ends(task_id))}").read_text(encoding="utf-8")

    def session(self, task_id: str) -> str:
        """In which conversation the last worker of a task did its work, for the table."""
        if not self.prompt(task_id).startswith("# Attempt "):
            return "new session"
        # Gemini goes on in a copy of the conversation, which has an id of its own.
        first, last = self.ends(task_id)[0].report.session, self.ends(task_id)[-1].report.session
        assert last
        return "same session" if first in ("", last) else "copy of the session"

    def troubles(self, task_id: str) -> list[str]:
        """What kept each worker of a task from its work, "" for nothing."""
        return [str(end.report.problem.kind) if end.report.problem else "" for end in self.ends(task_id)]

    def wait_for(self, happened: Callable[[], object]) -> None:
        """Wait for something that the run does, once it has begun."""
        deadline = time.monotonic() + _LIMIT
        while True:
            with suppress(Refused):  # there is no run yet
                if happened():
                    return
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.05)

    def wait_until_at_work(self, task_id: str, *, asked: int = 1) -> None:
        """Wait until the newest worker of a task has told its session, and its model was asked so often by all."""
        self.wait_for(lambda: self.project.top.joinpath(".git/swarm/runs").is_dir() and self.model.requests())
        self.model.await_requests(asked, timeout=_LIMIT)
        self.wait_for(lambda: self.events(WorkerReported, task_id))

    def workers(self) -> list[psutil.Process]:
        """Processes of this run's workers, wherever they hang: known by a variable that only workers have."""
        return [one for one in self.processes() if _variable(one, "SWARM_TASK_ID")]

    def programs(self) -> set[str]:
        """The names of what the workers run."""
        return {one.info["name"] for one in psutil.process_iter(["name"]) if _variable(one, "HOME") == str(self.home)}

    def processes(self) -> list[psutil.Process]:
        """All processes that live in this home."""
        own = os.getpid()
        return [one for one in psutil.process_iter() if one.pid != own and _variable(one, "HOME") == str(self.home)]

    def asked(self, agent: str) -> list[Request]:
        """What an agent's program asked the model for, without lists of models and counts of tokens."""
        return [one for one in self.model.requests(program_of(agent)) if one.asks_model]

    def _words(self, agent: str, tasks: list[dict[str, Any]], *options: str) -> list[str]:
        return ["run", str(self.project.write_tasks(tasks)), "--agent", agent, "--json", *options]

    def _checked(self, ran: Ran) -> Ran:
        """No key stands in any file of any run, and nothing of a worker lives when its run is over."""
        runs = self.project.top / ".git" / "swarm"
        telling = [file for file in runs.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
        assert telling == []
        assert KEY not in ran.stdout + ran.stderr
        assert [one.cmdline() for one in self.workers()] == []
        return ran


def rows(ran: Ran) -> dict[str, dict[str, Any]]:
    """The tasks of a run's document by id."""
    assert ran.stdout, ran.stderr
    return {row["id"]: row for row in ran.document["tasks"]}


def started(fleet: Fleet, task_id: str = "") -> list[WorkerStarted]:
    """The workers that were started."""
    return fleet.events(WorkerStarted, task_id)


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "") if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""
