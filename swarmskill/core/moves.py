"""Moves of one task that the handlers of several events share."""

from __future__ import annotations

from collections.abc import Sequence

from swarmskill.config import Share
from swarmskill.core import retries
from swarmskill.core.budget import task_shortage
from swarmskill.core.copying import replace
from swarmskill.core.effects import BackOff, Effect
from swarmskill.core.events import AttemptEvent
from swarmskill.core.graph import fixed_agent
from swarmskill.core.state import State, TaskState
from swarmskill.core.tracking import owe
from swarmskill.model import NOTHING_USED, Feedback, OnFailure, Outcome, Phase, Task, Trouble

Step = tuple[State, tuple[Effect, ...]]


def current(state: State, event: AttemptEvent, phase: Phase) -> TaskState | None:
    """The task's state, if the event is about its current attempt and that is in `phase`."""
    task = state.tasks.get(event.task)
    if task is None or task.attempt != event.attempt or task.phase is not phase:
        return None
    return task


def put(state: State, task_id: str, task: TaskState) -> State:
    """The state with another state of that task."""
    return replace(state, tasks=state.tasks.insert(task_id, task))


def fail(state: State, event: AttemptEvent, feedback: Feedback) -> Step:
    """An attempt failed: try again if the caps and the task's budget allow, else end the task."""
    task, spec = state.tasks[event.task], state.graph.task(event.task)
    counts = dict(task.retries)
    if not retries.may_retry(spec, state.config.max_retries, counts, feedback.kind):
        state = put(state, event.task, replace(task, feedback=feedback))
        return end(state, event, retries.outcome_of(feedback.kind), feedback.detail), ()
    if short := task_shortage(task, spec):
        state = put(state, event.task, replace(task, feedback=feedback))
        detail = f"its budget is used up ({short}), and it failed: {feedback.detail}"
        return end(state, event, Outcome.FAILED, detail), ()
    counts[feedback.kind] = counts.get(feedback.kind, 0) + 1
    task = replace(task, feedback=feedback, retries=tuple(counts.items()))
    state = reopen(put(state, event.task, _go_on(state, task, feedback.kind)), event.task)
    return _delay(state, event, retries.delay_of(spec, state.config.retry_delay, sum(counts.values())))


def undelay(state: State, task_id: str) -> State:
    """Let a task that waits after a failure be started."""
    task, bit = state.tasks[task_id], 1 << state.graph.rank[task_id]
    return put(replace(state, delayed=state.delayed & ~bit), task_id, replace(task, delayed_until=0.0))


def pause(state: State, event: AttemptEvent) -> State:
    """An attempt was broken off through no fault of the task: the next one goes on where it was."""
    task = state.tasks[event.task]
    return reopen(put(state, event.task, _go_on(state, task, retries.PAUSED)), event.task)


def reopen(state: State, task_id: str) -> State:
    """Make a task ready (or waiting, if blockers are open) for another attempt."""
    task, bit = state.tasks[task_id], 1 << state.graph.rank[task_id]
    task = replace(
        task,
        phase=Phase.WAITING if task.waiting_on else Phase.READY,
        outcome=None,
        worker=None,
        end=None,
        work="",
        detail="",
        notes=(),
        ended_at=0.0,
        used=NOTHING_USED,
        overdrawn=False,
        queued="",
        answer=None,
        told_again=False,
    )
    ready = state.ready & ~bit if task.waiting_on else state.ready | bit
    state = replace(state, open=state.open | bit, ready=ready, active=state.active & ~bit, busy=state.busy & ~bit)
    return put(replace(state, queued=state.queued & ~bit), task_id, task)


def renew(state: State, task_id: str) -> State:
    """Make a task ready as if it had never been tried: no retries counted, nothing to go on with, any agent."""
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    bound = state.bound
    if task.agent and task.agent != fixed_agent(spec):
        bound = bound.insert(task.agent, bound[task.agent] & ~(1 << state.graph.rank[task_id]))
        task = replace(task, agent="")
    task = replace(task, retries=(), place=None, session="", session_used=NOTHING_USED)
    return reopen(put(replace(state, bound=bound), task_id, task), task_id)


def end(state: State, event: AttemptEvent, outcome: Outcome, detail: str) -> State:
    """End a task; if it is not completed, so do all that wait on it."""
    state = owe(_close(state, event.task, outcome, detail, event.at), event.task)
    if outcome is Outcome.COMPLETED:
        return state
    if retries.on_failure_of(state.graph.task(event.task), state.config.on_failure) is OnFailure.FAIL_FAST:
        state = replace(state, failing=True)
    return _skip_dependents(state, event)


def unskip_dependents(state: State, task_id: str) -> State:
    """Reopen, transitively, what was skipped and has no other failed blocker."""
    graph = state.graph
    affected = sorted(_dependents_of(state, task_id), key=lambda rank: graph.generation[rank])
    for rank in affected:
        task = state.tasks[graph.tasks[rank].id]
        if task.outcome is Outcome.SKIPPED and not any(_is_failed(state, b) for b in graph.blockers[rank]):
            state = reopen(state, graph.tasks[rank].id)
    return state


def reopen_cancelled(state: State) -> State:
    """Reopen what fail-fast gave up because of the task that is now tried again."""
    for task in state.graph.tasks:
        if state.tasks[task.id].outcome is Outcome.CANCELLED:
            state = reopen(state, task.id)
    return state


def free_dependents(state: State, task_id: str) -> State:
    """A blocker completed: those that waited on it alone are ready."""
    tasks, ready = state.tasks, state.ready
    for rank in state.graph.dependents[state.graph.rank[task_id]]:
        dependent = state.graph.tasks[rank].id
        task = tasks[dependent]
        phase = task.phase
        if phase is Phase.WAITING and task.waiting_on == 1:
            phase = Phase.READY
            ready |= 1 << rank
        tasks = tasks.insert(dependent, replace(task, phase=phase, waiting_on=task.waiting_on - 1))
    return replace(state, tasks=tasks, ready=ready)


def _go_on(state: State, task: TaskState, kind: str) -> TaskState:
    """What the next attempt begins with: the same worktree and conversation, where that can help."""
    fresh = state.config.fresh and kind not in (retries.PAUSED, Trouble.CONTEXT_FULL)
    known = task.session or task.place  # without a conversation where it began in a place that another one left
    if not known or task.worker is None or fresh or kind not in retries.CONTINUED:
        return replace(task, place=None, session="", session_used=NOTHING_USED)
    if kind == Trouble.CONTEXT_FULL:
        return replace(task, place=task.worker, session="", session_used=NOTHING_USED)
    used = task.end.report.usage if task.end else NOTHING_USED
    return replace(task, place=task.worker, session_used=task.session_used + used)


def candidates(spec: Task, pool: Sequence[Share]) -> tuple[str, ...]:
    """The agents that may be given the task."""
    fixed = fixed_agent(spec)
    return (fixed,) if fixed else tuple(share.agent for share in pool)


def _delay(state: State, event: AttemptEvent, seconds: float) -> Step:
    """Let a task that was just made ready again wait for so long, after the attempt that the event is about."""
    if seconds <= 0 or state.failing:  # a run that starts nothing more has nothing to wait for
        return state, ()
    until = event.at + seconds
    task, bit = state.tasks[event.task], 1 << state.graph.rank[event.task]
    state = put(replace(state, delayed=state.delayed | bit), event.task, replace(task, delayed_until=until))
    return state, (BackOff(event.task, event.attempt, until),)


def _close(state: State, task_id: str, outcome: Outcome, detail: str, at: float) -> State:
    task, bit = state.tasks[task_id], 1 << state.graph.rank[task_id]
    task = replace(task, phase=Phase.ENDED, outcome=outcome, detail=detail, ended_at=at, queued="")
    state = replace(
        state,
        open=state.open & ~bit,
        ready=state.ready & ~bit,
        active=state.active & ~bit,
        busy=state.busy & ~bit,
        queued=state.queued & ~bit,
    )
    return put(state, task_id, task)


def _skip_dependents(state: State, event: AttemptEvent) -> State:
    """Skip, transitively, what can no longer start because its blocker did not complete."""
    blocked = [(rank, event.task) for rank in state.graph.dependents[state.graph.rank[event.task]]]
    while blocked:
        rank, blocker = blocked.pop()
        task_id = state.graph.tasks[rank].id
        if state.tasks[task_id].phase is Phase.WAITING:
            state = _close(state, task_id, Outcome.SKIPPED, f"{blocker} did not complete", event.at)
            blocked += [(dependent, task_id) for dependent in state.graph.dependents[rank]]
    return state


def _dependents_of(state: State, task_id: str) -> set[int]:
    found: set[int] = set()
    waiting = list(state.graph.dependents[state.graph.rank[task_id]])
    while waiting:
        rank = waiting.pop()
        if rank not in found:
            found.add(rank)
            waiting += state.graph.dependents[rank]
    return found


def _is_failed(state: State, rank: int) -> bool:
    task = state.tasks[state.graph.tasks[rank].id]
    return task.phase is Phase.ENDED and task.outcome is not Outcome.COMPLETED
