"""Sets the status of a completed task in a JSON file: Claude Code's task folder, or Task Master's list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from swarmskill.answers import Answer, Reply
from swarmskill.errors import UsageError
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass
from swarmskill.trackers.base import Desk, Missing, TaskEnding
from swarmskill.trackers.json_text import set_text
from swarmskill.trackers.options import check_options
from swarmskill.trackers.rewriting import NotThere, rewrite

CLAUDE: Final = "claude"
TASK_MASTER: Final = "task-master"

_DONE: Final = {CLAUDE: "completed", TASK_MASTER: "done"}
_MEANS_DONE: Final = frozenset({"done", "completed", "cancelled", "canceled"})


@dataclass(frozen=True, slots=True)
class StatusFile:
    """One list. `file` is Claude Code's folder or Task Master's file, `tag` the latter's tag."""

    file: Path
    form: str
    tag: str = ""
    name: str = "status"

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """The list must be there."""
        if self.file.exists():
            return None
        return Missing(f"{self.file} is not there any more, so no status can be set", "put it back")

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """Only completions are written."""
        return Answer(Reply.ACCEPTED)

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Set the status of a completed task. One that is done already stays as it is."""
        if ending.outcome is not Outcome.COMPLETED:
            return Answer(Reply.NOT_TOLD)
        if self.form == TASK_MASTER:
            return rewrite(self.file, partial(_task_master_done, tag=self.tag, task_id=ending.task.id))
        file = _claude_file(self.file, ending.task.id)
        if file is None:
            return Answer(Reply.NOT_TOLD, f"{self.file} has no task {ending.task.id} any more")
        return rewrite(file, partial(_claude_done, task_id=ending.task.id))


def make(options: Mapping[str, str]) -> StatusFile:
    """A list with the options `file` (absolute), `form` (claude or task-master) and `tag`. Raises UsageError."""
    check_options("status", options, ("file", "form", "tag"), ("file", "form"))
    if options["form"] not in _DONE:
        raise UsageError(f"the tracker status knows no form {options['form']!r}", hint=f"there are: {', '.join(_DONE)}")
    return StatusFile(Path(options["file"]), options["form"], options.get("tag", ""))


def _load(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON any more: {error}") from None


def _claude_file(folder: Path, task_id: str) -> Path | None:
    """The file of that task: mostly called after its id, but the id within it is what counts."""
    try:
        usual = [folder / f"{task_id}.json"] if "/" not in task_id else []
        others = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
    except OSError:
        return None
    for file in [*usual, *others]:
        with suppress(OSError, ValueError):
            task = _load(file.read_text(encoding="utf-8"))
            if isinstance(task, dict) and str(task.get("id")) == task_id:
                return file
    return None


def _claude_done(text: str, task_id: str) -> str:
    task = _load(text)
    if not isinstance(task, dict) or str(task.get("id")) != task_id:
        raise NotThere(f"is not task {task_id} any more")
    return text if task.get("status") in _MEANS_DONE else set_text(text, ["status"], _DONE[CLAUDE])


def _task_master_done(text: str, tag: str, task_id: str) -> str:
    """The list with that task done; a task whose last open subtask it was is done with it."""
    root = _load(text)
    trail: list[str | int] = [tag, "tasks"] if tag else ["tasks"]
    listed = _at(root, trail)
    parent_id, dot, own = task_id.partition(".")
    where = _index(listed, task_id)
    if where is not None:
        return _set_done(text, [*trail, where], listed[where])
    above = _index(listed, parent_id) if dot else None
    if above is None:
        raise NotThere(f"has no task {task_id} any more")
    subtasks = _at(root, [*trail, above, "subtasks"])
    where = _index(subtasks, own)
    where = _index(subtasks, task_id) if where is None else where
    if where is None:
        raise NotThere(f"has no task {task_id} any more")
    text = _set_done(text, [*trail, above, "subtasks", where], subtasks[where])
    if all(index == where or _is_done(subtask) for index, subtask in enumerate(subtasks)):
        text = _set_done(text, [*trail, above], listed[above])
    return text


def _at(root: Any, trail: list[str | int]) -> list[Any]:
    value = root
    for step in trail:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = None
    if not isinstance(value, list):
        raise NotThere(f"has no list at /{'/'.join(map(str, trail))} any more")
    return value


def _index(listed: list[Any], task_id: str) -> int | None:
    same = (index for index, one in enumerate(listed) if isinstance(one, dict) and str(one.get("id")) == task_id)
    return next(same, None)


def _is_done(task: Any) -> bool:
    return isinstance(task, dict) and task.get("status") in _MEANS_DONE


def _set_done(text: str, trail: list[str | int], task: Any) -> str:
    return text if _is_done(task) else set_text(text, [*trail, "status"], _DONE[TASK_MASTER])
