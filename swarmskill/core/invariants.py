"""What must be true of every state. Tests check it after each event; `doctor` can check a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import isclose

from swarmskill.config import Schedule
from swarmskill.core.gates import CLOSED
from swarmskill.core.graph import bits, fixed_agent
from swarmskill.core.manifest import overlap
from swarmskill.core.retries import on_failure_of
from swarmskill.core.state import Door, Stage, State, Stop, TaskState
from swarmskill.model import NOTHING_USED, OnFailure, Outcome, Phase

_ACTIVE = frozenset({Phase.ASSIGNED, Phase.RUNNING, Phase.VALIDATING, Phase.INTEGRATING})
_BUSY = frozenset({Phase.ASSIGNED, Phase.RUNNING})


def broken(state: State) -> list[str]:
    """The invariants that do not hold, each as a sentence with the task's id; [] for a sound state."""
    found = [*_run(state), *_stage(state), *_manifests(state), *_agents(state), *_gates(state), *_money(state)]
    for rank, task in enumerate(state.graph.tasks):
        found += (f"{task.id}: {problem}" for problem in _task(state, rank, state.tasks[task.id]))
    return found


def _run(state: State) -> Iterator[str]:
    if len(state.tasks) != len(state.graph.tasks):
        yield "a task was lost or invented"
    if state.config.schedule is Schedule.WAVE and state.active & ~state.wave:
        yield "a task outside the current wave is active"
    commits = [task.commit for task in state.tasks.values() if task.commit]
    if len(commits) != len(set(commits)):
        yield "two tasks share one commit"
    if state.head not in (state.base, *commits):
        yield "the head is no commit of this run"
    if state.failing and not any(_may_fail_the_run(state, rank) for rank in range(len(state.graph.tasks))):
        yield "the run fails although it goes on after a failure"


def _stage(state: State) -> Iterator[str]:
    stopping = state.stop is not Stop.NONE
    if state.stage is not Stage.RUNNING and state.busy and not state.killed:
        yield f"the run is {state.stage} while workers run"
    if state.stage is not Stage.RUNNING and state.active and state.stop is not Stop.FORCE:
        yield f"the run is {state.stage} while tasks are active"
    if state.killed and (state.stage, state.stop) != (Stage.OVER, Stop.FORCE):
        yield f"the run was killed, and is {state.stage}"
    if state.stage is Stage.OVER and state.open and not stopping:
        yield "the run is over although tasks are open and nobody stopped it"
    if state.exhausted and state.stop not in (Stop.GRACEFUL, Stop.NOW):
        yield "the budget is used up, but did not stop the run"
    if state.stage is Stage.SUMMING and (stopping, state.summary) != (True, None):
        yield "a summary is asked for that nobody waits for"
    if state.stage is Stage.LANDING and state.head in (state.base, state.landed):
        yield "nothing is there to be landed"


def _manifests(state: State) -> Iterator[str]:
    active = [state.graph.tasks[rank] for rank in bits(state.active)]
    for one, other in combinations(active, 2):
        if any(overlap(a, b) for a in one.files for b in other.files):
            yield f"{one.id} and {other.id} are active with overlapping manifests"


def _agents(state: State) -> Iterator[str]:
    bound = 0
    for agent, members in state.bound.items():
        if bound & members:
            yield f"a task is bound to {agent} and to another agent"
        bound |= members
    if state.busy & ~bound:
        yield "a worker is of no agent"


def _gates(state: State) -> Iterator[str]:
    for agent, gate in state.gates.items():
        if gate.probe and gate.door is not Door.PROBING:
            yield f"somebody tries while the gate of {agent} is {gate.door}"
        if gate.probe and not state.busy & state.bound.get(agent, 0) & 1 << state.graph.rank[gate.probe]:
            yield f"{gate.probe} tries for {agent}, but has no worker of it"
        if gate.door not in CLOSED and gate.strikes < 1:
            yield f"the gate of {agent} is {gate.door} for nothing"


def _money(state: State) -> Iterator[str]:
    tasks = state.tasks.values()
    for name in ("input_tokens", "cached_tokens", "output_tokens"):
        if getattr(state.settled, name) != sum(getattr(task.settled, name) for task in tasks):
            yield f"the {name} of the tasks are not those of the run"
    costs = [task.settled.cost_usd for task in tasks if task.settled.cost_usd is not None]
    if (state.settled.cost_usd is None) != (not costs) or not isclose(state.settled.cost_usd or 0.0, sum(costs)):
        yield "the costs of the tasks are not those of the run"


def _told(state: State, rank: int, task: TaskState) -> Iterator[str]:
    if bool(state.owed & 1 << rank) != (task.track is not None):
        yield "what its tracker is to be told does not fit the set owed"
    if task.track is not None and (task.answer is not None or task.track.call != task.calls):
        yield "its tracker answered a call that is not answered"
    if task.calls and not state.config.tracker:
        yield "a tracker is told of it, and there is none"
    own = task.phase is Phase.ENDED and task.attempt and task.outcome not in (Outcome.SKIPPED, Outcome.CANCELLED)
    if own and state.config.tracker and task.track is None and task.answer is None:
        yield "ended, and nobody tells its tracker"
    if state.stage is Stage.OVER and task.track is not None and state.stop is Stop.NONE:
        yield "the run is over before its tracker answered"


def _task(state: State, rank: int, task: TaskState) -> Iterator[str]:
    bit = 1 << rank
    for name, members, phases in (
        ("open", state.open, frozenset(Phase) - {Phase.ENDED}),
        ("ready", state.ready, frozenset({Phase.READY})),
        ("active", state.active, _ACTIVE),
        ("busy", state.busy, _BUSY),
    ):
        if bool(members & bit) != (task.phase in phases):
            yield f"phase {task.phase} does not fit the set {name}"
    if bool(state.delayed & bit) != bool(task.delayed_until) or (task.delayed_until and task.phase is not Phase.READY):
        yield "is delayed, but does not wait for another try"
    if bool(state.queued & bit) != bool(task.queued) or (task.queued and task.phase is not Phase.ASSIGNED):
        yield "waits for a slot, but is not to be started"
    if (task.phase is Phase.ENDED) != (task.outcome is not None):
        yield "an outcome and an end belong together"
    if bool(state.bound.get(task.agent, 0) & bit) != bool(task.agent):
        yield f"is not bound to {task.agent}"
    own = fixed_agent(state.graph.tasks[rank])
    if own and task.agent != own:
        yield f"is to be done by {own}, not by {task.agent}"
    yield from _edges(state, rank, task)
    yield from _attempt(state, rank, task)
    yield from _going_on(task)
    yield from _told(state, rank, task)


def _edges(state: State, rank: int, task: TaskState) -> Iterator[str]:
    blockers = [state.tasks[state.graph.tasks[blocker].id] for blocker in state.graph.blockers[rank]]
    missing = sum(blocker.outcome is not Outcome.COMPLETED for blocker in blockers)
    if not state.graph.tasks[rank].done and task.waiting_on != missing:
        yield f"waits on {task.waiting_on} blockers, but {missing} are not completed"
    if missing and task.phase not in (Phase.WAITING, Phase.ENDED):
        yield "under way before its blockers completed"
    if not missing and task.phase is Phase.WAITING:
        yield "waits on nothing"
    if task.phase is Phase.ENDED and task.outcome is not Outcome.SKIPPED and missing and task.attempt:
        yield "attempted before its blockers completed"
    failed = any(b.phase is Phase.ENDED and b.outcome is not Outcome.COMPLETED for b in blockers)
    if failed and task.phase is Phase.WAITING:
        yield "waits on a blocker that did not complete"
    if task.outcome is Outcome.SKIPPED and not failed:
        yield "skipped although no blocker failed"


def _going_on(task: TaskState) -> Iterator[str]:
    before = task.phase in (Phase.WAITING, Phase.READY, Phase.ASSIGNED)
    if (task.place is not None or task.session) and task.attempt < 1:
        yield "goes on with what was never begun"
    if before and task.session and task.place is None:
        yield "goes on with a conversation, but not where that was"
    if task.session_used.tokens > task.settled.tokens or (before and task.session_used.tokens and not task.session):
        yield "its conversation used what the task did not"
    if task.phase is not Phase.RUNNING and task.stalled_since:
        yield "shows no progress without a worker"
    if task.phase is not Phase.RUNNING and task.used != NOTHING_USED:
        yield "uses something without a worker"
    if before and task.overdrawn:
        yield "starts again although it is overdrawn"


def _attempt(state: State, rank: int, task: TaskState) -> Iterator[str]:
    completed_here = task.outcome is Outcome.COMPLETED and not state.graph.tasks[rank].done
    if completed_here != bool(task.commit):
        yield "completed and having a commit on the run branch belong together"
    if task.phase in _ACTIVE and task.attempt < 1:
        yield "under way without an attempt"
    if task.phase in (Phase.WAITING, Phase.READY, Phase.ASSIGNED) and (task.worker or task.end or task.work):
        yield "holds on to what belongs to an earlier attempt"
    if task.phase in _ACTIVE - {Phase.ASSIGNED} and task.worker is None:
        yield "under way without a worker"
    if task.phase in (Phase.VALIDATING, Phase.INTEGRATING) and task.end is None:
        yield "judged before its worker ended"
    if task.phase is Phase.INTEGRATING and not task.work:
        yield "integrating without a commit of the work"
    if task.outcome is Outcome.CANCELLED and not any(_may_fail_the_run(state, r) for r in range(len(state.tasks))):
        yield "cancelled although the run goes on after a failure"


def _may_fail_the_run(state: State, rank: int) -> bool:
    return on_failure_of(state.graph.tasks[rank], state.config.on_failure) is OnFailure.FAIL_FAST
