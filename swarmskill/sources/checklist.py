"""A plain Markdown checklist: an item waits for the one that it is indented under."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from swarmskill.boxes import Box, Heading, Prose, read_markdown
from swarmskill.errors import UsageError
from swarmskill.model import Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.fields import decode_line
from swarmskill.sources.findings import Findings


@dataclass(slots=True)
class _Item:
    """One item with all that is written below it. `number` is its id: 2.1 is the first below the second."""

    box: Box
    number: str
    parent: str
    heading: str
    occurrence: int
    details: list[str] = field(default_factory=list)
    children: int = 0


class Checklist:
    """Items with boxes in a Markdown file."""

    name = "checklist"
    where = "FILE.md"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read the file; "-" is standard input."""
        if not where:
            raise UsageError("--from checklist names no file", hint="swarm run --from checklist:TODO.md")
        tasks = parse(edge.read(where), where, edge.top)
        if where == "-":
            return Loaded(tasks)
        file = os.path.realpath(where)
        return Loaded(tasks, "checkbox", {"file": file, "mark": "x", "by": "text"}, file)

    def recognises(self, path: str, text: str) -> bool:
        """Markdown with boxes. Asked after spec-kit, whose boxes have ids."""
        if not path.lower().endswith((".md", ".markdown")):
            return False
        return any(isinstance(part, Box) for part in read_markdown(text))


SOURCE = Checklist()


def parse(text: str, name: str, top: Path | None = None) -> TaskList:
    """The tasks of a checklist. `name` is what the file is called in messages. Raises InputError."""
    findings = Findings(name, top, again=f"swarm plan --from checklist:{name}")
    items = list(_read_items(text))
    if not items:
        findings.problem("", "has no item with a box", "write one: - [ ] what is to be done")
    tasks = tuple(_make_task(item, name, findings) for item in items)
    findings.refuse()
    return TaskList(tasks, (), findings.warnings, name)


def _read_items(text: str) -> Iterator[_Item]:
    """The items with their parents. An item's own indentation says where it belongs, whatever stands between."""
    above: list[_Item] = []
    seen: dict[str, int] = {}
    heading, top_level = "", 0
    items: list[_Item] = []
    for part in read_markdown(text):
        match part:
            case Heading():
                heading, above = part.text, []
            case Prose():
                if above and part.indent > above[-1].box.indent:
                    above[-1].details.append(part.text)
            case Box():
                while above and above[-1].box.indent >= part.indent:
                    above.pop()
                if above:
                    above[-1].children += 1
                    parent = above[-1].number
                    number = f"{parent}.{above[-1].children}"
                else:
                    top_level += 1
                    parent, number = "", str(top_level)
                occurrence = seen.get(part.text, 0)
                seen[part.text] = occurrence + 1
                above.append(_Item(part, number, parent, heading, occurrence))
                items.append(above[-1])
    yield from items


def _make_task(item: _Item, name: str, findings: Findings) -> Task:
    subject = decode_line(item.box.text, f"line {item.box.line}", findings) or item.number
    about = [item.box.text, *item.details, ""]
    about += [f"It stands under the heading: {item.heading}."] if item.heading else []
    about.append(f"Do this one item of {name}. Do not tick its box, and do not change {name}.")
    return Task(
        id=item.number,
        subject=subject,
        description="\n".join(about),
        blocked_by=(item.parent,) if item.parent else (),
        done=item.box.done,
        metadata={"text": item.box.text, "occurrence": item.occurrence, "line": item.box.line},
    )
