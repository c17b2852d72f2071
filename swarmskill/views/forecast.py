"""What a run would do if every task took as long as expected: waves, order of starts, duration by workers."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

from swarmskill.config import Land, RunConfig
from swarmskill.core.graph import Graph, bits
from swarmskill.core.simulation import simulate
from swarmskill.records import dataclass

WORKERS: Final = (1, 2, 5, 10, 20)
"""For so many workers the duration is foretold."""

_MOST_TASKS = 2000
"""Of longer lists the duration by workers is not foretold: it would take seconds."""

_NO_GAIN = 1.01
"""A run that takes at most this many times as long as another one takes as long."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`waves` and `starts` hold ranks of open tasks.

    `waves`: the tasks by the longest chain of open blockers before them. `starts`: in the order in
    which they would start with a free slot for each. `seconds`: how long that would take; None when
    nothing is known of any task. `most_at_once`: how many would run at the same time at most.
    `by_workers`: how long it would take with so many workers; in lengths of a task, all being taken for equally
    long, when `seconds` is None; empty for a list that is too long. `enough`: more workers gain nothing.
    """

    waves: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    seconds: float | None
    most_at_once: int
    by_workers: tuple[tuple[int, float], ...] = ()
    enough: int | None = None


def forecast(graph: Graph) -> Forecast:
    """Foresee a run that never lacks a worker; only edges and manifests make tasks wait."""
    starts, seconds, most = _simulate(graph, graph.seconds)
    waves, known = _waves(graph), seconds if graph.timed else None
    if not starts or len(starts) > _MOST_TASKS:
        return Forecast(waves, starts, known, most)
    by_workers = tuple((workers, _duration(graph, workers)) for workers in WORKERS)
    return Forecast(waves, starts, known, most, by_workers, _enough(graph, most, dict(by_workers)))


def _duration(graph: Graph, workers: int) -> float:
    """How long a run with so many workers would take, by the core that would decide in it."""
    config = RunConfig(max_workers=workers, land=Land.NEVER)
    expected = {task.id: seconds for task, seconds in zip(graph.tasks, graph.seconds, strict=True)}
    return simulate(graph.tasks, config, expected.__getitem__, expected=expected).seconds


def _enough(graph: Graph, most: int, known: dict[int, float]) -> int:
    """The least number of workers with which it takes no longer than with one for every task that can run."""
    goal = _duration(graph, most) * _NO_GAIN
    low, high = 0, most  # too few, enough
    while high - low > 1:
        middle = (low + high) // 2
        taken = known[middle] if middle in known else _duration(graph, middle)
        low, high = (low, middle) if taken <= goal else (middle, high)
    return high


def _waves(graph: Graph) -> tuple[tuple[int, ...], ...]:
    waves: dict[int, list[int]] = {}
    for rank, generation in enumerate(graph.generation):
        if not graph.tasks[rank].done:
            waves.setdefault(generation, []).append(rank)
    return tuple(tuple(waves[generation]) for generation in sorted(waves))


def _simulate(graph: Graph, durations: Sequence[float]) -> tuple[tuple[int, ...], float, int]:
    """The order of starts, the end of the last task and the most that ran at once."""
    missing = [sum(not graph.tasks[b].done for b in blockers) for blockers in graph.blockers]
    candidates = sum(1 << rank for rank, count in enumerate(missing) if not count and not graph.tasks[rank].done)
    ready = active = 0
    ends: list[tuple[float, int]] = []
    starts: list[int] = []
    now, most = 0.0, 0
    while candidates or ends:
        ready |= candidates
        started = _startable(graph, candidates, active)
        for rank in started:
            active |= 1 << rank
            ready ^= 1 << rank
            heapq.heappush(ends, (now + durations[rank], rank))
        starts += started
        most = max(most, len(ends))
        now, rank = heapq.heappop(ends)
        active ^= 1 << rank
        # Only what waited for this task, or for its files, can have become able to start.
        candidates = graph.overlaps[rank] & ready
        for dependent in graph.dependents[rank]:
            missing[dependent] -= 1
            if not missing[dependent] and not graph.tasks[dependent].done:
                candidates |= 1 << dependent
    return tuple(starts), now, most


def _startable(graph: Graph, candidates: int, active: int) -> list[int]:
    """Those of the candidates, best first, that overlap neither with what is active nor with each other."""
    started = []
    while candidates:
        rank = next(bits(candidates))
        candidates ^= 1 << rank
        if not graph.overlaps[rank] & active:
            started.append(rank)
            active |= 1 << rank
            candidates &= ~graph.overlaps[rank]
    return started
