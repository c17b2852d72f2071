"""Counting a run while it goes on, at the price of what changed and not of how many tasks there are."""

from __future__ import annotations

from collections import Counter, deque

from swarmskill.core.graph import Graph, bits
from swarmskill.core.state import EMPTY, State, TaskState
from swarmskill.model import Outcome

_RECENT, _FAILED = 8, 4


class Tally:
    """Follows a run from state to state.

    `ended` counts tasks by outcome, `recent` holds the last ranks that ended by an attempt of their
    own (not skipped or cancelled), oldest first, `failed` the last of them that did not complete.
    """

    def __init__(self) -> None:
        self.state = EMPTY
        self.ended: Counter[Outcome] = Counter()
        self.recent: deque[int] = deque(maxlen=_RECENT)
        self.failed: deque[int] = deque(maxlen=_FAILED)
        self._known: dict[int, Outcome] = {}
        self._own: list[float] = []
        self._by_weight: list[int] = []
        self._heaviest = 0
        self._work = 0.0
        self._done_estimated = 0.0
        self._done_seconds = 0.0
        self._timed: dict[int, float] = {}

    def follow(self, state: State) -> tuple[list[int], list[int]]:
        """Take the next state; ranks of the tasks that ended and of those that were opened again.

        A task that ended, was opened again and ended within one call is not seen to have moved.
        """
        before, self.state = self.state, state
        if before.graph is not state.graph:
            return self._begin(state.graph), []
        ended = list(bits(before.open & ~state.open))
        opened = list(bits(state.open & ~before.open))
        for rank in opened:
            self._open(rank)
        for rank in ended:
            self._end(rank)
        self._remember(ended)
        return ended, opened

    def seconds_left(self, now: float) -> float | None:
        """A guess of the time until all open tasks have ended, or None while there is nothing to go by.

        It is the longer of two: the critical path of what is open, and all open work shared among
        the workers. Estimates are scaled by what completed tasks took in truth.
        """
        state = self.state
        scale = self._scale()
        if scale is None or not state.open:
            return None
        path = self._longest() * scale
        spent = 0.0
        for rank in bits(state.active):
            task = state.tasks[state.graph.tasks[rank].id]
            spent += min(now - task.assigned_at, self._own[rank] * scale)
        shared = (self._work * scale - spent) / state.config.max_workers
        return max(0.0, path - self._path_spent(now, scale), shared)

    def _scale(self) -> float | None:
        if self._done_estimated > 0:
            return self._done_seconds / self._done_estimated
        return 1.0 if self.state.graph.timed else None

    def _begin(self, graph: Graph) -> list[int]:
        self._own = [
            weight - max((graph.weight[d] for d in graph.dependents[rank]), default=0.0)
            for rank, weight in enumerate(graph.weight)
        ]
        self._by_weight = sorted(range(len(graph.tasks)), key=lambda rank: -graph.weight[rank])
        self._work = sum(self._own)
        ended = list(bits(~self.state.open & ((1 << len(graph.tasks)) - 1)))
        for rank in ended:
            self._end(rank)
        self._remember(ended)
        return ended

    def _end(self, rank: int) -> None:
        task = self._task(rank)
        if task.outcome is None:
            return
        self._known[rank] = task.outcome
        self.ended[task.outcome] += 1
        self._work -= self._own[rank]
        if task.outcome is Outcome.COMPLETED and task.attempt:
            self._done_estimated += self._own[rank]
            self._done_seconds += task.ended_at - task.assigned_at

    def _open(self, rank: int) -> None:
        outcome = self._known.pop(rank, None)
        if outcome is None:
            return
        self.ended[outcome] -= 1
        self._work += self._own[rank]
        self._heaviest = 0
        for ranks in (self.recent, self.failed):
            if rank in ranks:
                ranks.remove(rank)

    def _remember(self, ended: list[int]) -> None:
        tried = [rank for rank in ended if self._tried(self._task(rank))]
        tried.sort(key=lambda rank: self._task(rank).ended_at)
        self.recent.extend(tried[-_RECENT:])
        self.failed.extend([rank for rank in tried if self._task(rank).outcome is not Outcome.COMPLETED][-_FAILED:])

    def _tried(self, task: TaskState) -> bool:
        return bool(task.attempt) and task.outcome not in (Outcome.SKIPPED, Outcome.CANCELLED)

    def _task(self, rank: int) -> TaskState:
        return self.state.tasks[self.state.graph.tasks[rank].id]

    def _longest(self) -> float:
        """The weight of the heaviest open task; tasks only end or, rarely, are opened again."""
        while self._heaviest < len(self._by_weight):
            rank = self._by_weight[self._heaviest]
            if self.state.open >> rank & 1:
                return self.state.graph.weight[rank]
            self._heaviest += 1
        return 0.0

    def _path_spent(self, now: float, scale: float) -> float:
        """How long the first task of the longest open chain has been under way."""
        rank = self._by_weight[self._heaviest] if self._heaviest < len(self._by_weight) else None
        if rank is None or not self.state.active >> rank & 1:
            return 0.0
        return min(now - self._task(rank).assigned_at, self._own[rank] * scale)
