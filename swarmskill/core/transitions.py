"""The state machine: `step(state, event) -> (state, effects)`.

Laws:

1. Nothing here reads a clock, a file, a process or chance. Time is an event.
2. An event about an attempt that is no longer current changes nothing.
3. The same event twice changes nothing the second time. However late the double comes: unless the very
   same was asked for again meanwhile, as a report of this session (after a retry), the landing of this
   head (after a refusal and a resumption), or the retry of a task that was cancelled again untried.
4. Every effect is answered by exactly one event, or by the mayor's death and then by recovery. So an
   answer changes the state just if its effect is outstanding. A Kill shares its answer with the Await,
   and a forced one stands for an earlier one that was not. After RunResumed all that is outstanding is
   to be performed anew, not only what that step returned.
5. A task completes only by `Integrated`. Nothing else completes it.

A task goes waiting -> ready -> assigned -> running -> validating -> integrating -> ended; a failed
attempt goes back to ready until its retries are used up. Each event has one handler, which returns
None when the event changes nothing. After each change `progress.proceed` starts what may start now
and moves the run towards its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from rpds import HashTrieMap

from swarmskill.core import events as ev
from swarmskill.core import retries
from swarmskill.core.effects import Await, Effect, Integrate, Kill, Validate
from swarmskill.core.graph import build_graph
from swarmskill.core.progress import outstanding, proceed, should_land
from swarmskill.core.state import EMPTY, Stage, State, Stop, TaskState, Worker
from swarmskill.model import CheckKind, Claim, Ending, Feedback, OnFailure, Outcome, Phase, Verdict

Step = tuple[State, tuple[Effect, ...]]

_STOPS = (Stop.NONE, Stop.GRACEFUL, Stop.NOW, Stop.FORCE)


def step(state: State, event: ev.Event) -> Step:
    """The state after `event`, and what is to be done because of it."""
    begun = bool(state.run_id) or isinstance(event, ev.RunStarted)
    moved = _HANDLERS[type(event)](state, event) if begun else None
    if moved is None:
        return state, ()
    state, effects = moved
    state, more = proceed(state, event.at)
    return state, effects + more


def fold(events: Iterable[ev.Event]) -> State:
    """The state that a ledger's events lead to."""
    state = EMPTY
    for event in events:
        state, _ = step(state, event)
    return state


# The run as a whole


def _run_started(state: State, event: ev.RunStarted) -> Step | None:
    if state.run_id:
        return None
    graph = build_graph(event.tasks)
    ended = {rank for rank, task in enumerate(graph.tasks) if task.done}
    tasks: dict[str, TaskState] = {}
    open_, ready = 0, 0
    for rank, task in enumerate(graph.tasks):
        waiting_on = sum(blocker not in ended for blocker in graph.blockers[rank])
        phase = Phase.ENDED if rank in ended else Phase.WAITING if waiting_on else Phase.READY
        outcome = Outcome.COMPLETED if rank in ended else None
        tasks[task.id] = TaskState(phase=phase, waiting_on=waiting_on, outcome=outcome)
        open_ |= (rank not in ended) << rank
        ready |= (phase is Phase.READY) << rank
    return State(
        run_id=event.run_id,
        config=event.config,
        graph=graph,
        tasks=HashTrieMap(tasks),
        open=open_,
        ready=ready,
        base=event.base,
        head=event.base,
        started_at=event.at,
    ), ()


def _run_resumed(state: State, event: ev.RunResumed) -> Step | None:
    if event.session != state.session + 1:
        return None
    stopped = state.stop is not Stop.NONE
    state = replace(state, session=event.session, stop=Stop.NONE, stop_reason="", landing_refused="", landing_hint="")
    unfinished = stopped or state.open or should_land(state)
    if state.stage in (Stage.REPORTING, Stage.OVER) and unfinished:
        state = replace(state, stage=Stage.RUNNING)
    return state, ()


def _stop_requested(state: State, event: ev.StopRequested) -> Step | None:
    stop = Stop.FORCE if event.force else Stop.NOW if event.now else Stop.GRACEFUL
    stronger = _STOPS.index(stop) > _STOPS.index(state.stop)
    if event.session != state.session or not stronger or state.stage is Stage.OVER:
        return None
    state = replace(state, stop=stop, stop_reason=event.reason)
    return state, tuple(effect for effect in outstanding(state) if isinstance(effect, Kill))


def _retry_requested(state: State, event: ev.RetryRequested) -> Step | None:
    task = state.tasks.get(event.task)
    if task is None or task.phase is not Phase.ENDED or task.attempt != event.attempt:
        return None
    if task.outcome in (Outcome.COMPLETED, Outcome.SKIPPED):
        return None
    state = _reopen(state, event.task, retries=())
    # The cancelled first: while they count as failed, what waits on them as well stays skipped.
    state = _unskip_dependents(_reopen_cancelled(state), event.task)
    # A landing or a report that is under way is answered first; a stopped run waits for its resumption.
    over = state.stage is Stage.OVER and state.stop is Stop.NONE
    return replace(state, failing=False, stage=Stage.RUNNING if over else state.stage), ()


def _landed(state: State, event: ev.Landed) -> Step | None:
    if state.stage is not Stage.LANDING or event.head != state.head:
        return None
    return replace(state, stage=Stage.RUNNING, landed=event.head, landing_refused="", landing_hint=""), ()


def _landing_refused(state: State, event: ev.LandingRefused) -> Step | None:
    if state.stage is not Stage.LANDING or event.head != state.head:
        return None
    reason = event.reason or "no reason given"  # never empty, or the landing would be asked for again at once
    return replace(state, stage=Stage.RUNNING, landing_refused=reason, landing_hint=event.hint), ()


def _reported(state: State, event: ev.Reported) -> Step | None:
    if state.stage is not Stage.REPORTING or event.session != state.session:
        return None
    retried = state.open and state.stop is Stop.NONE
    stage = Stage.RUNNING if retried else Stage.OVER
    return replace(state, stage=stage, report=event.path, ended_at=event.at), ()


# One attempt


def _worker_started(state: State, event: ev.WorkerStarted) -> Step | None:
    task = _current(state, event, Phase.ASSIGNED)
    if task is None:
        return None
    worker = Worker(event.pid, event.identity, event.worktree, event.base, event.at)
    state = _put(state, event.task, replace(task, phase=Phase.RUNNING, worker=worker))
    effects: tuple[Effect, ...] = (Await(event.task, event.attempt, worker.pid, worker.identity, worker.worktree),)
    if state.stop in (Stop.NOW, Stop.FORCE):
        effects += (Kill(event.task, event.attempt, state.stop is Stop.FORCE),)
    return state, effects


def _spawn_failed(state: State, event: ev.SpawnFailed) -> Step | None:
    task = _current(state, event, Phase.ASSIGNED)
    if task is None:
        return None
    if event.permanent:
        return _end(state, event, Outcome.FAILED, event.reason), ()
    return _fail(state, event, Feedback(kind=retries.SPAWN, detail=event.reason)), ()


def _worker_exited(state: State, event: ev.WorkerExited) -> Step | None:
    task = _current(state, event, Phase.RUNNING)
    if task is None or task.worker is None:
        return None
    end = event.end
    state = _put(state, event.task, replace(task, end=end))
    if end.ending is Ending.KILLED:
        return _reopen(state, event.task), ()
    if end.ending is Ending.TIMED_OUT:
        seconds = end.ended_at - end.started_at
        return _fail(state, event, Feedback(kind=CheckKind.TIMEOUT, detail=f"timed out after {seconds:.0f} s")), ()
    if end.exit_code != 0:
        return _fail(state, event, Feedback(kind=CheckKind.EXIT, detail=f"exit code {end.exit_code}")), ()
    if end.result is not None and end.result.status is Claim.BLOCKED:
        return _end(state, event, Outcome.BLOCKED, end.result.detail), ()
    rank = state.graph.rank[event.task]
    state = _put(state, event.task, replace(task, phase=Phase.VALIDATING, end=end))
    state = replace(state, busy=state.busy & ~(1 << rank))
    return state, (Validate(event.task, event.attempt, task.worker.worktree, task.worker.base, end),)


def _worker_lost(state: State, event: ev.WorkerLost) -> Step | None:
    if _current(state, event, Phase.RUNNING) is None:
        return None
    return _fail(state, event, Feedback(kind=retries.LOST, detail=event.reason)), ()


def _validated(state: State, event: ev.Validated) -> Step | None:
    task = _current(state, event, Phase.VALIDATING)
    if task is None or task.worker is None:
        return None
    if event.verdict.failed is not None:
        return _fail(state, event, _feedback(event.verdict, event.commit)), ()
    task = replace(task, phase=Phase.INTEGRATING, work=event.commit, notes=event.verdict.notes)
    state = _put(state, event.task, task)
    return state, (Integrate(event.task, event.attempt, event.commit, _base(task)),)


def _integrated(state: State, event: ev.Integrated) -> Step | None:
    task = _current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    notes = (*task.notes, *(note for note in event.verdict.notes if note not in task.notes))
    state = _put(state, event.task, replace(task, commit=event.commit, notes=notes))
    state = replace(state, head=event.commit)
    state = _end(state, event, Outcome.COMPLETED, "")
    return _free_dependents(state, event.task), ()


def _integration_conflicted(state: State, event: ev.IntegrationConflicted) -> Step | None:
    task = _current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    detail = "does not merge with the run branch: " + ", ".join(event.paths)
    feedback = Feedback(kind=retries.CONFLICT, detail=detail, conflicts=event.paths, diff=task.work)
    return _fail(state, event, feedback), ()


def _integration_rejected(state: State, event: ev.IntegrationRejected) -> Step | None:
    task = _current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    return _fail(state, event, _feedback(event.verdict, task.work)), ()


_HANDLERS: dict[type[ev.Event], Callable[[State, Any], Step | None]] = {
    ev.RunStarted: _run_started,
    ev.RunResumed: _run_resumed,
    ev.StopRequested: _stop_requested,
    ev.RetryRequested: _retry_requested,
    ev.WorkerStarted: _worker_started,
    ev.SpawnFailed: _spawn_failed,
    ev.WorkerExited: _worker_exited,
    ev.WorkerLost: _worker_lost,
    ev.Validated: _validated,
    ev.Integrated: _integrated,
    ev.IntegrationConflicted: _integration_conflicted,
    ev.IntegrationRejected: _integration_rejected,
    ev.Landed: _landed,
    ev.LandingRefused: _landing_refused,
    ev.Reported: _reported,
}


# Moves that several handlers share


def _current(state: State, event: ev.AttemptEvent, phase: Phase) -> TaskState | None:
    """The task's state, if the event is about its current attempt and that is in `phase`."""
    task = state.tasks.get(event.task)
    if task is None or task.attempt != event.attempt or task.phase is not phase:
        return None
    return task


def _put(state: State, task_id: str, task: TaskState) -> State:
    return replace(state, tasks=state.tasks.insert(task_id, task))


def _fail(state: State, event: ev.AttemptEvent, feedback: Feedback) -> State:
    """An attempt failed: try again if the caps allow, else end the task."""
    task = state.tasks[event.task]
    counts = dict(task.retries)
    if not retries.may_retry(state.graph.task(event.task), state.config.max_retries, counts, feedback.kind):
        state = _put(state, event.task, replace(task, feedback=feedback))
        return _end(state, event, retries.outcome_of(feedback.kind), feedback.detail)
    counts[feedback.kind] = counts.get(feedback.kind, 0) + 1
    state = _put(state, event.task, replace(task, feedback=feedback))
    return _reopen(state, event.task, retries=tuple(counts.items()))


def _reopen(state: State, task_id: str, *, retries: tuple[tuple[str, int], ...] | None = None) -> State:
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
        retries=task.retries if retries is None else retries,
    )
    ready = state.ready & ~bit if task.waiting_on else state.ready | bit
    state = replace(state, open=state.open | bit, ready=ready, active=state.active & ~bit, busy=state.busy & ~bit)
    return _put(state, task_id, task)


def _end(state: State, event: ev.AttemptEvent, outcome: Outcome, detail: str) -> State:
    """End a task; if it is not completed, so do all that wait on it."""
    state = _close(state, event.task, outcome, detail, event.at)
    if outcome is Outcome.COMPLETED:
        return state
    if state.config.on_failure is OnFailure.FAIL_FAST:
        state = replace(state, failing=True)
    return _skip_dependents(state, event)


def _close(state: State, task_id: str, outcome: Outcome, detail: str, at: float) -> State:
    task, bit = state.tasks[task_id], 1 << state.graph.rank[task_id]
    task = replace(task, phase=Phase.ENDED, outcome=outcome, detail=detail, ended_at=at)
    state = replace(
        state,
        open=state.open & ~bit,
        ready=state.ready & ~bit,
        active=state.active & ~bit,
        busy=state.busy & ~bit,
    )
    return _put(state, task_id, task)


def _skip_dependents(state: State, event: ev.AttemptEvent) -> State:
    """Skip, transitively, what can no longer start because its blocker did not complete."""
    blocked = [(rank, event.task) for rank in state.graph.dependents[state.graph.rank[event.task]]]
    while blocked:
        rank, blocker = blocked.pop()
        task_id = state.graph.tasks[rank].id
        if state.tasks[task_id].phase is Phase.WAITING:
            state = _close(state, task_id, Outcome.SKIPPED, f"{blocker} did not complete", event.at)
            blocked += [(dependent, task_id) for dependent in state.graph.dependents[rank]]
    return state


def _unskip_dependents(state: State, task_id: str) -> State:
    """Reopen, transitively, what was skipped and has no other failed blocker."""
    graph = state.graph
    affected = sorted(_dependents_of(state, task_id), key=lambda rank: graph.generation[rank])
    for rank in affected:
        task = state.tasks[graph.tasks[rank].id]
        if task.outcome is Outcome.SKIPPED and not any(_is_failed(state, b) for b in graph.blockers[rank]):
            state = _reopen(state, graph.tasks[rank].id)
    return state


def _reopen_cancelled(state: State) -> State:
    """Reopen what fail-fast gave up because of the task that is now tried again."""
    for task in state.graph.tasks:
        if state.tasks[task.id].outcome is Outcome.CANCELLED:
            state = _reopen(state, task.id)
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


def _free_dependents(state: State, task_id: str) -> State:
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


def _feedback(verdict: Verdict, commit: str) -> Feedback:
    failed = verdict.failed
    if failed is None:
        raise AssertionError("an accepted verdict has no feedback")
    return Feedback(kind=failed.kind, detail=failed.detail or failed.name, output=failed.output, diff=commit)


def _base(task: TaskState) -> str:
    return task.worker.base if task.worker else ""
