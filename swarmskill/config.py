"""What was decided about a run before it started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from swarmskill.model import Check, OnFailure
from swarmskill.records import dataclass


class Schedule(StrEnum):
    """When a ready task starts: as soon as a slot is free, or when the wave before has ended."""

    ROLLING = "rolling"
    WAVE = "wave"


TMUX: Final = "tmux"
"""The backend of distributed mode."""


class Mode(StrEnum):
    """Where the workers are."""

    LOCAL = "local"
    """Without a terminal, below the run's keeper."""
    DISTRIBUTED = "distributed"
    """Each in a tmux window of its own."""


class Land(StrEnum):
    """When the user's branch is moved to the run branch."""

    WAVE = "wave"
    END = "end"
    NEVER = "never"


class Isolation(StrEnum):
    """When a change of the main checkout is laid at the door of a worker that lived meanwhile."""

    STRICT = "strict"
    """Always: nobody else is at work there, as in CI."""
    EVIDENCE = "evidence"
    """When something speaks against the worker; else it may have been the user, and is only noted."""
    OFF = "off"
    """Never: the checkout is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeSetup:
    """What a fresh worktree gets beside the checkout.

    `copy` files and `link` folders are taken from the main checkout, `setup` commands (shell words)
    run in the worktree, `keep` are ignored paths that survive when a worktree is used again.
    """

    setup: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


class MemoryGuard(StrEnum):
    """What holds workers to their memory limit."""

    CGROUP = "cgroup"
    """A cgroup for each worker: all its processes together."""
    RLIMIT = "rlimit"
    """RLIMIT_DATA: each of its processes by itself."""
    NONE = "none"
    """Nothing: the system knows neither, or the worker is an assistant's."""


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """How much memory a worker may use, in bytes, and what holds it to that."""

    size: int
    guard: MemoryGuard


class OnExhaust(StrEnum):
    """What the run does when its money or its tokens are used up."""

    STOP = "stop"
    """Workers in flight are stopped; a resumption goes on with them."""
    DRAIN = "drain"
    """Workers in flight may finish."""
    SUMMARY = "summary"
    """As stop, and then the agent is asked once, without tools, what was done and what is open."""


@dataclass(frozen=True, slots=True)
class Share:
    """An agent of the run's pool, and how many of its workers may be at work at the same time; None for any number."""

    agent: str
    workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """How the user wants one agent program called.

    `command` are the words that start it, () for its usual name on PATH; `args` are put behind our own.
    `model` is for tasks that name none. At most `max_workers` of its workers are at work in a run.
    """

    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    model: str = ""
    max_workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens of a model whose agent tells no cost."""

    input: float
    cached: float
    output: float


class Notable(StrEnum):
    """What somebody can be told of while nobody looks."""

    FINISH = "finish"
    """The run is over, or stopped."""
    FAILURE = "failure"
    """A task ended without being completed, all tries used up."""
    ESCALATION = "escalation"
    """A person is needed: a task is blocked, or an agent cannot work."""
    BUDGET = "budget"
    """A budget is nearly or fully used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told: a command (shell words) on its standard input, an address by POST; and what of."""

    command: str = ""
    url: str = ""
    on: tuple[Notable, ...] = tuple(Notable)


@dataclass(frozen=True, slots=True)
class Otel:
    """Where the run's spans are sent: the address of an OTLP receiver over HTTP, and the name to go by, "" for ours."""

    endpoint: str
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that was decided about a run before it started.

    Tasks that name no agent go to the `pool`. `agents` are the options of agents by name. `allow`
    are commands, as their first words, that agents may run without asking; `yolo` lets them do all.
    `fresh` gives each retry a new session. `secrets` name variables whose values no log may show.
    `prices` are by model, "*" at its end standing for any rest, and go before those that we know.

    `max_workers_per_user` and `max_workers_per_repo` limit the workers of all runs of the user on this machine, and
    of all runs in the repository: a worker over such a limit waits.
    `timeout` limits one worker, `idle_timeout` how long it may show no progress and `deadline` the whole run,
    in seconds; `grace` is the time from TERM to KILL. After `stall_timeout` without progress a worker is marked,
    None is half of `idle_timeout`. `max_cost` (US dollars) and `max_tokens` limit the run, `max_memory` (bytes) each
    worker.
    `max_retries` caps the retries of a task over all kinds of failure; None leaves the caps per kind.
    `retry_delay` is how many seconds a task waits before its first retry; each further one waits twice as long.
    `branch` is the user's branch to land on, "" with a detached HEAD.
    `tracker` names who is told when a task has ended, "" for nobody; `tracker_options` are its own words.
    `list_file` is the file in the repository that the tracker writes to, "" for none: what workers make of it is
    not taken, so that nothing is in the way of the landing. `left_out` names what the task list has besides.
    With `keep_sessions` the tmux windows of completed tasks stay, too. With `interactive` agents work on
    their own screens. `help_agent` answers what workers ask by mail; "" leaves that to persons.
    `env` names the variables of the mayor's environment that workers may see; None means all
    but those that are never passed on. At most `merge_batch` accepted attempts are checked together
    on their way to the run branch; with 1 the checks pass on each single commit.
    """

    max_workers: int = 5
    max_workers_per_user: int | None = None
    max_workers_per_repo: int | None = None
    schedule: Schedule = Schedule.ROLLING
    on_failure: OnFailure = OnFailure.BEST_EFFORT
    max_retries: int | None = None
    retry_delay: float = 0.0
    timeout: float = 1800.0
    deadline: float | None = None
    grace: float = 10.0
    pool: tuple[Share, ...] = (Share("command"),)
    agent_cmd: str = ""
    model: str = ""
    agents: Mapping[str, AgentOptions] = field(default_factory=dict)
    backend: str = "process"
    stall_timeout: float | None = None
    idle_timeout: float | None = 900.0
    allow: tuple[str, ...] = ()
    yolo: bool = False
    fresh: bool = False
    max_cost: float | None = None
    max_tokens: int | None = None
    max_memory: int | None = None
    on_exhaust: OnExhaust = OnExhaust.STOP
    prices: Mapping[str, Price] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    land: Land = Land.END
    branch: str = ""
    tracker: str = ""
    tracker_options: Mapping[str, str] = field(default_factory=dict)
    list_file: str = ""
    left_out: tuple[str, ...] = ()
    cross_cutting: tuple[Check, ...] = ()
    worktree: WorktreeSetup = WorktreeSetup()
    env: tuple[str, ...] | None = None
    max_file_bytes: int = 10_000_000
    keep: bool = False
    isolation: Isolation = Isolation.EVIDENCE
    merge_batch: int = 8
    otel: Otel | None = None
    keep_sessions: bool = False
    interactive: bool = False
    help_agent: str = ""

    @property
    def mode(self) -> Mode:
        """Where the workers are, as the backend tells."""
        return Mode.DISTRIBUTED if self.backend == TMUX else Mode.LOCAL

    @property
    def patience(self) -> float | None:
        """Seconds without progress after which a worker is marked as stalled; None for never."""
        if self.stall_timeout is not None:
            return self.stall_timeout
        return None if self.idle_timeout is None else self.idle_timeout / 2


LIMITS: Final = (
    "max_workers",
    "max_workers_per_user",
    "max_workers_per_repo",
    "max_cost",
    "max_tokens",
    "deadline",
    "timeout",
    "stall_timeout",
    "idle_timeout",
    "max_memory",
)
"""What can be changed while a run goes on. What ends a worker or limits its memory holds for those that start later."""

LIFTABLE: Final = frozenset(LIMITS) - {"max_workers", "timeout"}
"""Limits that there need not be."""
