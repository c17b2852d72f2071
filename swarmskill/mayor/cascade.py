"""A stop goes down the family: what is asked of a run is asked of every run that its workers started."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from swarmskill.backends.host import HOSTED
from swarmskill.backends.processes import is_alive
from swarmskill.core.events import Event, RunStarted, StopRequested
from swarmskill.core.state import Stage, State, Stop
from swarmskill.errors import SwarmError
from swarmskill.ledger import read_holder
from swarmskill.lineage import Kin, Origin, Relative, family, read_relative
from swarmskill.mayor.leftovers import kill_left_over
from swarmskill.model import Task
from swarmskill.places import RunFolder
from swarmskill.records import dataclass
from swarmskill.requests import submit_request

BY_COMMAND = "swarm stop"
"""Reason of a stop that a person asked for by a command."""

CTRL_C = "Ctrl-C"
"""Reason of a stop that a person asked for at the terminal."""

_WITH_PARENT = "with run "
_ORDER = tuple(Stop)

_RELEASE_LIMIT = 20.0
_HEARING_LIMIT = 5.0
_LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of a stop at one descendant: `said` is for a person."""

    run_id: str
    said: str


def ask(folder: RunFolder, request: Event) -> bool:
    """Leave a request and wake the mayor. False if there is no mayor to hear it: the next one will."""
    submit_request(folder, request)
    holder = read_holder(folder)
    if holder is None or not is_alive(holder.pid, holder.identity):
        return False
    os.kill(holder.pid, signal.SIGUSR1)
    return True


def stop_descendants(folder: RunFolder, *, now: bool, force: bool) -> list[Reached]:
    """Ask the same of every descendant of a run that is stopping already, a generation at a time.

    A run has heard it before its children do. Otherwise a worker that ends because its run was stopped would
    be given another try at once. Those whose mayor is gone have their left-over workers ended, unless they may
    finish. Runs that are over, or cannot be read, are passed by.
    """
    reached: list[Reached] = []
    kins = family(folder)[1:]
    for level in range(1, max((kin.level for kin in kins), default=0) + 1):
        generation = [kin for kin in kins if kin.level == level]
        found = [_stop(kin, folder.run_id, now=now, force=force) for kin in generation]
        reached += [one for one in found if one is not None]
        if any(kin.level > level for kin in kins):
            _await_heard(generation)
    return reached


def still_open(folder: RunFolder) -> list[str]:
    """Ids of the descendants that are not over."""
    relatives = [read_relative(kin) for kin in family(folder)[1:]]
    return [one.folder.run_id for one in relatives if not one.trouble and one.state.stage is not Stage.OVER]


def _await_heard(kins: list[Kin]) -> None:
    deadline = time.monotonic() + _HEARING_LIMIT
    for kin in kins:
        while time.monotonic() < deadline:
            relative = read_relative(kin)
            if not relative.held or relative.trouble or relative.state.stop is not Stop.NONE:
                break
            time.sleep(_LOOK_AGAIN)


def end_descendants(folder: RunFolder) -> int:
    """After a kill: wait until no descendant is held, and end what those left that could not do it themselves.

    Returns how many workers had to be ended.
    """
    count = 0
    deadline = time.monotonic() + _RELEASE_LIMIT
    for kin in reversed(family(folder)[1:]):
        while read_holder(kin.folder) is not None and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN)
        relative = read_relative(kin)
        if relative.trouble or relative.state.stage is Stage.OVER or relative.state.config.backend in HOSTED:
            continue
        with suppress(SwarmError):  # somebody holds it still
            count += kill_left_over(kin.folder, relative.state, force=True, reason=f"{_WITH_PARENT}{folder.run_id}")
    return count


def _stop(kin: Kin, top: str, *, now: bool, force: bool) -> Reached | None:
    relative = read_relative(kin)
    if relative.trouble or relative.state.stage is Stage.OVER:
        return None
    state, run_id = relative.state, kin.folder.run_id
    request = StopRequested(at=time.time(), session=state.session, now=now, force=force, reason=f"{_WITH_PARENT}{top}")
    if state.config.backend in HOSTED:
        submit_request(kin.folder, request)
        return Reached(run_id, "its assistant hears of it at its next step")
    if relative.held:
        ask(kin.folder, request)
        return Reached(run_id, "workers are being stopped" if now else "it stops when its workers have finished")
    if not now:
        return Reached(run_id, "nobody is at work on it")
    with suppress(SwarmError):
        ended = kill_left_over(kin.folder, state, force=force, reason=request.reason)
        return Reached(run_id, f"its mayor is gone; left-over workers ended: {ended}")
    return Reached(run_id, "it could not be stopped: somebody else is at it")


class Cascade:
    """The mayor's part: passes each stop of its own run on, whoever asked for it."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._passed = Stop.NONE
        self._threads: list[threading.Thread] = []

    def follow(self, state: State) -> None:
        """Called after each event; looking at the family takes time, so a thread does it."""
        if _ORDER.index(state.stop) <= _ORDER.index(self._passed):
            self._passed = state.stop  # a lifted stop may come again
            return
        self._passed = state.stop
        now, force = state.stop in (Stop.NOW, Stop.FORCE), state.stop is Stop.FORCE
        thread = threading.Thread(target=self._pass_on, args=(now, force), name="cascade", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Wait until all that was to be passed on is."""
        for thread in self._threads:
            thread.join(_RELEASE_LIMIT)

    def _pass_on(self, now: bool, force: bool) -> None:
        stop_descendants(self._folder, now=now, force=force)
        if force:
            end_descendants(self._folder)


def broken_off(folder: RunFolder, task: str, attempt: int) -> bool:
    """Whether an attempt ended because runs that its worker had started were stopped along with this one."""
    return any(_stopped_along(relative) for relative in _started_by(folder, task, attempt))


def find_unfinished(origin: Origin, tasks: tuple[Task, ...], runs: Path) -> Relative | None:
    """The run of the same tasks, in the folder `runs`, that an earlier attempt of the same task did not finish."""
    for relative in reversed(_started_by(origin.folder, origin.task)):
        first = relative.events[0] if relative.events else None
        same = isinstance(first, RunStarted) and first.tasks == tasks and relative.folder.path.parent == runs
        if same and not relative.held and (relative.state.stage is not Stage.OVER or relative.state.open):
            return relative
    return None


def stopped_by_hand(state: State) -> bool:
    """Whether a person asked for the very run to stop."""
    return state.stop is not Stop.NONE and state.stop_reason in (BY_COMMAND, CTRL_C)


def _started_by(folder: RunFolder, task: str, attempt: int = 0) -> list[Relative]:
    return [
        read_relative(kin)
        for kin in family(folder)
        if kin.level == 1 and kin.origin and kin.origin.task == task and attempt in (0, kin.origin.attempt)
    ]


def _stopped_along(relative: Relative) -> bool:
    state = relative.state
    return bool(state.open) and state.stop is not Stop.NONE and state.stop_reason.startswith(_WITH_PARENT)
