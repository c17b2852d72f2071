"""Ticks the box of a completed task in a Markdown file: spec-kit's `tasks.md`, or any checklist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from swarmskill.answers import Answer, Reply
from swarmskill.boxes import Box, read_markdown, tick
from swarmskill.errors import UsageError
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass
from swarmskill.trackers.base import Desk, Missing, TaskEnding
from swarmskill.trackers.options import check_options
from swarmskill.trackers.rewriting import NotThere, rewrite


@dataclass(frozen=True, slots=True)
class CheckBoxes:
    """The boxes of one file. With `by_id` a box belongs to the task whose id its text begins with, else to its text."""

    file: Path
    mark: str
    by_id: bool
    name: str = "checkbox"

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """The file must be there."""
        if self.file.is_file():
            return None
        return Missing(f"{self.file} is not there any more, so no box can be ticked", "put it back")

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """A box has no word for it."""
        return Answer(Reply.ACCEPTED)

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Tick the box of a completed task. One that is ticked already stays as it is."""
        if ending.outcome is not Outcome.COMPLETED:
            return Answer(Reply.NOT_TOLD)
        return rewrite(self.file, partial(self._ticked, task=ending.task))

    def _ticked(self, text: str, task: Task) -> str:
        box = _box_by_id(text, task.id) if self.by_id else _box_by_text(text, task)
        if box is None:
            raise NotThere(f"has no box of task {task.id} any more")
        return text if box.done else tick(text, box, self.mark)


def make(options: Mapping[str, str]) -> CheckBoxes:
    """Boxes with the options `file` (absolute), `mark` (x or X) and `by` (id or text). Raises UsageError."""
    check_options("checkbox", options, ("file", "mark", "by"), ("file",))
    mark, by = options.get("mark", "x"), options.get("by", "text")
    if mark not in ("x", "X") or by not in ("id", "text"):
        raise UsageError("the tracker checkbox cannot tick so", hint="mark is x or X, by is id or text")
    return CheckBoxes(Path(options["file"]), mark, by == "id")


def _boxes(text: str) -> Iterator[Box]:
    return (part for part in read_markdown(text) if isinstance(part, Box))


def _box_by_id(text: str, task_id: str) -> Box | None:
    begins = re.compile(rf"\**{re.escape(task_id)}\b")
    return next((box for box in _boxes(text) if begins.match(box.text)), None)


def _box_by_text(text: str, task: Task) -> Box | None:
    """The box of that text; of several, the one that came at the same place among them, or the last of them."""
    same = [box for box in _boxes(text) if box.text == task.metadata.get("text", task.subject)]
    place = task.metadata.get("occurrence", 0)
    return same[min(place, len(same) - 1)] if same and isinstance(place, int) else None
