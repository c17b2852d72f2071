"""What is to be done. Each effect is answered by exactly one event, named in its docstring.

All are idempotent: after a crash the unanswered ones are performed again, and performing one whose
deed was done already only finds this out and answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarmskill.model import Feedback, WorkerEnd


@dataclass(frozen=True, slots=True)
class Effect:
    """Base of all effects."""


@dataclass(frozen=True, slots=True)
class AttemptEffect(Effect):
    """Base of the effects about one attempt at one task."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Spawn(AttemptEffect):
    """Start a worker in its own worktree: WorkerStarted or SpawnFailed."""

    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Await(AttemptEffect):
    """Wait for the worker's end: WorkerExited or WorkerLost."""

    pid: int
    identity: str
    worktree: str


@dataclass(frozen=True, slots=True)
class Kill(AttemptEffect):
    """End the worker. Answered by the event that answers its Await, sooner."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class Validate(AttemptEffect):
    """Make the task's checks on the worktree: Validated."""

    worktree: str
    base: str
    end: WorkerEnd


@dataclass(frozen=True, slots=True)
class Integrate(AttemptEffect):
    """Bring the commit onto the run branch: Integrated, IntegrationConflicted or IntegrationRejected."""

    commit: str
    base: str


@dataclass(frozen=True, slots=True)
class Land(Effect):
    """Move the user's branch to `head`: Landed or LandingRefused."""

    head: str


@dataclass(frozen=True, slots=True)
class Report(Effect):
    """Write the report: Reported."""

    session: int
