"""What a run knows of itself: the fold of its events. Frozen; parts are shared between versions."""

from __future__ import annotations

from enum import StrEnum

from rpds import HashTrieMap

from swarmskill.answers import Answer, Reply
from swarmskill.config import RunConfig
from swarmskill.core.effects import Track
from swarmskill.core.graph import EMPTY_GRAPH, Graph
from swarmskill.model import NOTHING_USED, Feedback, Outcome, Phase, Usage, WorkerEnd
from swarmskill.records import dataclass


class Stage(StrEnum):
    """Where the run as a whole is."""

    RUNNING = "running"
    SUMMING = "summing"
    """The agent is asked what was done and what is open, as the budget is used up."""
    LANDING = "landing"
    REPORTING = "reporting"
    OVER = "over"


class Stop(StrEnum):
    """Whether and how the run is being stopped; later ones are stronger."""

    NONE = "none"
    GRACEFUL = "graceful"
    NOW = "now"
    FORCE = "force"


class Door(StrEnum):
    """Whether workers of an agent may start."""

    RESTING = "resting"
    """Its service turned us away: nobody until the wait is over."""
    PROBING = "probing"
    """The wait is over: one tries, the others wait for what it finds."""
    SHUT = "shut"
    """Nothing helps but a person: nobody until somebody resumes the run."""
    DEGRADED = "degraded"
    """Its workers broke down too often: nobody until somebody resumes the run, and others of the pool do its work."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Why workers of one agent may not start as they like.

    `strikes` counts how often in a row its service turned us away, `until` is when the wait is over
    (seconds since the epoch), `probe` the task whose worker tries, "" while none does.
    """

    door: Door
    reason: str
    strikes: int = 0
    until: float = 0.0
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Worker:
    """The process that works on the current attempt."""

    pid: int
    identity: str
    worktree: str
    base: str
    started_at: float


@dataclass(frozen=True, slots=True)
class TaskState:
    """Where one task is and what led there.

    `waiting_on` counts blockers that are not completed. `work` is the commit of the current
    attempt's work, `commit` the one on the run branch. `retries` counts failed attempts by kind.

    `agent` is who works on it, "" until the first start of a task that may go to any of the pool. The
    next attempt goes on in the worktree of `place` and with the conversation `session`, where they
    are set. `used` is what this attempt has used, `settled` what those before it have, `session_used`
    what of that belongs to `session`. `allowance` is what this attempt may spend, in US dollars;
    `overdrawn` when the task used more than it may. `calls` counts how often the tracker was to be told
    that it ended, `track` is the call without an answer, `answer` that to the last one; `told_again` when the
    tracker may have been told twice.

    Until `delayed_until` (seconds since the epoch, 0.0 for at once) it is not tried again. `queued` tells which
    slot, shared with other runs, its worker waits for. `stalled_since` is since when its worker has shown no
    progress, 0.0 while it does, `last_stall` the last of these.
    """

    phase: Phase
    waiting_on: int = 0
    outcome: Outcome | None = None
    attempt: int = 0
    worker: Worker | None = None
    end: WorkerEnd | None = None
    work: str = ""
    commit: str = ""
    retries: tuple[tuple[str, int], ...] = ()
    feedback: Feedback | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()
    wave: int = 0
    assigned_at: float = 0.0
    ended_at: float = 0.0
    agent: str = ""
    place: Worker | None = None
    session: str = ""
    used: Usage = NOTHING_USED
    settled: Usage = NOTHING_USED
    session_used: Usage = NOTHING_USED
    allowance: float | None = None
    overdrawn: bool = False
    delayed_until: float = 0.0
    queued: str = ""
    stalled_since: float = 0.0
    last_stall: float = 0.0
    calls: int = 0
    track: Track | None = None
    answer: Answer | None = None
    told_again: bool = False

    @property
    def standing(self) -> Outcome | None:
        """The outcome as it counts towards the outside: what the tracker did not take is not completed.

        The core goes by `outcome`: such a task's commit is on the run branch all the same.
        """
        if self.outcome is not Outcome.COMPLETED or self.answer is None or self.answer.taken:
            return self.outcome
        return Outcome.BLOCKED if self.answer.reply is Reply.ESCALATED else Outcome.FAILED

    @property
    def usage(self) -> Usage:
        """All that the task has used so far."""
        return self.settled + self.used


@dataclass(frozen=True, slots=True)
class State:
    """A run. Its bit sets are over the graph's ranks.

    open: not ended. ready: may be started. delayed: those of them that wait before they are tried again.
    active: assigned to integrating, so its manifest is taken. busy: assigned or running, so it holds a
    worker slot. queued: assigned, and waiting for a slot that is shared with other runs. wave: members
    of the current wave. owed: the tracker is being told of their end, and has not answered.
    `bound` has the bit set of the tasks of each agent. `gates` holds those that are not open.
    `breakdowns` has the times of the last few breakdowns of each agent's workers.
    `settled` is what all attempts that ended have used, `beside` what agents used that were asked beside the workers:
    to advise one, or to sum up. `advice` has the question and the time of each call that advised a worker.
    `exhausted` when the budget stopped the run.
    `killed` when its mayor is gone and somebody ended what that left at work: workers are in it that are no more.
    """

    run_id: str = ""
    config: RunConfig = RunConfig()
    graph: Graph = EMPTY_GRAPH
    tasks: HashTrieMap[str, TaskState] = HashTrieMap()
    open: int = 0
    ready: int = 0
    delayed: int = 0
    active: int = 0
    busy: int = 0
    queued: int = 0
    wave: int = 0
    owed: int = 0
    wave_number: int = 0
    bound: HashTrieMap[str, int] = HashTrieMap()
    gates: HashTrieMap[str, Gate] = HashTrieMap()
    breakdowns: HashTrieMap[str, tuple[float, ...]] = HashTrieMap()
    settled: Usage = NOTHING_USED
    beside: Usage = NOTHING_USED
    advice: frozenset[tuple[str, float]] = frozenset()
    exhausted: bool = False
    summary: str | None = None
    base: str = ""
    head: str = ""
    landed: str = ""
    landing_refused: str = ""
    landing_hint: str = ""
    session: int = 1
    stage: Stage = Stage.RUNNING
    stop: Stop = Stop.NONE
    stop_reason: str = ""
    killed: bool = False
    failing: bool = False
    started_at: float = 0.0
    ended_at: float = 0.0
    report: str = ""

    def task(self, task_id: str) -> TaskState:
        """The state of one task. Raises KeyError."""
        return self.tasks[task_id]


EMPTY = State()
"""The state before RunStarted."""
