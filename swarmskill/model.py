"""The nouns: what a task is, what a worker claims, what we saw, what we judged.

Everything here is frozen data. Times are seconds (durations) or seconds since the epoch (`*_at`), sizes are bytes,
paths are POSIX paths relative to the repository's top unless named otherwise, commits are full object names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Final

from swarmskill.records import dataclass

DEFAULT_PRIORITY = 2
"""Priority of a task that names none: the middle of the 0 (first) to 4 scale that trackers use."""


class CheckKind(StrEnum):
    """What a check looks at. The first seven come from the task, the others are always made."""

    FILES_EXIST = "files_exist"
    CONTENT_CHECK = "content_check"
    LINT = "lint"
    TESTS = "tests"
    COMMAND = "command"
    CUSTOM = "custom"
    CROSS_CUTTING = "cross_cutting"
    EXIT = "exit"
    """The worker ended with an exit code other than 0."""
    TIMEOUT = "timeout"
    """The worker ran past its time limit."""
    STALLED = "stalled"
    """The worker showed no progress for as long as the idle limit: no output, no change in its worktree."""
    MEMORY = "memory"
    """The kernel killed the worker for going over its memory limit."""
    CLAIM = "claim"
    """The worker's result file cannot be read, or contradicts what we see."""
    ISOLATION = "isolation"
    """The worker changed the main checkout instead of keeping to its worktree."""
    EMPTY = "empty"
    """Nothing changed, and the task has no check that could prove this right."""
    SCOPE = "scope"
    """The diff leaves the task's manifest."""
    MARKERS = "markers"
    """The diff adds conflict markers."""
    SIZE = "size"
    """The diff adds a file over the size limit."""
    SECRETS = "secrets"
    """The diff adds something that looks like a credential."""
    WORKTREE = "worktree"
    """The worktree cannot be taken as the worker left it."""


CHECK_ORDER: Final = tuple(CheckKind)[:7]
"""The order in which a task's checks are made, cheapest first; those of one kind stay in the task file's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition that a task's result must meet.

    `kind` FILES_EXIST uses `paths`; CONTENT_CHECK uses `paths` (one file) and `patterns` (regular
    expressions, all must be found); every other kind runs `command` and wants exit code 0.
    `cross_cutting` marks checks of the run-wide list, which are made on the merged result.
    """

    kind: CheckKind
    name: str
    paths: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    command: str = ""
    shell: bool = False
    timeout: float = 600.0
    cross_cutting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a remote worker must offer to be given a task."""

    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


class OnFailure(StrEnum):
    """What the run does when a task ends without being completed."""

    BEST_EFFORT = "best-effort"
    FAIL_FAST = "fail-fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work.

    `files` is the manifest: what the task may write, empty for no limit. `done` tasks were completed before the run
    and are never started. `run` is the argument list for the `command` agent. `estimate` is the expected duration in
    seconds. `timeout`, `max_retries`, `retry_delay` (seconds), `max_memory` (bytes) and `on_failure` override the
    run's; `max_cost` and `max_tokens` limit this task over all its attempts. `metadata` is kept as it was read.
    """

    id: str
    subject: str
    description: str = ""
    active_form: str = ""
    blocked_by: tuple[str, ...] = ()
    priority: int = DEFAULT_PRIORITY
    done: bool = False
    owner: str = ""
    files: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    run: tuple[str, ...] = ()
    agent: str = ""
    model: str = ""
    timeout: float | None = None
    estimate: float | None = None
    max_retries: int | None = None
    retry_delay: float | None = None
    on_failure: OnFailure | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    max_memory: int | None = None
    allow_empty: bool = False
    requires: Requirements = Requirements()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskList:
    """What a source read: tasks in the order of the file, run-wide checks, and warnings to show.

    `tracker` is who is told of completions, "" for nobody, and `tracker_options` are its own words. `file` is the
    absolute path of the file that it writes them to, "" if it is none. `left_out` names what the list has besides and
    is never run, a line each.
    """

    tasks: tuple[Task, ...]
    cross_cutting: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    source: str = ""
    tracker: str = ""
    tracker_options: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    left_out: tuple[str, ...] = ()


class Claim(StrEnum):
    """How a worker says its work ended."""

    DONE = "done"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerResult:
    """What the worker claims in its result file. Never believed, only compared with the evidence."""

    status: Claim
    detail: str = ""
    artifacts: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    test_tail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Ending(StrEnum):
    """Why a worker's process is gone."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    """Stopped because it showed no progress for as long as the idle limit."""
    KILLED = "killed"
    """Stopped because we asked for it, not through a fault of the attempt."""


class Trouble(StrEnum):
    """What kept an agent from working, as far as its own output tells."""

    AUTH = "auth"
    """Not logged in, or the key is refused or may not use the model: nothing helps but a person."""
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    """The service has no room or fails by itself (5xx)."""
    NETWORK = "network"
    """The service cannot be reached, or does not answer."""
    CONTEXT_FULL = "context_full"
    BUDGET = "budget"
    TURNS = "turns"
    REFUSED = "refused"
    """The model or its provider declines the request by policy."""
    DENIED = "denied"
    """The agent was not permitted to do what it needed."""
    CRASHED = "crashed"
    """It failed for a reason of its own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an agent did not do its work. `retry_after` is how many seconds its service wants us to wait."""

    kind: Trouble
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent spent. `input_tokens` are those that came from no cache; `output_tokens` hold the reasoning.

    `cost_usd` is None as long as nobody can tell; `estimated` when it comes from our price table.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """All tokens, cached ones too."""
        return self.input_tokens + self.cached_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        costs = [usage.cost_usd for usage in (self, other) if usage.cost_usd is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            sum(costs) if costs else None,
            self.estimated or other.estimated,
        )

    def beyond(self, earlier: Usage) -> Usage:
        """What of this total came after `earlier`; never less than nothing."""
        cost = self.cost_usd
        return Usage(
            max(0, self.input_tokens - earlier.input_tokens),
            max(0, self.cached_tokens - earlier.cached_tokens),
            max(0, self.output_tokens - earlier.output_tokens),
            None if cost is None else max(0.0, cost - (earlier.cost_usd or 0.0)),
            self.estimated,
        )


NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """What an agent's own output tells of an attempt. Hints: the diff and the checks decide.

    `session` is the id by which the agent can go on with this conversation, "" if it cannot; `usage`
    is this attempt's alone; `said` its last words, shortened; `denied` what it was not permitted to do.
    """

    session: str = ""
    model: str = ""
    usage: Usage = NOTHING_USED
    said: str = ""
    problem: Problem | None = None
    denied: tuple[str, ...] = ()


NO_REPORT: Final = AgentReport()


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing of the main checkout that changed while a worker lived: by the worker, or by the user.

    `path` is the file, "" for HEAD, a ref, a setting or a hook; `named` tells that the worker's log or
    result names that file, or the main checkout itself. `harmless` does not count against this worker:
    a new ref, which changes nothing of the user's, or what another worker that lived meanwhile names.
    """

    what: str
    path: str = ""
    named: bool = False
    harmless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnd:
    """How a worker ended: `exit_code` as a shell tells it (128 + signal number for a signal)."""

    ending: Ending
    exit_code: int
    started_at: float
    ended_at: float
    result: WorkerResult | None = None
    result_problem: str = ""
    """Why the result file could not be read, or "" if it could or there was none."""
    touched: tuple[Touch, ...] = ()
    """What changed in the main checkout while the worker lived."""
    kept: str = ""
    """Ref that holds the main checkout's files as they were before, or "" if nothing changed."""
    report: AgentReport = NO_REPORT


class ChangeKind(StrEnum):
    """What happened to one path between the attempt's base and its tree."""

    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"
    TYPE_CHANGED = "T"


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path. Renames are a deletion and an addition, so that both ends are seen."""

    path: str
    kind: ChangeKind
    size: int = 0
    """Bytes of the new content; 0 for a deletion."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check showed. `output` is the tail of what a command printed, `log` the whole of it."""

    kind: CheckKind
    name: str
    passed: bool
    detail: str = ""
    output: str = ""
    log: str = ""
    seconds: float = 0.0
    cross_cutting: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that we saw of an attempt's work ourselves."""

    changes: tuple[Change, ...]
    results: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Our judgement of an attempt. `failed` is the check that decided against it, or None."""

    failed: CheckResult | None = None
    empty: bool = False
    """The attempt changed nothing, and its checks passed all the same."""
    notes: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    """The checks of the task that were made, without their output: that is in their logs, and in `failed`."""

    @property
    def accepted(self) -> bool:
        """Whether the attempt may be integrated."""
        return self.failed is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Why the attempt before was not taken: what the next worker is told.

    `output` is the tail of the failed check's output, `conflicts` the paths that did not merge,
    `diff` a commit whose difference to its parent is the earlier work, or "".
    """

    kind: str
    detail: str
    output: str = ""
    conflicts: tuple[str, ...] = ()
    diff: str = ""


class Phase(StrEnum):
    """Where a task is."""

    WAITING = "waiting"
    READY = "ready"
    ASSIGNED = "assigned"
    RUNNING = "running"
    VALIDATING = "validating"
    INTEGRATING = "integrating"
    ENDED = "ended"


class Outcome(StrEnum):
    """Why a task ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CONFLICTED = "conflicted"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
