"""Who is still to be told that a task has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from swarmskill.core.effects import Track
from swarmskill.core.events import Tracked
from swarmskill.core.graph import bits
from swarmskill.core.retries import on_failure_of
from swarmskill.core.state import State
from swarmskill.model import OnFailure, Outcome


def owe(state: State, task_id: str) -> State:
    """The task has ended, or its tracker is to be asked once more: the run's tracker, if any, is owed a word."""
    if not state.config.tracker:
        return state
    task = state.tasks[task_id]
    track = Track(task_id, task.attempt, task.calls + 1, task.outcome or Outcome.FAILED, task.commit, task.detail)
    task = replace(task, calls=track.call, track=track, answer=None, told_again=False)
    bit = 1 << state.graph.rank[task_id]
    return replace(state, tasks=state.tasks.insert(task_id, task), owed=state.owed | bit)


def tracks(state: State, owed: int) -> Iterator[Track]:
    """What the tracker is to be told of the tasks in the bit set `owed`."""
    for rank in bits(owed):
        track = state.tasks[state.graph.tasks[rank].id].track
        if track is not None:
            yield track


def tracked(state: State, event: Tracked) -> tuple[State, tuple[()]] | None:
    """The tracker answered. What it does not take counts as a failure of the run, and of nothing else."""
    task = state.tasks.get(event.task)
    if task is None or task.track is None:
        return None
    if (task.track.attempt, task.track.call) != (event.attempt, event.call):
        return None
    task = replace(task, track=None, answer=event.answer, told_again=event.again)
    owed = state.owed & ~(1 << state.graph.rank[event.task])
    state = replace(state, tasks=state.tasks.insert(event.task, task), owed=owed)
    policy = on_failure_of(state.graph.task(event.task), state.config.on_failure)
    if task.standing is not task.outcome and policy is OnFailure.FAIL_FAST:
        state = replace(state, failing=True)
    return state, ()
