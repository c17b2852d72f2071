"""Stops a run when its time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from swarmskill.core.events import Event, StopRequested
from swarmskill.core.state import State


class Deadline:
    """Counts from the run's first start. Whoever resumes a run after that wants it to go on: it gets as much again.

    Another deadline that somebody sets while the run goes on holds at once.
    """

    def __init__(
        self, receive: Callable[[Event], object], session: int, started_at: float, seconds: float | None
    ) -> None:
        self._receive = receive
        self._session = session
        now = time.time()
        over = seconds is not None and started_at and started_at + seconds <= now
        self._since = now if over or not started_at else started_at
        self._seconds: float | None = None
        self._timer: threading.Timer | None = None
        self._set(seconds)

    def heard(self, _event: Event, state: State) -> None:
        """An event led to `state`, whose deadline may be another one."""
        if state.config.deadline != self._seconds:
            self._set(state.config.deadline)

    def close(self) -> None:
        """Stop nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, seconds: float | None) -> None:
        self.close()
        self._seconds = seconds
        if seconds is not None:
            self._timer = threading.Timer(max(0.0, self._since + seconds - time.time()), self._over)
            self._timer.daemon = True
            self._timer.start()

    def _over(self) -> None:
        self._receive(StopRequested(at=time.time(), session=self._session, now=True, reason="deadline"))
