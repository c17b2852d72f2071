"""Workflow commands that make GitHub show what went wrong beside the job."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.core.state import State
from swarmskill.model import Outcome
from swarmskill.views.marks import safe
from swarmskill.views.outcome import Status, task_status
from swarmskill.views.reasons import why_ended
from swarmskill.views.run_json import ordered

_MOST = 10
"""GitHub shows ten errors of a step."""


def error_annotations(state: State) -> Iterator[str]:
    """A line for each task that did not complete by its own fault, the first ten; one more tells of the rest."""
    bad = [task_id for task_id in ordered(state) if _is_bad(state, task_id)]
    for task_id in bad[:_MOST]:
        task = state.tasks[task_id]
        title = f"swarm: task {task_id} {(task.standing or '').replace('_', ' ')}"
        yield f"::error title={_property(title)}::{_data(why_ended(task) or title)}"
    if len(bad) > _MOST:
        yield f"::warning::{_data(f'{len(bad) - _MOST} more tasks did not complete: swarm status {state.run_id}')}"


def _is_bad(state: State, task_id: str) -> bool:
    task = state.tasks[task_id]
    return task_status(task) is Status.ENDED and task.standing not in (Outcome.SKIPPED, Outcome.CANCELLED)


def _data(text: str) -> str:
    """Foreign text as the message of a command: it can neither end the line nor begin another command."""
    return safe(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Foreign text as the value of a command's property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
