"""The task graph as Mermaid and as Graphviz text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from swarmskill.core.graph import Graph, natural
from swarmskill.core.state import State
from swarmskill.model import Outcome, Phase, Task, TaskList
from swarmskill.views.layout import printable
from swarmskill.views.outcome import word
from swarmskill.views.ownership import Resolution, conflicts

_MERMAID_UNSAFE = re.compile(r"[^\w .,/=+-]|(?<=-)-")
"""What Mermaid, or the HTML that it makes, could take for anything but text. The colon is among it because
Mermaid drops a semicolon, and so breaks an escape, on lines that look like `style x:#123;`."""


_CLASSES: dict[str, str] = {
    Outcome.COMPLETED: "good",
    Outcome.SKIPPED: "idle",
    Outcome.CANCELLED: "idle",
    **dict.fromkeys((phase.value for phase in Phase if phase is not Phase.ENDED), "idle"),
}
_STYLES = {
    "good": "    classDef good fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "bad": "    classDef bad fill:#ffebe9,stroke:#cf222e,color:#1f2328",
    "idle": "    classDef idle fill:#eaeef2,stroke:#6e7781,color:#1f2328",
}


def plan_mermaid(tasks: TaskList, graph: Graph) -> str:
    """A Mermaid flowchart: blockers point to dependents, dotted lines join tasks that share files."""
    names = _names(tasks)
    lines = ["flowchart TD"]
    for task in tasks.tasks:
        lines.append(f'    {names[task.id]}["{_escape_mermaid(_label(task))}"]{":::done" if task.done else ""}')
    lines += [f"    {names[b]} --> {names[task.id]}" for task in tasks.tasks for b in task.blocked_by]
    for one, other, path in _shared(graph):
        lines.append(f'    {names[one]} -. "{_escape_mermaid(path)}" .- {names[other]}')
    if any(task.done for task in tasks.tasks):
        lines.append("    classDef done fill:#e6e6e6,stroke:#999999,color:#666666")
    return "\n".join(lines) + "\n"


def run_mermaid(state: State) -> str:
    """A Mermaid flowchart of a run: blockers point to dependents, colours tell how each task ended."""
    tasks = sorted(state.graph.tasks, key=lambda task: natural(task.id))
    names = {task.id: f"t{number}" for number, task in enumerate(tasks, 1)}
    lines = ["flowchart TD"]
    for task in tasks:
        told = word(state.tasks[task.id])
        label = _escape_mermaid(f"{task.id}: {task.subject} ({told.replace('_', ' ')})")
        lines.append(f'    {names[task.id]}["{label}"]:::{_CLASSES.get(told, "bad")}')
    lines += [f"    {names[blocker]} --> {names[task.id]}" for task in tasks for blocker in task.blocked_by]
    used = {_CLASSES.get(word(state.tasks[task.id]), "bad") for task in tasks}
    return "\n".join([*lines, *(line for name, line in _STYLES.items() if name in used)]) + "\n"


def plan_dot(tasks: TaskList, graph: Graph) -> str:
    """A Graphviz digraph: blockers point to dependents, dashed lines join tasks that share files."""
    names = _names(tasks)
    lines = ["digraph swarm {", "    rankdir=TB;", '    node [shape=box, style="rounded"];']
    for task in tasks.tasks:
        style = ', style="rounded,filled", fillcolor="gray90", fontcolor="gray40"' if task.done else ""
        lines.append(f'    {names[task.id]} [label="{_escape_dot(_label(task))}"{style}];')
    lines += [f"    {names[b]} -> {names[task.id]};" for task in tasks.tasks for b in task.blocked_by]
    for one, other, path in _shared(graph):
        label = f'label="{_escape_dot(path)}"'
        lines.append(f"    {names[one]} -> {names[other]} [dir=none, style=dashed, constraint=false, {label}];")
    return "\n".join([*lines, "}"]) + "\n"


def _names(tasks: TaskList) -> dict[str, str]:
    """A name for each task that both languages take: ids may hold anything, `end` is a keyword."""
    return {task.id: f"t{number}" for number, task in enumerate(tasks.tasks, 1)}


def _label(task: Task) -> str:
    return f"{task.id}: {task.subject}{' (done)' if task.done else ''}"


def _shared(graph: Graph) -> Iterator[tuple[str, str, str]]:
    """Pairs of tasks that are serialised because of their files, each once, with the path."""
    seen: set[tuple[str, str]] = set()
    for conflict in conflicts(graph):
        if conflict.resolution is Resolution.SERIALISED:
            for pair in pairwise(conflict.tasks):
                if pair not in seen:
                    seen.add(pair)
                    yield *pair, conflict.path


def _escape_mermaid(text: str) -> str:
    """Mermaid has no backslash escapes; `#123;` stands for the character of that number."""
    return _MERMAID_UNSAFE.sub(lambda match: f"#{ord(match.group())};", printable(text))


def _escape_dot(text: str) -> str:
    """In a quoted label Graphviz reads backslash escapes and HTML's character references."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
