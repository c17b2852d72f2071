"""spec-kit's `tasks.md`: phases are barriers, neighbours with [P] run side by side, the others in order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from swarmskill.boxes import Box, Heading, read_markdown
from swarmskill.errors import UsageError
from swarmskill.model import Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.edges import Node, check_cycles, check_ids, link
from swarmskill.sources.fields import decode_line
from swarmskill.sources.findings import Findings
from swarmskill.sources.mentions import mentioned_paths

_TASK = re.compile(r"\**(?P<id>T(?:\d{1,6}[a-z]?|X{2,3}))\**[:.]?\s+(?P<rest>.*)")
_MARK = re.compile(r"\[(?P<mark>P|US\d+|[A-Z]{2,8}\d*)\]\s*")
_DEPENDS = re.compile(
    r"depends\s+on\s+(T\d{1,6}[a-z]?(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+|\s*&\s*)T\d{1,6}[a-z]?)*)", re.IGNORECASE
)
_ASIDE = re.compile(r"\s*\(depends\s+on[^)]*\)", re.IGNORECASE)
_ID = re.compile(r"T\d{1,6}[a-z]?")
_DESIGN: Final = frozenset({"plan.md", "spec.md", "research.md", "data-model.md", "quickstart.md", "tasks.md"})
"""What spec-kit wrote before there were tasks: it is read, so that no task's manifest is made of it."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One task line. `group` grows with each barrier; `story` and `phase` are for the worker."""

    box: Box
    task_id: str
    text: str
    marks: tuple[str, ...]
    group: int
    phase: str

    @property
    def place(self) -> str:
        return f"line {self.box.line}"


class SpecKit:
    """The list of tasks that `/speckit.tasks` writes."""

    name = "spec-kit"
    where = "specs/FEATURE/tasks.md"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read a `tasks.md`, or the one in a feature's folder; the only one below `specs/` by default."""
        path = _find(where, edge)
        tasks = parse(edge.read(path), path, edge.top)
        if path == "-":
            return Loaded(tasks)
        file = os.path.realpath(path)
        return Loaded(tasks, "checkbox", {"file": file, "mark": "X", "by": "id"}, file)

    def recognises(self, path: str, text: str) -> bool:
        """Markdown with a box whose text begins with T and a number."""
        if not path.lower().endswith((".md", ".markdown")):
            return False
        return any(isinstance(item, Box) and _TASK.match(item.text) for item in read_markdown(text))


SOURCE = SpecKit()


def parse(text: str, name: str, top: Path | None = None) -> TaskList:
    """The tasks of a `tasks.md`. `name` is what the file is called in messages. Raises InputError."""
    findings = Findings(name, top, again=f"swarm plan --from spec-kit:{name}")
    items = _read_items(text, findings)
    if not items and not findings.found:
        findings.problem("", "has no line such as - [ ] T001 ...", "have spec-kit write it: /speckit.tasks")
    before = _barriers(items)
    nodes = [Node(item.task_id, item.place, _named(item, before[item.group])) for item in items]
    by_id = check_ids(nodes, findings)
    if not findings.found:
        link(nodes, by_id, findings)
        if not findings.found:
            check_cycles(by_id, findings)
    findings.refuse()
    tasks = (_make_task(item, tuple(node.blockers), name, findings) for item, node in zip(items, nodes, strict=True))
    return TaskList(tuple(tasks), (), findings.warnings, name)


def _find(where: str, edge: Edge) -> str:
    if where and os.path.isdir(where):
        return os.path.join(where, "tasks.md")
    if where:
        return where
    found = sorted((edge.top or Path.cwd()).glob("specs/*/tasks.md"))
    if len(found) == 1:
        return os.path.relpath(found[0])
    if not found:
        raise UsageError("there is no specs/*/tasks.md here", hint="name it: --from spec-kit:specs/001-login/tasks.md")
    names = ", ".join(file.parent.name for file in found)
    raise UsageError(f"there is more than one feature: {names}", hint=f"--from spec-kit:{os.path.relpath(found[-1])}")


def _read_items(text: str, findings: Findings) -> list[_Item]:
    items: list[_Item] = []
    phase, group, serial = "", 0, True
    for part in read_markdown(text):
        if isinstance(part, Heading):
            phase = part.text if part.level <= 2 else phase
            group, serial = group + 1, True
        if not isinstance(part, Box):
            continue
        task = _TASK.fullmatch(part.text)
        if task is None:
            findings.warn(f"line {part.line}", "a box without an id such as T001 is no task, and is left alone")
            continue
        if not task["id"][1].isdigit():
            findings.problem(
                f"line {part.line}", f"{task['id']} stands for a number", "give the task one, such as T042"
            )
            continue
        marks, rest = _split_marks(task["rest"])
        if "P" not in marks or serial:
            group += 1
        serial = "P" not in marks
        items.append(_Item(part, task["id"], rest, marks, group, phase))
    return items


def _split_marks(rest: str) -> tuple[tuple[str, ...], str]:
    marks: list[str] = []
    while mark := _MARK.match(rest):
        marks.append(mark["mark"])
        rest = rest[mark.end() :]
    return tuple(marks), rest


def _barriers(items: Sequence[_Item]) -> dict[int, tuple[str, ...]]:
    """What each group waits for: the tasks of the last group before it that has open ones.

    That group waits for the one before in its turn, so a barrier holds for all that is above it.
    """
    before: dict[int, tuple[str, ...]] = {}
    last: tuple[str, ...] = ()
    for group in dict.fromkeys(item.group for item in items):
        before[group] = last
        opened = tuple(item.task_id for item in items if item.group == group and not item.box.done)
        last = opened or last
    return before


def _named(item: _Item, before: Sequence[str]) -> list[tuple[str, str]]:
    told = [found for group in _DEPENDS.findall(item.text) for found in _ID.findall(group)]
    blockers = [] if item.box.done else before
    return [(task_id, item.place) for task_id in dict.fromkeys([*blockers, *told])]


def _make_task(item: _Item, blockers: tuple[str, ...], name: str, findings: Findings) -> Task:
    subject = decode_line(_ASIDE.sub("", item.text), item.place, findings) or item.task_id
    story = next((mark for mark in item.marks if mark != "P"), "")
    folder = os.path.dirname(name)
    about = [f"{item.text}", "", f"This is task {item.task_id} of {name}."]
    about += [f"Phase: {item.phase}."] if item.phase else []
    about += [f"User story: {story}."] if story else []
    about.append(
        f"Before you begin, read what there is of plan.md, spec.md and the other design documents in {folder or '.'}/."
    )
    about.append(f"Do this one task. Do not tick its box, and do not change {name}.")
    metadata = {"phase": item.phase, "story": story, "parallel": "P" in item.marks, "line": item.box.line}
    return Task(
        id=item.task_id,
        subject=subject,
        description="\n".join(about),
        blocked_by=blockers,
        done=item.box.done,
        files=mentioned_paths(item.text, findings.repo_top, read_only=_DESIGN),
        metadata=metadata,
    )
