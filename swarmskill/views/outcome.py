"""What a run and its tasks are called towards the outside."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from swarmskill.core.state import Stage, State, TaskState
from swarmskill.model import Outcome, Phase


class RunOutcome(StrEnum):
    """How a run stands, in one word."""

    RUNNING = "running"
    """It is not over, and a mayor holds it."""
    INTERRUPTED = "interrupted"
    """It is not over, and no mayor holds it: `swarm resume` goes on."""
    COMPLETED = "completed"
    """It is over, and every task completed."""
    STOPPED = "stopped"
    """It was stopped with tasks still open, or its tracker without an answer: `swarm resume` goes on."""
    INCOMPLETE = "incomplete"
    """It is over, no task is open, and at least one did not complete."""


class Status(StrEnum):
    """Where a task is, in the words of task lists and trackers."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    ENDED = "ended"
    """Ended without being completed; the outcome tells why."""


def run_outcome(state: State, *, held: bool = True) -> RunOutcome:
    """How the run stands. `held` tells whether a mayor holds its lock, which no event can tell."""
    if state.stage is not Stage.OVER:
        return RunOutcome.RUNNING if held else RunOutcome.INTERRUPTED
    if state.open or state.owed:
        return RunOutcome.STOPPED
    return RunOutcome.COMPLETED if all_completed(state) else RunOutcome.INCOMPLETE


def exit_code(state: State) -> int:
    """The exit code of `swarm run`: 0 only if every task completed, else 1."""
    return 0 if run_outcome(state) is RunOutcome.COMPLETED else 1


def all_completed(state: State) -> bool:
    """Whether every task completed, in its tracker's eyes, too."""
    return all(task.standing is Outcome.COMPLETED for task in state.tasks.values())


def task_status(task: TaskState) -> Status:
    """The task's phase and outcome in the words of the outside."""
    if task.phase in (Phase.WAITING, Phase.READY):
        return Status.PENDING
    if task.phase is not Phase.ENDED:
        return Status.IN_PROGRESS
    return Status.COMPLETED if task.standing is Outcome.COMPLETED else Status.ENDED


def word(task: TaskState) -> str:
    """Phase or, once ended, outcome: the one word that tells most."""
    return task.standing or task.phase


def tone(task: TaskState) -> str:
    """What the task's look is to tell: its word, but `stalled` and `ready` of workers that do not or not yet work."""
    if task.stalled_since:
        return "stalled"
    return Phase.READY if task.queued else word(task)


def counts(state: State) -> dict[str, int]:
    """How many tasks are completed, in_progress and pending, and how many ended as what else.

    The three are always there, other outcomes only when there are such tasks.
    """
    found = Counter[str]()
    for task in state.tasks.values():
        status = task_status(task)
        found[task.standing or "" if status is Status.ENDED else status] += 1
    always = (Status.COMPLETED, Status.IN_PROGRESS, Status.PENDING)
    others = {
        outcome.value: found[outcome] for outcome in Outcome if found[outcome] and outcome is not Outcome.COMPLETED
    }
    return {status.value: found[status] for status in always} | others


def counts_text(found: dict[str, int]) -> str:
    """The counts that are not 0, as words."""
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items() if count) or "no tasks"


def task_seconds(task: TaskState, now: float) -> float | None:
    """Seconds from the last attempt's assignment to its end, or to `now`; None when there is none to time."""
    if not task.attempt or task_status(task) is Status.PENDING:
        return None
    if task.outcome in (Outcome.SKIPPED, Outcome.CANCELLED):
        return None
    return max(0.0, (task.ended_at if task.phase is Phase.ENDED else now) - task.assigned_at)


def run_seconds(state: State, now: float) -> float:
    """Seconds from the run's start to its end, or to `now`."""
    return max(0.0, (state.ended_at if state.stage is Stage.OVER else now) - state.started_at)
