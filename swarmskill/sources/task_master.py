"""Task Master's `tasks.json`: tags, tasks, subtasks, dependencies, statuses.

A task with subtasks is not worked on itself: its subtasks are, and whoever waits for it waits for all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from swarmskill.errors import InputError, UsageError
from swarmskill.model import DEFAULT_PRIORITY, Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources import fields, syntax
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.document import Document, inspected
from swarmskill.sources.edges import Node, check_cycles, check_ids, link
from swarmskill.sources.findings import Findings, found, pointer, printable, show

_USUAL: Final = (".taskmaster/tasks/tasks.json", "tasks/tasks.json")
_PRIORITIES: Final = {"critical": 0, "high": 1, "medium": DEFAULT_PRIORITY, "low": 3}
_OPEN: Final = frozenset({"pending", "in-progress", "in_progress", "todo"})
_DONE: Final = frozenset({"done", "completed"})
_SET_ASIDE: Final = frozenset({"deferred", "cancelled", "canceled", "blocked", "review"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """A task, or a subtask of `parent`, as it was read."""

    task_id: str
    place: str
    values: Mapping[str, Any]
    parent: _Entry | None = None

    @property
    def subtasks(self) -> list[Any]:
        given = self.values.get("subtasks")
        return given if isinstance(given, list) else []


class TaskMaster:
    """The list that `task-master parse-prd` makes and `task-master set-status` keeps."""

    name = "task-master"
    where = "FILE#TAG"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read FILE or FILE#TAG; the usual file and the current tag by default."""
        path, _, tag = where.partition("#")
        path = path or _usual_file(edge)
        root = inspected(Document(path, syntax.parse_json(edge.read(path), printable(path)))).root
        tag = tag or _current_tag(root, path, edge)
        tasks = parse(root, path, tag)
        if path == "-":
            return Loaded(tasks)
        file = os.path.realpath(path)
        return Loaded(tasks, "status", {"file": file, "form": "task-master", "tag": tag}, file)

    def recognises(self, path: str, text: str) -> bool:
        """Tags with lists of tasks, or a list whose tasks have titles and dependencies."""
        if not path.lower().endswith(".json") or '"title"' not in text:
            return False
        with suppress(ValueError, RecursionError):
            return _is_task_master(json.loads(text))
        return False


SOURCE = TaskMaster()


def parse(root: Any, name: str, tag: str) -> TaskList:
    """The tasks under a tag ("" for a file of before there were tags). Raises InputError, UsageError."""
    findings = Findings(name, None, again=f"swarm plan --from task-master:{name}")
    listed, place = _tasks_of(root, name, tag)
    entries = list(_read_entries(listed, place, findings))
    leaves = [entry for entry in entries if not entry.subtasks]
    aside = {entry.task_id for entry in leaves if _status(entry, findings) == "aside"}
    below = {entry.task_id: [leaf.task_id for leaf in leaves if leaf.parent is entry] for entry in entries}
    nodes = [Node(leaf.task_id, leaf.place, list(_blockers(leaf, below, findings))) for leaf in leaves]
    by_id = check_ids(nodes, findings)
    if not findings.found:
        link(nodes, by_id, findings)
        if not findings.found:
            check_cycles(by_id, findings)
    _put_aside(leaves, nodes, aside, findings)
    kept = [(leaf, node) for leaf, node in zip(leaves, nodes, strict=True) if leaf.task_id not in aside]
    if not kept and not findings.found:
        findings.problem(place, "there is no task to be done", "add one: task-master add-task --prompt '...'")
    tasks = tuple(
        _make_task(leaf, tuple(one for one in node.blockers if one not in aside), findings) for leaf, node in kept
    )
    findings.refuse()
    return TaskList(tasks, (), findings.warnings, name)


def _usual_file(edge: Edge) -> str:
    top = edge.top or Path.cwd()
    for name in _USUAL:
        if (top / name).is_file():
            return os.path.relpath(top / name)
    raise UsageError(f"there is no {_USUAL[0]} here", hint="name it: --from task-master:path/of/tasks.json")


def _current_tag(root: Any, path: str, edge: Edge) -> str:
    """The tag that Task Master itself would use; "" for a file without tags."""
    tags = _tags(root)
    if not tags or len(tags) == 1:
        return next(iter(tags), "")
    state = Path(path).parent.parent / "state.json"
    with suppress(InputError, ValueError):
        current = json.loads(edge.read(str(state))) if state.is_file() else {}
        if isinstance(current, dict) and current.get("currentTag") in tags:
            return str(current["currentTag"])
    return "master" if "master" in tags else ""


def _tags(root: Any) -> dict[str, Any]:
    if not isinstance(root, dict) or isinstance(root.get("tasks"), list):
        return {}
    return {
        tag: value for tag, value in root.items() if isinstance(value, dict) and isinstance(value.get("tasks"), list)
    }


def _is_task_master(root: Any) -> bool:
    if _tags(root):
        return True
    tasks = root.get("tasks") if isinstance(root, dict) else None
    return (
        bool(tasks)
        and isinstance(tasks, list)
        and all(
            isinstance(task, dict) and "title" in task and "subject" not in task and "status" in task for task in tasks
        )
    )


def _tasks_of(root: Any, name: str, tag: str) -> tuple[list[Any], str]:
    tags = _tags(root)
    if tag:
        if tag not in tags:
            known = ", ".join(tags) or "none"
            raise InputError(f"has no tag {show(tag)}; there are: {known}", source=name, hint=_tag_hint(name, tags))
        return tags[tag]["tasks"], pointer(pointer("", tag), "tasks")
    if isinstance(root, dict) and isinstance(root.get("tasks"), list):
        return root["tasks"], "/tasks"
    if tags:
        raise InputError(f"has several tags: {', '.join(tags)}", source=name, hint=_tag_hint(name, tags))
    raise InputError("is no list of Task Master's", source=name, hint='it wants {"master": {"tasks": [...]}}')


def _tag_hint(name: str, tags: Mapping[str, Any]) -> str:
    return f"--from 'task-master:{name}#{next(iter(tags), 'master')}'"


def _read_entries(listed: list[Any], place: str, findings: Findings) -> Iterator[_Entry]:
    for index, value in enumerate(listed):
        entry = _read_entry(value, pointer(place, index), None, findings)
        if entry is None:
            continue
        yield entry
        for number, subtask in enumerate(entry.subtasks):
            below = _read_entry(subtask, pointer(pointer(entry.place, "subtasks"), number), entry, findings)
            if below is not None:
                yield below


def _read_entry(value: Any, place: str, parent: _Entry | None, findings: Findings) -> _Entry | None:
    if not isinstance(value, dict):
        findings.problem(place, f"wants a task, found {found(value)}", "mend it, or remove it")
        return None
    task_id = fields.decode_id(value.get("id"), pointer(place, "id"), findings)
    if task_id is None:
        return None
    # Subtasks are numbered within their task; an id that is written out is taken, too.
    if parent is not None and not task_id.startswith(f"{parent.task_id}."):
        task_id = f"{parent.task_id}.{task_id}"
    return _Entry(task_id, place, value, parent)


def _status(entry: _Entry, findings: Findings) -> str:
    """`open`, `done` or `aside`. What is done as a whole is done in all its parts, and so with setting aside."""
    above = _status(entry.parent, findings) if entry.parent else "open"
    if above != "open":
        return above
    given = entry.values.get("status", "pending")
    status = given.strip().lower() if isinstance(given, str) else ""
    if status in _DONE:
        return "done"
    if status in _OPEN:
        return "open"
    if status not in _SET_ASIDE:
        findings.problem(pointer(entry.place, "status"), f"{show(given)} is not a status", 'write "pending" or "done"')
    return "aside"


def _blockers(leaf: _Entry, below: Mapping[str, list[str]], findings: Findings) -> Iterator[tuple[str, str]]:
    """What a leaf waits for: its own dependencies, and those of the task that it is a part of."""
    for entry in (leaf, leaf.parent):
        if entry is None:
            continue
        given = entry.values.get("dependencies")
        listed = fields.decode_ids(given, pointer(entry.place, "dependencies"), findings) if given is not None else ()
        for task_id, place in listed or ():
            full = _full_id(task_id, entry, below)
            for one in below.get(full) or [full]:
                if entry is leaf or one != leaf.task_id:
                    yield one, place


def _full_id(task_id: str, entry: _Entry, below: Mapping[str, list[str]]) -> str:
    """A subtask's plain number is a sibling, where there is one of that number."""
    if entry.parent is not None and (sibling := f"{entry.parent.task_id}.{task_id}") in below:
        return sibling
    return task_id


def _put_aside(leaves: list[_Entry], nodes: list[Node], aside: set[str], findings: Findings) -> None:
    """Leave out what is deferred, cancelled, blocked or in review, and what waits for it; each is told."""
    by_id = {leaf.task_id: leaf for leaf in leaves}
    for task_id in sorted(aside):
        findings.warn(
            by_id[task_id].place, f"task {task_id} is left out: its status is {show(_told_status(by_id[task_id]))}"
        )
    grown = True
    while grown:
        grown = False
        for node in nodes:
            waits = next((one for one in node.blockers if one in aside and _waits(by_id[one])), None)
            if waits is None or node.task_id in aside or _status(by_id[node.task_id], findings) == "done":
                continue
            aside.add(node.task_id)
            findings.warn(node.place, f"task {node.task_id} is left out: it waits for {waits}, which is left out")
            grown = True


def _told_status(entry: _Entry) -> Any:
    own = entry.values.get("status", "pending")
    above = entry.parent.values.get("status", "pending") if entry.parent else "pending"
    return own if str(own).lower() in _SET_ASIDE else above


def _waits(entry: _Entry) -> bool:
    """Whether dependents of what is left out wait for it: nobody waits for what was cancelled."""
    return str(_told_status(entry)).lower() not in ("cancelled", "canceled")


def _make_task(entry: _Entry, blockers: tuple[str, ...], findings: Findings) -> Task:
    values, parent = entry.values, entry.parent
    subject = fields.decode_line(values.get("title"), pointer(entry.place, "title"), findings) or entry.task_id
    priority = str((parent or entry).values.get("priority", values.get("priority", ""))).lower()
    return Task(
        id=entry.task_id,
        subject=subject,
        description=_description(entry),
        blocked_by=blockers,
        priority=_PRIORITIES.get(priority, DEFAULT_PRIORITY),
        done=_status(entry, findings) == "done",
        metadata={"place": entry.place, **({"parent": parent.task_id} if parent else {})},
    )


def _description(entry: _Entry) -> str:
    parts = [_text(entry, "description"), _text(entry, "details")]
    for key, label in (("testStrategy", "How it is tested"), ("acceptanceCriteria", "It is done when")):
        if told := _text(entry, key):
            parts.append(f"{label}: {told}")
    if entry.parent is not None:
        title, about = _text(entry.parent, "title"), _text(entry.parent, "description")
        parts.append(f"It is a part of task {entry.parent.task_id}, {title}: {about}")
    return "\n\n".join(part for part in parts if part)


def _text(entry: _Entry, key: str) -> str:
    value = entry.values.get(key)
    return value.replace("\0", "").strip() if isinstance(value, str) else ""
