"""What is to be done. Each effect is answered by exactly one event, named in its docstring.

All are idempotent: after a crash the unanswered ones are performed again, and performing one whose
deed was done already only finds this out and answers.
"""

from __future__ import annotations

from swarmskill.model import Feedback, Outcome, WorkerEnd
from swarmskill.records import dataclass


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
    """Start a worker of `agent` in its own worktree: WorkerStarted, SpawnFailed or SpawnWithdrawn.

    It goes on in `worktree`, which started from `base`, and with the conversation `session`, where they
    are set. `max_cost` is what it may spend, in US dollars.
    """

    feedback: Feedback | None = None
    agent: str = ""
    worktree: str = ""
    base: str = ""
    session: str = ""
    max_cost: float | None = None


@dataclass(frozen=True, slots=True)
class Recall(AttemptEffect):
    """Give a start up that still waits for a slot: WorkerStarted, SpawnFailed or SpawnWithdrawn.

    It shares its answer with the Spawn, and does nothing to a worker.
    """


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
class Track(AttemptEffect):
    """Tell the run's tracker how the task ended: Tracked. `call` counts how often it was to be told of this task."""

    call: int
    outcome: Outcome
    commit: str
    detail: str


@dataclass(frozen=True, slots=True)
class Rest(Effect):
    """Wait until `until` (seconds since the epoch) before workers of this agent start again: GateRested."""

    agent: str
    strikes: int
    until: float


@dataclass(frozen=True, slots=True)
class BackOff(AttemptEffect):
    """Wait until `until` (seconds since the epoch) before the task, whose attempt failed, is tried again: BackedOff."""

    until: float


@dataclass(frozen=True, slots=True)
class Summarise(Effect):
    """Ask the agent once, without tools, what was done and what is open: Summarised."""

    session: int
    agent: str


@dataclass(frozen=True, slots=True)
class Land(Effect):
    """Move the user's branch to `head`: Landed or LandingRefused."""

    head: str


@dataclass(frozen=True, slots=True)
class Report(Effect):
    """Write the report: Reported."""

    session: int
