"""From the tasks' `blockedBy` and `blocks` to edges: all of them known, none twice, no cycle."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise

from swarmskill.core.graph import find_cycle
from swarmskill.model import Task
from swarmskill.records import dataclass
from swarmskill.sources.findings import Findings, printable, show

_MAX_CYCLES = 10
_MAX_CYCLE_SHOWN = 8


@dataclass(slots=True)
class Node:
    """A task's id, where it stands, and its edges: ids with the places that name them."""

    task_id: str
    place: str
    blocked_by: Sequence[tuple[str, str]] = ()
    blocks: Sequence[tuple[str, str]] = ()
    blockers: dict[str, str] = field(default_factory=dict)
    """Every blocker once, from both sides, with the first place that names it."""


def check_ids(nodes: Iterable[Node], findings: Findings) -> dict[str, Node]:
    """The nodes by id; ids that are used twice are noted."""
    by_id: dict[str, Node] = {}
    for node in nodes:
        first = by_id.setdefault(node.task_id, node)
        if first is not node:
            text = f"the id {show(node.task_id)} is used twice, first at {first.place}"
            findings.problem(node.place, text, "give one of the two tasks another id")
    return by_id


def link(nodes: Sequence[Node], by_id: Mapping[str, Node], findings: Findings) -> None:
    """Fill in each node's blockers; unknown ids and self-blocks are noted."""
    for node in nodes:
        for blocker, place in node.blocked_by:
            if _is_sound(node, blocker, place, by_id, findings):
                node.blockers.setdefault(blocker, place)
    for node in nodes:
        for dependent, place in node.blocks:
            if _is_sound(node, dependent, place, by_id, findings):
                by_id[dependent].blockers.setdefault(node.task_id, place)


def check_cycles(nodes: Mapping[str, Node], findings: Findings) -> None:
    """Note cycles, each task being blocked by the next; cycles that share an edge count once."""
    tasks = {
        node.task_id: Task(id=node.task_id, subject="", blocked_by=tuple(node.blockers)) for node in nodes.values()
    }
    positions = {task_id: position for position, task_id in enumerate(tasks)}
    for _ in range(_MAX_CYCLES):
        cycle = find_cycle(list(tasks.values()))
        if cycle is None:
            return
        cycle = _from_first(cycle, positions)
        place = nodes[cycle[0]].blockers[cycle[1]]
        findings.problem(place, f"these tasks wait for each other: {_path(cycle)}", "remove one of these blockers")
        for task_id, blocker in pairwise(cycle):
            rest = tuple(other for other in tasks[task_id].blocked_by if other != blocker)
            tasks[task_id] = replace(tasks[task_id], blocked_by=rest)


def _is_sound(node: Node, other: str, place: str, by_id: Mapping[str, Node], findings: Findings) -> bool:
    if other == node.task_id:
        findings.problem(place, f"task {show(other)} waits for itself", "remove this entry")
    elif other not in by_id:
        near = difflib.get_close_matches(other, by_id, n=3, cutoff=0.5) if not findings.full else []
        nearest = f"; the nearest are {', '.join(map(show, near))}" if near else ""
        fix = f"write {show(near[0])}, or add the task" if near else "add the task, or remove this entry"
        findings.problem(place, f"no task has the id {show(other)}{nearest}", fix)
    else:
        return True
    return False


def _from_first(cycle: list[str], positions: Mapping[str, int]) -> list[str]:
    """The same cycle, begun at the task that is first in the file."""
    members = cycle[:-1]
    start = members.index(min(members, key=positions.__getitem__))
    return [*members[start:], *members[:start], members[start]]


def _path(cycle: list[str]) -> str:
    names = [printable(task_id) for task_id in cycle]
    if len(names) > _MAX_CYCLE_SHOWN:
        shown = names[: _MAX_CYCLE_SHOWN - 2]
        names = [*shown, f"({len(names) - len(shown) - 1} more)", names[-1]]
    return " -> ".join(names)
