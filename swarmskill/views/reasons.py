"""Why a task is not under way, and why one ended."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from swarmskill.core import retries
from swarmskill.core.choose import agent_limit, eligible_tasks
from swarmskill.core.graph import bits
from swarmskill.core.manifest import overlap
from swarmskill.core.state import Door, Stage, State, Stop, TaskState
from swarmskill.model import CheckKind, Feedback, Outcome, Phase, Problem, Trouble
from swarmskill.records import dataclass
from swarmskill.views.marks import clock, listed
from swarmskill.views.outcome import word
from swarmskill.views.tracking import refused_text

_CHAIN = 50


class Hold(StrEnum):
    """What keeps a task from being started."""

    BLOCKERS = "blockers"
    FILES = "files"
    WORKERS = "workers"
    SHARE = "share"
    """The agent has as many workers as it may."""
    PROBING = "probing"
    """The agent's service turned us away, and one worker tries whether it answers."""
    RESTING = "resting"
    """The agent's service turned us away."""
    SHUT = "shut"
    """The agent cannot work until a person mends it."""
    SLOT = "slot"
    """Its worker waits for a slot that is shared with other runs."""
    BACK_OFF = "back_off"
    """It failed, and waits before it is tried again."""
    WAVE = "wave"
    STOPPED = "stopped"
    EXHAUSTED = "exhausted"
    """The run's budget is used up."""
    FAILING = "failing"


_CLOSENESS = (Hold.WORKERS, Hold.SHARE, Hold.PROBING, Hold.RESTING, Hold.SHUT)
"""What a task that may be started can lack, the soonest over first."""

_TROUBLES = {trouble.value: trouble for trouble in Trouble}
_DOORS = {Door.PROBING: Hold.PROBING, Door.RESTING: Hold.RESTING, Door.SHUT: Hold.SHUT, Door.DEGRADED: Hold.SHUT}


@dataclass(frozen=True, slots=True)
class Reason:
    """What keeps a task from being started: `tasks` are the ids of those that it waits for.

    `agent` is the one that it waits for, `until` when the wait is over, in seconds since the epoch, `slot`
    what its worker waits for.
    """

    hold: Hold
    tasks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    agent: str = ""
    until: float = 0.0
    slot: str = ""

    @property
    def text(self) -> str:
        """The reason as the end of the sentence "it …"."""
        names = listed(list(self.tasks))
        return {
            Hold.BLOCKERS: f"waits for {names}",
            Hold.FILES: f"waits for {listed(list(self.files), 2)}, held by {names}",
            Hold.WORKERS: "waits for a free worker",
            Hold.SHARE: f"waits for a free worker of {self.agent}",
            Hold.PROBING: f"waits while {self.agent} is tried",
            Hold.RESTING: f"waits for {self.agent}, which rests until {clock(self.until)}",
            Hold.SHUT: f"waits for {self.agent}, which cannot work",
            Hold.SLOT: f"waits for {self.slot}",
            Hold.BACK_OFF: f"failed, and backs off until {clock(self.until)}",
            Hold.WAVE: "waits for the next wave",
            Hold.STOPPED: "the run is stopped",
            Hold.EXHAUSTED: "the budget is used up",
            Hold.FAILING: "the run stops at the first failure",
        }[self.hold]


def reason(state: State, task_id: str) -> Reason | None:
    """What keeps a waiting or ready task from being started, or its worker; None for any other."""
    task, rank = state.tasks[task_id], state.graph.rank[task_id]
    if task.phase is Phase.WAITING:
        return Reason(Hold.BLOCKERS, tuple(open_blockers(state, task_id)))
    if task.queued:
        return Reason(Hold.SLOT, slot=task.queued)
    if task.phase is not Phase.READY:
        return None
    if state.stop is not Stop.NONE or state.stage is Stage.OVER or state.failing:
        lack = agent_lack(state, task.agent)
        return lack if lack.hold is Hold.SHUT else Reason(not_eligible(state))
    if task.delayed_until:
        return Reason(Hold.BACK_OFF, until=task.delayed_until)
    if not eligible_tasks(state) >> rank & 1:
        return Reason(Hold.WAVE)
    holders = [state.graph.tasks[other].id for other in bits(state.graph.overlaps[rank] & state.active)]
    if holders:
        return Reason(Hold.FILES, tuple(holders), tuple(_shared(state, task_id, holders)))
    return agent_lack(state, task.agent)


def not_eligible(state: State) -> Hold:
    """What keeps ready tasks from being started, whatever their agent is."""
    if state.exhausted:
        return Hold.EXHAUSTED
    if state.stop is not Stop.NONE or state.stage is Stage.OVER:
        return Hold.STOPPED
    return Hold.FAILING if state.failing else Hold.WAVE


def agent_lack(state: State, agent: str) -> Reason:
    """What a task lacks that may be started: a worker, or its agent. "" is whichever of the pool is free first."""
    agents = [agent] if agent else [share.agent for share in state.config.pool]
    return min((_lack(state, name) for name in agents), key=lambda lack: (_CLOSENESS.index(lack.hold), lack.until))


def _lack(state: State, agent: str) -> Reason:
    gate = state.gates.get(agent)
    if gate is not None and (gate.door is not Door.PROBING or gate.probe):
        return Reason(_DOORS[gate.door], agent=agent, until=gate.until)
    workers = (state.busy & state.bound.get(agent, 0)).bit_count()
    full = workers >= agent_limit(state, agent) < state.config.max_workers
    return Reason(Hold.SHARE, agent=agent) if full else Reason(Hold.WORKERS)


def open_blockers(state: State, task_id: str) -> list[str]:
    """Ids of the task's blockers that are not completed, in the order of the task list."""
    blockers = dict.fromkeys(state.graph.task(task_id).blocked_by)
    return [blocker for blocker in blockers if state.tasks[blocker].outcome is not Outcome.COMPLETED]


def blocking_chain(state: State, task_id: str) -> list[str]:
    """From the task through its blockers to one that waits for no other: what all the others hang on.

    At each step the first blocker that ended is taken, else the one with the longest way to go.
    At most 50 ids.
    """
    chain, graph = [task_id], state.graph
    while len(chain) < _CHAIN:
        blockers = open_blockers(state, chain[-1])
        if not blockers:
            break
        ended = [blocker for blocker in blockers if state.tasks[blocker].phase is Phase.ENDED]
        chain.append(ended[0] if ended else max(blockers, key=lambda b: graph.generation[graph.rank[b]]))
    return chain


def chain_text(state: State, chain: list[str]) -> str:
    """The chain as "5 waits for 3 (skipped), which waits for 2 (failed: exit code 1)"."""
    links = []
    for blocker in chain[1:]:
        task = state.tasks[blocker]
        blame = task.outcome not in (None, Outcome.SKIPPED)
        links.append(f"{blocker} ({word(task)}{': ' + why_ended(task) if blame and why_ended(task) else ''})")
    return f"{chain[0]} waits for " + ", which waits for ".join(links)


def why_ended(task: TaskState) -> str:
    """Why a task ended without being completed: the detail, after the check that decided. "" if it did not."""
    if task.phase is not Phase.ENDED or task.outcome is Outcome.COMPLETED:
        return refused_text(task)
    feedback = task.feedback
    if feedback is not None and feedback.detail == task.detail:
        return (
            feedback_text(feedback) if task.outcome is Outcome.REJECTED or feedback.kind in _TROUBLES else task.detail
        )
    return task.detail


def feedback_text(feedback: Feedback) -> str:
    """Why an attempt was not taken."""
    plain = (CheckKind.EXIT, CheckKind.TIMEOUT, CheckKind.STALLED, CheckKind.MEMORY, retries.CONFLICT)
    if feedback.kind in plain:
        return feedback.detail
    if feedback.kind == retries.LOST:
        return f"worker lost: {feedback.detail}"
    if feedback.kind == retries.SPAWN:
        return f"could not start: {feedback.detail}"
    if feedback.kind in _TROUBLES:
        return problem_text(Problem(_TROUBLES[feedback.kind], feedback.detail))
    return f"{feedback.kind} failed: {feedback.detail}"


def problem_text(problem: Problem) -> str:
    """What kept an agent from working: its kind, and its own words."""
    kind = problem.kind.replace("_", " ")
    return f"{kind}: {problem.detail}" if problem.detail not in ("", problem.kind) else kind


def retries_left(state: State, task_id: str) -> dict[str, tuple[int, int]]:
    """For each kind of failure that happened: how many retries it used, and how many more there may be."""
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    kinds = dict.fromkeys([kind for kind, _ in task.retries] + ([task.feedback.kind] if task.feedback else []))
    found = {}
    for kind in kinds:
        counts = dict(task.retries)
        used = counts.get(kind, 0)
        while retries.may_retry(spec, state.config.max_retries, counts, kind):
            counts[kind] = counts.get(kind, 0) + 1
        found[str(kind)] = (used, counts.get(kind, 0) - used)
    return found


def _shared(state: State, task_id: str, holders: list[str]) -> Iterator[str]:
    """The task's manifest entries that one of the holders claims too."""
    for entry in state.graph.task(task_id).files:
        if any(overlap(entry, other) for holder in holders for other in state.graph.task(holder).files):
            yield entry
