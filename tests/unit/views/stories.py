"""Builds states the only way they come to be: by folding events through the core."""

from __future__ import annotations

from pathlib import Path

from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.config import RunConfig
from swarmskill.lineage import Kin, Relative
from swarmskill.model import (
    NOTHING_USED,
    AgentReport,
    CheckKind,
    CheckResult,
    Claim,
    Ending,
    Problem,
    Task,
    Trouble,
    Usage,
    Verdict,
    WorkerEnd,
    WorkerResult,
)
from swarmskill.places import RunFolder
from swarmskill.views.base import View
from swarmskill.views.kinship import Family

NOON = 1_795_262_400.0
"""2026-11-21 12:00:00 UTC."""

RUN = "20261121-1200-brave-otter"
BASE = "ba5e" * 10


def commit(number: int) -> str:
    """A full commit name that is easy to tell from others."""
    return f"{number:02d}c0ffee" * 5


class Story:
    """A run that is told event by event; `wait` lets time pass. Views that are given see each event."""

    def __init__(self, *tasks: Task, views: tuple[View, ...] = (), **config: object) -> None:
        self.now = NOON
        self.state: State = EMPTY
        self.events: list[ev.Event] = []
        self.views = views
        self._commits = 0
        settings = RunConfig(branch="main", **config)  # type: ignore[arg-type]
        self.tell(ev.RunStarted(at=self.now, run_id=RUN, tasks=tasks, config=settings, base=BASE))

    def tell(self, event: ev.Event) -> Story:
        """Fold any event."""
        self.events.append(event)
        self.state, _ = step(self.state, event)
        for view in self.views:
            view.saw(event, self.state)
        return self

    def wait(self, seconds: float) -> Story:
        """Let time pass."""
        self.now += seconds
        return self

    def attempt(self, task: str) -> int:
        """The task's current attempt."""
        return self.state.tasks[task].attempt

    def starts(self, *tasks: str) -> Story:
        """Workers start."""
        for task in tasks:
            attempt, place = self.attempt(task), self.state.tasks[task].place
            fresh = f"/repo/.swarm/worktrees/{RUN}/{task}-{attempt}"
            self.tell(
                ev.WorkerStarted(
                    at=self.now,
                    task=task,
                    attempt=attempt,
                    pid=4000 + len(self.events),
                    identity="boot",
                    worktree=place.worktree if place else fresh,
                    base=place.base if place else self.state.head,
                )
            )
        return self

    def spends(self, task: str, usage: Usage, session: str = "") -> Story:
        """A worker's output tells what it has used so far."""
        event = ev.WorkerReported(at=self.now, task=task, attempt=self.attempt(task), session=session, usage=usage)
        return self.tell(event)

    def exits(
        self,
        task: str,
        code: int = 0,
        *,
        ending: Ending = Ending.EXITED,
        says: str = "",
        blocked: bool = False,
        usage: Usage = NOTHING_USED,
        **report: object,
    ) -> Story:
        """A worker ends; `report` is the rest of what its agent told."""
        worker = self.state.tasks[task].worker
        assert worker is not None, f"{task} has no worker"
        status = Claim.BLOCKED if blocked else Claim.DONE
        end = WorkerEnd(
            ending=ending,
            exit_code=code,
            started_at=worker.started_at,
            ended_at=self.now,
            result=WorkerResult(status=status, detail=says) if says else None,
            report=AgentReport(usage=usage, **report),  # type: ignore[arg-type]
        )
        return self.tell(ev.WorkerExited(at=self.now, task=task, attempt=self.attempt(task), end=end))

    def is_refused(self, task: str, kind: Trouble = Trouble.RATE_LIMIT, detail: str = "429", **report: object) -> Story:
        """A worker ends because of its agent's service."""
        return self.exits(task, 1, problem=Problem(kind, detail), **report)  # type: ignore[arg-type]

    def rests(self, agent: str) -> Story:
        """The rest of an agent is over."""
        gate = self.state.gates[agent]
        self.now = max(self.now, gate.until)
        return self.tell(ev.GateRested(at=self.now, agent=agent, strikes=gate.strikes))

    def passes(self, task: str) -> Story:
        """The checks pass."""
        self._commits += 1
        return self.tell(
            ev.Validated(
                at=self.now, task=task, attempt=self.attempt(task), verdict=Verdict(), commit=commit(self._commits)
            )
        )

    def breaks(self, task: str, detail: str, *, kind: CheckKind = CheckKind.TESTS, output: str = "") -> Story:
        """A check fails."""
        self._commits += 1
        failed = CheckResult(kind, "pytest -q", passed=False, detail=detail, output=output, log="/run/checks/1.log")
        return self.tell(
            ev.Validated(
                at=self.now,
                task=task,
                attempt=self.attempt(task),
                verdict=Verdict(failed=failed),
                commit=commit(self._commits),
            )
        )

    def merges(self, task: str, *, moved: bool = False) -> Story:
        """The accepted attempt is integrated."""
        self._commits += 1
        return self.tell(
            ev.Integrated(
                at=self.now, task=task, attempt=self.attempt(task), commit=commit(self._commits), merged=moved
            )
        )

    def completes(self, *tasks: str, seconds: float = 2.0) -> Story:
        """Workers start, end, pass and are integrated, one after the other."""
        for task in tasks:
            self.starts(task).wait(seconds).exits(task).passes(task).merges(task)
        return self

    def fails(self, task: str, code: int = 1) -> Story:
        """Attempts end with an exit code until the task has ended."""
        while self.state.open >> self.state.graph.rank[task] & 1:
            self.starts(task).wait(1).exits(task, code)
        return self

    def lands(self) -> Story:
        """The user's branch is moved."""
        return self.tell(ev.Landed(at=self.now, head=self.state.head, branch="main"))

    def reports(self) -> Story:
        """The run is over."""
        return self.tell(ev.Reported(at=self.now, session=self.state.session, path="/run/report.md"))


def login(*, views: tuple[View, ...] = (), **config: object) -> Story:
    """The five tasks that the skill's documentation uses."""
    return Story(
        Task(id="1", subject="User model", files=("app/user.py",)),
        Task(id="2", subject="Password hashing", blocked_by=("1",), files=("app/password.py",)),
        Task(id="3", subject="Login endpoint", blocked_by=("1",), files=("app/login.py",)),
        Task(id="4", subject="Tokens", blocked_by=("3",)),
        Task(id="5", subject="Tests", blocked_by=("2", "4")),
        views=views,
        **config,
    )


def alone(story: Story) -> Family:
    """The story's run as a family without children."""
    kin = Kin(RunFolder(Path("/repo/.git/swarm/runs") / RUN))
    return Family.of([Relative(kin, tuple(story.events), story.state, held=True)])
