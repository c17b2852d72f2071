"""What a run would do if every task took its estimate: waves, order of starts, least duration."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from statistics import median

from swarmskill.core.graph import Graph, bits


@dataclass(frozen=True, slots=True)
class Forecast:
    """`waves` and `starts` hold ranks of open tasks.

    `waves`: the tasks by the longest chain of open blockers before them. `starts`: in the order in
    which they would start with a free slot for each. `seconds`: how long that would take; None when
    no task has an estimate. `most_at_once`: how many would run at the same time at most.
    """

    waves: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    seconds: float | None
    most_at_once: int


def forecast(graph: Graph) -> Forecast:
    """Foresee a run that never lacks a worker; only edges and manifests make tasks wait."""
    known = [task.estimate for task in graph.tasks if task.estimate is not None and not task.done]
    usual = median(known) if known else 1.0
    durations = [usual if task.estimate is None else task.estimate for task in graph.tasks]
    starts, seconds, most = _simulate(graph, durations)
    return Forecast(_waves(graph), starts, seconds if known else None, most)


def _waves(graph: Graph) -> tuple[tuple[int, ...], ...]:
    waves: dict[int, list[int]] = {}
    for rank, generation in enumerate(graph.generation):
        if not graph.tasks[rank].done:
            waves.setdefault(generation, []).append(rank)
    return tuple(tuple(waves[generation]) for generation in sorted(waves))


def _simulate(graph: Graph, durations: list[float]) -> tuple[tuple[int, ...], float, int]:
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
