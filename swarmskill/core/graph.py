"""The task graph: what never changes while a run goes on.

Tasks are numbered by *rank*, the order in which they are started when there is a choice: priority,
then the weight of what waits on them, then id. Sets of tasks are bit sets over ranks: plain integers
are immutable, and taking the first, uniting and subtracting cost well under a microsecond each at
10 000 tasks, so no event ever copies or searches a list of tasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from swarmskill.core.manifest import overlap_masks
from swarmskill.model import Task
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks by rank with what follows from their edges.

    `generation` is the length of the longest chain of blockers that are to be run, `weight` the
    critical path in seconds: the task's own estimate plus the longest chain of what waits on it.
    Tasks that are done already wait on nothing and hold nothing up: both are 0 for them. `seconds` is
    how long each task takes, as far as anybody knows: `timed` if anybody does, else all are 1, and the
    weight is the number of tasks in the longest chain.
    `order` has every rank once, after those of all its blockers, done or not. `overlaps`
    has a bit set for each task, `contended` is the set of those that overlap with any other.
    """

    tasks: tuple[Task, ...]
    rank: Mapping[str, int]
    order: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]
    blockers: tuple[tuple[int, ...], ...]
    generation: tuple[int, ...]
    weight: tuple[float, ...]
    overlaps: tuple[int, ...]
    contended: int = 0
    seconds: tuple[float, ...] = ()
    timed: bool = False

    def task(self, task_id: str) -> Task:
        """The task of that id. Raises KeyError."""
        return self.tasks[self.rank[task_id]]


_NOTHING: Mapping[str, float] = {}

EMPTY_GRAPH = Graph((), {}, (), (), (), (), (), ())


def build_graph(tasks: Sequence[Task], expected: Mapping[str, float] = _NOTHING) -> Graph:
    """Derive ranks, generations, weights and overlaps. Raises graphlib.CycleError on a cycle.

    `expected` has the seconds of tasks that name no estimate, by id.
    """
    by_id = {task.id: task for task in tasks}
    order = tuple(TopologicalSorter({task.id: task.blocked_by for task in tasks}).static_order())
    waiting: dict[str, list[str]] = {task.id: [] for task in tasks}
    for task in tasks:
        for blocker in set(task.blocked_by):
            waiting[blocker].append(task.id)
    generation: dict[str, int] = {}
    for task_id in order:
        if by_id[task_id].done:
            generation[task_id] = 0
            continue
        open_blockers = (blocker for blocker in by_id[task_id].blocked_by if not by_id[blocker].done)
        generation[task_id] = max((generation[blocker] + 1 for blocker in open_blockers), default=0)
    known = _known(tasks, expected)
    estimates = _estimates(tasks, known)
    weight: dict[str, float] = {}
    for task_id in reversed(order):
        behind = 0.0 if by_id[task_id].done else max((weight[d] for d in waiting[task_id]), default=0.0)
        weight[task_id] = estimates[task_id] + behind
    ranked = tuple(sorted(tasks, key=lambda t: (t.priority, -weight[t.id], natural(t.id))))
    rank = {task.id: index for index, task in enumerate(ranked)}
    overlaps = tuple(overlap_masks([task.files for task in ranked]))
    return Graph(
        tasks=ranked,
        rank=rank,
        order=tuple(rank[task_id] for task_id in order),
        dependents=tuple(tuple(sorted(rank[d] for d in waiting[task.id])) for task in ranked),
        blockers=tuple(tuple(sorted(rank[b] for b in set(task.blocked_by))) for task in ranked),
        generation=tuple(generation[task.id] for task in ranked),
        weight=tuple(weight[task.id] for task in ranked),
        overlaps=overlaps,
        contended=sum(1 << index for index, others in enumerate(overlaps) if others),
        seconds=tuple(estimates[task.id] for task in ranked),
        timed=any(task.id in known for task in tasks if not task.done),
    )


def find_cycle(tasks: Sequence[Task]) -> list[str] | None:
    """One cycle as a list of ids, each blocked by the next and the last equal to the first, or None."""
    sorter = TopologicalSorter({task.id: task.blocked_by for task in tasks})
    try:
        sorter.prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle[::-1]
    return None


def critical_path(graph: Graph) -> list[str]:
    """Ids of the heaviest chain, first to last; tasks that are done already are left out."""
    left = [rank for rank, task in enumerate(graph.tasks) if not task.done]
    path: list[str] = []
    while left:
        rank = max(left, key=lambda r: (graph.weight[r], -r))
        path.append(graph.tasks[rank].id)
        left = [dependent for dependent in graph.dependents[rank] if not graph.tasks[dependent].done]
    return path


def fixed_agent(spec: Task) -> str:
    """The agent that only can work on the task; "" if any of the pool may."""
    return spec.agent or ("command" if spec.run else "")


def bits(members: int) -> Iterator[int]:
    """The ranks in a bit set, lowest first."""
    while members:
        low = members & -members
        yield low.bit_length() - 1
        members ^= low


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which `task-10` comes after `task-2`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _known(tasks: Sequence[Task], expected: Mapping[str, float]) -> dict[str, float]:
    """What is known of how long tasks take: what they say themselves, else what is expected of them."""
    said = {task.id: task.estimate for task in tasks if task.estimate is not None}
    return {**{task.id: expected[task.id] for task in tasks if task.id in expected}, **said}


def _estimates(tasks: Sequence[Task], known: Mapping[str, float]) -> dict[str, float]:
    """Each task's duration; one of which nothing is known is taken for an average one of this list."""
    usual = 1.0
    if known:
        from statistics import median  # here, as it takes longer to import than all of the core

        usual = median(known.values())
    return {task.id: 0.0 if task.done else known.get(task.id, usual) for task in tasks}
