"""What happened. Each event is one line of the ledger.

`at` is when the mayor learned of it, in seconds since the epoch; the core copies it and compares it
with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from swarmskill.answers import Answer
from swarmskill.config import MemoryLimit, RunConfig
from swarmskill.model import NO_REPORT, NOTHING_USED, AgentReport, Task, Usage, Verdict, WorkerEnd
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEvent(Event):
    """Base of the events about one attempt at one task. Attempts count from 1."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The run was set up: its branch exists and points at `base`, a full commit name.

    `expected` has seconds for tasks that name no estimate, by id, as earlier runs taught.
    """

    run_id: str
    tasks: tuple[Task, ...]
    config: RunConfig
    base: str
    expected: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """A mayor took the run up again. `session` counts the mayors of a run, the first being 1."""

    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested(Event):
    """Somebody wants the run to stop.

    Without `now` workers in flight end and are integrated; with it they are stopped; with `force`
    they are killed and checks are abandoned. Whatever the way, the run can be resumed.
    """

    session: int
    now: bool = False
    force: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKilled(Event):
    """Somebody ended all that a mayor who is gone had left at work: there is nobody now.

    How the workers ended, and all else that is not answered, is for the next mayor to find out.
    """

    session: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged(Event):
    """Somebody changed limits of the run, named as in RunConfig; None leaves one as it is, those `lifted` are gone."""

    max_cost: float | None = None
    max_tokens: int | None = None
    max_workers: int | None = None
    max_workers_per_user: int | None = None
    max_workers_per_repo: int | None = None
    deadline: float | None = None
    timeout: float | None = None
    stall_timeout: float | None = None
    idle_timeout: float | None = None
    max_memory: int | None = None
    lifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRequested(AttemptEvent):
    """Somebody wants an ended task tried again; `attempt` is the last one made.

    Of a completed one that the tracker did not take, only the tracker is told again.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(AttemptEvent):
    """Answers Spawn. `identity` tells this process from a later one of the same `pid`.

    `worktree` is an absolute path, `base` the commit that the worktree started from. `warnings`
    tell what the worktree lacks that the configuration asked for. `memory` is its limit, None for none.
    """

    pid: int
    identity: str
    worktree: str
    base: str
    warnings: tuple[str, ...] = ()
    memory: MemoryLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnFailed(AttemptEvent):
    """Answers Spawn: there is no worker. `permanent` when another try cannot help."""

    reason: str
    permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnQueued(AttemptEvent):
    """The worker cannot start yet: it waits for a slot that is shared with other runs, as `reason` tells.

    It answers nothing.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnWithdrawn(AttemptEvent):
    """Answers Spawn and Recall: there is no worker, as the run no longer wants it to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReported(AttemptEvent):
    """The agent's output so far tells its session, "" if unknown, and what this attempt has used in all.

    It answers nothing.
    """

    session: str = ""
    usage: Usage = NOTHING_USED


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStalled(AttemptEvent):
    """The worker lives, but has shown no progress since then; `nudged` when it was asked how far it is.

    It answers nothing.
    """

    since: float
    nudged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStirred(AttemptEvent):
    """The worker that had shown no progress since then gets on. It answers nothing."""

    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(AttemptEvent):
    """Answers Await: the worker and all its processes are gone.

    `over_memory` names the memory limit for which the kernel killed it, "" if it did not or nobody knows. `hint` is
    a guess at what made it fail.
    """

    end: WorkerEnd
    over_memory: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(AttemptEvent):
    """Answers Await: the worker vanished, and nobody knows how it ended."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated(AttemptEvent):
    """Answers Validate. `commit` holds what the worker left, on top of the attempt's base."""

    verdict: Verdict
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated(AttemptEvent):
    """Answers Integrate: `commit` is on the run branch and the checks passed on its tree.

    `merged` when the branch had moved since the attempt's base.
    """

    commit: str
    merged: bool = False
    verdict: Verdict = Verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationConflicted(AttemptEvent):
    """Answers Integrate: these paths do not merge; nothing was changed."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRejected(AttemptEvent):
    """Answers Integrate: the checks failed on the merged result; nothing was changed."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked(AttemptEvent):
    """Answers Track of the same `call`: what the tracker made of it.

    `again` when an earlier mayor may have called already, so that the tracker may have been told twice.
    """

    call: int
    answer: Answer
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRested(Event):
    """Answers Rest: the wait is over."""

    agent: str
    strikes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedOff(AttemptEvent):
    """Answers BackOff: the wait after this attempt is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarised(Event):
    """Answers Summarise: what the agent says was done and is open, or why it says nothing.

    `report` tells what it used.
    """

    session: int
    text: str
    agent: str = ""
    report: AgentReport = NO_REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised(Event):
    """An agent was asked what a worker had asked by mail: what it says, or the `problem` why it says nothing.

    `question` is the message's id, `task` the asking worker's, `report` tells what the answer used.
    """

    task: str
    question: str
    agent: str
    text: str = ""
    problem: str = ""
    report: AgentReport = NO_REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed(Event):
    """Answers Land: the user's branch now points at `head`. `note` tells of a hook that failed afterwards."""

    head: str
    branch: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingRefused(Event):
    """Answers Land: the user's branch was left alone. `hint` is the command that lands by hand."""

    head: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported(Event):
    """Answers Report: the mayor of this session has nothing left to do."""

    session: int
    path: str
