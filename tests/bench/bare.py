"""Runs no-op tasks through core, ledger and keeper, without a repository: `python -m tests.bench.bare FOLDER SHAPE N P`.

`swarm run` always has a repository; this is its loop with the work of git left out. Every event is on the disk
before anything follows from it, and the workers would outlive this process, as in a run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from swarmskill.backends.base import Job, JobEnd, Started
from swarmskill.backends.process import ProcessBackend
from swarmskill.config import Land, RunConfig
from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import State
from swarmskill.ledger import Holder, Ledger
from swarmskill.mayor.loop import Mayor
from swarmskill.mayor.performer import STARTERS
from swarmskill.model import Outcome, Task, Verdict, WorkerEnd
from swarmskill.places import RunFolder, attempt_key

_COMMIT = "0" * 40


class Silent:
    """Watches, and tells nobody."""

    frame = 1.0

    def event(self, event: ev.Event, state: State) -> None: ...

    def say(self, line: str) -> None: ...

    def tick(self, state: State) -> None: ...


class WithoutGit:
    """Performs Spawn and Await as in a run, and accepts whatever comes."""

    def __init__(self, folder: RunFolder, backend: ProcessBackend, receive: Callable[[ev.Event], None]) -> None:
        self._folder = folder
        self._backend = backend
        self._receive = receive
        self._lane = ThreadPoolExecutor(STARTERS)

    def perform(self, effect: ef.Effect, state: State) -> None:
        now = time.time()
        match effect:
            case ef.Spawn():
                self._lane.submit(self._spawn, effect, state.graph.task(effect.task))
            case ef.Await(task=task, attempt=attempt):
                end = self._backend.end(attempt_key(task, attempt), Started(effect.pid, effect.identity))
                end.add_done_callback(lambda done: self._over(task, attempt, done))
            case ef.Validate(task=task, attempt=attempt):
                self._receive(ev.Validated(at=now, task=task, attempt=attempt, verdict=Verdict(), commit=_COMMIT))
            case ef.Integrate(task=task, attempt=attempt):
                self._receive(ev.Integrated(at=now, task=task, attempt=attempt, commit=_COMMIT))
            case ef.Report(session=session):
                self._receive(ev.Reported(at=now, session=session, path=""))
            case _:
                raise AssertionError(effect)

    def recorded(self, event: ev.Event, state: State) -> None: ...

    def _spawn(self, effect: ef.Spawn, task: Task) -> None:
        key = attempt_key(effect.task, effect.attempt)
        job = Job(
            name=key, argv=task.run, cwd=self._folder.path, env={"PATH": os.environ["PATH"]}, log=self._folder.log(key)
        )
        job.log.parent.mkdir(exist_ok=True)
        started = self._backend.start(job)
        where = {"pid": started.pid, "identity": started.identity, "worktree": str(self._folder.path)}
        self._receive(ev.WorkerStarted(at=time.time(), task=effect.task, attempt=effect.attempt, base=_COMMIT, **where))

    def _over(self, task: str, attempt: int, done: Future[JobEnd]) -> None:
        end = done.result()
        told = WorkerEnd(ending=end.ending, exit_code=end.exit_code, started_at=end.started_at, ended_at=end.ended_at)
        self._receive(ev.WorkerExited(at=time.time(), task=task, attempt=attempt, end=told))


def tasks_of(shape: str, count: int) -> tuple[Task, ...]:
    """No-op tasks, each after the one before (`chain`) or all at once (`wide`)."""
    return tuple(
        Task(
            id=str(n),
            subject=f"task {n}",
            run=("/bin/true",),
            blocked_by=(str(n - 1),) if shape == "chain" and n else (),
        )
        for n in range(count)
    )


def main(place: str, shape: str, count: str, workers: str) -> None:
    """Run them; raises if one of them did not complete."""
    folder = RunFolder(Path(place).absolute() / "20260101-000000-bare-run")
    config = RunConfig(max_workers=int(workers), land=Land.NEVER)
    first = ev.RunStarted(
        at=time.time(), run_id=folder.run_id, tasks=tasks_of(shape, int(count)), config=config, base=_COMMIT
    )
    holder = Holder(pid=os.getpid(), identity="", host="", since=0.0)
    with Ledger(folder, holder) as ledger, closing(ProcessBackend(folder.keeper)) as backend:
        ledger.recover()
        backend.open()
        mayor = Mayor(book=ledger, watcher=Silent(), requests=lambda: ())
        state = mayor.run(WithoutGit(folder, backend, mayor.receive), [first])
    assert all(task.outcome is Outcome.COMPLETED for task in state.tasks.values())


if __name__ == "__main__":
    main(*sys.argv[1:])
