"""Moving the run on: start what may start, land, report; and what is not answered yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from swarmskill.core.choose import choose
from swarmskill.core.effects import Await, Effect, Integrate, Kill, Land, Report, Spawn, Validate
from swarmskill.core.graph import bits
from swarmskill.core.state import Stage, State, Stop, TaskState
from swarmskill.errors import InternalError
from swarmskill.model import Land as LandWhen
from swarmskill.model import Outcome, Phase, Schedule


def proceed(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    """Start all that may start now; when nothing can and nothing is under way, go on to the end."""
    if state.stage is not Stage.RUNNING:
        return state, ()
    state = _next_wave(state)
    state, spawns = _start_tasks(state, at)
    if spawns or _under_way(state):
        return state, spawns
    return _conclude(state, at)


def outstanding(state: State) -> Iterator[Effect]:
    """Every effect that no event has answered yet: what recovery has to perform again.

    After each step these are just the effects that were returned so far and not answered (law 4). A
    forced stop ends the run while Validate and Integrate may be outstanding: they are for the next mayor.
    """
    for rank in bits(state.active):
        task_id = state.graph.tasks[rank].id
        yield from _unanswered(state, task_id, state.tasks[task_id])
    if state.stage is Stage.LANDING:
        yield Land(state.head)
    if state.stage is Stage.REPORTING:
        yield Report(state.session)


def _unanswered(state: State, task_id: str, task: TaskState) -> Iterator[Effect]:
    worker = task.worker
    if task.phase is Phase.ASSIGNED:
        yield Spawn(task_id, task.attempt, task.feedback)
    elif worker is not None and task.phase is Phase.RUNNING:
        yield Await(task_id, task.attempt, worker.pid, worker.identity, worker.worktree)
        if state.stop in (Stop.NOW, Stop.FORCE):
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
    if not chosen:
        return state, ()
    effects: list[Effect] = []
    tasks, members = state.tasks, 0
    for rank in chosen:
        task_id = state.graph.tasks[rank].id
        task = tasks[task_id]
        wave = state.wave_number or state.graph.generation[rank] + 1
        task = replace(task, phase=Phase.ASSIGNED, attempt=task.attempt + 1, wave=wave, assigned_at=at)
        tasks = tasks.insert(task_id, task)
        members |= 1 << rank
        effects.append(Spawn(task_id, task.attempt, task.feedback))
    state = replace(
        state,
        tasks=tasks,
        ready=state.ready & ~members,
        active=state.active | members,
        busy=state.busy | members,
    )
    return state, tuple(effects)


def _under_way(state: State) -> bool:
    """Whether anything must still be waited for. A forced stop waits for the workers alone."""
    return bool(state.busy if state.stop is Stop.FORCE else state.active)


def _conclude(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    if state.failing and state.stop is Stop.NONE:
        state = _cancel_open(state, at)
    if should_land(state):
        return replace(state, stage=Stage.LANDING), (Land(state.head),)
    if state.open and state.stop is Stop.NONE:
        raise InternalError("stuck: tasks are open, but none can start and none is under way")
    return replace(state, stage=Stage.REPORTING), (Report(state.session),)


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
        )
        tasks = tasks.insert(task_id, ended)
    return replace(state, tasks=tasks, open=0, ready=0)
