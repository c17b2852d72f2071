"""What the events about one attempt lead to, each in a handler; None when the event changes nothing."""

from __future__ import annotations

from typing import Final

from swarmskill.core import events as ev
from swarmskill.core import retries
from swarmskill.core.budget import halt, run_left, task_left, task_shortage
from swarmskill.core.copying import replace
from swarmskill.core.effects import Await, Effect, Integrate, Kill, Recall, Validate
from swarmskill.core.gates import GATED, answered, broke_down, close_gate, probe_gone, shut_gate
from swarmskill.core.moves import Step, current, end, fail, free_dependents, pause, put, reopen, undelay
from swarmskill.core.progress import kills_of, winds_down
from swarmskill.core.state import State, Stop, TaskState, Worker
from swarmskill.model import (
    NOTHING_USED,
    CheckKind,
    Claim,
    Ending,
    Feedback,
    Outcome,
    Phase,
    Problem,
    Trouble,
    Usage,
    Verdict,
    WorkerEnd,
)

_OUTSIDE: Final = GATED | {Trouble.AUTH}
"""Troubles that no ending of the worker by us brings about."""


def worker_started(state: State, event: ev.WorkerStarted) -> Step | None:
    """The attempt has a worker: wait for its end."""
    task = current(state, event, Phase.ASSIGNED)
    if task is None:
        return None
    worker = Worker(event.pid, event.identity, event.worktree, event.base, event.at)
    state = replace(state, queued=state.queued & ~(1 << state.graph.rank[event.task]))
    state = put(state, event.task, replace(task, phase=Phase.RUNNING, worker=worker, queued=""))
    effects: tuple[Effect, ...] = (Await(event.task, event.attempt, worker.pid, worker.identity, worker.worktree),)
    if state.stop in (Stop.NOW, Stop.FORCE):
        effects += (Kill(event.task, event.attempt, state.stop is Stop.FORCE),)
    return state, effects


def spawn_failed(state: State, event: ev.SpawnFailed) -> Step | None:
    """The attempt never had a worker."""
    if current(state, event, Phase.ASSIGNED) is None:
        return None
    state = probe_gone(state, event.task)
    if event.permanent:
        return end(state, event, Outcome.FAILED, event.reason), ()
    return fail(state, event, Feedback(kind=retries.SPAWN, detail=event.reason))


def spawn_queued(state: State, event: ev.SpawnQueued) -> Step | None:
    """The attempt's worker waits for a slot; a run that winds down does not."""
    task = current(state, event, Phase.ASSIGNED)
    if task is None or task.queued or not event.reason:
        return None
    state = replace(state, queued=state.queued | 1 << state.graph.rank[event.task])
    state = put(state, event.task, replace(task, queued=event.reason))
    recalled = (Recall(event.task, event.attempt),) if winds_down(state) else ()
    return state, recalled


def spawn_withdrawn(state: State, event: ev.SpawnWithdrawn) -> Step | None:
    """The attempt never had a worker, as nobody wanted it any more: the next one begins as it would have."""
    if current(state, event, Phase.ASSIGNED) is None:
        return None
    return reopen(probe_gone(state, event.task), event.task), ()


def worker_reported(state: State, event: ev.WorkerReported) -> Step | None:
    """The agent tells its session and what it has used: keep it, and stop the task that used too much."""
    task = current(state, event, Phase.RUNNING)
    if task is None:
        return None
    session = event.session or task.session
    old, new = _progress(task.used), _progress(event.usage)
    if new < old or (new == old and session == task.session):
        return None  # told already, or overtaken by a later word
    reported = replace(task, session=session, used=event.usage)
    overdrawn = task.overdrawn or bool(task_shortage(reported, state.graph.task(event.task)))
    if overdrawn and not task.overdrawn:
        reported = replace(reported, overdrawn=True)
    state = put(state, event.task, reported)
    if event.usage.tokens:
        state = answered(state, event.task)
    if task.overdrawn or not overdrawn or state.stop in (Stop.NOW, Stop.FORCE):
        return state, ()
    return state, (Kill(event.task, event.attempt),)


def worker_stalled(state: State, event: ev.WorkerStalled) -> Step | None:
    """The worker shows no progress. A later word of an earlier stall changes nothing."""
    task = current(state, event, Phase.RUNNING)
    if task is None or task.stalled_since or event.since <= task.last_stall:
        return None
    return put(state, event.task, replace(task, stalled_since=event.since, last_stall=event.since)), ()


def worker_stirred(state: State, event: ev.WorkerStirred) -> Step | None:
    """The worker gets on after the stall that the event names."""
    task = current(state, event, Phase.RUNNING)
    if task is None or not task.stalled_since or event.since != task.stalled_since:
        return None
    return put(state, event.task, replace(task, stalled_since=0.0)), ()


def worker_exited(state: State, event: ev.WorkerExited) -> Step | None:
    """The worker has ended: judge what it left, or say why there is nothing to judge."""
    task = current(state, event, Phase.RUNNING)
    if task is None or task.worker is None:
        return None
    worker, over = task.worker, _complete(event.end, task)
    task = replace(task, end=over, session=over.report.session)
    state = _settle(put(state, event.task, task), event.task, over.report.usage)
    claims_done = over.result is not None and over.result.status is Claim.DONE
    problem = None if claims_done or event.over_memory else _problem(over)
    if problem is not None:
        return _troubled(state, event, task, problem)
    state = probe_gone(state, event.task) if over.ending is Ending.KILLED else answered(state, event.task)
    failure = _failure(event, over, claims_done=claims_done)
    if failure is not None:
        if failure.kind == CheckKind.STALLED:
            state = broke_down(state, task.agent, event.at)
        return fail(state, event, failure)
    if over.ending is Ending.KILLED and not (task.overdrawn and claims_done):
        return _break_off(state, event), ()
    if over.result is not None and over.result.status is Claim.BLOCKED:
        return end(state, event, Outcome.BLOCKED, over.result.detail), ()
    state = put(state, event.task, replace(state.tasks[event.task], phase=Phase.VALIDATING))
    state = replace(state, busy=state.busy & ~(1 << state.graph.rank[event.task]))
    return state, (Validate(event.task, event.attempt, worker.worktree, worker.base, over),)


def worker_lost(state: State, event: ev.WorkerLost) -> Step | None:
    """The worker vanished."""
    task = current(state, event, Phase.RUNNING)
    if task is None:
        return None
    state = probe_gone(_settle(state, event.task, task.used), event.task)
    return fail(state, event, Feedback(kind=retries.LOST, detail=event.reason))


def validated(state: State, event: ev.Validated) -> Step | None:
    """The checks on the attempt itself are made."""
    task = current(state, event, Phase.VALIDATING)
    if task is None or task.worker is None:
        return None
    if event.verdict.failed is not None:
        return fail(state, event, _feedback(task, event.verdict, event.commit))
    task = replace(task, phase=Phase.INTEGRATING, work=event.commit, notes=event.verdict.notes)
    state = put(state, event.task, task)
    return state, (Integrate(event.task, event.attempt, event.commit, _base(task)),)


def integrated(state: State, event: ev.Integrated) -> Step | None:
    """The task's commit is on the run branch: it is completed."""
    task = current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    notes = (*task.notes, *(note for note in event.verdict.notes if note not in task.notes))
    state = put(state, event.task, replace(task, commit=event.commit, notes=notes))
    state = replace(state, head=event.commit)
    state = end(state, event, Outcome.COMPLETED, "")
    return free_dependents(state, event.task), ()


def integration_conflicted(state: State, event: ev.IntegrationConflicted) -> Step | None:
    """The attempt does not merge with what came before it."""
    task = current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    detail = "does not merge with the run branch: " + ", ".join(event.paths)
    feedback = Feedback(kind=retries.CONFLICT, detail=detail, conflicts=event.paths, diff=task.work)
    return fail(state, event, feedback)


def integration_rejected(state: State, event: ev.IntegrationRejected) -> Step | None:
    """The checks failed on the merged result. The next attempt needs the new base, so it begins afresh."""
    task = current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    state = put(state, event.task, replace(task, worker=None))
    return fail(state, event, _feedback(task, event.verdict, task.work))


def backed_off(state: State, event: ev.BackedOff) -> Step | None:
    """The wait after a failed attempt is over: the task may be started."""
    task = current(state, event, Phase.READY)
    return (undelay(state, event.task), ()) if task is not None and task.delayed_until else None


def _failure(event: ev.WorkerExited, over: WorkerEnd, *, claims_done: bool) -> Feedback | None:
    """Why an end is a failure before anything is judged; None if it is none."""
    seconds = over.ended_at - over.started_at
    if over.ending is Ending.TIMED_OUT:
        return Feedback(kind=CheckKind.TIMEOUT, detail=f"timed out after {seconds:.0f} s")
    if over.ending is Ending.STALLED and not claims_done:
        return Feedback(kind=CheckKind.STALLED, detail=f"no progress for too long, ended after {seconds:.0f} s")
    if event.over_memory:
        return Feedback(kind=CheckKind.MEMORY, detail=event.over_memory)
    if over.ending is Ending.EXITED and over.exit_code != 0 and over.report.problem is None:
        return Feedback(kind=CheckKind.EXIT, detail=_guessed(f"exit code {over.exit_code}", event.hint))
    return None


def _guessed(detail: str, hint: str) -> str:
    """The detail, and what may be behind it."""
    return f"{detail}; {hint}" if hint else detail


def _troubled(state: State, event: ev.WorkerExited, task: TaskState, problem: Problem) -> Step:
    """The agent could not do its work: its service's troubles are no failure of the task."""
    if problem.kind in GATED:
        state, effects = close_gate(state, event, problem)
        return _break_off(state, event), effects
    if problem.kind is Trouble.AUTH:
        return _break_off(shut_gate(state, task.agent, problem.detail or "not logged in"), event), ()
    state = answered(state, event.task)
    detail = problem.detail or problem.kind.value
    if problem.kind is Trouble.BUDGET and task.allowance is not None:
        return _capped(state, event, task, detail)
    if problem.kind is Trouble.CRASHED:
        state = broke_down(state, task.agent, event.at)
        detail = _guessed(detail, event.hint)
    return fail(state, event, Feedback(kind=problem.kind, detail=detail))


def _capped(state: State, event: ev.WorkerExited, before: TaskState, detail: str) -> Step:
    """The agent spent what it was allowed, as it counts: the task's own limit ends the task, the run's the run."""
    if before.allowance == task_left(state.graph.task(event.task), before.settled):
        return end(state, event, Outcome.FAILED, f"its budget is used up: {detail}"), ()
    state = _break_off(state, event)
    left = run_left(state)
    if left is None or before.allowance is None or left > before.allowance:
        return state, ()  # somebody gave the run more meanwhile
    halted = halt(state, detail)
    return halted, () if halted is state else kills_of(halted)


def _break_off(state: State, event: ev.WorkerExited) -> State:
    """The attempt ended through no fault of the task, which goes on unless its own budget is used up."""
    if short := task_shortage(state.tasks[event.task], state.graph.task(event.task)):
        return end(state, event, Outcome.FAILED, f"its budget is used up: {short}")
    return pause(state, event)


def _problem(over: WorkerEnd) -> Problem | None:
    """What kept the agent from its work; not what it says only because we ended it."""
    problem = over.report.problem
    if problem is None or over.ending is Ending.EXITED or problem.kind in _OUTSIDE:
        return problem
    return None if over.ending is Ending.KILLED or problem.kind is Trouble.CRASHED else problem


def _complete(over: WorkerEnd, task: TaskState) -> WorkerEnd:
    """The end with what only the reports before it told, if the last one lacks that."""
    report = over.report
    usage = task.used if report.usage == NOTHING_USED else report.usage
    return replace(over, report=replace(report, session=report.session or task.session, usage=usage))


def _progress(usage: Usage) -> tuple[int, float]:
    """Grows with each report of an attempt, so that it tells the later of two."""
    return usage.tokens, -1.0 if usage.cost_usd is None else usage.cost_usd


def _settle(state: State, task_id: str, usage: Usage) -> State:
    """The attempt is over: what it used is settled."""
    task = state.tasks[task_id]
    task = replace(task, used=NOTHING_USED, settled=task.settled + usage, stalled_since=0.0)
    return replace(put(state, task_id, task), settled=state.settled + usage)


def _feedback(task: TaskState, verdict: Verdict, commit: str) -> Feedback:
    failed = verdict.failed
    if failed is None:
        raise AssertionError("an accepted verdict has no feedback")
    detail = failed.detail or failed.name
    denied = task.end.report.denied if task.end else ()
    if denied:
        detail += "; the agent was not permitted: " + ", ".join(denied)
    return Feedback(kind=failed.kind, detail=detail, output=failed.output, diff=commit)


def _base(task: TaskState) -> str:
    return task.worker.base if task.worker else ""
