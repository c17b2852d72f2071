"""What the run's tracker made of each task: in lines, and as the `ratchets` of a run's JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from swarmskill.answers import Answer, Reply
from swarmskill.core.graph import natural
from swarmskill.core.state import State, TaskState
from swarmskill.model import Outcome

_RATCHET: Final = "ratchet"

_WORDS: Final = {
    Reply.ACCEPTED: "accepted",
    Reply.ALL_COMPLETE: "accepted, and all that it belongs to is complete",
    Reply.REFUSED: "refused",
    Reply.ESCALATED: "escalated",
    Reply.FAILED: "failed",
    Reply.NOT_TOLD: "not called",
}


def tracked_verb(state: State) -> str:
    """What has been done to a task whose completion the tracker took."""
    return "ratcheted" if state.config.tracker == _RATCHET else "recorded"


def answer_text(answer: Answer, *, again: bool = False) -> str:
    """The answer, with its program's exit code and its reason."""
    code = "" if answer.exit_code is None else f" (exit code {answer.exit_code})"
    detail = f": {answer.detail}" if answer.detail else ""
    twice = "; it may have been told twice" if again else ""
    return f"{_WORDS[answer.reply]}{code}{detail}{twice}"


def tracking_text(task: TaskState) -> str:
    """What the tracker made of the task so far; "" if it was told nothing."""
    if task.track is not None:
        return "not answered yet"
    return "" if task.answer is None else answer_text(task.answer, again=task.told_again)


def refused_text(task: TaskState) -> str:
    """Why a task counts as not completed whose commit is on the run branch; "" if it does not."""
    if task.answer is None or task.standing is task.outcome:
        return ""
    return f"its commit is on the run branch, but the tracker: {answer_text(task.answer, again=task.told_again)}"


def tracked_counts(state: State) -> tuple[int, int]:
    """How many tasks completed and were taken by the tracker, of all that were to be done."""
    tasks = [state.tasks[task.id] for task in state.graph.tasks if not task.done]
    return sum(_is_tracked(task) for task in tasks), len(tasks)


def tracked_text(state: State) -> str:
    """`3/4 ratcheted`; "" for a run without a tracker."""
    if not state.config.tracker:
        return ""
    done, wanted = tracked_counts(state)
    return f"{done}/{wanted} {tracked_verb(state)}"


def tracking_rows(state: State) -> Iterator[tuple[str, str, str]]:
    """Id, our own outcome, and the tracker's word of each task that was to be done."""
    if not state.config.tracker:
        return
    for task_id in _ids(state):
        task = state.tasks[task_id]
        yield task_id, (task.outcome or task.phase).replace("_", " "), tracking_text(task) or "not called"


def ratchets_document(state: State) -> dict[str, Any] | None:
    """`ratchets` of a run's JSON; None for a run without a tracker.

    `outcome` is our own: a task that the tracker refused is `completed` here, and `failed` or `blocked` among the
    run's `tasks`. `calls` counts how often the tracker was to be told, `again` when it may have been told twice.
    """
    if not state.config.tracker:
        return None
    done, wanted = tracked_counts(state)
    return {
        "tracker": state.config.tracker,
        "ratcheted": done,
        "total": wanted,
        "tasks": [_row(task_id, state.tasks[task_id]) for task_id in _ids(state)],
        "left_out": list(state.config.left_out),
    }


def _row(task_id: str, task: TaskState) -> dict[str, Any]:
    answer = task.answer
    return {
        "id": task_id,
        "outcome": task.outcome.value if task.outcome else None,
        "reply": answer.reply.value if answer else None,
        "exit_code": answer.exit_code if answer else None,
        "detail": answer.detail if answer else "",
        "calls": task.calls,
        "again": task.told_again,
        "log": (answer.log if answer else "") or None,
    }


def _ids(state: State) -> list[str]:
    return sorted((task.id for task in state.graph.tasks if not task.done), key=natural)


def _is_tracked(task: TaskState) -> bool:
    taken = task.answer is not None and task.answer.reply in (Reply.ACCEPTED, Reply.ALL_COMPLETE)
    return taken and task.outcome is Outcome.COMPLETED
