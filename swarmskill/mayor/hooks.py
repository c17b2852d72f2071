"""What an assistant's hooks are answered: whether its worker, or a task of its list, is really done.

A hook is a help, never a hindrance: what is not of a run, or cannot be judged now, passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from swarmskill.backends.handed import PROMPT_FILE
from swarmskill.backends.host import HOSTED
from swarmskill.core.state import State
from swarmskill.core.transitions import fold
from swarmskill.errors import SwarmError
from swarmskill.ledger import read_ledger
from swarmskill.mayor.assistant import handed_out
from swarmskill.mayor.hosting import HostedRun, find_hosted
from swarmskill.mayor.taking import Ended, take_back
from swarmskill.model import Outcome, Phase
from swarmskill.places import attempt_key, find_run
from swarmskill.records import dataclass
from swarmskill.repo.repository import Repository
from swarmskill.views.outcome import word

_PROMPT = re.compile(rf"\.swarm/worktrees/([^/\"\s]+)/([^/\"]+)/{re.escape(PROMPT_FILE)}")


@dataclass(frozen=True, slots=True)
class WorkerStops:
    """A sub-agent is about to end. `transcript` tells what it was told; `again`: it was sent back once already."""

    transcript: Path
    again: bool


@dataclass(frozen=True, slots=True)
class TaskTicked:
    """A task of the assistant's own list is about to count as completed."""

    task: str
    subject: str


def objection(hook: WorkerStops | TaskTicked, folder: Path, environment: Mapping[str, str]) -> str:
    """Why what the hook tells of must not be yet, and what to do; "" if nothing speaks against it.

    The result of a worker that may end is taken back, as by `swarm done`.
    """
    try:
        repository = Repository.open(folder)
        if isinstance(hook, TaskTicked):
            return _of_tick(hook, repository)
        return _of_worker(hook, repository, environment)
    except SwarmError:
        return ""


def _of_tick(hook: TaskTicked, repository: Repository) -> str:
    state = fold(read_ledger(find_run(repository.common_dir, "").ledger).events)
    if (hook.task, hook.subject) not in {(spec.id, spec.subject) for spec in state.graph.tasks}:
        return ""
    task = state.tasks[hook.task]
    if task.outcome is Outcome.COMPLETED:
        return ""
    return f"task {hook.task} is not completed in run {state.run_id} ({word(task)}); {_way_on(state, hook.task)}"


def _way_on(state: State, task_id: str) -> str:
    if state.tasks[task_id].outcome is not None:
        return f"why: swarm why {task_id}; to try it again: swarm retry {task_id}"
    return f"swarm done {task_id}" if state.config.backend in HOSTED else "swarm wait"


def _of_worker(hook: WorkerStops, repository: Repository, environment: Mapping[str, str]) -> str:
    found = _assignment(hook.transcript, repository, environment)
    if found is None:
        return ""
    run, key, task_id, worktree = found
    expected = handed_out(run.folder).expect(key)
    if expected.left_result():
        take_back(run, [Ended(task_id)], wait=0)
        return ""
    if hook.again:  # `swarm done` judges one that stays silent
        return ""
    prompt = worktree / PROMPT_FILE
    return f"task {task_id} has no result yet: leave it in {expected.result}, as {prompt} says, then end"


def _assignment(
    transcript: Path, repository: Repository, environment: Mapping[str, str]
) -> tuple[HostedRun, str, str, Path] | None:
    """The run, attempt, task and worktree of which a sub-agent was told; None if it is no worker that is out."""
    try:
        told = _PROMPT.findall(transcript.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    if not told:
        return None
    run_id, folder = told[-1]
    run = find_hosted(repository, run_id, environment)
    for task_id, task in run.read().tasks.items():
        if task.phase is Phase.RUNNING and task.worker and Path(task.worker.worktree).name == folder:
            return run, attempt_key(task_id, task.attempt), task_id, Path(task.worker.worktree)
    return None
