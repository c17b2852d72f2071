"""What the events about one attempt lead to, each in a handler; None when the event changes nothing."""

from __future__ import annotations

from dataclasses import replace

from swarmskill.core import events as ev
from swarmskill.core import retries
from swarmskill.core.budget import halt, task_shortage
from swarmskill.core.effects import Await, Effect, Integrate, Kill, Validate
from swarmskill.core.gates import GATED, answered, close_gate, probe_gone, shut_gate
from swarmskill.core.moves import current, end, fail, free_dependents, pause, put
from swarmskill.core.progress import kills_of
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

Step = tuple[State, tuple[Effect, ...]]


def worker_started(state: State, event: ev.WorkerStarted) -> Step | None:
    """The attempt has a worker: wait for its end."""
    task = current(state, event, Phase.ASSIGNED)
    if task is None:
        return None
    worker = Worker(event.pid, event.identity, event.worktree, event.base, event.at)
    state = put(state, event.task, replace(task, phase=Phase.RUNNING, worker=worker))
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
    return fail(state, event, Feedback(kind=retries.SPAWN, detail=event.reason)), ()


def worker_reported(state: State, event: ev.WorkerReported) -> Step | None:
    """The agent tells its session and what it has used: keep it, and stop the task that used too much."""
    task = current(state, event, Phase.RUNNING)
    if task is None:
        return None
    session = event.session or task.session
    if (session, event.usage) == (task.session, task.used):
        return None
    spec = state.graph.task(event.task)
    reported = replace(task, session=session, used=event.usage)
    overdrawn = task.overdrawn or bool(task_shortage(reported, spec))
    state = put(state, event.task, replace(reported, overdrawn=overdrawn))
    if event.usage.tokens:
        state = answered(state, event.task)
    if task.overdrawn or not overdrawn or state.stop in (Stop.NOW, Stop.FORCE):
        return state, ()
    return state, (Kill(event.task, event.attempt),)


def worker_exited(state: State, event: ev.WorkerExited) -> Step | None:
    """The worker has ended: judge what it left, or say why there is nothing to judge."""
    task = current(state, event, Phase.RUNNING)
    if task is None or task.worker is None:
        return None
    worker, over, report = task.worker, event.end, event.end.report
    task = replace(task, end=over, session=report.session or task.session)
    state = _settle(put(state, event.task, task), event.task, report.usage)
    claims_done = over.result is not None and over.result.status is Claim.DONE
    if report.problem is not None and not claims_done:
        return _troubled(state, event, task, report.problem)
    state = probe_gone(state, event.task) if over.ending is Ending.KILLED else answered(state, event.task)
    failure = _failure(over, claims_done=claims_done)
    if failure is not None:
        return fail(state, event, failure), ()
    if over.ending is Ending.KILLED and not (task.overdrawn and claims_done):
        return (_overdrawn(state, event) if task.overdrawn else pause(state, event)), ()
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
    return fail(state, event, Feedback(kind=retries.LOST, detail=event.reason)), ()


def validated(state: State, event: ev.Validated) -> Step | None:
    """The checks on the attempt itself are made."""
    task = current(state, event, Phase.VALIDATING)
    if task is None or task.worker is None:
        return None
    if event.verdict.failed is not None:
        return fail(state, event, _feedback(task, event.verdict, event.commit)), ()
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
    return fail(state, event, feedback), ()


def integration_rejected(state: State, event: ev.IntegrationRejected) -> Step | None:
    """The checks failed on the merged result. The next attempt needs the new base, so it begins afresh."""
    task = current(state, event, Phase.INTEGRATING)
    if task is None:
        return None
    state = put(state, event.task, replace(task, worker=None))
    return fail(state, event, _feedback(task, event.verdict, task.work)), ()


def _failure(over: WorkerEnd, *, claims_done: bool) -> Feedback | None:
    """Why an end is a failure before anything is judged; None if it is none."""
    seconds = over.ended_at - over.started_at
    if over.ending is Ending.TIMED_OUT:
        return Feedback(kind=CheckKind.TIMEOUT, detail=f"timed out after {seconds:.0f} s")
    if over.ending is Ending.STALLED and not claims_done:
        return Feedback(kind=CheckKind.STALLED, detail=f"printed nothing for too long, ended after {seconds:.0f} s")
    if over.ending is Ending.EXITED and over.exit_code != 0 and over.report.problem is None:
        return Feedback(kind=CheckKind.EXIT, detail=f"exit code {over.exit_code}")
    return None


def _troubled(state: State, event: ev.WorkerExited, task: TaskState, problem: Problem) -> Step:
    """The agent could not do its work: its service's troubles are no failure of the task."""
    if problem.kind in GATED:
        state, effects = close_gate(state, event, problem)
        return pause(state, event), effects
    if problem.kind is Trouble.AUTH:
        return pause(shut_gate(state, task.agent, problem.detail or "not logged in"), event), ()
    state = answered(state, event.task)
    if problem.kind is Trouble.BUDGET and task.allowance is not None:
        if task_shortage(state.tasks[event.task], state.graph.task(event.task)):
            return _overdrawn(state, event), ()
        state = pause(state, event)
        halted = halt(state, problem.detail or f"{task.agent} reached its cap")
        return halted, () if halted is state else kills_of(halted)
    detail = problem.detail or problem.kind.value
    return fail(state, event, Feedback(kind=problem.kind, detail=detail)), ()


def _overdrawn(state: State, event: ev.WorkerExited) -> State:
    short = task_shortage(state.tasks[event.task], state.graph.task(event.task))
    return end(state, event, Outcome.FAILED, f"its budget is used up: {short}")


def _settle(state: State, task_id: str, usage: Usage) -> State:
    """The attempt is over: what it used is settled."""
    task = state.tasks[task_id]
    task = replace(task, used=NOTHING_USED, settled=task.settled + usage)
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
