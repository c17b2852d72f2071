"""Picks tasks of a list by their ids."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from swarmskill.errors import UsageError
from swarmskill.model import Task, TaskList


def choose_tasks(listed: TaskList, ids: Sequence[str]) -> TaskList:
    """The list with these tasks alone, in its own order, and what they wait for where that is done.

    Raises UsageError for ids that are not there, and for tasks that wait for one neither chosen nor done.
    """
    tasks, chosen = {task.id: task for task in listed.tasks}, frozenset(ids)
    if not chosen:
        raise UsageError("no task is chosen", hint="name some: --bead-ids 1,3")
    if unknown := [task_id for task_id in ids if task_id not in tasks]:
        near = get_close_matches(unknown[0], tasks, n=3) or list(tasks)[:5]
        raise UsageError(f"the list has no task {', '.join(unknown)}", hint="there are: " + ", ".join(near))
    _refuse_waiting(tasks, chosen)
    needed = {blocker for task_id in chosen for blocker in tasks[task_id].blocked_by}
    kept = [
        task if task.id in chosen else replace(task, blocked_by=())
        for task in listed.tasks
        if task.id in chosen | needed
    ]
    return replace(listed, tasks=tuple(kept))


def _refuse_waiting(tasks: dict[str, Task], chosen: frozenset[str]) -> None:
    waiting = {
        task_id: open_ones
        for task_id in tasks
        if task_id in chosen and not tasks[task_id].done
        if (open_ones := [one for one in tasks[task_id].blocked_by if one not in chosen and not tasks[one].done])
    }
    if waiting:
        told = "; ".join(f"{task_id} waits for {', '.join(blockers)}" for task_id, blockers in waiting.items())
        more = dict.fromkeys(one for blockers in waiting.values() for one in blockers)
        raise UsageError(
            f"tasks are chosen that wait for others: {told}",
            hint="choose these, too: --bead-ids "
            + shlex.quote(",".join([*(one for one in tasks if one in chosen), *more])),
        )
