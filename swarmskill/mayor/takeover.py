"""Before a mayor acts: what an earlier one of the same run left at work is waited for, or ended.

Its workers are not meant: they are adopted. But a git that was killed half-way, or outlived its
mayor, and a check that ignores TERM would meet what the new mayor does in the same places.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress

from swarmskill.backends.process import ProcessBackend
from swarmskill.mayor.commands import is_command
from swarmskill.places import RunFolder
from swarmskill.repo.repository import Repository

_GIT_LIMIT = 20.0
"""Seconds. A daemon that some git started (a cache of credentials) may hold the leash for ever."""

_LOCK_LIMIT = 4.0
_COMMAND_LIMIT = 15.0
_LOOK_AGAIN = 0.02


@contextmanager
def leash(folder: RunFolder) -> Iterator[int]:
    """A locked file for all gits of this mayor to inherit; first the gits of an earlier one are waited for."""
    file = os.open(folder.leash, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _await(lambda: _lock(file), _GIT_LIMIT)
        yield file
    finally:
        os.close(file)


def clear_locks(repository: Repository, run_id: str) -> None:
    """Remove the locks on this run's refs that a killed git left; young ones may be in use and are waited for."""

    def free() -> bool:
        repository.clear_stale_locks(run_id)
        return not repository.ref_locks(run_id)

    _await(free, _LOCK_LIMIT)


def end_commands(backend: ProcessBackend) -> None:
    """End the checks of an earlier mayor; the keeper has only asked them to end, and gives them time."""
    left = {name: started for name, started in backend.running().items() if is_command(name)}
    ends = [backend.end(name, started) for name, started in left.items()]
    for name in left:
        backend.kill(name, force=True)
    wait(ends, timeout=_COMMAND_LIMIT)


def _lock(file: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _await(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(_LOOK_AGAIN)
