"""Seeded task graphs as agents get them: layers, epics that are joined, forests of chains. Durations in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from swarmskill.core.graph import build_graph
from swarmskill.model import Task

_MEDIAN, _SIGMA = 240.0, 0.9
"""Of durations: log-normal, with a heavy tail."""


def layered(count: int, dice: random.Random) -> list[Task]:
    """Layers of 4 to 12 tasks, each after one to three of the layer before."""
    tasks: list[Task] = []
    before: list[str] = []
    while len(tasks) < count:
        layer = []
        for _ in range(min(dice.randint(4, 12), count - len(tasks))):
            blockers = dice.sample(before, min(len(before), dice.randint(1, 3)))
            layer.append(_task(len(tasks), blockers))
            tasks.append(layer[-1])
        before = [task.id for task in layer]
    return tasks


def epic_like(count: int, dice: random.Random) -> list[Task]:
    """A task that all epics wait for, epics of five to fifteen tasks in loose order, and one that waits for all."""
    tasks = [_task(0, [])]
    leaves: list[str] = []
    while len(tasks) < count - 1:
        epic: list[str] = []
        for _ in range(min(dice.randint(5, 15), count - 1 - len(tasks))):
            tasks.append(_task(len(tasks), [dice.choice(epic)] if epic and dice.random() < 0.75 else ["0"]))
            epic.append(tasks[-1].id)
        leaves.append(epic[-1])
    return [*tasks, _task(len(tasks), leaves)]


def forest(count: int, dice: random.Random) -> list[Task]:
    """Trees of very different size that have nothing to do with each other."""
    tasks: list[Task] = []
    while len(tasks) < count:
        tree: list[str] = []
        for _ in range(min(int(dice.lognormvariate(1.5, 1.0)) + 1, count - len(tasks))):
            tasks.append(_task(len(tasks), [dice.choice(tree[-3:])] if tree else []))
            tree.append(tasks[-1].id)
    return tasks


SHAPES: dict[str, Callable[[int, random.Random], list[Task]]] = {
    "layered": layered,
    "epic-like": epic_like,
    "forest": forest,
}


def durations(tasks: list[Task], dice: random.Random) -> dict[str, float]:
    """How long each task takes, by id."""
    return {task.id: dice.lognormvariate(0.0, _SIGMA) * _MEDIAN for task in tasks}


def estimated(tasks: list[Task], took: dict[str, float], dice: random.Random, sigma: float | None) -> list[Task]:
    """The tasks with estimates that are wrong by a log-normal factor; None for tasks without any."""
    if sigma is None:
        return tasks
    return [replace(task, estimate=took[task.id] * dice.lognormvariate(0.0, sigma)) for task in tasks]


def least(tasks: list[Task], took: dict[str, float], workers: int) -> float:
    """What no schedule beats: the critical path, or the work spread over all workers."""
    ends: dict[str, float] = {}
    for task in tasks:  # blockers come before what they block
        ends[task.id] = took[task.id] + max((ends[blocker] for blocker in task.blocked_by), default=0.0)
    return max(*ends.values(), sum(took.values()) / workers)


def waves_of(tasks: list[Task], took: dict[str, float], workers: int) -> float:
    """How long it takes to start as many as there are workers, the heaviest first, wait for all of them, and again."""
    graph, total, done = build_graph(tasks), 0.0, set[int]()
    while len(done) < len(tasks):
        ready = (n for n, blockers in enumerate(graph.blockers) if n not in done and done.issuperset(blockers))
        wave = list(islice(ready, workers))
        total += max(took[graph.tasks[n].id] for n in wave)
        done.update(wave)
    return total


def _task(number: int, blockers: list[str]) -> Task:
    return Task(id=str(number), subject=f"task {number}", blocked_by=tuple(blockers))
