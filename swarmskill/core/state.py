"""What a run knows of itself: the fold of its events. Frozen; parts are shared between versions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rpds import HashTrieMap

from swarmskill.core.graph import EMPTY_GRAPH, Graph
from swarmskill.model import Feedback, Outcome, Phase, RunConfig, WorkerEnd


class Stage(StrEnum):
    """Where the run as a whole is."""

    RUNNING = "running"
    LANDING = "landing"
    REPORTING = "reporting"
    OVER = "over"


class Stop(StrEnum):
    """Whether and how the run is being stopped; later ones are stronger."""

    NONE = "none"
    GRACEFUL = "graceful"
    NOW = "now"
    FORCE = "force"


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


@dataclass(frozen=True, slots=True)
class State:
    """A run. The bit sets `open`, `ready`, `active`, `busy` and `wave` are over the graph's ranks.

    open: not ended. ready: may be started. active: assigned to integrating, so its manifest is
    taken. busy: assigned or running, so it holds a worker slot. wave: members of the current wave.
    """

    run_id: str = ""
    config: RunConfig = RunConfig()
    graph: Graph = EMPTY_GRAPH
    tasks: HashTrieMap[str, TaskState] = HashTrieMap()
    open: int = 0
    ready: int = 0
    active: int = 0
    busy: int = 0
    wave: int = 0
    wave_number: int = 0
    base: str = ""
    head: str = ""
    landed: str = ""
    landing_refused: str = ""
    landing_hint: str = ""
    session: int = 1
    stage: Stage = Stage.RUNNING
    stop: Stop = Stop.NONE
    stop_reason: str = ""
    failing: bool = False
    started_at: float = 0.0
    ended_at: float = 0.0
    report: str = ""

    def task(self, task_id: str) -> TaskState:
        """The state of one task. Raises KeyError."""
        return self.tasks[task_id]


EMPTY = State()
"""The state before RunStarted."""
