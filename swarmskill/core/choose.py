"""Which ready tasks to start now."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.core.graph import bits
from swarmskill.core.state import Stage, State, Stop
from swarmskill.model import Schedule


def choose(state: State) -> Iterator[int]:
    """Ranks of the tasks to start, best first.

    Never more than the free slots, never two whose manifests overlap with each other or with a
    task that is active. A manifest is taken until its task is integrated, so that the next one
    starts from a tip that holds its work.
    """
    free = state.config.max_workers - state.busy.bit_count()
    eligible = eligible_tasks(state)
    if free <= 0 or not eligible:
        return
    overlaps = state.graph.overlaps
    taken = 0
    for rank in bits(state.active & state.graph.contended):  # thousands may be active while merges are slow
        taken |= overlaps[rank]
    for _ in range(free):
        candidates = eligible & ~taken
        if not candidates:
            return
        low = candidates & -candidates
        rank = low.bit_length() - 1
        yield rank
        eligible ^= low
        taken |= overlaps[rank]


def eligible_tasks(state: State) -> int:
    """Ready tasks that the run's stage and schedule allow to start, as a bit set."""
    if state.stage is not Stage.RUNNING or state.stop is not Stop.NONE or state.failing:
        return 0
    if state.config.schedule is Schedule.WAVE:
        return state.ready & state.wave
    return state.ready
