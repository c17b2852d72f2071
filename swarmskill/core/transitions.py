"""The state machine: `step(state, event) -> (state, effects)`.

Laws:

1. Nothing here reads a clock, a file, a process or chance. Time is an event.
2. An event about an attempt that is no longer current changes nothing.
3. The same event twice changes nothing the second time. However late the double comes: unless the very
   same was asked for again meanwhile, as a report of this session (after a retry), the landing of this
   head (after a refusal and a resumption), the retry of a task that was cancelled again untried, limits
   (after others), the rest of an agent that was turned away as many times in a row once before, or the
   retry of a task that the tracker refused again.
4. Every effect is answered by exactly one event, or by the mayor's death and then by recovery. So an
   answer changes the state just if its effect is outstanding. A Kill shares its answer with the Await,
   a Recall with the Spawn, and a forced Kill stands for an earlier one that was not. After RunResumed all
   that is outstanding is to be performed anew, not only what that step returned. RunKilled ends a run without
   a mayor: what is unanswered is for the next one, which asks anew for a landing, a report and a summary.
   Five are taken back unanswered: kills by a budget that was raised, recalls in a run that goes on after
   all, the rest of an agent that now wants a person, a summary when the stop is forced, the wait of a task
   that fail-fast cancelled. WorkerReported, WorkerStalled, WorkerStirred and SpawnQueued answer nothing;
   they change the state just if they tell more than those before.
5. A task completes only by `Integrated`. Nothing else completes it.

A task goes waiting -> ready -> assigned -> running -> validating -> integrating -> ended; a failed
attempt goes back to ready until its retries are used up. Each event has one handler, which returns
None when the event changes nothing. After each change `progress.proceed` starts what may start now
and moves the run towards its end. A run's tracker is told of each end that was not skipped or
cancelled; its answer changes no outcome, and the run is not over before it has answered all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rpds import HashTrieMap

from swarmskill.config import LIFTABLE, LIMITS
from swarmskill.core import attempts
from swarmskill.core import events as ev
from swarmskill.core.budget import run_usage, shortage
from swarmskill.core.copying import replace
from swarmskill.core.gates import begin_probing, open_shut_gates
from swarmskill.core.graph import build_graph, fixed_agent
from swarmskill.core.moves import Step, renew, reopen_cancelled, unskip_dependents
from swarmskill.core.progress import kills_of, proceed, recalls_of, should_land, winds_down
from swarmskill.core.state import EMPTY, Stage, State, Stop, TaskState
from swarmskill.core.tracking import owe, tracked, tracks
from swarmskill.model import Outcome, Phase

_STOPS = (Stop.NONE, Stop.GRACEFUL, Stop.NOW, Stop.FORCE)


def step(state: State, event: ev.Event) -> Step:
    """The state after `event`, and what is to be done because of it."""
    begun = bool(state.run_id) or isinstance(event, ev.RunStarted)
    moved = _HANDLERS[type(event)](state, event) if begun else None
    if moved is None:
        return state, ()
    after, effects = moved
    effects += tuple(tracks(after, after.owed & ~state.owed))
    after, more = proceed(after, event.at)
    recalls = recalls_of(after) if winds_down(after) and not winds_down(state) else ()
    return after, effects + more + recalls


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
    graph = build_graph(event.tasks, event.expected)
    ended = {rank for rank, task in enumerate(graph.tasks) if task.done}
    tasks: dict[str, TaskState] = {}
    open_, ready = 0, 0
    bound: dict[str, int] = {}
    only = event.config.pool[0].agent if len(event.config.pool) == 1 else ""
    for rank, task in enumerate(graph.tasks):
        waiting_on = sum(blocker not in ended for blocker in graph.blockers[rank])
        phase = Phase.ENDED if rank in ended else Phase.WAITING if waiting_on else Phase.READY
        outcome = Outcome.COMPLETED if rank in ended else None
        agent = fixed_agent(task) or only
        tasks[task.id] = TaskState(phase=phase, waiting_on=waiting_on, outcome=outcome, agent=agent)
        if agent:
            bound[agent] = bound.get(agent, 0) | 1 << rank
        open_ |= (rank not in ended) << rank
        ready |= (phase is Phase.READY) << rank
    return State(
        run_id=event.run_id,
        config=event.config,
        graph=graph,
        tasks=HashTrieMap(tasks),
        open=open_,
        ready=ready,
        bound=HashTrieMap(bound),
        base=event.base,
        head=event.base,
        started_at=event.at,
    ), ()


def _run_resumed(state: State, event: ev.RunResumed) -> Step | None:
    if event.session != state.session + 1:
        return None
    stopped = state.stop is not Stop.NONE
    state = open_shut_gates(state)
    state = replace(
        state,
        session=event.session,
        stop=Stop.NONE,
        stop_reason="",
        exhausted=False,
        summary=None,
        landing_refused="",
        landing_hint="",
        killed=False,
    )
    unfinished = stopped or state.open or state.owed or should_land(state)
    if state.stage in (Stage.SUMMING, Stage.REPORTING, Stage.OVER) and unfinished:
        state = replace(state, stage=Stage.RUNNING)
    return state, ()


def _stop_requested(state: State, event: ev.StopRequested) -> Step | None:
    stop = Stop.FORCE if event.force else Stop.NOW if event.now else Stop.GRACEFUL
    if event.session != state.session or state.stage is Stage.OVER:
        return None
    if _STOPS.index(stop) <= _STOPS.index(state.stop):
        # What the budget stopped goes on with more money, what a person stopped does not.
        return (replace(state, exhausted=False), ()) if state.exhausted else None
    state = replace(state, stop=stop, stop_reason=event.reason, exhausted=False)
    if state.stage is Stage.SUMMING and stop is Stop.FORCE:
        state = replace(state, stage=Stage.RUNNING)
    return state, kills_of(state)


def _run_killed(state: State, event: ev.RunKilled) -> Step | None:
    if state.stage is Stage.OVER or event.session != state.session:
        return None
    forced = state.stop is Stop.FORCE
    state = replace(state, stop=Stop.FORCE, exhausted=False, stop_reason=event.reason)
    return replace(state, stage=Stage.OVER, killed=True, ended_at=event.at), () if forced else kills_of(state)


def _limits_changed(state: State, event: ev.LimitsChanged) -> Step | None:
    given = {name: value for name in LIMITS if (value := getattr(event, name)) is not None}
    lifted = dict.fromkeys(name for name in event.lifted if name in LIFTABLE)
    config = replace(state.config, **{**given, **lifted})
    if config == state.config:
        return None
    state = replace(state, config=config)
    enough = not shortage(run_usage(state), config.max_cost, config.max_tokens)
    if state.exhausted and enough and state.stage is Stage.RUNNING:
        state = replace(state, stop=Stop.NONE, stop_reason="", exhausted=False)
    return state, ()


def _gate_rested(state: State, event: ev.GateRested) -> Step | None:
    probing = begin_probing(state, event.agent, event.strikes)
    return None if probing is None else (probing, ())


def _summarised(state: State, event: ev.Summarised) -> Step | None:
    if state.stage is not Stage.SUMMING or event.session != state.session:
        return None
    beside = state.beside + event.report.usage
    return replace(state, stage=Stage.RUNNING, summary=event.text, beside=beside), ()


def _advised(state: State, event: ev.Advised) -> Step | None:
    call = (event.question, event.at)
    if call in state.advice:
        return None
    return replace(state, advice=state.advice | {call}, beside=state.beside + event.report.usage), ()


def _retry_requested(state: State, event: ev.RetryRequested) -> Step | None:
    task = state.tasks.get(event.task)
    if task is None or task.phase is not Phase.ENDED or task.attempt != event.attempt:
        return None
    if task.outcome is Outcome.SKIPPED or task.standing is Outcome.COMPLETED:
        return None
    completed = task.outcome is Outcome.COMPLETED
    state = owe(state, event.task) if completed else renew(state, event.task)
    # The cancelled first: while they count as failed, what waits on them as well stays skipped.
    state = unskip_dependents(reopen_cancelled(state), event.task)
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
    retried = (state.open or state.owed) and state.stop is Stop.NONE
    stage = Stage.RUNNING if retried else Stage.OVER
    return replace(state, stage=stage, report=event.path, ended_at=event.at), ()


_HANDLERS: dict[type[ev.Event], Callable[[State, Any], Step | None]] = {
    ev.RunStarted: _run_started,
    ev.RunResumed: _run_resumed,
    ev.StopRequested: _stop_requested,
    ev.RetryRequested: _retry_requested,
    ev.RunKilled: _run_killed,
    ev.LimitsChanged: _limits_changed,
    ev.GateRested: _gate_rested,
    ev.Summarised: _summarised,
    ev.Advised: _advised,
    ev.WorkerStarted: attempts.worker_started,
    ev.SpawnFailed: attempts.spawn_failed,
    ev.SpawnQueued: attempts.spawn_queued,
    ev.SpawnWithdrawn: attempts.spawn_withdrawn,
    ev.WorkerReported: attempts.worker_reported,
    ev.WorkerStalled: attempts.worker_stalled,
    ev.WorkerStirred: attempts.worker_stirred,
    ev.WorkerExited: attempts.worker_exited,
    ev.WorkerLost: attempts.worker_lost,
    ev.Validated: attempts.validated,
    ev.Integrated: attempts.integrated,
    ev.IntegrationConflicted: attempts.integration_conflicted,
    ev.IntegrationRejected: attempts.integration_rejected,
    ev.BackedOff: attempts.backed_off,
    ev.Tracked: tracked,
    ev.Landed: _landed,
    ev.LandingRefused: _landing_refused,
    ev.Reported: _reported,
}
