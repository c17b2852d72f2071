"""What a mayor that is gone left at work, and who we are towards the ledger."""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from contextlib import closing

from swarmskill.backends.process import ProcessBackend
from swarmskill.backends.processes import identity, is_alive
from swarmskill.backends.tmux import TmuxBackend
from swarmskill.core.events import RunKilled
from swarmskill.core.graph import bits
from swarmskill.core.state import Stage, State
from swarmskill.core.transitions import fold
from swarmskill.ledger import Holder, Ledger, this_host
from swarmskill.mayor.windows import tmux_of
from swarmskill.places import RunFolder

_KILL_MARGIN = 10.0
"""Seconds beyond the grace that left-over workers get to be gone."""


_DYING = 5.0
"""Seconds for workers whose whole family was killed by another one to be gone."""

_LOOK_AGAIN = 0.05


def this_process() -> Holder:
    """Us, as the holder of a run."""
    pid = os.getpid()
    return Holder(pid=pid, identity=identity(pid), host=this_host(), since=time.time())


def kill_left_over(folder: RunFolder, state: State, *, force: bool, reason: str = "") -> int:
    """End the workers of a run whose mayor is gone; returns how many there were. The next mayor hears of it.

    With `force` the run's ledger tells that it was killed, and for which `reason`, once nobody is left at work.
    Raises RunLocked if somebody holds the run, LedgerDamaged or Refused.
    """
    with Ledger(folder, this_process()) as ledger:
        backends: list[ProcessBackend | TmuxBackend] = [ProcessBackend(folder.keeper), *tmux_of(folder, state.config)]
        ended = [_end_all(backend, state.config.grace, force=force) for backend in backends]
        started = bool(state.run_id)  # else recovery would take the run's only, torn line away, and with it the run
        if force and started and all(gone for _, gone in ended):
            _note_kill(ledger, reason)
    return sum(count for count, _ in ended)


def _end_all(backend: ProcessBackend | TmuxBackend, grace: float, *, force: bool) -> tuple[int, bool]:
    """End what runs there: how many that was, and whether all of them are gone."""
    backend.open()
    with closing(backend):
        running = backend.running()
        ends = [backend.end(name, started) for name, started in running.items()]
        for name in running:
            backend.kill(name, force=force)
        left = wait(ends, timeout=grace + _KILL_MARGIN).not_done
    return len(running), not left


def _note_kill(ledger: Ledger, reason: str) -> None:
    state = fold(ledger.recover().events)
    if state.stage is not Stage.OVER and _are_gone(state):
        ledger.append([RunKilled(at=time.time(), session=state.session, reason=reason)])


def _are_gone(state: State) -> bool:
    """Whether no worker of the run lives: one whose holder is gone, too, is out of our reach, or about to die."""
    busy = [state.tasks[state.graph.tasks[rank].id].worker for rank in bits(state.busy)]
    deadline = time.monotonic() + _DYING
    while any(worker is not None and is_alive(worker.pid, worker.identity) for worker in busy):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_AGAIN)
    return True
