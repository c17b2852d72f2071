"""Moving the run on: start what may start, land, report; and what is not answered yet."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.config import Land as LandWhen
from swarmskill.config import OnExhaust, Schedule
from swarmskill.core.budget import exhaust, left_for
from swarmskill.core.choose import choose, eligible_tasks
from swarmskill.core.copying import replace
from swarmskill.core.effects import (
    Await,
    BackOff,
    Effect,
    Integrate,
    Kill,
    Land,
    Recall,
    Report,
    Rest,
    Spawn,
    Summarise,
    Validate,
)
from swarmskill.core.gates import leave_degraded, probe_started
from swarmskill.core.graph import bits
from swarmskill.core.state import Door, Gate, Stage, State, Stop, TaskState
from swarmskill.core.tracking import tracks
from swarmskill.errors import InternalError
from swarmskill.model import Outcome, Phase


def proceed(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    """Start all that may start now; when nothing can and nothing is under way, go on to the end."""
    state = leave_degraded(state)
    if state.stage is not Stage.RUNNING:
        return state, ()
    within_budget = not state.exhausted
    state = exhaust(state)
    kills = kills_of(state) if state.exhausted and within_budget else ()
    state = _next_wave(state)
    state, spawns = _start_tasks(state, at)
    if spawns or _under_way(state):
        return state, kills + spawns
    state, last = _conclude(state, at)
    return state, kills + last


def kills_of(state: State) -> tuple[Effect, ...]:
    """The kills that a stop which has just begun asks for, beside those of overdrawn tasks, asked for before."""
    if state.stop not in (Stop.NOW, Stop.FORCE):
        return ()
    force = state.stop is Stop.FORCE
    busy = (state.graph.tasks[rank].id for rank in bits(state.busy))
    running = ((task_id, state.tasks[task_id]) for task_id in busy if state.tasks[task_id].phase is Phase.RUNNING)
    return tuple(Kill(task_id, task.attempt, force) for task_id, task in running if force or not task.overdrawn)


def winds_down(state: State) -> bool:
    """Whether nothing more is to be started, so that a start which waits for a slot is given up."""
    return state.stop is not Stop.NONE or state.failing


def recalls_of(state: State) -> tuple[Effect, ...]:
    """What a run that has just begun to wind down takes back: the starts that wait for a slot."""
    waiting = (state.graph.tasks[rank].id for rank in bits(state.queued))
    return tuple(Recall(task_id, state.tasks[task_id].attempt) for task_id in waiting)


def outstanding(state: State) -> Iterator[Effect]:
    """Every effect that no event has answered yet: what recovery has to perform again.

    After each step these are just the effects that were returned so far and not answered (law 4). A
    forced stop ends the run while Validate, Integrate and Track may be outstanding: they are for the next mayor.
    """
    for rank in bits(state.active):
        task_id = state.graph.tasks[rank].id
        yield from _unanswered(state, task_id, state.tasks[task_id])
    for rank in bits(state.delayed):
        task_id = state.graph.tasks[rank].id
        task = state.tasks[task_id]
        yield BackOff(task_id, task.attempt, task.delayed_until)
    yield from tracks(state, state.owed)
    for agent in sorted(state.gates):  # the map has no order of its own
        gate = state.gates[agent]
        if gate.door is Door.RESTING:
            yield Rest(agent, gate.strikes, gate.until)
    if state.stage is Stage.SUMMING:
        yield Summarise(state.session, state.config.pool[0].agent)
    if state.stage is Stage.LANDING:
        yield Land(state.head)
    if state.stage is Stage.REPORTING:
        yield Report(state.session)


def _unanswered(state: State, task_id: str, task: TaskState) -> Iterator[Effect]:
    worker = task.worker
    if task.phase is Phase.ASSIGNED:
        yield _spawn(state, task_id)
        if task.queued and winds_down(state):
            yield Recall(task_id, task.attempt)
    elif worker is not None and task.phase is Phase.RUNNING:
        yield Await(task_id, task.attempt, worker.pid, worker.identity, worker.worktree)
        if task.overdrawn or state.stop in (Stop.NOW, Stop.FORCE):
            yield Kill(task_id, task.attempt, state.stop is Stop.FORCE)
    elif worker is not None and task.end is not None and task.phase is Phase.VALIDATING:
        yield Validate(task_id, task.attempt, worker.worktree, worker.base, task.end)
    elif worker is not None and task.phase is Phase.INTEGRATING:
        yield Integrate(task_id, task.attempt, task.work, worker.base)


def _next_wave(state: State) -> State:
    """Under the wave schedule, let the ready tasks be the next wave once the last one has ended."""
    if state.config.schedule is not Schedule.WAVE or state.wave & state.open or not state.ready:
        return state
    if state.stop is not Stop.NONE or state.failing:
        return state
    if state.config.land is LandWhen.WAVE and should_land(state):
        return state
    return replace(state, wave=state.ready, wave_number=state.wave_number + 1)


def _start_tasks(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    chosen = tuple(choose(state))
    effects: list[Effect] = []
    for rank, agent in chosen:
        state = _assign(state, rank, agent, at)
        effects.append(_spawn(state, state.graph.tasks[rank].id))
    return state, tuple(effects)


def _assign(state: State, rank: int, agent: str, at: float) -> State:
    task_id, bit = state.graph.tasks[rank].id, 1 << rank
    task = state.tasks[task_id]
    wave = state.wave_number or state.graph.generation[rank] + 1
    task = replace(
        task,
        phase=Phase.ASSIGNED,
        attempt=task.attempt + 1,
        wave=wave,
        assigned_at=at,
        agent=agent,
        allowance=left_for(state, task_id),
    )
    state = replace(
        state,
        tasks=state.tasks.insert(task_id, task),
        ready=state.ready & ~bit,
        active=state.active | bit,
        busy=state.busy | bit,
        bound=state.bound.insert(agent, state.bound.get(agent, 0) | bit),
    )
    return probe_started(state, agent, task_id)


def _spawn(state: State, task_id: str) -> Spawn:
    task = state.tasks[task_id]
    place = task.place
    return Spawn(
        task_id,
        task.attempt,
        task.feedback,
        agent=task.agent,
        worktree=place.worktree if place else "",
        base=place.base if place else "",
        session=task.session,
        max_cost=task.allowance,
    )


def _under_way(state: State) -> bool:
    """Whether anything must still be waited for. A forced stop waits for the workers alone."""
    return bool(state.busy if state.stop is Stop.FORCE else state.active | state.owed)


def _conclude(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    if state.failing and state.stop is Stop.NONE:
        state = _cancel_open(state, at)
    if state.open and state.stop is Stop.NONE and not _between_waves(state):
        gates = _in_the_way(state)
        if state.delayed or any(gate.door is Door.RESTING for gate in gates.values()):
            return state, ()
        state = _give_up(state, gates)
    if state.exhausted and state.config.on_exhaust is OnExhaust.SUMMARY and state.summary is None:
        state = replace(state, stage=Stage.SUMMING)
        return state, tuple(effect for effect in outstanding(state) if isinstance(effect, Summarise))
    if should_land(state):
        return replace(state, stage=Stage.LANDING), (Land(state.head),)
    return replace(state, stage=Stage.REPORTING), (Report(state.session),)


def _between_waves(state: State) -> bool:
    """Whether a wave is over whose work goes to the user's branch before the next one begins."""
    if state.config.schedule is not Schedule.WAVE or state.config.land is not LandWhen.WAVE:
        return False
    return not state.wave & state.open and should_land(state)


def _in_the_way(state: State) -> dict[str, Gate]:
    """The gates, by agent, that alone keep tasks from being started."""
    eligible = eligible_tasks(state)
    unbound = eligible
    for members in state.bound.values():
        unbound &= ~members
    pool = {share.agent for share in state.config.pool} if unbound else set()
    gates = state.gates.items()
    return {agent: gate for agent, gate in gates if agent in pool or eligible & state.bound.get(agent, 0)}


def _give_up(state: State, gates: dict[str, Gate]) -> State:
    """Stop, as the agents that the open tasks need are shut out."""
    if not gates:
        raise InternalError("stuck: tasks are open, but none can start and none is under way")
    reasons = sorted(f"{agent} cannot work: {gate.reason}" for agent, gate in gates.items())
    return replace(state, stop=Stop.GRACEFUL, stop_reason="; ".join(reasons))


def should_land(state: State) -> bool:
    """Whether the user's branch is to be moved, provided that nothing is under way and nothing can start."""
    if state.stop is not Stop.NONE or state.head in (state.base, state.landed) or state.landing_refused:
        return False
    return state.config.land is not LandWhen.NEVER


def _cancel_open(state: State, at: float) -> State:
    tasks = state.tasks
    for rank in bits(state.open):
        task_id = state.graph.tasks[rank].id
        ended = replace(
            tasks[task_id],
            phase=Phase.ENDED,
            outcome=Outcome.CANCELLED,
            detail="another task failed and the run stops at the first failure",
            ended_at=at,
            delayed_until=0.0,
        )
        tasks = tasks.insert(task_id, ended)
    return replace(state, tasks=tasks, open=0, ready=0, delayed=0)
