"""What the keeper does later. Imported by the keeper: standard library only."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable


class Timer:
    """One thing to do; `action` is None once it was done or called off."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Callable[[], object]) -> None:
        self.when = when
        self.action: Callable[[], object] | None = action

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Don't do it."""
        self.action = None


class Timers:
    """All that is due later, by the clock that no one can set."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Do it in so many seconds."""
        timer = Timer(time.monotonic() + seconds, action)
        heapq.heappush(self._heap, timer)
        return timer

    def wait(self) -> float | None:
        """Seconds until the next is due; None if nothing is."""
        self._drop_cancelled()
        return max(0.0, self._heap[0].when - time.monotonic()) if self._heap else None

    def run(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        self._drop_cancelled()
        while self._heap and self._heap[0].when <= now:
            timer = heapq.heappop(self._heap)
            action, timer.action = timer.action, None
            if action:
                action()
            self._drop_cancelled()

    def _drop_cancelled(self) -> None:
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
