"""The attempts at a task, put together from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.model import NO_REPORT, NOTHING_USED, AgentReport, CheckResult, Usage, WorkerEnd
from swarmskill.records import dataclass
from swarmskill.views.events import event_text
from swarmskill.views.follow import last_lines
from swarmskill.views.marks import safe_lines


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a task, as far as it came.

    `work` is the commit of what the worker left, `commit` the one on the run branch. `failed` is the
    check that decided against it, `problem` why it was not taken in words. Times are 0 when not reached.
    `usage` is what it has used, as far as its agent told. `continued` tells that it went on in the worktree of
    the attempt before, `resumed` that it went on with the session of that one, too. `checks` are those of the task
    that were made, without their output.
    """

    number: int
    worktree: str = ""
    base: str = ""
    pid: int = 0
    started_at: float = 0.0
    end: WorkerEnd | None = None
    failed: CheckResult | None = None
    work: str = ""
    commit: str = ""
    problem: str = ""
    validated_at: float = 0.0
    decided_at: float = 0.0
    session: str = ""
    usage: Usage = NOTHING_USED
    continued: bool = False
    resumed: bool = False
    checks: tuple[CheckResult, ...] = ()

    @property
    def report(self) -> AgentReport:
        """What the agent's own output told, once the worker has ended."""
        return self.end.report if self.end else NO_REPORT

    @property
    def told(self) -> bool:
        """Whether the agent told anything of its own work, as programs that are no agents never do."""
        report = self.report
        return bool(self.session or self.usage.tokens or report.model or report.problem or report.denied)

    def output(self, log: Path, most: int) -> list[str]:
        """The last lines of what shows best why it was not taken: the failed check's output, else the log.

        None where the agent's own words tell it: its log is a stream for programs.
        """
        if self.failed is not None:
            return safe_lines(self.failed.output)[-most:]
        if not self.problem or self.end is None or self.report.problem is not None:
            return []
        return safe_lines("\n".join(last_lines(log, most)))

    @property
    def waited_to_merge(self) -> float | None:
        """Seconds from accepted to integrated or refused; None when it did not come to that."""
        if not self.validated_at or not self.decided_at:
            return None
        return self.decided_at - self.validated_at


def task_events(events: Iterable[ev.Event], task_id: str) -> list[ev.AttemptEvent]:
    """The events about one task."""
    return [event for event in events if isinstance(event, ev.AttemptEvent) and event.task == task_id]


def attempts_of(events: Iterable[ev.Event], task_id: str) -> list[Attempt]:
    """All attempts at a task, first to last. An event that comes twice changes nothing."""
    found: dict[int, Attempt] = {}
    for event in task_events(events, task_id):
        if isinstance(event, ev.RetryRequested | ev.Tracked):
            continue
        attempt = found.get(event.attempt, Attempt(event.attempt))
        found[event.attempt] = _after(attempt, event)
    return _joined([found[number] for number in sorted(found)])


def attempts_by_task(events: Iterable[ev.Event]) -> dict[str, list[Attempt]]:
    """The attempts at all tasks, by task id, in one pass over the events."""
    grouped: dict[str, list[ev.Event]] = {}
    for event in events:
        if isinstance(event, ev.AttemptEvent):
            grouped.setdefault(event.task, []).append(event)
    return {task_id: attempts_of(own, task_id) for task_id, own in grouped.items()}


def attempt_agents(state: State, events: Sequence[ev.Event]) -> dict[tuple[str, int], str]:
    """The agent of each attempt that had a worker, by task id and number of the attempt.

    A task stays with its agent, unless a person asks for another try and the pool has several.
    """
    started = [event for event in events if isinstance(event, ev.WorkerStarted)]
    if len(state.config.pool) == 1 or not any(isinstance(event, ev.RetryRequested) for event in events):
        return {(event.task, event.attempt): state.tasks[event.task].agent for event in started}
    found: dict[tuple[str, int], str] = {}
    now = EMPTY
    for event in events:
        now, _ = step(now, event)
        if isinstance(event, ev.WorkerStarted):
            found.setdefault((event.task, event.attempt), now.tasks[event.task].agent)
    return found


def _joined(attempts: list[Attempt]) -> list[Attempt]:
    """The attempts, each knowing whether it went on where the one before ended."""
    joined = attempts[:1]
    for before, attempt in pairwise(attempts):
        continued = bool(attempt.worktree) and attempt.worktree == before.worktree
        resumed = continued and bool(attempt.session) and attempt.session == before.session
        joined.append(replace(attempt, continued=continued, resumed=resumed))
    return joined


def _after(attempt: Attempt, event: ev.AttemptEvent) -> Attempt:
    match event:
        case ev.WorkerStarted():
            return replace(attempt, worktree=event.worktree, base=event.base, pid=event.pid, started_at=event.at)
        case ev.WorkerExited():
            report = event.end.report
            clean = event.end.exit_code == 0 and event.end.ending == "exited" and report.problem is None
            problem, session = "" if clean else event_text(event), report.session or attempt.session
            return replace(attempt, end=event.end, problem=problem, session=session, usage=report.usage)
        case ev.WorkerReported():
            return replace(attempt, session=event.session or attempt.session, usage=event.usage)
        case ev.Validated():
            failed = event.verdict.failed
            problem = event_text(event) if failed else ""
            at = 0.0 if failed else event.at
            checks = event.verdict.checks
            return replace(attempt, work=event.commit, failed=failed, problem=problem, validated_at=at, checks=checks)
        case ev.Integrated():
            return replace(attempt, commit=event.commit, decided_at=event.at)
        case ev.IntegrationRejected():
            failed, checks = event.verdict.failed, (*attempt.checks, *event.verdict.checks)
            return replace(attempt, failed=failed, problem=event_text(event), decided_at=event.at, checks=checks)
        case ev.IntegrationConflicted():
            return replace(attempt, problem=event_text(event), decided_at=event.at)
        case ev.WorkerStalled() | ev.WorkerStirred() | ev.SpawnQueued() | ev.BackedOff():
            return attempt  # what may still turn out well, or is over
        case _:
            return replace(attempt, problem=event_text(event))
