"""Tells a worker that lives from one that gets on: marks those that show no progress.

Progress is what a worker prints (each call of a tool is a line of an agent's output) and what it changes in its
worktree. Without any for `stall_timeout`, a worker is marked and, where it has a mailbox, asked how far it is. At
`idle_timeout` whoever holds its process ends it, with or without a mayor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from swarmskill.backends.progress import newest_change
from swarmskill.core import events as ev
from swarmskill.core.graph import bits
from swarmskill.core.state import EMPTY, State, Worker
from swarmskill.model import Phase
from swarmskill.places import RunFolder, attempt_key

_LOOK = 5.0
"""Seconds between two looks at most."""

_LOOKS = 10
"""Looks in the time after which a worker is marked, where that makes them more frequent."""


def cannot_nudge(_worker: str) -> bool:
    """For workers that cannot be asked."""
    return False


class Health:
    """Watches the workers of one run. `nudge` asks a worker how far it is, and tells whether it can be asked."""

    def __init__(self, folder: RunFolder, receive: Callable[[ev.Event], object], nudge: Callable[[str], bool]) -> None:
        self._folder = folder
        self._receive = receive
        self._nudge = nudge
        self._state = EMPTY
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="health", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def heard(self, _event: ev.Event, state: State) -> None:
        """What the run knows now."""
        self._state = state

    def _watch(self) -> None:
        wait = _LOOK / _LOOKS
        while not self._over.wait(wait):
            patience = self._state.config.patience
            wait = _LOOK if patience is None else min(_LOOK, patience / _LOOKS)
            if patience is not None:
                self._look(self._state, patience)

    def _look(self, state: State, patience: float) -> None:
        for event in signs(self._folder, state, patience, self._nudge):
            self._receive(event)


def signs(folder: RunFolder, state: State, patience: float, nudge: Callable[[str], bool]) -> Iterator[ev.AttemptEvent]:
    """What one look tells that `state` does not know: who has shown no progress for `patience` seconds, who gets on.

    A worker that has just been found without progress is asked by `nudge`.
    """
    for rank in bits(state.busy):
        task_id = state.graph.tasks[rank].id
        task = state.tasks[task_id]
        if task.phase is not Phase.RUNNING or task.worker is None:
            continue
        key, now = attempt_key(task_id, task.attempt), time.time()
        since = _last_sign(folder, key, task.worker, now - patience)
        if since > now - patience:
            if task.stalled_since:
                yield ev.WorkerStirred(at=now, task=task_id, attempt=task.attempt, since=task.stalled_since)
        elif not task.stalled_since:
            nudged = nudge(key)
            yield ev.WorkerStalled(at=now, task=task_id, attempt=task.attempt, since=since, nudged=nudged)


def _last_sign(folder: RunFolder, key: str, worker: Worker, enough: float) -> float:
    """When the worker last printed or changed something; any time after `enough` will do."""
    since = worker.started_at
    with suppress(OSError):  # it has printed nothing yet, or is an assistant's: then its worktree has to tell
        since = max(since, folder.log(key).stat().st_mtime)
    if since > enough:  # a walk through the worktree costs more than a look at the log
        return since
    return newest_change(worker.worktree, since)
