"""One real worker held by the process backend, as in a run: until it is killed, and with all that it started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from swarmskill.agents.account import Account
from swarmskill.agents.base import Agent, Assignment
from swarmskill.agents.environment import worker_environment
from swarmskill.backends.base import Job, JobEnd, Started
from swarmskill.backends.process import ProcessBackend
from swarmskill.model import AgentReport, Ending

_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Held:
    """A worker at work."""

    agent: Agent
    backend: ProcessBackend
    job: Job
    started: Started

    def family(self) -> list[psutil.Process]:
        """The worker's process and all that it started, as far as they still live."""
        try:
            first = psutil.Process(self.started.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def log(self) -> str:
        """What it has printed."""
        return self.job.log.read_text(encoding="utf-8", errors="replace") if self.job.log.exists() else ""

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Wait for something that the worker does. Fails with its log if that does not happen."""
        deadline = time.monotonic() + _LIMIT
        while not happened():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def kill(self, *, force: bool) -> JobEnd:
        """End it; returns when the backend says that it is gone."""
        end = self.backend.end(self.job.name, self.started)
        self.backend.kill(self.job.name, force=force)
        return end.result(_LIMIT)

    def report(self, end: JobEnd) -> AgentReport:
        """What its output tells, had it been ended for its silence."""
        account = Account(self.agent.reader(), {})
        account.read(self.log().split("\n"))
        return account.close(Ending.STALLED, end.exit_code)


@contextmanager
def held(agent: Agent, assignment: Assignment, environment: Mapping[str, str], folder: Path) -> Iterator[Held]:
    """Start the agent's own call. Whatever the test leaves is killed."""
    call = agent.invocation(assignment)
    env = worker_environment(environment, allow=None, extra=call.env)
    log = folder / "worker.log"
    job = Job(
        name="w", argv=call.argv, cwd=assignment.worktree, env=env, log=log, stdin=call.stdin, grace=2.0, survives=False
    )
    backend = ProcessBackend(folder / "keeper")
    backend.open()
    try:
        yield Held(agent, backend, job, backend.start(job))
    finally:
        backend.close()
