"""Taking back what the workers of an assistant left: what `swarm done` does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from swarmskill.backends.handed import HandedOut
from swarmskill.backends.host import find_way
from swarmskill.core.state import State
from swarmskill.errors import UsageError
from swarmskill.mayor.assistant import comer_to, handed_out, read_assistant, refuse_stranger
from swarmskill.mayor.hosting import HostedRun
from swarmskill.model import Ending, Phase
from swarmskill.places import RESULT_FILE, attempt_key
from swarmskill.records import dataclass
from swarmskill.views.handout import done_line, nothing_line
from swarmskill.writing import replace_file

_POLL = 0.2
"""Seconds between two looks for results: a fiftieth of a per cent of a processor for each worker."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has ended: that of `attempt`, or the one that is out for 0.

    `worker` is its address in the assistant, `result` what it answered, if it could not write that itself.
    """

    task: str
    attempt: int = 0
    worker: str = ""
    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How the run stands, what is next in a line, and whether anything came in the time that was given."""

    state: State
    line: str
    came: bool = True


def take_back(run: HostedRun, ends: Sequence[Ended], wait: float | None = None) -> Taken:
    """Judge and integrate what these workers left.

    With `wait` they need not have ended: as soon as one of them has left its result, or for as many seconds at
    most; those that have not are left out. A worker's result is its last word, it is not given time to go on.

    Raises KeyError on an unknown task, UsageError on an attempt that is to come, Refused if the run belongs
    to another assistant that is there.
    """
    before = _claimed(run)
    handed = handed_out(run.folder)
    for end in ends:
        _note_worker(handed, before, end)
    if wait is not None:
        _wait_for_one(handed, before, ends, wait)
        before = _claimed(run)
    for end in ends:
        _take_one(handed, before, end, only_left=wait is not None)
    state = run.step()
    command = run.done_command(wait or _patience(run))
    came = [end.task for end in ends if wait is None or not _is_meant(handed, state, end)]
    if wait is not None and not came and not _ready(handed, state):
        return Taken(state, nothing_line(state, [end.task for end in ends], wait, command), came=False)
    return Taken(state, done_line(state, came, _out(handed, state), command))


def _claimed(run: HostedRun) -> State:
    """How the run stands, if it is the caller's."""
    state, owner = run.read(), read_assistant(run.folder)
    if owner is not None:
        refuse_stranger(run.folder, owner, comer_to(owner, run.environment))
    return state


def _patience(run: HostedRun) -> float:
    owner = read_assistant(run.folder)
    return find_way(owner.way, owner.form).patience if owner else 0


def _note_worker(handed: HandedOut, state: State, end: Ended) -> None:
    task = state.tasks[end.task]
    if end.attempt > task.attempt:
        raise UsageError(
            f"task {end.task} has had {task.attempt} attempts, not {end.attempt}", hint="ask: swarm next --json"
        )
    if end.worker and _is_meant(handed, state, end):
        handed.tell_worker(attempt_key(end.task, task.attempt), end.worker)


def _wait_for_one(handed: HandedOut, state: State, ends: Sequence[Ended], seconds: float) -> None:
    """Return when one of them has come, when there is none to wait for, another to start, or the time is over."""
    expected = [
        handed.expect(attempt_key(end.task, state.tasks[end.task].attempt))
        for end in ends
        if _is_meant(handed, state, end)
    ]
    deadline = time.monotonic() + seconds
    if _ready(handed, state):
        return
    while expected and not any(one.has_come() for one in expected):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _POLL))


def _take_one(handed: HandedOut, state: State, end: Ended, *, only_left: bool) -> None:
    task = state.tasks[end.task]
    key = attempt_key(end.task, task.attempt)
    if task.worker is None or not _is_meant(handed, state, end):
        return
    if end.result is not None:
        replace_file(Path(task.worker.worktree) / RESULT_FILE, end.result)
    if not only_left or handed.expect(key).left_result():
        handed.tell_end(key, Ending.EXITED)


def _is_meant(handed: HandedOut, state: State, end: Ended) -> bool:
    """Whether the words mean a worker that is out."""
    task = state.tasks[end.task]
    key = attempt_key(end.task, task.attempt)
    # Without a number the same word said twice must not end the retry, of which the assistant knows nothing yet.
    meant = end.attempt == task.attempt or (not end.attempt and handed.was_shown(key))
    return task.phase is Phase.RUNNING and task.worker is not None and meant and not handed.has_ended(key)


def _out(handed: HandedOut, state: State) -> list[str]:
    """Tasks of which the assistant knows that it has to run them."""
    return sorted(task_id for task_id in _running(state) if _was_shown(handed, state, task_id))


def _ready(handed: HandedOut, state: State) -> bool:
    """Whether there is a worker to start that the assistant was not told of."""
    return any(not _was_shown(handed, state, task_id) for task_id in _running(state))


def _running(state: State) -> list[str]:
    return [task_id for task_id, task in state.tasks.items() if task.phase is Phase.RUNNING]


def _was_shown(handed: HandedOut, state: State, task_id: str) -> bool:
    return handed.was_shown(attempt_key(task_id, state.tasks[task_id].attempt))
