"""What a mayor that is gone left at work, and who we are towards the ledger."""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from contextlib import closing

from swarmskill.backends.process import ProcessBackend
from swarmskill.backends.processes import identity
from swarmskill.backends.tmux import TmuxBackend
from swarmskill.core.state import State
from swarmskill.ledger import Holder, Ledger, this_host
from swarmskill.mayor.windows import tmux_of
from swarmskill.places import RunFolder

_KILL_MARGIN = 10.0
"""Seconds beyond the grace that left-over workers get to be gone."""


def this_process() -> Holder:
    """Us, as the holder of a run."""
    pid = os.getpid()
    return Holder(pid=pid, identity=identity(pid), host=this_host(), since=time.time())


def kill_left_over(folder: RunFolder, state: State, *, force: bool) -> int:
    """End the workers of a run whose mayor is gone; returns how many there were. The next mayor hears of it."""
    with Ledger(folder, this_process()):
        backends: list[ProcessBackend | TmuxBackend] = [ProcessBackend(folder.keeper), *tmux_of(folder, state.config)]
        return sum(_end_all(backend, state.config.grace, force=force) for backend in backends)


def _end_all(backend: ProcessBackend | TmuxBackend, grace: float, *, force: bool) -> int:
    backend.open()
    with closing(backend):
        running = backend.running()
        ends = [backend.end(name, started) for name, started in running.items()]
        for name in running:
            backend.kill(name, force=force)
        wait(ends, timeout=grace + _KILL_MARGIN)
    return len(running)
